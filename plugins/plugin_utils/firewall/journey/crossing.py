# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What keeps a frame from crossing a bridge: settings of its ports, VLANs, and its forwarding database.

The kernel's side of it: br_handle_frame() and br_handle_frame_finish() of net/bridge/br_input.c, br_dev_xmit() of
br_device.c, br_flood() and should_deliver() of br_forward.c, br_fdb_update() of br_fdb.c, br_vlan.c.
An end of a bridge is a port, or None for the host itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, PortVlan
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bridging import (
    Bridge,
    Entry,
    Port,
    separated,
)

_STATE = "state "


class Obstacle(NamedTuple):
    """What is in the way of a frame, or may be."""

    text: str
    is_certain: bool = True
    """Whether the frame is lost; not where it depends on what the bridge or a neighbour knows at the moment."""


def in_the_way(bridge: Bridge, incoming: Optional[Port], outgoing: Optional[Port]) -> Optional[Obstacle]:
    """What keeps a frame for one hardware address from going from one end of a bridge to another."""
    if bridge.is_plain and incoming is not outgoing:
        return None
    return next(_of_frame(bridge, incoming, outgoing), None)


def unasked(bridge: Bridge, asking: Optional[Port], asked: Optional[Port], family: int) -> Optional[Obstacle]:
    """What keeps an end from learning the hardware address of another: the question is for all, the answer for it."""
    if bridge.is_plain and asking is not asked:
        return None
    answer = in_the_way(bridge, asked, asking)
    question = next(_of_question(bridge, asking, asked, family), None)
    if question is not None and not question.is_certain:
        # It can learn it from a question of the other one.
        other = next(_of_question(bridge, asking=asked, asked=asking, family=family), None)
        if other is not None:
            return answer or question._replace(is_certain=True)
    return answer if question is None or (answer is not None and answer.is_certain) else question


def floods_to(bridge: Bridge, incoming: Port, outgoing: Port) -> bool:
    """Whether what nobody is known to take goes out by a port as well."""
    settings = outgoing.link.settings
    return not ({"flood off", "proxy_arp on"} & set(settings) or any(_of_any(bridge, incoming, outgoing)))


def _of_frame(bridge: Bridge, incoming: Optional[Port], outgoing: Optional[Port]) -> Iterator[Obstacle]:
    yield from _of_any(bridge, incoming, outgoing)
    yield from _of_entry(bridge, incoming, outgoing)
    if outgoing is None or _entry(bridge, incoming, outgoing.mac) is not None or _learns(bridge, outgoing.link):
        return
    kept = next((item for item in ("flood off", "proxy_arp on") if item in outgoing.link.settings), "")
    if kept:
        what = f"{kept} of the bridge port {outgoing.link.name}"
        yield Obstacle(f"{what}: the bridge sends it only what is for whom it has learnt there, and learns nobody")


def _of_question(bridge: Bridge, asking: Optional[Port], asked: Optional[Port], family: int) -> Iterator[Obstacle]:
    yield from _of_any(bridge, asking, asked)
    if asked is None:
        return
    unheard = ["proxy_arp on"]
    if asking is not None:
        unheard.append("bcast_flood off" if family == 4 else "mcast_flood off")
    for setting in unheard:
        if setting in asked.link.settings:
            what = f"{setting} of the bridge port {asked.link.name}"
            yield Obstacle(f"{what} keeps the question from it", is_certain=False)


def _of_any(bridge: Bridge, incoming: Optional[Port], outgoing: Optional[Port]) -> Iterator[Obstacle]:
    for port in (incoming, outgoing):
        state = "" if port is None else _state(port.link)
        if port is not None and state:
            yield Obstacle(f"the bridge port {port.link.name} is in the state {state}")
    if incoming is not None:
        if "locked on" in incoming.link.settings:
            yield from _of_lock(bridge, incoming)
        if outgoing is not None:
            text = separated(incoming, outgoing)
            if text:
                yield Obstacle(text)
    if bridge.link.vlan_filtering:
        yield from _of_vlans(bridge, incoming, outgoing)


def _of_lock(bridge: Bridge, port: Port) -> Iterator[Obstacle]:
    entry = _entry(bridge, port, port.mac)
    what = f"the bridge port {port.link.name} is locked"
    if entry is None:
        yield Obstacle(f"{what}, and whether the bridge knows {port.mac} there hangs on the moment", is_certain=False)
    elif entry.port is not port.link or entry.kind == "permanent":
        yield Obstacle(f"{what}, and the bridge does not know {port.mac} there: {entry.words}")


def _of_entry(bridge: Bridge, incoming: Optional[Port], outgoing: Optional[Port]) -> Iterator[Obstacle]:
    mac = bridge.link.mac if outgoing is None else outgoing.mac
    entry = _entry(bridge, incoming, mac)
    if entry is None:
        return
    if outgoing is not None and entry.port is outgoing.link:
        if entry.kind == "permanent" and incoming is not None:
            yield Obstacle(f"the host takes what is for {mac} from other ports: {entry.words}")
    elif outgoing is None or entry.kind != "static" or not _learns(bridge, outgoing.link):
        yield Obstacle(f"what is for {mac} goes elsewhere: {entry.words}")


def _entry(bridge: Bridge, incoming: Optional[Port], mac: str) -> Optional[Entry]:
    """What the bridge finds for a hardware address, in the VLAN of what comes in by an end."""
    came_in = bridge.link if incoming is None else incoming.link
    return bridge.entry_of(mac, _pvid(came_in).first if bridge.link.vlan_filtering else 0)


def _of_vlans(bridge: Bridge, incoming: Optional[Port], outgoing: Optional[Port]) -> Iterator[Obstacle]:
    came_in, goes_out = (bridge.link if port is None else port.link for port in (incoming, outgoing))
    vlan = _pvid(came_in).first
    if vlan and any(item.untagged and item.first <= vlan <= item.last for item in goes_out.vlans or ()):
        return
    what = f"{came_in.name} takes frames without a tag for VLAN {vlan}" if vlan else f"{came_in.name} has no PVID"
    text = f"{bridge.name} filters VLANs: {what}, and {goes_out.name} is no port of it that sends them without one"
    yield Obstacle(text if vlan else f"{bridge.name} filters VLANs: {what}", is_certain=False)


def _pvid(link: Link) -> PortVlan:
    """The VLAN of what comes in without a tag."""
    return next((item for item in link.vlans or () if item.pvid), PortVlan(0, 0))


def _state(link: Link) -> str:
    return next((item[len(_STATE) :] for item in link.settings if item.startswith(_STATE)), "")


def _learns(bridge: Bridge, link: Link) -> bool:
    return "learning off" not in link.settings and "ageing_time 0" not in bridge.link.settings
