# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which settings of bridges and their ports keep frames from passing, out of what rtnetlink(7) says of a link."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import flag, u32

# linux/if_link.h, linux/if_bridge.h
_IFLA_BR_AGEING_TIME = 4
_IFLA_BRPORT_STATE = 1
_STATES = ("disabled", "listening", "learning", "forwarding", "blocking")
_FORWARDING = 3
# In the words of bridge(8), with what a new port has.
_SWITCHES = {
    8: ("learning", True),
    9: ("flood", True),
    10: ("proxy_arp", False),
    27: ("mcast_flood", True),
    30: ("bcast_flood", True),
    39: ("locked", False),
}


def settings_of_port(values: Mapping[int, bytes]) -> list[str]:
    """What is not as it is with a new port, by the attributes IFLA_BRPORT_*: ``state blocking``, ``flood off``..."""
    state = values.get(_IFLA_BRPORT_STATE, bytes([_FORWARDING]))[0]
    found = [] if state == _FORWARDING else [f"state {_STATES[state] if state < len(_STATES) else state}"]
    for kind, (name, usual) in _SWITCHES.items():
        value = flag(values.get(kind))
        if value is not None and value != usual:
            found.append(f"{name} {'on' if value else 'off'}")
    return found


def settings_of_bridge(values: Mapping[int, bytes]) -> list[str]:
    """The same of a bridge, by the attributes IFLA_BR_*: with ``ageing_time 0`` it learns nothing (br_fdb_update())."""
    return ["ageing_time 0"] if u32(values.get(_IFLA_BR_AGEING_TIME)) == 0 else []
