# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal, written: copies of files and a record of each change, for people and for going back.

Everything lies below /var/lib/dockernet-baseline, readable by root alone, since daemon.json can hold credentials. The
record is journal.jsonl, one entry a line: a change begins with an entry that says what is there and what may become of
it, and ends with one that says how it went and what the files are then. A begin without an end is of a run that was
killed. journal_entries.py says what the entries tell.

Copies of daemon.json hold passwords that were changed long ago, so entries and copies are pruned. Of its own accord a
change forgets what was taken back, since no rollback asks for that again. What stands is needed by a rollback to what
was there before the first change, and is forgotten only when somebody says so (baseline_rollback). What is forgotten is
always a beginning of the record, for an entry that says that all is taken back must not go before those that it is
about.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import SCHEMA
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, FileState
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular

JOURNAL_ROOT = Path("/var/lib/dockernet-baseline")
RECORD = "journal.jsonl"
_LARGEST = 1 << 26
"""Bytes of the record; a change adds a thousand or two."""
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


class Journal:
    """The record of one module's changes on this host."""

    def __init__(self, module: str, root: Path = JOURNAL_ROOT) -> None:
        self._module = module
        self._root = root
        self._id = ""
        self._paths: list[str] = []

    def begin(
        self,
        files: Sequence[FileState],
        writes: Mapping[str, Sequence[bytes | None]] | None = None,
        **details: Any,
    ) -> None:
        """Record what is there, with copies of the files, and what is wanted.

        files: all that may be touched, also those that do not exist yet. writes: by path, every content that the change
        may give a file, in the order of its steps and with what it falls back on; None removes it. Only with that can
        what a killed run left behind be told from what other programs wrote.
        Raises ChangeFailed when it cannot be recorded: without that nothing is changed.
        """
        identity = f"{time.time_ns()}-{os.getpid()}"
        try:
            records = [self._file(state, (writes or {}).get(state.path, ())) for state in files]
            self._append({**details, "id": identity, "event": "begin", "files": records})
        except OSError as error:
            raise ChangeFailed(f"nothing was changed: the previous state could not be recorded: {error}") from error
        self._id = identity
        self._paths = [state.path for state in files]

    def end(self, event: str, **details: Any) -> None:
        """Record how it ended: ``done``, ``undone`` or ``failed``. That this works is not worth failing for."""
        if not self._id:
            return
        with contextlib.suppress(OSError):
            files = [{"path": path, "sha256": checksum(_data(path))} for path in self._paths]
            self._append({**details, "id": self._id, "event": event, "files": files})
            self._forget()

    def reverted(self) -> None:
        """Record that all changes so far are taken back: the next one counts as the first. Raises ChangeFailed."""
        try:
            self._append({"event": "reverted"})
        except OSError as error:
            raise ChangeFailed(
                f"everything was reverted, but this could not be recorded in {self._root / RECORD}: {error}. Fix that "
                "and run it again, before anything else is changed"
            ) from error

    def _forget(self) -> None:
        """Let go what no one takes back any more."""
        record = read_record(self._root)
        forget(self._root, RECORD, record, _taken_back(record, KEEP_DAYS), KEEP_DAYS)

    def _file(self, state: FileState, writes: Sequence[bytes | None]) -> dict[str, Any]:
        return {
            "path": state.path,
            "mode": state.mode,
            "uid": state.uid,
            "gid": state.gid,
            "before": self._content(state.path, state.data),
            "writes": [self._content(state.path, data) for data in writes],
        }

    def _content(self, path: str, data: bytes | None) -> dict[str, str] | None:
        return None if data is None else {"sha256": checksum(data) or "", "copy": str(self._keep(path, data))}

    def _keep(self, path: str, data: bytes) -> Path:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        folder = self._folder("files")
        copy = folder / f"{Path(path).name}.{stamp}.{time.time_ns() % 1_000_000_000:09d}"
        _write(copy, os.O_EXCL, data)
        _sync(folder)
        return copy

    def _append(self, entry: dict[str, Any]) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = json.dumps({**entry, "schema": SCHEMA, "time": stamp, "module": self._module}, sort_keys=True) + "\n"
        folder = self._folder()
        # A run that was killed, or found the disk full, may have left half a line.
        torn = "\n" if _is_torn(folder / RECORD) else ""
        _write(folder / RECORD, os.O_APPEND, (torn + line).encode())
        _sync(folder)

    def _folder(self, name: str = "") -> Path:
        folder = self._root / name
        for path in (self._root, folder):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder


def read_record(root: Path = JOURNAL_ROOT) -> bytes:
    """Return the record as it is, nothing where there is none; OSError when it cannot be read."""
    try:
        return read_regular(root / RECORD, _LARGEST).data
    except FileNotFoundError:
        return b""


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


def _taken_back(record: bytes, days: int) -> Forgotten:
    """What is older than that many days and was taken back."""
    lines = record.splitlines(keepends=True)
    entries = [_entry(line) for line in lines]
    reverted = max((number for number, entry in enumerate(entries, 1) if entry.get("event") == "reverted"), default=0)
    return _without(lines, entries, min(reverted, _older(entries, days)))


def checksum(data: bytes | None) -> str | None:
    """SHA-256 in hexadecimal digits, None for no file."""
    return None if data is None else hashlib.sha256(data).hexdigest()


def _data(path: str) -> bytes | None:
    try:
        return read_regular(path).data
    except FileNotFoundError:
        return None


def _is_torn(path: Path) -> bool:
    try:
        with open(path, "rb") as stream:
            if stream.seek(0, os.SEEK_END) == 0:
                return False
            stream.seek(-1, os.SEEK_END)
            return stream.read() != b"\n"
    except FileNotFoundError:
        return False


def _write(path: Path, flags: int, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    """Have the names in it outlive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _without(lines: list[bytes], entries: list[dict[str, Any]], count: int) -> Forgotten:
    reverted = max((number for number, item in enumerate(entries, 1) if item.get("event") == "reverted"), default=0)
    standing = sum(entry.get("event") == "begin" for entry in entries[reverted:count])
    return Forgotten(b"".join(lines[count:]), standing, count)


def _older(entries: list[dict[str, Any]], days: int) -> int:
    """How many entries there are before the first that is younger, or of an unknown time."""
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
