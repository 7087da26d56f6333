# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Changes of what is reachable as few lines: origins, ports and addresses that changed alike share one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, HOST, OUTSIDE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed, safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import is_address, is_loopback_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.flows import Asked, Asker, Flows, with_port

NEW, GONE, NOT_COMPARED = "new", "no_longer", "not_compared"
KINDS = (NEW, GONE, NOT_COMPARED)
ITSELF = Asker(CONTAINER)
"""Stands for the container of each port as the one that asks for it."""
_NAMED = 3
_LONGEST_REASON = 140
_LONGEST = 400


def kind_in_words(kind: str) -> str:
    """What a line of that kind begins with."""
    return kind.replace("_", " ")


@dataclass(frozen=True)
class FlowChange:
    """One line of what changed."""

    kind: str
    """``new``, ``no_longer``, or ``not_compared`` for what is undetermined in one of the readings."""
    words: str
    """``new: outside reaches db:5432/tcp at 10.0.3.7:5432``."""


@dataclass(frozen=True)
class Change:
    """What changed for some origins and some ports in the same way."""

    kind: str
    askers: tuple[Asker, ...]
    ports: tuple[Asked, ...]
    reason: str = ""
    reached: str = ""
    """Who answers instead of the one that is asked."""


class _Place(NamedTuple):
    """Which address is asked."""

    words: str
    """As of Asked.place."""
    network: str

    def __str__(self) -> str:
        """With the network of a container's own address."""
        return f"{self.words} on {self.network}" if self.network else self.words


class _Who(NamedTuple):
    """Some of those who ask."""

    words: str
    are_many: bool = False


@dataclass(frozen=True)
class _Row:
    """A line in the making."""

    kind: str
    reached: str
    ports: tuple[tuple[str, int], ...]
    """Label and port of the host."""
    places: tuple[_Place, ...]
    askers: frozenset[Asker]
    reasons: tuple[str, ...]


def in_words(changes: Iterable[Change], before: Flows, after: Flows) -> list[FlowChange]:
    """Return the lines, each kind together in the order of KINDS, what other machines reach first."""
    names = _Names(before, after)
    rows = _merged(_rows(changes), lambda row: (row.ports, row.places))
    rows = _merged(rows, lambda row: (row.ports, row.askers))
    rows = _merged(rows, lambda row: (names.askers(row), names.kind_of_places(row)))
    rows.sort(key=lambda row: (KINDS.index(row.kind), _rank(row), row.ports))
    return [FlowChange(row.kind, names.line(row)) for row in rows]


def _rows(changes: Iterable[Change]) -> list[_Row]:
    rows = []
    for change in changes:
        places: dict[_Place, list[tuple[str, int]]] = {}
        for port in change.ports:
            places.setdefault(_Place(port.place, port.network), []).append((port.label, port.host_port))
        for place, ports in places.items():
            reasons = (change.reason,) if change.reason else ()
            rows.append(_Row(change.kind, change.reached, tuple(ports), (place,), frozenset(change.askers), reasons))
    return rows


def _merged(rows: Iterable[_Row], key: Callable[[_Row], Hashable]) -> list[_Row]:
    """Take those together that have the key in common."""
    found: dict[Hashable, list[_Row]] = {}
    for row in rows:
        found.setdefault((row.kind, row.reached, key(row)), []).append(row)
    return [
        replace(
            members[0],
            ports=tuple(sorted({port for row in members for port in row.ports})),
            places=tuple(sorted({place for row in members for place in row.places}, key=_place_rank)),
            askers=frozenset(asker for row in members for asker in row.askers),
            reasons=tuple(dict.fromkeys(reason for row in members for reason in row.reasons)),
        )
        for members in found.values()
    ]


def _place_rank(place: _Place) -> tuple[bool, bool, str]:
    """Addresses before words, and those of the loopback device last."""
    is_number = is_address(place.words)
    return not is_number, is_number and is_loopback_text(place.words), str(place)


def _rank(row: _Row) -> int:
    kinds = {asker.kind for asker in row.askers}
    return next((number for number, kind in enumerate((OUTSIDE, CONTAINER)) if kind in kinds), 2)


