"""Whole journeys on made-up hosts: what decides, what is seen, who answers and which source it sees."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort, ServiceUnit
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Link,
    Listener,
    PolicyRule,
    Route,
    Ruleset,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
    Path,
    Responder,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONTAINER_NAMESPACES,
    LISTENERS,
    RULESET,
    SERVICE,
    HostSnapshot,
    Source,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import (
    BadPacketError,
    departure,
    predict,
    source_port,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_address

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost

EVERYWHERE = PublishedPort("tcp", 80, WILDCARD, 8080)
DATAGRAMS = PublishedPort("udp", 53, WILDCARD, 5353)
HOST_ITSELF = Origin(HOST)
NEIGHBOUR = Origin(OUTSIDE)


def small_host(**options: object) -> DockerHost:
    """Containers web and peer on one network (web publishes 8080 and 5353/udp), other on a second."""
    host = DockerHost(**options)  # type: ignore[arg-type]
    front, back = host.network(), host.network()
    host.container("web", [front], [EVERYWHERE, DATAGRAMS], [("tcp", 80), ("udp", 53)])
    host.container("peer", [front])
    host.container("other", [back])
    return host


def web_of(host: DockerHost) -> str:
    return host.networks[0].address(1)


def ask(snapshot: HostSnapshot, origin: Origin, destination: str, protocol: str = "tcp", port: int = 8080) -> Path:
    return predict(HostView.of(snapshot), Packet(origin, destination, protocol, 0 if protocol == "icmp" else port))


def container(name: str) -> Origin:
    return Origin(CONTAINER, name)


@pytest.mark.parametrize("layout", [27, 28])
@pytest.mark.parametrize(
    ("origin", "proxy", "seen", "source"),
    [
        (NEIGHBOUR, True, "answered", "192.0.2.254"),
        (NEIGHBOUR, False, "answered", "192.0.2.254"),
        (HOST_ITSELF, True, "answered", ADDRESS),
        (container("peer"), True, "answered", "172.18.0.1"),
        (container("peer"), False, "answered", "172.18.0.3"),
        (container("other"), True, "answered", "172.18.0.1"),
        (container("other"), False, "timed out", ""),
        (container("web"), True, "answered", "172.18.0.1"),
        (container("web"), False, "answered", "172.18.0.1"),
    ],
)
def test_published_port_as_measured_on_real_engines(
    layout: int, origin: Origin, proxy: bool, seen: str, source: str
) -> None:
    path = ask(small_host(layout=layout, proxy=proxy).snapshot(), origin, ADDRESS)
    assert (path.observed, path.translated_source) == (seen, source), path.reason
    assert path.undetermined == []


def test_answer_that_is_switched_past_connection_tracking_is_lost() -> None:
    host = small_host(proxy=False, bridge_netfilter=False)
    path = ask(host.snapshot(), container("peer"), ADDRESS)
    assert (path.verdict, path.observed) == ("no answer", "timed out")
    assert "past connection tracking" in path.reason


@pytest.mark.parametrize(
    ("rule", "verdict", "observed"),
    [
        ("", "delivered", "answered"),
        ("-o br-000000000000 -p udp -j DROP", "dropped", "timed out"),
        # docker-proxy is told so, and has no way to tell the client.
        ("-o br-000000000000 -p udp -j REJECT", "dropped", "timed out"),
        ("-o br-000000000000 -p udp -m statistic --mode random --probability 0.5 -j DROP", "unknown", "unknown"),
    ],
)
def test_a_datagram_that_docker_proxy_relays_has_the_end_of_its_second_half(
    rule: str, verdict: str, observed: str
) -> None:
    host = small_host()
    host.own_rules["filter", "OUTPUT"] = [rule] if rule else []
    path = ask(host.snapshot(), HOST_ITSELF, "127.0.0.1", "udp", 5353)
    assert (path.verdict, path.observed) == (verdict, observed), path.reason


def filtered(slices: dict[str, dict[str, list[str]]] | None) -> HostSnapshot:
    """The small host, with filters of slices above dockerd."""
    service = ServiceUnit("systemd", "docker.service", "active", slices=slices)
    return replace(small_host().snapshot(), service=service)


_DENY_ALL = {"system.slice": {"IPAddressDeny": ["0.0.0.0/0", "::/0"]}}
_DENY_PROXY = {"system.slice": {"IPAddressDeny": ["127.0.0.0/8"]}}
_DENY_OUTSIDE = {"-.slice": {"IPAddressDeny": ["192.0.2.0/24"]}}
_DENY_WEB = {"system.slice": {"IPAddressDeny": ["172.18.0.2"]}}


@pytest.mark.parametrize(
    ("slices", "origin", "destination", "observed", "named"),
    [
        ({}, HOST_ITSELF, "127.0.0.1", "answered", ""),
        (
            None,
            HOST_ITSELF,
            "127.0.0.1",
            "unknown",
            "docker-proxy on port 8080 gets packets: filters of the",
        ),
        (None, NEIGHBOUR, ADDRESS, "answered", ""),
        (_DENY_PROXY, HOST_ITSELF, "127.0.0.1", "unknown", "127.0.0.0/8 of system.slice filters them"),
        (_DENY_WEB, HOST_ITSELF, "127.0.0.1", "unknown", "docker-proxy on port 8080"),
        (_DENY_WEB, HOST_ITSELF, ADDRESS, "unknown", "whether port 80 of the container web gets packets"),
        (_DENY_WEB, NEIGHBOUR, ADDRESS, "answered", ""),
        (_DENY_OUTSIDE, NEIGHBOUR, ADDRESS, "unknown", "whether port 80 of the container web gets packets"),
        (_DENY_OUTSIDE, container("peer"), "172.18.0.2", "answered", ""),
        (_DENY_OUTSIDE, container("peer"), ADDRESS, "unknown", "whether the container peer sends packets"),
        (_DENY_ALL, container("peer"), "172.18.0.2", "unknown", "whether the container peer sends packets"),
        (_DENY_ALL, HOST_ITSELF, "172.18.0.2", "unknown", "whether the host sends packets"),
    ],
)
def test_what_slices_of_systemd_may_drop_is_unknown(
    slices: dict[str, dict[str, list[str]]] | None,
    origin: Origin,
    destination: str,
    observed: str,
    named: str,
) -> None:
    path = ask(filtered(slices), origin, destination, port=80 if destination.startswith("172") else 8080)
    assert path.observed == observed, path.reason
    assert named in path.reason


def test_the_kernel_answers_echo_requests_for_processes_that_slices_filter() -> None:
    path = ask(filtered(_DENY_ALL), NEIGHBOUR, ADDRESS, "icmp")
    assert path.observed == "answered", path.reason


def test_a_unit_that_could_not_be_read_may_filter_what_docker_proxy_gets() -> None:
    host = small_host()
    snapshot = host.snapshot()
    snapshot = replace(snapshot, sources={**snapshot.sources, SERVICE: Source(read=False, kind="error")})
    assert "the unit of dockerd were not read" in ask(snapshot, HOST_ITSELF, "127.0.0.1").reason


def test_container_reaches_its_own_port_only_with_hairpin() -> None:
    host = small_host(proxy=False)
    host.links = [replace(link, hairpin=False) if link.kind == "veth" else link for link in host.links]
    path = ask(host.snapshot(), container("web"), ADDRESS)
    assert (path.verdict, path.observed) == ("dropped", "timed out")
    assert "hairpin" in path.reason


def test_loopback_needs_route_localnet_without_proxy() -> None:
    host = small_host(proxy=False)
    assert ask(host.snapshot(), HOST_ITSELF, "127.0.0.1").observed == "answered"
    host.sysctls[f"net.ipv4.conf.{host.networks[0].device}.route_localnet"] = "0"
    path = ask(host.snapshot(), HOST_ITSELF, "127.0.0.1")
    assert (path.verdict, path.observed) == ("dropped", "timed out")
    assert "route_localnet" in path.reason


def test_neighbour_reaches_loopback_of_the_host_only_with_route_localnet() -> None:
    host = small_host()
    assert "martian destination 127.0.0.1" in ask(host.snapshot(), NEIGHBOUR, "127.0.0.1", port=22).reason
    host.sysctls["net.ipv4.conf.eth0.route_localnet"] = "1"
    assert ask(host.snapshot(), NEIGHBOUR, "127.0.0.1", port=22).observed == "answered"


def test_translation_comes_before_the_check_of_loopback_addresses() -> None:
    """Why engines before 28 let neighbours reach what is published on 127.0.0.1."""
    published = PublishedPort("tcp", 80, "127.0.0.1", 8080)
    for layout, seen in ((27, "answered"), (28, "timed out")):
        host = DockerHost(layout=layout)
        host.container("web", [host.network()], [published], [("tcp", 80)])
        assert ask(host.snapshot(), NEIGHBOUR, "127.0.0.1").observed == seen


def test_isolated_ports_do_not_find_each_other() -> None:
    host = DockerHost()
    bridge = host.network()
    host.container("web", [bridge], listen=[("tcp", 80)], isolated=True)
    host.container("peer", [bridge], isolated=True)
    path = ask(host.snapshot(), container("peer"), bridge.address(1), port=80)
    assert (path.verdict, path.observed) == ("unreachable", "no answer")


def test_icc_off_counts_only_with_bridge_netfilter() -> None:
    for flag, seen in ((True, "timed out"), (False, "answered")):
        host = DockerHost(bridge_netfilter=flag)
        bridge = host.network(icc=False)
        host.container("web", [bridge], listen=[("tcp", 80)])
        host.container("peer", [bridge])
        assert ask(host.snapshot(), container("peer"), bridge.address(1), port=80).observed == seen


@pytest.mark.parametrize(("state", "seen"), [("ESTABLISHED", "timed out"), ("INVALID", "answered")])
def test_echo_of_the_host_to_itself(state: str, seen: str) -> None:
    """Request and reply have the same addresses and identifier: only the type tells them apart."""
    host = small_host()
    host.own_rules["filter", "OUTPUT"] = [f"-o lo -m conntrack --ctstate {state} -j DROP"]
    assert ask(host.snapshot(), HOST_ITSELF, "127.0.0.1", "icmp").observed == seen


@pytest.mark.parametrize(("protocol", "seen"), [("tcp", "refused"), ("udp", "refused"), ("icmp", "answered")])
def test_container_on_whose_port_nobody_listens(protocol: str, seen: str) -> None:
    host = small_host()
    path = ask(host.snapshot(), container("peer"), web_of(host), protocol, 81)
    assert path.observed == seen


def test_proxy_closes_the_connection_when_nobody_listens_behind_it() -> None:
    host = DockerHost()
    host.container("web", [host.network()], [EVERYWHERE])
    path = ask(host.snapshot(), HOST_ITSELF, "127.0.0.1")
    assert (path.verdict, path.observed) == ("refused", "closed")
    assert any(hop.leg == "proxy request" for hop in path.steps)


def test_dockerd_holds_a_port_without_answering() -> None:
    host = small_host(proxy=False)
    snapshot = replace(host.snapshot(), ruleset=Ruleset())
    path = ask(snapshot, NEIGHBOUR, ADDRESS)
    assert (path.verdict, path.observed) == ("no answer", "timed out")
    assert "dockerd" in path.reason


def test_datagram_is_answered_from_another_address_by_an_old_proxy() -> None:
    old, new = small_host(layout=27), small_host(layout=28)
    path = ask(old.snapshot(), container("peer"), ADDRESS, "udp", 5353)
    assert (path.verdict, path.observed) == ("no answer", "timed out")
    assert ask(new.snapshot(), container("peer"), ADDRESS, "udp", 5353).observed == "answered"


def test_a_sender_sees_the_same_of_all_branches_although_the_verdict_is_unknown() -> None:
    host = small_host(proxy=False)
    may_drop = ["-o br-000000000000 -m recent --name seen --rcheck -j DROP"]
    host.own_rules["filter", "DOCKER-USER"] = may_drop
    assert ask(host.snapshot(), NEIGHBOUR, ADDRESS).observed == "unknown"
    host.own_rules["raw", "PREROUTING"] = ["-i br-000000000000 -p tcp -m tcp --sport 80 -j DROP"]
    path = ask(host.snapshot(), NEIGHBOUR, ADDRESS)
    assert (path.verdict, path.observed) == ("unknown", "timed out")


def test_whether_a_program_of_the_host_answers_from_the_address_that_was_asked_is_its_own_choice() -> None:
    host = small_host()
    snapshot = host.snapshot()
    program = Listener("udp", WILDCARD, 5300, owner="named", pid=77)
    snapshot = replace(snapshot, listeners=[*snapshot.listeners, program])
    path = ask(snapshot, container("peer"), ADDRESS, "udp", 5300)
    gateway = host.networks[0].address(0)
    asked = f"whether the program on UDP port 5300 of host answers from {ADDRESS}, not {gateway}"
    assert (path.verdict, path.undetermined) == ("unknown", [asked])
    assert ask(snapshot, container("peer"), gateway, "udp", 5300).observed == "answered"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (f"SNAT --to-source {ADDRESS}", f"from another port of {ADDRESS} than 5353"),
        (f"SNAT --to-source {ADDRESS}:5353-5399", f"from another port of {ADDRESS} than 5353"),
        (f"SNAT --to-source {ADDRESS}:5353", "so connection tracking drops it: "),
    ],
)
def test_an_answer_of_its_own_cannot_have_the_address_that_was_asked(target: str, reason: str) -> None:
    """As the first question's connection has it; all of these were seen with engine 26.1.5."""
    host = small_host(layout=27)
    host.own_rules["nat", "POSTROUTING"] = [f"-p udp -m udp --sport 5353 -j {target}"]
    path = ask(host.snapshot(), container("peer"), ADDRESS, "udp", 5353)
    assert (path.verdict, path.observed) == ("no answer", "timed out")
    assert reason in path.reason
    # A question that is not tracked has no connection that would be in the way.
    host.own_rules["raw", "PREROUTING"] = ["-p udp -m udp --dport 5353 -j CT --notrack"]
    assert ask(host.snapshot(), container("peer"), ADDRESS, "udp", 5353).observed == "answered"


