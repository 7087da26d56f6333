# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions to the kernel by netlink(7), with nothing but the standard library.

pyroute2 takes ten times as long, and lacks IFLA_BRPORT_ISOLATED in Debian 11. What changes links is pyroute2's.

And which network namespace a container is in, its id for the host (rtnetlink(7), RTM_GETNSID), and how to ask the
kernel inside (setns(2)).
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import errno
import functools
import os
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Callable, Optional, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import (
    ERROR,
    UnreadableError,
    from_os_error,
)

T = TypeVar("T")

# linux/netlink.h
ROUTE = 0
SOCK_DIAG = 4
XFRM = 6
NETFILTER = 12

_NLM_F_REQUEST = 0x1
_NLM_F_ACK = 0x4
_NLM_F_DUMP = 0x300
_NLM_F_DUMP_INTR = 0x10
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
# The two bits above the number say that a value is a nest, or in network byte order.
_TYPE_MASK = 0x3FFF
# As an enumeration it would cost more than all else in _receive().
_MSG_TRUNC = int(socket.MSG_TRUNC)

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_STATUS = struct.Struct("=i")

# Bytes. The kernel fills at most 32 KiB at a time, unless a single message is larger (net/netlink/af_netlink.c,
# netlink_dump).
_RECEIVED = 1 << 17
_OF_THREAD = threading.local()
# A list that changes while it is read is asked for again.
_ATTEMPTS = 10

# Bytes of one list that is kept: some 600,000 routes.
_KEPT = 1 << 26

TIME_LIMIT = 5.0
# struct timeval
_TIME = struct.Struct("@ll")
"""Seconds to wait for an answer of the kernel."""


# What comes of a message that ends too early, lacks an attribute, or has one of another length.
_NOT_UNDERSTOOD = (struct.error, LookupError, ValueError)


def not_understood(error: BaseException) -> OSError:
    """The OSError that says that a message of the kernel is not as it should be."""
    return OSError(errno.EBADMSG, f"a message of the kernel is malformed: {error!r}")


@contextlib.contextmanager
def understood() -> Iterator[None]:
    """For a body that takes messages apart. Raises OSError where they are not as they should be."""
    try:
        yield
    except _NOT_UNDERSTOOD as error:
        raise not_understood(error) from error


class Allowance:
    """How many bytes may be taken in of what strangers put into the kernel's lists.

    Each has a part of its own, and beyond that draws on what is common to all.
    """

    def __init__(self, own: int, most: int, common: list[int]) -> None:
        """Take the own part, the most of all, and the rest of what is common as the one item of a list, in bytes."""
        self._own = own
        self._most = most
        self._common = common
        self._taken = 0

    def take(self, size: int) -> None:
        """Note that so many bytes were taken in. Raises OSError when they are too many."""
        before, self._taken = self._taken, self._taken + size
        self._common[0] -= max(0, self._taken - max(before, self._own))
        if self._taken > self._most:
            raise OSError(errno.E2BIG, f"there is more in it than the {self._most >> 20} MiB that are read of each")
        if self._taken > self._own and self._common[0] < 0:
            raise OSError(errno.E2BIG, "there is much in it, and in others, more than is read of all together")


