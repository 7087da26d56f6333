# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Who reaches what on a host, by names that stay the same from one reading to the next.

Containers get other addresses when they are created anew, and classes of a matrix are of one reading. So a flow is the
same one in two readings where these are the same: the name of its origin (the uplink, the host, the container), the
port by the name of its container, and the kind of address that is asked: an address of the host with its port, which
gateway, or the container's own address on which network, be that what it may.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import (
    BEYOND,
    INNER_PORT,
    ITSELF,
    OTHER_NETWORK,
    SAME_NETWORK,
    Cell,
    ContainerPlace,
    Destination,
    Matrix,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CONTAINER,
    DELIVERED,
    HOST,
    OUTSIDE,
    UNKNOWN,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import is_address
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import (
    BETWEEN,
    FROM_HOST,
    FROM_OUTSIDE,
    WAYS_OUT,
    Answers,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.reachability import (
    ANSWERS,
    matrix_of,
)

NOT_ANSWERED = "not answered"
_STRENGTH = (ANSWERED, UNKNOWN, NOT_ANSWERED)


class Asker(NamedTuple):
    """Where packets come from."""

    kind: str
    """``outside``, ``host`` or ``container``."""
    name: str = ""
    """The uplink, or the container; empty for the host."""

    def __str__(self) -> str:
        """As ``outside by eth0``, ``host``, ``container web``."""
        return " by ".join(self) if self.kind == OUTSIDE else f"{self.kind} {self.name}".strip()


class Asked(NamedTuple):
    """What is asked for, and where."""

    label: str
    """``CONTAINER:PORT/PROTOCOL``, or which machines outside."""
    place: str = ""
    """An address of the host, or in words which gateway, or that it is the container's own; empty for machines outside.
    """
    host_port: int = 0
    """Of a published port."""
    network: str = ""
    """On which a container's own address is asked; empty for other places."""

    @property
    def container(self) -> str:
        """The container that the port is named after; empty for machines outside."""
        return self.label.rpartition(":")[0]

    @property
    def at(self) -> str:
        """The address with its port: ``10.0.3.7:5432``."""
        return f"{self.place} on {self.network}" if self.network else with_port(self.place, self.host_port)


def with_port(place: str, port: int) -> str:
    """Return an address of the host, or the words for one, with a port of it; 0 for no port."""
    if not port:
        return place
    if not is_address(place):
        return f"port {port} of {place}"
    return f"[{place}]:{port}" if ":" in place else f"{place}:{port}"


@dataclass(frozen=True)
class Flow:
    """What becomes of the packets of one origin to one destination."""

    origin: str
    """``outside by eth0``, ``host``, ``container web``."""
    destination: str
    """``db:5432/tcp``, ``machines outside (IPv4)``."""
    at: str
    """``10.0.3.7:5432``, ``its own address on front``; empty for machines outside."""
    state: str
    """``answered``, ``not answered`` or ``unknown``. Of several addresses of one kind the best of them."""
    reason: str = ""
    instead: str = ""
    """Who answers in place of the one that is asked; empty where that one does, or nothing."""

    @property
    def reached(self) -> str | None:
        """Who is reached instead of the one that is asked, empty for that one; None where nothing, or unknown."""
        return self.instead if self.state == ANSWERED else None


class Flows:
    """All flows of one reading of a host."""

    def __init__(self, matrix: Matrix) -> None:
        """Index a matrix. Raises ValueError for one that contradicts itself, as one from a file may."""
        self.matrix = matrix
        self.problems = [] if matrix.origins else matrix.problems
        """Why nothing is known, where that is so."""
        self.containers: Mapping[str, ContainerPlace] = {item.name: item for item in matrix.containers}
        self.askers: dict[Asker, int] = {}
        """With the number of the class that they are in."""
        self.asked: dict[Asked, list[int]] = {}
        """With the numbers of the classes, of which only one of several is asked by one of a kind."""
        self._left_out = frozenset(matrix.left_out)
        self._cells: dict[tuple[int, int, str], list[tuple[Cell, list[tuple[frozenset[str], frozenset[str]]]]]] = {}
        self._special: dict[str, list[tuple[int, int, bool]]] = {}
        for number, group in enumerate(matrix.origins):
            for name in [""] if group.kind == HOST else group.members:
                self.askers[Asker(group.kind, name)] = number
        for number, destination in enumerate(matrix.destinations):
            for asked in _asked_of(destination):
                self.asked.setdefault(asked, []).append(number)
        for number, cell in enumerate(matrix.cells):
            self._add(number, cell, matrix)

    def _add(self, number: int, cell: Cell, matrix: Matrix) -> None:
        if not (0 <= cell.origin < len(matrix.origins) and 0 <= cell.destination < len(matrix.destinations)):
            raise ValueError(f"cell {number} is of an origin or a destination that is not there")
        pairs = [(frozenset(item.origins), frozenset(item.destinations)) for item in cell.pairs]
        where = (cell.origin, cell.destination, cell.relation)
        self._cells.setdefault(where, []).append((cell, pairs))
        for place, (askers, labels) in enumerate(pairs):
            for name in askers:
                self._special.setdefault(name, []).append((number, place, True))
            for label in labels:
                self._special.setdefault(label, []).append((number, place, False))

    def asker_form(self, asker: Asker) -> Hashable:
        """What two origins have in common that are treated alike; None for one that is not there."""
        number = self.askers.get(asker)
        return None if number is None else (number, *self._container_form(asker, asker.name))

    def asked_form(self, asked: Asked) -> Hashable:
        """The same of what is asked for."""
        if asked not in self.asked:
            return (None, self._unread(asked))
        numbers = tuple(self.asked[asked])
        return (numbers, tuple(self._special.get(asked.label, ())), self._container_form(None, asked.container))

    def _container_form(self, asker: Asker | None, name: str) -> tuple[Hashable, ...]:
        place = self.containers.get(name)
        if place is None or (asker is not None and asker.kind != CONTAINER):
            return ()
        shared = place.namespace if place.namespace != name else ""
        special = tuple(self._special.get(name, ())) if asker is not None else ()
        return (tuple(place.networks), shared, special, place.read)

    def namespace_of(self, asker: Asker) -> str:
        """The container that the ports of an asking container are named after; empty for other origins."""
        place = self.containers.get(asker.name) if asker.kind == CONTAINER else None
        return place.namespace if place is not None else ""

    def flow(self, asker: Asker, asked: Asked) -> Flow | None:
        """What becomes of these packets; None where there are none."""
        found: Flow | None = None
        for cell in self._of(asker, asked):
            flow = Flow(str(asker), asked.label, asked.at, _state(cell), cell.reason, cell.instead)
            if found is None or _rank(flow) < _rank(found):
                found = flow
        if found is None and self.unknown(asker, asked):
            return Flow(str(asker), asked.label, asked.at, UNKNOWN, self.unknown(asker, asked))
        return found

    def unknown(self, asker: Asker, asked: Asked) -> str:
        """Why it is not known what becomes of packets that the matrix does not have; empty where there are none."""
        part = _part(asker, asked)
        if part in self._left_out:
            return f"not all packets {part} were traced"
        return self._unread(asked)

    def _unread(self, asked: Asked) -> str:
        place = self.containers.get(asked.container)
        if place is None or place.read or asked.host_port:
            return ""
        return f"what {place.name} listens on was not read"

    def _of(self, asker: Asker, asked: Asked) -> Iterator[Cell]:
        origin = self.askers.get(asker)
        if origin is None:
            return
        relation = self._relation(asker, asked)
        for destination in self.asked.get(asked, ()):
            for cell, pairs in self._cells.get((origin, destination, relation), ()):
                if not pairs or any(asker.name in askers and asked.label in labels for askers, labels in pairs):
                    yield cell

    def _relation(self, asker: Asker, asked: Asked) -> str:
        own, other = self.containers.get(asker.name), self.containers.get(asked.container)
        if asker.kind != CONTAINER or own is None or other is None:
            return ""
        if own.namespace == other.namespace:
            return ITSELF
        return OTHER_NETWORK if set(own.networks).isdisjoint(other.networks) else SAME_NETWORK


def _asked_of(destination: Destination) -> Iterator[Asked]:
    """What a destination of the matrix stands for. Raises ValueError for lists that do not fit each other."""
    if destination.kind == BEYOND:
        yield Asked(destination.name)
        return
    is_inner = destination.kind == INNER_PORT
    beside: list[Any] = [*(destination.networks if is_inner else destination.host_ports)]
    if len(beside) != len(destination.members):
        raise ValueError(f"the destination {destination.name} has {len(destination.members)} ports, and {len(beside)}")
    for label, value in zip(destination.members, beside):
        if is_inner:
            yield Asked(label, f"its own IPv{destination.family} address", network=value)
        else:
            yield Asked(label, destination.at, value)


def _state(cell: Cell) -> str:
    if cell.observed != UNKNOWN:
        return ANSWERED if cell.observed == ANSWERED else NOT_ANSWERED
    # What is seen of a packet that surely does not arrive can be open.
    return UNKNOWN if cell.verdict in (UNKNOWN, DELIVERED) else NOT_ANSWERED


def _rank(flow: Flow) -> tuple[int, bool]:
    return _STRENGTH.index(flow.state), bool(flow.instead)


def _part(asker: Asker, asked: Asked) -> str:
    if asker.kind == CONTAINER:
        return BETWEEN if asked.place else WAYS_OUT
    return FROM_OUTSIDE if asker.kind == OUTSIDE else FROM_HOST


def flows_of_answers(answers: Answers) -> Flows:
    """Return the flows of a host that was just judged."""
    return Flows(matrix_of(answers, []))


def flows_of(reachability: Any) -> Flows:
    """Return the flows in the part ``reachability`` of the document of an audit.

    Raises ValueError for one without details, and for what is none.
    """
    if not isinstance(reachability, dict) or any(name not in reachability for name in ANSWERS):
        raise ValueError("it has no reachability in detail full (audit_reachability: full)")
    return Flows(from_plain(Matrix, {**reachability, "exposures": []}))
