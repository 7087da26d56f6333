# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import stage


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of a collection, which stage takes for its own."""
    root = tmp_path / "repository"
    (root / "plugins").mkdir(parents=True)
    (root / "galaxy.yml").write_text("---\nnamespace: acme\nname: widgets\n")
    (root / ".gitignore").write_text("/.build/\n*.pyc\n")
    (root / "plugins" / "tracked.py").write_text("one")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    monkeypatch.setattr(stage, "ROOT", root)
    monkeypatch.setattr(stage, "BUILD", root / ".build")
    return root


def contents(folder: Path) -> dict[str, str]:
    """Return the text of every file below folder, but for git's own."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_stages_what_git_tracks_or_would_track(repository: Path) -> None:
    (repository / "plugins" / "new.py").write_text("two")
    (repository / "plugins" / "ignored.pyc").write_text("three")
    target = stage.make_stage()
    assert target == repository / ".build" / "ansible_collections" / "acme" / "widgets"
    assert set(contents(target)) == {".gitignore", "galaxy.yml", "plugins/new.py", "plugins/tracked.py"}


def test_stage_is_a_repository_of_its_own(repository: Path) -> None:
    target = stage.make_stage()
    command = ["git", "ls-files", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=target, check=True, capture_output=True, text=True).stdout
    assert "plugins/tracked.py" in listing.splitlines()


def test_follows_edits_and_changes_of_mode(repository: Path) -> None:
    source = repository / "plugins" / "tracked.py"
    target = stage.make_stage()
    source.write_text("another")
    source.chmod(0o755)
    stage.make_stage()
    assert (target / "plugins" / "tracked.py").read_text() == "another"
    assert os.access(target / "plugins" / "tracked.py", os.X_OK)


def test_removes_what_vanished_and_the_folders_it_leaves_empty(repository: Path) -> None:
    deep = repository / "roles" / "old" / "tasks"
    deep.mkdir(parents=True)
    (deep / "main.yml").write_text("---\n")
    target = stage.make_stage()
    assert (target / "roles" / "old" / "tasks" / "main.yml").exists()
    (deep / "main.yml").unlink()
    stage.make_stage()
    assert not (target / "roles").exists()


def test_file_in_place_of_a_folder_and_back(repository: Path) -> None:
    path = repository / "plugins" / "thing"
    path.mkdir()
    (path / "inner").write_text("inner")
    target = stage.make_stage() / "plugins" / "thing"
    (path / "inner").unlink()
    path.rmdir()
    path.write_text("a file")
    stage.make_stage()
    assert target.read_text() == "a file"
    path.unlink()
    path.mkdir()
    (path / "inner").write_text("inner")
    stage.make_stage()
    assert (target / "inner").read_text() == "inner"


def test_keeps_what_ansible_test_wrote(repository: Path) -> None:
    output = stage.make_stage() / "tests" / "output" / "junit"
    output.mkdir(parents=True)
    (output / "report.xml").write_text("<x/>")
    stage.make_stage()
    assert (output / "report.xml").exists()


def test_unchanged_files_are_not_written_again(repository: Path) -> None:
    staged = stage.make_stage() / "plugins" / "tracked.py"
    before = staged.stat().st_ino
    stage.make_stage()
    assert staged.stat().st_ino == before
