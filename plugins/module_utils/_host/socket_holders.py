# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Who answers at a unix socket: for hosts where no dockerd is to be seen, and nobody's service may be started."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs

_ACCEPTS_CONNECTIONS = 1 << 16


def programs_at(docker_host: str) -> set[str]:
    """Return the names of the programs that hold the listening socket at ``unix://PATH``; empty where none is seen.

    systemd alone means that the first connection would start the service behind it.
    """
    path = docker_host.partition("unix://")[2]
    inodes = set(_listening(os.path.realpath(path))) if path else set()
    if not inodes:
        return set()
    return {
        os.path.basename(procfs.program(process.pid) or "") or process.name
        for process in procfs.processes()
        if procfs.sockets(process.pid) & inodes
    }


def _listening(path: str) -> Iterator[int]:
    """Inode numbers of the sockets bound to path that accept connections (/proc/net/unix, see proc_net(5))."""
    try:
        text = (procfs.PROC / "net/unix").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    for line in text.splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and int(fields[3], 16) & _ACCEPTS_CONNECTIONS and os.path.realpath(fields[7]) == path:
            yield int(fields[6])
