# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import run_tests

JUNIT = (
    '<testsuites><testsuite tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}"/></testsuites>'
)


@pytest.fixture
def makefile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Makefile for run_tests to run steps of."""
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    monkeypatch.setattr(run_tests, "RESULTS", tmp_path / "results")
    return tmp_path / "Makefile"


def last_line(capfd: pytest.CaptureFixture[str]) -> str:
    return capfd.readouterr().out.splitlines()[-1]


def test_all_steps_pass(makefile: Path, capfd: pytest.CaptureFixture[str]) -> None:
    makefile.write_text("a b:\n\t@true\n")
    assert run_tests.main(["a", "b"]) == 0
    assert last_line(capfd) == "2 passed, 0 failed"


def test_goes_on_after_a_failure_and_reports_it(makefile: Path, capfd: pytest.CaptureFixture[str]) -> None:
    makefile.write_text("a:\n\t@false\nb:\n\t@echo b ran\n")
    assert run_tests.main(["a", "b"]) == 1
    output = capfd.readouterr().out
    assert "b ran" in output
    assert output.splitlines()[-1] == "1 passed, 1 failed"


def test_steps_run_beside_each_other_and_those_alone_after_them(
    makefile: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of a and b waits for the other; c and d find them done, and c done before d."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    makefile.write_text(
        "a:\n\t@mkfifo ab; echo from a > ab\n"
        "b:\n\t@until test -p ab; do :; done; cat ab; touch b\n"
        "c:\n\t@test -e b && touch c\n"
        "d:\n\t@test -e c\n"
    )
    assert run_tests.main(["a", "b", "--alone", "c", "d"]) == 0
    output = capfd.readouterr().out
    assert "==== b ====\nfrom a\n" in output
    assert output.index("==== b ====") < output.index("==== c ====") < output.index("==== d ====")
    assert output.splitlines()[-1] == "4 passed, 0 failed"


def test_counts_the_tests_of_a_report(makefile: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report = JUNIT.format(tests=10, failures=1, errors=2, skipped=3)
    makefile.write_text(f"a:\n\t@echo '{report}' > results/a.xml; false\n")
    assert run_tests.main(["a"]) == 1
    assert last_line(capfd).split(", ") == ["4 passed", "3 failed", "3 skipped"]


def test_step_that_fails_beside_its_tests_is_a_failure(makefile: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report = JUNIT.format(tests=5, failures=0, errors=0, skipped=0)
    makefile.write_text(f"a:\n\t@echo '{report}' > results/a.xml; false\n")
    assert run_tests.main(["a"]) == 1
    assert last_line(capfd) == "5 passed, 1 failed"


def test_report_of_an_earlier_run_does_not_count(makefile: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_tests.RESULTS.mkdir()
    (run_tests.RESULTS / "a.xml").write_text(JUNIT.format(tests=5, failures=0, errors=0, skipped=0))
    makefile.write_text("a:\n\t@false\n")
    assert run_tests.main(["a"]) == 1
    assert last_line(capfd) == "0 passed, 1 failed"


def test_a_run_is_recorded_with_what_each_step_said(makefile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tests, "commit", lambda: "f00, with changes")
    report = JUNIT.format(tests=10, failures=1, errors=0, skipped=3)
    makefile.write_text(
        f"a:\n\t@echo '{report}' > results/a.xml; echo counted elsewhere; false\n"
        "b:\n\t@echo '20 probes | 0 wrong'; echo; echo 'lab: lab b is gone'\n"
    )
    path = makefile.parent / "page.md"
    assert run_tests.main(["--alone", "a", "b", "--record", str(path)]) == 1
    lines = [line for line in path.read_text().splitlines() if line.startswith("| `make ")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    told = [[*row[:5], row[6]] for row in rows]
    assert told == [
        ["`make a`", "FAILED", "6", "1", "3", ""],
        ["`make b`", "ok", "1", "0", "0", "20 probes   0 wrong"],
    ]
    assert "Commit f00, with changes." in path.read_text()


@pytest.mark.parametrize("name", ["TEST_STEPS", "LONG_STEPS"])
def test_the_makefile_has_every_step_it_tests(name: str) -> None:
    root = Path(__file__).resolve().parents[3]
    text = (root / "Makefile").read_text(encoding="utf-8")
    steps = next(line for line in text.splitlines() if line.startswith(name)).partition(":=")[2].split()
    targets = [step for step in steps if not step.startswith(("$", "--"))]
    command = ["make", "--dry-run", "--silent", *targets]
    assert subprocess.run(command, cwd=root, check=False, capture_output=True).returncode == 0
