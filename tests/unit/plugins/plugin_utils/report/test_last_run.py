# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is new and fixed since the last run: what counts as either, and that no earlier file can do harm."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    AppliedWaiver,
    Finding,
    Resource,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import LARGEST
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import FULL, SUMMARY
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.change_words import NEW, NOT_COMPARED, FlowChange
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report import last_run
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import (
    document_text,
    plain_finding,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import not_audited
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.earlier_audit import minute_of, second_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.last_run import (
    CheckChange,
    LastRun,
    compare_with_last_run,
    host_change_line,
    host_change_lines,
    plain_changes,
    run_change_lines,
    words_of,
)

from tests.unit.audits import audit_of
from tests.unit.docker_host import WILDCARD, DockerHost
from tests.unit.patience import SECONDS
from tests.unit.plugins.plugin_utils.report.lines import cells
from tests.unit.synthetic_host import SyntheticHost

WIDTH = 110
DOCUMENT = audit_of(SyntheticHost().snapshot())
THEN, NOW = "2026-11-30T10:00:00+00:00", "2026-12-01T10:00:00+00:00"
WAIVER = AppliedWaiver("known", "ops", "2027-01-01")


def finding(check: str, outcome: str = "fail", name: str = "web", severity: str = "low", **more: Any) -> Finding:
    return Finding(check, outcome, severity, Resource("container", name), "it is so", **more)


def text(findings: Sequence[Finding], taken_at: str = NOW, host: str = "alpha") -> str:
    about = {**DOCUMENT["host"], "inventory_name": host, "taken_at": taken_at}
    return document_text({**DOCUMENT, "host": about, "findings": [plain_finding(item) for item in findings]})


def compared(tmp_path: Path, before: Sequence[Finding], now: Sequence[Finding]) -> LastRun:
    path = tmp_path / "alpha.json"
    path.write_text(text(before, THEN))
    found = compare_with_last_run(path, text(now))
    assert found is not None
    assert found.problem == ""
    return found


def test_a_first_run_has_nothing_to_compare_with(tmp_path: Path) -> None:
    assert compare_with_last_run(tmp_path / "alpha.json", text([])) is None


def test_findings_are_told_apart_by_check_and_resource(tmp_path: Path) -> None:
    before = [finding("a.same"), finding("b.gone", name="db"), finding("b.gone", "pass"), finding("c.new", "pass")]
    now = [
        *(finding("a.same"), finding("a.same", name="db", severity="high"), finding("c.new", severity="medium")),
        finding("b.gone", "pass"),
    ]
    assert compared(tmp_path, before, now) == LastRun(
        taken_at=THEN,
        new=[
            CheckChange("a.same", "high", 1, ["container db"]),
            CheckChange("c.new", "medium", 1, ["container web"]),
        ],
        fixed=[CheckChange("b.gone", "low", 1, ["container db"])],
    )


def test_a_resource_that_is_gone_no_longer_fails(tmp_path: Path) -> None:
    found = compared(tmp_path, [finding("a.x", name="old")], [finding("a.x", "not_applicable", name="host")])
    assert found.fixed == [CheckChange("a.x", "low", 1, ["container old"])]


@pytest.mark.parametrize(
    "other",
    [
        [finding("b.other", "pass")],
        [finding("a.x", "unknown")],
        [finding("a.x", "unknown", name="host")],
        [finding("a.x", "pass"), finding("a.x", "unknown")],
    ],
    ids=["not run", "unknown", "partly unknown", "unknown in part of it"],
)
def test_what_one_run_did_not_evaluate_is_neither_new_nor_fixed(tmp_path: Path, other: list[Finding]) -> None:
    failed = [finding("a.x")]
    for before, now in ((failed, other), (other, failed)):
        assert compared(tmp_path, before, now) == LastRun(taken_at=THEN, not_compared=["a.x"])


def test_of_a_check_that_is_unknown_elsewhere_a_pass_of_the_resource_counts(tmp_path: Path) -> None:
    partly = [finding("a.x", "pass"), finding("a.x", "unknown", name="db")]
    assert [change.check for change in compared(tmp_path, [finding("a.x")], partly).fixed] == ["a.x"]
    assert [change.check for change in compared(tmp_path, partly, [finding("a.x")]).new] == ["a.x"]


def test_a_waived_failure_is_not_new(tmp_path: Path) -> None:
    assert compared(tmp_path, [finding("a.x", "pass")], [finding("a.x", waiver=WAIVER)]) == LastRun(taken_at=THEN)
    assert compared(tmp_path, [finding("a.x", waiver=WAIVER)], [finding("a.x")]) == LastRun(taken_at=THEN)


def test_of_many_resources_the_first_are_named(tmp_path: Path) -> None:
    many = [finding("a.x", name=f"c{number:03}") for number in range(400)]
    (change,) = compared(tmp_path, [finding("a.x", "pass", name="none")], many).new
    assert change.findings == 400
    assert change.resources == [f"container c{number:03}" for number in range(10)]


def _of(**changes: Any) -> str:
    return json.dumps({**json.loads(text([finding("a.x")], THEN)), **changes})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "it is no JSON"),
        ('{"document": {', "it is no JSON"),
        ("\xff", "it is no JSON"),
        ("[" * 200_000, "nested too deeply"),
        ("[]", "no document of an audit"),
        ('{"document": 5}', "no document of an audit"),
        (_of(document={"name": "dockernet.baseline.audit", "version": 2}), "its version is 2, and not 3"),
        (_of(document={"name": "dockernet.baseline.audit", "version": ["x"]}), "its version is ['x'], and not 3"),
        (_of(host=5), "does not say of which host"),
        (_of(host={"inventory_name": 5, "taken_at": THEN}), "does not say of which host"),
        (_of(findings=[{"check": "a.x"}]), "findings"),
        (_of(findings="none"), "findings"),
        (_of(findings=[{**plain_finding(finding("a.x")), "severity": "grave"}]), "the severity 'grave'"),
        (_of(host={"inventory_name": "beta", "taken_at": THEN}), "it is of the host beta"),
        (_of(host={"inventory_name": "alpha", "taken_at": "yesterday"}), "does not say when"),
        (_of(host={"inventory_name": "alpha", "taken_at": "2027-01-01T00:00:00+00:00"}), "of a later reading"),
        (json.dumps(not_audited("alpha", "unreachable", "no route")), "the host was not audited"),
    ],
    ids=[
        "empty",
        "cut off",
        "no UTF-8",
        "nested",
        "a list",
        "no header",
        "version",
        "version of another type",
        "no host",
        "a host without a name",
        "a finding without its fields",
        "no list of findings",
        "severity",
        "another host",
        "no time",
        "later",
        "not audited",
    ],
)
def test_what_cannot_be_compared_is_named_in_a_line(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "alpha.json"
    path.write_bytes(content.encode("latin-1"))
    found = compare_with_last_run(path, text([finding("a.x")]))
    assert found is not None
    assert found == LastRun(problem=found.problem)
    assert found.problem.startswith("alpha.json")
    assert words in found.problem
    (line,) = host_change_lines(found, WIDTH)
    assert line.text.startswith("Not compared with the last run: alpha.json")
    assert len(line.text) <= WIDTH


def test_a_pipe_a_directory_and_a_large_file_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "large").write_bytes(b"")
    os.truncate(tmp_path / "large", LARGEST + 1)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    words = {
        "pipe": "it is not a regular file",
        "folder": "it is not a regular file",
        "large": f"more than {LARGEST} bytes",
        "dangling": "No such file",
    }
    for name, expected in words.items():
        found = compare_with_last_run(tmp_path / name, text([]))
        assert found is not None
        assert expected in found.problem


