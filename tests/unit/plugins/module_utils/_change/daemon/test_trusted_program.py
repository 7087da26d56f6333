# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What root may run: a program that nobody else can exchange, by whichever way the path leads to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon import rehearsal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.rehearsal import doubt_about


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of root's, whoever runs the test."""
    monkeypatch.setattr(rehearsal, "_ROOT", tmp_path.stat().st_uid)
    real = os.lstat

    def lstat(path: str) -> os.stat_result:
        status = real(path)
        if path == "/" or Path(path) in tmp_path.parents:
            return os.stat_result((0o040755, *status[1:4], tmp_path.stat().st_uid, *status[5:]))
        return status

    monkeypatch.setattr(os, "lstat", lstat)
    folder = tmp_path / "bin"
    folder.mkdir(mode=0o755)
    path = folder / "dockerd"
    path.touch(mode=0o755)
    return path


def test_a_program_of_root(program: Path) -> None:
    assert doubt_about(str(program)) == ""
    (program.parent / "link").symlink_to("../bin/./dockerd")
    (program.parent / "second").symlink_to(program.parent / "link")
    assert doubt_about(f"{program.parent}/../bin//second") == ""


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_a_program_that_others_may_write_to(program: Path, mode: int) -> None:
    program.chmod(mode)
    assert doubt_about(str(program)).endswith(f" can write to {program} (mode {mode:04o})")


@pytest.mark.parametrize(("mode", "trusted"), [(0o755, True), (0o775, False), (0o757, False), (0o1777, True)])
def test_a_folder_on_the_way(program: Path, mode: int, *, trusted: bool) -> None:
    program.parent.chmod(mode)
    assert (doubt_about(str(program)) == "") is trusted
    # The way by a link leads through the same folder.
    link = program.parents[1] / "link"
    link.symlink_to(program)
    assert (doubt_about(str(link)) == "") is trusted


def test_a_link_in_a_folder_that_others_may_write_to(program: Path) -> None:
    open_folder = program.parents[1] / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    (open_folder / "dockerd").symlink_to(program)
    assert doubt_about(f"{open_folder}/dockerd").endswith(f" can write to {open_folder} (mode 0777)")


@pytest.mark.skipif(os.getuid() != 0, reason="to give files away takes root")
@pytest.mark.parametrize("which", ["program", "folder", "link"])
def test_what_belongs_to_somebody_else(program: Path, which: str) -> None:
    link = program.parent / "link"
    link.symlink_to(program)
    place = {"program": program, "folder": program.parent, "link": link}[which]
    os.chown(place, 65534, 0, follow_symlinks=False)
    assert doubt_about(str(link)) == f"{place} belongs to user 65534"


def test_what_is_no_program(program: Path) -> None:
    assert doubt_about("dockerd") == "dockerd is not an absolute path"
    assert doubt_about(str(program.parent)) == f"{program.parent} is not a program"
    assert "none: No such file" in doubt_about(str(program.parent / "none"))
    assert "Not a directory" in doubt_about(str(program / "below"))
    (program.parent / "circle").symlink_to("circle")
    assert doubt_about(str(program.parent / "circle")) == f"{program.parent}/circle is a loop of symbolic links"
