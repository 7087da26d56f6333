# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The id that this network namespace has for another one (rtnetlink(7), RTM_GETNSID).

pyroute2 asks for it from 0.6 on only, so the kernel is asked directly, in one way for all releases. It needs no
privilege and enters no namespace.
"""

from __future__ import annotations

import socket
import struct
from types import TracebackType
from typing import Optional

_RTM_GETNSID = 90
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_NETNSA_NSID = 1
_NETNSA_PID = 2
_NOT_ASSIGNED = -1

_MESSAGE = struct.Struct("=IHHII")
_FAMILY = struct.Struct("=Bxxx")
_ATTRIBUTE = struct.Struct("=HH")

TIME_LIMIT = 5.0
"""Seconds to wait for an answer of the kernel."""


class NamespaceIds:
    """A route netlink socket that answers which id a process's network namespace has. Use it with ``with``."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.settimeout(TIME_LIMIT)
        self._sequence = 0

    def __enter__(self) -> NamespaceIds:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._socket.close()

    def of(self, pid: int) -> Optional[int]:
        """Return the id of the namespace of process pid; None when it has none (as our own) or the process is gone.

        The kernel gives ids out when links are listed: list them first. Raises OSError when it does not answer.
        """
        self._sequence += 1
        body = _FAMILY.pack(socket.AF_UNSPEC) + _ATTRIBUTE.pack(8, _NETNSA_PID) + struct.pack("=I", pid)
        header = _MESSAGE.pack(_MESSAGE.size + len(body), _RTM_GETNSID, _NLM_F_REQUEST, self._sequence, 0)
        self._socket.send(header + body)
        while True:
            answer = self._socket.recv(65536)
            length, kind, dummy, sequence, dummy = _MESSAGE.unpack_from(answer)
            if sequence == self._sequence:
                return None if kind == _NLMSG_ERROR else _id_in(answer[:length])


def _id_in(answer: bytes) -> Optional[int]:
    at = _MESSAGE.size + _FAMILY.size
    while at + _ATTRIBUTE.size <= len(answer):
        length, kind = _ATTRIBUTE.unpack_from(answer, at)
        if kind == _NETNSA_NSID:
            (found,) = struct.unpack_from("=i", answer, at + _ATTRIBUTE.size)
            return None if found == _NOT_ASSIGNED else int(found)
        at += max((length + 3) & ~3, _ATTRIBUTE.size)
    return None
