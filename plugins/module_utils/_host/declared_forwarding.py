# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""For whom files declare that the host will forward. Opens nothing for writing.

systemd-networkd, NetworkManager, ifupdown, wg-quick, IPsec by strongSwan or Libreswan, OpenVPN, libvirt, LXD and Incus.
None of them is asked: a VPN that is down has only its files. These can hold private keys, so only named settings are
handed on, and no text of a file is kept or shown.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_sysctl_file
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import (
    FAMILIES,
    DeclaredForwarder,
    DeclaredForwarders,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import SysctlFile

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
            yield DeclaredForwarder("interface", name, f"{_NETDEVS[kind]}, declared in {path}", name)
    for path in _winning(files, _NETWORKD_FOLDERS, ".network"):
        yield from _network_file(files, path)


def _network_file(files: Files, path: str) -> Iterator[DeclaredForwarder]:
    sections = files.sections(path)
    families = _forwarded(_section(sections, "network"))
    for name in _section(sections, "match").last("name").split():
        if families and not name.startswith("!"):
            what = f"systemd-networkd is configured to forward for it, in {path}"
            yield DeclaredForwarder("interface", name, what, name, families=families)


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
            "interface" if name else "connection",
            name or profile.last("id"),
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
        yield DeclaredForwarder("interface", name, f"{what}, declared in {path}", name, starts=name in started)


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
            "interface",
            bridge[1],
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
            yield DeclaredForwarder("interface", name, what, name, starts=files.is_on(*units))


_IPSEC_UNITS = ("strongswan*.service", "ipsec.service", "libreswan.service")
_IPSEC_LEFT = ("leftsubnet", "leftsubnets", "leftsourceip", "rightsubnet", "rightsubnets", "rightsourceip")
_CONN = re.compile(r"conn\s+(\S+)")
_TRAFFIC = re.compile(r"(?:local_ts|remote_ts)\s*=\s*(.+)")
_OPENED = re.compile(r"([\w.-]+)\s*\{")


def wg_quick(files: Files) -> Iterator[DeclaredForwarder]:
    """Interfaces of wg-quick(8), one a file."""
    for path in files.folder("etc/wireguard", ".conf"):
        name = os.path.basename(path)[: -len(".conf")]
        own = [section for section in files.sections(path) if section.name == "interface"]
        commands = [value for section in own for item in ("preup", "postup") for value in section.all(item)]
        addresses = [word for section in own for value in section.all("address") for word in _words(value)]
        yield DeclaredForwarder(
            "interface",
            name,
            f"WireGuard, declared in {path}",
            name,
            subnets=[word if "/" in word else f"{word}/{128 if ':' in word else 32}" for word in addresses],
            starts=files.is_on(f"wg-quick@{name}.service"),
            accepts=_accepted_both_ways(commands, name),
            families=_families(addresses),
        )


def ipsec(files: Files) -> Iterator[DeclaredForwarder]:
    """Connections of ipsec.conf(5) and swanctl.conf(5) that join networks; those of the host alone pass no FORWARD."""
    starts = files.is_on(*_IPSEC_UNITS)
    for path in ["/etc/ipsec.conf", *files.folder("etc/ipsec.d", ".conf")]:
        yield from _ipsec_conf(files, path, starts=starts)
    for path in ["/etc/swanctl/swanctl.conf", *files.folder("etc/swanctl/conf.d", ".conf")]:
        yield from _swanctl(files, path, starts=starts)


def _ipsec_conf(files: Files, path: str, *, starts: bool) -> Iterator[DeclaredForwarder]:
    connections: dict[str, dict[str, str]] = {}
    settings: dict[str, str] = {}
    for line in files.lines(path):
        found = _CONN.match(line)
        if found or line.startswith(("config ", "ca ")):
            settings = connections.setdefault(found[1], {}) if found else {}
        elif "=" in line:
            name, dummy, value = line.partition("=")
            settings[name.strip().lower()] = value.strip().strip('"')
    default = connections.pop("%default", {})
    for name, own in connections.items():
        known = {**default, **own}
        networks = [word for setting in _IPSEC_LEFT for word in _words(known.get(setting, ""))]
        if networks and known.get("type") not in ("transport", "passthrough", "drop", "reject"):
            accepts = known.get("leftfirewall") == "yes"
            yield _connection(name, path, networks, starts=starts, accepts=accepts)


def _swanctl(files: Files, path: str, *, starts: bool) -> Iterator[DeclaredForwarder]:
    """Blocks ``connections { NAME { children { CHILD { local_ts = ...``."""
    stack: list[str] = []
    networks: dict[str, list[str]] = {}
    accepting: set[str] = set()
    for line in files.lines(path):
        for part in re.split(r"(?<=[{}])", line):
            opened = _OPENED.search(part)
            traffic = _TRAFFIC.search(part)
            within = stack[1] if len(stack) > 1 and stack[0] == "connections" else ""
            if within and traffic:
                networks.setdefault(within, []).extend(_words(traffic[1].rstrip("}").strip()))
            if within and "updown" in part and "iptables" in part:
                accepting.add(within)
            if opened:
                stack.append(opened[1])
            elif "}" in part and stack:
                stack.pop()
    for name, found in networks.items():
        if any("/" in word for word in found):
            yield _connection(name, path, found, starts=starts, accepts=name in accepting)


def _connection(name: str, path: str, networks: list[str], *, starts: bool, accepts: bool) -> DeclaredForwarder:
    what = f"networks that IPsec joins, declared in {path}"
    return DeclaredForwarder(
        "connection",
        name,
        what,
        starts=starts,
        accepts=FAMILIES if accepts else (),
        families=_families([word for word in networks if re.match(r"[0-9a-fA-F:.]+/", word)]),
    )


def openvpn(files: Files) -> Iterator[DeclaredForwarder]:
    """Tunnels of OpenVPN; the unit openvpn.service starts every file of the folder itself (its systemd generator)."""
    for folder, unit in (
        ("etc/openvpn/server", "openvpn-server@{}.service"),
        ("etc/openvpn/client", "openvpn-client@{}.service"),
        ("etc/openvpn", "openvpn@{}.service"),
    ):
        for path in files.folder(folder, ".conf"):
            name = os.path.basename(path)[: -len(".conf")]
            devices = [words[1] for words in map(str.split, files.lines(path)) if words[:1] == ["dev"] and words[1:]]
            device = devices[-1] if devices and devices[-1] not in ("tun", "tap") else ""
            started = files.is_on(unit.format(name)) or (folder == "etc/openvpn" and files.is_on("openvpn.service"))
            yield DeclaredForwarder(
                "interface" if device else "tunnel",
                device or name,
                f"OpenVPN, declared in {path}",
                device,
                starts=started,
            )


def _accepted_both_ways(commands: list[str], interface: str) -> tuple[str, ...]:
    """Families of which commands of wg-quick accept in FORWARD all from the interface, and what goes to it."""
    ways: dict[str, set[str]] = {}
    for command in re.split(r"[;&\n]+", "\n".join(commands)):
        words = command.split()
        if "FORWARD" not in words or words[-2:] != ["-j", "ACCEPT"] or {"-s", "-d", "-p", "!"} & set(words):
            continue
        for way in ("-i", "-o"):
            named = words[words.index(way) + 1] if way in words else ""
            # A condition leaves something to the policy, unless it is the one of answers.
            if named in ("%i", interface) and ("-m" not in words or (way == "-o" and "ESTABLISHED" in command)):
                ways.setdefault(os.path.basename(words[0]), set()).add(way)
    programs = dict(zip(FAMILIES, ("iptables", "ip6tables")))
    return tuple(family for family, program in programs.items() if ways.get(program) == {"-i", "-o"})


def _families(addresses: list[str]) -> Optional[tuple[str, ...]]:
    """Those of the addresses; None where there are none."""
    signs = dict(zip(FAMILIES, (False, True)))
    found = [family for family, sign in signs.items() if any((":" in text) is sign for text in addresses)]
    return tuple(found) or None


def _words(value: str) -> list[str]:
    return [word for word in re.split(r"[,\s]+", value.strip("{}")) if word]


LARGEST = 1 << 18
"""Bytes of one file."""
MOST_FILES = 500
"""Files of one folder."""
_UNIT_FOLDERS = ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
_PULLED_IN = (".wants", ".requires")


@dataclass(frozen=True)
class Section:
    """A section of a file as systemd, NetworkManager and wg-quick write them; names of settings in lower case."""

    name: str
    settings: list[tuple[str, str]] = field(default_factory=list)

    def all(self, setting: str) -> list[str]:
        """Values of a setting in their order."""
        return [value for name, value in self.settings if name == setting]

    def last(self, setting: str) -> str:
        """The value that counts; empty where there is none."""
        return (self.all(setting) or [""])[-1]


class Files:
    """Files below root; what could not be read is told in ``unread``."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self.unread: dict[str, str] = {}
        self._on = self._units_that_are_on()

    def is_on(self, *patterns: str) -> bool:
        """Whether boot starts a unit with one of the names; patterns as in fnmatch."""
        return any(fnmatch.fnmatchcase(unit, pattern) for pattern in patterns for unit in self._on)

    def folder(self, folder: str, suffix: str = "") -> list[str]:
        """Paths in a folder by name, ``/etc/wireguard/wg0.conf``; none where it is not there."""
        try:
            with os.scandir(self._root / folder) as entries:
                names = [entry.name for dummy, entry in zip(range(MOST_FILES + 1), entries)]
        except FileNotFoundError:
            return []
        except OSError as error:
            self.unread[f"/{folder}"] = f"could not be read: {error.strerror}"
            return []
        if len(names) > MOST_FILES:
            self.unread[f"/{folder}"] = f"has more than {MOST_FILES} files, and the rest was not read"
        return [f"/{folder}/{name}" for name in sorted(names[:MOST_FILES]) if name.endswith(suffix)]

    def text(self, path: str) -> str:
        """The text of a file; empty where there is none, or where it cannot be read, which is noted."""
        try:
            return read_regular(self._root / path.lstrip("/"), LARGEST).text
        except FileNotFoundError:
            return ""
        except OSError as error:
            self.unread[path] = f"could not be read: {error.strerror}"
            return ""

    def sections(self, path: str) -> list[Section]:
        """Sections of a file, in their order."""
        found: list[Section] = []
        for line in _lines(self.text(path)):
            if line.startswith("[") and line.endswith("]"):
                found.append(Section(line[1:-1].strip().lower()))
            elif found and "=" in line:
                name, dummy, value = line.partition("=")
                found[-1].settings.append((name.strip().lower(), value.strip()))
        return found

    def lines(self, path: str) -> Iterator[str]:
        """Lines without blanks at their ends, and without comments."""
        return _lines(self.text(path))

    def _units_that_are_on(self) -> set[str]:
        """What a target or another unit pulls in: the links that ``systemctl enable`` makes, and those of packages."""
        found = set()
        for folder in _UNIT_FOLDERS:
            for path in self.folder(folder):
                if path.endswith(_PULLED_IN):
                    found |= {os.path.basename(unit) for unit in self.folder(path.lstrip("/"))}
        return found


def _lines(text: str) -> Iterator[str]:
    for raw in text.splitlines():
        line = raw.strip()
        if line and line[0] not in "#;":
            yield line


def read_procps_tail(root: Path = Path("/")) -> Optional[SysctlFile]:
    """Return /etc/sysctl.conf where systemd runs: boot does not read it under that name, ``sysctl --system`` does last.

    None where there is none, and where it is part of what read_boot() returns. Raises UnreadableError.
    """
    path = root / "etc/sysctl.conf"
    if not (root / "run/systemd/system").is_dir() or not path.is_file():
        return None
    return read_sysctl_file(path, root)
