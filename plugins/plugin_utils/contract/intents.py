# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A contract of reachability: who may reach what, as people write and review it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR

REACHED = "reached"
BLOCKED = "blocked"
EXPECTATIONS = (REACHED, BLOCKED)

ALLOW = "allow"
LIST = "list"
FORBID = "forbid"
UNCOVERED = (ALLOW, LIST, FORBID)
"""What is said of what is reached without an intent: nothing, that it is so, or that it fails."""


@dataclass(frozen=True)
class Machines:
    """Machines outside, as origin or as destination."""

    cidrs: tuple[CIDR, ...] = ()
    """Of one of these; empty for any."""
    uplinks: tuple[str, ...] = ()
    """Patterns of the interfaces of the host that they are beyond; empty for any. Of origins alone."""

    def is_beyond(self, uplink: str) -> bool:
        """Whether those beyond that interface are meant."""
        return not self.uplinks or matches(uplink, self.uplinks)

    def __str__(self) -> str:
        words = [*map(str, self.cidrs), *(f"by {pattern}" for pattern in self.uplinks)]
        return " ".join(["outside", *words])


@dataclass(frozen=True)
class TheHost:
    """Programs of the host itself."""

    def __str__(self) -> str:
        return "host"


@dataclass(frozen=True)
class Containers:
    """Containers of which all that is said holds; of several words for one thing, one of them."""

    names: tuple[str, ...] = ()
    """Patterns, as all those below."""
    images: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    """Of Docker Compose, as SERVICE or PROJECT/SERVICE."""
    labels: tuple[tuple[str, str], ...] = ()
    """Names, and patterns of their values; a container has to have all of them."""
    networks: tuple[str, ...] = ()
    cidrs: tuple[CIDR, ...] = ()
    """It has an address in one of these."""

    @property
    def reads_labels(self) -> bool:
        """Whether labels decide."""
        return bool(self.labels or self.services)

    def __str__(self) -> str:
        parts = [
            *(["/".join(self.names)] if self.names else []),
            *([f"image {'/'.join(self.images)}"] if self.images else []),
            *([f"service {' or '.join(self.services)}"] if self.services else []),
            *(f"label {name}={value}" for name, value in self.labels),
            *([f"network {'/'.join(self.networks)}"] if self.networks else []),
            *map(str, self.cidrs),
        ]
        return " ".join(parts)


Origin = Machines | TheHost | Containers


@dataclass(frozen=True)
class Port:
    """A port, of a container unless an address is asked."""

    number: int
    protocol: str

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


@dataclass(frozen=True)
class Destination:
    """What is asked for: ports of containers, one address, or machines outside."""

    containers: tuple[Containers, ...] = ()
    """Any of these."""
    address: str = ""
    """An IP address, whichever machine has it."""
    machines: Machines | None = None
    ports: tuple[Port, ...] = ()
    """Empty for all that there are."""
    published: bool | None = None
    """True for published ports, asked at the host, False for ports at the container's own addresses; None for both."""

    def __str__(self) -> str:
        who = self.address or (str(self.machines) if self.machines else " or ".join(map(str, self.containers)))
        kind = {None: "", True: " as published", False: " at its own address"}[self.published]
        return f"{who}{':' if self.ports else ''}{','.join(map(str, self.ports))}{kind}"


@dataclass(frozen=True)
class Intent:
    """One line of a contract."""

    name: str
    """Given, or made of the rest."""
    origins: tuple[Origin, ...]
    """All of these."""
    to: Destination
    expect: str
    """One of EXPECTATIONS."""
    why: str
    hosts: tuple[str, ...] = ("*",)
    """Patterns of names in the inventory; it holds on hosts that one of them matches."""
    optional: bool = False
    """Whether it may select nothing."""

    def __str__(self) -> str:
        return f"{' or '.join(map(str, self.origins))} to {self.to}: {self.expect}"


@dataclass(frozen=True)
class Contract:
    """All intents, and what is said of what none of them covers."""

    intents: tuple[Intent, ...]
    uncovered: Mapping[str, str] = field(default_factory=dict)
    """One of UNCOVERED by the kind of origin: ``outside``, ``host``, ``container``."""

    def on(self, inventory_name: str) -> Contract:
        """Return what of it holds on the host of that name."""
        return Contract(tuple(item for item in self.intents if matches(inventory_name, item.hosts)), self.uncovered)


def matches(text: str, patterns: tuple[str, ...]) -> bool:
    """Whether one of the patterns matches, as in a shell."""
    return any(fnmatchcase(text, pattern) for pattern in patterns)