def test_reading_has_a_limit_of_memory_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "alpha.json"
    # One piece that is larger than what this process may have left over from tests before.
    path.write_text(f'"{"x" * (LARGEST - 2)}"')
    monkeypatch.setattr(last_run, "MEMORY", LARGEST // 2)
    monkeypatch.setattr(last_run, "_SECONDS", SECONDS)
    found = compare_with_last_run(path, text([]))
    assert found is not None
    assert "memory" in found.problem
    monkeypatch.setattr(last_run, "_SECONDS", 0.0)
    found = compare_with_last_run(path, text([]))
    assert found is not None
    assert "deadline" in found.problem


def test_secrets_and_escapes_of_an_earlier_document_are_not_shown(tmp_path: Path) -> None:
    name = "\x1b[2Jpassword=hunter22"
    found = compared(tmp_path, [finding("a.x", name=name)], [finding("a.x", "pass")])
    shown = "\n".join(line.text for line in host_change_lines(found, WIDTH))
    assert "hunter22" not in shown
    assert "\x1b" not in shown
    assert "\\x1b[2J" in shown


LAST = LastRun(
    taken_at=THEN,
    new=[
        CheckChange("a.high", "high", 1, ["host"]),
        CheckChange("b.low", "low", 40, [f"port p{number}" for number in range(10)]),
    ],
    fixed=[CheckChange("c.low", "low", 2, ["container web", "container db"])],
    not_compared=["d.unknown"],
)
EARLIER = LastRun(taken_at="2026-11-30T09:00:00+00:00", new=[CheckChange("b.low", "low", 1, ["port x"])])


def test_a_host_has_a_row_a_check() -> None:
    lines = [line.text for line in host_change_lines(LAST, WIDTH)]
    assert lines[0] == "Since the last run, 2026-11-30T10:00Z: 41 new findings, 2 fixed"
    assert host_change_line(LAST, WIDTH).text == lines[0]
    assert [cells(line)[:2] for line in lines[1:]] == [
        ["NEW", "a.high (high)"],
        ["NEW", "b.low (low)"],
        ["FIXED", "c.low (low)"],
        ["NOT COMPARED", "1 check"],
    ]
    assert cells(lines[2])[2].startswith("40 findings: port p0, port p1, ")
    assert lines[2].endswith("...")
    assert cells(lines[4])[2] == "evaluated in one of the runs only: d.unknown"
    assert max(len(line) for line in lines) <= WIDTH


def test_a_host_on_which_nothing_changed_takes_a_line() -> None:
    lines = [line.text for line in host_change_lines(LastRun(taken_at=THEN), WIDTH)]
    assert lines == ["Since the last run, 2026-11-30T10:00Z: nothing new, nothing fixed"]
    assert host_change_lines(None, WIDTH) == []


def test_of_many_checks_the_first_have_a_row() -> None:
    many = [CheckChange(f"x.c{number}", "low", 1, ["host"]) for number in range(30)]
    lines = [line.text for line in host_change_lines(LastRun(taken_at=THEN, new=many, fixed=many), WIDTH)]
    assert len(lines) == 7
    assert cells(lines[3])[:2] == ["NEW", "28 more checks"]


def test_a_run_counts_checks_by_hosts() -> None:
    runs = {"web1": LAST, "web2": EARLIER, "web3": LastRun(problem="web3.json: it is no JSON")}
    lines = [line.text for line in run_change_lines(runs, 5, WIDTH)]
    assert lines[0] == (
        "Since the last run, 2026-11-30T09:00Z to 2026-11-30T10:00Z: 42 new findings, 2 fixed (2 of 5 hosts compared)"
    )
    assert [cells(line) for line in lines[1:]] == [
        ["NEW", "a.high (high)", "1 host: web1: host"],
        ["NEW", "b.low (low)", "2 hosts: web1, web2"],
        ["FIXED", "c.low (low)", "1 host: web1: 2 findings: container web, container db"],
        ["NOT COMPARED", "1 host", "web3: web3.json: it is no JSON"],
    ]
    assert run_change_lines({}, 5, WIDTH) == []
    only = [line.text for line in run_change_lines({"web3": runs["web3"]}, 1, WIDTH)]
    assert only[0] == "Not compared with the last run:"


def test_programs_get_the_same_by_check() -> None:
    assert plain_changes({"web1": LAST, "web2": EARLIER, "web3": LastRun(problem="it is no JSON")}) == {
        "compared": ["web1", "web2"],
        "new": [
            {"check": "a.high", "severity": "high", "hosts": [{"host": "web1", "findings": 1}]},
            {
                "check": "b.low",
                "severity": "low",
                "hosts": [{"host": "web1", "findings": 40}, {"host": "web2", "findings": 1}],
            },
        ],
        "fixed": [{"check": "c.low", "severity": "low", "hosts": [{"host": "web1", "findings": 2}]}],
        "reachability": [],
        "problems": [{"host": "web3", "problem": "it is no JSON"}],
    }


# ---- what is reached -------------------------------------------------------------------------------------------------


WEB = PublishedPort("tcp", 80, WILDCARD, 8080)


def reached(*published: PublishedPort, detail: str = FULL, taken_at: str = NOW) -> str:
    """The text of a document of a host on which web is published so."""
    host = DockerHost()
    host.container("web", [host.network()], published, [("tcp", 80)])
    document = audit_of(host.snapshot(), detail=detail)
    about = {**document["host"], "inventory_name": "alpha", "taken_at": taken_at}
    return document_text({**document, "host": about, "findings": []})


def since(tmp_path: Path, before: str, now: str) -> LastRun:
    path = tmp_path / "alpha.json"
    path.write_text(before)
    found = compare_with_last_run(path, now)
    assert found is not None
    return found


def test_what_became_reachable_is_said_in_words_for_the_host_and_for_the_run(tmp_path: Path) -> None:
    found = since(tmp_path, reached(taken_at=THEN), reached(WEB))
    words = "new: outside and the host reach web:80/tcp at 127.0.0.1:8080"
    assert words in words_of(found)
    assert (found.problem, found.more_reachability) == ("", 0)
    changes = len(found.reachability)
    lines = [line.text for line in host_change_lines(found, WIDTH)]
    assert lines[0].endswith(f": nothing new, nothing fixed; {changes} changes of reachability")
    assert f"  {words}" in lines
    run = [line.text for line in run_change_lines({"alpha": found, "beta": found}, 2, WIDTH)]
    assert f"; {2 * changes} changes of reachability" in run[0]
    assert f"  {words} (2 hosts: alpha, beta)" in run
    plain = plain_changes({"alpha": found, "beta": found})["reachability"]
    assert {"change": words, "hosts": ["alpha", "beta"]} in plain


def test_where_one_document_has_no_details_that_is_said_if_they_were_wanted(tmp_path: Path) -> None:
    found = since(tmp_path, reached(detail=SUMMARY, taken_at=THEN), reached(WEB))
    (words,) = words_of(found)
    assert words.startswith("not compared: who reaches what, in the last run: it has no reachability in detail full")
    assert "change" not in host_change_lines(found, WIDTH)[0].text
    assert since(tmp_path, reached(taken_at=THEN), reached(WEB, detail=SUMMARY)).reachability == []


def test_of_many_changes_of_reachability_the_first_are_kept_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_run, "_REACHED", 2)
    found = since(tmp_path, reached(taken_at=THEN), reached(WEB))
    assert len(found.reachability) == 2
    assert found.more_reachability >= 1
    lines = [
        line.text for line in host_change_lines(LastRun(THEN, reachability=[FlowChange(NEW, "new: it")] * 9), WIDTH)
    ]
    assert lines[1:] == ["  new: it"] * 4 + ["  ... and 5 more changes of reachability"]
    assert len(run_change_lines({"a": found}, 1, WIDTH)) == 1 + 2 + 1


@pytest.mark.parametrize("spoiled", [{"cells": 5}, {"cells": [{"origin": 7}]}, [], "text", None])
def test_no_earlier_reachability_does_harm(tmp_path: Path, spoiled: Any) -> None:
    before = json.loads(reached(taken_at=THEN))
    part = {**before["reachability"], **spoiled} if isinstance(spoiled, dict) else spoiled
    found = since(tmp_path, document_text({**before, "reachability": part}), reached(WEB))
    assert found.problem == ""
    assert [change.kind for change in found.reachability] == [NOT_COMPARED]


@pytest.mark.parametrize(
    ("text", "minute"),
    [
        ("2026-12-01T10:00:30+01:00", "2026-12-01T09:00Z"),
        ("2026-12-01T10:00:30", "2026-12-01T10:00Z"),
        ("0001-01-01T00:00:00+14:00", ""),
        ("yesterday", ""),
        ("", ""),
    ],
    ids=["a zone", "no zone", "before the first year", "no time", "empty"],
)
def test_a_time_of_a_document_is_in_utc(text: str, minute: str) -> None:
    assert minute_of(text) == minute
    assert second_of(text)[:16] == minute.rstrip("Z")
