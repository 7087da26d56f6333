"""What the kernel tells of links, as recorded on Linux 6.18, and when it was too much."""

from __future__ import annotations

import errno
import socket
import struct

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import LinkNotices

NEWLINK, DELLINK, NEWADDR = 16, 17, 20
AF_BRIDGE = 7


def message(kind: int, index: int, family: int = socket.AF_UNSPEC) -> bytes:
    """A notice of a veth, with what is used of it."""
    info = attribute(1, b"veth\0")
    body = struct.pack("=BxHiII", family, 1, index, 0, 0) + attribute(3, b"veth7\0") + attribute(18, info)
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


class Queue:
    """A socket that gives datagrams and errors in their order."""

    def __init__(self, *waiting: bytes | OSError) -> None:
        self.waiting = list(waiting)

    def __call__(self, *dummy: object) -> Queue:
        return self

    def setsockopt(self, *dummy: object) -> None:
        pass

    def bind(self, address: tuple[int, int]) -> None:
        assert address == (0, 1)

    def close(self) -> None:
        pass

    def recv(self, dummy: int) -> bytes:
        item = self.waiting.pop(0) if self.waiting else BlockingIOError()
        if isinstance(item, OSError):
            raise item
        return item


def arrived(monkeypatch: pytest.MonkeyPatch, *waiting: bytes | OSError) -> list[int] | None:
    monkeypatch.setattr(socket, "socket", Queue(*waiting))
    with LinkNotices() as kept:
        links = kept.arrived()
        assert kept.arrived() == []
    return None if links is None else [link.index for link in links]


def test_links_that_came_and_went(monkeypatch: pytest.MonkeyPatch) -> None:
    assert arrived(monkeypatch) == []
    assert arrived(monkeypatch, message(NEWLINK, 7) + message(NEWLINK, 8), message(DELLINK, 7)) == [7, 8, 7]


def test_what_is_of_a_bridge_port_or_no_link_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert arrived(monkeypatch, message(NEWLINK, 7, AF_BRIDGE), message(NEWADDR, 8)) == []


def test_a_queue_that_ran_over_does_not_tell_all(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = OSError(errno.ENOBUFS, "no buffer space available")
    assert arrived(monkeypatch, message(NEWLINK, 7), lost, message(NEWLINK, 8)) is None
    assert arrived(monkeypatch, OSError(errno.EIO, "input/output error")) is None


def test_the_kernel_lets_us_listen() -> None:
    with LinkNotices() as kept:
        assert kept.arrived() is not None
