# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attempts against real sockets of this machine's loopback: what they say of them."""

from __future__ import annotations

import os
import socket

import pytest

from tests.differential.answering import Server, Servers, answer_of
from tests.differential.observing import Attempt, observe
from tests.unit.patience import SECONDS

HERE = "/proc/self/ns/net"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="entering a network namespace needs root")


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(("protocol", "kind"), [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)])
def test_who_answers_says_whom_it_saw(protocol: str, kind: socket.SocketKind) -> None:
    port = free_port(kind)
    with Servers([Server(HERE, "web", protocol, port, "127.0.0.1")]):
        [outcome] = observe([Attempt(HERE, protocol, "127.0.0.1", port)], SECONDS)
    assert outcome.seen == "answered"
    assert answer_of(outcome.body) == ("web", "127.0.0.1")


@pytest.mark.parametrize(("protocol", "kind"), [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)])
def test_where_nobody_listens_it_is_refused(protocol: str, kind: socket.SocketKind) -> None:
    [outcome] = observe([Attempt(HERE, protocol, "127.0.0.1", free_port(kind))], SECONDS)
    assert outcome.seen == "refused"


def test_who_takes_a_connection_and_says_nothing_lets_it_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        [outcome] = observe([Attempt(HERE, "tcp", "127.0.0.1", mute.getsockname()[1])], seconds=0.2)
    assert (outcome.seen, outcome.detail) == ("timed out", "connected")


def test_an_echo_request_is_answered() -> None:
    [outcome] = observe([Attempt(HERE, "icmp", "127.0.0.1", 0)], SECONDS)
    assert outcome.seen == "answered"
