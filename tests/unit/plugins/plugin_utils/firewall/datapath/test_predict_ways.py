"""Ways that end between the hooks: devices, routes and checks of sources that stop a packet without any rule."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, PolicyRule, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath import branch
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost

ELSEWHERE = "203.0.113.9"


def host_with_web(**options: Any) -> DockerHost:
    host = DockerHost(**options)
    host.container("web", [host.network()], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    return host


def ask(snapshot: HostSnapshot, origin: Origin, destination: str, port: int = 443, source: str = "") -> Path:
    return predict(HostView.of(snapshot), Packet(origin, destination, "tcp", port, source))


def with_routes(snapshot: HostSnapshot, *routes: Route) -> HostSnapshot:
    return replace(snapshot, routes=[*snapshot.routes, *routes])


def test_what_is_sent_to_a_device_that_leads_nowhere_vanishes() -> None:
    host = host_with_web()
    host.links.append(Link(3, "dummy0", "dummy", up=True, addresses=["198.51.100.10/24"]))
    snapshot = with_routes(host.snapshot(), Route("198.51.100.0/24", 254, interfaces=[3], source="198.51.100.10"))
    path = ask(snapshot, Origin(HOST), "198.51.100.7")
    assert (path.verdict, path.observed) == ("dropped", "timed out")
    assert "dummy0 is a dummy device" in path.reason


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        (
            [Route("198.51.100.0/24", 254, "unreachable")],
            "after OUTPUT the route to 198.51.100.0/24 of the host (unreachable) refuses packets to 198.51.100.7",
        ),
        ([Route("198.51.100.0/24", 254, interfaces=[2, 10])], "the route to 198.51.100.0/24 has several ways"),
    ],
)
def test_what_output_translates_needs_a_way_to_where_it_goes_now(routes: list[Route], words: str) -> None:
    host = host_with_web()
    host.own_rules["nat", "OUTPUT"] = [f"-d {ELSEWHERE}/32 -p tcp -j DNAT --to-destination 198.51.100.7"]
    path = ask(with_routes(host.snapshot(), *routes), Origin(HOST), ELSEWHERE)
    assert path.verdict != "delivered"
    assert words in "; ".join([path.reason, *path.undetermined])


def test_what_is_routed_again_is_asked_for_with_its_new_ports() -> None:
    host = host_with_web()
    host.own_rules["nat", "OUTPUT"] = [f"-d {ELSEWHERE}/32 -p tcp -j DNAT --to-destination 198.51.100.7:8443"]
    snapshot = host.snapshot()
    by_port = PolicyRule(100, 4, "prohibit", protocol=6, destination_ports=[8443, 8443])
    rules = sorted([*snapshot.policy_rules, by_port], key=lambda item: item.priority)
    snapshot = replace(snapshot, policy_rules=rules)
    assert ask(snapshot, Origin(HOST), ELSEWHERE).observed == "timed out"
    assert ask(snapshot, Origin(HOST), "198.51.100.7", 8443).observed == "unreachable"
    host.own_rules["nat", "OUTPUT"] = ["-d 198.51.100.7/32 -p tcp -j DNAT --to-destination 198.51.100.7:8443"]
    assert ask(replace(host.snapshot(), policy_rules=rules), Origin(HOST), "198.51.100.7").observed == "answered"


def test_policy_rules_by_port_do_not_concern_icmp() -> None:
    snapshot = host_with_web().snapshot()
    by_port = PolicyRule(100, 4, "prohibit", destination_ports=[1, 700])
    rules = sorted([*snapshot.policy_rules, by_port], key=lambda item: item.priority)
    view = HostView.of(replace(snapshot, policy_rules=rules))
    assert predict(view, Packet(Origin(HOST), ELSEWHERE, "icmp")).observed == "answered"
    assert predict(view, Packet(Origin(HOST), ELSEWHERE, "tcp", 443)).observed == "unreachable"


@pytest.mark.parametrize("value", ["1", "2"])
def test_a_source_without_a_way_back_is_not_believed(value: str) -> None:
    host = host_with_web()
    host.sysctls["net.ipv4.conf.all.rp_filter"] = value
    snapshot = host.snapshot()
    snapshot = replace(snapshot, routes=[item for item in snapshot.routes if item.destination != "0.0.0.0/0"])
    path = ask(snapshot, Origin(OUTSIDE, "eth0"), ADDRESS, 8080, "198.51.100.7")
    assert path.observed == "timed out"
    assert f"rp_filter of eth0 is {value} " in path.reason
    assert "no route back to 198.51.100.7" in path.reason


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0", "the answer is lost: policy rule 100 of the host (prohibit) refuses packets to 198.51.100.7"),
        ("1", "rp_filter of eth0 is 1 and policy rule 100 of the host (prohibit) refuses packets back to 198.51.100.7"),
    ],
)
def test_a_source_that_a_policy_rule_forbids_is_believed_without_rp_filter(value: str, words: str) -> None:
    host = host_with_web()
    host.sysctls["net.ipv4.conf.all.rp_filter"] = value
    snapshot = host.snapshot()
    forbidden = PolicyRule(100, 4, "prohibit", destination="198.51.100.0/24")
    rules = sorted([*snapshot.policy_rules, forbidden], key=lambda item: item.priority)
    path = ask(replace(snapshot, policy_rules=rules), Origin(OUTSIDE, "eth0"), ADDRESS, 8080, "198.51.100.7")
    assert path.observed == "timed out"
    assert words in path.reason


def test_a_source_is_doubted_where_it_is_not_known_which_policy_rule_finds_its_way_back() -> None:
    host = host_with_web()
    host.sysctls["net.ipv4.conf.all.rp_filter"] = "1"
    snapshot = host.snapshot()
    odd = PolicyRule(100, 4, "prohibit", destination="198.51.100.0/24", other=["tun_id"])
    rules = sorted([*snapshot.policy_rules, odd], key=lambda item: item.priority)
    path = ask(replace(snapshot, policy_rules=rules), Origin(OUTSIDE, "eth0"), ADDRESS, 8080, "198.51.100.7")
    assert path.verdict == "unknown"
    assert "whether policy rule 100 applies" in path.reason


def test_an_answer_that_leaves_by_another_uplink_is_in_the_hands_of_whoever_is_there() -> None:
    host = host_with_web()
    host.links.append(Link(3, "eth1", up=True, addresses=["198.51.100.10/24"]))
    snapshot = host.snapshot()
    elsewhere = Route("192.0.2.64/26", 254, gateways=["198.51.100.1"], interfaces=[3])
    path = ask(
        replace(snapshot, routes=[*snapshot.routes, elsewhere]), Origin(OUTSIDE, "eth0"), ADDRESS, 8080, "192.0.2.77"
    )
    assert path.verdict == "unknown"
    (doubt,) = path.undetermined
    assert "machines behind eth1" in doubt
    assert doubt.endswith(" 192.0.2.77")


@pytest.mark.parametrize(
    ("hook", "kind"), [("ingress", ""), ("egress", ""), ("egress", "bridge"), ("ingress", None), ("egress", None)]
)
def test_rules_of_a_device_that_see_frames_are_not_evaluated_and_said_so(hook: str, kind: str | None) -> None:
    snapshot = host_with_web().snapshot()
    # nft 1.0.6 does not say which device it is.
    dev = (
        {}
        if kind is None
        else {"dev": next(link.name for link in snapshot.links if link.kind == kind and link.name != "lo")}
    )
    netdev = {"family": "netdev", "table": "guard"}
    entries = [
        {"table": {"family": "netdev", "name": "guard", "handle": 1}},
        {"chain": {**netdev, "name": "at", "type": "filter", "hook": hook, **dev, "prio": 0}},
        {"rule": {**netdev, "chain": "at", "expr": [{"drop": None}]}},
    ]
    assert snapshot.ruleset is not None
    ruleset = replace(snapshot.ruleset, save={}, nft_json=json.dumps({"nftables": entries}))
    path = ask(replace(snapshot, ruleset=ruleset), Origin(OUTSIDE), ADDRESS, 8080)
    assert path.verdict == "unknown"
    assert "chain at (netdev guard)" in path.undetermined[0]
    at_loopback = ask(replace(snapshot, ruleset=ruleset), Origin(HOST), "127.0.0.1", 22)
    assert at_loopback.verdict == ("unknown" if kind is None else "delivered")


def test_a_container_with_two_ways_out_is_not_guessed_about() -> None:
    host = host_with_web()
    space = host.container_namespaces[0]
    routes = [item for item in space.routes if item.destination != "0.0.0.0/0"]
    host.container_namespaces[0] = replace(space, routes=[*routes, Route("0.0.0.0/0", 254, interfaces=[1, 2])])
    path = ask(host.snapshot(), Origin(CONTAINER, "web"), ELSEWHERE)
    assert path.verdict == "unknown"
    assert "several ways" in path.undetermined[0]


def test_a_host_on_which_too_many_courses_are_open_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branch, "MOST_HOOKS", 3)
    path = ask(host_with_web().snapshot(), Origin(OUTSIDE), ADDRESS, 8080)
    (doubt,) = path.undetermined
    assert path.verdict == "unknown"
    assert doubt.startswith("too many conditions")


def test_masquerading_takes_the_address_that_is_nearest_to_the_next_hop_of_the_route_that_was_chosen() -> None:
    host = host_with_web()
    host.own_rules["mangle", "PREROUTING"] = ["! -i eth1 -j MARK --set-xmark 0x7/0xffffffff"]
    host.links.append(Link(3, "eth1", up=True, addresses=["198.51.100.10/24", "198.51.101.10/24"]))
    snapshot = with_routes(host.snapshot(), Route("0.0.0.0/0", 100, interfaces=[3], gateways=["198.51.101.1"]))
    rules = sorted(
        [*snapshot.policy_rules, PolicyRule(100, 4, table=100, mark=7, mask=7)], key=lambda item: item.priority
    )
    path = ask(replace(snapshot, policy_rules=rules), Origin(CONTAINER, "web"), ELSEWHERE)
    assert path.translated_source == "198.51.101.10"


def asked_with_marks(settings: dict[str, str], protocol: str, port: int) -> str:
    """What a machine outside sees that asks the host itself, whose marked packets find no way."""
    host = host_with_web()
    host.sysctls.update(settings)
    host.own_rules["mangle", "PREROUTING"] = ["-i eth0 -j MARK --set-xmark 0x7/0xffffffff"]
    snapshot = host.snapshot()
    rules = [*snapshot.policy_rules, PolicyRule(100, 4, "blackhole", mark=7, mask=7)]
    snapshot = replace(snapshot, policy_rules=sorted(rules, key=lambda item: item.priority))
    return predict(HostView.of(snapshot), Packet(Origin(OUTSIDE), ADDRESS, protocol, port)).observed


@pytest.mark.parametrize(("protocol", "port", "unmarked"), [("icmp", 0, "answered"), ("tcp", 9, "refused")])
@pytest.mark.parametrize("key", ["net.ipv4.fwmark_reflect", "net.ipv6.fwmark_reflect", "net.ipv4.tcp_fwmark_accept"])
def test_replies_that_may_have_the_mark_of_what_they_reply_to_are_open(
    protocol: str, port: int, unmarked: str, key: str
) -> None:
    assert asked_with_marks({}, protocol, port) == unmarked
    assert asked_with_marks({key: "1"}, protocol, port) == "unknown"


@pytest.mark.parametrize("kind", ["tcp-reset", "icmp-port-unreachable"])
def test_what_a_rule_says_to_the_sender_may_have_the_mark_of_what_it_rejects(kind: str) -> None:
    host = host_with_web()
    host.own_rules["filter", "INPUT"] = [f"-p tcp -j REJECT --reject-with {kind}"]
    host.own_rules["mangle", "INPUT"] = ["-j MARK --set-xmark 0x7/0xffffffff"]
    for value, seen in (("0", "refused"), ("1", "unknown")):
        host.sysctls["net.ipv4.fwmark_reflect"] = value
        snapshot = host.snapshot()
        rules = [*snapshot.policy_rules, PolicyRule(100, 4, "blackhole", mark=7, mask=7)]
        snapshot = replace(snapshot, policy_rules=sorted(rules, key=lambda item: item.priority))
        assert ask(snapshot, Origin(OUTSIDE), ADDRESS, 22).observed == seen


def test_a_mark_that_is_not_known_counts_where_a_reply_goes_by_it() -> None:
    host = host_with_web()
    maybe = "-m recent --rcheck --name bad --mask 255.255.255.255 --rsource"
    host.own_rules["mangle", "PREROUTING"] = [f"-i eth0 {maybe} -j MARK --set-xmark 0x7/0xffffffff"]
    for value, verdict in (("0", "delivered"), ("1", "unknown")):
        host.sysctls["net.ipv4.tcp_fwmark_accept"] = value
        snapshot = host.snapshot()
        rules = [*snapshot.policy_rules, PolicyRule(100, 4, "blackhole", incoming="lo", mark=7, mask=7)]
        snapshot = replace(snapshot, policy_rules=sorted(rules, key=lambda item: item.priority))
        assert ask(snapshot, Origin(OUTSIDE), ADDRESS, 22).verdict == verdict


def by_header(**selectors: Any) -> PolicyRule:
    return PolicyRule(100, 4, "blackhole", incoming="lo", **selectors)


# One that is not for the host's own packets makes the kernel look into packets for their protocol.
READING = PolicyRule(101, 4, table=254, destination="198.18.0.0/15", protocol=17)


@pytest.mark.parametrize(
    ("kind", "added", "seen"),
    [
        # A reset is routed as what it answers was addressed; an error before its source is chosen.
        ("tcp-reset", [by_header(protocol=6)], "refused"),
        ("tcp-reset", [by_header(protocol=6), READING], "timed out"),
        ("tcp-reset", [by_header(protocol=17), READING], "refused"),
        ("tcp-reset", [by_header(source_ports=[80, 80])], "refused"),
        ("tcp-reset", [by_header(source_ports=[80, 80]), READING], "timed out"),
        ("tcp-reset", [by_header(source="172.18.0.2")], "timed out"),
        ("icmp-port-unreachable", [by_header(source=ADDRESS)], "refused"),
        ("icmp-port-unreachable", [by_header(protocol=1)], "timed out"),
    ],
)
def test_what_the_route_of_an_error_is_asked_with(kind: str, added: list[PolicyRule], seen: str) -> None:
    host = host_with_web()
    host.own_rules["filter", "FORWARD"] = [f"-p tcp -i eth0 -j REJECT --reject-with {kind}"]
    snapshot = host.snapshot()
    rules = sorted([*snapshot.policy_rules, *added], key=lambda item: item.priority)
    assert ask(replace(snapshot, policy_rules=rules), Origin(OUTSIDE), ADDRESS, 8080).observed == seen
