# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the kernel tells unasked of links that come, go or change (rtnetlink(7), RTMGRP_LINK)."""

from __future__ import annotations

import contextlib
import errno
import socket
from types import TracebackType
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import link_in
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import ROUTE, messages_in
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link

# linux/rtnetlink.h
_RTMGRP_LINK = 1
_RTM_NEWLINK = 16
_RTM_DELLINK = 17

_RECEIVED = 1 << 17
_QUEUED = 1 << 21
"""Bytes that may wait for us, of some 1,500 for each notice; less where net.core.rmem_max says so (socket(7))."""

_MOST = 20_000


class LinkNotices:
    """Notices of the network namespace of the thread that makes it, from then on. Use it with ``with``."""

    def __init__(self) -> None:
        self._socket: Optional[socket.socket] = None
        with contextlib.suppress(OSError):
            self._socket = _subscribed()

    def __enter__(self) -> LinkNotices:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._socket is not None:
            self._socket.close()

    def arrived(self) -> Optional[list[Link]]:
        """Return the links of the notices since the last call; None where not all of them could be received."""
        if self._socket is None:
            return None
        found: list[Link] = []
        complete = True
        # Whoever can make them as fast as they are read must not keep us here.
        for dummy in range(_MOST):
            try:
                data = self._socket.recv(_RECEIVED)
            except BlockingIOError:
                return found if complete else None
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    return None
                complete = False
                continue
            for kind, dummy2, dummy3, payload in messages_in(data):
                link = link_in(payload) if kind in (_RTM_NEWLINK, _RTM_DELLINK) else None
                if link is not None:
                    found.append(link)
        return None


def _subscribed() -> socket.socket:
    flags = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    listening = socket.socket(socket.AF_NETLINK, flags, ROUTE)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUEUED)
    listening.bind((0, _RTMGRP_LINK))
    return listening
