# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each thing was before the changes that the journal has, and what our last one left of it. Pure.

Somebody else may have changed a thing between two of our changes: the second one then found what the first did not
leave. Only our own part can be taken back in that case, which is what came after.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import (
    Content,
    FileRecord,
    RecordedChange,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.value_changes import PortChange


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