@pytest.mark.parametrize(
    ("rule", "protocol", "seen"),
    [
        ("-j DROP", "tcp", "timed out"),
        ("-j REJECT --reject-with icmp-port-unreachable", "tcp", "refused"),
        ("-j REJECT --reject-with icmp-port-unreachable", "udp", "refused"),
        ("-p tcp -j REJECT --reject-with tcp-reset", "tcp", "refused"),
        ("-j REJECT --reject-with icmp-host-unreachable", "tcp", "unreachable"),
        # A connected UDP socket does not hear of errors that the kernel takes for passing.
        ("-j REJECT --reject-with icmp-host-unreachable", "udp", "timed out"),
        ("-j REJECT --reject-with icmp-admin-prohibited", "udp", "unreachable"),
    ],
)
def test_what_a_rule_in_docker_user_looks_like_from_outside(rule: str, protocol: str, seen: str) -> None:
    host = small_host()
    host.own_rules["filter", "DOCKER-USER"] = [f"-i eth0 {rule}"]
    path = ask(host.snapshot(), NEIGHBOUR, ADDRESS, protocol, 8080 if protocol == "tcp" else 5353)
    assert path.observed == seen
    assert "DOCKER-USER" in path.reason
    assert path.steps[path.decided_at or 0].chain == "DOCKER-USER"


