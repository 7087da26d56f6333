# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Who reaches what on a host: the answers as a matrix, as plain data, and as lines for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import (
    BEYOND,
    DENIED_BY_HOST,
    INNER_PORT,
    ITSELF,
    LOOPBACK_LEAK,
    NOT_PUBLISHED,
    OTHER_NETWORK,
    PUBLISHED,
    SAME_NETWORK,
    Cell,
    ContainerPlace,
    Destination,
    Exposure,
    Matrix,
    OriginGroup,
    Pairs,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CONTAINER,
    OUTSIDE,
    UNKNOWN,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed, safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.exposure import Exposed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import (
    PARTS,
    Answer,
    Answers,
    OriginClass,
    QuestionKey,
    TargetClass,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import FULL

_EXPOSED = {
    NOT_PUBLISHED: "open although not published",
    LOOPBACK_LEAK: "open although published on loopback",
    DENIED_BY_HOST: "open although the host's own rules deny it",
}
_End = tuple[str, str, str]
"""A verdict, what is observed, who answers instead."""
_RELATIONS = {ITSELF: "itself", SAME_NETWORK: "same network", OTHER_NETWORK: "other network"}


def matrix_of(answers: Answers, exposed: Sequence[Exposed]) -> Matrix:
    """Who reaches what on a host, and what is open to machines outside."""
    places: dict[tuple[int, str], int] = {}
    destinations: list[Destination] = []
    found: dict[tuple[int, int, str], dict[_End, list[Answer]]] = {}
    for answer in answers.answers:
        key, path = answer.key, answer.path
        place = (key.targets, answer.at)
        if place not in places:
            places[place] = len(destinations)
            destinations.append(_destination(answer.targets, key))
        end = (path.verdict, path.observed, answer.instead)
        ends = found.setdefault((key.source, places[place], answer.relation), {})
        ends.setdefault(end, []).append(answer)
    cells = [
        _cell(where, end, members, is_one_of_several=len(ends) > 1)
        for where, ends in found.items()
        for end, members in ends.items()
    ]
    groups = [_origin_group(origins) for origins in answers.sources]
    exposures = [
        Exposure(item.kind, item.uplink, item.labels, item.reason, item.example, list(item.at), list(item.not_at))
        for item in exposed
    ]
    problems = [text for text in (*answers.problems, answers.missing(*PARTS)) if text]
    containers = [place for origins in answers.sources for place in _container_places(origins)]
    return Matrix(groups, destinations, cells, exposures, problems, containers, list(answers.left_out))


def _cell(where: tuple[int, int, str], end: _End, answers: list[Answer], *, is_one_of_several: bool) -> Cell:
    verdict, observed, instead = end
    first = answers[0]
    pairs: dict[tuple[str, ...], dict[str, None]] = {}
    for answer in answers if is_one_of_several else ():
        for namespaces, ports in answer.pairs():
            asking = tuple(container.name for namespace in namespaces for container in namespace.containers)
            pairs.setdefault(asking, {}).update(dict.fromkeys(port.label for port in ports))
    return Cell(*where, verdict, observed, first.path.reason, first.packet, instead, _pairs(pairs))


def _pairs(found: dict[tuple[str, ...], dict[str, None]]) -> list[Pairs]:
    """Those that ask for the same together: there is one for each two networks."""
    merged: dict[tuple[str, ...], list[str]] = {}
    for asking, labels in found.items():
        merged.setdefault(tuple(labels), []).extend(asking)
    return [Pairs(asking, list(labels)) for labels, asking in merged.items()]


def _container_places(origins: OriginClass) -> list[ContainerPlace]:
    return [
        ContainerPlace(
            container.name,
            namespace.name,
            [attachment.net.network.name for attachment in namespace.attachments],
            namespace.space is not None,
        )
        for namespaces in origins.namespaces.values()
        for namespace in namespaces
        for container in namespace.containers
    ]


def _origin_group(origins: OriginClass) -> OriginGroup:
    members = [container.name for container in origins.containers]
    if origins.kind == CONTAINER:
        return OriginGroup(origins.kind, listed(members, 1), members)
    if origins.kind == OUTSIDE:
        return OriginGroup(origins.kind, f"outside, by {origins.uplink}", [origins.uplink])
    return OriginGroup(origins.kind, "host", members)


def _destination(targets: TargetClass, key: QuestionKey) -> Destination:
    kind, protocol, family = targets.kind, targets.protocol, targets.family
    if kind == BEYOND:
        return Destination(kind, f"machines outside (IPv{family})", "", protocol, family=family)
    ports = [item for ports in targets.ports.values() for item in ports]
    if kind == INNER_PORT:
        own = dict.fromkeys((item.label, item.net.network.name if item.net is not None else "") for item in ports)
        members, networks = [label for label, dummy in own], [network for dummy, network in own]
        return Destination(
            kind, listed(members, 1), _own_address(targets), protocol, members, networks=networks, family=family
        )
    named = dict.fromkeys((item.label, item.host_port) for item in ports)
    members, host_ports = [label for label, dummy in named], [port for dummy, port in named]
    name = f"{listed(members, 1)} (published on {_binding(targets.host_ip, host_ports)})"
    return Destination(kind, name, key.at[0], protocol, members, host_ports, family=family)


def _own_address(targets: TargetClass) -> str:
    """The address of one container, or which one of all it is."""
    members = [item for ports in targets.ports.values() for item in ports]
    if len(members) == 1:
        return members[0].address
    several = (item.net for item in members if len(item.namespace.attachments) > 1)
    nets = dict.fromkeys(net.network.name for net in several if net is not None)
    return f"their own IPv{targets.family} address" + (f" on {listed(list(nets), 1)}" if nets else "")


def _binding(host_ip: str, host_ports: list[int]) -> str:
    """The address that ports are published on, with the port where it is one."""
    if len(set(host_ports)) > 1:
        return host_ip
    return f"[{host_ip}]:{host_ports[0]}" if ":" in host_ip else f"{host_ip}:{host_ports[0]}"


MOST_LINES = 200
"""A host that treats its containers in many ways has more; whoever wants them all has the cells."""
_LONGEST = 160
_WIDTH = 11
_WORDS = ("the ", "their ", "gateways ")
_NAMED = 3
_NUMBER = re.compile(r"[0-9a-f.:]*[0-9][0-9a-f.:/]*")
_HOST_PORT = re.compile(r":[0-9]+\)$")


@dataclass
class _Row:
    """A line: destinations that see the same in the same places for like reasons."""

    destinations: list[Destination]
    places: list[str]
    relation: str
    observed: str
    instead: str
    reasons: list[str]

    @property
    def key(self) -> tuple[object, ...]:
        """The same for rows that can share a line. Reasons are alike that differ in a number or an address."""
        first = self.destinations[0]
        places = () if first.kind == INNER_PORT else tuple(self.places)
        reason = "" if self.observed == ANSWERED else _NUMBER.sub("", self.reasons[0].partition(": ")[0])
        return (first.kind, _published_on(first), places, self.relation, self.observed, self.instead, reason)

    def add(self, other: _Row) -> None:
        """Take in a row of the same key."""
        self.destinations += other.destinations
        self.places = list(dict.fromkeys([*self.places, *other.places]))
        self.reasons += other.reasons

    @property
    def text(self) -> str:
        """The line."""
        places = self.places
        if len(self.destinations) > 1 and self.destinations[0].kind == INNER_PORT:
            places = ["their own addresses"]
        at = f" at {', '.join(places)}" if places else ""
        whose = f" ({_RELATIONS[self.relation]})" if self.relation else ""
        return safe(f"  {self.observed:<{_WIDTH}} {self._names()}{at}{whose}{self._reason()}")

    def _names(self) -> str:
        first = self.destinations[0]
        names = list(dict.fromkeys(item.name for item in self.destinations))
        if len(names) == 1:
            return first.name
        members = list(dict.fromkeys(label for item in self.destinations for label in item.members or [item.name]))
        return listed(members, _NAMED) + _published_on(first)

    def _reason(self) -> str:
        if self.observed == ANSWERED:
            text = f": {self.instead} answers instead" if self.instead else ""
        else:
            text = f": {'for example, ' if len(set(self.reasons)) > 1 else ''}{self.reasons[0]}"
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def listing_of(matrix: Matrix) -> list[str]:
    """Lines of text, no more than MOST_LINES, the last one counting what was left out."""
    lines: list[str] = []
    for number, origin in enumerate(matrix.origins):
        cells = [cell for cell in matrix.cells if cell.origin == number]
        if origin.kind == OUTSIDE:
            cells = _of_interest_outside(matrix, cells)
        if cells:
            lines += [safe(f"from {origin.name}"), *(row.text for row in _rows(matrix, cells))]
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[: MOST_LINES - 1], f"... and {len(lines) - MOST_LINES + 1} more lines"]


