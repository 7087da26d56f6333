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
    settings_of_port,
    with_forwarding_entries,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import Netlink, attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import BridgeSetting, Link

BRIDGE = Link(5, "br0", "bridge", mac="02:00:00:00:00:05")
PORT = Link(6, "veth6", "veth", mac="02:00:00:00:00:06", master=5)
ALONE = Link(7, "eth0", mac="02:00:00:00:00:07")
GETNEIGH = 30
REACHABLE, NOARP, PERMANENT = 0x02, 0x40, 0x80
SELF, STICKY = 0x02, 0x40


def entry(mac: str, state: int, flags: int = 0, index: int = PORT.index) -> bytes:
    header = struct.pack("=BxxxiHBB", socket.AF_BRIDGE, index, state, flags, 0)
    return header + attribute(2, bytes.fromhex(mac.replace(":", ""))) + attribute(9, struct.pack("=I", 5))


def read(monkeypatch: pytest.MonkeyPatch, links: list[Link], messages: dict[int, list[bytes]]) -> list[Link]:
    """What becomes of links when the kernel lists these messages; it must not be asked for others."""

    def stream(dummy: Netlink, kind: int, body: bytes) -> Iterator[bytes]:
        yield from messages[kind]

    monkeypatch.setattr(Netlink, "messages", stream)
    with Netlink(0) as route:
        return with_forwarding_entries(route, links)


def test_ports_of_the_kernels_own_making_have_no_settings() -> None:
    usual = {1: b"\x03", 4: b"\0", 8: b"\x01", 9: b"\x01", 10: b"\0", 27: b"\x01", 30: b"\x01", 32: b"\0", 39: b"\0"}
    assert settings_of_port(usual) == settings_of_port({}) == []


def test_settings() -> None:
    values = {1: b"\x04", 8: b"\0", 9: b"\0", 10: b"\x01", 27: b"\0", 30: b"\0", 32: b"\x01", 39: b"\x01"}
    switches = ["learning off", "flood off", "proxy_arp on", "mcast_flood off", "bcast_flood off"]
    wanted = ["state blocking", *switches, "neigh_suppress on", "locked on"]
    assert [str(item) for item in settings_of_port(values)] == wanted
    assert settings_of_port({1: b"\x00"}) == [BridgeSetting("state", "disabled")]
    assert settings_of_port({1: b"\x09"}) == [BridgeSetting("state", "9")]


def test_without_a_bridge_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, [ALONE], {}) == [ALONE]


def test_entries_that_somebody_made(monkeypatch: pytest.MonkeyPatch) -> None:
    mac = "02:00:00:00:00:99"
    made = [entry(mac, NOARP), entry(mac, PERMANENT), entry(PORT.mac, NOARP, STICKY), entry(mac, NOARP, index=5)]
    own = [entry(PORT.mac, PERMANENT), entry(BRIDGE.mac, PERMANENT), entry(BRIDGE.mac, PERMANENT, index=5)]
    other = [entry(mac, REACHABLE), entry(mac, PERMANENT, SELF), entry(mac, PERMANENT, SELF, ALONE.index)]
    bridge, port, alone = read(monkeypatch, [BRIDGE, PORT, ALONE], {GETNEIGH: [*own, *made, *other]})
    assert port.forwarding_entries == [mac, mac, PORT.mac]
    assert bridge.forwarding_entries == [mac]
    assert alone == ALONE
