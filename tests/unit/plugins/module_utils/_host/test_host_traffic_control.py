# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tc(8) and bpf(2) have put on links, as kernels write it into messages."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import traffic_control
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import Netlink, attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    EGRESS,
    FILTER,
    INGRESS,
    PROGRAM,
    QDISC,
    ROOT,
    TrafficControl,
)

GETQDISC, GETTFILTER = 38, 46
KIND, OPTIONS, CHAIN = 1, 2, 11
WHOLE, HANDLE = 0xFFFFFFFF, 0x80010000
AT_INGRESS, AT_EGRESS = 0xFFFFFFF2, 0xFFFFFFF3
IPV4, IPV6, ALL = 0x0800, 0x86DD, 3

# Kernel 6.18: clsact, tc filter add dev d0 ingress protocol ip u32 match ip dport 7777 0xffff action mirred egress
# redirect dev d1, and egress protocol ipv6 u32 match u32 0 0 action mirred egress mirror dev d1. Each is announced by
# a message without options, and has a hash table; statistics are as they were.
CLSACT = (
    "00000000030000000000fffff1ffffff010000000b000100636c7361637400000400020005000c0000000000300007001400010000000000"
    "0000000000000000000000001800030000000000000000000000000000000000000000002c00030000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000"
)
ANNOUNCED = "000000000300000000000000f2ffffff080000c0080001007533320008000b0000000000"
HASH_TABLE = "000000000300000000000080f2ffffff080000c0080001007533320008000b00000000000c0002000800040001000000"
REDIRECTING = (
    "000000000300000000080080f2ffffff080000c0080001007533320008000b0000000000e000020024000500010001000000000000000000"
    "000000000000ffff00001e611400000000000000080002000000008008000b0008000000a8000700a40001000b0001006d69727265640000"
    "4400040014000100000000000000000000000000000000001400070000000000000000000000000000000000180003000000000000000000"
    "00000000000000000000000008000a0000000000480002002000020001000000000000000400000001000000010000000100000002000000"
    "240001000500000000000000050000000000000000000000000000000000000000000000"
)
MIRRORING = (
    "000000000300000000081080f3ffffff86dd0300080001007533320008000b0000000000e000020024000500010001000000000000000000"
    "0000000000000000000000000000000000000000080002000000108008000b0008000000a8000700a40001000b0001006d69727265640000"
    "44000400140001005a0000000000000001000000000000001400070000000000000000000000000000000000180003000000000000000000"
    "00000000000000000000000008000a0000000000480002002000020002000000000000000300000001000000010000000200000002000000"
    "240001000500000000000000040000000000000000000000000000000400000000000000"
)


def qdisc(kind: str, index: int = 3, handle: int = 0, parent: int = WHOLE) -> bytes:
    return struct.pack("=BxxxiIII", 0, index, handle, parent, 2) + attribute(KIND, f"{kind}\0".encode())


def filter_of(kind: str, *options: bytes, protocol: int = ALL, chain: int = 0) -> bytes:
    info = 1 << 16 | int.from_bytes(protocol.to_bytes(2, "big"), "little")
    header = struct.pack("=BxxxiIII", 0, 3, 1, AT_INGRESS, info) + attribute(KIND, f"{kind}\0".encode())
    return header + attribute(CHAIN, struct.pack("=I", chain)) + attribute(OPTIONS, b"".join(options))


def action(kind: str, options: bytes, place: int = 1) -> bytes:
    return attribute(place, attribute(1, f"{kind}\0".encode()) + attribute(2, options))


def gact(number: int, further: bytes = b"") -> bytes:
    return action("gact", attribute(2, struct.pack("=IIiII", 1, 0, number, 1, 1)) + further)


def mirred(what: int, then: int) -> bytes:
    return action("mirred", attribute(2, struct.pack("=IIiIIiI", 1, 0, then, 1, 1, what, 4)))


Answers = Callable[[int, int], list[bytes]]


