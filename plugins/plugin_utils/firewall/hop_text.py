# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The devices of a path in one line a leg: ``web -> veth1a2b3c4 -> br-0a1b2c3d -> host -> eth0 -> outside``.

Between two machines are the host and its devices alone. What was done to addresses stands at the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import CONTAINER, HOST, OUTSIDE, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CLOSED,
    PROXY_REPLY,
    PROXY_REQUEST,
    REFUSED,
    REPLY,
    REQUEST,
    UNKNOWN,
    Path,
    PathStep,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import Attachment, attachments

_PROXY = "docker-proxy"
_LOOPBACK = "lo"
_LOOP = "loop"
"""Action of a step: a container asks itself, and nothing leaves its namespace."""
_Ports = dict[tuple[str, str], str]
_BY_THE_HOST = frozenset({"routing", "input", "output"})
"""Places that a packet passes only where the host itself handles it, unlike a bridge that switches it."""
_TRANSLATIONS = {"dnat": "destination", "redirect": "destination", "snat": "source", "masquerade": "source"}


def hops_of(snapshot: HostSnapshot, packet: Packet, path: Path) -> list[dict[str, str]]:
    """Return ``leg`` and ``hops`` of each leg of a path, in their order; names are made safe for terminals."""
    origin = packet.origin.name if packet.origin.kind == CONTAINER else packet.origin.kind
    answering = origin if any(step.action == _LOOP for step in path.steps) else _receiver(snapshot, path)
    ports = _ports(snapshot)
    proxied = any(step.leg == PROXY_REQUEST for step in path.steps)
    ends = {
        REQUEST: (origin, _PROXY if proxied else answering),
        REPLY: (_PROXY if proxied else answering, origin),
        PROXY_REQUEST: (_PROXY, answering),
        PROXY_REPLY: (answering, _PROXY),
    }
    found = []
    for leg, group in groupby(path.steps, key=lambda step: step.leg):
        steps = list(group)
        start, end = ends.get(leg, ("", ""))
        tail = _stop(path, steps[-1])
        # What is refused by a socket that is not there has come to its machine.
        hops = _hops(steps, start, "" if tail and steps[-1].place != "socket" else end, ports)
        found.append({"leg": safe(leg), "hops": safe(" -> ".join([*hops, tail] if tail else hops))})
    return found


def _stop(path: Path, last: PathStep) -> str:
    """Where a leg ends before it is at its end; empty for one that arrives."""
    if last.action == "refuse":
        return "X refused"
    refusal_arrives = path.observed in (REFUSED, CLOSED) and last.leg in (REPLY, PROXY_REPLY)
    if last is not path.steps[-1] or path.observed == ANSWERED or refusal_arrives or last.action == "deliver":
        return ""
    return "? unknown" if path.verdict == UNKNOWN else f"X {last.action} ({last.place})"


def _receiver(snapshot: HostSnapshot, path: Path) -> str:
    """The container, the host or the outside that answers, or that a refused packet has come to; empty for none."""
    if path.responder is not None:
        return path.responder.name if path.responder.kind == CONTAINER else path.responder.kind
    refused = [step for step in path.steps if step.action == "refuse"]
    if not refused:
        return ""
    address = refused[-1].destination.rpartition(":")[0].strip("[]")
    owners = [item.container.name for item in attachments(snapshot) if address in _addresses(item)]
    return owners[0] if owners else HOST


def _addresses(attachment: Attachment) -> tuple[str | None, str | None]:
    return attachment.endpoint.address, attachment.endpoint.address6


def _hops(steps: Sequence[PathStep], start: str, end: str, ports: _Ports) -> list[str]:
    if any(step.action == _LOOP for step in steps):
        return [start, _LOOPBACK, start]
    begin = HOST if start == _PROXY else start
    hops = [HOST] if begin == HOST else []
    changes: list[str] = []
    for step in steps:
        if step.place == "container":
            continue
        if HOST not in hops and step.incoming:
            _append(hops, step.incoming)
        if step.place in _BY_THE_HOST and HOST not in hops:
            hops.append(HOST)
        if step.action in _TRANSLATIONS:
            side = _TRANSLATIONS[step.action]
            changes.append(f"{side} becomes {step.source if side == 'source' else step.destination}")
        if step.outgoing and HOST in hops:
            _append(hops, step.outgoing)
    if len(hops) > 2 or end not in (HOST, _PROXY):
        hops = [hop for hop in hops if hop != _LOOPBACK]
    devices = list(hops)
    hops = _with_ends(hops, start, end, ports)
    if changes and devices:
        place = hops.index(HOST) if HOST in hops else hops.index(devices[0])
        hops[place] += f" ({', '.join(changes)})"
    return hops


def _ports(snapshot: HostSnapshot) -> _Ports:
    """Ports of bridges by the name of a container, of those in the namespace of another one as well, and the bridge."""
    found = {(item.container.netns, item.bridge): item.port.name for item in attachments(snapshot) if item.port}
    return {
        (container.name, str(bridge)): port
        for container in snapshot.containers
        for (netns, bridge), port in found.items()
        if container.netns is not None and container.netns == netns
    }


def _with_ends(hops: list[str], start: str, end: str, ports: _Ports) -> list[str]:
    """Put before and behind the devices of the host who sends and who receives, and the ports of bridges to them."""
    if start == _PROXY:
        hops = [_PROXY, *hops]
    elif start not in ("", HOST):
        port = ports.get((start, hops[0])) if hops else None
        hops = [start, *([port] if port else []), *hops]
    if end in (OUTSIDE, _PROXY, HOST):
        _append(hops, end)
    elif end:
        port = ports.get((end, hops[-1])) if hops else None
        hops += [*([port] if port else []), end]
    return hops


def _append(hops: list[str], hop: str) -> None:
    if not hops or hops[-1] != hop:
        hops.append(hop)
