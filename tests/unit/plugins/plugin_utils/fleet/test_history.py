# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What earlier runs found: new, fixed, regressed, missing hosts, and files that are no history."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet import history
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import Fleet

from tests.unit.fleets import FAILING, document, fleet_in, lost, run_program, write_run

Ages = Counter[tuple[str, str, str]]


def ages(fleet: Fleet) -> Ages:
    """Findings by host, what is new about them, and the day since which they fail."""
    return Counter((host.audit.host, age.status, age.since[8:10]) for host in fleet.hosts for age in host.ages.values())


def changes(fleet: Fleet) -> tuple[int, int, int]:
    return fleet.totals.new, fleet.totals.fixed, fleet.totals.regressed


def run(folder: Path, name: str, day: int, *documents: dict[str, Any], **options: Any) -> tuple[Ages, Fleet]:
    """Record a run of those documents; the fleet's history is closed."""
    write_run(folder, list(documents), name, day)
    with fleet_in(folder, history=folder / "history.sqlite3", **options) as fleet:
        return ages(fleet), fleet


FIXED = {FAILING: "pass"}
WAIVED = sum("waiver" in item for item in document("web1")["findings"])
FAILURES = sum(item["outcome"] == "fail" and "waiver" not in item for item in document("web1")["findings"])


def test_a_finding_is_new_then_unchanged_then_fixed_then_regressed(tmp_path: Path) -> None:
    found, fleet = run(tmp_path, "a", 1, document("web1", FIXED))
    # There is nothing to compare with.
    assert found == {("web1", "unchanged", "01"): FAILURES - 1}
    assert changes(fleet) == (0, 0, 0)
    found, fleet = run(tmp_path, "b", 2, document("web1"))
    assert found == {("web1", "unchanged", "01"): FAILURES - 1, ("web1", "new", "02"): 1}
    assert changes(fleet) == (1, 0, 0)
    found, fleet = run(tmp_path, "c", 3, document("web1"))
    assert found == {("web1", "unchanged", "01"): FAILURES - 1, ("web1", "unchanged", "02"): 1}
    assert changes(fleet) == (0, 0, 0)
    found, fleet = run(tmp_path, "d", 4, document("web1", FIXED))
    assert found == {("web1", "unchanged", "01"): FAILURES - 1}
    assert changes(fleet) == (0, 1, 0)
    found, fleet = run(tmp_path, "e", 5, document("web1"))
    assert found == {("web1", "unchanged", "01"): FAILURES - 1, ("web1", "regressed", "05"): 1}
    assert changes(fleet) == (0, 0, 1)
    assert [(totals.run, totals.new, totals.fixed, totals.regressed) for totals in fleet.trend] == [
        ("a", 0, 0, 0),
        ("b", 1, 0, 0),
        ("c", 0, 0, 0),
        ("d", 0, 1, 0),
        ("e", 0, 0, 1),
    ]
    assert fleet.trend[-1] == fleet.totals


def test_what_was_fixed_is_named(tmp_path: Path) -> None:
    run(tmp_path, "a", 1, document("web1"), document("web2"))
    write_run(tmp_path, [document("web1", FIXED), document("web2")], "b", 2)
    with fleet_in(tmp_path, history=tmp_path / "history.sqlite3") as fleet:
        fixed = {host.audit.host: [(item.check, item.resource) for item in host.fixed] for host in fleet.hosts}
    assert fixed == {"web1": [(FAILING, "port web:80/tcp")], "web2": []}


def test_what_could_not_be_evaluated_is_neither_fixed_nor_new_again(tmp_path: Path) -> None:
    run(tmp_path, "a", 1, document("web1"), document("web2"), document("web3"))
    gone = document("web3")
    gone["findings"] = [item for item in gone["findings"] if item["check"] != FAILING]
    found, fleet = run(tmp_path, "b", 2, document("web1", {FAILING: "unknown"}), lost("web2"), gone)
    assert changes(fleet) == (0, 0, 0)
    assert found == {("web1", "unchanged", "01"): FAILURES - 1, ("web3", "unchanged", "01"): FAILURES - 1}
    found, fleet = run(tmp_path, "c", 3, *(document(f"web{number}") for number in (1, 2, 3)))
    assert changes(fleet) == (0, 0, 0)
    assert found == {(f"web{number}", "unchanged", "01"): FAILURES for number in (1, 2, 3)}


