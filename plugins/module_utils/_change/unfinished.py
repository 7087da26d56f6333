# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a run that was killed while it changed daemon.json has left to be done.

Most settings of dockerd cannot be asked for. That a file already says what is wanted proves nothing when the run that
wrote it never came to the restart: only the journal knows that.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import FileState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon_plan import Left
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import (
    JOURNAL_ROOT,
    RECORD,
    read_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_reading import (
    Change,
    Content,
    FileRecord,
    parse_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._host.procfs import age, read_process
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import DaemonProcess


@dataclass(frozen=True)
class Unfinished:
    """Changes of a file that did not come to an end."""

    before: Optional[Content]
    """The file before the first of them; None: there was none."""
    ported: frozenset[str]
    """Names of the containers whose bridge ports they meant to set."""


def read_left(file: FileState, daemon: DaemonProcess | None, root: Path = JOURNAL_ROOT) -> Left:
    """Return what is left to be done about file; nothing where the journal cannot be read, which is no obstacle."""
    try:
        found = unfinished(parse_record(read_record(root), str(root / RECORD)).changes, file.path)
        if found is None:
            return Left()
        if not _is_unread(file, daemon):
            return Left(ported=found.ported)
        text = Path(found.before.copy).read_text(encoding="utf-8") if found.before else None
    except (OSError, UnicodeDecodeError, Refusal):
        return Left()
    return Left(unread=True, text=text, ported=found.ported)


def unfinished(changes: list[Change], path: str) -> Unfinished | None:
    """Return what the changes of the file at path have left open; None when the last of them came to its end."""
    killed: list[tuple[Change, FileRecord]] = []
    for change in changes:
        for file in change.files:
            if file.path == path:
                killed = [] if change.ended else [*killed, (change, file)]
    if not killed:
        return None
    ported = frozenset(port.container for change, dummy in killed for port in change.ports)
    return Unfinished(killed[0][1].before, ported)


def _is_unread(file: FileState, daemon: DaemonProcess | None) -> bool:
    """Whether the file was changed after dockerd was started, or removed at an unknown time."""
    process = read_process(daemon.pid) if daemon else None
    if process is None:
        return False
    try:
        return time.time() - os.stat(file.real_path).st_ctime <= age(process)
    except FileNotFoundError:
        return True
