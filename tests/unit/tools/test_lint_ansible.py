# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import lint_ansible

EXAMINED = "DEBUG    Examining {} of type {}\n"


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stage with one task file and one playbook."""
    for name in ("roles/audit/tasks/main.yml", "playbooks/site.yml", "molecule/default/molecule.yml", "meta/other.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("---\n")
    monkeypatch.setattr(lint_ansible, "collection_path", lambda: tmp_path)
    return tmp_path


def outcome(output: str, monkeypatch: pytest.MonkeyPatch, status: int = 0) -> int:
    def answer(command: list[str], **dummy: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, status, stdout="", stderr=output)

    monkeypatch.setattr(subprocess, "run", answer)
    return lint_ansible.main()


def test_content_is_playbooks_and_roles_and_scenarios(collection: Path) -> None:
    assert lint_ansible.content_files(collection) == {"roles/audit/tasks/main.yml", "playbooks/site.yml"}


@pytest.mark.usefixtures("collection")
@pytest.mark.parametrize(
    ("kind", "expected"), [("tasks", 0), ("yaml", 1), ("", 1)], ids=["as tasks", "as any yaml", "as nothing"]
)
def test_fails_for_a_file_not_examined_as_what_it_is(kind: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    output = EXAMINED.format("playbooks/site.yml", "playbook") + EXAMINED.format("roles/audit/tasks/main.yml", kind)
    assert outcome(output, monkeypatch) == expected


@pytest.mark.usefixtures("collection")
def test_fails_for_a_file_passed_over(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(EXAMINED.format("playbooks/site.yml", "playbook"), monkeypatch) == 1
    assert "roles/audit/tasks/main.yml: ansible-lint did not examine" in capsys.readouterr().err


@pytest.mark.usefixtures("collection")
def test_status_of_ansible_lint_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    output = "".join(EXAMINED.format(name, "tasks") for name in ("roles/audit/tasks/main.yml", "playbooks/site.yml"))
    assert outcome(output, monkeypatch, status=2) == 2


@pytest.mark.usefixtures("collection")
def test_shows_findings_without_chatter(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    chatter = "DEBUG    Ignored jinja internal error\n    (a | b)\n        ^\nParseError: bad input\n"
    finding = "fqcn[action-core]: Use FQCN.\nroles/audit/tasks/main.yml:3:3 Use `ansible.builtin.shell`.\n"
    outcome(chatter + finding + "INFO     Done\n", monkeypatch, status=2)
    assert capsys.readouterr().out == finding