def _of_interest_outside(matrix: Matrix, cells: list[Cell]) -> list[Cell]:
    """Without what machines outside see at loopback addresses, unless a port answers them there and nowhere else."""
    apart = {cell.destination for cell in cells if _is_loopback(matrix.destinations[cell.destination].at)}
    elsewhere = {
        matrix.destinations[cell.destination].name
        for cell in cells
        if cell.observed == ANSWERED and cell.destination not in apart
    }
    return [
        cell
        for cell in cells
        if cell.destination not in apart
        or (cell.observed == ANSWERED and matrix.destinations[cell.destination].name not in elsewhere)
    ]


def _is_loopback(place: str) -> bool:
    return place == "::1" or place.startswith("127.")


def _rows(matrix: Matrix, cells: list[Cell]) -> list[_Row]:
    """What is seen of each destination, like ones together."""
    found: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in cells:
        # What is seen of a packet that surely does not arrive can be open.
        seen = cell.verdict if cell.observed == UNKNOWN else cell.observed
        key = (matrix.destinations[cell.destination].name, cell.relation, seen, cell.instead)
        found.setdefault(key, []).append(cell)
    rows: dict[tuple[object, ...], _Row] = {}
    for (dummy_name, relation, seen, instead), members in found.items():
        first = matrix.destinations[members[0].destination]
        row = _Row([first], _places(matrix, members), relation, seen, instead, [members[0].reason])
        if rows.setdefault(row.key, row) is not row:
            rows[row.key].add(row)
    return list(rows.values())


