# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What became reachable between two readings of a host, and what no longer is.

Origins that both readings treat alike are compared once, and so are ports. What is undetermined in one of the readings
is neither new nor gone: it is named as not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, UNKNOWN
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.change_words import (
    GONE,
    ITSELF,
    NEW,
    NOT_COMPARED,
    Change,
    FlowChange,
    in_words,
    kind_in_words,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.flows import Asked, Asker, Flow, Flows

T = TypeVar("T")

_CHOSEN_BY_KERNELS = range(32_768, 61_000)
MOST_COMPARED = 500_000
"""Pairs of an origin and a port that are looked up at most; some seconds' worth."""


def compare(before: Flows, after: Flows) -> list[FlowChange]:
    """Return the changes, what other machines reach first; nothing where each flow is as it was."""
    for which, side in (("earlier", before), ("later", after)):
        if side.problems:
            return [_uncompared(f"of the {which} reading nothing is known: {side.problems[0]}")]
    if before.matrix == after.matrix:
        return []
    askers = _classes([*after.askers, *before.askers], lambda item: (before.asker_form(item), after.asker_form(item)))
    every = [item for item in (*after.asked, *before.asked) if not _is_passing(item, before, after)]
    asked = _classes(every, lambda item: (before.asked_form(item), after.asked_form(item)))
    if len(askers) * len(asked) > MOST_COMPARED:
        return [_uncompared("the host treats its containers in too many ways")]
    changes = [
        change
        for members in askers
        for ports in asked
        for asking, asker, port in _representatives(before, after, members, ports)
        if (change := _change(before, after, asking, ports, asker, port)) is not None
    ]
    return in_words(changes, before, after)


def _is_passing(asked: Asked, before: Flows, after: Flows) -> bool:
    """Whether it is a socket that a client of UDP has for a moment, on a port that its kernel chose.

    It takes datagrams like one of a service, and the next reading has another one (ip-sysctl, ip_local_port_range).
    """
    port, dummy, protocol = asked.label.rpartition(":")[2].partition("/")
    is_chosen = protocol == "udp" and port.isdecimal() and int(port) in _CHOSEN_BY_KERNELS
    return is_chosen and not asked.host_port and (asked in before.asked) != (asked in after.asked)


def _uncompared(why: str) -> FlowChange:
    return FlowChange(NOT_COMPARED, f"{kind_in_words(NOT_COMPARED)}: {why}")


def _classes(items: Iterable[T], form: Callable[[T], Hashable]) -> list[tuple[T, ...]]:
    """Those together that both readings treat alike."""
    found: dict[Hashable, list[T]] = {}
    for item in dict.fromkeys(items):
        found.setdefault(form(item), []).append(item)
    return [tuple(members) for members in found.values()]


def _representatives(
    before: Flows, after: Flows, askers: Sequence[Asker], ports: Sequence[Asked]
) -> Iterator[tuple[tuple[Asker, ...], Asker, Asked]]:
    """An origin and a port for all of two classes, and one for containers that ask themselves."""

    def is_own(asker: Asker, port: Asked) -> bool:
        return port.container in (before.namespace_of(asker), after.namespace_of(asker)) and bool(port.container)

    if askers[0].kind == CONTAINER:
        by_name = {name: asker for asker in askers for name in (before.namespace_of(asker), after.namespace_of(asker))}
        own = next(((by_name[port.container], port) for port in ports if by_name.get(port.container)), None)
        if own is not None:
            yield (ITSELF,), *own
    # Of two containers one at least is another than the one with the port.
    other = next(((asker, port) for asker in askers[:2] for port in ports[:2] if not is_own(asker, port)), None)
    if other is None:
        other = next(((askers[0], port) for port in ports if not is_own(askers[0], port)), None)
    if other is not None:
        yield tuple(askers), *other


def _change(
    before: Flows, after: Flows, askers: tuple[Asker, ...], ports: tuple[Asked, ...], asker: Asker, port: Asked
) -> Change | None:
    """What changed for all of them, by one of each; None where nothing did."""
    then, now = before.flow(asker, port), after.flow(asker, port)
    for flow, when, other in ((then, "before", now), (now, "now", then)):
        if flow is not None and flow.state == UNKNOWN:
            if other is not None and other.state == UNKNOWN:
                return None
            return Change(NOT_COMPARED, askers, ports, f"undetermined {when}: {flow.reason}")
    earlier, later = (flow.reached if flow is not None else None for flow in (then, now))
    if earlier == later:
        return None
    if later is None or earlier == "":
        return Change(GONE, askers, ports, _why(after, asker, port, now), earlier or "")
    return Change(NEW, askers, ports, reached=later)


def _why(after: Flows, asker: Asker, port: Asked, now: Flow | None) -> str:
    """Why something is not reached any more."""
    if now is not None:
        return f"{now.instead} answers instead" if now.reached else now.reason
    gone = [name for name in (port.container, asker.name) if name and name not in after.containers]
    if gone and (name := gone[0]) in (port.container, asker.name) and (name != asker.name or asker.kind == CONTAINER):
        return f"{name} does not run"
    return "the host has no such address, or nothing is published there" if port.host_port else "nothing listens there"
