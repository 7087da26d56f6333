# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a check of the catalogue is tried on real engines: a host that fails it, and one that passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.lab.host import Host

ALL_KINDS = ("debian11", "debian12", "debian13", "debian13-docker28")

Step = Callable[[Host], None]


def as_it_is(dummy: Host) -> None:
    """Nothing is to be done."""


@dataclass(frozen=True)
class Case:
    """One check. Cases are listed by area, in CASES of the file of that name.

    Reading a host is dear, so cases that do not disturb each other are put into one group: all their breaks are applied
    to one host, which is then read once. The same goes for healthy hosts that are not the common one.
    """

    check: str
    break_: Step
    """Breaks a host that runs the common scenario, see scenario.py."""
    resource: str = ""
    """Name of the resource that must fail then; empty for any."""
    group: str = ""
    """Breaks of one group are applied to one host, in the order of the list; empty: to a host of its own."""
    healthy: Step | None = None
    """Makes a host that passes, where the common healthy host does not (the check does not apply to it, say)."""
    healthy_group: str = ""
    kinds: tuple[str, ...] = ALL_KINDS
    why_not_others: str = ""
    """Why it cannot fail on the kinds left out."""
    with_nftables: bool = True
    """Whether an engine that makes its rules with nftables can have it."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of docker_netcheck that it takes to fail, parameters say; they hold for its group."""