def test_a_waiver_neither_fixes_nor_makes_new(tmp_path: Path) -> None:
    waived = document("web1")
    for finding in waived["findings"]:
        if finding["check"] == FAILING:
            finding["waiver"] = {"reason": "known", "owner": "ops", "expires": "2999-01-01"}
    run(tmp_path, "a", 1, document("web1"))
    found, fleet = run(tmp_path, "b", 2, waived)
    assert changes(fleet) == (0, 0, 0)
    assert found == {("web1", "unchanged", "01"): FAILURES - 1}
    found, fleet = run(tmp_path, "c", 3, document("web1"))
    assert changes(fleet) == (0, 0, 0)
    assert found == {("web1", "unchanged", "01"): FAILURES}


def test_hosts_that_are_missing_are_shown_and_not_counted(tmp_path: Path) -> None:
    run(tmp_path, "a", 1, document("web1"), document("web2"), lost("web3"))
    dummy, fleet = run(tmp_path, "b", 2, document("web1"))
    assert fleet.totals.hosts == 1
    assert [(host.host, host.last_seen[8:10], host.state) for host in fleet.vanished] == [
        ("web2", "01", "high"),
        ("web3", "01", "unreachable"),
    ]
    # Without the documents, the history alone knows.
    for name in ("web2", "web3"):
        (tmp_path / f"{name}.json").unlink()
    dummy, fleet = run(tmp_path, "c", 3, document("web1"))
    assert [host.host for host in fleet.vanished] == ["web2", "web3"]
    found, fleet = run(tmp_path, "d", 4, document("web1"), document("web2"))
    assert [host.host for host in fleet.vanished] == ["web3"]
    assert found["web2", "unchanged", "01"] == FAILURES


def test_the_same_run_again_replaces_what_was_kept_of_it(tmp_path: Path) -> None:
    run(tmp_path, "a", 1, document("web1"), document("web2", FIXED))
    once = run(tmp_path, "b", 2, document("web1", FIXED), document("web2"))
    again = run(tmp_path, "b", 2, document("web1", FIXED), document("web2"))
    assert again[0] == once[0]
    assert changes(again[1]) == changes(once[1]) == (1, 1, 0)
    assert len(again[1].trend) == 2
    # As when a later batch of the run is there, too.
    more = run(tmp_path, "b", 2, document("web1"), document("web2"), document("web3"))
    assert changes(more[1]) == (FAILURES + 1, 0, 0)


def test_an_older_reading_is_not_compared(tmp_path: Path) -> None:
    run(tmp_path, "a", 1, document("web1", FIXED))
    run(tmp_path, "c", 3, document("web1"))
    found, fleet = run(tmp_path, "b", 2, document("web1", FIXED))
    assert found == {}
    assert changes(fleet) == (0, 0, 0)
    assert fleet.problems == ["1 host not compared, the history has later readings: web1"]
    dummy, fleet = run(tmp_path, "a", 1, document("web1", FIXED))
    assert fleet.problems == [
        "without history: history.sqlite3 has this run already, and later ones, so nothing is compared"
    ]
    found, fleet = run(tmp_path, "d", 4, document("web1"))
    assert changes(fleet) == (0, 0, 0)
    assert found["web1", "unchanged", "03"] == 1


def test_old_runs_are_forgotten(tmp_path: Path) -> None:
    base = tmp_path / "history.sqlite3"
    run(tmp_path, "a", 1, document("web1"), document("gone"))
    (tmp_path / "gone.json").unlink()
    run(tmp_path, "b", 2, document("web1", FIXED))
    dummy, fleet = run(tmp_path, "c", 20, document("web1", FIXED), days=10)
    assert [totals.run for totals in fleet.trend] == ["c"]
    assert fleet.vanished == []
    with sqlite3.connect(base) as opened:
        counts = {
            name: opened.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608 (names of this test)
            for name in ("run", "host", "finding", "subject")
        }
    opened.close()
    assert counts == {"run": 1, "host": 1, "finding": FAILURES - 1 + WAIVED, "subject": FAILURES - 1 + WAIVED}
    # Since when it fails is still known.
    found, fleet = run(tmp_path, "d", 21, document("web1"), days=10)
    assert found == {("web1", "unchanged", "01"): FAILURES - 1, ("web1", "new", "21"): 1}


def other_program(path: Path) -> None:
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE t (a)")
    base.commit()
    base.close()


