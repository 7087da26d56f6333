# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings and tables of bridges as the kernel writes them into messages (if_link.h, if_bridge.h, neighbour.h)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import (
    settings_of_bridge,
    settings_of_port,
    with_tables,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import Netlink, attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    BridgeSetting,
    ForwardingEntry,
    Link,
    PortVlan,
)

BRIDGE = Link(5, "br0", "bridge", mac="02:00:00:00:00:05")
PORT = Link(6, "veth6", "veth", mac="02:00:00:00:00:06", master=5)
ALONE = Link(7, "eth0", mac="02:00:00:00:00:07")
GETLINK, GETNEIGH = 18, 30
REACHABLE, NOARP, PERMANENT = 0x02, 0x40, 0x80
SELF, STICKY = 0x02, 0x40
PVID, UNTAGGED, BEGIN, END = 2, 4, 8, 16


def entry(mac: str, state: int, flags: int = 0, index: int = PORT.index, vlan: int = 0) -> bytes:
    header = struct.pack("=BxxxiHBB", socket.AF_BRIDGE, index, state, flags, 0)
    in_vlan = attribute(5, struct.pack("=H", vlan)) if vlan else b""
    return header + attribute(2, bytes.fromhex(mac.replace(":", ""))) + attribute(9, struct.pack("=I", 5)) + in_vlan


def vlans(index: int, *members: tuple[int, int]) -> bytes:
    infos = b"".join(attribute(2, struct.pack("=HH", flags, vid)) for flags, vid in members)
    return struct.pack("=BxHiII", socket.AF_BRIDGE, 0, index, 0, 0) + (attribute(26, infos) if members else b"")


def read(monkeypatch: pytest.MonkeyPatch, links: list[Link], messages: dict[int, list[bytes]]) -> list[Link]:
    """What becomes of links when the kernel lists these messages; it must not be asked for others."""

    def stream(dummy: Netlink, kind: int, body: bytes) -> Iterator[bytes]:
        yield from messages[kind]

    monkeypatch.setattr(Netlink, "messages", stream)
    monkeypatch.setattr(Netlink, "dump", lambda dummy, kind, body: messages[kind])
    with Netlink(0) as route:
        return with_tables(route, links)


def test_ports_of_the_kernels_own_making_have_no_settings() -> None:
    usual = {1: b"\x03", 4: b"\0", 8: b"\x01", 9: b"\x01", 10: b"\0", 27: b"\x01", 30: b"\x01", 32: b"\0", 39: b"\0"}
    assert settings_of_port(usual) == settings_of_port({}) == []
    assert settings_of_bridge({4: struct.pack("=I", 30000)}) == settings_of_bridge({}) == []


def test_settings() -> None:
    values = {1: b"\x04", 8: b"\0", 9: b"\0", 10: b"\x01", 27: b"\0", 30: b"\0", 39: b"\x01"}
    switches = ["learning off", "flood off", "proxy_arp on", "mcast_flood off", "bcast_flood off", "locked on"]
    assert [str(item) for item in settings_of_port(values)] == ["state blocking", *switches]
    assert settings_of_port({1: b"\x00"}) == [BridgeSetting("state", "disabled")]
    assert settings_of_port({1: b"\x09"}) == [BridgeSetting("state", "9")]
    assert settings_of_bridge({4: bytes(4)}) == [BridgeSetting("ageing_time", "0")]


def test_without_a_bridge_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, [ALONE], {}) == [ALONE]


def test_entries_that_somebody_made(monkeypatch: pytest.MonkeyPatch) -> None:
    mac = "02:00:00:00:00:99"
    made = [entry(mac, NOARP), entry(mac, PERMANENT, vlan=7), entry(mac, NOARP, STICKY), entry(mac, NOARP, index=5)]
    own = [entry(PORT.mac, PERMANENT), entry(BRIDGE.mac, PERMANENT), entry(BRIDGE.mac, PERMANENT, index=5)]
    other = [entry(mac, REACHABLE), entry(mac, PERMANENT, SELF), entry(mac, PERMANENT, SELF, ALONE.index)]
    bridge, port, alone = read(monkeypatch, [BRIDGE, PORT, ALONE], {GETNEIGH: [*own, *made, *other]})
    kinds = [ForwardingEntry(mac, "static"), ForwardingEntry(mac, "permanent", 7), ForwardingEntry(mac, "sticky")]
    assert port.forwarding == kinds
    assert bridge.forwarding == kinds[:1]
    assert (alone, port.vlans) == (ALONE, None)


def test_vlans_are_asked_for_where_a_bridge_keeps_them_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    filtering = Link(5, "br0", "bridge", vlan_filtering=True)
    bare = Link(8, "veth8", "veth", master=5)
    members = [(PVID | UNTAGGED, 1), (BEGIN, 10), (END, 19), (UNTAGGED, 30)]
    listed = {GETNEIGH: [], GETLINK: [vlans(5, members[0]), vlans(6, *members), vlans(8)]}
    bridge, port, other, alone = read(monkeypatch, [filtering, PORT, bare, ALONE], listed)
    plain = PortVlan(1, 1, pvid=True, untagged=True)
    assert bridge.vlans == [plain]
    assert port.vlans == [plain, PortVlan(10, 19), PortVlan(30, 30, untagged=True)]
    assert (other.vlans, alone.vlans) == ([], None)
