# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an injected fault is, and what is asked about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.integration.diagnosis.scene import Scene

ANSWERED = "answered"
ANSWERED_BY_ANOTHER = "answered by another"
TIMED_OUT = "timed out"
UNREACHABLE = "unreachable"
REFUSED = "refused"
CLOSED = "closed"
NOTHING_COMES = (TIMED_OUT, UNREACHABLE)

Broken = AbstractContextManager[None]


@contextmanager
def as_it_is(dummy: Scene) -> Iterator[None]:
    """Nothing is to be done."""
    yield


@dataclass(frozen=True)
class Question:
    """A connection that works on the healthy host."""

    name: str
    arguments: Mapping[str, Any]
    """As connection_diagnosis takes it: from, to, port, protocol."""
    attempt: Callable[[Scene, float], str]
    """A real attempt to connect that takes at most so many seconds: its outcome in the words of tests/lab/probe.py, or
    that another one answered than was meant. It uses nothing of the collection."""
    around: Callable[[Scene], Broken] = as_it_is
    """What has to run meanwhile."""


@dataclass(frozen=True)
class Fault:
    """One way to break a healthy host."""

    name: str
    cause: str
    """The true one, as of Cause.cause."""
    question: Question
    broken: Callable[[Scene], Broken]
    """Breaks the host for as long as the block lasts, and leaves it as it was before."""
    seen: tuple[str, ...] = (TIMED_OUT,)
    """Outcomes of the attempt meanwhile."""
    also: tuple[str, ...] = ()
    """Causes that the same break makes true as well: each may come first."""
    userland_proxy: bool = True
    """Of the host that it is injected into."""
    prepared: Callable[[Scene], Broken] = as_it_is
    """What the host has to have before, and works with."""
    kinds: tuple[str, ...] = field(default=("debian11", "debian12", "debian13", "debian13-docker28"))
    why_not_others: str = ""
    """Why it breaks nothing on the kinds left out."""
    of_iptables: bool = False
    """Whether it is about a rule or a chain that only an engine which uses iptables has."""
    everywhere: bool = False
    """Whether `make test` tries it on a host of each generation of the engine."""
    missed: str = ""
    """Why another cause than the true one may come first; such faults count as missed."""
    long: bool = False
    """Whether it is for `make test-long` alone."""

    def __str__(self) -> str:
        return self.name
