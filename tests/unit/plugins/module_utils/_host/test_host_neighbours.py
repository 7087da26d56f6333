# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neighbour entries as the kernel writes them into messages, and those of the namespace of the test itself."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import routes
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import Netlink, attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Neighbour
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError

# linux/neighbour.h
DST, LLADDR = 1, 2
STALE, FAILED, NOARP, PERMANENT = 0x04, 0x20, 0x40, 0x80
UNICAST, MULTICAST = 1, 5
MAC = bytes.fromhex("020000000099")
ENTRY = Neighbour("172.18.0.2", 3, "02:00:00:00:00:99")


def message(address: str, state: int, mac: bytes = MAC, index: int = 3, kind: int = UNICAST) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    header = struct.pack("=BxxxiHBB", family, index, state, 0, kind)
    return header + attribute(DST, socket.inet_pton(family, address)) + attribute(LLADDR, mac)


def listed(monkeypatch: pytest.MonkeyPatch, *messages: bytes) -> list[Neighbour] | None:
    def answer(dummy: Netlink, kind: int, body: bytes) -> Iterator[bytes]:
        assert (kind, body) == (30, bytes(12))
        yield from messages

    monkeypatch.setattr(Netlink, "messages", answer)
    with Netlink(0) as route:
        return routes.neighbours_of(route)


@pytest.mark.parametrize("state", [PERMANENT, NOARP])
def test_what_the_kernel_never_asks_again(monkeypatch: pytest.MonkeyPatch, state: int) -> None:
    assert listed(monkeypatch, message("172.18.0.2", state)) == [ENTRY]
    (found,) = listed(monkeypatch, message("fd00::2", state)) or []
    assert found == Neighbour("fd00::2", 3, "02:00:00:00:00:99")


@pytest.mark.parametrize("state", [STALE, FAILED, 0])
def test_what_it_knows_at_the_moment_is_left_out(monkeypatch: pytest.MonkeyPatch, state: int) -> None:
    assert listed(monkeypatch, message("172.18.0.2", state)) == []


def test_what_the_kernel_makes_by_itself_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    multicast = message("224.0.0.22", NOARP, kind=MULTICAST)
    loopback = message("::1", NOARP, bytes(6), index=1)
    tunnel = message("10.0.0.2", NOARP, bytes(4), index=7)
    assert listed(monkeypatch, multicast, loopback, tunnel) == []


def test_there_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    several = [message(f"10.0.{number // 256}.{number % 256}", PERMANENT) for number in range(routes.MOST_NEIGHBOURS)]
    assert len(listed(monkeypatch, *several) or ()) == routes.MOST_NEIGHBOURS
    assert listed(monkeypatch, *several, message("172.18.0.2", PERMANENT)) is None
    with pytest.raises(UnreadableError, match=f"more than {routes.MOST_NEIGHBOURS} permanent entries"):
        routes.read_neighbours()


def test_the_namespace_of_the_test_can_be_listed() -> None:
    assert isinstance(routes.read_neighbours(), list)
