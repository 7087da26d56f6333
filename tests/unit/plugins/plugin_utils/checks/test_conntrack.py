"""Flows of UDP that lead to a container that is gone."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Conntrack, TrackedFlow
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.unit.synthetic_host import HOST_ADDRESS, SyntheticHost


def flow(address: str, port: int = 53, source_port: int = 4000) -> TrackedFlow:
    return TrackedFlow("192.0.2.77", source_port, HOST_ADDRESS, 5353, address, port, 100)


def judge(host: SyntheticHost, *, complete: bool = True) -> list[Finding]:
    snapshot = replace(host.snapshot(), conntrack=Conntrack(host.flows, complete))
    return run_checks(AuditContext(snapshot, Settings(checks=("conntrack.stale",))))


def named() -> SyntheticHost:
    """Its name server has 10.88.1.2."""
    return SyntheticHost().container("dns", publish=(f"{HOST_ADDRESS}|5353|53/udp",))


def test_a_flow_to_the_container_that_publishes_it_is_fine() -> None:
    host = named()
    host.flows.append(flow("10.88.1.2"))
    (finding,) = judge(host)
    assert (finding.outcome, finding.evidence) == ("pass", {"translated flows": 1})


def test_flows_to_an_address_that_nobody_has_are_one_finding() -> None:
    host = named()
    host.flows += [flow("10.88.1.9", source_port=port) for port in range(4000, 4008)]
    (finding,) = judge(host)
    assert (finding.outcome, finding.resource.name) == ("fail", f"{HOST_ADDRESS}:5353/udp")
    assert "8 flows" in finding.summary
    assert "no running container has 10.88.1.9" in finding.summary
    assert finding.evidence["from"][-1] == "and 3 more"
    assert finding.remediation is not None
    assert finding.remediation.text.endswith(": conntrack -D -p udp --orig-port-dst 5353 --reply-src 10.88.1.9")


def test_a_flow_to_the_address_that_another_container_has_now() -> None:
    host = named().container("web")
    host.flows.append(flow("10.88.1.3"))
    (finding,) = judge(host)
    assert " 10.88.1.3:53, and 5353/udp is " in finding.summary
    assert finding.summary.endswith(" by 10.88.1.2:53 now")


def test_translations_of_others_do_not_matter() -> None:
    """Neither to other machines, nor to the bridge itself, nor by an administrator's rule for a running container."""
    host = named().container("web")
    other = replace(flow("10.88.1.3"), destination_port=9999)
    host.flows += [flow("203.0.113.5"), flow("10.88.1.1"), other]
    assert judge(host)[0].outcome == "pass"


def test_a_stopped_container_has_no_address() -> None:
    host = named()
    host.containers[0] = replace(host.containers[0], pid=None)
    host.flows.append(flow("10.88.1.2"))
    assert judge(host)[0].outcome == "fail"


def test_more_flows_than_were_read_are_unknown_unless_one_is_stale() -> None:
    host = named()
    host.flows.append(flow("10.88.1.2"))
    assert judge(host, complete=False)[0].outcome == "unknown"
    host.flows.append(flow("10.88.1.9"))
    assert judge(host, complete=False)[0].outcome == "fail"
