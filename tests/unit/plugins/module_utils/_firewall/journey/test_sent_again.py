"""A SYN that is sent again because its answer was lost: rules that refuse it now are what its sender sees."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.predict import predict
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import OUTSIDE, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import NO_ANSWER

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost


def asked(rule: str, protocol: str = "tcp") -> tuple[str, str]:
    """How a question from outside to a published port ends where this rule stands in FORWARD."""
    host = DockerHost()
    listens = (protocol, 80)
    host.container("web", [host.network()], [PublishedPort(protocol, 80, WILDCARD, 8080)], [listens])
    host.own_rules["filter", "FORWARD"] = [rule]
    path = predict(HostView.of(host.snapshot()), Packet(Origin(OUTSIDE), ADDRESS, protocol, 8080))
    return path.verdict, path.seen


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("REJECT --reject-with tcp-reset", "refused"),
        ("REJECT --reject-with icmp-port-unreachable", "refused"),
        ("REJECT --reject-with icmp-host-unreachable", "unreachable"),
        ("DROP", "timed out"),
    ],
)
def test_rules_know_the_repeated_syn_as_part_of_an_established_connection(target: str, seen: str) -> None:
    rule = f"-p tcp -m conntrack --ctstate ESTABLISHED -j {target}"
    assert asked(rule) == (NO_ANSWER, seen)


def test_a_rule_that_only_ends_answers_lets_the_repeated_syn_pass() -> None:
    assert asked("-p tcp -m conntrack --ctdir REPLY -j REJECT --reject-with tcp-reset") == (NO_ANSWER, "timed out")


def test_no_kernel_sends_a_datagram_again() -> None:
    rule = "-p udp -m conntrack --ctstate ESTABLISHED -j REJECT --reject-with icmp-port-unreachable"
    assert asked(rule, "udp") == (NO_ANSWER, "timed out")
