"""What a sender sees of a TCP connection whose packets rules treat differently, one after the other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Link,
    Listener,
    PolicyRule,
    Route,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CLOSED,
    CONTAINER,
    DELIVERED,
    DROPPED,
    HOST,
    NO_ANSWER,
    OUTSIDE,
    TIMED_OUT,
    UNKNOWN,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost


def asked(rule: str, protocol: str = "tcp") -> tuple[str, str]:
    """How a question from outside to a published port ends where this rule stands in FORWARD."""
    host = DockerHost()
    listens = (protocol, 80)
    host.container("web", [host.network()], [PublishedPort(protocol, 80, WILDCARD, 8080)], [listens])
    host.own_rules["filter", "FORWARD"] = [rule]
    path = predict(HostView.of(host.snapshot()), Packet(Origin(OUTSIDE), ADDRESS, protocol, 8080))
    return path.verdict, path.observed


@pytest.mark.parametrize("reject_with", ["tcp-reset", "icmp-port-unreachable", "icmp-host-unreachable"])
def test_what_is_seen_of_a_repeated_syn_that_rules_refuse_is_left_open(reject_with: str) -> None:
    rule = f"-p tcp -m conntrack --ctstate ESTABLISHED -j REJECT --reject-with {reject_with}"
    assert asked(rule) == (NO_ANSWER, UNKNOWN)


def test_a_repeated_syn_that_rules_drop_is_lost_as_well() -> None:
    assert asked("-p tcp -m conntrack --ctstate ESTABLISHED -j DROP") == (NO_ANSWER, "timed out")


def test_a_rule_that_only_ends_answers_lets_the_repeated_syn_pass() -> None:
    assert asked("-p tcp -m conntrack --ctdir REPLY -j REJECT --reject-with tcp-reset") == (NO_ANSWER, "timed out")


def test_no_kernel_sends_a_datagram_again() -> None:
    rule = "-p udp -m conntrack --ctstate ESTABLISHED -j REJECT --reject-with icmp-port-unreachable"
    assert asked(rule, "udp") == (NO_ANSWER, "timed out")


@pytest.mark.parametrize(
    ("marks", "verdict"),
    [
        (["-m conntrack --ctstate NEW -j MARK --set-xmark 0x7/0xffffffff"], UNKNOWN),
        (["-s 172.18.0.0/20 -j MARK --set-xmark 0x7/0xffffffff"], DELIVERED),
    ],
)
def test_data_that_leaves_by_another_uplink_than_its_syn_may_be_lost(marks: list[str], verdict: str) -> None:
    host = DockerHost(forward_policy="ACCEPT")
    host.container("web", [host.network()])
    host.own_rules["mangle", "PREROUTING"] = marks
    host.links.append(Link(9, "eth1", "", up=True, addresses=["198.51.100.10/24"]))
    snapshot = host.snapshot()
    rules = [PolicyRule(100, 4, table=107, mark=7, mask=0xFF), *snapshot.policy_rules]
    rules.sort(key=lambda rule: rule.priority)
    routes = [
        *snapshot.routes,
        Route("198.51.100.0/24", 254, interfaces=[9]),
        Route("0.0.0.0/0", 107, gateways=["198.51.100.1"], interfaces=[9]),
    ]
    view = HostView.of(replace(snapshot, policy_rules=rules, routes=routes))
    path = predict(view, Packet(Origin(CONTAINER, "web"), "203.0.113.9", "tcp", 443))
    assert path.verdict == verdict
    doubt = "whether a connection opened through eth1 continues through eth0, where its data leaves"
    assert path.undetermined == ([doubt] if verdict == UNKNOWN else [])


_RESETS_ANSWERS = "-i eth0 -p tcp -m conntrack --ctdir REPLY -j REJECT --reject-with tcp-reset"


def asked_outside(in_forward: str, *in_output: str) -> Path:
    """How a container's question to the outside ends, whose answer comes in by a device that is no bridge port."""
    host = DockerHost()
    host.container("web", [host.network()])
    host.own_rules["filter", "FORWARD"] = [in_forward]
    host.own_rules["filter", "OUTPUT"] = list(in_output)
    return predict(HostView.of(host.snapshot()), Packet(Origin(CONTAINER, "web"), "203.0.113.9", "tcp", 443))


