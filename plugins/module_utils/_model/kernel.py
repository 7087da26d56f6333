# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the kernel holds: links, processes of docker-proxy, sysctls at boot, the ruleset as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional


@dataclass(frozen=True)
class Link:
    """A network interface of the host's namespace (rtnetlink(7), RTM_GETLINK)."""

    index: int
    name: str
    kind: str = ""
    """IFLA_INFO_KIND: ``bridge``, ``veth``, ``vlan``...; empty for hardware."""
    up: bool = False
    """IFF_UP; a bridge without running containers is up and has no carrier."""
    operstate: str = ""
    mtu: int = 0
    mac: str = ""
    master: Optional[int] = None
    """Index of the bridge it is a port of."""
    peer_index: Optional[int] = None
    """IFLA_LINK: for veth the index of the other end, in the other end's namespace."""
    peer_nsid: Optional[int] = None
    """IFLA_LINK_NETNSID: id of the namespace that the other end is in."""
    hairpin: Optional[bool] = None
    """IFLA_BRPORT_MODE; None for what is no bridge port."""
    addresses: list[str] = field(default_factory=list)
    """With prefix length, both families."""


@dataclass(frozen=True)
class Route:
    """An entry of a routing table of the host's namespace (rtnetlink(7), RTM_GETROUTE)."""

    destination: str
    """With prefix length; ``0.0.0.0/0`` and ``::/0`` for default routes."""
    table: int
    """254 is main, 255 local (rtnetlink(7)); others are chosen by rules or belong to a VRF."""
    kind: str = "unicast"
    """``unicast``, ``local``, ``broadcast``, ``multicast``, ``blackhole``, ``unreachable``..., as ip-route(8) says it;
    the number where it has no name for it."""
    gateways: list[str] = field(default_factory=list)
    """Next hops, more than one for a multipath route; empty for what is on link."""
    interfaces: list[int] = field(default_factory=list)
    """Indices of the links that it leads to."""
    protocol: int = 0
    """Who made it: 2 is the kernel, 4 an administrator, 9 a router advertisement (rtnetlink(7))."""


@dataclass(frozen=True)
class ProxyProcess:
    """A docker-proxy process."""

    pid: int
    ppid: int
    protocol: str
    host_ip: str
    host_port: int
    container_ip: str
    container_port: int
    pss: Optional[int] = None
    """Proportional set size in bytes (/proc/PID/smaps_rollup): its share of memory, shared pages divided."""
    rss: Optional[int] = None
    """Resident set size in bytes; counts pages shared by all proxies once for each."""


@dataclass(frozen=True)
class SysctlAssignment:
    """One line of a sysctl.d file; key in its dotted form, as written but for slashes."""

    key: str
    value: str
    line: int


@dataclass(frozen=True)
class SysctlFile:
    """A file that the boot loader of sysctls reads, see sysctl.d(5)."""

    path: str
    assignments: list[SysctlAssignment] = field(default_factory=list)


@dataclass(frozen=True)
class BootSysctls:
    """All that will be set at boot."""

    loader: str
    """``systemd-sysctl`` or ``procps``: they differ over /etc/sysctl.conf."""
    files: list[SysctlFile] = field(default_factory=list)
    """In the order in which the loader applies them; masked and overridden files are left out."""


@dataclass(frozen=True)
class Ruleset:
    """The ruleset as it was read, unparsed, so that a later evaluator can judge it."""

    save: dict[str, str] = field(default_factory=dict)
    """Output of the save commands by their name: ``iptables-nft-save``, ``ip6tables-legacy-save``..."""
    nft_json: Optional[str] = None
    """Output of ``nft -j list ruleset``."""
