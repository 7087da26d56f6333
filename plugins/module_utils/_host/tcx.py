# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Programs that sit at links without a filter of tc(8) (tcx, kernel 6.6 and later): netlink does not show them.

They are asked for by bpf(2), link by link, which takes 5 µs for both directions of one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from functools import partial
from typing import Callable, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.traffic_control import (
    EGRESS,
    INGRESS,
    PROGRAM,
    TrafficControl,
)

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
    ask = partial(ctypes.CDLL(None, use_errno=True).syscall, _NUMBERS[machine], _BPF_PROG_QUERY)
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