def test_rejection_that_cannot_come_back_is_not_seen() -> None:
    host = small_host()
    host.own_rules["filter", "DOCKER-USER"] = ["-i eth0 -j REJECT --reject-with icmp-port-unreachable"]
    host.own_rules["filter", "OUTPUT"] = ["-p icmp -j DROP"]
    path = ask(host.snapshot(), NEIGHBOUR, ADDRESS)
    assert path.observed == "timed out"
    assert "OUTPUT" in path.reason


@pytest.mark.parametrize(("protocol", "seen"), [("tcp", "timed out"), ("udp", "unreachable")])
def test_what_the_host_itself_sees_of_its_own_output_chain(protocol: str, seen: str) -> None:
    host = small_host()
    host.own_rules["filter", "OUTPUT"] = ["-d 203.0.113.0/24 -j DROP"]
    assert ask(host.snapshot(), HOST_ITSELF, "203.0.113.9", protocol, 53).observed == seen


def test_connection_whose_data_is_dropped() -> None:
    host = small_host()
    host.own_rules["filter", "DOCKER-USER"] = ["-i eth0 -m conntrack --ctstate ESTABLISHED -j DROP"]
    path = ask(host.snapshot(), NEIGHBOUR, ADDRESS)
    assert (path.verdict, path.observed) == ("dropped", "timed out")
    assert "its data is lost" in path.reason


