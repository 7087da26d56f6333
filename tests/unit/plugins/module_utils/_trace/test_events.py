# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages about traced packets, as Linux 6.18 sent them, and as it never should."""

from __future__ import annotations

import random
import socket
import struct
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.events import (
    LoggedEvent,
    parse_headers,
    parse_logged,
    parse_trace,
)

RECORDED = Path(__file__).parents[3] / "fixtures" / "traces" / "container-to-outside.hex"
MESSAGES = [bytes.fromhex(line) for line in RECORDED.read_text(encoding="ascii").splitlines()]
# Of the kinds of exceptions that whoever takes events apart expects.
MALFORMED = (ValueError, LookupError, struct.error)


def test_a_rule_with_the_packet_that_it_saw() -> None:
    event = next(found for found in map(parse_trace, MESSAGES) if found.chain == "FORWARD")
    assert (event.family, event.table, event.kind, event.handle) == ("ip", "filter", "rule", 34)
    assert (event.verdict, event.jump_to) == ("jump", "DOCKER-USER")
    assert event.headers is not None
    assert event.headers.ends == ("10.88.1.2:40497", "198.18.5.9:9000")
    assert (event.iif, event.oif, event.mark) == (4, 2, None)
    assert (event.connection, event.is_reply) == (2471545186, False)


def test_a_policy_and_an_end_of_a_chain() -> None:
    found = [parse_trace(message) for message in MESSAGES]
    policy = next(event for event in found if event.table == "nat" and event.kind == "policy")
    assert (policy.chain, policy.verdict, policy.handle, policy.headers) == ("PREROUTING", "accept", None, None)
    # A chain that only jumped to others has run out of rules: neither a rule nor a policy.
    assert [event.verdict for event in found if event.kind == ""] == ["continue"] * 6


def test_the_verdict_drop() -> None:
    end = parse_trace(MESSAGES[-1])
    assert (end.chain, end.verdict) == ("postrouting-end", "drop")
    assert end.headers is not None
    assert end.headers.ends == ("198.18.5.13:40497", "198.18.5.9:9000")


def test_messages_that_end_too_early_raise_what_is_expected() -> None:
    for message in MESSAGES:
        for length in range(len(message)):
            try:
                parse_trace(message[:length])
            except MALFORMED:
                continue


def test_messages_with_any_bytes_raise_what_is_expected() -> None:
    chance = random.Random(14)  # noqa: S311
    for dummy in range(5000):
        message = bytearray(chance.choice(MESSAGES))
        for dummy_byte in range(chance.randint(1, 8)):
            message[chance.randrange(len(message))] = chance.randrange(256)
        for parse in (parse_trace, parse_logged):
            try:
                parse(bytes(message))
            except MALFORMED:
                continue


SYN6 = (
    bytes.fromhex("60000000001c003d")
    + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    + socket.inet_pton(socket.AF_INET6, "fd00::2")
    # Hop-by-hop options before the transport header.
    + bytes.fromhex("0600050200000000")
    + struct.pack(">HHIIBBHHH", 40000, 443, 7, 0, 5 << 4, 2, 1000, 0, 0)
)


def logged(prefix: str, packet: bytes = SYN6, hook: int = 2) -> bytes:
    """What a table of iptables-legacy says."""
    return (
        bytes((10, 0, 0, 0))
        + attribute(1, struct.pack(">HBx", 0x86DD, hook))
        + attribute(10, prefix.encode() + b"\0")
        + attribute(4, struct.pack(">I", 2))
        + attribute(9, packet)
    )


def test_a_rule_of_a_legacy_table() -> None:
    event = parse_logged(logged("TRACE: filter:DOCKER-USER:rule:3 "))
    assert isinstance(event, LoggedEvent)
    assert (event.table, event.chain, event.comment, event.number) == ("filter", "DOCKER-USER", "rule", 3)
    assert (event.version, event.hook, event.iif, event.oif) == (6, "forward", 2, None)
    assert event.headers.ends == ("[2001:db8::1]:40000", "[fd00::2]:443")


def test_what_others_log_is_no_event() -> None:
    assert parse_logged(logged("dropped: ")) is None
    assert parse_logged(logged("TRACE: filter:INPUT:policy:1", packet=b"")) is None


@pytest.mark.parametrize("prefix", ["TRACE: filter", "TRACE: filter:INPUT:rule:x"])
def test_a_malformed_prefix(prefix: str) -> None:
    with pytest.raises(MALFORMED):
        parse_logged(logged(prefix))


def test_a_hook_that_there_is_not() -> None:
    with pytest.raises(MALFORMED):
        parse_logged(logged("TRACE: filter:INPUT:policy:1", hook=9))


def test_headers_of_no_ip() -> None:
    assert parse_headers(b"\x00" * 40, b"") is None
    assert parse_headers(b"\x45" * 10, b"") is None
