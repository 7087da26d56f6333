# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a run that was killed wrote into daemon.json, and may never have brought into force."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import FileState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon_file import changed_keys
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import (
    JOURNAL_ROOT,
    RECORD,
    read_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_reading import FileRecord, parse_record
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal


def unfinished_keys(config: FileState, root: Path = JOURNAL_ROOT) -> frozenset[str]:
    """Return the keys that differ from what the last, killed run found, if the file still is as that run wrote it.

    A record that cannot be read is no reason to refuse a change: then nothing is known.
    """
    if config.data is None:
        return frozenset()
    try:
        history = parse_record(read_record(root), str(root / RECORD))
    except (OSError, Refusal):
        return frozenset()
    own = [(change, record) for change in history.changes for record in change.files if record.path == config.path]
    if not own or own[-1][0].ended or not _wrote(own[-1][1], config.data):
        return frozenset()
    before = own[-1][1].before
    try:
        text = "" if before is None else Path(before.copy).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return frozenset()
    return frozenset(changed_keys(text, config.data.decode("utf-8", "replace")))


def _wrote(record: FileRecord, data: bytes) -> bool:
    checksum = hashlib.sha256(data).hexdigest()
    return any(content is not None and content.sha256 == checksum for content in record.writes)
