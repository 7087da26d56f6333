"""The kernel as readers meet it: netlink sockets, setns(2), bpf(2) and getsockopt(2), answered from what a case says.

Files are no part of it: a case has a root directory of its own, /proc and all. Only for processes that end with the
case: nothing is put back.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import attributes

from tests.hostile.netlink_answers import BY_FAMILY, GETNSID, Question

_HEADER = struct.Struct("=IHHII")
_DUMP = 0x300
_MULTI = 0x2
ERROR, DONE = 2, 3
# As much as the kernel puts into one datagram, unless one message is larger.
_DATAGRAM = 32 << 10
_DESCRIPTORS = "/proc/self/fd/"

Datagrams = list[Any]
"""Of bytes, and of exceptions that the next call raises."""


@dataclass
class Space:
    """A network namespace."""

    answers: dict[Question, list[bytes]] = field(default_factory=dict)
    """Messages of each list, without their headers."""
    spoilt: dict[Question, Callable[[Datagrams], Datagrams]] = field(default_factory=dict)
    """What becomes of the datagrams of an answer on their way."""
    nsids: dict[int, int] = field(default_factory=dict)
    """Ids of other namespaces by a process in them."""

    def add(self, question: Question, *messages: bytes) -> None:
        self.answers.setdefault(question, []).extend(messages)

    def spoil(self, question: Question, how: Callable[[Datagrams], Datagrams]) -> None:
        self.spoilt[question] = how


def message(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    """One message with its header, padded."""
    head = _HEADER.pack(_HEADER.size + len(payload), kind, flags, sequence, 0)
    return head + payload + bytes(-len(payload) % 4)


def datagrams_of(kind: int, sequence: int, payloads: Sequence[bytes]) -> Datagrams:
    """A list as the kernel sends it, and its end."""
    found: Datagrams = []
    part = b""
    for payload in payloads:
        item = message(kind, _MULTI, sequence, payload)
        if part and len(part) + len(item) > _DATAGRAM:
            found.append(part)
            part = b""
        part += item
    if part:
        found.append(part)
    found.append(message(DONE, _MULTI, sequence, bytes(4)))
    return found


class FakeKernel:
    """Answers for all namespaces; which one a thread is in follows from its calls of setns()."""

    def __init__(self, spaces: dict[int, Space], own: int) -> None:
        """Take the namespaces by inode number, and the number of that in which the audit begins."""
        self.spaces = spaces
        self.own = own
        self.place = threading.local()

    def space(self) -> Space:
        return self.spaces[getattr(self.place, "inode", self.own)]

    def install(self) -> None:
        """Take the place of the kernel in this process."""
        kernel, real = self, socket.socket

        class Socket(real):  # type: ignore[misc, valid-type]
            def __new__(cls, family: int = -1, kind: int = -1, proto: int = -1, fileno: Any = None) -> Any:
                if family == socket.AF_NETLINK:
                    return FakeNetlink(kernel, kind, proto)
                return real.__new__(cls)

        socket.socket = Socket  # type: ignore[assignment, misc]
        self._keep_descriptors()
        ctypes.CDLL = lambda *dummy, **dummy2: FakeLibc(kernel)  # type: ignore[assignment, misc]

    @staticmethod
    def _keep_descriptors() -> None:
        """Leave /proc/self/fd as it is: what it holds is this process's own, whatever root it is given."""
        folder, real = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY), os.open

        def opened(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            text = os.fspath(path)
            if isinstance(text, str) and text.startswith(_DESCRIPTORS):
                return real(text[len("/proc/") :], flags, mode, dir_fd=folder)
            return real(path, flags, mode, dir_fd=dir_fd)

        os.open = opened


class FakeNetlink:
    """A netlink socket of the namespace of the thread that makes it."""

    def __init__(self, kernel: FakeKernel, kind: int, protocol: int) -> None:
        self._space = kernel.space()
        self._protocol = protocol
        self._blocks = not kind & socket.SOCK_NONBLOCK
        self._limit: float | None = None
        self._queue: Datagrams = []

    def __enter__(self) -> FakeNetlink:
        return self

    def __exit__(self, *dummy: object) -> None:
        pass

    def close(self) -> None:
        pass

    def fileno(self) -> int:
        return -1

    def bind(self, dummy: Any) -> None:
        pass

    def setsockopt(self, level: int, option: int, value: Any, *dummy: Any) -> None:
        """Take the limit of time that the kernel keeps (``struct timeval``); others change nothing here."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_RCVTIMEO):
            seconds, microseconds = struct.unpack("@ll", value)
            self._limit = seconds + microseconds / 1_000_000

    def setblocking(self, blocks: bool) -> None:
        self._blocks = blocks

    def send(self, data: bytes) -> int:
        dummy, kind, flags, sequence, dummy2 = _HEADER.unpack_from(data)
        body = data[_HEADER.size :]
        question = (self._protocol, kind, body[0] if body else 0, body[1] if kind == BY_FAMILY else 0)
        self._queue = self._answer(question, flags, sequence, body)
        spoil = self._space.spoilt.get(question)
        if spoil is not None:
            self._queue = spoil(self._queue)
        return len(data)

    sendall = send

    def _answer(self, question: Question, flags: int, sequence: int, body: bytes) -> Datagrams:
        dummy, kind, dummy2, dummy3 = question
        if kind == GETNSID:
            pid = int(struct.unpack("=I", attributes(body, 4)[2])[0])
            found = struct.pack("=Bxxx", 0) + struct.pack("=HHi", 8, 1, self._space.nsids.get(pid, -1))
            return [message(kind, 0, sequence, found)]
        payloads = self._space.answers.get(question, [])
        if flags & _DUMP == _DUMP:
            return datagrams_of(kind, sequence, payloads)
        if not payloads:
            return [message(ERROR, 0, sequence, struct.pack("=i", -errno.EINVAL) + bytes(16))]
        return [message(kind, 0, sequence, payloads[0])]

    def recvmsg(self, size: int, *dummy: Any) -> tuple[bytes, list[Any], int, None]:
        if not self._queue:
            if not self._blocks:
                raise BlockingIOError(errno.EAGAIN, "nothing there")
            # As a kernel that does not answer.
            time.sleep(3600 if self._limit is None else self._limit)
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        found = self._queue.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found[:size], [], socket.MSG_TRUNC if len(found) > size else 0, None

    def recvmsg_into(self, buffers: Any, *dummy: Any) -> tuple[int, list[Any], int, None]:
        size = sum(len(buffer) for buffer in buffers)
        data, ancillary, flags, address = self.recvmsg(size)
        memoryview(buffers[0]).cast("B")[: len(data)] = data
        return len(data), ancillary, flags, address

    def recv(self, size: int, flags: int = 0) -> bytes:
        if flags & socket.MSG_PEEK and self._queue and isinstance(self._queue[0], bytes):
            return self._queue[0] if flags & socket.MSG_TRUNC else self._queue[0][:size]
        return self.recvmsg(size)[0]

    def recv_into(self, buffer: Any, size: int = 0, flags: int = 0) -> int:
        room = size or len(buffer)
        if flags & socket.MSG_PEEK and self._queue and isinstance(self._queue[0], bytes):
            data = self._queue[0]
            memoryview(buffer).cast("B")[: min(room, len(data))] = data[:room]
            return len(data) if flags & socket.MSG_TRUNC else min(room, len(data))
        data = self.recvmsg(room)[0]
        memoryview(buffer).cast("B")[: len(data)] = data
        return len(data)


class FakeLibc:
    """The calls that Python has no words for."""

    def __init__(self, kernel: FakeKernel) -> None:
        self._kernel = kernel

    def setns(self, descriptor: int, dummy: int) -> int:
        inode = os.fstat(descriptor).st_ino
        if inode not in self._kernel.spaces:
            return self._refuse(errno.EINVAL)
        self._kernel.place.inode = inode
        return 0

    def syscall(self, *dummy: Any) -> int:
        # A kernel without tcx.
        return self._refuse(errno.EINVAL)

    def getsockopt(self, *dummy: Any) -> int:
        return self._refuse(errno.ENOPROTOOPT)

    @staticmethod
    def _refuse(number: int) -> int:
        ctypes.set_errno(number)
        return -1
