# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Hairpin mode of bridge ports, set and read by rtnetlink(7)."""

from __future__ import annotations

import contextlib
import errno
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import PortChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed

# Interface gone, or no port of a bridge any more.
_GONE = (errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP)


def set_ports(changes: list[PortChange]) -> list[PortChange]:
    """Set all ports and read them back; return those that exist no longer, since their container stopped meanwhile.

    On failure the ports have their old mode again, and ChangeFailed says so. Needs pyroute2.
    """
    if not changes:
        return []
    done: list[PortChange] = []
    gone: list[PortChange] = []
    with _route() as route:
        try:
            for change in changes:
                (done if _set(route, change.index, int(change.after)) else gone).append(change)
            for change in done:
                _verify(route, change)
        except (OSError, _netlink_error(), ChangeFailed) as error:
            for change in reversed(done):
                with contextlib.suppress(OSError, _netlink_error()):
                    _set(route, change.index, int(change.before))
            raise ChangeFailed(f"the bridge ports are as they were: {error}") from error
    return gone


def _set(route: Any, index: int, mode: int) -> bool:
    """Set the mode; return False when the port is gone."""
    try:
        route.brport("set", index=index, mode=mode)
    except _netlink_error() as error:
        if _code(error) in _GONE and _mode(route, index) is None:
            return False
        raise
    return True


def _verify(route: Any, change: PortChange) -> None:
    mode = _mode(route, change.index)
    if mode is not None and mode != change.after:
        raise ChangeFailed(f"hairpin mode of {change.port} was set, and the kernel did not take it")


def _mode(route: Any, index: int) -> bool | None:
    """Hairpin mode of a port, None when the interface is gone or no bridge port any more."""
    try:
        answers = list(route.get_links(index))
    except _netlink_error() as error:
        if _code(error) == errno.ENODEV:
            return None
        raise
    for link in answers:
        info = link.get_attr("IFLA_LINKINFO")
        slave = info.get_attr("IFLA_INFO_SLAVE_DATA") if info else None
        mode = slave.get_attr("IFLA_BRPORT_MODE") if slave else None
        if mode is not None:
            return bool(mode)
    return None


def _code(error: Exception) -> int:
    """The errno of a NetlinkError."""
    return int(getattr(error, "code", 0))


def _route() -> Any:
    # Imported late: it takes 0.1 s, and most runs find nothing to set.
    from pyroute2 import IPRoute

    return contextlib.closing(IPRoute())


def _netlink_error() -> type[Exception]:
    from pyroute2.netlink.exceptions import NetlinkError

    return NetlinkError  # type: ignore[no-any-return]
