# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of a fleet: the same facts in each format, valid by its own tools, with names of strangers inert in each."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.assembling import ChangedError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import Fleet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_csv import FLEET_COLUMNS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_files import FORMATS, write_fleet_files
from jsonschema import Draft202012Validator
from junitparser import Error, Failure, JUnitXml, Skipped
from prometheus_client.parser import text_string_to_metric_families
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as SarifLog

from tests.unit.fleets import CHANGE, FAILING, GATE, document, fleet_in, lost, run_program, write_run
from tests.unit.plugins.plugin_utils.report.test_audit_formats import HOSTILE, PLAIN, harmless, parsed, run_in

SCHEMA = Path(__file__).parents[5] / "docs/fleet-report.schema.json"
Count = Counter[tuple[str, str, str, str]]
"""Findings by host, check, severity and what they are counted as; of what passed nothing."""


def written(fleet: Fleet, folder: Path) -> dict[str, str]:
    paths = write_fleet_files(fleet, GATE, folder, FORMATS)
    assert set(folder.iterdir()) >= set(paths.values())
    assert {path.stat().st_mode & 0o777 for path in paths.values()} == {0o600}
    return {ending: path.read_text(encoding="utf-8") for ending, path in paths.items()}


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def report_in(text: str) -> dict[str, Any]:
    """The report for programs, which is as its schema says."""
    found: dict[str, Any] = json.loads(text)
    assert [f"{error.json_path}: {error.message}" for error in _validator().iter_errors(found)] == []
    assert text.isascii()
    return found


@pytest.fixture
def texts(tmp_path: Path) -> tuple[dict[str, str], Fleet]:
    """What is written of a fleet with a host of each kind, and something new, fixed and missing."""
    well = {item["check"]: "pass" for item in document("x")["findings"]}
    none = {**document("no-docker"), "platform": {**document("x")["platform"], "state": "absent", "label": "no Docker"}}
    hosts = [document("web1"), document("web2", {FAILING: "pass"}), document("well", well), lost("lost"), none]
    write_run(tmp_path, [*hosts, document("gone")], "a", 1)
    history = tmp_path / "history.sqlite3"
    with fleet_in(tmp_path, history=history):
        pass
    hosts[:2] = [document("web1", {FAILING: "pass"}), document("web2")]
    write_run(tmp_path, hosts, "b", 2)
    with fleet_in(tmp_path, history=history) as fleet:
        return written(fleet, tmp_path / "out"), fleet


def counts_of_documents() -> Count:
    """What each format is to have, counted from documents."""
    well = {item["check"]: "pass" for item in document("x")["findings"]}
    documents = [document("web1", {FAILING: "pass"}), document("web2"), document("well", well), document("no-docker")]
    return Counter(
        (
            made["host"]["inventory_name"],
            item["check"],
            item["severity"],
            "waived" if "waiver" in item else item["outcome"],
        )
        for made in documents
        for item in made["findings"]
        if item["outcome"] in ("fail", "unknown")
    )


def test_all_formats_have_the_same_facts(texts: tuple[dict[str, str], Fleet]) -> None:
    files, fleet = texts
    expected = counts_of_documents()
    assert {key[3] for key in expected} == {"fail", "unknown", "waived"}
    assert by_json(files["json"]) == expected
    assert by_csv(files["csv"]) == expected
    assert by_sarif(files["sarif"]) == expected
    assert by_prometheus(files["prom"]) == expected
    assert by_junit(files["xml"]) == {(host, check) for host, check, dummy, outcome in expected if outcome == "fail"}
    totals = Counter[str]()
    for (dummy, dummy2, severity, outcome), number in expected.items():
        totals[severity if outcome == "fail" else outcome] += number
    assert fleet.totals.findings == totals
    assert fleet.totals.states == {"high": 2, "well": 1, "unreachable": 1, "without docker": 1}
    assert (fleet.totals.new, fleet.totals.fixed, fleet.totals.gate_closed) == (1, 1, len(fleet.gate_failed))


def by_json(text: str) -> Count:
    return Counter(
        (host["host"], item["check"], item["severity"], item["outcome"])
        for host in report_in(text)["hosts"]
        for item in host["findings"]
    )


def by_csv(text: str) -> Count:
    return Counter(
        (row["host"], row["check"], row["severity"], row["outcome"])
        for row in csv.DictReader(io.StringIO(text))
        if row["check"] != "audit"
    )


def by_sarif(text: str) -> Count:
    # The model is of a draft, in which the status of a suppression had another name.
    SarifLog.model_validate_json(text.replace('"status": "accepted"', '"state": "accepted"'))
    return Counter(
        (
            result["locations"][0]["logicalLocations"][0]["name"],
            result["ruleId"],
            result["properties"]["severity"],
            "waived" if "suppressions" in result else {"open": "unknown"}.get(result["kind"], result["kind"]),
        )
        for result in run_in(text)["results"]
        if result["ruleId"] != "audit"
    )


