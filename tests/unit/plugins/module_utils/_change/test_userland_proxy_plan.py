"""What userland_proxy would do, on synthetic hosts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import FileState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.restart_impact import ServiceTraits
from ansible_collections.dockernet.baseline.plugins.module_utils._change.userland_proxy_plan import (
    ProxyFacts,
    ProxyPlan,
    ProxyWish,
    plan_proxy,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.config import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ServiceUnit
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Endpoint, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.plugins.module_utils._change.hosts import (
    BRIDGE,
    CONFIG_PATH,
    HOST,
    SHOP,
    WEB,
    unread,
    with_engine,
    with_proxy_off,
    with_sysctls,
)

OFF = ProxyWish(enabled=False)
ON = ProxyWish(enabled=True)
LIVE = '{"live-restore": true}\n'
SAFE = with_engine(live_restore=True)
EMPTY = replace(HOST, containers=[])


def plan(host: HostSnapshot, wish: ProxyWish, text: str | None = None, **facts: Any) -> ProxyPlan:
    config = FileState(CONFIG_PATH, CONFIG_PATH, None if text is None else text.encode())
    return plan_proxy(host, wish, ProxyFacts(config, **facts))


def refusal(host: HostSnapshot, wish: ProxyWish, text: str | None = None, **facts: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        plan(host, wish, text, **facts)
    return caught.value


# ---- nothing to do, or the file alone --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "", "{}\n", '{"mtu": 1450}'])
def test_on_and_wanted_on(text: str | None) -> None:
    assert plan(HOST, ON, text).outline.actions == []


def test_off_and_wanted_off() -> None:
    assert plan(with_proxy_off(), OFF, '{"userland-proxy": false}').outline.actions == []


def test_what_a_killed_run_left_of_off_is_cleared() -> None:
    key = f"net.ipv4.conf.{BRIDGE}.route_localnet"
    found = plan(with_sysctls({key: "1"}), ON)
    assert (found.restart, [change.key for change in found.sysctls]) == (False, [key])
    assert plan(with_sysctls({key: "1"}, with_proxy_off()), OFF, '{"userland-proxy": false}').outline.actions == []


def test_a_pending_key_is_taken_back_without_a_restart() -> None:
    found = plan(HOST, ON, '{"userland-proxy": false}\n')
    assert (found.text, found.restart) == ("{}\n", False)


def test_an_explicit_true_goes_where_it_blocks_reloads() -> None:
    text = '{"userland-proxy": true, "mtu": 1450}\n'
    assert plan(HOST, ON, text).text == '{"mtu": 1450}\n'
    assert plan(with_engine(version="20.10.24"), ON, text).outline.actions == []
    path = '{"userland-proxy": true, "userland-proxy-path": "/usr/bin/docker-proxy"}'
    assert plan(HOST, ON, path).outline.actions == []


# ---- the restart -----------------------------------------------------------------------------------------------------


def test_without_live_restore_it_names_who_would_stop() -> None:
    containers = [
        WEB,
        replace(WEB, id="2" * 64, name="job", auto_remove=True),
        replace(WEB, id="3" * 64, name="db", restart_policy="unless-stopped"),
        replace(WEB, id="4" * 64, name="cron", restart_policy="on-failure"),
        replace(WEB, id="5" * 64, name="stopped", pid=None),
    ]
    refused = refusal(replace(HOST, containers=containers), OFF)
    how = {item.container: item.how for item in refused.disruptions}
    assert set(how) == {"web", "job", "db", "cron"}
    assert "stays stopped" in how["web"]
    assert "removed" in how["job"]
    assert "started again" in how["db"]
    assert "only if it ends with an error" in how["cron"]
    assert "on_disruption: allow" in str(refused)
    assert "live_restore: enable" in str(refused)


def test_with_consent_they_are_listed() -> None:
    found = plan(HOST, ProxyWish(enabled=False, disruption_allowed=True))
    assert [item.container for item in found.outline.disruptions] == ["web"]
    assert (found.restart, found.reload, found.kept, found.ports) == (True, False, [], [])


def test_no_container_runs() -> None:
    found = plan(EMPTY, OFF)
    assert (found.restart, found.reload) == (True, False)
    assert found.text == '{\n  "userland-proxy": false\n}\n'


def test_live_restore_in_force_and_in_the_file() -> None:
    found = plan(SAFE, OFF, LIVE)
    assert (found.reload, found.restart, found.fallback) == (False, True, None)
    assert found.kept == [WEB]
    assert [(port.port, port.after) for port in found.ports] == [("veth1", True)]
    assert found.text == '{"live-restore": true, "userland-proxy": false}\n'


def test_live_restore_is_brought_in_first() -> None:
    found = plan(HOST, ProxyWish(enabled=False, live_restore_allowed=True), '{"userland-proxy": true}\n')
    assert (found.reload, found.restart, found.kept) == (True, True, [WEB])
    # An explicit true would make the reload fail.
    assert found.text == '{"userland-proxy": false, "live-restore": true}\n'
    # Going back must not stop the containers either.
    assert found.fallback == '{"userland-proxy": true, "live-restore": true}\n'


def test_a_file_that_asks_for_live_restore_already_is_consent_to_the_reload() -> None:
    found = plan(HOST, OFF, LIVE)
    assert (found.reload, found.kept, found.fallback) == (True, [WEB], None)


def test_live_restore_in_force_but_not_at_the_next_start_is_no_proof() -> None:
    assert "web" in str(refusal(SAFE, OFF, "{}"))
    found = plan(SAFE, ProxyWish(enabled=False, live_restore_allowed=True), "{}")
    assert (found.reload, found.kept) == (False, [WEB])


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        (with_engine(swarm=True), "swarm"),
        (
            replace(HOST, service=ServiceUnit("systemd", "docker.service", "active", ["dockerd", "--live-restore"])),
            "command line of docker.service",
        ),
    ],
)
def test_where_live_restore_cannot_be_brought_in(host: HostSnapshot, reason: str) -> None:
    assert reason in str(refusal(host, ProxyWish(enabled=False, live_restore_allowed=True)))


def test_before_25_live_restore_does_not_save_auto_remove() -> None:
    job = replace(WEB, id="2" * 64, name="job", auto_remove=True)
    host = replace(SAFE, containers=[WEB, job])
    assert plan(host, OFF, LIVE).kept == [WEB, job]
    older = with_engine(host, version="24.0.7")
    assert [item.container for item in refusal(older, OFF, LIVE).disruptions] == ["job"]
    found = plan(older, replace(OFF, disruption_allowed=True), LIVE)
    assert found.kept == [WEB]
    assert len(found.outline.disruptions) == 1


def test_a_file_ahead_of_the_daemon() -> None:
    text = '{"live-restore": true, "userland-proxy": false}'
    found = plan(SAFE, OFF, text)
    assert (found.text, found.restart) == (None, True)
    # What was in force until now is known to start.
    assert found.fallback == LIVE.strip()


def test_bound_services_are_disrupted() -> None:
    traits = ServiceTraits("process", ["shop.service"])
    assert "service shop.service" in str(refusal(SAFE, OFF, LIVE, traits=traits))


def test_a_unit_that_kills_the_shims_of_its_own_containerd() -> None:
    traits = ServiceTraits("control-group")
    assert "web" in str(refusal(SAFE, OFF, LIVE, traits=traits))
    assert SAFE.daemon is not None
    separate = replace(SAFE, daemon=replace(SAFE.daemon, argv=["dockerd", "--containerd=/run/containerd.sock"]))
    assert plan(separate, OFF, LIVE, traits=traits).kept == [WEB]


@pytest.mark.parametrize("manager", ["none", "sysvinit"])
def test_only_systemd_restarts(manager: str) -> None:
    assert "systemd" in str(refusal(replace(EMPTY, service=ServiceUnit(manager)), OFF))


def test_on_again_clears_ports_and_loopback_routing() -> None:
    links = [HOST.links[0], replace(HOST.links[1], hairpin=True)]
    host = with_sysctls({f"net.ipv4.conf.{BRIDGE}.route_localnet": "1"}, replace(with_proxy_off(SAFE), links=links))
    found = plan(host, ON, '{"live-restore": true, "userland-proxy": false}')
    assert [(port.port, port.after) for port in found.ports] == [("veth1", False)]
    assert [(change.key, change.after) for change in found.sysctls] == [(f"net.ipv4.conf.{BRIDGE}.route_localnet", "0")]


# ---- what cannot be --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{\n  "mtu": 1,\n}', f"{CONFIG_PATH}:2:11:"),
        ('{"mtu": 1, "mtu": 2}', f"{CONFIG_PATH}:1:12:"),
        ('\ufeff{"mtu": 1}', f"{CONFIG_PATH}:1:1:"),
        ('{"mtu": "1"}', f"{CONFIG_PATH}:1:2:"),
        ('{"userland_proxy": false}', f"{CONFIG_PATH}:1:2:"),
        ('{"bip": "banana"}', f"{CONFIG_PATH}:1:2:"),
        ('{"x": {"userland-proxy": false}}', "inside of another object"),
    ],
)
@pytest.mark.parametrize("wish", [ON, OFF])
def test_a_broken_file_is_left_alone(text: str, place: str, wish: ProxyWish) -> None:
    assert place in str(refusal(HOST, replace(wish, disruption_allowed=True), text))


def test_a_flag_of_the_unit() -> None:
    argv = ["/usr/sbin/dockerd", "--userland-proxy=false"]
    host = replace(EMPTY, service=ServiceUnit("systemd", "docker.service", "active", argv))
    found = plan(host, OFF)
    assert (found.text, found.restart) == (None, True)
    assert "--userland-proxy=false" in str(refusal(host, ON))
    # A key beside it keeps dockerd from starting, even where both say the same.
    assert f"{CONFIG_PATH}:1:2:" in str(refusal(host, OFF, '{"userland-proxy": false}'))


def test_an_unknown_mode() -> None:
    assert "nothing shows" in str(refusal(replace(HOST, proxies=[], ruleset=None), OFF))


def test_br_netfilter_is_needed_from_27_4_on() -> None:
    assert plan(EMPTY, OFF, bridge_netfilter=False).restart
    newer = with_engine(EMPTY, version="28.5.2")
    assert "br_netfilter" in str(refusal(newer, OFF, bridge_netfilter=False))
    assert plan(with_proxy_off(newer), ON, '{"userland-proxy": false}', bridge_netfilter=False).restart


def test_without_iptables_the_proxy_is_all_there_is() -> None:
    assert "iptables" in str(refusal(EMPTY, OFF, '{"iptables": false}'))
    assert plan(EMPTY, replace(OFF, disruption_allowed=True), '{"iptables": false}').restart


def test_rootless() -> None:
    assert "rootless" in str(refusal(with_engine(EMPTY, rootless=True), OFF))


def test_unread_sources() -> None:
    for source in ("engine", "service", "daemon_config", "links"):
        assert "no permission" in str(refusal(unread(source), OFF))


# ---- warnings --------------------------------------------------------------------------------------------------------


def test_other_networks_lose_published_ports_before_29() -> None:
    office = Network(id="b" * 64, name="office", driver="bridge")
    other = replace(WEB, id="2" * 64, name="pc", published=[], endpoints=[Endpoint("office", office.id)])
    host = replace(SAFE, networks=[SHOP, office], containers=[WEB, other])
    assert any("networks that publish: shop" in text for text in plan(host, OFF, LIVE).outline.warnings)
    assert not any("networks that publish" in text for text in plan(SAFE, OFF, LIVE).outline.warnings)
    newer = with_engine(host, version="29.1.0")
    assert not any("networks that publish" in text for text in plan(newer, OFF, LIVE).outline.warnings)


def test_ipv6_clients_of_ipv4_containers() -> None:
    assert any("[::1]" in text and "web" in text for text in plan(SAFE, OFF, LIVE).outline.warnings)


def test_what_else_comes_into_force() -> None:
    changed = DaemonConfig(CONFIG_PATH, exists=True, values={"live-restore": True, "mtu": 9000}, mtime=5000.0)
    warnings = plan(replace(SAFE, daemon_config=changed), OFF, LIVE).outline.warnings
    assert any("(keys in it: mtu)" in text for text in warnings)


def test_the_ipv6_listener_that_stays_away() -> None:
    bound = replace(WEB, published=WEB.published[:1])
    host = with_proxy_off(replace(SAFE, containers=[bound]))
    found = plan(host, ON, '{"live-restore": true, "userland-proxy": false}')
    assert any("restarted once" in text and "web" in text for text in found.outline.warnings)
