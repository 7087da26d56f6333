# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What becomes of each key, as the module returns it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_effect import in_force, note_of
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import (
    changed_keys,
    values_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_plan import RESTART, Request

_WAITS = "a start of dockerd that finds containers running ignores it; it waits for one that finds none"
_NOBODY_KNOWS = (
    "the file was changed after dockerd had started, and nothing shows whether that was before or after this key; a "
    "restart of dockerd makes sure"
)


@dataclass(frozen=True)
class KeyOutcome:
    """What becomes of one key."""

    name: str
    change: str
    """``set``, ``removed`` or ``unchanged``."""
    effect: str
    note: str


def outcomes(request: Request, final: str | None, told: str, ignored: frozenset[str]) -> list[KeyOutcome]:
    """Return for each key that changes or was asked for what is done to it, and how that comes into force.

    told: what dockerd is told (reload, restart, write for nothing). ignored: keys that it does not heed yet.
    """
    return [_outcome(request, name, final, told, ignored) for name in _names(request, final)]


def pending_warnings(found: Sequence[KeyOutcome]) -> list[str]:
    """One sentence for what is written and not in force."""
    names = [item.name for item in found if item.effect == "pending"]
    return [f"written, and not in force yet: {', '.join(names)}; {_WAITS}"] if names else []


def _names(request: Request, final: str | None) -> Iterator[str]:
    changed = changed_keys(request.config.text, final)
    yield from changed
    for name in sorted(request.target.keys):
        # A whole text names all its keys; those that stay as they are need no word.
        if name not in changed and (not request.target.exact or name in request.pending):
            yield name


def _outcome(request: Request, name: str, final: str | None, told: str, ignored: frozenset[str]) -> KeyOutcome:
    change = "unchanged"
    if name in changed_keys(request.config.text, final):
        change = "set" if name in values_of(final) else "removed"
    effect, note = _effect(request, name, told, ignored)
    return KeyOutcome(name, change, effect, note)


def _effect(request: Request, name: str, told: str, ignored: frozenset[str]) -> tuple[str, str]:
    if name in ignored:
        return "pending", _WAITS
    if name in request.pending:
        return told, note_of(name)
    known = in_force(request.snapshot, name, request.settings.get(name))
    if known is None and told != RESTART:
        return "unknown", _NOBODY_KNOWS
    return "none", note_of(name)