def by_prometheus(text: str) -> Count:
    families = {family.name: family for family in text_string_to_metric_families(text)}
    found: Count = Counter()
    for sample in families["dockernet_findings"].samples:
        labels = sample.labels
        found[labels["host"], labels["check"], labels["severity"], labels["outcome"]] += int(sample.value)
    return found


def by_junit(text: str) -> set[tuple[str, str]]:
    """The hosts and checks with a failure, or one that the gate passes over for its severity."""
    return {
        (suite.name, case.name)
        for suite in JUnitXml.fromstring(text.encode())
        for case in suite
        if case.name != "audit"
        and any(
            isinstance(result, Failure) or (isinstance(result, Skipped) and result.message.startswith("failed, "))
            for result in case.result
        )
    }


def test_json_has_what_is_new_fixed_and_missing(texts: tuple[dict[str, str], Fleet]) -> None:
    report = report_in(texts[0]["json"])
    hosts = {host["host"]: host for host in report["hosts"]}
    assert list(hosts) == ["lost", "no-docker", "web1", "web2", "well"]
    assert [item["age"] for item in hosts["web2"]["findings"] if item["check"] == FAILING] == ["new"]
    assert [item["check"] for item in hosts["web1"]["fixed"]] == [FAILING]
    assert hosts["web1"]["reachability_changes"] == [CHANGE]
    assert hosts["lost"]["error"] == {"kind": "unreachable", "reason": "no route"}
    assert [item["host"] for item in report["vanished"]] == ["gone"]
    assert [(item["run"], item["hosts"]) for item in report["trend"]] == [("a", 6), ("b", 5)]
    assert report["trend"][-1] == report["run"]


def test_a_host_without_findings_has_a_row(texts: tuple[dict[str, str], Fleet]) -> None:
    rows = [row for row in csv.DictReader(io.StringIO(texts[0]["csv"])) if row["check"] == "audit"]
    assert [(row["host"], row["outcome"], row["gate"]) for row in rows] == [
        ("lost", "unreachable", "error"),
        ("well", "pass", "passed"),
    ]


def test_junit_has_a_suite_for_each_host(texts: tuple[dict[str, str], Fleet]) -> None:
    suites = list(JUnitXml.fromstring(texts[0]["xml"].encode()))
    assert [suite.name for suite in suites if suite.tests == 1] == ["lost"]
    ((missing,),) = [list(suite) for suite in suites if suite.name == "lost"]
    assert isinstance(missing.result[0], Error)
    assert [suite._elem.get("id") for suite in suites] == ["0", "1", "2", "3", "4"]
    assert all(suite.tests == len(list(suite)) for suite in suites)


def test_sarif_says_which_hosts_were_not_audited(texts: tuple[dict[str, str], Fleet]) -> None:
    run = run_in(texts[0]["sarif"])
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (note,) = invocation["toolExecutionNotifications"]
    assert note["message"]["text"] == "lost: not audited (unreachable): no route"
    assert [
        item["ruleId"] for item in run["results"] if item["locations"][0]["logicalLocations"][0]["name"] == "lost"
    ] == ["audit"]


def test_prometheus_text_has_the_totals(texts: tuple[dict[str, str], Fleet]) -> None:
    families = {family.name: family for family in text_string_to_metric_families(texts[0]["prom"])}
    states = {sample.labels["state"]: sample.value for sample in families["dockernet_fleet_hosts"].samples}
    assert states == {"high": 2, "well": 1, "unreachable": 1, "without docker": 1}
    changes = {sample.labels["change"]: sample.value for sample in families["dockernet_fleet_changes"].samples}
    assert changes == {"new": 1, "fixed": 1, "regressed": 0}
    assert [sample.value for sample in families["dockernet_fleet_hosts_vanished"].samples] == [1]
    outcomes = Counter[str]()
    for sample in families["dockernet_fleet_findings"].samples:
        outcomes[sample.labels["outcome"]] += int(sample.value)
    assert outcomes["fail"] == sum(number for key, number in counts_of_documents().items() if key[3] == "fail")
    assert outcomes["pass"] > 0
    # All samples of a metric stand together.
    heads = [line for line in texts[0]["prom"].splitlines() if line.startswith("# HELP")]
    assert len(heads) == len(set(heads)) == len(families)


