# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The id that this network namespace has for another one (rtnetlink(7), RTM_GETNSID).

It needs no privilege and enters no namespace.
"""

from __future__ import annotations

import socket
import struct
from types import TracebackType
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    ROUTE,
    Netlink,
    attribute,
    attributes,
    understood,
)

_RTM_GETNSID = 90
_NETNSA_NSID = 1
_NETNSA_PID = 2
_NOT_ASSIGNED = -1

_FAMILY = struct.Struct("=Bxxx")


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
        body = _FAMILY.pack(socket.AF_UNSPEC) + attribute(_NETNSA_PID, struct.pack("=I", pid))
        try:
            answer = self._netlink.ask(_RTM_GETNSID, body)
        except TimeoutError:
            raise
        except OSError:
            return None
        with understood():
            (found,) = struct.unpack("=i", attributes(answer, _FAMILY.size)[_NETNSA_NSID])
        return None if found == _NOT_ASSIGNED else int(found)