def read(monkeypatch: pytest.MonkeyPatch, qdiscs: list[bytes], filters: Answers) -> list[TrafficControl]:
    def answer(dummy: Netlink, kind: int, body: bytes) -> Iterator[bytes]:
        dummy2, index, dummy3, parent, dummy4 = struct.unpack("=BxxxiIII", body)
        assert kind in (GETQDISC, GETTFILTER)
        yield from qdiscs if kind == GETQDISC else filters(index, parent)

    def nothing(links: set[int]) -> list[TrafficControl]:
        return []

    monkeypatch.setattr(Netlink, "messages", answer)
    monkeypatch.setattr(traffic_control, "programs_on", nothing)
    with Netlink(0) as route:
        return traffic_control.traffic_control_of(route)


def actions(monkeypatch: pytest.MonkeyPatch, message: bytes) -> list[list[str] | None]:
    """Of the one filter at ingress of a link."""
    found = read(monkeypatch, [qdisc("ingress")], lambda index, parent: [message])
    return [item.actions for item in found]


def test_what_the_kernel_gives_to_links_by_itself_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def filters(index: int, parent: int) -> list[bytes]:
        raise AssertionError("none of these takes filters")

    assert read(monkeypatch, [qdisc(kind) for kind in ("noqueue", "pfifo_fast", "mq", "fq")], filters) == []


