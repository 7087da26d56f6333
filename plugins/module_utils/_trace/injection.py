# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts a packet into the stack as if it had been received by a device of the host (linux/bpf.h).

A program for XDP that passes all frames is run for one frame, with BPF_F_TEST_XDP_LIVE_FRAMES (Linux 5.18): the kernel
then does with it what it does with received ones. The program is attached nowhere, and goes with its descriptor.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.internet_protocol import checksum, family_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import libc
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.events import with_port
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.identity import (
    ECHO,
    Identity,
    protocol_number,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.probes import new_token

_BPF = {"x86_64": 321, "aarch64": 280, "armv7l": 386, "i686": 357, "ppc64le": 361, "s390x": 351, "riscv64": 280}
_PROG_LOAD, _PROG_TEST_RUN = 5, 10
_XDP, _XDP_PASS, _LIVE_FRAMES = 6, 2, 2
_ATTRIBUTES = 128
_GET_HARDWARE_ADDRESS = 0x8927
_NOT_KNOWN = bytes.fromhex("020000000001")
"""Source of a frame where the neighbour is not known: an address that no maker of devices has."""
_SYN, _RST = 0x02, 0x04
_TTL = 61
# Ports that kernels choose for their own.
_PORTS = (32768, 60999)


class CannotInjectError(Exception):
    """The kernel cannot, or may not, take frames from us; the message says why."""


class InjectedProbe:
    """One that arrives at the host by a device."""

    def __init__(self, device: str, protocol: str, destination: str, port: int, source: str) -> None:
        """Load the program; nothing is sent. Raises CannotInjectError, and OSError where there is no such device."""
        self.identity = Identity(6 if ":" in destination else 4, protocol, new_token(protocol))
        self._index = socket.if_nametoindex(device)
        self._link = _hardware_address(device) + (_neighbour(device, source) or _NOT_KNOWN)
        self._ends = (source, destination)
        low, high = _PORTS
        self.address = source
        """The source address."""
        self.port = low + int.from_bytes(os.urandom(4), "big") % (high - low)
        """The source port; of an echo request its identifier."""
        self._to = port
        self._program = os.fdopen(_load(), "rb", 0)

    @property
    def source(self) -> str:
        """Address and port, as of a PathStep."""
        return with_port(self.address, None if self.identity.protocol == "icmp" else self.port)

    def send(self) -> None:
        """Have the kernel receive it. Raises CannotInjectError."""
        self._receive(self._transport(_SYN, self.identity.token))

    def reset(self) -> None:
        """Have the kernel receive a reset of the connection that the probe began. Raises CannotInjectError."""
        following = (int.from_bytes(self.identity.token, "big") + 1) & 0xFFFFFFFF
        self._receive(self._transport(_RST, struct.pack(">I", following)))

    def close(self) -> None:
        """Give the program back, if it is not."""
        self._program.close()

    def _transport(self, flags: int, sequence: bytes) -> bytes:
        protocol = self.identity.protocol
        if protocol == "tcp":
            ports = struct.pack(">HH", self.port, self._to)
            # Of a SYN the largest segment, as all have it.
            options = struct.pack(">BBH", 2, 4, 1440) if flags & _SYN else b""
            rest = struct.pack(">BBHHH", (20 + len(options)) << 2, flags, 64240 if options else 0, 0, 0) + options
            return self._with_checksum(ports + sequence + bytes(4) + rest, 16)
        if protocol == "udp":
            length = 8 + len(self.identity.token)
            return self._with_checksum(struct.pack(">HHHH", self.port, self._to, length, 0) + self.identity.token, 6)
        kind = ECHO[self.identity.version][0]
        return self._with_checksum(struct.pack(">BBHHH", kind, 0, 0, self.port, 1) + self.identity.token, 2)

    def _with_checksum(self, content: bytes, at: int) -> bytes:
        number = protocol_number(self.identity.protocol, self.identity.version)
        addresses = b"".join(socket.inet_pton(family_of(end), end) for end in self._ends)
        if self.identity.version == 6:
            pseudo = addresses + struct.pack(">II", len(content), number)
        elif number == socket.IPPROTO_ICMP:
            pseudo = b""
        else:
            pseudo = addresses + struct.pack(">HH", number, len(content))
        # 0 would say that a datagram has none.
        return content[:at] + struct.pack(">H", checksum(pseudo + content) or 0xFFFF) + content[at + 2 :]

    def _receive(self, transport: bytes) -> None:
        addresses = [socket.inet_pton(family_of(end), end) for end in self._ends]
        number = protocol_number(self.identity.protocol, self.identity.version)
        if self.identity.version == 4:
            identifier = int.from_bytes(os.urandom(2), "big")
            head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(transport), identifier, 0x4000, _TTL, number, 0)
            head += b"".join(addresses)
            head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
            kind = b"\x08\x00"
        else:
            head = struct.pack(">IHBB", 6 << 28, len(transport), number, _TTL) + b"".join(addresses)
            kind = b"\x86\xdd"
        _run(self._program.fileno(), self._index, self._link + kind + head + transport)


