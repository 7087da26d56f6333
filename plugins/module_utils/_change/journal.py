# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What was there before: copies of files and a record of each change, for people and for going back.

Everything lies below /var/lib/dockernet-baseline, readable by root alone, since daemon.json can hold credentials.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import FileState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed

JOURNAL_ROOT = Path("/var/lib/dockernet-baseline")


class Journal:
    """The record of one module's changes on this host."""

    def __init__(self, module: str, root: Path = JOURNAL_ROOT) -> None:
        self._module = module
        self._root = root

    def begin(self, files: list[FileState], **details: Any) -> None:
        """Store copies of the files, and record what was there and what is wanted.

        Raises ChangeFailed when that cannot be written: without it nothing is changed.
        """
        try:
            self._append("begin", copies=[self._keep(state) for state in files if state.data is not None], **details)
        except OSError as error:
            raise ChangeFailed(f"nothing was changed, since what is there could not be recorded: {error}") from error

    def end(self, event: str, **details: Any) -> None:
        """Record how it ended: ``done``, ``undone`` or ``failed``. That this works is not worth failing for."""
        with contextlib.suppress(OSError):
            self._append(event, **details)

    def _keep(self, state: FileState) -> str:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        copy = self._folder("files") / f"{Path(state.path).name}.{stamp}.{time.time_ns() % 1_000_000_000:09d}"
        _write(copy, os.O_EXCL, state.data or b"")
        return str(copy)

    def _append(self, event: str, **details: Any) -> None:
        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "module": self._module,
            "event": event,
            **details,
        }
        line = json.dumps(entry, sort_keys=True) + "\n"
        _write(self._folder() / "journal.jsonl", os.O_APPEND, line.encode())

    def _folder(self, name: str = "") -> Path:
        folder = self._root / name
        for path in (self._root, folder):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder


def _write(path: Path, flags: int, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
    with open(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(descriptor)
