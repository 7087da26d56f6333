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

import time
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_plan import Left
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import (
    JOURNAL_ROOT,
    RECORD,
    read_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_reading import (
    Change,
    FileRecord,
    parse_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import FileState, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._host.procfs import age, read_process
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import DaemonProcess


def read_left(file: FileState, daemon: DaemonProcess | None, root: Path = JOURNAL_ROOT) -> Left:
    """Return what is left to be done about file; nothing where the journal cannot be read, which is no obstacle."""
    try:
        killed = unfinished(parse_record(read_record(root), str(root / RECORD)).changes, file.path)
        ported = frozenset(port.container for change, dummy in killed for port in change.ports)
        # A dockerd that was started after a run began was started by it, or by somebody else, with what it had written.
        started = _started(daemon)
        unread = [record.before for change, record in killed if started is not None and _began(change) > started]
        if not unread:
            return Left(ported=ported)
        text = read_regular(unread[0].copy).data.decode() if unread[0] else None
    except (OSError, ValueError, Refusal):
        return Left()
    return Left(unread=True, text=text, ported=ported)


def unfinished(changes: list[Change], path: str) -> list[tuple[Change, FileRecord]]:
    """Return the changes of the file at path that were killed since one of them came to its end, oldest first."""
    killed: list[tuple[Change, FileRecord]] = []
    for change in changes:
        for file in change.files:
            if file.path == path:
                killed = [] if change.ended else [*killed, (change, file)]
    return killed


def _began(change: Change) -> float:
    """Seconds since the epoch, from the entry's name, which has more of them than its time."""
    return int(change.id.partition("-")[0]) / 1e9


def _started(daemon: DaemonProcess | None) -> float | None:
    """When dockerd was started, in seconds since the epoch, exact to a clock tick."""
    process = read_process(daemon.pid) if daemon else None
    return None if process is None else time.time() - age(process)