class _Names:
    """Says who and what the ends of changes are, for two readings of a host."""

    def __init__(self, before: Flows, after: Flows) -> None:
        """Sort the containers of both readings by their networks."""
        self._sides = {NEW: after, GONE: before, NOT_COMPARED: after}
        self._uplinks = {
            kind: [item for item in side.askers if item.kind == OUTSIDE] for kind, side in self._sides.items()
        }
        self._networks: dict[str, dict[str, set[str]]] = {}
        for kind, side in self._sides.items():
            networks = self._networks.setdefault(kind, {})
            for name, place in side.containers.items():
                for network in place.networks:
                    networks.setdefault(network, set()).add(name)
        self._both = before.containers.keys() & after.containers.keys()

    def line(self, row: _Row) -> str:
        """Return a change on one line."""
        parts = self._parts(row)
        who = self.askers(row)
        verb = "reach" if len(parts) > 1 or parts[0].are_many else "reaches"
        reached = f"{row.reached} in place of " if row.reached else ""
        what = listed(list(dict.fromkeys(label for label, dummy in row.ports)), _NAMED)
        at = "" if self._is_one_sided(row) else _at(row)
        about = f"{who} {verb} {reached}{what}{at}" if row.kind != NOT_COMPARED else f"{who} to {what}{at}"
        text = safe(f"{kind_in_words(row.kind)}: {about}{_reason(row)}")
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."

    def askers(self, row: _Row) -> str:
        """Return who asks: all containers of a network are named by it."""
        parts = [part.words for part in self._parts(row)]
        return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]

    def _parts(self, row: _Row) -> list[_Who]:
        parts = []
        uplinks = [item for item in self._uplinks[row.kind] if item in row.askers]
        if uplinks:
            is_all = len(uplinks) == len(self._uplinks[row.kind])
            parts = [_Who("outside")] if is_all else [_Who(str(item)) for item in uplinks]
        if Asker(HOST) in row.askers:
            parts.append(_Who("the host"))
        parts += self._containers(row)
        if not parts:
            owners = list(dict.fromkeys(label.rpartition(":")[0] for label, dummy in row.ports))
            return [_Who(f"{owners[0]} itself" if len(owners) == 1 else "each of these containers itself")]
        return parts

    def _containers(self, row: _Row) -> list[_Who]:
        left = {asker.name for asker in row.askers if asker.kind == CONTAINER and asker != ITSELF}
        own = {label.rpartition(":")[0] for label, dummy in row.ports}
        everyone = set(self._sides[row.kind].containers)
        if len(left) > 1 and left >= everyone - own:
            return [_Who("all containers", are_many=True)]
        parts = []
        networks = self._networks[row.kind]
        for network in sorted(networks, key=lambda name: (-len(networks[name]), name)):
            members = networks[network]
            if len(members & left) > 1 and left >= members - own:
                parts.append(_Who(f"all containers of {network}", are_many=True))
                left = left - members
        if left:
            noun = "container" if len(left) == 1 else "containers"
            parts.append(_Who(f"{noun} {listed(sorted(left), _NAMED)}", are_many=len(left) > 1))
        return parts

    def _is_one_sided(self, row: _Row) -> bool:
        """Whether who asks is in one of the readings alone."""
        others = row.askers - {ITSELF}
        return bool(others) and all(item.kind == CONTAINER and item.name not in self._both for item in others)

    def kind_of_places(self, row: _Row) -> Hashable:
        """Return what lines that can be one have in common: the addresses, or that they are containers' own ones."""
        if self._is_one_sided(row):
            return None
        return tuple(dict.fromkeys(place.words for place in row.places))


def _at(row: _Row) -> str:
    places = [place for place in row.places if place.words]
    if not places:
        return ""
    own = [place for place in places if place.network]
    if own and len(own) == len(places):
        is_one = len(row.ports) == 1 and len(own) == 1
        return (
            f" at {own[0]}" if is_one else " at their own addresses" if len(row.ports) > 1 else " at its own addresses"
        )
    host_ports = {port for dummy, port in row.ports}
    if len(host_ports) > 1:
        return f" at {listed(list(map(str, places)), _NAMED)}"
    (port,) = host_ports
    return f" at {listed([with_port(str(place), port) for place in places], _NAMED)}"


def _reason(row: _Row) -> str:
    if not row.reasons:
        return ""
    text = f": {'for example, ' if len(row.reasons) > 1 else ''}{row.reasons[0]}"
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 3]}..."
