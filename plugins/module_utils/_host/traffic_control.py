# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tc(8) and tcx have put on the links of a namespace.

tcx (kernel 6.6 and later) holds programs that sit at links without a filter of tc(8): netlink does not show them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Callable, NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    Netlink,
    attributes,
    each_attribute,
    libc,
    listed,
    text,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    CONTINUE,
    DROP,
    EGRESS,
    FILTER,
    INGRESS,
    MIRROR,
    PASS,
    PROGRAM,
    QDISC,
    ROOT,
    TrafficControl,
)

# linux/rtnetlink.h
_RTM_GETQDISC = 38
_RTM_GETTFILTER = 46
_TCA_KIND = 1
_TCA_OPTIONS = 2
_TCA_CHAIN = 11

# linux/pkt_sched.h
_TC_H_ROOT = 0xFFFFFFFF
_INGRESS = (INGRESS, 0xFFFFFFF2)
_EGRESS = (EGRESS, 0xFFFFFFF3)
# To be asked for filters of egress, that of ingress alone shows its own (ingress_tcf_block()).
_FOR_FILTERS = {b"clsact": (_INGRESS, _EGRESS), b"ingress": (_INGRESS,)}
# What the kernel gives to links by itself (net/sched/sch_generic.c), by net.core.default_qdisc, too. Most of these take
# no filters.
_ORDINARY = (b"noqueue", b"pfifo_fast", b"mq", b"fq", b"codel", b"pie")
_ORDINARY_WITH_FILTERS = (b"fq_codel", b"fq_pie", b"sfq", b"cake")

# Where each kind of filter has its actions (linux/pkt_cls.h, TCA_U32_ACT and so on).
_ACTIONS = {"u32": 7, "flower": 3, "matchall": 2}
_TCA_U32_POLICE = 6
_TCA_ACT_KIND = 1
_TCA_ACT_OPTIONS = 2
# linux/tc_act/tc_gact.h, tc_mirred.h: in both the number of what comes next is the third of a struct.
_PARAMETERS = 2
_GACT_PROBABILITY = 3
_NEXT = {-1: CONTINUE, 0: PASS, 2: DROP}
_TC_ACT_PIPE = 3
_TCA_EGRESS_MIRROR = 2

# struct tcmsg: family, index, handle, parent, and for filters preference and protocol in one.
_MESSAGE = struct.Struct("=BxxxiIII")
_ATTRIBUTE_HEADER = 4
_GENERAL = struct.Struct("=IIiII")
_MIRRED = struct.Struct("=IIiIIiI")


class _Qdisc(NamedTuple):
    interface: int
    handle: int
    parent: int
    kind: bytes


def read_traffic_control() -> list[TrafficControl]:
    """Return what is on the links of the host's own namespace. Raises UnreadableError when the kernel refuses."""
    return listed("queueing disciplines and filters", traffic_control_of)


def traffic_control_of(route: Netlink) -> list[TrafficControl]:
    """Return what is on the links of the namespace that a route netlink socket belongs to.

    The kernel's own queueing disciplines are left out, and of filters that differ only in what they match all but one.
    Raises OSError.
    """
    found: dict[str, TrafficControl] = {}
    qdiscs = _qdiscs(route)
    for qdisc in qdiscs:
        if qdisc.kind in _ORDINARY:
            continue
        if qdisc.kind in _FOR_FILTERS:
            for direction, parent in _FOR_FILTERS[qdisc.kind]:
                _add(found, _filters(route, qdisc.interface, direction, parent))
        elif qdisc.kind not in _ORDINARY_WITH_FILTERS:
            _add(found, [TrafficControl(qdisc.interface, EGRESS, QDISC, text(qdisc.kind))])
        elif qdisc.handle or qdisc.parent == _TC_H_ROOT:
            _add(found, _filters(route, qdisc.interface, ROOT, qdisc.handle))
    # All links that are up have a queueing discipline.
    return [*found.values(), *programs_on({qdisc.interface for qdisc in qdiscs})]


def _add(found: dict[str, TrafficControl], entries: Iterable[TrafficControl]) -> None:
    for entry in entries:
        found.setdefault(str(entry), entry)


