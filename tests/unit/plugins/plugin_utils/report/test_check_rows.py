"""One screen for a host: a row a check, worst first, cut where it must be and nowhere else."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    AppliedWaiver,
    Finding,
    Remediation,
    Resource,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.check_rows import (
    enumerated,
    remediations,
    row_lines,
    rows_of,
    shortened,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import cells as width_of

from tests.unit.audits import audit_of
from tests.unit.plugins.plugin_utils.report.lines import cells
from tests.unit.synthetic_host import SyntheticHost

WIDTH = 100


def port(number: int, outcome: str = "fail", severity: str = "low", check: str = "publish.no-listener") -> Finding:
    """Of two ports in a row, both are of one container."""
    container = f"c{number // 2}"
    resource = Resource("port", f"{container}:{80 + number}/tcp", container=container)
    return Finding(check, outcome, severity, resource, f"{resource.name} is so", remediation=Remediation("Listen."))


def texts(findings: list[Finding]) -> list[str]:
    return [line.text for line in row_lines(rows_of(findings), WIDTH)]


def test_resources_of_a_check_take_one_line_with_their_number_and_the_first() -> None:
    (line,) = texts([port(number) for number in range(40)])
    label, check, told = cells(line)
    assert (label, check) == ("LOW", "publish.no-listener")
    assert told.startswith("40 ports in 20 containers: c0:80/tcp, c0:81/tcp, ")
    shown = told.count("/tcp")
    assert told.endswith(f", ... +{40 - shown}")
    assert shown >= 3


def test_one_resource_is_told_by_what_is_so() -> None:
    (line,) = texts([port(1)])
    assert cells(line)[-1] == "c0:81/tcp is so"


def test_rows_come_by_severity_then_unknown_then_waived() -> None:
    waived = replace(port(0, check="a.w"), waiver=AppliedWaiver("edge", "netops", "2099-12-31"))
    found = [
        port(0, "unknown", "high", "a.u"),
        port(0, "fail", "info", "a.i"),
        waived,
        port(0, "fail", "high", "a.h"),
        port(0, "fail", "medium", "a.m"),
        port(0, "pass", "high", "a.p"),
        port(0, "fail", "low", "a.l"),
    ]
    rows = [cells(line) for line in texts(found)]
    assert [row[0] for row in rows] == ["HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNKNOWN", "WAIVED"]
    assert rows[4][-1].startswith("not evaluated: ")
    assert rows[5][-1].startswith("until 2099-12-31 by netops: edge. ")


def test_a_check_has_its_cis_item_and_the_severity_that_the_policy_changed() -> None:
    (line,) = texts([replace(port(0), cis="5.14", default_severity="medium")])
    assert cells(line)[1] == "publish.no-listener (CIS 5.14, default medium)"


def test_one_reason_for_many_unknown_checks_takes_one_line() -> None:
    found = [replace(port(0, "unknown", check=f"a.c{number}"), summary="Not evaluated: denied") for number in range(20)]
    (line,) = texts(found)
    assert cells(line)[1:] == ["20 checks", cells(line)[2]]
    assert cells(line)[2].startswith("not evaluated: denied: a.c0, ")


def test_no_line_is_wider_and_no_name_is_acted_on() -> None:
    hostile = "a\x1b[2J\r\n\u202eHIGH" * 40
    findings = [replace(port(number), resource=Resource("port", f"{hostile}{number}")) for number in range(9)]
    findings += [replace(port(0, severity=severity, check="a.b"), summary=hostile) for severity in ("high", "info")]
    lines = texts(findings)
    assert max(width_of(line) for line in lines) <= WIDTH
    assert not [line for line in lines if "\x1b" in line or "\r" in line or "\n" in line or "\u202e" in line]
    assert len(lines) == 4


def test_what_is_cut_says_so() -> None:
    assert shortened("one two", 10, 1) == "one two"
    assert shortened("one two three four", 10, 1) == "one two..."
    assert shortened("x" * 30, 10, 2) == f"{'x' * 10} {'x' * 7}..."
    assert enumerated(["a", "b", "c"], 40) == "a, b, c"
    assert enumerated(["a" * 10, "b" * 10, "c" * 10], 24) == f"{'a' * 10}, ... +2"


def test_a_check_has_one_remediation_and_the_number_of_others() -> None:
    found = [port(0), replace(port(1), remediation=Remediation("Unpublish.")), port(2, check="b.same")]
    assert set(remediations(found)) == {"b.same: Listen.", "publish.no-listener: Listen. (+1 for other resources)"}
    assert (
        remediations([port(0, severity="info"), replace(port(0, "unknown"), remediation=None), port(0, "pass")]) == []
    )


def test_what_keeps_checks_from_being_evaluated_has_each_of_its_remediations() -> None:
    found = [replace(port(0, "unknown"), remediation=Remediation(text)) for text in ("Become root.", "Start it.")]
    assert remediations(found) == ["publish.no-listener: Become root.", "publish.no-listener: Start it."]


def troubled(checks: int) -> Audit:
    """A host on which so many checks fail, each on three ports, with a long remediation each."""
    document = audit_of(SyntheticHost().snapshot())
    long = [
        replace(port(number, severity="high", check=f"a.c{check}"), remediation=Remediation(f"{check} word " * 40))
        for check in range(checks)
        for number in range(3)
    ]
    return Audit("alpha", document, long)


def test_a_host_takes_a_screen_at_most_and_says_what_is_left_out() -> None:
    lines = [line.text for line in troubled(40).screen(WIDTH)]
    assert len(lines) <= 25
    assert "  ... and 28 more rows, with audit_detail: full" in lines
    assert [line for line in lines if line.startswith("  * ") and line.endswith(" more")]
    assert len(troubled(40).lines(WIDTH)) > 100


def test_where_whole_remediations_are_too_many_each_is_cut() -> None:
    lines = [line.text for line in troubled(8).screen(WIDTH)]
    assert len(lines) <= 25
    begin = lines.index("Remediation (audit_detail: full shows all of it):") + 1
    assert [line.split(":")[0].strip() for line in lines[begin:] if line.startswith("  * ")] == [
        f"* a.c{check}" for check in range(8)
    ]
    whole = [line.text for line in troubled(2).screen(WIDTH)]
    assert not [line for line in whole if line.endswith("...")]


def test_one_host_of_many_takes_what_is_broken() -> None:
    lines = [line.text for line in troubled(40).brief(WIDTH)]
    assert len(lines) == 6
    assert not [line for line in lines if "word" in line]


def test_a_host_without_a_failed_check_takes_one_line() -> None:
    audit = Audit("alpha", audit_of(SyntheticHost().snapshot()), [port(0, "pass")])
    told = "alpha: Docker 26.1.5: 0 failed, 0 unknown, 1 passed, 0 not applicable"
    assert audit.brief(WIDTH) == []
    assert [line.text for line in audit.screen(WIDTH) if line.text] == [told]


def test_why_there_was_no_audit_is_told_on_the_screen() -> None:
    audit = Audit.from_result("alpha", {"unreachable": True, "msg": "no\x1b route"})
    (line,) = audit.brief(WIDTH)
    assert line.text == "alpha: not audited, the host could not be reached: no\\x1b route"
    assert "alpha: not audited" in next(line.text for line in audit.lines(WIDTH))
