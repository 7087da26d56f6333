# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attaches a program of two instructions to a link, to run with a Python of its own: xdp or tcx, link, on or off.

As XDP it drops all frames; as tcx (kernel 6.6 and later) it drops what comes in.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys

# linux/bpf.h, linux/if_link.h, linux/rtnetlink.h
BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
PROG_LOAD, PROG_ATTACH, PROG_DETACH = 5, 8, 9
XDP_DROP, TC_ACT_SHOT = 1, 2
TCX_INGRESS = 46
RTM_SETLINK, REQUEST_AND_ACK = 19, 5
IFLA_XDP, IFLA_XDP_FD, IFLA_XDP_FLAGS, SKB_MODE = 0x802B, 1, 3, 2
LENGTH = 128


def bpf(command: int, attributes: bytes) -> int:
    """Raises OSError."""
    given = ctypes.create_string_buffer(attributes, LENGTH)
    found = int(ctypes.CDLL(None, use_errno=True).syscall(BPF, command, given, LENGTH))
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def load(kind: int, verdict: int) -> int:
    """r0 = verdict; exit."""
    code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, verdict, 0x95, 0, 0, 0), 16)
    terms = ctypes.create_string_buffer(b"GPL")
    return bpf(PROG_LOAD, struct.pack("=IIQQ", kind, 2, ctypes.addressof(code), ctypes.addressof(terms)))


def xdp(link: int, *, on: bool) -> None:
    """By rtnetlink, so that it stays when this process ends."""
    program = load(6, XDP_DROP) if on else -1
    nest = struct.pack("=HHiHHI", 8, IFLA_XDP_FD, program, 8, IFLA_XDP_FLAGS, SKB_MODE)
    body = struct.pack("=BxHiIIHH", 0, 0, link, 0, 0, 4 + len(nest), IFLA_XDP) + nest
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route:
        route.send(struct.pack("=IHHII", 16 + len(body), RTM_SETLINK, REQUEST_AND_ACK, 1, 0) + body)
        (status,) = struct.unpack_from("=i", route.recv(1 << 16), 16)
    if status:
        raise OSError(-status, os.strerror(-status))


def tcx(link: int, *, on: bool) -> None:
    if on:
        bpf(PROG_ATTACH, struct.pack("=III", link, load(3, TC_ACT_SHOT), TCX_INGRESS))
    else:
        # Without a program it is the last one that goes.
        bpf(PROG_DETACH, struct.pack("=III", link, 0, TCX_INGRESS))


if __name__ == "__main__":
    {"xdp": xdp, "tcx": tcx}[sys.argv[1]](socket.if_nametoindex(sys.argv[2]), on=sys.argv[3] == "on")