def _load() -> int:
    """The descriptor of a program of two instructions: r0 = XDP_PASS; exit."""
    code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, _XDP_PASS, 0x95, 0, 0, 0), 16)
    terms = ctypes.create_string_buffer(b"GPL")
    try:
        return _bpf(_PROG_LOAD, struct.pack("=IIQQ", _XDP, 2, ctypes.addressof(code), ctypes.addressof(terms)))
    except OSError as error:
        raise CannotInjectError(f"the kernel loads no program for XDP ({error.strerror})") from error


def _run(program: int, device: int, frame: bytes) -> None:
    data = ctypes.create_string_buffer(frame, len(frame))
    # struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex
    context = ctypes.create_string_buffer(struct.pack("=IIIIII", 0, len(frame), 0, device, 0, 0), 24)
    given = struct.pack(
        "=IIIIQQIIIIQQIII4x",
        *(program, 0, len(frame), 0, ctypes.addressof(data), 0),
        *(1, 0, len(context), 0, ctypes.addressof(context), 0, _LIVE_FRAMES, 0, 0),
    )
    try:
        _bpf(_PROG_TEST_RUN, given)
    except OSError as error:
        why = "Linux can from 5.18 on" if error.errno in (errno.EINVAL, errno.EOPNOTSUPP, 524) else error.strerror
        raise CannotInjectError(f"the kernel takes no frames from a program ({why})") from error


def _bpf(command: int, attributes: bytes) -> int:
    number = _BPF.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, f"bpf(2) of {os.uname().machine} is not known here")
    given = ctypes.create_string_buffer(attributes, _ATTRIBUTES)
    found = int(libc().syscall(number, command, given, _ATTRIBUTES))
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def _hardware_address(device: str) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        return fcntl.ioctl(asking.fileno(), _GET_HARDWARE_ADDRESS, struct.pack("=16s24x", device.encode()))[18:24]


# Their columns: Iface Destination Gateway Flags ...; and IP address, HW type, Flags, HW address, Mask, Device.
_ROUTES, _NEIGHBOURS = "/proc/net/route", "/proc/net/arp"


def _neighbour(device: str, source: str) -> Optional[bytes]:
    """The hardware address that packets from a source come from: its own, or that of the device's gateway.

    Of IPv4 alone, and of those that the kernel knows; rules rarely ask for one.
    """
    try:
        with open(_NEIGHBOURS, encoding="ascii", errors="replace") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        with open(_ROUTES, encoding="ascii", errors="replace") as file:
            routes = [line.split() for line in file.readlines()[1:]]
    except OSError:
        return None
    known = {row[0]: row[3] for row in rows if len(row) == 6 and row[5] == device and row[2] != "0x0"}
    gateways = [route[2] for route in routes if len(route) > 2 and route[0] == device and route[1] == "00000000"]
    candidates = [source, *(socket.inet_ntoa(struct.pack("=I", int(gateway, 16))) for gateway in gateways)]
    found = next((known[name] for name in candidates if name in known), "")
    try:
        address = bytes.fromhex(found.replace(":", ""))
    except ValueError:
        return None
    return address if len(address) == 6 else None
