# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a neighbour's hardware address is learnt, and whether sources are believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Ipsec,
    IpsecPolicy,
    Link,
    Neighbour,
    PolicyRule,
    Route,
    Ruleset,
    TrafficControl,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import (
    NamespaceSettings,
    Stack,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.neighbour_resolution import (
    arp_problem,
    source_doubt,
    source_problem,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import RouteQuery
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    NEIGHBOUR_ARP_OFF,
    NEIGHBOUR_ARP_OFF_IN_CONTAINER,
    RP_FILTER,
    Flight,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    TCP,
    address_text,
    parse_address,
)

from tests.unit.docker_host import ADDRESS, WILDCARD, Bridge, DockerHost, mac_of

BRIDGE = Bridge(0)
DEVICE = BRIDGE.device
ADDRESS6, GATEWAY6, WEB6, PEER6 = "2001:db8::10", "fd00::1", "fd00::2", "fd00::3"
SOLICITATION, ADVERTISEMENT = "135", "136"
# Of a network without icc: nothing passes between its ports.
ICC_OFF = f"-A FORWARD -i {DEVICE} -o {DEVICE} -j DROP"
OWN_ACCEPT = f"-A FORWARD -i {DEVICE} -o {DEVICE} -p tcp -m tcp --dport 80 -j ACCEPT"


def host_with_web(*, proxy: bool = False) -> DockerHost:
    """Container web publishes 8080; peer is on the same network."""
    host = DockerHost(proxy=proxy)
    bridge = host.network()
    host.container("web", [bridge], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.container("peer", [bridge])
    return host


def dual(rules: Sequence[str] = ()) -> HostSnapshot:
    """The same host with IPv6, its port published there as well; rules of table filter, all else is accepted."""
    snapshot = host_with_web().snapshot()
    own6 = {"eth0": [f"{ADDRESS6}/64", "fe80::10/64"], DEVICE: [f"{GATEWAY6}/64", "fe80::1/64"]}
    links = [_with(link, own6.get(link.name, [])) for link in snapshot.links]
    inner = []
    for place, space in enumerate(snapshot.container_namespaces, 2):
        own = f"fd00::{place}"
        routes = [
            Route("fd00::/64", 254, interfaces=[2]),
            Route(f"{own}/128", 255, "local", interfaces=[2]),
            Route("::/0", 254, gateways=[GATEWAY6], interfaces=[2]),
        ]
        own_inside = {"eth0": [f"{own}/64", f"fe80::{place}/64"]}
        inside = [_with(link, own_inside.get(link.name, [])) for link in space.links]
        listeners = [replace(item, address="::") for item in space.listeners]
        inner.append(replace(space, links=inside, routes=[*space.routes, *routes], listeners=listeners))
    uplink, bridge = 2, BRIDGE.index
    routes = [
        Route("fd00::/64", 254, interfaces=[bridge]),
        Route("2001:db8::/64", 254, interfaces=[uplink]),
        Route("::/0", 254, gateways=["2001:db8::1"], interfaces=[uplink]),
        *(Route(f"{text}/128", 255, "local", interfaces=[bridge]) for text in (GATEWAY6, "fe80::1")),
        *(Route(f"{text}/128", 255, "local", interfaces=[uplink]) for text in (ADDRESS6, "fe80::10")),
    ]
    nat = f"-A PREROUTING -d {ADDRESS6}/128 -p tcp -m tcp --dport 8080 -j DNAT --to-destination [{WEB6}]:80"
    chains = ":INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    text = f"*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{nat}\nCOMMIT\n"
    text += f"*filter\n{chains}" + "".join(f"{rule}\n" for rule in rules) + "COMMIT\n"
    assert snapshot.ruleset is not None
    return replace(
        snapshot,
        links=links,
        container_namespaces=inner,
        routes=[*snapshot.routes, *routes],
        ruleset=Ruleset({**snapshot.ruleset.save, "ip6tables-nft-save": text}),
        sysctls={
            **snapshot.sysctls,
            "net.ipv6.conf.all.forwarding": "1",
            "net.bridge.bridge-nf-call-ip6tables": "1",
        },
    )


def _with(link: Link, addresses: list[str]) -> Link:
    return replace(link, addresses=[*link.addresses, *addresses])


def ask(snapshot: HostSnapshot, origin: Origin, destination: str = ADDRESS6, port: int = 8080) -> Path:
    return predict(HostView.of(snapshot), Packet(origin, destination, "tcp", port))


def kept(chain: str, kind: str, target: str = "DROP") -> str:
    way = {"INPUT": "-i", "OUTPUT": "-o"}.get(chain, "-i")
    return f"-A {chain} {way} {DEVICE} -p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j {target}"


PEER, FROM_OUTSIDE, HOST_ITSELF = Origin(CONTAINER, "peer"), Origin(OUTSIDE, "eth0"), Origin(HOST)


def test_without_such_rules_all_are_answered() -> None:
    snapshot = dual()
    for origin in (PEER, FROM_OUTSIDE):
        assert ask(snapshot, origin).observed == "answered"
    assert ask(snapshot, HOST_ITSELF, WEB6, 80).observed == "answered"


def test_a_hairpin_answer_has_to_find_who_asked_the_host() -> None:
    path = ask(dual([OWN_ACCEPT, ICC_OFF]), PEER)
    assert (path.verdict, path.observed) == ("no answer", "no answer")
    assert path.reason.startswith(f"the answer is lost: container web does not learn the hardware address of {PEER6}")
    # Who asks straight is found in vain before.
    assert ask(dual([OWN_ACCEPT, ICC_OFF]), PEER, WEB6, 80).verdict == "unreachable"


def test_a_hairpin_answer_arrives_where_discovery_and_answers_pass() -> None:
    lets = [kept("FORWARD", kind, "ACCEPT") for kind in (SOLICITATION, ADVERTISEMENT)]
    back = f"-A FORWARD -i {DEVICE} -o {DEVICE} -p tcp -m tcp --sport 80 -j ACCEPT"
    assert ask(dual([OWN_ACCEPT, back, *lets, ICC_OFF]), PEER).observed == "answered"


@pytest.mark.parametrize(("chain", "kind"), [("INPUT", SOLICITATION), ("OUTPUT", ADVERTISEMENT)])
def test_a_gateway_that_is_not_found_leaves_answers_open(chain: str, kind: str) -> None:
    """The host asks for the container from its link-local address."""
    snapshot = dual([kept(chain, kind)])
    path = ask(snapshot, FROM_OUTSIDE)
    assert path.verdict == "unknown"
    assert path.because.startswith(f"whether container web knows the hardware address of {GATEWAY6}: neighbour ")


def test_who_was_asked_knows_who_asked_until_it_asks_itself() -> None:
    """The host sends from its address on the bridge, and asks from there as well; the container confirms it in vain."""
    path = ask(dual([kept("INPUT", SOLICITATION)]), HOST_ITSELF, WEB6, 80)
    assert path.verdict == "unknown"
    assert f"whether container web knows the hardware address of {GATEWAY6}" in path.because


def test_a_packet_that_would_be_lost_all_the_same_has_no_answer_for_sure() -> None:
    path = ask(dual([kept("INPUT", SOLICITATION), "-A FORWARD -j DROP"]), PEER, "2001:db8:1::9", 80)
    assert (path.verdict, path.observed) == ("unreachable", "no answer")


def test_nobody_answers_arp_from_the_loopback() -> None:
    host = host_with_web()
    assert ask(host.snapshot(), HOST_ITSELF, "127.0.0.1").observed == "answered"
    rule = f"-A POSTROUTING -o {DEVICE} -m addrtype --src-type LOCAL -j MASQUERADE\n"
    snapshot = host.snapshot()
    assert snapshot.ruleset is not None
    saves = {name: text.replace(rule, "") for name, text in snapshot.ruleset.save.items()}
    path = ask(replace(snapshot, ruleset=Ruleset(saves)), HOST_ITSELF, "127.0.0.1")
    assert (path.verdict, path.observed) == ("unreachable", "no answer")
    assert "martian source 127.0.0.1" in path.reason
    # With a fixed entry it is sent, and dropped by who gets it.
    known = replace(
        snapshot, ruleset=Ruleset(saves), neighbours=[Neighbour("172.18.0.2", BRIDGE.index, "02:42:ac:12:00:02")]
    )
    assert ask(known, HOST_ITSELF, "127.0.0.1").observed == "timed out"


@pytest.mark.parametrize(("strictness", "seen"), [("0", "timed out"), ("1", "no answer"), ("2", "no answer")])
def test_a_policy_rule_keeps_the_host_from_answering_arp(strictness: str, seen: str) -> None:
    host = host_with_web()
    host.sysctls[f"net.ipv4.conf.{DEVICE}.rp_filter"] = strictness
    snapshot = host.snapshot()
    rules = [PolicyRule(100, 4, action="blackhole", source=BRIDGE.subnet), *snapshot.policy_rules]
    rules.sort(key=lambda rule: rule.priority)
    assert ask(snapshot, PEER, "203.0.113.9", 80).observed == "answered"
    assert ask(replace(snapshot, policy_rules=rules), PEER, "203.0.113.9", 80).observed == seen


@pytest.mark.parametrize(
    ("setting", "value", "cause"),
    [
        (f"{DEVICE}.arp_ignore", "0", ""),
        (f"{DEVICE}.arp_ignore", "1", ""),
        ("all.arp_ignore", "2", ""),
        (f"{DEVICE}.arp_ignore", "3", ""),
        (f"{DEVICE}.arp_ignore", "8", "arp_ignore of"),
        ("all.arp_ignore", "8", "arp_ignore of"),
        (f"{DEVICE}.arp_filter", "1", ""),
    ],
)
def test_settings_of_arp(setting: str, value: str, cause: str) -> None:
    host = host_with_web()
    host.sysctls[f"net.ipv4.conf.{setting}"] = value
    path = ask(host.snapshot(), PEER, "203.0.113.9", 80)
    assert path.verdict == ("unknown" if cause else "delivered"), path.reason
    assert cause in path.because


@pytest.mark.parametrize(
    ("device", "value", "origin", "destination", "port", "cause"),
    [
        (DEVICE, "0", FROM_OUTSIDE, ADDRESS, 8080, f"net.ipv4.neigh.{DEVICE}.mcast_solicit of the host is 0"),
        (DEVICE, "1", FROM_OUTSIDE, ADDRESS, 8080, ""),
        (DEVICE, "0", PEER, "172.18.0.2", 80, ""),
        ("eth0", "0", PEER, "203.0.113.9", 80, "net.ipv4.neigh.eth0.mcast_solicit of the host is 0"),
        ("eth0", "1", PEER, "203.0.113.9", 80, ""),
    ],
)
def test_a_host_that_asks_for_no_neighbour(
    device: str, value: str, origin: Origin, destination: str, port: int, cause: str
) -> None:
    host = host_with_web()
    host.sysctls[f"net.ipv4.neigh.{device}.mcast_solicit"] = value
    path = ask(host.snapshot(), origin, destination, port)
    assert path.verdict == ("unknown" if cause else "delivered"), path.reason
    assert cause in path.because


def test_a_host_that_asks_for_no_neighbour_by_ipv6() -> None:
    snapshot = dual()
    key = f"net.ipv6.neigh.{DEVICE}.mcast_solicit"
    path = ask(replace(snapshot, sysctls={**snapshot.sysctls, key: "0"}), FROM_OUTSIDE)
    assert path.verdict == "unknown"
    assert f"{key} of the host is 0" in path.because


def test_a_container_that_asks_for_no_neighbour() -> None:
    """It answers who asked it, and does not find others."""
    snapshot = host_with_web().snapshot()
    inner = [
        replace(space, sysctls={"net.ipv4.neigh.eth0.mcast_solicit": "0"}) for space in snapshot.container_namespaces
    ]
    snapshot = replace(snapshot, container_namespaces=inner)
    assert ask(snapshot, HOST_ITSELF, "172.18.0.2", 80).observed == "answered"
    path = ask(snapshot, PEER, "203.0.113.9", 80)
    assert path.verdict == "unknown"
    assert "net.ipv4.neigh.eth0.mcast_solicit of the container peer is 0" in path.because


def test_a_frame_that_is_turned_to_a_neighbour_needs_its_answer_before_forward() -> None:
    """What web sends is kept by a queueing discipline: whether the host knows it decides what the sender hears."""
    host = host_with_web()
    host.own_rules["filter", "FORWARD"] = [f"-i {DEVICE} -o {DEVICE} -j DROP"]
    snapshot = host.snapshot()
    assert ask(snapshot, PEER, ADDRESS).observed == "timed out"
    inner = [
        replace(space, traffic_control=[TrafficControl(2, "root", "qdisc", "tbf")]) if number == 0 else space
        for number, space in enumerate(snapshot.container_namespaces)
    ]
    path = ask(replace(snapshot, container_namespaces=inner), PEER, ADDRESS)
    assert (path.verdict, path.observed) == ("unknown", "unknown")


@pytest.mark.parametrize(("value", "is_told"), [("0", True), ("1", False), ("2", False)])
def test_arp_announce_chooses_the_address_that_a_host_asks_from(value: str, is_told: bool) -> None:
    """The container answers no question from addresses that it has no way back to."""
    host = host_with_web()
    host.sysctls["net.ipv4.conf.all.arp_announce"] = value
    stack = HostView.of(host.snapshot()).host
    uplink = stack.addresses(4, "eth0")[0].number
    gateway = stack.addresses(4, DEVICE)[0].number
    asked_from = stack.solicits_from(4, DEVICE, uplink, gateway + 1)
    assert asked_from == (uplink if is_told else gateway)


@pytest.mark.parametrize("family", [4, 6])
def test_a_host_without_an_address_asks_from_none(family: int) -> None:
    """As for what it forwards by a link that has none of the family."""
    snapshot = dual()
    links = [replace(link, addresses=[]) if link.name != "lo" else link for link in snapshot.links]
    stack = HostView.of(replace(snapshot, links=links)).host
    assert stack.solicits_from(family, DEVICE, 9, 10) == 0


@pytest.mark.parametrize(("kind", "seen"), [("", "refused"), ("blackhole", "unknown"), ("unreachable", "unknown")])
def test_a_reset_by_a_bridge_port_needs_a_route_all_the_same(kind: str, seen: str) -> None:
    """A route in the table of local addresses comes before that of the bridge."""
    snapshot = dual(["-A INPUT -p tcp -m tcp --dport 7000 -j REJECT --reject-with tcp-reset"])
    routes = [*snapshot.routes, *([Route("::/0", 255, kind)] if kind else [])]
    assert ask(replace(snapshot, routes=routes), PEER, GATEWAY6, 7000).observed == seen


@pytest.mark.parametrize(("destination", "seen"), [("::/0", "unknown"), (f"{GATEWAY6}/128", "refused")])
def test_no_ipsec_policy_may_take_the_route_of_a_reset_by_a_bridge_port(destination: str, seen: str) -> None:
    snapshot = dual(["-A INPUT -p tcp -m tcp --dport 7000 -j REJECT --reject-with tcp-reset"])
    block = IpsecPolicy("out", 6, f"{GATEWAY6}/128", destination, "block", protocol=6)
    assert ask(replace(snapshot, ipsec=Ipsec([block])), PEER, GATEWAY6, 7000).observed == seen


@pytest.mark.parametrize(
    ("place", "seen"), [("nowhere", "refused"), ("bridge port", "unknown"), ("container", "unknown")]
)
def test_a_reset_by_a_bridge_port_can_be_kept_where_it_leaves_the_host_and_where_it_comes_in(
    place: str, seen: str
) -> None:
    """By filters of IPv4 alone, which let ARP pass."""
    host = host_with_web()
    host.own_rules["filter", "INPUT"] = ["-p tcp -m tcp --dport 7000 -j REJECT --reject-with tcp-reset"]
    snapshot = host.snapshot()
    (port,) = (link.index for link in host.links if link.peer_nsid == 1)
    if place == "bridge port":
        kept = TrafficControl(port, "egress", "filter", "u32", 0x0800, ["mirred"])
        snapshot = replace(snapshot, traffic_control=[kept])
    if place == "container":
        kept = TrafficControl(2, "ingress", "filter", "u32", 0x0800, ["mirred"])
        web, peer = snapshot.container_namespaces
        snapshot = replace(snapshot, container_namespaces=[web, replace(peer, traffic_control=[kept])])
    assert ask(snapshot, PEER, "172.18.0.1", 7000).observed == seen


@pytest.mark.parametrize(("source", "destination"), [("", "::1"), ("::1", ADDRESS6)])
def test_no_device_but_the_loopback_brings_packets_of_its_address(source: str, destination: str) -> None:
    packet = Packet(FROM_OUTSIDE, destination, "tcp", 8080, source=source)
    path = predict(HostView.of(dual()), packet)
    assert (path.verdict, path.observed) == ("dropped", "timed out")
    assert path.decided_at is not None
    assert (path.steps[path.decided_at].place, path.steps[path.decided_at].action) == ("routing", "drop")


# Each of two uplinks has addresses, and a third device has none.
WAYS = [
    Link(1, "lo", up=True, addresses=["127.0.0.1/8"]),
    Link(2, "eth0", up=True, addresses=["192.0.2.10/24"]),
    Link(3, "eth1", up=True, addresses=["198.51.100.10/24"]),
    Link(4, "eth2", up=True),
]
WAYS_OUT = [
    Route("0.0.0.0/0", 254, gateways=["192.0.2.1"], interfaces=[2]),
    Route("192.0.2.0/24", 254, interfaces=[2]),
    Route("198.51.100.0/24", 254, interfaces=[3]),
    Route("203.0.113.0/24", 254, gateways=["192.0.2.1", "198.51.100.1"], interfaces=[2, 3]),
    Route("10.0.0.0/8", 254, "unreachable"),
    Route("192.0.2.10/32", 255, "local", interfaces=[2]),
    Route("198.51.100.10/32", 255, "local", interfaces=[3]),
    Route("127.0.0.0/8", 255, "local", interfaces=[1]),
    Route("192.0.2.255/32", 255, "broadcast", interfaces=[2]),
]


def two_ways(settings: str) -> Stack:
    """A host with two ways out; settings: those of all devices that are 1, or what they are."""
    pairs = (word.partition("=") for word in settings.split())
    values = {f"net.ipv4.conf.all.{name}": value or "1" for name, dummy, value in pairs}
    return Stack("host", WAYS, WAYS_OUT, [], None, settings=NamespaceSettings(values))


@pytest.mark.parametrize(
    ("source", "device", "settings", "problem"),
    [
        ("192.0.2.77", "eth0", "rp_filter", ""),
        ("0.1.2.3", "eth0", "", "martian source 0.1.2.3"),
        ("1.2.3.4", "eth0", "", ""),
        ("224.0.0.1", "eth0", "", "martian source 224.0.0.1"),
        ("127.0.0.1", "eth0", "", "net.ipv4.conf.eth0.route_localnet"),
        # Of its own, where nothing else asks for the way back and where rp_filter does.
        ("198.51.100.10", "eth0", "", "martian source 198.51.100.10"),
        ("198.51.100.10", "eth0", "rp_filter", "martian source 198.51.100.10"),
        ("198.51.100.10", "eth0", "accept_local", ""),
        ("198.51.100.10", "eth0", "accept_local rp_filter", "leads to eth1"),
        ("198.51.100.10", "eth0", "accept_local rp_filter=2", ""),
        ("198.51.100.10", "eth1", "accept_local rp_filter", ""),
        ("198.51.100.10", "lo", "accept_local rp_filter", ""),
        # Of others.
        ("198.51.100.7", "eth0", "", ""),
        ("198.51.100.7", "eth0", "rp_filter", "leads to eth1"),
        ("198.51.100.7", "eth0", "rp_filter=2", ""),
        ("198.51.100.7", "lo", "rp_filter", "leads to eth1"),
        ("192.0.2.77", "eth2", "rp_filter=2", "leads to eth0"),
        ("10.0.0.9", "eth0", "rp_filter=2", "unreachable"),
        ("10.0.0.9", "eth0", "", ""),
        ("192.0.2.255", "eth0", "rp_filter", "broadcast"),
    ],
)
def test_sources_that_a_stack_does_not_believe(source: str, device: str, settings: str, problem: str) -> None:
    stack = two_ways(settings)
    asked, own = (parse_address(text)[1] for text in (source, "192.0.2.10"))
    decision = stack.fib.lookup(RouteQuery(4, own, asked, device))
    found = source_problem(stack, Flight(4, TCP, asked, 40000, own, 80), device, decision)
    said = found.text if found is not None else ""
    assert found is None or said.startswith("rp_filter of" if found.mechanism == RP_FILTER else "martian ")
    assert problem in said
    assert (source in said) is bool(said) is bool(problem)


@pytest.mark.parametrize(("forwards", "is_believed"), [("0", True), ("1", False)])
def test_the_way_back_of_what_is_not_for_the_host_counts_where_it_is_sent_on(
    forwards: str, *, is_believed: bool
) -> None:
    values = {"net.ipv4.conf.all.rp_filter": "1", "net.ipv4.ip_forward": forwards, "net.ipv6.conf.all.forwarding": "1"}
    stack = Stack("host", WAYS, WAYS_OUT, [], None, settings=NamespaceSettings(values))
    source, there = (parse_address(text)[1] for text in ("198.51.100.7", "8.8.8.8"))
    decision = stack.fib.lookup(RouteQuery(4, there, source, "eth0"))
    found = source_problem(stack, Flight(4, TCP, source, 40000, there, 80), "eth0", decision)
    assert (found is None) is is_believed


@pytest.mark.parametrize(
    ("asking", "settings", "problem"),
    [
        ("192.0.2.77", "arp_filter", ""),
        ("198.51.100.7", "", ""),
        ("198.51.100.7", "arp_filter", "leave by eth1"),
        ("10.0.0.9", "arp_filter", "leave nowhere"),
        ("203.0.113.9", "arp_filter", "203.0.113.0/24"),
        ("203.0.113.9", "", ""),
    ],
)
def test_arp_filter_asks_where_packets_to_who_asks_leave(asking: str, settings: str, problem: str) -> None:
    source, own = (parse_address(text)[1] for text in (asking, "192.0.2.10"))
    found = arp_problem(two_ways(settings), "eth0", source, own)
    assert (found is not None) is bool(problem)
    assert found is None or problem in found.text


@pytest.mark.parametrize(
    ("level", "asking", "asked", "answers"),
    [
        (0, "198.51.100.7", "198.51.100.10", True),
        (1, "198.51.100.7", "198.51.100.10", False),
        (1, "198.51.100.7", "192.0.2.10", True),
        (2, "198.51.100.7", "192.0.2.10", False),
        (2, "192.0.2.77", "192.0.2.10", True),
        (3, "192.0.2.77", "192.0.2.10", True),
        (3, "192.0.2.77", "198.51.100.10", True),
        (8, "192.0.2.77", "192.0.2.10", False),
        (0, "192.0.2.77", "127.0.0.1", True),
        (3, "192.0.2.77", "127.0.0.1", False),
    ],
)
def test_arp_ignore_asks_whose_address_it_is_and_who_asked(
    level: int, asking: str, asked: str, *, answers: bool
) -> None:
    source, own = (parse_address(text)[1] for text in (asking, asked))
    found = arp_problem(two_ways(f"arp_ignore={level} route_localnet"), "eth0", source, own)
    assert (found is None) is answers
    assert found is None or ("arp_ignore" in found.text and asked in found.text)


@pytest.mark.parametrize(
    ("source", "settings", "is_open"),
    [("203.0.113.9", "rp_filter", True), ("203.0.113.9", "", False), ("192.0.2.77", "rp_filter", False)],
)
def test_a_route_back_that_is_not_known_leaves_it_open_whether_a_source_is_believed(
    source: str, settings: str, *, is_open: bool
) -> None:
    stack = two_ways(settings)
    asked, own = (parse_address(text)[1] for text in (source, "192.0.2.10"))
    decision = stack.fib.lookup(RouteQuery(4, own, asked, "eth0"))
    flight = Flight(4, TCP, asked, 40000, own, 80)
    said = source_doubt(stack, flight, "eth0", decision)
    assert said == (stack.fib.lookup(RouteQuery(4, asked, own, "lo")).why if is_open else "")
    assert bool(said) is is_open
    # IPv6 has no such check.
    flight.family = 6
    assert source_doubt(stack, flight, "eth0", decision) == ""
    assert source_problem(stack, flight, "eth0", decision) is None


# The kernel lists an IPv6 address that was added later before the earlier ones.
LINKS = [
    Link(1, "lo", up=True, addresses=["127.0.0.1/8", "::1/128", "2001:db8:f::1/128"]),
    Link(
        2,
        "eth0",
        up=True,
        addresses=["192.0.2.10/24", "10.0.0.10/24", "2001:db8::1:10/64", "2001:db8::10/64", "fe80::10/64"],
    ),
    Link(3, "eth1", up=True, addresses=["fe80::11/64"]),
]
ROUTES = [
    Route("0.0.0.0/0", 254, gateways=["10.0.0.1"], interfaces=[2]),
    Route("192.0.2.0/24", 254, interfaces=[2]),
    Route("2001:db8::/64", 254, interfaces=[2]),
    Route("2001:db8:9::/48", 254, gateways=["fe80::1"], interfaces=[3]),
    Route("fe80::/64", 254, interfaces=[3]),
    Route("::/0", 254, gateways=["fe80::1"], interfaces=[2]),
    *(Route(f"{address}/128", 255, "local", interfaces=[2]) for address in ("2001:db8::1:10", "2001:db8::10")),
    *(Route(f"{address}/128", 255, "local", interfaces=[3]) for address in ("fe80::10", "fe80::11")),
    Route("2001:db8:f::1/128", 255, "local", interfaces=[1]),
]
STACK = Stack("host", LINKS, ROUTES, [], None)


@pytest.mark.parametrize(
    ("destination", "source"),
    [
        ("192.0.2.7", "192.0.2.10"),
        ("198.51.100.7", "10.0.0.10"),
        # Both have 64 bits in common with it, since no more than the prefix counts: the first is taken.
        ("2001:db8::9", "2001:db8::1:10"),
        # Not the link-local one that is nearest to the next hop.
        ("2001:db8:ffff::9", "2001:db8::1:10"),
        # The device has none of that scope, and of all others one has a longer prefix in common.
        ("2001:db8:9::9", "2001:db8:f::1"),
        ("fe80::77", "fe80::11"),
    ],
)
def test_the_source_is_the_one_that_the_kernel_chooses(destination: str, source: str) -> None:
    family, number = parse_address(destination)
    asked = RouteQuery(family, number)
    found = STACK.source_for(asked, STACK.fib.lookup(asked))
    assert found is not None
    assert address_text(family, found) == source


def test_without_any_address_there_is_no_source() -> None:
    bare = Stack("host", [Link(3, "eth1", up=True)], ROUTES, [], None)
    asked = RouteQuery(6, parse_address("2001:db8:9::9")[1])
    assert bare.source_for(asked, bare.fib.lookup(asked)) is None


@pytest.mark.parametrize(
    ("to", "is_open"),
    [
        # By the host's address on the uplink, as their route to it says.
        ("172.18.0.1", False),
        ("198.51.100.7", False),
        (ADDRESS, False),
        # As of a service address that several hosts have, and one of them answers for (keepalived(8)).
        ("192.0.2.200", True),
    ],
)
def test_who_is_outside_asks_for_addresses_of_its_own_link_alone(to: str, *, is_open: bool) -> None:
    host = host_with_web()
    host.sysctls["net.ipv4.conf.all.arp_ignore"] = "1"
    snapshot = host.snapshot()
    further = ["198.51.100.7/32", "192.0.2.200/32"]
    links = [_with(link, further if link.name == "lo" else []) for link in snapshot.links]
    local = [Route(address, 255, "local", interfaces=[1]) for address in further]
    path = ask(replace(snapshot, links=links, routes=[*snapshot.routes, *local]), FROM_OUTSIDE, to, 22)
    assert (path.verdict == "unknown") is is_open
    assert ("arp_ignore of eth0 is 1" in str(path.undetermined)) is is_open


# ---- ARP is off on an interface --------------------------------------------------------------------------------------

WEB, GATEWAY, BEYOND = "172.18.0.2", "172.18.0.1", "203.0.113.9"
WEB_MAC = mac_of(WEB)
ON_BRIDGE = f"ARP is off on {DEVICE}"
IN_WEB = "ARP is off on eth0 of container web"
ASKED_FROM_OUTSIDE = [(ADDRESS, WEB), (ADDRESS6, WEB6)]


def arp_off(snapshot: HostSnapshot, device: str) -> HostSnapshot:
    """The same without ARP on one of the host's links."""
    return replace(snapshot, links=[_without_arp(link) if link.name == device else link for link in snapshot.links])


def arp_off_in_web(snapshot: HostSnapshot) -> HostSnapshot:
    first, *others = snapshot.container_namespaces
    links = [_without_arp(link) if link.name == "eth0" else link for link in first.links]
    return replace(snapshot, container_namespaces=[replace(first, links=links), *others])


def _without_arp(link: Link) -> Link:
    return replace(link, without_arp=True)


def web_has(snapshot: HostSnapshot, *entries: Neighbour) -> HostSnapshot:
    first, *others = snapshot.container_namespaces
    return replace(snapshot, container_namespaces=[replace(first, neighbours=list(entries)), *others])


def decisive(path: Path) -> tuple[str, str, str]:
    assert path.decided_at is not None
    return path.verdict, path.observed, path.steps[path.decided_at].mechanism


@pytest.mark.parametrize(("published", "address"), ASKED_FROM_OUTSIDE)
def test_a_bridge_without_arp_loses_what_the_host_sends(published: str, address: str) -> None:
    path = ask(arp_off(dual(), DEVICE), FROM_OUTSIDE, published)
    assert decisive(path) == ("dropped", "timed out", NEIGHBOUR_ARP_OFF)
    assert path.reason == f"host does not learn the hardware address of {address}: {ON_BRIDGE}"
    assert ask(arp_off(dual(), DEVICE), HOST_ITSELF, address, 80).reason == path.reason


@pytest.mark.parametrize(("destination", "gateway"), [(BEYOND, GATEWAY), ("2001:db8:1::9", GATEWAY6)])
def test_containers_do_not_find_a_gateway_without_arp_and_find_each_other(destination: str, gateway: str) -> None:
    snapshot = arp_off(dual(), DEVICE)
    path = ask(snapshot, PEER, destination, 80)
    assert decisive(path) == ("unreachable", "no answer", NEIGHBOUR_ARP_OFF)
    assert path.reason == f"container peer does not learn the hardware address of {gateway}: {ON_BRIDGE}"
    for beside in (WEB, WEB6):
        assert ask(snapshot, PEER, beside, 80).observed == "answered"


@pytest.mark.parametrize(("published", "address"), ASKED_FROM_OUTSIDE)
def test_a_container_without_arp_is_not_found(published: str, address: str) -> None:
    snapshot = arp_off_in_web(dual())
    for origin, who, destination, port in ((FROM_OUTSIDE, "host", published, 8080), (PEER, str(PEER), address, 80)):
        path = ask(snapshot, origin, destination, port)
        assert decisive(path) == ("unreachable", "no answer", NEIGHBOUR_ARP_OFF_IN_CONTAINER)
        assert path.reason == f"{who} does not learn the hardware address of {address}: {IN_WEB}"
    assert ask(snapshot, PEER, BEYOND, 80).observed == "answered"


@pytest.mark.parametrize("bridge_netfilter", [True, False])
def test_a_container_without_arp_loses_what_it_sends(bridge_netfilter: bool) -> None:
    host = DockerHost(bridge_netfilter=bridge_netfilter)
    host.container("web", [host.network()])
    path = ask(arp_off_in_web(host.snapshot()), Origin(CONTAINER, "web"), BEYOND, 80)
    assert decisive(path) == ("dropped", "timed out", NEIGHBOUR_ARP_OFF_IN_CONTAINER)
    assert path.reason == f"container web does not learn the hardware address of {GATEWAY}: {IN_WEB}"


def test_a_rule_can_end_what_a_container_without_arp_sends() -> None:
    host = host_with_web()
    host.own_rules["raw", "PREROUTING"] = [f"-s {WEB}/32 -j DROP"]
    path = ask(arp_off_in_web(host.snapshot()), Origin(CONTAINER, "web"), BEYOND, 80)
    assert path.reason.startswith("rule 1 of chain PREROUTING (ip raw)")


@pytest.mark.parametrize(("proxy", "seen"), [(False, "refused"), (True, "timed out")])
def test_in_hairpin_mode_rules_of_forward_see_what_a_container_without_arp_sends(proxy: bool, seen: str) -> None:
    """It comes back to its own port, from which the bridge sends nothing back otherwise."""
    host = host_with_web(proxy=proxy)
    host.own_rules["filter", "FORWARD"] = [f"-s {WEB}/32 -p tcp -j REJECT --reject-with tcp-reset"]
    assert ask(arp_off_in_web(host.snapshot()), Origin(CONTAINER, "web"), BEYOND, 80).observed == seen


@pytest.mark.parametrize("bridge_netfilter", [True, False])
@pytest.mark.parametrize("publisher", ["web", "peer"])
def test_where_bridge_netfilter_translates_a_packet_of_a_container_without_arp_the_answer_is_open(
    publisher: str, bridge_netfilter: bool
) -> None:
    """The packet gets another hardware address, and the answer comes while the container's own one is remembered."""
    host = DockerHost(proxy=False, bridge_netfilter=bridge_netfilter)
    bridge = host.network()
    for name in ("web", "peer"):
        published = [PublishedPort("tcp", 80, WILDCARD, 8080)] if name == publisher else []
        host.container(name, [bridge], published, [("tcp", 80)])
    path = ask(arp_off_in_web(host.snapshot()), Origin(CONTAINER, "web"), ADDRESS)
    assert path.verdict == ("unknown" if bridge_netfilter else "dropped")
    assert IN_WEB in path.because


@pytest.mark.parametrize(("is_off", "seen"), [(False, "answered"), (True, "timed out")])
def test_a_bridge_without_arp_loses_what_bridge_netfilter_turns_back_into_it(is_off: bool, seen: str) -> None:
    """The container that asks has a fixed entry for its gateway, and the host asks for the one that is asked."""
    host = DockerHost(proxy=False)
    bridge = host.network()
    host.container("web", [bridge])
    host.container("peer", [bridge], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    snapshot = web_has(host.snapshot(), Neighbour(GATEWAY, 2, BRIDGE.mac))
    path = ask(arp_off(snapshot, DEVICE) if is_off else snapshot, Origin(CONTAINER, "web"), ADDRESS)
    assert path.observed == seen, path.because


@pytest.mark.parametrize(("rescued", "verdict"), [(True, "unknown"), (False, "unreachable")])
def test_an_answer_that_bridge_netfilter_translates_back_is_open(rescued: bool, verdict: str) -> None:
    host = host_with_web()
    host.sysctls["net.bridge.bridge-nf-call-iptables"] = "1" if rescued else "0"
    host.own_rules["nat", "POSTROUTING"] = [f"-d {WEB}/32 -j MASQUERADE"]
    assert ask(arp_off_in_web(host.snapshot()), FROM_OUTSIDE, ADDRESS).verdict == verdict


FROM_PEER = f"-s 172.18.0.3/32 -d {WEB}/32"


@pytest.mark.parametrize(
    ("bridge_netfilter", "nat", "seen"),
    [
        (True, f"{FROM_PEER} -j SNAT --to-source {GATEWAY}", ("unknown", "unknown")),
        (True, f"{FROM_PEER} -j MASQUERADE", ("unknown", "unknown")),
        (False, f"{FROM_PEER} -j SNAT --to-source {GATEWAY}", ("unreachable", "no answer")),
        (True, "-s 172.18.0.9/32 -j MASQUERADE", ("unreachable", "no answer")),
    ],
)
def test_between_containers_snat_at_the_bridge_leaves_it_open_whether_one_without_arp_answers(
    bridge_netfilter: bool, nat: str, seen: tuple[str, str]
) -> None:
    """Who still knows its hardware address is answered: the host turns the frame of the answer to who asked."""
    host = host_with_web()
    host.sysctls["net.bridge.bridge-nf-call-iptables"] = str(int(bridge_netfilter))
    host.own_rules["nat", "POSTROUTING"] = [nat]
    path = ask(arp_off_in_web(host.snapshot()), PEER, WEB, 80)
    assert (path.verdict, path.observed) == seen
    assert IN_WEB in path.because


@pytest.mark.parametrize(("fate", "verdict"), [("REJECT --reject-with tcp-reset", "unknown"), ("DROP", "unreachable")])
def test_a_rule_can_refuse_what_is_sent_to_a_remembered_container_without_arp(fate: str, verdict: str) -> None:
    host = host_with_web()
    host.own_rules["filter", "FORWARD"] = [f"{FROM_PEER} -p tcp -j {fate}"]
    assert ask(arp_off_in_web(host.snapshot()), PEER, WEB, 80).verdict == verdict


def test_what_the_kernel_notes_where_arp_is_off_changes_nothing() -> None:
    snapshot = arp_off(dual(), DEVICE)
    noted = [Neighbour(text, BRIDGE.index, BRIDGE.mac) for text in (WEB, WEB6)]
    for published in (ADDRESS, ADDRESS6):
        assert ask(replace(snapshot, neighbours=noted), FROM_OUTSIDE, published) == ask(
            snapshot, FROM_OUTSIDE, published
        )
    # Where ARP is on, it was turned on.
    assert ask(replace(dual(), neighbours=noted), FROM_OUTSIDE, ADDRESS).verdict == "unknown"


@pytest.mark.parametrize(
    ("published", "address", "gateway", "verdict"),
    [(ADDRESS, WEB, GATEWAY, "unknown"), (ADDRESS6, WEB6, GATEWAY6, "delivered")],
    ids=["ARP answers nobody", "neighbour discovery answers by the entry"],
)
def test_with_a_fixed_entry_an_interface_without_arp_sends(
    published: str, address: str, gateway: str, verdict: str
) -> None:
    snapshot = replace(arp_off(dual(), DEVICE), neighbours=[Neighbour(address, BRIDGE.index, WEB_MAC)])
    path = ask(snapshot, FROM_OUTSIDE, published)
    assert path.verdict == verdict
    if verdict == "unknown":
        assert path.because == f"whether container web knows the hardware address of {gateway}: {ON_BRIDGE}"
        assert path.undetermined_mechanisms == [NEIGHBOUR_ARP_OFF]
    both = web_has(snapshot, Neighbour(gateway, 2, BRIDGE.mac))
    assert ask(both, FROM_OUTSIDE, published).observed == "answered"


def test_a_fixed_entry_that_is_wrong_leaves_it_open_without_arp_as_well() -> None:
    snapshot = replace(arp_off(dual(), DEVICE), neighbours=[Neighbour(WEB, BRIDGE.index, "02:00:00:00:00:99")])
    assert "is permanently 02:00:00:00:00:99" in ask(snapshot, FROM_OUTSIDE, ADDRESS).because


def test_fixed_entries_that_were_not_read_leave_it_open_without_arp() -> None:
    snapshot = arp_off(dual(), DEVICE)
    unread = replace(snapshot, sources={**snapshot.sources, "neighbours": Source(read=False, kind="error")})
    path = ask(unread, FROM_OUTSIDE, ADDRESS)
    assert path.verdict == "unknown"
    assert path.because.endswith(f"has a permanent neighbour entry for {WEB}: none could be read")


def test_a_bridge_port_without_arp_changes_nothing() -> None:
    """The bridge takes its frames before ARP does."""
    port = next(link.name for link in dual().links if link.peer_nsid == 0)
    for published in (ADDRESS, ADDRESS6):
        assert ask(arp_off(dual(), port), FROM_OUTSIDE, published).observed == "answered"


@pytest.mark.parametrize(
    ("kind", "mac", "verdict"),
    [
        ("", WEB_MAC, "unknown"),
        ("vlan", WEB_MAC, "unknown"),
        ("ipvlan", WEB_MAC, "delivered"),
        ("tun", "", "delivered"),
        ("", "", "delivered"),
    ],
)
def test_an_uplink_without_arp_leaves_it_open_unless_it_never_has_it(kind: str, mac: str, verdict: str) -> None:
    snapshot = arp_off(dual(), "eth0")
    links = [replace(link, kind=kind, mac=mac) if link.name == "eth0" else link for link in snapshot.links]
    for path in (
        ask(replace(snapshot, links=links), FROM_OUTSIDE, ADDRESS),
        ask(replace(snapshot, links=links), PEER, BEYOND, 80),
    ):
        assert path.verdict == verdict, path.because
        assert ("ARP is off on eth0; see ip -d link show dev eth0" in path.because) is (verdict == "unknown")