class Netlink:
    """A netlink socket of the network namespace of the thread that makes it.

    Use it with ``with``: a body that does not understand what it received raises OSError.
    """

    def __init__(self, protocol: int, allowance: Optional[Allowance] = None) -> None:
        """Open it; allowance is for the namespace of somebody who is not to be trusted."""
        self._allowance = allowance
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        # The kernel keeps the time (socket(7)); Python would ask it for each message whether there is one.
        limit = _TIME.pack(*divmod(int(TIME_LIMIT * 1_000_000), 1_000_000))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._sequence = 0

    def __enter__(self) -> Netlink:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._socket.close()
        if isinstance(error, _NOT_UNDERSTOOD):
            raise not_understood(error) from error

    def ask(self, kind: int, body: bytes) -> bytes:
        """Return what follows the header of the kernel's answer to one request.

        Raises OSError with the kernel's number when it refuses, and TimeoutError when it does not answer.
        """
        self._send(kind, 0, body)
        while True:
            for answered, dummy, payload in self._receive():
                if answered == _NLMSG_ERROR:
                    _raise(payload)
                return payload

    def order(self, kind: int, body: bytes) -> None:
        """Have the kernel do something. Raises OSError as ask() does."""
        self._send(kind, _NLM_F_ACK, body)
        for dummy_answered, dummy, payload in self._receive():
            _raise(payload)

    def dump(self, kind: int, body: bytes) -> list[bytes]:
        """Return what follows the header of each message of a list.

        Raises OSError as ask() does, and with EAGAIN when the list changed at every attempt to read it.
        """
        for dummy in range(_ATTEMPTS):
            self._send(kind, _NLM_F_DUMP, body)
            found = self._collect()
            if found is not None:
                return found
        raise OSError(errno.EAGAIN, f"the list changed at each of {_ATTEMPTS} attempts to read it")

    def messages(self, kind: int, body: bytes) -> Iterator[bytes]:
        """Yield what follows the header of each message of a list as it comes: for long lists that may change.

        Raises OSError as ask() does.
        """
        self._send(kind, _NLM_F_DUMP, body)
        while True:
            for answered, dummy, payload in self._receive():
                if answered in (_NLMSG_ERROR, _NLMSG_DONE):
                    _raise(payload)
                    return
                yield payload

    def _collect(self) -> Optional[list[bytes]]:
        """All messages of a list, None when the kernel says that it changed meanwhile."""
        found: list[bytes] = []
        kept = 0
        interrupted = False
        while True:
            for kind, flags, payload in self._receive():
                interrupted = interrupted or bool(flags & _NLM_F_DUMP_INTR)
                if kind in (_NLMSG_ERROR, _NLMSG_DONE):
                    # A list can end in an error, too (net/netlink/af_netlink.c, netlink_dump_done).
                    _raise(payload)
                    return None if interrupted else found
                found.append(payload)
                kept += len(payload)
                if kept > _KEPT:
                    raise OSError(errno.E2BIG, f"the list has more than {_KEPT >> 20} MiB")

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._sequence += 1
        header = _HEADER.pack(_HEADER.size + len(body), kind, _NLM_F_REQUEST | flags, self._sequence, 0)
        self._socket.send(header + body)

    def _receive(self) -> list[tuple[int, int, bytes]]:
        """Type, flags and payload of the messages of one datagram that answer the last request."""
        buffer = _buffer()
        try:
            size, dummy, flags, dummy2 = self._socket.recvmsg_into([buffer])
        except BlockingIOError as error:
            raise TimeoutError(errno.ETIMEDOUT, f"the kernel did not answer within {TIME_LIMIT:g} s") from error
        if flags & _MSG_TRUNC:
            raise OSError(errno.EMSGSIZE, f"a message of the kernel has more than {_RECEIVED} bytes")
        if self._allowance is not None:
            self._allowance.take(size)
        return [
            (kind, flags, payload)
            for kind, flags, sequence, payload in messages_in(bytes(memoryview(buffer)[:size]))
            if sequence == self._sequence
        ]


def _buffer() -> bytearray:
    """One for each thread: to make one for each datagram, or each socket, takes longer than to read it."""
    found: bytearray = getattr(_OF_THREAD, "buffer", bytearray())
    if len(found) != _RECEIVED:
        found = _OF_THREAD.buffer = bytearray(_RECEIVED)
    return found


