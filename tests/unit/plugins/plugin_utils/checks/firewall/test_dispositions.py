"""What is said of packets that did not fare well."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import PolicyRule
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Path, PathStep, Subject
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONTAINER_NAMESPACES,
    NAMESPACES,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import CONTAINER, Gap
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.dispositions import (
    remediation_of,
    unread_inside,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import ROUTE_KIND

from tests.unit.docker_host import WILDCARD, DockerHost
from tests.unit.plugins.plugin_utils.checks.verdicts import only
from tests.unit.synthetic_host import HOST_NETNS, SyntheticHost


@pytest.mark.parametrize(
    ("leg", "action", "table", "rule", "said"),
    [
        ("reply", "drop", "ip filter", "-i eth0 -j DROP", "--ctstate RELATED,ESTABLISHED -j RETURN"),
        ("proxy reply", "reject", "inet fw", "reject", "ct state established,related accept"),
        ("request", "drop", "ip filter", "-i eth0 -j DROP", "decide with its owner"),
        ("reply", "drop", "ip filter", "", "its accept does not override the policy"),
        ("request", "reject", "inet firewalld", "reject with icmpx admin-prohibited", "--zone=docker --add-interface"),
    ],
)
def test_the_remediation_is_for_what_ended_the_packet(leg: str, action: str, table: str, rule: str, said: str) -> None:
    step = PathStep(leg, "forward", action, "192.0.2.1", "172.18.0.2", table=table, chain="FORWARD", rule=rule)
    assert said in remediation_of(Path("dropped", "timed out", "it is dropped", [step], decided_at=0), []).text


def test_a_packet_that_nothing_in_particular_ended_has_a_remediation_too() -> None:
    assert "named rule or setting" in remediation_of(Path("unknown", "unknown", "it depends"), []).text


def test_what_no_chain_decided_is_a_setting() -> None:
    step = PathStep("request", "routing", "drop", "192.0.2.1", "172.18.0.2")
    assert (
        "decide with its owner"
        in remediation_of(Path("dropped", "timed out", "it is dropped", [step], decided_at=0), []).text
    )


@pytest.mark.parametrize(("source", "said"), [(CONTAINER_NAMESPACES, False), (NAMESPACES, True)])
def test_a_namespace_that_was_not_found_is_said_where_nothing_else_says_it(source: str, said: bool) -> None:
    gap = Gap(source, CONTAINER, "gone", "it was not read")
    host = SyntheticHost().container("web").container("gone", netns=4026549999)
    found = unread_inside(replace(host.snapshot(), gaps=[gap]))
    assert [item.outcome for item in found] == (["unknown"] if said else [])
    assert all("gone was not read" in item.summary and "web" not in item.summary for item in found)


def test_what_is_on_the_host_or_does_not_run_has_no_namespace_to_be_found() -> None:
    host = SyntheticHost().container("agent", networks=(), mode="host", netns=HOST_NETNS, nsid=None)
    assert not unread_inside(host.container("over", netns=None, pid=None).snapshot())
    (verdict,) = unread_inside(host.container("lost", netns=None).snapshot())
    assert "lost" in verdict.summary
    assert verdict.evidence == {"number of containers": 1}


@pytest.mark.parametrize(
    ("container", "said"),
    [("web", "docker restart web"), ("", "Restore the host's route to 198.51.100.7 (ip route get 198.51.100.7")],
)
def test_who_has_no_route_gets_it_back(container: str, said: str) -> None:
    step = PathStep(
        "request", "routing", "unreachable", "172.18.0.2", "198.51.100.7:443", mechanism=ROUTE_KIND,
        subject=Subject(container=container),
    )  # fmt: skip
    path = Path("unreachable", "unreachable", "no route", [step], decided_at=0)
    assert said in remediation_of(path, []).text


@pytest.mark.parametrize("rp_filter", ["0", "2"])
def test_one_policy_rule_inside_has_one_remediation_whatever_check_finds_it(rp_filter: str) -> None:
    host = DockerHost()
    bridge = host.network()
    host.container("web", [bridge], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.container("peer", [bridge])
    snapshot = host.snapshot()
    web, peer = snapshot.container_namespaces
    rules = [PolicyRule(0, 4, table=255), PolicyRule(10, 4, "prohibit"), PolicyRule(32766, 4, table=254)]
    web = replace(web, rules=rules, sysctls={**web.sysctls, "net.ipv4.conf.all.rp_filter": rp_filter})
    snapshot = replace(snapshot, container_namespaces=[web, peer])
    findings = [only(snapshot, check) for check in ("firewall.publish", "firewall.egress", "network.connectivity")]
    texts = {item.remediation.text for item in findings if item.remediation is not None}
    assert [item.outcome for item in findings] == ["fail"] * 3
    assert len(texts) == 1
    assert f"nsenter -n -t {snapshot.containers[0].pid} ip rule delete priority 10 prohibit" in texts.pop()