def test_answer_that_a_rule_drops() -> None:
    host = small_host()
    host.own_rules["filter", "DOCKER-USER"] = ["-o eth0 -p tcp --sport 80 -j DROP".replace("--sport", "-m tcp --sport")]
    path = ask(host.snapshot(), NEIGHBOUR, ADDRESS)
    assert (path.verdict, path.observed) == ("no answer", "timed out")
    assert path.steps[path.decided_at or 0].leg == "reply"


def test_container_to_the_outside_is_masqueraded_or_gets_no_answer() -> None:
    host = small_host()
    assert ask(host.snapshot(), container("web"), "203.0.113.9", port=443).translated_source == ADDRESS
    vault = host.network(internal=True)
    host.container("secret", [vault])
    assert ask(host.snapshot(), container("secret"), "203.0.113.9", port=443).verdict == "dropped"
    host.own_rules["nat", "POSTROUTING"] = ["-j ACCEPT"]
    path = ask(host.snapshot(), container("web"), "203.0.113.9", port=443)
    assert (path.verdict, path.translated_source) == ("no answer", web_of(host))


def test_forwarding_is_asked_of_the_device_that_a_packet_comes_in_by() -> None:
    host = small_host()
    host.sysctls["net.ipv4.conf.eth0.forwarding"] = "0"
    path = ask(host.snapshot(), NEIGHBOUR, ADDRESS)
    assert (path.verdict, path.reason.partition(":")[0]) == ("dropped", "net.ipv4.conf.eth0.forwarding=0")
    # Only what comes in by eth0 is concerned, but the answer to a container does.
    path = ask(host.snapshot(), container("web"), "203.0.113.9", port=443)
    assert (path.verdict, path.observed) == ("no answer", "timed out")


