# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal, read back: the changes since all were taken back last, and what each thing was before them. Pure.

The record may end in half a line, of a run that was killed or a disk that was full: that is skipped and said, since a
begin is whole on the disk before anything is changed. What is whole, but not known to this release, is not guessed at.

Somebody else may have changed a thing between two of our changes: the second one then found what the first did not
leave. Only our own part can be taken back in that case, which is what came after.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forward_policy_plan import (
    PolicyChange,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import PortChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    RecreationRecord,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.sysctl_plan import SysctlChange
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
    record: Optional[RecreationRecord] = None
    """Of a network made anew: what puts everything back that a killed run left halfway (network_recovery.py)."""


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


@dataclass(frozen=True)
class History:
    """What there is to take back, oldest first."""

    changes: list[RecordedChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be read of the record, for people."""


@dataclass(frozen=True)
class Past:
    """A thing with a single value."""

    before: str
    ours: frozenset[str]
    """What our last change may have left: one value, or two when that change was killed or failed."""


@dataclass(frozen=True)
class PortPast:
    """The mode of a bridge port."""

    port: PortChange
    """As it was changed last."""
    past: Past


@dataclass(frozen=True)
class FileLink:
    """One change of a file: what it found, and what it may have left."""

    found: FileRecord
    after: list[Optional[Content]]

    @property
    def before(self) -> Optional[Content]:
        """What it found, None for no file."""
        return self.found.before


@dataclass(frozen=True)
class FilePast:
    """A file with its changes, oldest first."""

    path: str
    links: list[FileLink]

    @property
    def ours(self) -> list[Optional[Content]]:
        """What our last change may have left."""
        return self.links[-1].after

    @property
    def unbroken(self) -> list[FileLink]:
        """The links since somebody else was at the file last, all of them when no one was."""
        start = 0
        for place in range(1, len(self.links)):
            if digest(self.links[place].before) not in {digest(content) for content in self.links[place - 1].after}:
                start = place
        return self.links[start:]


def parse_record(data: bytes, path: str) -> History:
    """Return the changes since the last entry that says that all are taken back.

    Raises Refusal, naming the line, for an entry that is whole and yet not one that this release writes.
    """
    changes: dict[str, RecordedChange] = {}
    notes: list[str] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        entry = _entry(line)
        if entry is None:
            notes.append(f"{path} line {number} is not a whole entry (its writer was killed, or had no space); skipped")
            continue
        try:
            _take(changes, entry)
        except (DecodeError, _UnknownError) as error:
            raise Refusal(
                f"nothing was changed: {path} line {number} is not an entry that this release can read ({error}), so "
                "what was there before is not certain. A newer release may have written it"
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


def _take(changes: dict[str, RecordedChange], entry: dict[str, Any]) -> None:
    schema, event = entry.get("schema"), entry.get("event")
    if schema != SCHEMA:
        raise _UnknownError(f"its schema is {schema!r}, known is {SCHEMA}")
    if event == "begin":
        change = from_plain(RecordedChange, {**entry, "ended": [], "left": []})
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


def digest(content: Content | None) -> str | None:
    """The checksum, None for no file."""
    return content.sha256 if content else None


def sysctl_pasts(changes: Iterable[RecordedChange]) -> dict[str, Past]:
    """By key."""
    return _pasts(
        (item.key, item.before, item.after, _is_certain(change))
        for change in _standing(changes)
        for item in change.sysctls
    )


def policy_pasts(changes: Iterable[RecordedChange]) -> dict[str, Past]:
    """The policy of FORWARD, by family."""
    return _pasts(
        (item.family, item.before, item.after, _is_certain(change))
        for change in _standing(changes)
        for item in change.policies
    )


def unit_pasts(changes: Iterable[RecordedChange]) -> dict[str, Past]:
    """By the name of the unit."""
    return _pasts(
        (item.name, item.before, item.after, _is_certain(change))
        for change in _standing(changes)
        for item in change.units
    )


def port_pasts(changes: Iterable[RecordedChange]) -> list[PortPast]:
    """By port, in the order of their first change; a container that was started anew has another port."""
    standing = list(_standing(changes))
    found = _pasts(
        (_port_key(item), _word(on=item.before), _word(on=item.after), _is_certain(change))
        for change in standing
        for item in change.ports
    )
    last = {_port_key(item): item for change in standing for item in change.ports}
    return [PortPast(last[key], past) for key, past in found.items()]


def file_pasts(changes: Iterable[RecordedChange]) -> dict[str, FilePast]:
    """By path; a change that left a file as it found it is none."""
    pasts: dict[str, FilePast] = {}
    for change in changes:
        for record in change.files:
            after = _after(change, record)
            if {digest(content) for content in after} == {digest(record.before)}:
                continue
            links = pasts[record.path].links if record.path in pasts else []
            pasts[record.path] = FilePast(record.path, [*links, FileLink(record, after)])
    return pasts


def _after(change: RecordedChange, record: FileRecord) -> list[Content | None]:
    known = [record.before, *record.writes]
    if record.path not in change.left:
        return known
    left = change.left[record.path]
    same = [content for content in known if digest(content) == left]
    # Neither: somebody else wrote it before our change had ended.
    return same[:1] or record.writes


def _standing(changes: Iterable[RecordedChange]) -> Iterable[RecordedChange]:
    return (change for change in changes if not change.undone)


def _is_certain(change: RecordedChange) -> bool:
    """Whether all that it wanted came true; a killed or failed one may have come anywhere."""
    return "done" in change.ended


def _pasts(links: Iterable[tuple[str, str, str, bool]]) -> dict[str, Past]:
    pasts: dict[str, Past] = {}
    for key, before, after, certain in links:
        ours = frozenset({after} if certain else {before, after})
        known = pasts.get(key)
        pasts[key] = Past(known.before if known and before in known.ours else before, ours)
    return pasts


def _port_key(port: PortChange) -> str:
    return f"{port.index} {port.port} {port.container}"


def _word(*, on: bool) -> str:
    return "on" if on else "off"
