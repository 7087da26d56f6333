"""Builds journals for tests: changes of this collection and of others, one after another, on real files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import RECORD, Journal, read_record
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import (
    History,
    RecordedChange,
    parse_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback_plan import Kept


class Book:
    """A journal below folder, and the files that it tells of."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "journal"

    def change(self, writes: Mapping[Path, str | None] | None = None, *, end: str = "done", **details: Any) -> None:
        """A change of ours; end: how it ends, "killed" between writing and the end, "killed early" before writing."""
        journal = Journal("test", self.root)
        given = {str(path): [_data(text)] for path, text in (writes or {}).items()}
        journal.begin([read_file(path) for path in given], given, **details)
        if end not in ("undone", "killed early"):
            for path, text in (writes or {}).items():
                put(path, text)
        if not end.startswith("killed"):
            journal.end(end)

    def history(self) -> History[RecordedChange]:
        return parse_record(read_record(self.root), str(self.root / RECORD), RecordedChange)

    def kept(self, paths: Sequence[Path]) -> Kept:
        """All that is there to judge paths by."""
        states = {str(path): read_file(str(path)) for path in paths}
        digests = {
            path: None if state.data is None else hashlib.sha256(state.data).hexdigest()
            for path, state in states.items()
        }
        folder = self.root / "files"
        copies = {str(path): path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}
        return Kept(states, digests, copies)


def put(path: Path, text: str | None) -> None:
    """Write path, or remove it."""
    if text is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(text)


def _data(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
