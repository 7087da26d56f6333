# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sockets that wait for somebody, as sock_diag(7) lists them, and who holds them.

The kernel may load tcp_diag and udp_diag for the question, as it does for ss(8); there is nothing else that says which
IPv6 sockets take IPv4 as well. It needs no privilege, but to name the owners.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Callable, NamedTuple, Optional, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    SOCK_DIAG,
    Allowance,
    Netlink,
    address,
    attributes,
    flag,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import ERROR, UnreadableError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener

# linux/sock_diag.h, linux/inet_diag.h
_SOCK_DIAG_BY_FAMILY = 20
_INET_DIAG_SKV6ONLY = 11
# net/tcp_states.h: a UDP socket that is not connected is in state CLOSE.
_WAITING = {socket.IPPROTO_TCP: 10, socket.IPPROTO_UDP: 7}
# Of processes in other namespaces.
_MOST_OPEN_FILES = 200_000
_NAMES = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}

# struct inet_diag_req_v2: family, protocol, extensions, states and an empty struct inet_diag_sockid.
_OF_DOCKER = ("dockerd", "docker-proxy")

_REQUEST = struct.Struct("=BBBxI48x")
# struct inet_diag_msg: family, state; of inet_diag_sockid the port, the address and the device; the inode.
_ANSWER = struct.Struct("=BBxx2s2x16s16xI8x16xI")


# What an IPv4 address is written behind as one of IPv6 (RFC 4291, section 2.5.5.2).
_MAPPED = bytes(10) + b"\xff\xff"


class _Socket(NamedTuple):
    inode: int
    listener: Listener


def read_listeners(
    links: Mapping[int, str], processes: Callable[[], list[procfs.Process]] = procfs.processes
) -> list[Listener]:
    """Return the listeners of the host's namespace with their owners, as far as those can be seen.

    links has the names of the namespace's links by index; processes lists those to look for owners among. Raises
    UnreadableError when the kernel refuses.
    """
    try:
        found = _sockets(links)
    except OSError as error:
        raise UnreadableError(ERROR, f"the kernel did not list the listening sockets: {error}") from error
    # Listed behind the sockets: a docker-proxy that has just been given one is among them.
    owners = _owners({item.inode for item in found}, processes())
    names = {pid: _name(pid) for pid in set(owners.values())}
    return [_with_owner(item, owners, names) for item in found]


def listening_at(protocol: str, port: int) -> set[int]:
    """Inode numbers of the sockets that wait at a port in the namespace of this thread. Raises OSError."""
    return {item.inode for item in _sockets({}) if (item.listener.protocol, item.listener.port) == (protocol, port)}


def listeners_of(links: Mapping[int, str], allowance: Allowance) -> list[Listener]:
    """Return the listeners of the namespace of this thread, without their owners. Raises OSError."""
    return [item.listener for item in _sockets(links, allowance)]


def _sockets(links: Mapping[int, str], allowance: Optional[Allowance] = None) -> list[_Socket]:
    found = []
    with Netlink(SOCK_DIAG, allowance) as netlink:
        for protocol, state in _WAITING.items():
            for family in (socket.AF_INET, socket.AF_INET6):
                request = _REQUEST.pack(family, protocol, 0, 1 << state)
                found += [
                    _parse(message, _NAMES[protocol], links) for message in netlink.dump(_SOCK_DIAG_BY_FAMILY, request)
                ]
    return found


def _parse(message: bytes, protocol: str, links: Mapping[int, str]) -> _Socket:
    family, dummy, port, bound, device, inode = _ANSWER.unpack_from(message)
    only_ipv6 = flag(attributes(message, _ANSWER.size).get(_INET_DIAG_SKV6ONLY))
    listener = Listener(
        protocol=protocol,
        address=_address(family, bound),
        port=int.from_bytes(port, "big"),
        only_ipv6=bool(only_ipv6),
        device=links.get(device, f"if{device}") if device else "",
    )
    return _Socket(inode, listener)


def _address(family: int, bound: bytes) -> str:
    """The IPv4 address alone of ``::ffff:192.0.2.1``: a socket bound to it takes no IPv6 (ipv6(7))."""
    if family != socket.AF_INET6:
        return address(bound[:4])
    return address(bound[len(_MAPPED) :] if bound.startswith(_MAPPED) else bound)


def _owners(inodes: set[int], processes: list[procfs.Process]) -> dict[int, int]:
    """Process id by inode number of the sockets that processes we may look into hold.

    A socket that was handed down (by systemd to a service, by dockerd to docker-proxy) is held by the giver, too; who
    accepts is the youngest. Those in other namespaces come last, and only so many of their open files are looked at:
    whoever runs there can open a million.
    """
    owners: dict[int, int] = {}
    own = _namespace("self")
    left = _MOST_OPEN_FILES
    by_age = sorted(processes, key=lambda item: item.start_ticks, reverse=True)
    here = [item for item in by_age if _namespace(item.pid) == own]
    for process in here:
        if len(owners) == len(inodes):
            break
        _look_into(process, procfs.open_files(process.pid), inodes, owners)
    known = {item.pid for item in here}
    for process in (item for item in by_age if item.pid not in known):
        if len(owners) == len(inodes) or left <= 0:
            break
        left -= _look_into(process, islice(procfs.open_files(process.pid), left), inodes, owners)
    return owners


def _look_into(
    process: procfs.Process, files: Iterable[Optional[int]], inodes: set[int], owners: dict[int, int]
) -> int:
    """Note which of the sockets a process holds, unless a younger one does; return how many files were looked at."""
    count = 0
    for inode in files:
        count += 1
        if inode in inodes:
            owners.setdefault(inode, process.pid)
    return count


def _namespace(pid: Union[int, str]) -> Optional[int]:
    try:
        return procfs.namespace(pid, "net")
    except PermissionError:
        return None


def _name(pid: int) -> str:
    """Name of a process's program. A stranger's by one of Docker's names, which mean something here, says whose it is.

    Nor is one in a container, be it of root, this host's dockerd or a helper of it.
    """
    program = procfs.program(pid)
    process = None if program else procfs.read_process(pid)
    name = os.path.basename(program) if program else process.name if process else ""
    if name not in _OF_DOCKER:
        return name
    if procfs.is_nested(pid):
        return f"{name} in a container"
    uid = procfs.uid(pid)
    return f"{name} of user {uid}" if uid else name


def _with_owner(found: _Socket, owners: Mapping[int, int], names: Mapping[int, str]) -> Listener:
    pid = owners.get(found.inode)
    return found.listener if pid is None else replace(found.listener, owner=names[pid], pid=pid)
