"""The answers to what operators ask."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import encodable
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.facts import engine_of, facts_of, in_detail
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.unit.synthetic_host import CONFIG_PATH, DOCKERD, HOST_NETNS, SOURCES, SyntheticHost, identity


def told(snapshot: HostSnapshot) -> dict[str, Any]:
    return facts_of(AuditContext(snapshot, Settings()))


def busy() -> SyntheticHost:
    host = SyntheticHost().network("vault", "10.88.3.0/24", internal=True)
    host.container("web", publish=("0.0.0.0|8080|80/tcp", "::|8080|80/tcp"))
    host.container("side", networks=(), mode="container:web", netns=4026540000, nsid=0)
    host.container("agent", networks=(), mode="host", netns=HOST_NETNS, nsid=None)
    return host.container("gone", pid=None, netns=None, nsid=None)


def test_the_default_network_and_all_networks() -> None:
    facts = told(busy().snapshot())
    assert facts["default_network"]["name"] == "bridge"
    assert facts["default_network"]["bridge"] == "docker0"
    assert facts["default_network"]["subnets"] == ["172.18.0.0/16"]
    vault = next(network for network in facts["networks"] if network["name"] == "vault")
    assert (vault["internal"], vault["gateways"]) == (True, ["10.88.3.1"])


def test_modes_declared_and_proved_and_who_shares() -> None:
    facts = told(busy().snapshot())
    modes = {item["name"]: (item["declared_mode"], item["mode"], item["running"]) for item in facts["containers"]}
    assert modes == {
        "web": ("bridge", "bridge", True),
        "side": ("container:web", "container:web", True),
        "agent": ("host", "host", True),
        "gone": ("bridge", None, False),
    }
    assert facts["shared_namespaces"] == [["web", "side"]]
    assert {item["name"]: item["shares_with"] for item in facts["containers"]}["side"] == ["web"]


def test_container_to_port_to_bridge_in_one_table() -> None:
    (row,) = told(busy().snapshot())["attachments"]
    assert row["bridge"] == f"br-{identity('front')[:12]}"
    assert (row["port"], row["container"], row["network"], row["address"]) == ("veth6", "web", "front", "10.88.1.2")
    assert row["hairpin"] is False


def test_the_proxy_by_default_configured_and_in_force() -> None:
    proxy = told(busy().daemon_json(b'{"userland-proxy": false}').snapshot())["proxy"]
    assert (proxy["default"], proxy["configured"], proxy["in_force"]) == (True, False, True)
    assert (proxy["processes"], proxy["pss"]) == (2, 2097152)
    assert proxy["bindings"][1]["host"] == "[::]:8080"
    assert proxy["evidence"]


def test_forwarding_now_and_at_boot() -> None:
    host = SyntheticHost()
    host.sysctls["net.ipv6.conf.all.forwarding"] = "0"
    host.sysctls["net.ipv4.conf.all.forwarding"] = "1"
    host.sysctls["net.ipv4.conf.eth0/100.forwarding"] = "0"
    forwarding = told(host.snapshot())["forwarding"]
    assert forwarding["ipv4"]["running"] is True
    assert {"name": "eth0.100", "value": False} in forwarding["ipv4"]["interfaces"]
    assert "all" not in {item["name"] for item in forwarding["ipv4"]["interfaces"]}
    assert (forwarding["ipv4"]["at_boot"], forwarding["ipv4"]["at_boot_by"]) == (
        True,
        "/etc/sysctl.d/50-forward.conf:2",
    )
    assert (forwarding["ipv6"]["running"], forwarding["ipv6"]["at_boot"]) == (False, None)


def test_what_was_not_read_is_null_and_nothing_breaks() -> None:
    facts = told(busy().unread(*SOURCES).snapshot())
    assert facts["default_network"] is facts["networks"] is facts["containers"] is None
    assert facts["proxy"]["in_force"] is None
    assert facts["proxy"]["processes"] is None
    assert facts["forwarding"]["ipv4"]["running"] is None


TOPICS = {
    "default_network",
    "networks",
    "containers",
    "shared_namespaces",
    "attachments",
    "proxy",
    "forwarding",
}


def test_a_summary_has_all_topics_but_one_and_less_of_each() -> None:
    facts = told(busy().snapshot())
    assert in_detail(facts, "none") is None
    assert in_detail(facts, "full") == facts
    assert set(facts) == TOPICS
    brief = in_detail(facts, "summary")
    assert brief is not None
    assert set(brief) == TOPICS - {"attachments"}
    assert brief["containers"][0] == {"name": "web", "running": True, "mode": "bridge"}
    assert set(facts["proxy"]) - set(brief["proxy"]) == {"bindings"}
    for family in ("ipv4", "ipv6"):
        assert set(facts["forwarding"][family]) - set(brief["forwarding"][family]) == {"interfaces"}
    unknown = dict.fromkeys(facts)
    assert in_detail(unknown, "summary") == {topic: None for topic in unknown if topic != "attachments"}


def test_what_the_engine_says_of_itself() -> None:
    snapshot = busy().snapshot()
    found = engine_of(snapshot)
    assert found is not None
    assert (found["version"], found["live_restore"], found["swarm"]) == ("26.1.5", True, False)
    assert (found["pid"], found["config_path"]) == (DOCKERD, CONFIG_PATH)
    found = engine_of(replace(snapshot, daemon=None, daemon_config=None))
    assert found is not None
    assert (found["pid"], found["config_path"]) == (None, None)
    assert engine_of(replace(snapshot, engine=None)) is None


def test_memory_that_was_not_read_of_all_is_no_sum() -> None:
    host = busy()
    host.proxies[1] = replace(host.proxies[1], pss=None)
    proxy = told(host.snapshot())["proxy"]
    assert (proxy["processes"], proxy["pss"]) == (2, None)
    assert [item["pss"] for item in proxy["bindings"]] == [1048576, None]


def test_an_attachment_whose_port_was_not_found_and_a_bridge_without_an_address() -> None:
    snapshot = busy().snapshot()
    (row,) = told(replace(snapshot, links=[]))["attachments"]
    assert (row["port"], row["hairpin"], row["container"]) == (None, None, "web")
    bare = [replace(link, addresses=[]) for link in snapshot.links]
    networks = [
        replace(item, subnets=[replace(subnet, gateway=None) for subnet in item.subnets]) for item in snapshot.networks
    ]
    found = told(replace(snapshot, links=bare, networks=networks))["networks"]
    assert [item["gateways"] for item in found] == [[]] * len(found)


def test_who_shares_a_namespace_is_unknown_where_one_of_two_sources_is() -> None:
    assert told(busy().unread("namespaces").snapshot())["shared_namespaces"] is None
    assert told(busy().snapshot())["shared_namespaces"] == [["web", "side"]]


def test_bytes_that_are_no_text_leave_the_host_written_out() -> None:
    data = encodable({"name\udcff": ["a\udc80", 1, None, {"b": "é"}]})
    assert data == {"name\\udcff": ["a\\udc80", 1, None, {"b": "é"}]}
    json.dumps(data, ensure_ascii=False).encode()


def test_ten_times_the_containers_are_ten_times_the_work() -> None:
    def calls(containers: int) -> int:
        host = SyntheticHost()
        for number in range(containers):
            host.container(f"c{number}", publish=(f"0.0.0.0|{number}|80/tcp",))
        context = AuditContext(host.snapshot(), Settings())
        events = 0

        def count(*dummy: Any) -> None:
            nonlocal events
            events += 1

        sys.setprofile(count)
        try:
            run_checks(context)
            facts_of(context)
        finally:
            sys.setprofile(None)
        return events

    assert calls(400) < 12 * calls(40)


def test_a_subnet_that_was_given_without_a_gateway_has_that_of_its_bridge() -> None:
    host = SyntheticHost()
    host.networks = [
        replace(item, subnets=[replace(subnet, gateway=None) for subnet in item.subnets]) for item in host.networks
    ]
    found = {item["name"]: item["gateways"] for item in told(host.snapshot())["networks"]}
    assert found == {"bridge": ["172.18.0.1"], "front": ["10.88.1.1"], "host": [], "none": []}
