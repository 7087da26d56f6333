# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Hairpin mode of bridge ports, set and read by rtnetlink(7)."""

from __future__ import annotations

import contextlib
import errno
import struct

from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import PortChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import link_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import ROUTE, Netlink, attribute, nest

# linux/rtnetlink.h, linux/if_link.h
_RTM_SETLINK = 19
_IFLA_PROTINFO = 12
_IFLA_BRPORT_MODE = 4
_BRIDGE = 7  # AF_BRIDGE; the socket module has no such name.

_LINK = struct.Struct("=BxHiII")

# Interface gone, or no port of a bridge any more.
_GONE = (errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP)


def set_ports(changes: list[PortChange]) -> list[PortChange]:
    """Set all ports and read them back; return those that exist no longer, since their container stopped meanwhile.

    On failure the ports have their old mode again, and ChangeFailed says so.
    """
    done: list[PortChange] = []
    gone: list[PortChange] = []
    with Netlink(ROUTE) as route:
        try:
            for change in changes:
                (done if _set(route, change.index, int(change.after)) else gone).append(change)
            for change in done:
                _verify(route, change)
        except (OSError, ChangeFailed) as error:
            for change in reversed(done):
                with contextlib.suppress(OSError):
                    _set(route, change.index, int(change.before))
            raise ChangeFailed(f"the bridge ports are as they were: {error}") from error
    return gone


def _set(route: Netlink, index: int, mode: int) -> bool:
    """Set the mode; return False when the port is gone."""
    port = nest(_IFLA_PROTINFO, attribute(_IFLA_BRPORT_MODE, bytes([mode])))
    try:
        route.tell(_RTM_SETLINK, _LINK.pack(_BRIDGE, 0, index, 0, 0) + port)
    except OSError as error:
        if error.errno in _GONE and _mode(route, index) is None:
            return False
        raise
    return True


def _verify(route: Netlink, change: PortChange) -> None:
    mode = _mode(route, change.index)
    if mode is not None and mode != change.after:
        raise ChangeFailed(f"hairpin mode of {change.port} was set, and the kernel did not take it")


def _mode(route: Netlink, index: int) -> bool | None:
    """Hairpin mode of a port, None when the interface is gone or no bridge port any more."""
    link = link_of(route, index)
    return link.hairpin if link else None
