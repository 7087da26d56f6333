# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a trace says where the kernel cannot make one, or leaves something out."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import KernelTrace, TraceEvent
from ansible_collections.dockernet.baseline.plugins.module_utils._trace import legacy, run
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.events import Headers, RawEvent
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.identity import Identity
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.injection import CannotInjectError
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.owner_table import BRIDGE, OWNER, Chain
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.question import question_of
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.readers import Reader

OPTIONS: dict[str, Any] = {
    "origin": {"kind": "host", "name": ""},
    "destination": "127.0.0.1",
    "protocol": "udp",
    "port": 9,
    "source": "",
    "mode": "dry",
    "seconds": 60.0,
    "wait": 0.0,
    "expected": [],
}


class FakeTable:
    """The kernel's answer to a table, by whether it is owned and its families."""

    refuses: ClassVar[dict[tuple[bool, bool], int]] = {}
    made: ClassVar[list[tuple[bool, bool]]] = []

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> FakeTable:
        return self

    def __exit__(self, *dummy: object) -> None:
        pass

    def make(self, chains: Sequence[Chain], flags: int) -> None:
        key = (flags == OWNER, any(chain.family == BRIDGE for chain in chains))
        if key in self.refuses:
            raise OSError(self.refuses[key], os.strerror(self.refuses[key]))
        self.made.append(key)

    def delete(self, families: Sequence[int]) -> None:
        raise OSError(errno.ENOENT, "none")


class FakeReader:
    """A reader of nothing."""

    lost = False

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def __enter__(self) -> FakeReader:
        return self

    def __exit__(self, *dummy: object) -> None:
        os.close(self.reading)
        os.close(self.writing)

    def fileno(self) -> int:
        return self.reading

    def read(self) -> Iterator[bytes]:
        return iter(())


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeTable.refuses, FakeTable.made = {}, []
    monkeypatch.setattr(
        "ansible_collections.dockernet.baseline.plugins.module_utils._trace.owner_table.OwnerTable", FakeTable
    )
    monkeypatch.setattr(run, "trace_reader", FakeReader)
    monkeypatch.setattr(run, "read_tables", list)
    monkeypatch.setattr(run, "_connections_are_tracked", lambda: False)
    monkeypatch.setattr(legacy, "has_tables", lambda dummy: False)
    monkeypatch.setattr(run, "_NOTHING", 0.05)


def traced(**changes: Any) -> KernelTrace:
    return run.trace(question_of({**OPTIONS, **changes}), None)


def test_a_probe_that_no_hook_sees() -> None:
    found = traced()
    assert (found.end, found.complete, found.problem, found.sent) == ("not_seen", True, "", "socket")
    assert found.source.startswith("127.0.0.1:")
    assert FakeTable.made == [(True, True)]


def test_what_came_while_the_process_did_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class LateReader(FakeReader):
        """Has an event of the probe when the time without one is over."""

        def __init__(self) -> None:
            super().__init__()
            os.write(self.writing, b"x")

        def read(self) -> Iterator[bytes]:
            yield os.read(self.reading, 1)

    headers = Headers(4, "udp", "127.0.0.1", "127.0.0.1", bytes(8))
    event = RawEvent("ip", "filter", "OUTPUT", "rule", "drop", "", 3, 1, headers, None, None, None, None, None)
    monkeypatch.setattr(run, "trace_reader", LateReader)
    monkeypatch.setattr(run, "parse_trace", lambda dummy: event)
    monkeypatch.setattr(Identity, "is_request", lambda *dummy: True)
    monkeypatch.setattr(run, "_NOTHING", 0.0)
    found = traced()
    assert (found.end, found.complete) == ("dropped_by_rule", True)


def test_events_that_were_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeReader, "lost", True)
    found = traced()
    assert (found.complete, found.problem) == (False, "events were lost")


