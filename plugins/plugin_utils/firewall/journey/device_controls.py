# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What tc(8) and XDP do with the frames of devices. It is not evaluated: only what cannot keep a frame is let pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    CONTINUE,
    EGRESS,
    FILTER,
    INGRESS,
    MIRROR,
    PASS,
    QDISC,
    Link,
    TrafficControl,
)

# After these a frame goes on as it was (tcf_action_exec() of net/sched/act_api.c, sch_handle_ingress() of
# net/core/dev.c); a filter without actions only says which class a frame is of.
_HARMLESS = frozenset({PASS, CONTINUE, MIRROR})
# Families of frames: IPv4, IPv6, and ARP, without which IPv4 does not find its neighbours. Those that a filter sees by
# its Ethernet type (linux/if_ether.h).
_ARP = 0
_FAMILIES = {0x0800: (4,), 0x0806: (_ARP,), 0x86DD: (6,)}
_ALL = (4, 6, _ARP)
# By which frames neighbours are asked for: neighbour discovery is a part of IPv6.
_QUESTIONS = {4: _ARP, 6: 6}
# Kinds of links whose IFLA_LINK is their other end, not what they stand upon.
_PAIRS = ("veth", "netkit", "vxcan")


class _Control(NamedTuple):
    device: str
    """Where it is, which can be below the device that is asked about."""
    entry: Optional[TrafficControl]
    """None for an XDP program."""


class DeviceControls:
    """Says of which devices of a namespace it cannot be known whether they let a packet pass."""

    def __init__(self, links: Sequence[Link], entries: Optional[Iterable[TrafficControl]]) -> None:
        """Take what was read; entries is None when they were not."""
        self._read = entries is not None
        self._found: dict[tuple[str, str, int], _Control] = {}
        by_index = {link.index: link for link in links}
        above = _Above(links, by_index)
        for link in links:
            if link.xdp:
                self._add(above, link, INGRESS, _ALL, None)
        for entry in entries or ():
            place = by_index.get(entry.interface)
            if place is not None and not _is_harmless(entry):
                direction = INGRESS if entry.direction == INGRESS else EGRESS
                self._add(above, place, direction, _FAMILIES.get(entry.protocol, _ALL), entry)

    def doubt(self, family: int, direction: str, owner: str, *devices: str) -> str:
        """What is not known of a packet that comes in by devices, or leaves by them; empty when nothing interferes.

        owner: whose the devices are, empty for the host.
        """
        if not self._read:
            where = _where(devices[0], owner, devices[0])
            return f"whether a tc filter or a queueing discipline is in the way on {where}: none could be read"
        if not self._found:
            return ""
        keys = [(device, direction, family) for device in devices]
        return self._first(keys, owner) or self.doubt_about_questions(family, owner, *devices)

    def doubt_about_questions(self, family: int, owner: str, *devices: str) -> str:
        """The same of questions for hardware addresses and the answers to them, of which one goes either way."""
        question = _QUESTIONS[family]
        return self._first([(device, way, question) for device in devices for way in (INGRESS, EGRESS)], owner)

    def _first(self, keys: list[tuple[str, str, int]], owner: str) -> str:
        return next((_words(self._found[key], owner, key[0]) for key in keys if key in self._found), "")

    def _add(
        self, above: _Above, link: Link, direction: str, families: tuple[int, ...], entry: Optional[TrafficControl]
    ) -> None:
        control = _Control(link.name, entry)
        for family in families:
            self._found.setdefault((link.name, direction, family), control)
        # Frames of a VLAN say so in place of their protocol, so of those it is not known which a filter sees.
        for upper in above.of(link):
            for family in _ALL:
                self._found.setdefault((upper, direction, family), control)


class _Above:
    """Finds the links that send and receive by others: those of VLANs, bonds, macvlan..."""

    def __init__(self, links: Iterable[Link], by_index: dict[int, Link]) -> None:
        self._by_index = by_index
        self._standing: dict[int, list[Link]] = {}
        for link in links:
            if link.peer_index is not None and link.peer_nsid is None and link.kind not in _PAIRS:
                self._standing.setdefault(link.peer_index, []).append(link)

    def of(self, link: Link) -> list[str]:
        """Names of the links above one, but for the bridge it is a port of: not all frames of that are its own."""
        found: list[str] = []
        pending, seen = [link], {link.index}
        while pending:
            lower = pending.pop()
            uppers = list(self._standing.get(lower.index, ()))
            master = self._by_index.get(lower.master or 0)
            if master is not None and (master.kind != "bridge" or lower.kind not in _PAIRS):
                uppers.append(master)
            fresh = [item for item in uppers if item.index not in seen]
            seen.update(item.index for item in fresh)
            found += [item.name for item in fresh if item is not master or item.kind != "bridge"]
            pending += fresh
        return found


def _is_harmless(entry: TrafficControl) -> bool:
    return entry.sort == FILTER and entry.actions is not None and _HARMLESS.issuperset(entry.actions)


def _words(control: _Control, owner: str, asked: str) -> str:
    where = _where(control.device, owner, asked)
    inside = "nsenter -n -t PID " if owner else ""
    entry = control.entry
    if entry is None:
        return f"what an XDP program on {where} does with its frames; see {inside}ip -d link show dev {control.device}"
    if entry.sort == QDISC:
        show = f"{inside}tc -s qdisc show dev {control.device}"
        return f"what the queueing discipline {entry.kind} on {where} lets pass; see {show}"
    if entry.sort != FILTER:
        show = f"{inside}bpftool net show dev {control.device}"
        return f"what a {entry.kind} program on {where} ({entry.direction}) does with its frames; see {show}"
    actions = f", action {', '.join(entry.actions)}" if entry.actions else ""
    show = f"{inside}tc filter show dev {control.device} {entry.direction}"
    return f"what a tc filter on {where} ({entry.direction}, {entry.kind}{actions}) does with its frames; see {show}"


def _where(device: str, owner: str, asked: str) -> str:
    place = f"{device} of {owner}" if owner else device
    return place if device == asked else f"{place} below {asked}"