@pytest.mark.parametrize("further", [[], ["-p tcp -m tcp --tcp-flags RST RST -j REJECT"]])
def test_what_is_seen_of_the_reset_of_an_answer_to_a_syn_is_left_open(further: list[str]) -> None:
    """A rule that rejects the reset tells who asked, since the reset is sent in its name."""
    path = asked_outside(_RESETS_ANSWERS, *further)
    assert (path.verdict, path.observed) == (NO_ANSWER, UNKNOWN)


def test_an_error_about_the_reset_of_data_is_a_passing_one() -> None:
    data = "-i eth0 -p tcp -m tcp ! --tcp-flags SYN,ACK SYN,ACK -j REJECT --reject-with tcp-reset"
    path = asked_outside(data, "-p tcp -m tcp --tcp-flags RST RST -j REJECT --reject-with icmp-net-unreachable")
    assert (path.verdict, path.observed) == (NO_ANSWER, "timed out")


def test_the_reset_of_an_answer_by_a_bridge_port_passes_no_rule() -> None:
    host = DockerHost()
    host.container("web", [host.network()], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.own_rules["filter", "FORWARD"] = ["-o eth0 -p tcp -j REJECT --reject-with tcp-reset"]
    host.own_rules["filter", "OUTPUT"] = ["-p tcp -j REJECT --reject-with icmp-net-unreachable"]
    path = predict(HostView.of(host.snapshot()), Packet(Origin(OUTSIDE), ADDRESS, "tcp", 8080))
    assert (path.verdict, path.observed) == (NO_ANSWER, "timed out")


_GATEWAY = "172.18.0.1"
# Nothing that goes to these ports is tracked, while its answer is: connection tracking takes the first acknowledgement
# for a new connection of the other direction, which rules of the host's own connections lead elsewhere.
_ONE_WAY = {
    ("raw", "OUTPUT"): [f"-d {_GATEWAY}/32 -p tcp -m tcp --dport 79:8092 -j CT --notrack"],
    ("nat", "OUTPUT"): ["-p tcp -m tcp ! --dport 8082 -j REDIRECT --to-ports 8091"],
}


def asked_by_the_host(port: int, owner: str, engine: str, rules: dict[tuple[str, str], list[str]]) -> Path:
    """How a question of the host to a port of its own ends that dockerd or another program has."""
    host = DockerHost(proxy=False)
    host.container("web", [host.network()], [PublishedPort("tcp", 80, WILDCARD, 8091)], [("tcp", 80)])
    host.listeners.append(Listener("tcp", WILDCARD, port, owner=owner, pid=70))
    host.own_rules.update(rules)
    snapshot = host.snapshot()
    assert snapshot.engine is not None
    snapshot = replace(snapshot, engine=replace(snapshot.engine, version=engine))
    return predict(HostView.of(snapshot), Packet(Origin(HOST), _GATEWAY, "tcp", port))


@pytest.mark.parametrize(("port", "owner"), [(7000, "nginx"), (8091, "dockerd")])
def test_what_is_seen_is_left_open_once_an_open_connection_is_answered_to_others(port: int, owner: str) -> None:
    """They reset it, so that the one who answers forgets it, and resets what is sent again (seen on a lab host)."""
    path = asked_by_the_host(port, owner, "20.10.5", _ONE_WAY)
    assert (path.verdict, path.observed) == (NO_ANSWER, UNKNOWN)
    assert "it comes back past connection tracking" in path.reason
    untracked = {("raw", "OUTPUT"): ["-p tcp -j CT --notrack"]}
    whole = asked_by_the_host(port, owner, "20.10.5", untracked)
    assert whole.observed == ("answered" if owner == "nginx" else "timed out")


def test_nothing_comes_back_of_a_port_that_is_kept_by_a_filter() -> None:
    path = asked_by_the_host(8091, "dockerd", "29.1.5", _ONE_WAY)
    assert (path.verdict, path.observed) == (NO_ANSWER, "timed out")
    assert path.reason == "dockerd only reserves TCP port 8091; nothing answers there"


def test_an_answer_to_a_syn_that_comes_to_others_opens_nothing() -> None:
    host = DockerHost(proxy=False, bridge_netfilter=False)
    bridge = host.network()
    host.container("web", [bridge], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.container("peer", [bridge])
    path = predict(HostView.of(host.snapshot()), Packet(Origin(CONTAINER, "peer"), ADDRESS, "tcp", 8080))
    assert (path.verdict, path.observed) == (NO_ANSWER, "timed out")
    assert "it comes back past connection tracking" in path.reason


def test_what_is_seen_once_data_comes_to_others_is_left_open() -> None:
    """Rules of address translation see nothing of an untracked SYN, but of what follows: others reset that."""
    host = DockerHost(forward_policy="ACCEPT")
    host.container("web", [host.network()], listen=[("tcp", 80)])
    host.listeners.append(Listener("tcp", WILDCARD, 7000, owner="nginx", pid=70))
    host.own_rules["raw", "PREROUTING"] = ["-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j CT --notrack"]
    host.own_rules["nat", "PREROUTING"] = ["-p tcp -m tcp --dport 7000 -j DNAT --to-destination 172.18.0.2:80"]
    host.own_rules["filter", "FORWARD"] = ["-p tcp -j ACCEPT"]
    path = predict(HostView.of(host.snapshot()), Packet(Origin(OUTSIDE), ADDRESS, "tcp", 7000))
    reason = "the connection opens, then its data reaches another socket: container web"
    assert (path.verdict, path.observed, path.reason) == (DROPPED, UNKNOWN, reason)


@pytest.mark.parametrize(
    ("reject_with", "in_output", "seen"),
    [
        ("tcp-reset", [], CLOSED),
        ("tcp-reset", ["-p tcp -m tcp --tcp-flags RST RST -j DROP"], TIMED_OUT),
        ("icmp-port-unreachable", [], TIMED_OUT),
        ("icmp-port-unreachable", ["-p icmp -j DROP"], TIMED_OUT),
    ],
)
def test_a_reset_of_data_closes_the_connection_where_it_comes_back(
    reject_with: str, in_output: list[str], seen: str
) -> None:
    host = DockerHost()
    host.listeners.append(Listener("tcp", WILDCARD, 7000, owner="nginx", pid=70))
    data = "-p tcp -m tcp --dport 7000 ! --tcp-flags SYN SYN"
    host.own_rules["filter", "INPUT"] = [f"{data} -j REJECT --reject-with {reject_with}"]
    host.own_rules["filter", "OUTPUT"] = in_output
    path = predict(HostView.of(host.snapshot()), Packet(Origin(OUTSIDE), ADDRESS, "tcp", 7000))
    assert (path.verdict, path.observed) == (DROPPED, seen)


@pytest.mark.parametrize(
    ("masquerade", "ending"), [(True, (DELIVERED, "outside", ADDRESS)), (False, (NO_ANSWER, "", "192.0.2.254"))]
)
def test_a_neighbour_answers_through_this_host_what_it_is_asked_in_its_name(
    ending: tuple[str, str, str], *, masquerade: bool
) -> None:
    """Otherwise it answers its neighbour straight, who knows nothing of such a connection."""
    host = DockerHost(forward_policy="ACCEPT")
    host.own_rules["nat", "PREROUTING"] = ["-p tcp -m tcp --dport 8080 -j DNAT --to-destination 192.0.2.50:80"]
    host.own_rules["nat", "POSTROUTING"] = ["-d 192.0.2.50/32 -j MASQUERADE"] if masquerade else []
    path = predict(HostView.of(host.snapshot()), Packet(Origin(OUTSIDE), ADDRESS, "tcp", 8080))
    assert (path.verdict, path.answered_by, path.translated_source) == ending
    back = [step for step in path.steps if step.leg == "reply"]
    assert [step.source for step in back[-1:]] == ([f"{ADDRESS}:8080"] if masquerade else [])
