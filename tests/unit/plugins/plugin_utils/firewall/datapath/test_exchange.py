"""A SYN that is sent again because its answer was lost: rules that refuse it now are what its sender sees."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, PolicyRule, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import CONTAINER, OUTSIDE, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import DELIVERED, NO_ANSWER, UNKNOWN, Path
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
    assert asked(rule) == (UNKNOWN, UNKNOWN)


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
    doubt = "whether what is made by eth1 goes on by eth0, where its data leaves"
    assert path.undetermined == ([doubt] if verdict == UNKNOWN else [])


_RESETS_ANSWERS = "-i eth0 -p tcp -m conntrack --ctdir REPLY -j REJECT --reject-with tcp-reset"


def asked_outside(in_forward: str, *in_output: str) -> Path:
    """How a container's question to the outside ends, whose answer comes in by a device that is no bridge port."""
    host = DockerHost()
    host.container("web", [host.network()])
    host.own_rules["filter", "FORWARD"] = [in_forward]
    host.own_rules["filter", "OUTPUT"] = list(in_output)
    return predict(HostView.of(host.snapshot()), Packet(Origin(CONTAINER, "web"), "203.0.113.9", "tcp", 443))


@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        ("-p tcp -m tcp --tcp-flags RST RST -j REJECT --reject-with icmp-net-unreachable", UNKNOWN),
        ("-m conntrack --ctstate RELATED --ctdir ORIGINAL -j REJECT --reject-with icmp-port-unreachable", UNKNOWN),
        # No reset is answered by another one (nf_reject_ip_tcphdr_get()).
        ("-p tcp -m tcp --tcp-flags RST RST -j REJECT --reject-with tcp-reset", "timed out"),
        ("-p tcp -m tcp --tcp-flags RST RST -j DROP", "timed out"),
        ("-m conntrack --ctstate RELATED --ctdir REPLY -j REJECT --reject-with icmp-net-unreachable", "timed out"),
    ],
)
def test_what_is_seen_of_a_rejected_reset_of_an_answer_is_left_open(rule: str, seen: str) -> None:
    path = asked_outside(_RESETS_ANSWERS, rule)
    assert (path.verdict, path.observed) == (UNKNOWN if seen == UNKNOWN else NO_ANSWER, seen)


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
