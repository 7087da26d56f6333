# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What daemon.json is to become. Pure.

A goal turns the present configuration into the wanted text, and says which keys must be in force then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change import json_text
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon_file import (
    CurrentConfig,
    parse_text,
    same,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import flattened
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import MERGED_WITH_FLAGS


@dataclass(frozen=True)
class KeyWish:
    """One key of daemon.json: to be there with a value, or not to be there."""

    name: str
    present: bool = True
    value: Any = None


@dataclass(frozen=True)
class Target:
    """The wanted text, None for no file."""

    text: str | None
    keys: frozenset[str]
    """What must be in force, whether its text changes or not."""
    exact: bool = False
    """Whether the text must be that to the byte, even where it makes reloads fail."""


Goal = Callable[[CurrentConfig], Target]


def keys_goal(wishes: list[KeyWish]) -> Goal:
    """Return the goal that edits the file key by key, and leaves everything else as it was typed."""

    def goal(config: CurrentConfig) -> Target:
        text = config.text
        for wish in wishes:
            text = _edited(config, text, wish)
        return Target(text, frozenset(wish.name for wish in wishes))

    return goal


def text_goal(text: str | None) -> Goal:
    """Return the goal that replaces the whole file; None: by none."""

    def goal(config: CurrentConfig) -> Target:
        names = {*flattened(config.values), *flattened(parse_text(text).values), "userland-proxy", "live-restore"}
        return Target(text, frozenset(names), exact=True)

    return goal


def _edited(config: CurrentConfig, text: str | None, wish: KeyWish) -> str | None:
    values = parse_text(text).values
    if wish.name in flattened(values) and wish.name not in values:
        raise Refusal(
            f"{config.path} sets {wish.name} inside of another object, where dockerd heeds it, too; take it out there"
        )
    if not wish.present:
        return text if wish.name not in values else json_text.without_key(text or "", wish.name)
    if wish.name in config.flags and wish.name not in MERGED_WITH_FLAGS:
        _refuse_flag(config, wish)
        return text
    if wish.name in values and same(values[wish.name], wish.value):
        return text
    return json_text.with_key(text or "", wish.name, value=wish.value)


def _refuse_flag(config: CurrentConfig, wish: KeyWish) -> None:
    flag = config.flags[wish.name]
    if same(flag, wish.value):
        return
    shown = str(flag).lower() if isinstance(flag, bool) else flag
    raise Refusal(
        f"{config.starter} starts dockerd with --{wish.name}={shown}; a key in {config.path} beside it would keep "
        "dockerd from starting. Change the flag there, or drop it"
    )
