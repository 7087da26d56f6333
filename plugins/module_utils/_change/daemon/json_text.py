# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Setting and removing one top-level key in the text of daemon.json, everything else left as it was typed.

The text must be a JSON object without duplicate keys, or empty, or ``null`` (dockerd takes both as no settings);
whoever calls has parsed it before. Indentation, spacing, order, line ends and the end of the file are kept, so that
the administrator finds back the file that they wrote.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import GO_SPACE, whole_characters
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_values

_SPACE = " \t\r\n"
# What dockerd takes off the ends of a file. Such a file is not edited, but shown.
_EDGE = GO_SPACE + "\ufeff"
_NOTHING = re.compile(f"[{_EDGE}]*(null)?[{_EDGE}]*\\Z")


@dataclass(frozen=True)
class _Member:
    """A key with its value, by offsets into the text."""

    key: str
    lead: int
    """Behind the brace or comma in front of it: where its white space begins."""
    start: int
    colon: int
    """Behind the key."""
    value: int
    end: int


@dataclass(frozen=True)
class _Object:
    opening: int
    members: list[_Member]
    closing: int

    def member(self, key: str) -> _Member | None:
        return next((member for member in self.members if member.key == key), None)


def with_key(text: str, key: str, *, value: Any) -> str:
    """Return text with key set to value: in its place where it exists, otherwise as the last member."""
    written = json.dumps(value)
    line_end = "\r\n" if "\r\n" in text else "\n"
    if _NOTHING.match(text):
        return f'{{{line_end}  "{key}": {written}{line_end}}}{line_end}'
    found = _object(text)
    old = found.member(key)
    if old is not None:
        return text[: old.value] + written + text[old.end :]
    if not found.members:
        body = f'{line_end}  "{key}": {written}{line_end}'
        return text[: found.opening + 1] + body + text[found.closing :]
    last = found.members[-1]
    colon = text[last.colon : last.value]
    lead = text[last.lead : last.start]
    if len(found.members) == 1 and not lead:
        # {"a": 1}: nothing shows how this author separates members, but the colon hints at it.
        lead = " " if colon.endswith(" ") else ""
    return text[: last.end] + f',{lead}"{key}"{colon}{written}' + text[last.end :]


def without_key(text: str, key: str) -> str:
    """Return text without key; text itself where it does not have it."""
    if _NOTHING.match(text):
        return text
    found = _object(text)
    old = found.member(key)
    if old is None:
        return text
    place = found.members.index(old)
    if len(found.members) == 1:
        return text[: found.opening + 1] + text[found.closing :]
    if place == len(found.members) - 1:
        return text[: found.members[place - 1].end] + text[old.end :]
    return text[: old.start] + text[found.members[place + 1].start :]


def masked(text: str) -> str:
    """Return text fit to be shown: credentials are masked as in a snapshot."""
    if _NOTHING.match(text):
        return text
    for member in reversed(_object(text).members):
        value = json.loads(text[member.value : member.end])
        shown = mask_values({member.key: value})[member.key]
        if shown != value:
            text = text[: member.value] + json.dumps(shown) + text[member.end :]
    return text


def _object(text: str) -> _Object:
    decoder = json.JSONDecoder()
    opening = len(text) - len(text.lstrip(_EDGE))
    members: list[_Member] = []
    lead = opening + 1
    position = _skip(text, lead)
    while text[position] != "}":
        key, colon = decoder.raw_decode(text, position)
        value = _skip(text, _skip(text, colon) + 1)
        dummy, end = decoder.raw_decode(text, value)
        members.append(_Member(whole_characters(key), lead, position, colon, value, end))
        position = _skip(text, end)
        if text[position] == ",":
            lead = position + 1
            position = _skip(text, lead)
    return _Object(opening, members, position)


def _skip(text: str, position: int) -> int:
    while text[position] in _SPACE:
        position += 1
    return position
