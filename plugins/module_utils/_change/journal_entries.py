# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries of the journal: what a change says of each thing that it touches, and how they are read back. Pure.

The record may end in half a line, of a run that was killed or a disk that was full: that is skipped and said, since a
begin is whole on the disk before anything is changed. What is whole, but not known to this release, is not guessed at.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Optional, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    PolicyChange,
    PortChange,
    Refusal,
    SysctlChange,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError, from_plain

_ENDS = ("done", "undone", "failed")
# Of the entries. It goes up when an older release would read them wrongly.
SCHEMA = 1


@dataclass(frozen=True)
class Content:
    """What a file holds, and where a copy of it lies."""

    sha256: str
    copy: str


@dataclass(frozen=True)
class FileRecord:
    """A file as a change found it, and what the change may have made of it."""

    path: str
    mode: int
    uid: int
    gid: int
    before: Optional[Content] = None
    """None: there was no such file."""
    writes: list[Optional[Content]] = field(default_factory=list)


@dataclass(frozen=True)
class FileEnd:
    """A file as a change left it."""

    path: str
    sha256: Optional[str] = None


@dataclass(frozen=True)
class UnitRecord:
    """A systemd unit: ``absent``, ``disabled`` or ``enabled``."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class NetworkRecord:
    """A network that was made, removed or made anew; reported, never taken back from here."""

    name: str


@dataclass(frozen=True)
class RecordedChange:
    """One change that was begun."""

    id: str
    time: str
    module: str
    files: list[FileRecord] = field(default_factory=list)
    sysctls: list[SysctlChange] = field(default_factory=list)
    ports: list[PortChange] = field(default_factory=list)
    policies: list[PolicyChange] = field(default_factory=list)
    units: list[UnitRecord] = field(default_factory=list)
    networks: list[NetworkRecord] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    """How it ended; empty for a run that was killed. A transaction that undid itself says so before its caller ends."""
    left: dict[str, Optional[str]] = field(default_factory=dict)
    """By path, the checksum of what was there at the end."""

    @property
    def undone(self) -> bool:
        """Whether it took itself back; files are judged by what was left, all the same."""
        return "undone" in self.ended


@dataclass(frozen=True)
class _EndEntry:
    id: str
    event: str
    files: list[FileEnd] = field(default_factory=list)


C = TypeVar("C", bound=RecordedChange)


@dataclass(frozen=True)
class History(Generic[C]):
    """What there is to take back, oldest first."""

    changes: list[C] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be read of the record, for people."""


def parse_record(data: bytes, path: str, kind: type[C]) -> History[C]:
    """Return the changes since the last entry that says that all are taken back, as far as kind has them.

    Raises Refusal, naming the line, for an entry that is whole and yet not one that this release writes.
    """
    changes: dict[str, C] = {}
    notes: list[str] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        entry = _entry(line)
        if entry is None:
            notes.append(
                f"{path} line {number} is an incomplete entry (its writer was killed, or the disk was full); skipped"
            )
            continue
        try:
            _take(changes, entry, kind)
        except (DecodeError, _UnknownError) as error:
            raise Refusal(
                f"nothing was changed: {path} line {number} is not an entry that this release can read ({error}), so "
                "the previous state is not certain. A newer release may have written it"
            ) from error
    return History(list(changes.values()), notes)


class _UnknownError(ValueError):
    """An entry of a later schema, or of an event that this release does not write."""


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _take(changes: dict[str, C], entry: dict[str, Any], kind: type[C]) -> None:
    schema, event = entry.get("schema"), entry.get("event")
    if schema != SCHEMA:
        raise _UnknownError(f"its schema is {schema!r}, known is {SCHEMA}")
    if event == "begin":
        change = from_plain(kind, {**entry, "ended": [], "left": []})
        changes[change.id] = change
    elif event == "reverted":
        changes.clear()
    elif event in _ENDS:
        end = from_plain(_EndEntry, entry)
        begun = changes.get(end.id)
        # One that is unknown began before everything was taken back.
        if begun is not None:
            left = {file.path: file.sha256 for file in end.files}
            changes[end.id] = replace(begun, ended=[*begun.ended, end.event], left=left)
    else:
        raise _UnknownError(f"its event is {event!r}")