def test_source_that_has_its_way_back_elsewhere_is_dropped_by_strict_reverse_path_filter() -> None:
    host = small_host()
    host.links.append(Link(3, "eth1", up=True, addresses=["198.51.100.10/24"]))
    question = Packet(Origin(OUTSIDE, "eth1"), ADDRESS, "tcp", 8080, source="192.0.2.77")
    for value, seen in (("0", "answered"), ("2", "answered"), ("1", "timed out")):
        host.sysctls["net.ipv4.conf.all.rp_filter"] = value
        assert predict(HostView.of(host.snapshot()), question).observed == seen, value


def test_source_that_is_the_hosts_own_is_martian() -> None:
    host = small_host()
    question = Packet(NEIGHBOUR, ADDRESS, "tcp", 8080, source="172.18.0.1")
    assert "of the host itself" in predict(HostView.of(host.snapshot()), question).reason


def test_marks_and_policy_rules_choose_the_way() -> None:
    host = small_host()
    snapshot = host.snapshot()
    rules = [PolicyRule(100, 4, "blackhole", mark=7, mask=0xFF), *snapshot.policy_rules]
    snapshot = replace(snapshot, policy_rules=sorted(rules, key=lambda rule: rule.priority))
    assert ask(snapshot, NEIGHBOUR, ADDRESS).observed == "answered"
    host.own_rules["mangle", "PREROUTING"] = ["-i eth0 -j MARK --set-xmark 0x7/0xffffffff"]
    marked = replace(host.snapshot(), policy_rules=snapshot.policy_rules)
    path = ask(marked, NEIGHBOUR, ADDRESS)
    assert (path.verdict, path.observed) == ("dropped", "timed out")
    assert "blackhole" in path.reason


@pytest.mark.parametrize(
    ("kind", "seen"), [("blackhole", "timed out"), ("unreachable", "unreachable"), ("prohibit", "unreachable")]
)
def test_routes_that_lead_nowhere(kind: str, seen: str) -> None:
    host = small_host()
    snapshot = host.snapshot()
    snapshot = replace(snapshot, routes=[*snapshot.routes, Route("203.0.113.0/24", 254, kind)])
    assert ask(snapshot, container("web"), "203.0.113.9", port=443).observed == seen
    assert ask(snapshot, HOST_ITSELF, "203.0.113.9", port=443).observed == "unreachable"


def test_condition_that_cannot_be_decided_makes_only_that_unknown_which_it_could_change() -> None:
    host = small_host()
    host.own_rules["filter", "DOCKER-USER"] = [
        "-i eth0 -m recent --rcheck --name bad --mask 255.255.255.255 --rsource -j DROP"
    ]
    path = ask(host.snapshot(), NEIGHBOUR, ADDRESS)
    assert (path.verdict, path.observed) == ("unknown", "unknown")
    assert any("recent" in doubt for doubt in path.undetermined)
    assert ask(host.snapshot(), container("peer"), web_of(host), port=80).verdict == "delivered"


