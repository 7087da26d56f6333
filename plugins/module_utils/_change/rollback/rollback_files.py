# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Files other than daemon.json as they were before our changes. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon import json_text
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_history import FilePast, digest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Diff, FileState
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_text


@dataclass(frozen=True)
class Kept:
    """Files as they are now, and what the journal kept of before."""

    states: Mapping[str, FileState]
    """By path."""
    digests: Mapping[str, str | None]
    """The checksums of what they hold, by path."""
    copies: Mapping[str, bytes]
    """By the path that the journal names."""


@dataclass(frozen=True)
class FileBack:
    """A file and what it is to hold; None removes it."""

    state: FileState
    """As it is now; for one that is to come back, with the mode and owner of before."""
    data: bytes | None


@dataclass(frozen=True)
class FilesBack:
    """The way back for all of them."""

    changes: list[FileBack] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)
    """Their paths."""
    notes: list[str] = field(default_factory=list)


def files_back(pasts: Sequence[FilePast], kept: Kept) -> FilesBack:
    """Return what becomes of the files; one that somebody else has changed since stays."""
    back = FilesBack()
    for past in pasts:
        goal = past.unbroken[0].before
        now = kept.digests[past.path]
        if now == digest(goal):
            continue
        if now not in {digest(content) for content in past.ours}:
            what = "was removed" if now is None else "was changed"
            back.blocked.add(past.path)
            back.conflicts.append(f"{past.path} {what} by somebody else since it was written here")
            continue
        if past.unbroken != past.links:
            back.notes.append(
                f"{past.path} was changed by somebody else between two changes of this collection, and is put back as "
                "they left it"
            )
        back.changes.append(FileBack(_state(past, kept), None if goal is None else kept.copies[goal.copy]))
    return back


def file_sentences(changes: Sequence[FileBack]) -> list[str]:
    """One sentence a file."""
    return [
        f"remove {item.state.path}" if item.data is None else f"write {item.state.path} as it was before"
        for item in changes
    ]


def file_diffs(changes: Sequence[FileBack]) -> list[Diff]:
    """Before and after."""
    return [Diff(item.state.path, _shown(item.state.data), _shown(item.data)) for item in changes]


def _state(past: FilePast, kept: Kept) -> FileState:
    state = kept.states[past.path]
    found = past.unbroken[0].found
    return state if state.data is not None else replace(state, mode=found.mode, uid=found.uid, gid=found.gid)


def _shown(data: bytes | None) -> str:
    """As text with secrets masked, by the names of keys in what may be a daemon.json that dockerd reads no more."""
    text = (data or b"").decode("utf-8", "replace")
    try:
        return json_text.masked(text) if isinstance(json.loads(text), dict) else mask_text(text)
    except (ValueError, RecursionError):
        return mask_text(text)
