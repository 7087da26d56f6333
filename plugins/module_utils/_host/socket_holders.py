# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Who listens at an engine's address, by the kernel's own word, and without connecting to it.

A connection would start a service whose socket systemd holds. Names prove nothing: a path in /proc/net/unix is whatever
its owner wrote there, in a mount namespace of its own. sock_diag(7) names the file itself.
"""

from __future__ import annotations

import os
import struct
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_address import EngineAddress
from ansible_collections.dockernet.baseline.plugins.module_utils._host.listeners import listening_at
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import SOCK_DIAG, Netlink, attributes
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netns import in_namespace

_SOCK_DIAG_BY_FAMILY = 20
_AF_UNIX = 1
_LISTENING = 1 << 10
_SHOW_NAME_AND_FILE = 0x3
_NAME = 0
_FILE = 1
_REQUEST = struct.Struct("=BBHIIIII")
_ANSWER = struct.Struct("=BBBBIII")
_PLACE = struct.Struct("=II")
_ANY_COOKIE = 0xFFFFFFFF


class SocketHolders:
    """Which processes hold the listening socket of an engine's address."""

    def __init__(self, address: EngineAddress) -> None:
        """Take the address; the kernel is asked when it is needed, once for this network namespace."""
        self._address = address
        self._here: Optional[set[int]] = None
        self.owner = _owner(address.path) if address.path else procfs.ROOT
        """User id that the socket belongs to, None where there is none."""

    def holds(self, pid: int) -> Optional[bool]:
        """Whether a process holds it, be it that it listens itself or was handed the socket by systemd.

        None where that cannot be seen: the process's files, its namespace, or the kernel's list.
        """
        held = procfs.sockets(pid)
        if not held:
            return None
        try:
            return bool(held & self._inodes(pid))
        except OSError:
            return None

    def may_serve(self, pid: int) -> bool:
        """Whether a process is of root, or of the user whom the socket belongs to: nobody else's can be the engine."""
        return procfs.uid(pid) in {procfs.ROOT, self.owner} - {None}

    def programs(self) -> set[str]:
        """Names of the programs that hold it, of those that may; empty where none is seen.

        systemd alone means that the first connection would start the service behind it.
        """
        return {
            os.path.basename(procfs.program(process.pid) or "") or process.name
            for process in procfs.processes()
            # Those of containers are many, and none of them is an engine of this host.
            if self.may_serve(process.pid) and not procfs.is_nested(process.pid) and self.holds(process.pid)
        }

    def _inodes(self, pid: int) -> set[int]:
        """Inode numbers of the listening sockets at the address, in the network namespace of a process."""
        if procfs.namespace(pid, "net") != procfs.namespace("self", "net"):
            return in_namespace(pid, lambda: _listening(self._address))
        if self._here is None:
            self._here = _listening(self._address)
        return self._here


def _owner(path: str) -> Optional[int]:
    try:
        return os.stat(path).st_uid
    except OSError:
        return None


def _listening(address: EngineAddress) -> set[int]:
    return _listening_at_path(address.path) if address.path else listening_at("tcp", address.port)


def _listening_at_path(path: str) -> set[int]:
    """Inode numbers of the sockets whose file is the one at path. Raises OSError where the kernel does not tell."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return set()
    device = os.major(status.st_dev) << 20 | os.minor(status.st_dev)
    request = _REQUEST.pack(_AF_UNIX, 0, 0, _LISTENING, 0, _SHOW_NAME_AND_FILE, _ANY_COOKIE, _ANY_COOKIE)
    found = set()
    with Netlink(SOCK_DIAG) as netlink:
        for message in netlink.dump(_SOCK_DIAG_BY_FAMILY, request):
            shown = attributes(message, _ANSWER.size)
            if len(shown.get(_FILE, b"")) != _PLACE.size:
                continue
            inode, on_device = _PLACE.unpack(shown[_FILE])
            if inode != status.st_ino & 0xFFFFFFFF:
                continue
            # Some file systems show programs another device than the kernel knows (subvolumes of btrfs).
            if on_device == device or _real_name(shown.get(_NAME, b"")) == os.path.realpath(path):
                found.add(_ANSWER.unpack_from(message)[4])
    return found


def _real_name(name: bytes) -> str:
    """Path that a socket was bound to, links followed; empty for one without a path."""
    path = os.fsdecode(name.partition(b"\0")[0])
    return os.path.realpath(path) if path else ""