def test_same_end_on_all_courses_is_no_doubt() -> None:
    host = small_host()
    host.own_rules["filter", "DOCKER-USER"] = [
        "-i eth0 -m recent --rcheck --name bad --mask 255.255.255.255 --rsource -j DROP",
        "-i eth0 -j DROP",
    ]
    path = ask(host.snapshot(), NEIGHBOUR, ADDRESS)
    assert (path.verdict, path.observed, path.undetermined) == ("dropped", "timed out", [])


def test_ports_that_the_kernel_chooses_from_leave_no_doubt_unless_a_rule_tells_them_apart() -> None:
    host = small_host()
    host.own_rules["filter", "DOCKER-USER"] = ["-i eth0 -p tcp -m tcp --sport 0:1023 -j DROP"]
    assert ask(host.snapshot(), NEIGHBOUR, ADDRESS).observed == "answered"
    host.own_rules["filter", "DOCKER-USER"] = ["-i eth0 -p tcp -m tcp --sport 40000:50000 -j DROP"]
    assert ask(host.snapshot(), NEIGHBOUR, ADDRESS).verdict == "unknown"
    known = Packet(NEIGHBOUR, ADDRESS, "tcp", 8080, source_port=40001)
    assert predict(HostView.of(host.snapshot()), known).observed == "timed out"


@pytest.mark.parametrize(("origin", "port"), [(NEIGHBOUR, 65535), (HOST_ITSELF, 20000), (container("peer"), 60999)])
def test_a_source_port_is_one_that_the_origin_chooses_from(origin: Origin, port: int) -> None:
    """Machines outside have systems of any kind, and each namespace its own setting."""
    host = small_host()
    host.sysctls["net.ipv4.ip_local_port_range"] = "10000 20000"
    view = HostView.of(host.snapshot())
    asked = Packet(origin, ADDRESS, "tcp", 8080)
    begin, first = departure(view, asked)
    assert first.sport == port
    assert source_port(view, asked, begin) == port
    assert source_port(view, replace(asked, source_port=5), begin) == 5


def test_a_rule_on_the_source_port_chooses_the_source_address_along_with_the_route() -> None:
    snapshot = small_host().snapshot()
    routes = [
        Route("0.0.0.0/0", 77, gateways=["192.0.2.254"], interfaces=[2], source="192.0.2.77"),
        Route("192.0.2.77/32", 255, "local", interfaces=[2]),
    ]
    rule = PolicyRule(100, 4, table=77, source_ports=[7000, 7000])
    rules = sorted([*snapshot.policy_rules, rule], key=lambda each: each.priority)
    view = HostView.of(replace(snapshot, routes=[*snapshot.routes, *routes], policy_rules=rules))
    asked = Packet(HOST_ITSELF, "198.51.100.9", "tcp", 80)
    sources = [departure(view, replace(asked, source_port=port))[1].saddr for port in (7000, 7001, None)]
    assert sources == [parse_address(text)[1] for text in ("192.0.2.77", ADDRESS, ADDRESS)]


@pytest.mark.parametrize("source", [CONTAINER_NAMESPACES, LISTENERS, RULESET])
def test_what_was_not_read_is_not_guessed(source: str) -> None:
    snapshot = small_host().snapshot()
    sources = {**snapshot.sources, source: Source(read=False, kind="denied", reason="run with become")}
    snapshot = replace(snapshot, sources=sources, ruleset=None if source == RULESET else snapshot.ruleset)
    origin = container("peer") if source == CONTAINER_NAMESPACES else HOST_ITSELF
    path = ask(snapshot, origin, "127.0.0.1" if source != CONTAINER_NAMESPACES else ADDRESS)
    assert path.verdict == "unknown"
    assert path.undetermined


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        (Packet(container("ghost"), ADDRESS, port=1), "no container 'ghost'"),
        (Packet(NEIGHBOUR, "somewhere", port=1), "destination: 'somewhere'"),
        (Packet(NEIGHBOUR, "224.0.0.1", port=1), "address of a single machine"),
        (Packet(NEIGHBOUR, "192.0.2.255", port=1), "address of a single machine"),
        (Packet(NEIGHBOUR, ADDRESS, "sctp", 1), "protocol: 'sctp'"),
        (Packet(NEIGHBOUR, ADDRESS, "tcp", 65536), "port: 65536"),
        (Packet(NEIGHBOUR, ADDRESS, "icmp", 7), "port: icmp"),
        (Packet(Origin(OUTSIDE, "wlan0"), ADDRESS, port=1), "interface 'wlan0'"),
        (Packet(Origin("moon"), ADDRESS, port=1), "origin: 'moon'"),
        (Packet(NEIGHBOUR, ADDRESS, port=1, source="2001:db8::1"), "family"),
        (Packet(HOST_ITSELF, ADDRESS, port=1, source="192.0.2.99"), "has no address 192.0.2.99"),
    ],
)
def test_packet_that_nobody_can_send(packet: Packet, words: str) -> None:
    with pytest.raises(BadPacketError, match=words):
        predict(HostView.of(small_host().snapshot()), packet)


