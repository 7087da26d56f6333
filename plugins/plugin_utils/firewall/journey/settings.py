# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The kernel's settings for routing, with its rules for combining those of all interfaces with those of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import sysctl_key

EPHEMERAL = (32768, 60999)  # net.ipv4.ip_local_port_range as every namespace begins with it
FOREIGN_EPHEMERAL = (32768, 65535)  # what machines with other systems choose from, too (RFC 6335: 49152 and up)

FIRST_HOPS = 64  # as every namespace begins with it, both families

_REFLECTED = {4: "net.ipv4.fwmark_reflect", 6: "net.ipv6.fwmark_reflect"}
_ACCEPTED = "net.ipv4.tcp_fwmark_accept"


class Settings:
    """Running values of sysctls (Documentation/networking/ip-sysctl.rst, include/linux/inetdevice.h)."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """Take values by dotted key."""
        self._values = values
        self._pairs: dict[tuple[str, str], tuple[int, int]] = {}
        self._forwards: dict[str, bool] = {}
        self._strictness: dict[str, int] = {}

    def number(self, key: str) -> int:
        """A value as a number; 0, the kernel's own default for all that is asked here, when it does not exist."""
        return self._number(key) or 0

    def forwards(self, family: int, device: str) -> bool:
        """Whether packets that come in by a device are sent on.

        IPv4 asks that device alone (IN_DEV_FORWARD), IPv6 the setting for all (ip6_forward() of ip6_output.c).
        """
        if family == 6:
            return self.number("net.ipv6.conf.all.forwarding") != 0
        known = self._forwards.get(device)
        if known is None:
            own = self._number(sysctl_key(4, device, "forwarding"))
            known = self._forwards[device] = (self.number("net.ipv4.ip_forward") if own is None else own) != 0
        return known

    def forwarding_key(self, family: int, device: str) -> str:
        """The setting that forwards() asks."""
        return "net.ipv6.conf.all.forwarding" if family == 6 else sysctl_key(4, device, "forwarding")

    def reverse_path(self, device: str) -> int:
        """rp_filter in force on a device: the larger one (IN_DEV_RPFILTER)."""
        known = self._strictness.get(device)
        if known is None:
            known = self._strictness[device] = max(self._both(device, "rp_filter"))
        return known

    def larger(self, device: str, name: str) -> int:
        """A setting of IPv4 of which the larger one of all and the device is in force (IN_DEV_MAXCONF)."""
        return max(self._both(device, name))

    def either(self, device: str, name: str) -> bool:
        """A setting of IPv4 that is on when it is on for all or for the device (IN_DEV_ORCONF)."""
        return any(self._both(device, name))

    def ignores_echo(self, family: int) -> bool:
        """Whether the host itself answers no echo requests."""
        return self.number(self.echo_key(family)) != 0

    def echo_key(self, family: int) -> str:
        """The setting that ignores_echo() asks."""
        return "net.ipv6.icmp.echo_ignore_all" if family == 6 else "net.ipv4.icmp_echo_ignore_all"

    @property
    def keeps_marks(self) -> bool:
        """Whether anything that is sent in reply has the mark of what it replies to."""
        return any(self.number(key) for key in (_REFLECTED[4], _REFLECTED[6], _ACCEPTED))

    def mark_of_reply(self, family: int, mark: Optional[int]) -> Optional[int]:
        """Mark of what no socket sends, for that of the packet it replies to (IP4_REPLY_MARK(), IP6_REPLY_MARK())."""
        return mark if self.number(_REFLECTED[family]) else 0

    def mark_of_accepted(self, mark: Optional[int]) -> Optional[int]:
        """Mark of an accepted TCP connection of any family, for that of its SYN (inet_request_mark())."""
        return mark if self.number(_ACCEPTED) else 0

    def first_hops(self, family: int, device: str) -> int:
        """TTL of what is sent (ip_select_ttl()), or its hop limit (ip6_dst_hoplimit())."""
        key = sysctl_key(6, device, "hop_limit") if family == 6 else "net.ipv4.ip_default_ttl"
        return self._number(key) or FIRST_HOPS

    def ephemeral_ports(self) -> tuple[int, int]:
        """First and last of the source ports that the kernel chooses from."""
        words = self._values.get("net.ipv4.ip_local_port_range", "").split()
        return (int(words[0]), int(words[1])) if len(words) == 2 else EPHEMERAL

    def _both(self, device: str, name: str) -> tuple[int, int]:
        known = self._pairs.get((device, name))
        if known is None:
            pair = (self.number(sysctl_key(4, "all", name)), self.number(sysctl_key(4, device, name)))
            known = self._pairs[device, name] = pair
        return known

    def _number(self, key: str) -> Optional[int]:
        try:
            return int(self._values[key])
        except (KeyError, ValueError):
            return None