def changed(statement: str) -> Any:
    def change(path: Path) -> None:
        run(path.parent, "a", 1, document("web1"))
        base = sqlite3.connect(path)
        base.executescript(statement)
        base.commit()
        base.close()

    return change


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: path.write_bytes(b"no database" * 1_000), "is damaged, or no history: file is not a database"),
        (lambda path: path.mkdir(), "is not a regular file"),
        (os.mkfifo, "is not a regular file"),
        (other_program, "is a database of another program"),
        (changed("PRAGMA user_version = 2"), "has the version 2, and not 1: another release wrote it"),
        (changed("CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM run; END"), "has been changed"),
        (changed("PRAGMA ignore_check_constraints = 1; UPDATE finding SET severity = 'x'"), "is damaged: CHECK"),
        (changed("UPDATE run SET totals = '[]'"), "is damaged"),
        (changed('UPDATE run SET totals = \'{"hosts": "x"}\''), "is damaged"),
    ],
)
def test_a_file_that_is_no_history_is_said_and_left_as_it_is(tmp_path: Path, make: Any, problem: str) -> None:
    base = tmp_path / "history.sqlite3"
    make(base)
    before = base.read_bytes() if base.is_file() else None
    dummy, fleet = run(tmp_path, "b", 2, document("web1", FIXED))
    assert fleet.totals.hosts == 1
    assert len(fleet.problems) == 1
    assert fleet.problems[0].startswith("without history: history.sqlite3 ")
    assert problem in fleet.problems[0]
    assert fleet.trend == [fleet.totals]
    assert before is None or base.read_bytes() == before


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    run(tmp_path, "a", 1, document("web1"))
    assert (tmp_path / "history.sqlite3").stat().st_mode & 0o777 == 0o600


def test_two_at_once_wait_for_each_other_and_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    connect = sqlite3.connect

    def connected(path: Path, timeout: float, isolation_level: None) -> sqlite3.Connection:
        waits.append(timeout)
        return connect(path, timeout=timeout, isolation_level=isolation_level)

    monkeypatch.setattr(history, "_PATIENCE", 0.2)
    run(tmp_path, "a", 1, document("web1"))
    other = sqlite3.connect(tmp_path / "history.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(sqlite3, "connect", connected)
    dummy, fleet = run(tmp_path, "b", 2, document("web1"))
    assert fleet.problems == ["without history: history.sqlite3 is in use by another run for more than 0.2 seconds"]
    assert waits == [0.2]
    other.execute("ROLLBACK")
    other.close()
    dummy, fleet = run(tmp_path, "b", 2, document("web1"))
    assert fleet.problems == []
    assert len(fleet.trend) == 2


def test_a_process_that_is_killed_leaves_the_history_as_it_was(tmp_path: Path) -> None:
    run(tmp_path, "a", 1, document("web1"))
    write_run(tmp_path, [document("web1", FIXED)], "b", 2)
    program = """
import os, signal, sys
from pathlib import Path
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.history import History
from tests.unit.fleets import fleet_in
History.finish = lambda self, totals, days: (
    self._base.execute("PRAGMA cache_spill = 1"), os.kill(os.getpid(), signal.SIGKILL)
)
with fleet_in(Path(sys.argv[1]), history=Path(sys.argv[1], "history.sqlite3")):
    pass
"""
    done = run_program(program, tmp_path)
    assert done.returncode == -signal.SIGKILL
    found, fleet = run(tmp_path, "c", 3, document("web1", FIXED))
    assert fleet.problems == []
    assert [totals.run for totals in fleet.trend] == ["a", "c"]
    assert changes(fleet) == (0, 1, 0)
    assert found == {("web1", "unchanged", "01"): FAILURES - 1}


@pytest.mark.parametrize(
    "name", ["n" * 10_000, "a\ud800b", "'; DROP TABLE run; --", "\u202e\x00"], ids=["long", "bytes", "sql", "marks"]
)
def test_names_of_any_kind_are_kept_apart(tmp_path: Path, name: str) -> None:
    def named(host: str, ending: str) -> dict[str, Any]:
        made = document(host)
        for finding in made["findings"]:
            finding["resource"] = {"kind": "port", "name": name + ending}
        return made

    run(tmp_path, "a", 1, named("web1", "1"), named(name, "1"))
    found, fleet = run(tmp_path, "b", 2, named("web1", "2"), named(name, "1"))
    assert fleet.problems == []
    assert (name, "new", "02") not in found
    assert found["web1", "unchanged", "01"] == 0
    assert found["web1", "new", "02"] == found[name, "unchanged", "01"] > 0


def test_the_file_grows_by_what_changes(tmp_path: Path) -> None:
    base = tmp_path / "history.sqlite3"
    hosts = [f"web{number}" for number in range(20)]
    run(tmp_path, "run0", 1, *map(document, hosts))
    first = base.stat().st_size
    for day in range(2, 22):
        run(tmp_path, f"run{day}", day, *map(document, hosts))
    # Twenty runs without a change: a row for each run.
    assert base.stat().st_size - first < 20 * 1_024