def test_filters_are_asked_for_where_there_can_be_some(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def filters(index: int, parent: int) -> list[bytes]:
        asked.append((index, parent))
        return []

    qdiscs = [
        qdisc("clsact", 3),
        qdisc("ingress", 4),
        qdisc("fq_codel", 5),
        qdisc("sfq", 6, HANDLE, parent=0x10001),
        # One of many of a card; without a handle nobody can give it a filter.
        qdisc("fq_codel", 7, parent=1),
    ]
    assert read(monkeypatch, qdiscs, filters) == []
    assert asked == [(3, AT_INGRESS), (3, AT_EGRESS), (4, AT_INGRESS), (5, 0), (6, HANDLE)]


def test_filters_as_a_kernel_writes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = {AT_INGRESS: [ANNOUNCED, HASH_TABLE, REDIRECTING, REDIRECTING], AT_EGRESS: [MIRRORING]}

    def filters(index: int, parent: int) -> list[bytes]:
        return [bytes.fromhex(text) for text in recorded[parent]]

    assert read(monkeypatch, [bytes.fromhex(CLSACT)], filters) == [
        TrafficControl(3, INGRESS, FILTER, "u32", IPV4),
        TrafficControl(3, INGRESS, FILTER, "u32", IPV4, ["mirred"]),
        TrafficControl(3, EGRESS, FILTER, "u32", IPV6, ["mirror"]),
    ]


def test_filters_of_what_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    message = filter_of("matchall", attribute(2, gact(2)), protocol=IPV6)
    found = read(monkeypatch, [qdisc("fq_codel")], lambda index, parent: [message])
    assert found == [TrafficControl(3, ROOT, FILTER, "matchall", IPV6, ["drop"])]


@pytest.mark.parametrize(("kind", "place"), [("u32", 7), ("flower", 3), ("matchall", 2)])
@pytest.mark.parametrize(
    ("done", "words"),
    [
        (gact(0), "pass"),
        (gact(-1), "continue"),
        (gact(2), "drop"),
        (gact(1), "gact"),
        (gact(0x20000001), "gact"),
        (gact(0, attribute(3, bytes(8))), "gact"),
        (mirred(1, 4), "mirred"),
        (mirred(2, 3), "mirror"),
        (mirred(2, 0), "mirror"),
        (mirred(2, 2), "mirred"),
        (mirred(4, 3), "mirred"),
        (action("police", b""), "police"),
        (action("gact", attribute(2, b"")), "gact"),
    ],
)
def test_actions(monkeypatch: pytest.MonkeyPatch, kind: str, place: int, done: bytes, words: str) -> None:
    """pass, continue, drop, reclassify, goto chain, by chance; redirect, mirror, and mirror with another end."""
    assert actions(monkeypatch, filter_of(kind, attribute(place, done))) == [[words]]


def test_several_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    several = gact(-1) + action("police", b"", 2)
    assert actions(monkeypatch, filter_of("flower", attribute(3, several))) == [["continue", "police"]]


def test_actions_that_cannot_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert actions(monkeypatch, filter_of("bpf")) == [None]
    assert actions(monkeypatch, filter_of("u32", attribute(6, b""))) == [["police"]]


def test_what_only_other_filters_lead_to_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert actions(monkeypatch, filter_of("flower", attribute(3, gact(2)), chain=5)) == []


@pytest.mark.parametrize("kind", ["netem", "tbf", "htb", "pfifo", "prio"])
def test_what_queues_in_its_own_way(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    several = [qdisc(kind), qdisc(kind, handle=HANDLE, parent=0x10001)]
    assert read(monkeypatch, several, lambda index, parent: []) == [TrafficControl(3, EGRESS, QDISC, kind)]


def test_a_kernel_without_traffic_control(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(number: int) -> Callable[[Netlink, int, bytes], Iterator[bytes]]:
        def answer(dummy: Netlink, kind: int, body: bytes) -> Iterator[bytes]:
            raise OSError(number, os.strerror(number))

        return answer

    monkeypatch.setattr(traffic_control, "programs_on", list)
    with Netlink(0) as route:
        monkeypatch.setattr(Netlink, "messages", refuse(errno.EOPNOTSUPP))
        assert traffic_control.traffic_control_of(route) == []
        monkeypatch.setattr(Netlink, "messages", refuse(errno.EIO))
        with pytest.raises(OSError, match="Input/output"):
            traffic_control.traffic_control_of(route)


class Kernel:
    """Stands in for libc, and answers bpf(2) with the number of programs by link and direction."""

    def __init__(self, programs: dict[tuple[int, int], int], refuse: int = 0) -> None:
        self.programs, self.refuse = programs, refuse

    def syscall(self, number: int, command: int, query: ctypes.Array[ctypes.c_char], size: int) -> int:
        assert (command, size) == (16, len(query))
        index, attached = struct.unpack_from("=II", query.raw)
        found = self.refuse or (0 if (index, attached) in self.programs else errno.ENODEV)
        if found:
            ctypes.set_errno(found)
            return -1
        struct.pack_into("=I", query, 24, self.programs[index, attached])
        return 0


def programs(monkeypatch: pytest.MonkeyPatch, kernel: Kernel) -> list[TrafficControl]:
    monkeypatch.setattr(traffic_control, "libc", lambda: kernel)
    return traffic_control.programs_on([1, 2, 3, 9])


def test_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the link 9 nobody knows any more."""
    places = dict.fromkeys([(index, attached) for index in (1, 2, 3) for attached in (46, 47)], 0)
    assert programs(monkeypatch, Kernel(places)) == []
    found = programs(monkeypatch, Kernel({**places, (2, 46): 1, (3, 47): 2}))
    assert found == [TrafficControl(2, INGRESS, PROGRAM, "tcx"), TrafficControl(3, EGRESS, PROGRAM, "tcx")]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS])
def test_kernels_without_such_programs(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    assert programs(monkeypatch, Kernel({}, number)) == []


def test_programs_that_may_not_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container with users of its own nobody can have attached one; elsewhere somebody can."""
    monkeypatch.setattr(traffic_control, "_is_contained", lambda: True)
    assert programs(monkeypatch, Kernel({}, errno.EPERM)) == []
    monkeypatch.setattr(traffic_control, "_is_contained", lambda: False)
    with pytest.raises(PermissionError, match=r"bpf\(2\)"):
        programs(monkeypatch, Kernel({}, errno.EPERM))


def test_machines_whose_calls_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    names = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*names[:4], "pdp11")))
    with pytest.raises(OSError, match="pdp11"):
        traffic_control.programs_on([1])