def _qdiscs(route: Netlink) -> list[_Qdisc]:
    found = []
    try:
        for message in route.messages(_RTM_GETQDISC, _MESSAGE.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
            dummy, index, handle, parent, dummy2 = _MESSAGE.unpack_from(message)
            # The kernel writes the kind first (tc_fill_qdisc()), which spares to look for it.
            begin = _MESSAGE.size + _ATTRIBUTE_HEADER
            found.append(_Qdisc(index, handle, parent, message[begin : message.index(0, begin)]))
    except OSError as error:
        # A kernel without traffic control (CONFIG_NET_SCHED) knows no such question.
        if error.errno != errno.EOPNOTSUPP:
            raise
    return found


def _filters(route: Netlink, index: int, direction: str, parent: int) -> Iterator[TrafficControl]:
    """The filters at a place of a link that frames come to first; others are for what these filters send there."""
    for message in route.messages(_RTM_GETTFILTER, _MESSAGE.pack(socket.AF_UNSPEC, index, 0, parent, 0)):
        found = attributes(message, _MESSAGE.size)
        options = found.get(_TCA_OPTIONS)
        # A message without options only says that there are filters of that preference.
        if options is None or any(found.get(_TCA_CHAIN, b"")):
            continue
        kind = text(found.get(_TCA_KIND))
        # Of the preference and the protocol in one number the protocol is the lower half, as on the wire.
        protocol = socket.ntohs(_MESSAGE.unpack_from(message)[4] & 0xFFFF)
        yield TrafficControl(index, direction, FILTER, kind, protocol, _actions(kind, attributes(options)))


def _actions(kind: str, options: dict[int, bytes]) -> Optional[list[str]]:
    if kind not in _ACTIONS:
        return None
    if kind == "u32" and _TCA_U32_POLICE in options:
        return ["police"]
    return [_action(attributes(action)) for dummy, action in each_attribute(options.get(_ACTIONS[kind], b""))]


def _action(action: dict[int, bytes]) -> str:
    kind = text(action.get(_TCA_ACT_KIND))
    options = attributes(action.get(_TCA_ACT_OPTIONS, b""))
    parameters = options.get(_PARAMETERS, b"")
    if kind == "gact" and len(parameters) >= _GENERAL.size and _GACT_PROBABILITY not in options:
        return _NEXT.get(_GENERAL.unpack_from(parameters)[2], kind)
    if kind == "mirred" and len(parameters) >= _MIRRED.size:
        dummy, dummy2, then, dummy3, dummy4, what, dummy5 = _MIRRED.unpack_from(parameters)
        if what == _TCA_EGRESS_MIRROR and (then == _TC_ACT_PIPE or _NEXT.get(then) in (PASS, CONTINUE)):
            return MIRROR
    return kind


# Number of bpf(2) by machine and bytes of a pointer (asm/unistd.h); 280 is that of all that joined Linux late.
_NUMBERS = {
    ("x86_64", 8): 321,
    ("aarch64", 8): 280,
    ("riscv64", 8): 280,
    ("loongarch64", 8): 280,
    ("ppc64le", 8): 361,
    ("s390x", 8): 351,
    # Also programs of 32 bits on kernels of 64.
    ("x86_64", 4): 357,
    ("i686", 4): 357,
    ("aarch64", 4): 386,
    ("armv8l", 4): 386,
    ("armv7l", 4): 386,
    ("armv6l", 4): 386,
}
# linux/bpf.h
_BPF_PROG_QUERY = 16
_ATTACHED = {INGRESS: 46, EGRESS: 47}
# Link, how it is attached, two sets of flags, where to write the programs' numbers, how many.
_QUERY = struct.Struct("=IIIIQI36x")
# What kernels say that know neither the call nor tcx.
_WITHOUT = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_LOOPBACK_IFINDEX = 1
_ALL_USERS = "0 0 4294967295"


def programs_on(links: Iterable[int]) -> list[TrafficControl]:
    """Return the programs at links of the thread's namespace, one for each direction that has any.

    links: their indices. Raises OSError when the kernel refuses.
    """
    machine = (os.uname().machine, struct.calcsize("P"))
    if machine not in _NUMBERS:
        raise OSError(errno.ENOSYS, f"it is not known how to ask for programs on {machine[0]}")
    ask = partial(libc().syscall, _NUMBERS[machine], _BPF_PROG_QUERY)
    if _count(ask, _LOOPBACK_IFINDEX, INGRESS) is None:
        return []
    return [
        TrafficControl(index, direction, PROGRAM, "tcx")
        for index in links
        for direction in _ATTACHED
        if _count(ask, index, direction)
    ]


def _count(ask: Callable[[ctypes.Array[ctypes.c_char], int], int], index: int, direction: str) -> Optional[int]:
    """How many there are; None where there can be none."""
    query = ctypes.create_string_buffer(_QUERY.pack(index, _ATTACHED[direction], 0, 0, 0, 0), _QUERY.size)
    if ask(query, _QUERY.size) == 0:
        return int(_QUERY.unpack(query.raw)[-1])
    found = ctypes.get_errno()
    # A link can be gone by now.
    if found in _WITHOUT or found == errno.ENODEV or (found == errno.EPERM and _is_contained()):
        return None
    raise OSError(found, f"bpf(2): {os.strerror(found)}")


def _is_contained() -> bool:
    """Whether this is a container with users of its own, of whom none may attach programs (bpf_prog_attach())."""
    with open("/proc/self/uid_map", encoding="ascii") as lines:
        return " ".join(lines.read().split()) != _ALL_USERS