def test_markdown_has_the_worst_hosts_and_what_changed(texts: tuple[dict[str, str], Fleet]) -> None:
    prose, rows, kinds = parsed(texts[0]["md"])
    assert prose[0] == "Fleet: gate failed on 4 of 5 hosts"
    assert "since the run before, 2026-12-01T10:00:00+00:00: 1 new, 1 fixed, none regressed" in prose
    assert "Not part of this run (1): gone" in prose
    assert [row[0] for row in rows[1:5]] == ["lost", "web2", "web1", "no-docker"]
    assert kinds <= PLAIN | {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"}


@pytest.mark.parametrize(
    "name", [*HOSTILE, "x" * 10_000, "\u202e\u2066</title>", "a\ud800b"], ids=lambda name: ascii(name)[:20]
)
def test_names_of_strangers_are_inert_in_each_format(tmp_path: Path, name: str) -> None:
    made = document(name)
    for finding in made["findings"]:
        finding["resource"] |= {"name": name, "container": name, "labels": [{"name": name, "value": name}]}
        finding["summary"] = finding["impact"] = name
    write_run(tmp_path, [made, {**lost(f"{name}2"), "error": {"kind": "failed", "reason": name}}], "a")
    with fleet_in(tmp_path, history=tmp_path / "h") as fleet:
        assert fleet.problems == []
        files = written(fleet, tmp_path / "out")
    page = files.pop("html")
    assert len(re.findall("</script", page, re.IGNORECASE)) == len(re.findall("<script", page, re.IGNORECASE)) > 0
    assert "<script>alert(1)" not in page
    for ending, text in files.items():
        assert harmless(text), ending
    assert len(report_in(files["json"])["hosts"]) == 2
    rows = list(csv.reader(io.StringIO(files["csv"])))
    assert {len(row) for row in rows} == {len(FLEET_COLUMNS)}
    for cell in (cell for row in rows for cell in row):
        assert unicodedata.normalize("NFKC", cell.lstrip()[:1]) not in tuple("=+-@")
    assert len(list(JUnitXml.fromstring(files["xml"].encode()))) == 2
    by_sarif(files["sarif"])
    hosts = {sample.labels["host"] for sample in _samples(files["prom"], "dockernet_audit_success")}
    assert len(hosts) == 2
    assert not [sample for sample in _samples(files["prom"], "dockernet_findings") if set(sample.labels) - LABELS]
    assert parsed(files["md"])[2] <= PLAIN | {f"{kind}_{end}" for kind in LISTS for end in ("open", "close")}
    assert len(files["md"]) < 65_536


LABELS = {"host", "check", "severity", "outcome"}
LISTS = ("bullet_list", "list_item")


def _samples(text: str, metric: str) -> list[Any]:
    return [
        sample for family in text_string_to_metric_families(text) for sample in family.samples if sample.name == metric
    ]


def test_markdown_fits_into_a_comment(tmp_path: Path) -> None:
    write_run(tmp_path, [document(f"{'|' * 300}{number}") for number in range(100)], "a", hosts=None)
    with fleet_in(tmp_path) as fleet:
        text = written(fleet, tmp_path / "out")["md"]
    assert len(text) < 65_536
    assert text.count("\n| ") < 70


def test_a_walk_that_fails_leaves_the_files_as_they_were(tmp_path: Path) -> None:
    write_run(tmp_path, [document("web1"), document("web2")], "a")
    with fleet_in(tmp_path) as fleet:
        before = written(fleet, tmp_path / "out")
        write_run(tmp_path, [document("web2", {FAILING: "pass"})], "b")
        with pytest.raises(ChangedError):
            write_fleet_files(fleet, GATE, tmp_path / "out", FORMATS)
    assert {path.suffix[1:]: path.read_text() for path in (tmp_path / "out").iterdir()} == before


def test_what_a_killed_process_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    write_run(tmp_path, [document("web1")], "a")
    (out := tmp_path / "out").mkdir()
    old, young = out / ".report.json.abc", out / ".report.csv.def"
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    with fleet_in(tmp_path) as fleet:
        written(fleet, out)
    assert (old.exists(), young.exists()) == (False, True)


def test_memory_does_not_grow_with_hosts(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_files import FORMATS, write_fleet_files
from tests.unit.fleets import GATE, fleet_in
folder = Path(sys.argv[1])
with fleet_in(folder, history=folder / "history.sqlite3") as fleet:
    write_fleet_files(fleet, GATE, folder / "fleet", FORMATS)
# Not ru_maxrss, which a process has of the one that started it.
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""
    peaks = []
    for hosts in (20, 400):
        folder = tmp_path / str(hosts)
        write_run(folder, [document(f"web{number}") for number in range(hosts)], "a")
        done = run_program(program, folder)
        peaks.append(int(done.stdout))
    # Kilobytes; 400 documents have 20,000.
    assert peaks[1] - peaks[0] < 6_000
