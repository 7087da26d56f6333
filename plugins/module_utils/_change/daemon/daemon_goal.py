# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What daemon.json is to become: single keys, docker-proxy on or off, or a whole text. Pure.

A goal turns the present configuration into the wanted text, and says which keys must be in force then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import (
    CurrentConfig,
    parse_text,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import flattened


@dataclass(frozen=True)
class ConfigTarget:
    """The wanted text, None for no file."""

    text: str | None
    keys: frozenset[str]
    """What must be in force, whether its text changes or not."""
    exact: bool = False
    """Whether the text must be that to the byte, even where it makes reloads fail."""
    restart: bool = False
    """Whether dockerd must be started anew, whatever the keys need."""


Goal = Callable[[CurrentConfig], ConfigTarget]


def text_goal(text: str | None) -> Goal:
    """Return the goal that replaces the whole file; None: by none."""

    def goal(config: CurrentConfig) -> ConfigTarget:
        names = {*flattened(config.values), *flattened(parse_text(text).values), "userland-proxy", "live-restore"}
        return ConfigTarget(text, frozenset(names), exact=True)

    return goal
