# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running values of the kernel's settings for a packet's way, and whether br_netfilter is there for those of bridges.

Documentation/networking/ip-sysctl.rst and nf_conntrack-sysctl.rst say what each does.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.procfs import environment, read_whole
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import ERROR, UnreadableError

SYSCTLS = "/proc/sys"

_SINGLE = (
    "net/ipv4/ip_forward",
    "net/bridge/bridge-nf-call-iptables",
    "net/bridge/bridge-nf-call-ip6tables",
    "net/bridge/bridge-nf-call-arptables",
    "net/ipv4/fwmark_reflect",
    "net/ipv4/icmp_echo_ignore_all",
    "net/ipv4/ip_default_ttl",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/tcp_fwmark_accept",
    "net/ipv6/bindv6only",
    "net/ipv6/fwmark_reflect",
    "net/ipv6/icmp/echo_ignore_all",
    "net/netfilter/nf_conntrack_count",
    "net/netfilter/nf_conntrack_icmp_timeout",
    "net/netfilter/nf_conntrack_icmpv6_timeout",
    "net/netfilter/nf_conntrack_max",
    "net/netfilter/nf_conntrack_tcp_be_liberal",
    "net/netfilter/nf_conntrack_tcp_loose",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "net/netfilter/nf_conntrack_tcp_timeout_max_retrans",
    "net/netfilter/nf_conntrack_tcp_timeout_syn_sent",
    "net/netfilter/nf_conntrack_tcp_timeout_unacknowledged",
    "net/netfilter/nf_conntrack_udp_timeout",
)
_OF_ANY = (
    "net/ipv4/icmp_echo_ignore_all",
    "net/ipv4/ip_default_ttl",
    "net/ipv6/icmp/echo_ignore_all",
)
_RECEPTION = ("accept_local", "arp_announce", "arp_filter", "arp_ignore", "route_localnet", "rp_filter")
_NEIGHBOURS = {"net/ipv4/neigh": ("mcast_solicit",), "net/ipv6/neigh": ("mcast_solicit",)}
# What every namespace begins with, where it is not 0.
_FIRST = {"hop_limit": "64", "ip_default_ttl": "64", "mcast_solicit": "3"}
_DOTTED = str.maketrans("./", "/.")
_PER_INTERFACE = {
    "net/ipv4/conf": (*_RECEPTION, "forwarding", "src_valid_mark"),
    "net/ipv6/conf": ("forwarding", "accept_ra", "disable_ipv6", "hop_limit"),
    **_NEIGHBOURS,
}
_INSIDE = {"net/ipv4/conf": _RECEPTION, "net/ipv6/conf": ("hop_limit",), **_NEIGHBOURS}

_OF_BRIDGES = Path("/proc/sys/net/bridge")
_BUILT_IN = Path("/sys/module/br_netfilter")
# From moby 27.5.1 on: start in spite of a missing br_netfilter.
_IGNORE_MISSING = "DOCKER_IGNORE_BR_NETFILTER_ERROR"


def read_sysctls() -> dict[str, str]:
    """Return the values by dotted key; what this kernel does not have (yet) is left out.

    Raises UnreadableError when there is not even net.ipv4.ip_forward.
    """
    values = _read_all(_SINGLE)
    for folder, settings in _PER_INTERFACE.items():
        values.update(_of_interfaces(folder, settings))
    if "net.ipv4.ip_forward" not in values:
        raise UnreadableError(ERROR, f"{SYSCTLS}/net/ipv4/ip_forward cannot be read; is /proc mounted?")
    return values


def read_reception() -> dict[str, str]:
    """Return the settings of a container's namespace (this thread's) that decide which packets it takes.

    Those that are as the kernel sets them are left out.
    """
    values = _read_all(_OF_ANY)
    for folder, settings in _INSIDE.items():
        values.update(_of_interfaces(folder, settings))
    return {key: value for key, value in values.items() if value != _FIRST.get(key.rpartition(".")[2], "0")}


def read_switched_on(*names: str) -> list[str]:
    """Return the keys of these settings of interfaces that are not 0, both families."""
    values = {**_of_interfaces("net/ipv4/conf", names), **_of_interfaces("net/ipv6/conf", names)}
    return [key for key, value in values.items() if value != "0"]


def dotted(path: str) -> str:
    """Turn a path below /proc/sys into a key; a dot in an interface's name becomes a slash, see sysctl.d(5).

    Names that are no UTF-8 are those that netlink gives to links.
    """
    if not path.isascii():
        path = os.fsencode(path).decode("utf-8", "replace")
    return path.translate(_DOTTED)


def _read_all(names: Iterable[str]) -> dict[str, str]:
    """Values by dotted key of files below /proc/sys, without those that are not there."""
    found = {dotted(name): _read(f"{SYSCTLS}/{name}") for name in names}
    return {key: value for key, value in found.items() if value is not None}


def _of_interfaces(folder: str, settings: Sequence[str]) -> dict[str, str]:
    """Values by dotted key of settings that each interface has."""
    found = {}
    for interface in _listed(folder):
        try:
            place = os.open(f"{SYSCTLS}/{folder}/{interface}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            # There are thousands on a large host, and to look up all of a path takes longer than to read the file.
            for name in settings:
                value = _read(name, place)
                if value is not None:
                    found[dotted(f"{folder}/{interface}/{name}")] = value
        finally:
            os.close(place)
    return found


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(f"{SYSCTLS}/{folder}"))
    except OSError:
        return []


def _read(path: str, folder: Optional[int] = None) -> Optional[str]:
    try:
        return read_whole(path, folder).decode("ascii").strip()
    except (OSError, ValueError):
        return None


def has_bridge_netfilter(run: Run, dockerd: int | None) -> bool:
    """Whether it is loaded, built in, there to be loaded, or not missed by the dockerd of that process id."""
    if _OF_BRIDGES.exists() or _BUILT_IN.exists():
        return True
    if dockerd is not None and environment(dockerd).get(_IGNORE_MISSING) == "1":
        return True
    code, dummy, dummy2 = run(["modprobe", "--dry-run", "--quiet", "br_netfilter"])
    return code == 0 and Path(f"/lib/modules/{platform.release()}").is_dir()