def test_a_kernel_without_owned_tables() -> None:
    FakeTable.refuses = {(True, True): errno.EOPNOTSUPP, (True, False): errno.EOPNOTSUPP}
    found = traced()
    assert (found.complete, found.left_behind, FakeTable.made) == (True, [], [(False, True)])


def test_a_kernel_without_nftables() -> None:
    FakeTable.refuses = {(owned, bridge): errno.EOPNOTSUPP for owned in (True, False) for bridge in (True, False)}
    found = traced()
    assert (found.end, found.complete) == ("not_seen", False)
    assert found.problem == "this kernel takes no tables of nftables for a trace: Operation not supported"


def test_a_kernel_without_nftables_for_bridges() -> None:
    FakeTable.refuses = {(True, True): errno.EAFNOSUPPORT}
    assert (traced().complete, FakeTable.made) == (True, [(True, False)])


def test_without_the_privilege() -> None:
    FakeTable.refuses = {(True, True): errno.EPERM}
    assert "run with become" in traced().problem


def test_a_source_that_is_not_the_origins() -> None:
    found = traced(source="192.0.2.77")
    assert found.complete is False
    assert "Cannot assign requested address" in found.problem


def test_a_device_that_there_is_not() -> None:
    found = traced(origin={"kind": "outside", "name": "nosuchdevice0"})
    assert (found.complete, found.end) == (False, "not_seen")
    assert "nosuchdevice0" in found.problem


def test_a_kernel_that_takes_no_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*dummy: object) -> None:
        raise CannotInjectError("Linux can from 5.18 on")

    monkeypatch.setattr(run, "InjectedProbe", refuse)
    outside = {"kind": "outside", "name": "eth0"}
    assert "set wait to follow real traffic" in traced(origin=outside).problem
    found = traced(origin=outside, wait=0.1)
    assert (found.sent, found.problem) == ("waited", "no packet that matches came within 0.1 seconds")


def test_a_reader_notes_what_the_kernel_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Socket:
        answers: ClassVar[list[Any]] = [
            OSError(errno.ENOBUFS, "No buffer space available"),
            struct.pack("=IHHII", 20, 7, 0, 0, 0) + b"abcd" + b"\1\2",
            BlockingIOError(),
        ]

        def recv(self, dummy: int) -> bytes:
            found = self.answers.pop(0)
            if isinstance(found, BaseException):
                raise found
            return bytes(found)

    reader = Reader.__new__(Reader)
    monkeypatch.setattr(reader, "lost", False, raising=False)
    monkeypatch.setattr(reader, "socket", Socket(), raising=False)
    monkeypatch.setattr(reader, "_wanted", 7, raising=False)
    assert list(reader.read()) == [b"abcd"]
    assert reader.lost is True


SAVED = """*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:DOCKER - [0:0]
-A FORWARD -o docker0 -j DOCKER
-A DOCKER -m comment --comment "a -j ACCEPT" -j DROP
-A DOCKER -j RETURN
COMMIT
"""


@pytest.mark.parametrize(
    ("chain", "kind", "number", "drops"),
    [
        ("FORWARD", "rule", 1, False),
        ("FORWARD", "policy", 2, True),
        ("INPUT", "policy", 1, False),
        ("DOCKER", "rule", 2, False),
    ],
)
def test_what_a_legacy_rule_does(
    chain: str, kind: str, number: int, drops: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(legacy, "run_command", lambda dummy: (0, SAVED, ""))
    event = TraceEvent("request", "legacy", "forward", "legacy ip filter", chain, kind, "", number=number)
    assert legacy.is_drop(event) is drops


def test_what_the_kernel_refuses_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(run, "_device_name", str)
    monkeypatch.setattr(os, "fork", refuse)
    monkeypatch.setattr(run, "_connections_are_tracked", lambda: True)
    found = traced()
    assert (found.end, found.complete) == ("not_seen", False)
    assert found.problem == "no trace could be made: Cannot allocate memory"