def messages_in(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Type, flags, sequence number and payload of the messages of one datagram."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, flags, sequence, dummy = _HEADER.unpack_from(data, at)
        yield kind, flags, sequence, data[at + _HEADER.size : at + length]
        at += max((length + 3) & ~3, _HEADER.size)


def listed(what: str, list_of: Callable[[Netlink], T]) -> T:
    """Return what rtnetlink(7) lists of the host's own namespace. Raises UnreadableError when the kernel refuses."""
    try:
        with Netlink(ROUTE) as route:
            return list_of(route)
    except PermissionError as error:
        raise from_os_error(error, what) from error
    except OSError as error:
        raise UnreadableError(ERROR, f"the kernel did not list the {what}: {error}") from error


def _raise(payload: bytes) -> None:
    """Raise the OSError that a message of type NLMSG_ERROR or NLMSG_DONE tells of, if it does."""
    if len(payload) >= _STATUS.size:
        (status,) = _STATUS.unpack_from(payload)
        if status < 0:
            raise OSError(-status, os.strerror(-status))


def attributes(data: bytes, start: int = 0) -> dict[int, bytes]:
    """Values by type of the attributes in data from start on (``struct nlattr``); a nest is for a call of its own."""
    found = {}
    end = len(data) - _ATTRIBUTE.size
    unpack = _ATTRIBUTE.unpack_from
    while start <= end:
        length, kind = unpack(data, start)
        found[kind & _TYPE_MASK] = data[start + 4 : start + length]
        # One without a length would never end.
        start += (length + 3) & ~3 or 4
    return found


def each_attribute(data: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Type and value of each attribute in data from start on, for nests in which a type comes more than once."""
    at = start
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        yield kind & _TYPE_MASK, data[at + _ATTRIBUTE.size : at + length]
        at += max((length + 3) & ~3, _ATTRIBUTE.size)


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def u32(value: Optional[bytes]) -> Optional[int]:
    """Number of four bytes in the machine's order; None where there is no attribute."""
    return None if value is None else int(struct.unpack_from("=I", value)[0])


def flag(value: Optional[bytes]) -> Optional[bool]:
    """Whether the one byte of an attribute is not 0; None where there is no attribute."""
    return None if value is None else value[0] != 0


def text(value: Optional[bytes]) -> str:
    """Text up to the NUL that ends it, empty where there is no attribute. Names can be any bytes, see run_command()."""
    return "" if value is None else value.partition(b"\0")[0].decode("utf-8", "replace")


def address(value: Optional[bytes]) -> str:
    """Address of four or sixteen bytes as text, empty where there is no attribute."""
    return "" if value is None else socket.inet_ntop(socket.AF_INET if len(value) == 4 else socket.AF_INET6, value)


def with_namespaces(containers: list[Container]) -> list[Container]:
    """Return the containers with inode number and id of their namespaces and with their bounding sets.

    To be called after links were listed. A container that ended meanwhile keeps None. Raises OSError where the kernel
    refuses (PermissionError without root).
    """
    with NamespaceIds() as ids:
        return [_with_namespace(container, ids) for container in containers]


def _with_namespace(container: Container, ids: NamespaceIds) -> Container:
    if container.pid is None:
        return container
    netns = procfs.namespace(container.pid, "net")
    return dataclasses.replace(
        container,
        netns=netns,
        nsid=None if netns is None else ids.of(container.pid),
        bounding=procfs.bounding_set(container.pid),
    )


_RTM_GETNSID = 90
_NETNSA_NSID = 1
_NETNSA_PID = 2
_NOT_ASSIGNED = -1

_ANY_FAMILY = struct.Struct("=Bxxx")


class NamespaceIds:
    """A route netlink socket that answers which id a process's network namespace has. Use it with ``with``."""

    def __init__(self) -> None:
        self._netlink = Netlink(ROUTE)

    def __enter__(self) -> NamespaceIds:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._netlink.__exit__(kind, error, trace)

    def of(self, pid: int) -> Optional[int]:
        """Return the id of the namespace of process pid; None when it has none (as our own) or the process is gone.

        The kernel gives ids out when links are listed: list them first. Raises TimeoutError when it does not answer.
        """
        body = _ANY_FAMILY.pack(socket.AF_UNSPEC) + attribute(_NETNSA_PID, struct.pack("=I", pid))
        try:
            answer = self._netlink.ask(_RTM_GETNSID, body)
        except TimeoutError:
            raise
        except OSError:
            return None
        with understood():
            (found,) = struct.unpack("=i", attributes(answer, _ANY_FAMILY.size)[_NETNSA_NSID])
        return None if found == _NOT_ASSIGNED else int(found)


_CLONE_NEWNET = 0x40000000


def read_in_namespaces(pids: Mapping[int, int], read: Callable[[int], T]) -> dict[int, T]:
    """Return by inode number of the namespaces what read, called in each with that number, returns.

    pids has a process for each inode number; one that has ended or moved meanwhile is left out. Raises OSError where
    the kernel refuses (PermissionError without CAP_SYS_ADMIN and CAP_SYS_PTRACE), and what read raises.
    """
    found: dict[int, T] = {}
    problems: list[BaseException] = []

    def travel() -> None:
        try:
            _visit(pids, read, found)
        except BaseException as error:  # noqa: BLE001 (raised again where it is waited for)
            problems.append(error)

    # The namespace is one of the thread, not of the process: a thread of its own that ends need not find its way back.
    traveller = threading.Thread(target=travel)
    traveller.start()
    traveller.join()
    for problem in problems:
        raise problem
    return found


def in_namespace(pid: int, call: Callable[[], T]) -> T:
    """Return what call returns in the network namespace of process pid.

    Raises OSError as read_in_namespaces() does, ProcessLookupError when the process is gone, and what call raises.
    """
    inode = procfs.namespace(pid, "net")
    found = {} if inode is None else read_in_namespaces({inode: pid}, lambda dummy: call())
    for result in found.values():
        return result
    raise ProcessLookupError(errno.ESRCH, f"process {pid} has ended")


def _visit(pids: Mapping[int, int], read: Callable[[int], T], found: dict[int, T]) -> None:
    for inode, pid in pids.items():
        try:
            descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, ProcessLookupError):
            continue
        try:
            # The process may be another one by now.
            if os.fstat(descriptor).st_ino != inode:
                continue
            _enter(descriptor)
        finally:
            os.close(descriptor)
        found[inode] = read(inode)


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library; what a function of it fails with is what ctypes.get_errno() says. To load it takes 0.1 ms."""
    return ctypes.CDLL(None, use_errno=True)


def _enter(descriptor: int) -> None:
    # os.setns() is there from Python 3.12 on.
    if libc().setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
