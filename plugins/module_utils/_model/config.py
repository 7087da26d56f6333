# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""daemon.json as it lies on the disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional


@dataclass(frozen=True)
class ConfigProblem:
    """Something wrong in daemon.json, with its place (1-based; 0 where the whole file is meant)."""

    message: str
    line: int = 0
    column: int = 0
    key: Optional[str] = None
    accepted_from: Optional[int] = None
    """Major release from which dockerd starts with it all the same (0: every one); None: today's releases do not."""


@dataclass(frozen=True)
class KeyPosition:
    """Where a top-level key of daemon.json stands (1-based)."""

    line: int
    column: int


@dataclass(frozen=True)
class DaemonConfig:
    """The configuration file that dockerd reads at its next start, and whether it can."""

    path: str
    exists: bool
    values: dict[str, Any] = field(default_factory=dict)
    """Top-level keys with secrets masked; empty when the file cannot be parsed."""
    positions: dict[str, KeyPosition] = field(default_factory=dict)
    problems: list[ConfigProblem] = field(default_factory=list)
    """What is wrong with the text itself: syntax, encoding, duplicate keys."""
    mode: Optional[int] = None
    uid: Optional[int] = None
    gid: Optional[int] = None
    mtime: Optional[float] = None
    """Seconds since the epoch."""
    ctime: Optional[float] = None
    """Seconds since the epoch; unlike mtime it also moves when another file is put in its place."""
    link_target: Optional[str] = None
    """Where it leads when path is a symbolic link."""
