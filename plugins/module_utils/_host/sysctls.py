# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's settings for a packet's way: their running values, and the files that set them at boot, in that order.

Documentation/networking/ip-sysctl.rst and nf_conntrack-sysctl.rst say what each does.
"""

from __future__ import annotations

import functools
import os
import socket
import stat
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import IFLA_IFNAME, LINK, link_messages
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    ROUTE,
    Netlink,
    attributes,
    listed,
    text,
    u32,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.procfs import read_whole
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    BootSysctls,
    SysctlFile,
    parse_sysctl_file,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import (
    ERROR,
    UnreadableError,
    from_os_error,
)

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
# What has files beside those of interfaces, whose name none can have (net/core/sysctl_net_core.c). Interfaces that are
# there have taken over what "default" has, so it decides nothing of packets.
_FOR_ALL, _FOR_LATER = "all", "default"

# linux/if_link.h, linux/rtnetlink.h, linux/neighbour.h
_RTM_GETNEIGHTBL = 66
_IFLA_AF_SPEC = 26
_NDTA_PARMS, _NDTPA_IFINDEX, _NDTPA_MCAST_PROBES = 6, 1, 11
_TABLE = struct.Struct("=Bxxx")
# Where a setting stands among the numbers that the kernel gives for an interface: IPV4_DEVCONF_* of linux/ip.h less 1,
# DEVCONF_* of linux/ipv6.h, both of which are only ever added to.
_PLACES = {
    "net/ipv4/conf": {
        "forwarding": 0,
        "rp_filter": 7,
        "arp_filter": 12,
        "disable_xfrm": 14,
        "disable_policy": 15,
        "arp_announce": 17,
        "arp_ignore": 18,
        "accept_local": 22,
        "src_valid_mark": 23,
        "route_localnet": 25,
    },
    "net/ipv6/conf": {"forwarding": 0, "hop_limit": 1, "accept_ra": 3, "disable_ipv6": 26, "disable_policy": 48},
    "net/ipv4/neigh": {"mcast_solicit": 0},
    "net/ipv6/neigh": {"mcast_solicit": 0},
}
# Family, and the attribute that has the numbers (IFLA_INET_CONF, IFLA_INET6_CONF).
_CONF = {"net/ipv4/conf": (socket.AF_INET, 1), "net/ipv6/conf": (socket.AF_INET6, 2)}
_NEIGH: dict[int, str] = {socket.AF_INET: "net/ipv4/neigh", socket.AF_INET6: "net/ipv6/neigh"}


def read_sysctls() -> dict[str, str]:
    """Return the values by dotted key; what this kernel does not have (yet) is left out.

    Raises UnreadableError without net.ipv4.ip_forward, and where the kernel does not list interfaces.
    """
    values = _read_all(_SINGLE)
    values.update(
        listed(
            "settings of links",
            lambda route: _of_interfaces(route, link_messages(route), _PER_INTERFACE, (_FOR_ALL, _FOR_LATER)),
        )
    )
    if "net.ipv4.ip_forward" not in values:
        raise UnreadableError(ERROR, f"{SYSCTLS}/net/ipv4/ip_forward cannot be read; is /proc mounted?")
    return values


def reception_of(route: Netlink, messages: Sequence[bytes]) -> dict[str, str]:
    """Return the settings of a container's namespace (this thread's) that decide which packets it takes.

    The kernel's own are left out. messages: those of its links. Raises OSError.
    """
    values = {**_read_all(_OF_ANY), **_of_interfaces(route, messages, _INSIDE, (_FOR_ALL,))}
    return {key: value for key, value in values.items() if value != _FIRST.get(key.rpartition(".")[2], "0")}


def read_switched_on(*names: str) -> list[str]:
    """Return the keys of these settings of interfaces that are not 0, both families. Raises OSError."""
    with Netlink(ROUTE) as route:
        wanted = dict.fromkeys(_CONF, names)
        values = _of_interfaces(route, link_messages(route), wanted, (_FOR_ALL, _FOR_LATER))
    return [key for key, value in values.items() if value != "0"]


@functools.lru_cache(maxsize=4096)
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


def _of_interfaces(
    route: Netlink, messages: Sequence[bytes], wanted: Mapping[str, Sequence[str]], others: Sequence[str]
) -> dict[str, str]:
    """Values by dotted key of settings that each interface and the others have, by the folder that shows them.

    What is said of a link has them, in less time than it takes to open a file. Raises OSError.
    """
    found: dict[str, dict[str, tuple[int, ...]]] = {folder: {} for folder in _PLACES}
    names = {}
    for message in messages:
        shown = attributes(message, LINK.size)
        name = text(shown.get(IFLA_IFNAME))
        names[LINK.unpack_from(message)[2]] = name
        families = attributes(shown.get(_IFLA_AF_SPEC, b""))
        for folder, (family, kind) in _CONF.items():
            numbers = attributes(families.get(family, b"")).get(kind, b"")
            if numbers:
                found[folder][name] = struct.unpack(f"={len(numbers) // 4}i", numbers)
    for message in route.dump(_RTM_GETNEIGHTBL, _TABLE.pack(socket.AF_UNSPEC)):
        values = attributes(attributes(message, _TABLE.size).get(_NDTA_PARMS, b""))
        name = names.get(u32(values.get(_NDTPA_IFINDEX)) or 0, "")
        if name and message[0] in _NEIGH:
            found[_NEIGH[message[0]]][name] = (u32(values[_NDTPA_MCAST_PROBES]) or 0,)
    return {
        key: value
        for folder, settings in wanted.items()
        for key, value in _of_folder(folder, settings, found[folder], others).items()
    }


def _of_folder(
    folder: str, settings: Sequence[str], interfaces: Mapping[str, tuple[int, ...]], others: Sequence[str]
) -> dict[str, str]:
    """In the order in which the files stand there."""
    found: dict[str, str] = {}
    places = [(name, _PLACES[folder][name]) for name in settings if name in _PLACES[folder]]
    for interface in sorted({*interfaces, *others}):
        if interface in others:
            found.update(_read_all(f"{folder}/{interface}/{name}" for name in settings))
            continue
        begin = dotted(f"{folder}/{interface}/")
        numbers = interfaces[interface]
        found.update({begin + name: str(numbers[place]) for name, place in places if place < len(numbers)})
    return found


def _read(path: str) -> Optional[str]:
    try:
        return read_whole(path).decode("ascii").strip()
    except (OSError, ValueError):
        return None


# sysctl.d(5): of files with one name the first in this order counts. /lib is /usr/lib on hosts with a merged /usr.
DIRECTORIES = ("etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d")


def read_boot(root: Path = Path("/")) -> BootSysctls:
    """Return all that will be set at boot on the system whose files lie below root.

    systemd-sysctl knows /etc/sysctl.conf only by a link to it; procps reads it last, and an enabled ufw its own file
    behind it (ufw(8), IPT_SYSCTL). Raises UnreadableError when a file is not ours to read.
    """
    systemd = (root / "run/systemd/system").is_dir()
    paths = [effective[name] for effective in [_by_name(root)] for name in sorted(effective, key=os.fsencode)]
    if not systemd:
        paths.append(root / "etc/sysctl.conf")
    paths += _ufw_files(root)
    files = [read_sysctl_file(path, root) for path in paths if path.is_file()]
    return BootSysctls("systemd-sysctl" if systemd else "procps", files)


def _by_name(root: Path) -> dict[str, Path]:
    """The file that counts for each name; names that are masked are left out."""
    found: dict[str, Path] = {}
    masked: set[str] = set()
    for folder in DIRECTORIES:
        for name in _conf_names(root / folder):
            path = root / folder / name
            if name in found or name in masked:
                continue
            if _is_mask(path):
                masked.add(name)
            elif path.is_file():
                found[name] = path
    return found


def _conf_names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith(".conf")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise from_os_error(error, str(folder)) from error


def _is_mask(path: Path) -> bool:
    """Whether it is empty or a link to /dev/null (systemd's src/basic/stat-util.c, null_or_empty)."""
    try:
        status = path.stat()
    except OSError:
        return os.path.islink(path) and os.readlink(path) == "/dev/null"
    return stat.S_ISCHR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_size == 0)


def ufw_is_enabled(root: Path = Path("/")) -> bool:
    """Whether ufw sets its rules, policies and sysctls at boot (ufw(8))."""
    return shell_setting(root / "etc/ufw/ufw.conf", "ENABLED").lower() == "yes"


def _ufw_files(root: Path) -> list[Path]:
    if not ufw_is_enabled(root):
        return []
    path = shell_setting(root / "etc/default/ufw", "IPT_SYSCTL")
    return [root / path.lstrip("/")] if path else []


def shell_setting(path: Path, name: str) -> str:
    """Value of a shell assignment in a file, empty when it is not there."""
    try:
        lines = read_regular(path).text.splitlines()
    except OSError:
        return ""
    values = [line.partition("=")[2] for line in lines if line.partition("=")[0].strip() == name]
    return values[-1].strip().strip("\"'") if values else ""


def read_sysctl_file(path: Path, root: Path) -> SysctlFile:
    """Return a file of the system whose files lie below root. Raises UnreadableError when it is not ours to read."""
    shown = "/" + str(path.relative_to(root))
    try:
        text = read_regular(path).text
    except OSError as error:
        raise from_os_error(error, shown) from error
    return parse_sysctl_file(text, shown)
