# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import run_tests
from long_tests_page import read

JUNIT = (
    '<testsuites><testsuite tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}"/></testsuites>'
)


@pytest.fixture
def makefile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Makefile for run_tests to run steps of."""
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    monkeypatch.setattr(run_tests, "RESULTS", tmp_path / "results")
    return tmp_path / "Makefile"


def makefile_steps(root: Path, name: str) -> list[str]:
    """The targets that a variable of the Makefile names."""
    text = (root / "Makefile").read_text(encoding="utf-8")
    steps = next(line for line in text.splitlines() if line.startswith(name)).partition(":=")[2].split()
    return [step for step in steps if not step.startswith(("$", "--"))]


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


def test_steps_run_beside_each_other_and_beside_those_in_turn(
    makefile: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of a and b waits for the other, and both for c; d finds it done."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    makefile.write_text(
        "a:\n\t@until test -p ab; do sleep 0.02; done; cat ab; nice; touch a\n"
        "b:\n\t@until test -e c; do sleep 0.02; done; mkfifo ab; echo from b > ab\n"
        "c:\n\t@touch c; until test -e a; do sleep 0.02; done; touch done; nice\n"
        "d:\n\t@test -e done\n"
    )
    assert run_tests.main(["a", "b", "--in-turn", "c", "d"]) == 0
    output = capfd.readouterr().out
    assert "==== a ====\nfrom b\n19\n" in output
    assert output.index("==== c ====") < output.index("==== d ====")
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


def test_shows_the_processor_time_of_each_step(makefile: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of programs that its programs waited for, and without what a step beside it takes."""
    count = "i=0; while [ $$i -lt 400000 ]; do i=$$((i + 1)); done"
    makefile.write_text(f"busy busy-too:\n\t@sh -c '{count}'; true\nidle:\n\t@sleep 0.5\n")
    assert run_tests.main(["busy", "idle", "--in-turn", "busy-too"]) == 0
    *rows, machine = capfd.readouterr().out.splitlines()[-5:-1]
    used = {row.split()[0]: float(row.split()[4]) for row in rows}
    assert used["idle"] < min(used["busy"], used["busy-too"]) / 2
    # Rounded to a second, and counted in ticks of the clock.
    assert float(machine.split()[1]) >= used["busy"] + used["busy-too"] - 1


def test_report_of_an_earlier_run_does_not_count(makefile: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_tests.RESULTS.mkdir()
    (run_tests.RESULTS / "a.xml").write_text(JUNIT.format(tests=5, failures=0, errors=0, skipped=0))
    makefile.write_text("a:\n\t@false\n")
    assert run_tests.main(["a"]) == 1
    assert last_line(capfd) == "0 passed, 1 failed"


@pytest.fixture
def page(makefile: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the steps a and b, of a repository that runs on no particular machine, are recorded."""
    monkeypatch.setattr(run_tests, "commit", lambda: "f00, with changes")
    monkeypatch.setattr(run_tests, "environment", lambda: "Linux 6")
    return makefile.parent / "page.md"


def record(page: Path, *steps: str) -> int:
    return run_tests.main(["--in-turn", *steps, "--record", str(page), "--rows", "a", "b"])


def test_a_run_is_recorded_with_size_counts_and_what_each_step_said(makefile: Path, page: Path) -> None:
    report = JUNIT.format(tests=10, failures=1, errors=0, skipped=3)
    makefile.write_text(
        f"a:\n\t@echo size: KILLS=3 SEED=1; echo '{report}' > results/a.xml; echo counted elsewhere; false\n"
        "b:\n\t@echo size:; echo '20 probes | 0 wrong'; echo; echo 'lab: lab b is gone'\n"
    )
    assert record(page, "a", "b") == 1
    rows = [row for row in read(page).values() if row]
    assert [(row.step, row.passed, row.failed, row.skipped, row.size, row.said) for row in rows] == [
        ("a", 6, 1, 3, "KILLS=3 SEED=1", ""),
        ("b", 1, 0, 0, "", "20 probes 0 wrong"),
    ]
    assert {(row.commit, row.environment) for row in rows} == {("f00, with changes", "Linux 6")}


def test_a_row_is_written_as_soon_as_its_step_has_ended(makefile: Path, page: Path) -> None:
    makefile.write_text(f"a:\n\t@echo done\nb:\n\t@grep 'make a. | ok' {page}\n")
    assert record(page, "a", "b") == 0


def test_steps_that_do_not_run_keep_their_rows(makefile: Path, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    makefile.write_text("a:\n\t@echo first\nb:\n\t@echo b\n")
    assert record(page, "a", "b") == 0
    before = read(page)["b"]
    monkeypatch.setattr(run_tests, "commit", lambda: "ba7")
    makefile.write_text("a:\n\t@echo second; false\n")
    assert record(page, "a") == 1
    after = read(page)
    assert after["b"] == before
    assert after["a"]
    assert (after["a"].commit, after["a"].said) == ("ba7", "second")


def test_nothing_runs_for_a_step_that_the_page_is_not_about(
    makefile: Path, page: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    makefile.write_text("a c:\n\t@touch ran\n")
    with pytest.raises(SystemExit):
        record(page, "a", "c")
    assert "no such step: c; there are a, b" in capfd.readouterr().err
    assert not (makefile.parent / "ran").exists()


def test_nothing_runs_where_the_page_cannot_be_read(
    makefile: Path, page: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    makefile.write_text("a:\n\t@touch ran\n")
    page.write_text("# Notes\n")
    with pytest.raises(SystemExit):
        record(page, "a")
    assert f"{page}, line 1, is not what make test-long wrote: '# Notes'" in capfd.readouterr().err
    assert page.read_text() == "# Notes\n"
    assert not (makefile.parent / "ran").exists()


def test_a_commit_is_that_of_the_files_but_for_pages_that_steps_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True)

    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    for name in (*run_tests.WRITTEN, "code"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message=all")
    for name in run_tests.WRITTEN:
        (tmp_path / name).write_text("new")
    assert "changes" not in run_tests.commit()
    (tmp_path / "code").write_text("changed")
    assert run_tests.commit().endswith(", with changes")


def test_each_long_step_says_with_which_variables_it_runs() -> None:
    root = Path(__file__).resolve().parents[3]
    steps = makefile_steps(root, "LONG_STEPS")
    command = ["make", "--dry-run", "--silent", *steps, "SEED=7", "EXTRA=-x"]
    shown = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    sizes = [line for line in shown.stdout.splitlines() if line.startswith("echo 'size:")]
    assert len(sizes) == len(steps)
    assert "echo 'size: CASES=20000 SEED=7 EXTRA=-x'" in sizes


@pytest.mark.parametrize("name", ["TEST_STEPS", "LONG_STEPS"])
def test_the_makefile_has_every_step_it_tests(name: str) -> None:
    root = Path(__file__).resolve().parents[3]
    command = ["make", "--dry-run", "--silent", *makefile_steps(root, name)]
    assert subprocess.run(command, cwd=root, check=False, capture_output=True).returncode == 0
