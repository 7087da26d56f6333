# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""daemon.json as it was before our changes: the whole file, or our keys where others were at it, too. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import with_key, without_key
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import Content
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_history import FilePast, digest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import FileState
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import parse
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_values

_ABSENT = object()


@dataclass(frozen=True)
class DaemonGoal:
    """What daemon.json is to become."""

    text: str | None
    """None: no file."""
    conflicts: list[str] = field(default_factory=list)
    """Keys that somebody else has changed since; they stay."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _KeyPast:
    before: Any
    ours: list[Any]


def daemon_goal(past: FilePast, now: FileState, checksum: str | None, copies: Mapping[str, bytes]) -> DaemonGoal:
    """Return what the file at past.path, which is now as given, was before our changes.

    copies: the content of each copy that the journal names, by path. checksum: that of now.data.
    """
    if past.unbroken == past.links and checksum in {digest(content) for content in [past.links[0].before, *past.ours]}:
        before = _data(past.links[0].before, copies)
        return DaemonGoal(None if before is None else before.decode("utf-8", "replace"))
    parsed = parse(now.data or b"{}", past.path)
    if parsed.problems:
        places = "; ".join(f"{item.line}:{item.column}: {item.message}" for item in parsed.problems)
        return DaemonGoal(
            _text(now), [f"{past.path} was changed by somebody else, and is not read by dockerd: {places}"]
        )
    return _key_by_key(past, now, parsed.values, _key_pasts(past, copies))


def _key_by_key(past: FilePast, now: FileState, values: Mapping[str, Any], keys: Mapping[str, _KeyPast]) -> DaemonGoal:
    text = _text(now) or ""
    conflicts: list[str] = []
    for key, known in keys.items():
        value = values.get(key, _ABSENT)
        if value == known.before:
            continue
        if value not in known.ours:
            conflicts.append(
                f"{key} in {past.path} is {_shown(key, value)} by now, it was {_shown(key, known.before)} before, and "
                f"was made {_shown(key, known.ours[-1])}"
            )
        elif known.before is _ABSENT:
            text = without_key(text, key)
        else:
            text = with_key(text, key, value=known.before)
    note = f"{past.path} was changed by somebody else, too; their part of it stays"
    if past.links[0].before is None and not parse(text.encode() or b"{}", past.path).values:
        return DaemonGoal(None, conflicts, [note])
    return DaemonGoal(text, conflicts, [note])


def _key_pasts(past: FilePast, copies: Mapping[str, bytes]) -> dict[str, _KeyPast]:
    keys: dict[str, _KeyPast] = {}
    for link in past.links:
        before = _values(past.path, link.before, copies)
        possible = [_values(past.path, content, copies) for content in link.after]
        touched = {key for values in [before, *possible] for key in values}
        for key in sorted(touched):
            old = before.get(key, _ABSENT)
            new = [values.get(key, _ABSENT) for values in possible]
            if all(value == old for value in new):
                continue
            known = keys.get(key)
            keys[key] = _KeyPast(known.before if known and old in known.ours else old, new)
    return keys


def _values(path: str, content: Content | None, copies: Mapping[str, bytes]) -> dict[str, Any]:
    data = _data(content, copies)
    return parse(data, path).values if data and data.strip() else {}


def _data(content: Content | None, copies: Mapping[str, bytes]) -> bytes | None:
    return None if content is None else copies[content.copy]


def _text(now: FileState) -> str | None:
    return None if now.data is None else now.data.decode("utf-8", "replace")


def _shown(key: str, value: Any) -> str:
    return "not set" if value is _ABSENT else json.dumps(mask_values({key: value})[key])