def _places(matrix: Matrix, cells: list[Cell]) -> list[str]:
    """Where a port was asked, addresses before words."""
    found = dict.fromkeys(matrix.destinations[cell.destination].at for cell in cells)
    return sorted((place for place in found if place), key=lambda place: (place.startswith(_WORDS), place))


def _published_on(destination: Destination) -> str:
    """The address that a port is published on, as its name ends; empty for what is not published."""
    dummy_name, bracket, published = destination.name.partition(" (published on ")
    return _HOST_PORT.sub(")", bracket + published) if destination.kind == PUBLISHED else ""


ANSWERS = ("origins", "destinations", "cells", "containers", "left_out")
"""What of a matrix the detail full has besides."""
_MOST_NAMED = 5
"""Ports that are named where an exposure is told to people; the rest is counted."""


def reachability_of(matrix: Matrix, detail: str) -> dict[str, Any]:
    """The matrix of a host in the wanted detail. Where nothing could be told, the problems say why."""
    result: dict[str, Any] = {
        "exposures": [{**to_plain(item), "text": exposure_text(item)} for item in matrix.exposures],
        "listing": listing_of(matrix),
        "summary": _summary(matrix),
        "problems": matrix.problems,
    }
    if detail == FULL:
        whole = to_plain(matrix)
        result.update({name: whole[name] for name in ANSWERS})
    return result


def _summary(matrix: Matrix) -> list[dict[str, Any]]:
    """For each origin and kind of destination, how many classes of ports end in which way."""
    rows: dict[tuple[int, str, str], dict[str, int]] = {}
    for cell in matrix.cells:
        row = rows.setdefault((cell.origin, matrix.destinations[cell.destination].kind, cell.relation), {})
        row[cell.observed] = row.get(cell.observed, 0) + 1
    return [
        {"origin": matrix.origins[origin].name, "destination": kind, "relation": relation, "observed": counts}
        for (origin, kind, relation), counts in rows.items()
    ]


def exposure_text(exposure: Exposure) -> str:
    """An exposure on one line."""
    ports, at = listed(exposure.ports, _MOST_NAMED), listed(exposure.at or [exposure.example.destination], _MOST_NAMED)
    return safe(
        f"{_EXPOSED[exposure.kind]}, from outside through {exposure.uplink}: {ports} at {at} ({exposure.reason})"
    )
