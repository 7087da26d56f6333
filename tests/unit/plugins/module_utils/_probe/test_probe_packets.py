# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What packets of neighbours and strangers say: ARP, neighbour discovery, ICMP, HTTP, sizes that vanish."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from ipaddress import IPv6Address

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.internet_protocol import checksum
from ansible_collections.dockernet.baseline.plugins.module_utils._probe import attempt
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.attempt import (
    icmp_error_about,
    tcp,
    together,
    udp,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.neighbour import advertised, arp_answer
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.path_mtu import MtuAnswer
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.prober import mtu_layer
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.service import ask_service, read_status

from tests.unit.patience import SECONDS, Clock

MAC = bytes.fromhex("0242ac120002")
WANTED = socket.inet_aton("192.0.2.1")


def arp(kind: int = 2, source: bytes = WANTED, hardware: int = 1) -> bytes:
    return struct.pack("!HHBBH", hardware, 0x0800, 6, 4, kind) + MAC + source + bytes(10)


def test_only_an_answer_of_the_one_that_was_asked_has_its_hardware_address() -> None:
    assert arp_answer(arp(), WANTED) == "02:42:ac:12:00:02"
    for packet in (arp(kind=1), arp(source=bytes(4)), arp(hardware=6), arp()[:20], b""):
        assert arp_answer(packet, WANTED) == ""


def test_an_advertisement_has_the_address_of_its_target() -> None:
    target = IPv6Address("2001:db8::1").packed
    head = struct.pack("!BBHI", 136, 0, 0, 0x60000000) + target
    assert advertised(head + b"\x02\x01" + MAC, target) == "02:42:ac:12:00:02"
    assert advertised(head + b"\x0e\x02" + bytes(14) + b"\x02\x01" + MAC, target) == "02:42:ac:12:00:02"
    # An option without a length would never end.
    for packet in (head, head + b"\x02\x00" + MAC, head + b"\x02\x01" + MAC[:3], head[:10], b"\x87" + head[1:]):
        assert advertised(packet, target) == ""
    assert advertised(head + b"\x02\x01" + MAC, bytes(16)) == ""


def icmp4(kind: int, code: int, own: int = 40000, port: int = 80, protocol: int = 6) -> bytes:
    inner = b"\x45" + bytes(8) + bytes([protocol]) + bytes(10) + struct.pack("!HH", own, port) + bytes(4)
    return b"\x45" + bytes(19) + struct.pack("!BBHHH", kind, code, 0, 0, 0) + inner


def test_an_icmp_error_counts_for_the_connection_that_it_is_about() -> None:
    assert icmp_error_about(icmp4(3, 3), 4, 40000, 80) == "ICMP port unreachable"
    assert icmp_error_about(icmp4(3, 13), 4, 40000, 80) == "ICMP prohibited by a filter"
    assert icmp_error_about(icmp4(3, 3, own=40001), 4, 40000, 80) == ""
    assert icmp_error_about(icmp4(3, 3, protocol=17), 4, 40000, 80) == ""
    inner = b"\x60" + bytes(5) + b"\x06" + bytes(33) + struct.pack("!HH", 40000, 80) + bytes(4)
    assert icmp_error_about(struct.pack("!BBHI", 1, 4, 0, 0) + inner, 6, 40000, 80) == "ICMPv6 port unreachable"
    for size in range(len(icmp4(3, 3))):
        icmp_error_about(icmp4(3, 3)[:size], 4, 1, 2)


def test_the_checksum_of_the_internet() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D
    assert checksum(b"\x01") == 0xFEFF


@pytest.mark.parametrize(
    ("answer", "outcome", "error"),
    [
        (MtuAnswer(1500), "passed", ""),
        (MtuAnswer(1280, 1400, "192.0.2.1 reports: ICMP the packet is too big"), "passed", ""),
        (MtuAnswer(), "skipped", ""),
        (MtuAnswer(error="EPERM"), "skipped", ""),
        (MtuAnswer(1400), "failed", "TIMEOUT"),
    ],
)
def test_a_black_hole_is_where_small_packets_are_answered_and_large_ones_vanish(
    answer: MtuAnswer, outcome: str, error: str
) -> None:
    layer = mtu_layer("192.0.2.1", 1500, answer)
    assert (layer.outcome, layer.error) == (outcome, error)


@pytest.mark.parametrize(
    ("head", "passed", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n", True, "HTTP 200 OK, server nginx"),
        (b"HTTP/1.0 404\r\n\r\n", True, "HTTP 404"),
        (
            b"HTTP/1.1 200 \x1b[31m\r\nServer: token=abcdef123456\r\n\r\n",
            True,
            r"HTTP 200 \x1b[31m, server token=********",
        ),
        (b"SSH-2.0-OpenSSH_9\r\n", False, "it does not answer with HTTP, but with 'SSH-2.0-OpenSSH_9\\\\x0d\\\\x0a'"),
        (b"HTTP/1.1 999999 x\r\n\r\n", False, ""),
        (b"", False, "it closed the connection without an answer"),
        (b"\xff" * 5000, False, ""),
    ],
)
def test_the_head_of_an_answer(head: bytes, passed: bool, words: str) -> None:
    found, said = read_status(head)
    assert found is passed
    assert words in said
    assert len(said) < 400
    assert said.isprintable()


@pytest.fixture
def served() -> Callable[[Callable[[socket.socket], None]], int]:
    """Starts a server on loopback that does something with its first connection, and returns its port."""

    def start(act: Callable[[socket.socket], None]) -> int:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            connected, dummy = listening.accept()
            with listening, connected:
                act(connected)

        threading.Thread(target=serve, daemon=True).start()
        return int(listening.getsockname()[1])

    return start


def test_a_connection_that_is_taken_and_closed_at_once_is_closed(
    served: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    assert tcp("127.0.0.1", served(lambda dummy: held.wait(SECONDS)), SECONDS).observed == "answered"
    held.set()
    monkeypatch.setattr(attempt, "_CLOSING", SECONDS)
    assert tcp("127.0.0.1", served(lambda dummy: None), SECONDS).observed == "closed"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert tcp("127.0.0.1", unused.getsockname()[1], SECONDS).error == "ECONNREFUSED"
        assert udp("127.0.0.1", unused.getsockname()[1], SECONDS).observed == "refused"


def test_a_service_that_drips_is_waited_for_so_long_and_no_longer(
    served: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)

    def drip(connected: socket.socket) -> None:
        connected.recv(1 << 12)
        connected.sendall(b"HTTP")
        clock.go_on()
        # As much as it takes of any answer.
        with contextlib.suppress(OSError):
            while True:
                connected.sendall(b"H" * 100)

    with socket.create_connection(("127.0.0.1", served(drip))) as connected:
        answer = ask_service("http", connected, "x", SECONDS)
    assert answer.error == "TIMEOUT"


def test_the_beginning_of_an_answer_counts_where_no_more_comes_of_it(served: Callable[..., int]) -> None:
    class Connected(socket.socket):
        """Waits in vain after the first bytes."""

        received = b""

        def recv(self, *args: int) -> bytes:
            if self.received:
                raise socket.timeout
            self.received = super().recv(*args)
            return self.received

    with Connected() as connected:
        connected.connect(("127.0.0.1", served(lambda other: other.sendall(b"220 mail\r\n"))))
        answer = ask_service("http", connected, "x", SECONDS)
    assert answer.error == "EPROTO"
    assert "220 mail" in answer.detail


def test_what_speaks_no_tls_fails_the_handshake(served: Callable[..., int]) -> None:
    with socket.create_connection(
        ("127.0.0.1", served(lambda connected: connected.sendall(b"220 mail\r\n")))
    ) as connected:
        answer = ask_service("https", connected, "x", SECONDS)
    assert not answer.passed


def test_what_runs_together_waits_once_and_raises_what_one_of_them_raises() -> None:
    barrier = threading.Barrier(3, timeout=SECONDS)
    assert len(together([barrier.wait] * 3)) == 3

    def fail() -> int:
        raise KeyError("x")

    with pytest.raises(KeyError):
        together([fail, lambda: 1])
    assert together([]) == []
