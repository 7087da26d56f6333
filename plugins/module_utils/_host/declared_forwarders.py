# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""For whom files declare that the host will forward. Opens nothing for writing.

systemd-networkd, NetworkManager, ifupdown, wg-quick, IPsec, OpenVPN, libvirt, LXD and Incus. Nobody is asked: a VPN
that is down has only its files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._host.declared_vpns import (
    ipsec,
    openvpn,
    wg_quick,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.forwarder_files import Files, Section
from ansible_collections.dockernet.baseline.plugins.module_utils._model.declared_forwarder import (
    FAMILIES,
    DeclaredForwarder,
    DeclaredForwarders,
)

# Kind= of systemd.netdev(5).
_NETDEVS = {
    "wireguard": "WireGuard",
    "vxlan": "a VXLAN overlay",
    "geneve": "a GENEVE overlay",
    "gre": "a GRE tunnel",
    "gretap": "a GRE tunnel",
    "ip6gre": "a GRE tunnel",
    "ip6gretap": "a GRE tunnel",
    "ipip": "an IPIP tunnel",
    "sit": "a SIT tunnel",
    "ip6tnl": "an IPv6 tunnel",
    "vti": "an IPsec tunnel",
    "vti6": "an IPsec tunnel",
    "xfrm": "an IPsec tunnel",
    "l2tp": "an L2TP tunnel",
    "tun": "a tun interface",
    "tap": "a tap interface",
    "bridge": "a bridge",
}
# connection.type of nm-settings(5).
_PROFILES = {
    "wireguard": "WireGuard",
    "vpn": "a VPN",
    "vxlan": "a VXLAN overlay",
    "ip-tunnel": "a tunnel",
    "tun": "a tun interface",
    "bridge": "a bridge",
}
_NETWORKD_FOLDERS = ("etc/systemd/network", "run/systemd/network", "usr/lib/systemd/network", "lib/systemd/network")
_PROFILE_FOLDERS = (
    "etc/NetworkManager/system-connections",
    "run/NetworkManager/system-connections",
    "usr/lib/NetworkManager/system-connections",
)
_YES = ("yes", "true", "on", "1")
_LIBVIRT = ("libvirtd.*", "virtnetworkd.*")
_CONTAINERS = (
    ("LXD", ("lxd.*", "snap.lxd.*"), ("var/snap/lxd/common/lxd/networks", "var/lib/lxd/networks")),
    ("Incus", ("incus.*", "incus-startup.*"), ("var/lib/incus/networks",)),
)
_DOCKER_BRIDGE = re.compile(r"docker0|docker_gwbridge|br-[0-9a-f]{12}")


def read_declared_forwarders(root: Path = Path("/")) -> DeclaredForwarders:
    """Return all that is found. Raises nothing."""
    files = Files(root)
    readers = (_networkd, _network_manager, _ifupdown, wg_quick, ipsec, openvpn, _libvirt, _containers)
    found = [item for reader in readers for item in reader(files)]
    return DeclaredForwarders([item for item in found if not _DOCKER_BRIDGE.fullmatch(item.interface)], files.unread)


# ---- systemd-networkd ------------------------------------------------------------------------------------------------


def _networkd(files: Files) -> Iterator[DeclaredForwarder]:
    if not files.is_on("systemd-networkd.service"):
        return
    for path in _winning(files, _NETWORKD_FOLDERS, ".netdev"):
        device = _section(files.sections(path), "netdev")
        kind, name = device.last("kind").lower(), device.last("name")
        if name and kind in _NETDEVS:
            yield DeclaredForwarder(f"interface {name}", f"{_NETDEVS[kind]}, declared in {path}", name)
    for path in _winning(files, _NETWORKD_FOLDERS, ".network"):
        yield from _network_file(files, path)


def _network_file(files: Files, path: str) -> Iterator[DeclaredForwarder]:
    sections = files.sections(path)
    families = _forwarded(_section(sections, "network"))
    for name in _section(sections, "match").last("name").split():
        if families and not name.startswith("!"):
            what = f"systemd-networkd is to forward for it, by {path}"
            yield DeclaredForwarder(f"interface {name}", what, name, families=families)


def _forwarded(network: Section) -> tuple[str, ...]:
    """Families by IPForward=, IPv4Forwarding=, IPv6Forwarding= and IPMasquerade= (systemd.network(5))."""
    found = set()
    for setting in ("ipforward", "ipmasquerade"):
        value = network.last(setting).lower()
        found |= set(FAMILIES if value in (*_YES, "both") else (value,))
    for family in FAMILIES:
        if network.last(f"{family}forwarding").lower() in _YES:
            found.add(family)
    return tuple(family for family in FAMILIES if family in found)


def _winning(files: Files, folders: tuple[str, ...], suffix: str) -> list[str]:
    """Paths, of those of one name the one in the first folder."""
    found: dict[str, str] = {}
    for folder in folders:
        for path in files.folder(folder, suffix):
            found.setdefault(os.path.basename(path), path)
    return list(found.values())


def _section(sections: list[Section], name: str) -> Section:
    """All settings of the sections of a name."""
    return Section(name, [setting for section in sections if section.name == name for setting in section.settings])


# ---- NetworkManager and ifupdown -------------------------------------------------------------------------------------


def _network_manager(files: Files) -> Iterator[DeclaredForwarder]:
    if not files.is_on("NetworkManager.service"):
        return
    for path in _winning(files, _PROFILE_FOLDERS, ".nmconnection"):
        sections = files.sections(path)
        profile = _section(sections, "connection")
        shared = tuple(family for family in FAMILIES if _section(sections, family).last("method") == "shared")
        kind = profile.last("type")
        if not shared and kind not in _PROFILES:
            continue
        name = profile.last("interface-name")
        what = "NetworkManager shares its uplink with it" if shared else _PROFILES[kind]
        yield DeclaredForwarder(
            f"interface {name}" if name else f"connection {profile.last('id')}",
            f"{what}, declared in {path}",
            name,
            starts=profile.last("autoconnect").lower() not in ("false", "no", "0"),
            families=shared or None,
        )


def _ifupdown(files: Files) -> Iterator[DeclaredForwarder]:
    """interfaces(5); bridges by bridge-utils-interfaces(5)."""
    if not files.is_on("networking.service"):
        return
    started: set[str] = set()
    found: dict[str, tuple[str, str]] = {}
    for path in ["/etc/network/interfaces", *files.folder("etc/network/interfaces.d")]:
        name = ""
        for line in files.lines(path):
            words = line.split()
            if words[0] == "auto" or words[0].startswith("allow-"):
                started.update(words[1:])
            elif words[0] == "iface":
                name = words[1] if len(words) > 1 else ""
                if words[3:] == ["tunnel"]:
                    found[name] = ("a tunnel", path)
            elif name and words[0].replace("-", "_") == "bridge_ports":
                found[name] = ("a bridge", path)
            elif name and "wireguard" in words:
                found[name] = ("WireGuard", path)
    for name, (what, path) in found.items():
        yield DeclaredForwarder(f"interface {name}", f"{what}, declared in {path}", name, starts=name in started)


# ---- virtual machines and containers of others -----------------------------------------------------------------------


def _libvirt(files: Files) -> Iterator[DeclaredForwarder]:
    """Definitions of networks; libvirt brings rules of its own where it forwards by NAT or routes, not always here."""
    started = {os.path.basename(path) for path in files.folder("etc/libvirt/qemu/networks/autostart", ".xml")}
    for path in files.folder("etc/libvirt/qemu/networks", ".xml"):
        text = files.text(path)
        bridge = re.search(r"<bridge\s[^>]*name=['\"]([^'\"]+)['\"]", text)
        # Without mode= it is nat; without the element, it is isolated.
        forward = re.search(r"<forward(?:\s[^>]*?mode=['\"](\w+)['\"])?", text)
        if bridge is None or forward is None or (forward[1] or "nat") not in ("nat", "route", "open"):
            continue
        addresses = re.findall(r"<ip\s[^>]*?address=['\"]([^'\"]+)['\"]", text)
        yield DeclaredForwarder(
            f"interface {bridge[1]}",
            f"a network of libvirt, declared in {path}",
            bridge[1],
            starts=os.path.basename(path) in started and files.is_on(*_LIBVIRT),
            families=tuple(family for family, sign in zip(FAMILIES, ".:") if any(sign in text for text in addresses)),
        )


def _containers(files: Files) -> Iterator[DeclaredForwarder]:
    for software, units, folders in _CONTAINERS:
        for path in [path for folder in folders for path in files.folder(folder)]:
            name = os.path.basename(path)
            what = f"a network of {software}, kept in {path}"
            yield DeclaredForwarder(f"interface {name}", what, name, starts=files.is_on(*units))
