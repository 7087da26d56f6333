# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A path for people: its devices in one line a leg, one line for tables, a listing of all that happened, a flowchart.

The devices are as in ``web -> veth1a2b3c4 -> br-0a1b2c3d -> host -> eth0 -> outside``: between two machines are the
host and its devices alone. What was done to addresses stands at the host.

The flowchart is Mermaid's (https://mermaid.js.org/syntax/flowchart.html). A node is a station of the packet (a hook,
the bridge, a socket, docker-proxy), with what was done there; each leg is a group of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CLOSED,
    CONTAINER,
    DELIVERED,
    HOST,
    NO_ANSWER,
    OUTSIDE,
    PROXY_REPLY,
    PROXY_REQUEST,
    REFUSED,
    REPLY,
    REQUEST,
    UNKNOWN,
    Packet,
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


class HopWriter:
    """Writes the hops of paths of one host."""

    def __init__(self, snapshot: HostSnapshot) -> None:
        """Look up which port of which bridge each container is at."""
        self._ports = _ports(snapshot, attachments(snapshot))

    def hops_of(self, packet: Packet, path: Path) -> list[dict[str, str]]:
        """Return ``leg`` and ``hops`` of each leg of a path, in their order; names are made safe for terminals."""
        origin = packet.origin.name if packet.origin.kind == CONTAINER else packet.origin.kind
        answering = origin if any(step.action == _LOOP for step in path.steps) else self._receiver(path)
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
            hops = _hops(steps, start, "" if tail and steps[-1].place != "socket" else end, self._ports)
            found.append({"leg": safe(leg), "hops": safe(" -> ".join([*hops, tail] if tail else hops))})
        return found

    def _receiver(self, path: Path) -> str:
        """The container, the host or the outside that answers, or that a refused packet has come to; empty for none."""
        if path.responder is not None:
            return path.responder.name if path.responder.kind == CONTAINER else path.responder.kind
        refusing = [step.subject for step in path.steps if step.action == "refuse" and step.subject is not None]
        return (refusing[-1].container or HOST) if refusing else ""


def _stop(path: Path, last: PathStep) -> str:
    """Where a leg ends before it is at its end; empty for one that arrives."""
    if last.action == "refuse":
        return "X refused"
    refusal_arrives = path.observed in (REFUSED, CLOSED) and last.leg in (REPLY, PROXY_REPLY)
    if last is not path.steps[-1] or path.observed == ANSWERED or refusal_arrives or last.action == "deliver":
        return ""
    if path.verdict == NO_ANSWER and last.place == "wire":
        return "X no answer"
    return "? unknown" if path.verdict == UNKNOWN else f"X {last.action.replace('_', ' ')} ({last.place})"


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


