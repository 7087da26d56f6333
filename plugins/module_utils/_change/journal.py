# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What was there before: copies of files and a record of each change, for people and for going back.

Everything lies below /var/lib/dockernet-baseline, readable by root alone, since daemon.json can hold credentials. The
record is journal.jsonl, one entry a line, which grows, and from which what was taken back goes after a time
(journal_pruning.py): a change begins with an entry that says what is there and
what may become of it, and ends with one that says how it went and what the files are then. A begin without an end is of
a run that was killed. journal_reading.py reads them back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_pruning import (
    KEEP_DAYS,
    forget,
    taken_back,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_reading import SCHEMA
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, FileState
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular

JOURNAL_ROOT = Path("/var/lib/dockernet-baseline")
RECORD = "journal.jsonl"
_LARGEST = 1 << 26
"""Bytes of the record; a change adds a thousand or two."""


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
        what a killed run left behind be told from what somebody else wrote.
        Raises ChangeFailed when it cannot be recorded: without that nothing is changed.
        """
        identity = f"{time.time_ns()}-{os.getpid()}"
        try:
            records = [self._file(state, (writes or {}).get(state.path, ())) for state in files]
            self._append({**details, "id": identity, "event": "begin", "files": records})
        except OSError as error:
            raise ChangeFailed(f"nothing was changed, since what is there could not be recorded: {error}") from error
        self._id = identity
        self._paths = [state.path for state in files]

    def end(self, event: str, **details: Any) -> None:
        """Record how it ended: ``done``, ``undone`` or ``failed``. That this works is not worth failing for."""
        if not self._id:
            return
        with contextlib.suppress(OSError):
            files = [{"path": path, "sha256": _sum(read_file(path).data)} for path in self._paths]
            self._append({**details, "id": self._id, "event": event, "files": files})
            self._forget()

    def reverted(self) -> None:
        """Record that all changes so far are taken back: the next one counts as the first. Raises ChangeFailed."""
        try:
            self._append({"event": "reverted"})
        except OSError as error:
            raise ChangeFailed(
                f"everything was taken back, but that could not be recorded in {self._root / RECORD}: {error}. "
                "Run it again once that is mended, before anything else is changed"
            ) from error

    def _forget(self) -> None:
        """Let go what nobody takes back any more."""
        record = read_record(self._root)
        forget(self._root, RECORD, record, taken_back(record, KEEP_DAYS), KEEP_DAYS)

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
        return None if data is None else {"sha256": _sum(data) or "", "copy": str(self._keep(path, data))}

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


def _sum(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


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
