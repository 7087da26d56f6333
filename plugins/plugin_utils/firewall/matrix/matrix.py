# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The matrix of a host: the answers in words."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import (
    BEYOND,
    INNER_PORT,
    Cell,
    Destination,
    Exposure,
    Matrix,
    Source,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import CONTAINER, OUTSIDE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.answers import Answers
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.exposure import Exposed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.inquiry import (
    PARTS,
    Asking,
    Key,
    Wanted,
)


def matrix_of(answers: Answers, exposed: Sequence[Exposed]) -> Matrix:
    """Who reaches what on a host, and what is open to machines outside."""
    places: dict[tuple[int, str], int] = {}
    destinations: list[Destination] = []
    cells: dict[tuple[int, int, str, str, str, str], Cell] = {}
    for answer in answers.answers:
        key, path = answer.key, answer.path
        place = (key.wanted, answer.at)
        if place not in places:
            places[place] = len(destinations)
            destinations.append(_destination(answer.wanted, key))
        relation = answer.relation
        how = (relation, path.verdict, path.seen)
        cell = Cell(key.source, places[place], *how, path.reason, answer.packet, answer.instead)
        cells.setdefault((key.source, places[place], *how, answer.instead), cell)
    sources = [_source(asking) for asking in answers.sources]
    exposures = [
        Exposure(item.kind, item.uplink, item.labels, item.reason, item.example, list(item.at), list(item.not_at))
        for item in exposed
    ]
    problems = [text for text in (*answers.problems, answers.missing(*PARTS)) if text]
    return Matrix(sources, destinations, list(cells.values()), exposures, problems)


def _source(asking: Asking) -> Source:
    members = [container.name for container in asking.containers]
    if asking.kind == CONTAINER:
        return Source(asking.kind, listed(members, 1), members)
    if asking.kind == OUTSIDE:
        return Source(asking.kind, f"outside, by {asking.uplink}")
    return Source(asking.kind, "host", members)


def _destination(wanted: Wanted, key: Key) -> Destination:
    if wanted.kind == BEYOND:
        return Destination(wanted.kind, f"machines outside (IPv{wanted.family})", "", wanted.protocol)
    asked = dict.fromkeys((item.label, item.host_port) for ports in wanted.ports.values() for item in ports)
    members, host_ports = [label for label, dummy in asked], [port for dummy, port in asked]
    if wanted.kind == INNER_PORT:
        return Destination(wanted.kind, listed(members, 1), _own_address(wanted), wanted.protocol, members)
    name = f"{listed(members, 1)} (published on {_binding(wanted.host_ip, host_ports)})"
    return Destination(wanted.kind, name, key.at[0], wanted.protocol, members, host_ports)


def _own_address(wanted: Wanted) -> str:
    """The address of one container, or which one of all it is."""
    asked = [item for ports in wanted.ports.values() for item in ports]
    if len(asked) == 1:
        return asked[0].address
    several = (item.net for item in asked if len(item.station.plugs) > 1)
    nets = dict.fromkeys(net.network.name for net in several if net is not None)
    return f"their own IPv{wanted.family} address" + (f" on {listed(list(nets), 1)}" if nets else "")


def _binding(host_ip: str, host_ports: list[int]) -> str:
    """The address that ports are published on, with the port where it is one."""
    if len(set(host_ports)) > 1:
        return host_ip
    return f"[{host_ip}]:{host_ports[0]}" if ":" in host_ip else f"{host_ip}:{host_ports[0]}"
