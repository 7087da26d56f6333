# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A path as a flowchart of Mermaid (https://mermaid.js.org/syntax/flowchart.html).

A node is a station of the packet (a hook, the bridge, a socket, docker-proxy), with what was done there; each leg of
the journey is a group of its own.
"""

from __future__ import annotations

from itertools import groupby

from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import DELIVERED, UNKNOWN, Hop, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import ending_of, place_of

_PASSING = frozenset({"jump", "goto", "return", "accept", "policy", "continue"})
"""Actions that are left out of a station where something else happened."""
_HOOKS = frozenset({"prerouting", "input", "forward", "output", "postrouting"})
_MOST_LINES = 5
_LONGEST = 200
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
    positions = list(enumerate(path.hops))
    for number, (leg, hops) in enumerate(groupby(positions, key=lambda item: item[1].leg)):
        lines.append(f"  subgraph leg{number} [{_label([leg])}]")
        for place, group in groupby(hops, key=lambda item: item[1].place):
            station = list(group)
            name = f"n{count}"
            count += 1
            lines.append(f"    {name}[{_label(_station(place, [hop for dummy_index, hop in station]))}]")
            if any(index == path.decided_at for index, dummy_hop in station):
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


def _leaving(previous: str, hop: Hop) -> str:
    return f"{hop.source} > {hop.destination}" if previous == "start" else ""


def _edge(start: str, end: str, first: str, addresses: str) -> str:
    text = first or addresses
    return f"  {start} -->|{_label([text])}| {end}" if text else f"  {start} --> {end}"


def _station(place: str, hops: list[Hop]) -> list[str]:
    """Lines of a station: its name, then what was done there that changed or decided something."""
    telling = [hop for hop in hops if hop.action not in _PASSING] or hops[-1:]
    lines = [_line(hop) for hop in telling]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"and {len(lines) - _MOST_LINES} more"]
    return [place.upper() if place in _HOOKS else place, *lines]


def _line(hop: Hop) -> str:
    """What was done, by which rule or why."""
    done = " ".join(filter(None, (hop.action, place_of(hop))))
    why = hop.note or hop.rule
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
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return "".join(char if char in _PLAIN else f"#{ord(char)};" for char in text)