def _ports(snapshot: HostSnapshot, attached: Sequence[Attachment]) -> _Ports:
    """Ports of bridges by the name of a container, of those in the namespace of another one as well, and the bridge."""
    found: dict[int | None, list[tuple[str, str]]] = {}
    for item in attached:
        if item.port is not None:
            found.setdefault(item.container.netns, []).append((str(item.bridge), item.port.name))
    return {
        (container.name, bridge): port
        for container in snapshot.containers
        if container.netns is not None
        for bridge, port in found.get(container.netns, ())
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


_LONGEST = 240
"""Characters of a rule or a note that are shown; rules can hold sets of thousands of elements."""
_INDENT = " " * 8
_MERE_PASSAGE = frozenset({"jump", "goto", "return"})


def line_of(packet: Packet, path: Path) -> str:
    """The packet and how it ends, on one line."""
    return safe(f"{packet}: {ending_of(path)}")


def ending_of(path: Path) -> str:
    """How a path ends, in the words of the one who asks, with the reason."""
    if path.verdict == UNKNOWN:
        return f"unknown: {path.because}"
    if path.observed == ANSWERED:
        who = path.answered_by or "an unknown endpoint"
        # Nothing is known of machines outside but that the packet leaves for one, and that its answer would come back.
        who = "a machine outside, if there is one," if who == OUTSIDE else f"{who},"
        return (
            f"answered by {who} which sees {path.translated_source}"
            if path.translated_source
            else f"answered by {who[:-1]}"
        )
    # What the sender sees of a packet that surely does not arrive can be open.
    seen = path.verdict if path.observed == UNKNOWN else path.observed
    return f"{seen} ({path.verdict}): {path.reason}" if path.verdict != seen else f"{seen}: {path.reason}"


def listing_of(packet: Packet, path: Path) -> str:
    """Every step with its addresses, rule and place, leg by leg; the one that decided is marked with an arrow."""
    lines = [line_of(packet, path)]
    if path.observed == ANSWERED:
        lines.append(safe(f"    {path.reason}"))
    leg = ""
    before = ("", "")
    shown = _without_idle_jumps(path)
    for index in shown:
        step = path.steps[index]
        if step.leg != leg:
            leg = step.leg
            lines += ["", f"{safe(leg)}:"]
            before = ("", "")
        lines += _step_lines(step, before, "=>" if index == path.decided_at else "  ")
        before = (step.source, step.destination)
    if path.undetermined:
        lines += ["", "not known:", *(f"  * {_short(doubt)}" for doubt in path.undetermined)]
    return "\n".join(lines)


def _without_idle_jumps(path: Path) -> list[int]:
    """Hops in their order, by index, without those into chains that the packet came back from as it was."""
    shown: list[int] = []
    for index, step in enumerate(path.steps):
        idle = len(shown)
        for place in range(len(shown) - 1, -1, -1):
            earlier = path.steps[shown[place]]
            if earlier.action not in _MERE_PASSAGE or _hook_of(earlier) != _hook_of(step):
                break
            if earlier.chain == step.chain:
                idle = place
        shown = [*shown[:idle], index]
    return shown


def rows_of(path: Path, marks: Mapping[int, str]) -> list[list[str]]:
    """Cells of each step: what marks have for its index, leg, place, action, devices, rule and addresses.

    Chains that the packet came back from as it was are left out. Nothing is made safe for terminals yet.
    """
    rows = []
    leg, before = "", ("", "")
    for index in _without_idle_jumps(path):
        step = path.steps[index]
        after = (step.source, step.destination)
        now = "now " if step.leg == leg else ""
        changed = f"{now}{step.source} > {step.destination}" if (step.leg, after) != (leg, before) else ""
        where = place_of(step)
        rule = f"{where}: {step.rule}" if step.rule else where
        told = "; ".join(text for text in (_cut(rule), _cut(step.note), changed) if text)
        rows.append([marks.get(index, ""), step.leg, step.place, step.action, devices_of(step), told])
        leg, before = step.leg, after
    return rows


def _hook_of(step: PathStep) -> tuple[str, str, str]:
    return (step.leg, step.place, step.table)


def _step_lines(step: PathStep, before: tuple[str, str], marker: str) -> list[str]:
    """A step's lines; addresses are written where they are not what they were before."""
    addresses = f"{step.source} > {step.destination}" if (step.source, step.destination) != before else ""
    first = f"{marker} {step.place:<12} {step.action:<11} {devices_of(step):<24} {addresses}"
    where = place_of(step)
    details = [text for text in (f"{where}: {step.rule}" if step.rule else where, step.note) if text]
    return [safe(first).rstrip(), *(f"{_INDENT}{_short(text)}" for text in details)]


def devices_of(step: PathStep) -> str:
    """The devices of a step as ``in -> out``, as far as it has them."""
    if not step.incoming and not step.outgoing:
        return ""
    return f"{step.incoming or '*'} -> {step.outgoing or '*'}"


def place_of(step: PathStep) -> str:
    """Table, chain and place of the rule; empty for a step that is in no chain."""
    if not step.chain:
        return ""
    by_policy = not step.rule and step.action in ("drop", "reject")
    rule = " policy" if by_policy else "" if step.number is None else f" rule {step.number}"
    handle = "" if step.handle is None else f" (handle {step.handle})"
    return f"{step.table} {step.chain}{rule}{handle}"


def _short(text: str) -> str:
    return safe(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


_PASSING = frozenset({"jump", "goto", "return", "accept", "policy", "continue"})
"""Actions that are left out of a station where something else happened."""
_HOOKS = frozenset({"prerouting", "input", "forward", "output", "postrouting"})
_MOST_LINES = 5
_LONGEST_LABEL = 200
"""Characters of a line; renderers break it where their boxes end."""
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:/_-+*=()")
_STYLES = (
    "classDef good fill:#d5f5d5,stroke:#2a7a2a,color:#000",
    "classDef bad fill:#f9d3d3,stroke:#a02020,color:#000",
    "classDef open fill:#fdf0c4,stroke:#8a6d00,color:#000",
)


def diagram_of(packet: Packet, path: Path) -> str:
    """The flowchart of a path, without the fence of a Markdown block."""
    lines = ["flowchart TD", f"  start([{_label([str(packet)])}])"]
    previous, addresses, count = "start", "", 0
    edges: list[str] = []
    positions = list(enumerate(path.steps))
    for number, (leg, steps) in enumerate(groupby(positions, key=lambda item: item[1].leg)):
        lines.append(f"  subgraph leg{number} [{_label([leg])}]")
        for place, group in groupby(steps, key=lambda item: item[1].place):
            station = list(group)
            name = f"n{count}"
            count += 1
            lines.append(f"    {name}[{_label(_station(place, [step for dummy_index, step in station]))}]")
            if any(index == path.decided_at for index, dummy_step in station):
                lines.append(f"    class {name} {_style(path)}")
            first = station[0][1]
            edges.append(_edge(previous, name, _leaving(previous, first), addresses))
            last = station[-1][1]
            previous, addresses = name, f"{last.source} > {last.destination}"
        lines.append("  end")
    lines.append(f"  ending([{_label([ending_of(path)])}])")
    lines.append(f"  class ending {_style(path)}")
    edges.append(_edge(previous, "ending", "", ""))
    return "\n".join([*lines, *edges, *(f"  {style}" for style in _STYLES)])


def _leaving(previous: str, step: PathStep) -> str:
    return f"{step.source} > {step.destination}" if previous == "start" else ""


def _edge(start: str, end: str, first: str, addresses: str) -> str:
    text = first or addresses
    return f"  {start} -->|{_label([text])}| {end}" if text else f"  {start} --> {end}"


def _station(place: str, steps: list[PathStep]) -> list[str]:
    """Lines of a station: its name, then what was done there that changed or decided something."""
    telling = [step for step in steps if step.action not in _PASSING] or steps[-1:]
    lines = [_line(step) for step in telling]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"and {len(lines) - _MOST_LINES} more"]
    return [place.upper() if place in _HOOKS else place, *lines]


def _line(step: PathStep) -> str:
    """What was done, by which rule or why."""
    done = " ".join(filter(None, (step.action, place_of(step))))
    why = step.note or step.rule
    return f"{done}: {why}" if why else done


def _style(path: Path) -> str:
    if path.verdict == UNKNOWN:
        return "open"
    return "good" if path.verdict == DELIVERED else "bad"


def _label(lines: list[str]) -> str:
    return f'"{"<br/>".join(_escaped(line) for line in lines)}"'


def _escaped(text: str) -> str:
    """Text that means nothing to Mermaid: whatever is no plain character becomes its number (``#35;``)."""
    text = safe(text)
    text = text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 3]}..."
    return "".join(char if char in _PLAIN else f"#{ord(char)};" for char in text)
