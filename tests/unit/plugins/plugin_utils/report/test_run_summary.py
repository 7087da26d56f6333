"""The summary of a run: every host in one state, checks by hosts, the gate with its reasons."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding, Remediation, Resource
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.run_summary import HostRun, run_summary

from tests.unit.audits import audit_of
from tests.unit.plugins.plugin_utils.report.lines import cells
from tests.unit.synthetic_host import SyntheticHost

WIDTH = 110
DOCUMENT = audit_of(SyntheticHost().snapshot())


def finding(check: str, outcome: str = "fail", severity: str = "low") -> Finding:
    return Finding(check, outcome, severity, Resource("host", "host"), f"{check} is so", remediation=Remediation("Do."))


def run_of(host: str, *findings: Finding) -> HostRun:
    audit = Audit(host, DOCUMENT, findings)
    return HostRun.of(
        audit, Gate("medium").complaint(findings), "gate passed (audit_fail_on: medium)", [f"/out/{host}.xml"]
    )


def lost(host: str, kind: str) -> HostRun:
    return HostRun.from_results(host, {kind: True, "msg": "no\x1broute"}, {kind: True, "msg": "not audited: no route"})


def texts(runs: list[HostRun], hosts: int = 0) -> list[str]:
    return [line.text for line in run_summary(runs, hosts or len(runs), WIDTH) if line.text]


RUNS = [
    run_of("a", finding("x.high", severity="high"), finding("x.low")),
    run_of("b", finding("x.low"), finding("y.low")),
    run_of("c", finding("z.unknown", "unknown", "high"), finding("x.low")),
    run_of("d", finding("x.low", "pass")),
    run_of("e", finding("i.info", severity="info")),
    lost("f", "unreachable"),
    lost("g", "failed"),
]


def test_every_host_has_one_state() -> None:
    lines = texts(RUNS)
    assert lines[0] == "RUN SUMMARY: 7 hosts"
    assert [tuple(cells(line)) for line in lines[1:8]] == [
        ("UNREACHABLE", "1 host", "f"),
        ("NOT AUDITED", "1 host", "g"),
        ("HIGH", "1 host", "a"),
        ("UNKNOWN", "1 host", "c"),
        ("LOW", "1 host", "b"),
        ("INFORMATIONAL", "1 host", "e"),
        ("NOTHING FAILED", "1 host", "d"),
    ]


def test_checks_come_worst_first_and_then_by_hosts() -> None:
    lines = texts(RUNS)
    begin = lines.index("Failing checks:") + 1
    assert [tuple(cells(line)) for line in lines[begin : begin + 5]] == [
        ("HIGH", "x.high", "1 host: a: x.high is so"),
        ("LOW", "x.low", "3 hosts: a, b, c"),
        ("LOW", "y.low", "1 host: b: y.low is so"),
        ("UNKNOWN", "z.unknown", "1 host: c: not evaluated: z.unknown is so"),
        ("INFORMATIONAL", "1 check", "i.info: 1 host"),
    ]


def test_the_gate_names_hosts_and_reasons_and_files_their_directory() -> None:
    lines = texts(RUNS)
    assert "Files: /out: JSON and JUnit XML of 5 hosts" in lines
    begin = lines.index("Gate failed on 4 of 7 hosts:")
    assert [line.split(":")[0].strip() for line in lines[begin + 1 :]] == ["a", "c", "f", "g"]


def test_remediations_are_there_once() -> None:
    lines = texts([run_of(f"h{number}", finding("x.high", severity="high")) for number in range(40)])
    assert [line for line in lines if "Do." in line] == ["  * x.high: Do."]
    assert len(lines) < 25


def test_one_host_has_its_gate_alone() -> None:
    assert texts([run_of("d", finding("x.low"))]) == [
        "Files: /out: JSON and JUnit XML of 1 host",
        "Gate passed (audit_fail_on: medium)",
    ]


def test_a_batch_says_of_how_many_hosts_it_tells() -> None:
    assert texts(RUNS[:2], 40)[0] == "RUN SUMMARY: 2 hosts of 40"


def test_a_host_that_an_earlier_task_lost_is_not_audited() -> None:
    run = HostRun.from_results("a", {}, {})
    assert (run.state, run.closed) == ("failed", "not audited: a task before the audit failed")


def test_a_page_is_enough_for_many_hosts_with_many_faults() -> None:
    checks = [
        finding(f"{severity}.c{number}", severity=severity) for severity in ("high", "low") for number in range(30)
    ]
    lines = texts([run_of(f"host{number}", *checks) for number in range(40)])
    assert len(lines) <= 60
    assert max(len(line) for line in lines) <= WIDTH
