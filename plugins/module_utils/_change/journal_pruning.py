# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What of the journal has had its day: entries of changes that need not be taken back any more, and copies of files.

Copies of daemon.json hold passwords that were changed long ago. Of its own accord a change forgets what was taken
back, since no rollback asks for that again. What stands is needed by a rollback to what was there before the first
change, and is forgotten only when somebody says so (baseline_rollback).

What is forgotten is always a beginning of the record, for an entry that says that all is taken back must not go before
those that it is about.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEEP_DAYS = 90
"""How long is kept what was taken back, and copies that no entry names."""
_DAY = 24 * 3600
_FILES = "files"


@dataclass(frozen=True)
class Forgotten:
    """What is to be forgotten."""

    kept: bytes
    """What remains of the record."""
    changes: int = 0
    """How many of the changes could still have been taken back."""
    lines: int = 0
    """How many entries go."""


def taken_back(record: bytes, days: int) -> Forgotten:
    """What is older than that many days and was taken back."""
    lines = record.splitlines(keepends=True)
    entries = [_entry(line) for line in lines]
    reverted = max((number for number, entry in enumerate(entries, 1) if entry.get("event") == "reverted"), default=0)
    return _without(lines, entries, min(reverted, _older(entries, days)))


def older(record: bytes, days: int) -> Forgotten:
    """What is older than that many days; the newest change stays if a run was killed in the middle of it."""
    lines = record.splitlines(keepends=True)
    entries = [_entry(line) for line in lines]
    begun = max((number for number, entry in enumerate(entries) if entry.get("event") == "begin"), default=0)
    ended = any(entry.get("event") != "begin" for entry in entries[begun:])
    return _without(lines, entries, _older(entries, days) if ended else min(begun, _older(entries, days)))


def stale_copies(root: Path, record: bytes, days: int) -> list[Path]:
    """Copies of files that no entry of the record names, older than that many days. Raises OSError."""
    named = {copy for line in record.splitlines() for copy in _copies(_entry(line))}
    before = time.time() - days * _DAY
    folder = root / _FILES
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if str(path) not in named and path.lstat().st_mtime <= before]


def forget(root: Path, name: str, record: bytes, forgotten: Forgotten, days: int) -> None:
    """Write what remains of the record called name below root, then remove the copies. Raises OSError."""
    if forgotten.kept != record:
        scratch = root / f".{name}.new"
        with contextlib.suppress(FileNotFoundError):
            scratch.unlink()
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as stream:
            stream.write(forgotten.kept)
            stream.flush()
            os.fsync(descriptor)
        os.replace(scratch, root / name)
    for copy in stale_copies(root, forgotten.kept, days):
        copy.unlink()


def _without(lines: list[bytes], entries: list[dict[str, Any]], count: int) -> Forgotten:
    reverted = max((number for number, item in enumerate(entries, 1) if item.get("event") == "reverted"), default=0)
    standing = sum(entry.get("event") == "begin" for entry in entries[reverted:count])
    return Forgotten(b"".join(lines[count:]), standing, count)


def _older(entries: list[dict[str, Any]], days: int) -> int:
    """How many entries there are before the first that is younger, or of a time that cannot be told."""
    last = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * _DAY))
    young = (
        number
        for number, entry in enumerate(entries)
        # What is no whole entry goes with what it stands among.
        if entry and not (isinstance(entry.get("time"), str) and entry["time"] <= last)
    )
    return next(young, len(entries))


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _copies(entry: dict[str, Any]) -> list[str]:
    found = []
    for file in entry.get("files") or []:
        if isinstance(file, dict):
            contents = [file.get("before"), *(file.get("writes") or [])]
            found += [str(content["copy"]) for content in contents if isinstance(content, dict) and "copy" in content]
    return found
