# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of packets that are answered, reported and lost, and what a result says in lines."""

from __future__ import annotations

import errno

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import Probe, ProbeLayer, ProcessState
from ansible_collections.dockernet.baseline.plugins.module_utils._probe import path_mtu
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.path_mtu import MtuAnswer, measure
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.run import Found, line_of
from ansible_collections.dockernet.baseline.plugins.modules.container_probe import result_of


class Wire:
    """Answers echo requests up to a size; reports a path MTU where it is given one."""

    largest = 1500
    reports = 0

    def __init__(self, dummy: str) -> None:
        self.waiting: list[int] = []
        self.sent: list[int] = []
        self.pending = False

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *dummy: object) -> None: ...

    def never_fragment(self) -> None: ...

    def send(self, sequence: int, packet: int) -> None:
        assert sequence == packet
        self.sent.append(packet)
        if packet <= self.largest:
            self.waiting.append(sequence)
        elif self.reports:
            self.pending = True

    def receive(self, dummy: float) -> int | None:
        if self.pending:
            self.pending = False
            raise OSError(errno.EMSGSIZE, "too long")
        return self.waiting.pop(0) if self.waiting else None

    def reported(self) -> tuple[int, str]:
        return self.reports, "192.0.2.1 reports: ICMP the packet is too big"


def measured(monkeypatch: pytest.MonkeyPatch, largest: int, reports: int = 0, mtu: int = 1500) -> MtuAnswer:
    kind = type("Some", (Wire,), {"largest": largest, "reports": reports})
    monkeypatch.setattr(path_mtu, "EchoSocket", kind)
    return measure("192.0.2.9", mtu, 0.1)


def test_the_largest_packet_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, 1500).largest == 1500
    assert measured(monkeypatch, 9000, mtu=9000).largest == 9000


def test_the_largest_that_arrives_is_found_where_larger_ones_vanish(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, 1410).largest == 1400
    assert measured(monkeypatch, 0).largest == 0


def test_what_a_router_reports_is_no_black_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(monkeypatch, 1400, reports=1400)
    assert (found.reported, found.detail) == (1400, "192.0.2.1 reports: ICMP the packet is too big")


def test_another_error_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(dummy: str) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(path_mtu, "EchoSocket", refuse)
    assert measure("192.0.2.9", 1500, 0.1).error == "EPERM"


FAILED = ProbeLayer("target", "192.0.2.1 port 80", "failed", "ECONNREFUSED", "refused\n\x1b[31m", 0.25)
PROBE = Probe(
    "web", "2001:db8::1", "tcp", 80, "2001:db8::1", "refused", [ProbeLayer("process", "web", "passed"), FAILED]
)


def test_a_line_says_who_asked_whom_and_what_failed_first() -> None:
    assert line_of(PROBE).startswith("web to [2001:db8::1]:80/tcp: refused; the first layer that failed is target: ")
    healthy = Probe("host", "gateway (192.0.2.1)", "icmp", 0, "192.0.2.1", "answered")
    assert line_of(healthy) == "host to gateway (192.0.2.1)/icmp: answered"


def test_a_result_is_plain_and_its_lines_are_safe() -> None:
    result = result_of(Found([PROBE], ProcessState("running", 7, "web")))
    assert (result["changed"], result["failed_layer"], result["process"]["pid"]) == (False, "target", 7)
    assert result["probes"][0]["layers"][1]["error"] == "ECONNREFUSED"
    assert "\x1b" not in result["listing"]
    assert "\x1b" not in result["msg"]
    assert "\n" not in result["msg"]
    assert len(result["listing"].splitlines()) == 3