def test_container_that_does_not_run_sends_nothing() -> None:
    snapshot = small_host().snapshot()
    stopped = [replace(item, pid=None, netns=None, nsid=None) for item in snapshot.containers]
    with pytest.raises(BadPacketError, match="is not running"):
        ask(replace(snapshot, containers=stopped), container("web"), ADDRESS)


def test_container_without_a_network_has_no_way() -> None:
    host = small_host()
    host.container("lonely", [])
    path = ask(host.snapshot(), container("lonely"), ADDRESS)
    assert (path.verdict, path.observed) == ("unreachable", "unreachable")


def test_hosts_own_service_is_named_with_its_program() -> None:
    host = small_host()
    path = ask(host.snapshot(), NEIGHBOUR, ADDRESS, port=22)
    assert (path.answered_by, path.observed) == ("host (sshd)", "answered")
    assert (path.responder, path.answering_container) == (Responder("host", "", "sshd"), "")
    host.listeners.append(Listener("tcp", "127.0.0.1", 631, owner="cupsd"))
    assert ask(host.snapshot(), HOST_ITSELF, "127.0.0.1", port=631).observed == "answered"
    assert ask(host.snapshot(), NEIGHBOUR, ADDRESS, port=631).observed == "refused"


def test_address_that_nobody_on_a_bridge_has() -> None:
    host = small_host()
    absent = host.networks[0].address(77)
    for protocol in ("tcp", "udp"):
        path = ask(host.snapshot(), HOST_ITSELF, absent, protocol, 80)
        assert (path.verdict, path.observed) == ("unreachable", "no answer")


def test_outside_machine_sent_back_to_its_own_link_is_answered_past_the_host() -> None:
    host = small_host(forward_policy="ACCEPT")
    assert ask(host.snapshot(), NEIGHBOUR, "192.0.2.50", port=80).observed == "answered"
    host.own_rules["nat", "PREROUTING"] = ["-p tcp -m tcp --dport 81 -j DNAT --to-destination 192.0.2.50:80"]
    path = ask(host.snapshot(), NEIGHBOUR, ADDRESS, port=81)
    assert (path.verdict, path.observed) == ("no answer", "timed out")


def test_paused_container_answers_nothing_but_ping() -> None:
    snapshot = small_host().snapshot()
    paused = [replace(item, status="paused" if item.name == "web" else item.status) for item in snapshot.containers]
    snapshot = replace(snapshot, containers=paused)
    address = "172.18.0.2"
    assert ask(snapshot, container("peer"), address, port=80).verdict == "no answer"
    assert ask(snapshot, container("peer"), address, "icmp").observed == "answered"


def test_bridge_that_is_down_leads_nowhere() -> None:
    host = small_host()
    host.links = [replace(link, up=link.kind != "bridge") for link in host.links]
    path = ask(host.snapshot(), container("peer"), web_of(host), port=80)
    assert (path.observed, "is down" in path.reason) == ("no answer", True)


def test_uplink_with_a_single_address_is_asked_from_the_next_router() -> None:
    host = small_host()
    host.links = [replace(link, addresses=[f"{ADDRESS}/32"]) if link.name == "eth0" else link for link in host.links]
    assert ask(host.snapshot(), NEIGHBOUR, ADDRESS).translated_source == "192.0.2.1"


def test_machine_outside_does_not_believe_a_source_of_the_loopback() -> None:
    host = small_host()
    host.own_rules["nat", "OUTPUT"] = ["-p tcp -m tcp --dport 9 -j DNAT --to-destination 192.0.2.50:9"]
    host.sysctls["net.ipv4.conf.eth0.route_localnet"] = "1"
    path = ask(host.snapshot(), HOST_ITSELF, "127.0.0.1", port=9)
    assert (path.verdict, path.observed, path.translated_source) == ("no answer", "timed out", "127.0.0.1")


