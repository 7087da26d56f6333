# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lay the collection where Ansible's tools look for it: .build/ansible_collections/NAMESPACE/NAME.

The repository's root is the collection. Ansible finds a collection only below a directory ``ansible_collections``, and
ansible-test accepts no symbolic link to it, so what git would track is copied. Only files that differ are written, and
files that vanished are removed.

The copy is a git repository of its own: ansible-test lists files with git, and without one it would ask the repository
around it, in which .build is ignored, find nothing, test nothing and succeed.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"


def collection_path() -> Path:
    """Return the place of the collection below .build, by the names in galaxy.yml.

    Read without a YAML parser, so that any Python can stage.
    """
    text = (ROOT / "galaxy.yml").read_text(encoding="utf-8")
    names: dict[str, str] = dict(re.findall(r"^(namespace|name): *([a-z][a-z0-9_]*) *$", text, flags=re.MULTILINE))
    return BUILD / "ansible_collections" / names["namespace"] / names["name"]


def tracked_files() -> list[str]:
    """Return the paths, relative to the root, of the files that git tracks or would track, and that exist."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    return sorted({name for name in listing.split("\0") if name and os.path.lexists(ROOT / name)})


def is_current(source: Path, target: Path) -> bool:
    """Tell whether target is a copy of source, as far as kind, mode, size and time of change say so."""
    if not os.path.lexists(target):
        return False
    if source.is_symlink() or target.is_symlink():
        return source.is_symlink() and target.is_symlink() and source.readlink() == target.readlink()
    ours, theirs = source.stat(), target.stat()
    return (ours.st_mode, ours.st_size, ours.st_mtime_ns) == (theirs.st_mode, theirs.st_size, theirs.st_mtime_ns)


def copy(source: Path, target: Path) -> None:
    """Copy one file or symbolic link in a way that a reader of target sees the old or the new one, whole."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.staging")
    scratch.unlink(missing_ok=True)
    shutil.copy2(source, scratch, follow_symlinks=False)
    scratch.replace(target)


def staged_files(stage: Path) -> list[Path]:
    """Return the files and links in the stage, but for git's own and for what ansible-test writes there."""
    found = []
    for folder, subfolders, files in os.walk(stage):
        here = Path(folder)
        own = {".git"} if here == stage else {"output"} if here == stage / "tests" else set()
        found += [here / name for name in [*files, *subfolders] if name not in own and not is_folder(here / name)]
        subfolders[:] = [name for name in subfolders if name not in own]
    return found


def is_folder(path: Path) -> bool:
    """Tell whether path is a directory and not a link to one."""
    return path.is_dir() and not path.is_symlink()


def remove_vanished(stage: Path, wanted: set[str]) -> None:
    """Remove what the stage has and the repository has not."""
    for path in staged_files(stage):
        if path.relative_to(stage).as_posix() in wanted:
            continue
        path.unlink(missing_ok=True)
        folder = path.parent
        while folder != stage and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def make_stage() -> Path:
    """Bring the stage up to date and return its path."""
    stage = collection_path()
    stage.mkdir(parents=True, exist_ok=True)
    with (BUILD / "stage.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stage / ".git").is_dir():
            subprocess.run(["git", "init", "--quiet", "--initial-branch=stage", str(stage)], check=True)
        names = tracked_files()
        remove_vanished(stage, set(names))
        for name in names:
            if not is_current(ROOT / name, stage / name):
                copy(ROOT / name, stage / name)
    return stage


if __name__ == "__main__":
    print(make_stage())
