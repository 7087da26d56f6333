# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what a probe is told from others, in the kernel's words and in ours; and frames that are handed to the kernel."""

from __future__ import annotations

import socket
import struct

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.internet_protocol import checksum
from ansible_collections.dockernet.baseline.plugins.module_utils._trace import injection
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.chains import Plan, chains_of
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.events import Headers, parse_headers
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.identity import (
    TOKEN,
    Identity,
    Wanted,
    identity_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.owner_table import dropped

ADDRESSES = {4: ("198.51.100.7", "192.0.2.10"), 6: ("2001:db8::7", "2001:db8::10")}
MAC = bytes(range(6))


class _NoProgram:
    def fileno(self) -> int:
        return -1


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", ["tcp", "udp", "icmp"])
def test_a_frame_is_the_probe_with_right_checksums(
    version: int, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[bytes] = []
    monkeypatch.setattr(injection, "_load", lambda: 0)
    monkeypatch.setattr("os.fdopen", lambda *dummy: _NoProgram())
    monkeypatch.setattr(injection, "_hardware_address", lambda dummy: MAC)
    monkeypatch.setattr(injection, "_neighbour", lambda *dummy: None)
    monkeypatch.setattr("socket.if_nametoindex", lambda dummy: 2)
    monkeypatch.setattr(injection, "_run", lambda dummy, dummy_index, frame: frames.append(frame))
    source, destination = ADDRESSES[version]
    probe = injection.InjectedProbe("eth0", protocol, destination, 8080, source)
    probe.send()
    assert frames[0][:6] == MAC
    packet = frames[0][14:]
    length = 20 if version == 4 else 40
    headers = parse_headers(packet[:length], packet[length:])
    assert headers is not None
    assert (headers.source, headers.destination) == (source, destination)
    assert probe.identity.is_request(headers)
    assert not probe.identity.is_reply(headers)
    if version == 4:
        assert checksum(packet[:20]) == 0
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    ends = b"".join(socket.inet_pton(family, end) for end in ADDRESSES[version])
    transport = packet[length:]
    number = {"tcp": 6, "udp": 17, "icmp": 1 if version == 4 else 58}[protocol]
    pseudo = b"" if (version, protocol) == (4, "icmp") else ends + struct.pack(">II", len(transport), number)
    assert checksum(pseudo + transport) == 0


def test_another_packet_is_not_the_probe() -> None:
    identity = Identity(4, "udp", b"x" * 12)
    headers = Headers(4, "udp", "192.0.2.1", "192.0.2.2", bytes(8) + b"x" * 12)
    assert identity.is_request(headers)
    for other in (
        Headers(4, "udp", "192.0.2.1", "192.0.2.2", bytes(8) + b"x" * 11),
        Headers(4, "udp", "192.0.2.1", "192.0.2.2", b""),
        Headers(4, "tcp", "192.0.2.1", "192.0.2.2", bytes(8) + b"x" * 12),
        Headers(6, "udp", "2001:db8::1", "2001:db8::2", bytes(8) + b"x" * 12),
    ):
        assert not identity.is_request(other)


def test_of_too_little_there_is_no_identity() -> None:
    assert identity_of(Headers(4, "tcp", "192.0.2.1", "192.0.2.2", b"\0\0")) is None
    assert identity_of(Headers(4, "132", "192.0.2.1", "192.0.2.2", bytes(20))) is None


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", ["tcp", "udp", "icmp"])
def test_a_dry_plan_drops_the_probe_alone_and_asks_for_no_connection(version: int, protocol: str) -> None:
    identity = Identity(version, protocol, b"\7" * TOKEN[protocol])
    chains = chains_of(Plan(identity=identity, drop=True, drop_bridged=True))
    rules = [rule for chain in chains for rule in chain.rules]
    # To ask for connections would have the kernel track them.
    assert not any(b"ct\0" in rule for rule in rules)
    dropping = [rule for rule in rules if rule.endswith(dropped())]
    assert len(dropping) == 3
    assert all(identity.token in rule for rule in dropping)
    assert [chain.name for chain in chains if len(chain.rules) > 1] == ["input-end", *["postrouting-end"] * 2]


def test_real_traffic_is_never_dropped() -> None:
    plan = Plan(wanted=Wanted(4, "tcp", "192.0.2.1", 80), drop=True, drop_bridged=True, drop_reply=True)
    names = [chain.name for chain in chains_of(plan) if len(chain.rules) > 1]
    assert names == []