def test_the_way_that_is_shown_is_one_whose_end_is_known() -> None:
    host = small_host()
    host.own_rules["filter", "DOCKER-USER"] = [
        "-p tcp -m statistic --mode random --probability 0.5 -j DROP",
        "-p tcp -j NFQUEUE --queue-num 0",
    ]
    path = ask(host.snapshot(), NEIGHBOUR, ADDRESS)
    assert path.verdict == "unknown"
    assert (path.steps[-1].chain, path.steps[-1].action) == ("DOCKER-USER", "drop")


@pytest.mark.parametrize(("bits", "seen"), [(3, "answered"), (8, "unknown")])
def test_many_open_conditions_are_followed_together_or_not_at_all(bits: int, seen: str) -> None:
    """Marks at random in every hook: what they make of a packet is the same, if there are not too many to follow."""
    host = small_host()
    rules = [
        f"-m statistic --mode random --probability 0.5 -j MARK --set-xmark {1 << bit:#x}/{1 << bit:#x}"
        for bit in range(bits)
    ]
    for chain in ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"):
        host.own_rules["mangle", chain] = rules
    path = ask(host.snapshot(), container("peer"), ADDRESS)
    assert path.observed == seen
    assert bool(path.undetermined) == (seen == "unknown")


UNROUTED = [PolicyRule(100, 4, mark=5, mask=0xFFFFFFFF, table=105)]
PROHIBIT = Route("0.0.0.0/0", 105, "prohibit")
NO_WAY = "after OUTPUT the route to 0.0.0.0/0 in table 105 of the host (prohibit) refuses packets to 192.0.2.50"


def marking_host(*rules: str, chain: str = "OUTPUT") -> HostSnapshot:
    """A host whose own datagrams get a mark in the table mangle for which there is no way, and with further rules."""
    host = small_host()
    host.own_rules["mangle", chain] = ["-p udp -j MARK --set-xmark 0x5/0xffffffff"]
    for rule in rules:
        table, place, text = rule.split(" ", 2)
        host.own_rules[table, place] = [*host.own_rules.get((table, place), []), text]
    snapshot = host.snapshot()
    return replace(snapshot, policy_rules=[*UNROUTED, *snapshot.policy_rules], routes=[*snapshot.routes, PROHIBIT])


def asked_by_udp(snapshot: HostSnapshot) -> Path:
    return predict(HostView.of(snapshot), Packet(HOST_ITSELF, "192.0.2.50", "udp", 53))


@pytest.mark.parametrize(
    "further", [(), ("filter OUTPUT -p udp -j REJECT --reject-with icmp-port-unreachable",),
                ("nat OUTPUT -p udp -j DNAT --to-destination 172.18.0.2:53",)]
)  # fmt: skip
def test_a_mark_without_a_way_ends_the_packet_before_any_later_rule(further: tuple[str, ...]) -> None:
    path = asked_by_udp(marking_host(*further))
    assert (path.verdict, path.observed) == ("dropped", "unreachable")
    assert path.reason == NO_WAY
    assert path.steps[-1].mechanism == "route_kind"
    tables = {step.table for step in path.steps if step.place == "output" and step.table}
    assert {table.split()[-1] for table in tables} == {"mangle"}


def test_a_mark_that_is_dropped_where_it_was_set_is_dropped_by_that_rule() -> None:
    path = asked_by_udp(marking_host("mangle OUTPUT -p udp -j DROP"))
    assert path.reason.startswith("rule 2 of chain OUTPUT (ip mangle) drops it")


def test_a_mark_that_a_chain_of_its_own_sets_leads_to_a_new_route_as_well() -> None:
    snapshot = marking_host()
    assert snapshot.ruleset is not None
    moved = {
        name: text.replace("-A OUTPUT -p udp -j MARK", ":MINE - [0:0]\n-A OUTPUT -j MINE\n-A MINE -p udp -j MARK")
        for name, text in snapshot.ruleset.save.items()
    }
    path = asked_by_udp(replace(snapshot, ruleset=replace(snapshot.ruleset, save=moved)))
    assert path.reason == NO_WAY
