"""The summary of a run: every host in one state, checks by hosts, the gate with its reasons."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding, Remediation, Resource
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.run_summary import (
    HostRun,
    no_docker_anywhere,
    run_summary,
)

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
        audit,
        Gate("medium").complaint(findings),
        "gate passed (audit_fail_on: medium)",
        [f"/out/{host}.json", f"/out/{host}.xml"],
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


def test_one_host_that_fails_the_gate_needs_no_count() -> None:
    lines = texts([run_of("d", finding("x.high", severity="high"))])
    assert lines[-2:] == ["Gate failed:", "  d: 1 failed with severity high (audit_fail_on: medium)"]


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


def audited(host: str, snapshot: HostSnapshot) -> HostRun:
    audit = Audit.from_document(host, audit_of(snapshot))
    return HostRun.of(audit, audit.complaint(Gate("medium")), "gate passed (audit_fail_on: medium)")


def without_docker(host: str, kind: str = "absent") -> HostRun:
    return audited(host, SyntheticHost().unread("engine", kind=kind, reason="no Docker Engine here").snapshot())


def denied(host: str) -> HostRun:
    return audited(host, SyntheticHost().unread("engine", kind="denied", reason="permission denied").snapshot())


def test_hosts_without_docker_are_not_applicable_and_close_no_gate() -> None:
    lines = texts([RUNS[3], without_docker("db"), without_docker("pod", "podman")])
    states = [tuple(cells(line)) for line in lines[1:4]]
    assert states == [
        ("NOTHING FAILED", "1 host", "d"),
        ("NOT APPLICABLE", "1 host", "no Docker Engine: db"),
        ("NOT APPLICABLE", "1 host", "Podman, no Docker Engine: pod"),
    ]
    assert lines[-1] == "Gate passed (audit_fail_on: medium)"


def test_a_run_in_which_no_host_has_docker_fails() -> None:
    runs = [without_docker("db"), without_docker("pod", "podman")]
    (gate,) = (line for line in texts(runs) if line.startswith("Gate "))
    assert gate.startswith("Gate failed: no host of this run has a Docker Engine")
    assert "db, pod" in no_docker_anywhere(runs, 2)
    # Others of the play have their turn yet, or are another matter.
    assert no_docker_anywhere(runs, 3) == ""
    assert no_docker_anywhere([*runs, denied("web")], 3) == ""
    assert no_docker_anywhere([], 0) == ""


def test_engines_that_were_not_asked_are_one_row_a_reason_with_its_remediation() -> None:
    stopped = audited("s", SyntheticHost().unread("engine", kind="stopped", reason="it does not run").snapshot())
    lines = texts([denied("x"), denied("y"), stopped])
    rows = [cells(line) for line in lines if "audit.engine  " in line]
    assert [row[2].partition(": ")[0] for row in rows] == [
        "2 hosts, permission denied",
        "1 host, not running",
    ]
    assert rows[0][2].endswith("x, y")
    told = " ".join(lines[lines.index("Remediation:") :])
    assert "Run the audit with become" in told
    assert "Start dockerd" in told
    assert "x: Docker Engine: permission denied: 1 unknown (not evaluated) (audit_fail_on: medium)" in told


def test_a_platform_of_which_not_all_is_seen_is_named() -> None:
    host = SyntheticHost(engine={"flavor": "docker", "rootless": True})
    lines = texts([audited("web", host.snapshot()), RUNS[3]])
    assert any("(rootless): web" in line for line in lines)
