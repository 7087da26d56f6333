# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""VPNs that files declare: wg-quick, IPsec by strongSwan or Libreswan, OpenVPN. Keys in these files are passed over."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.forwarder_files import Files
from ansible_collections.dockernet.baseline.plugins.module_utils._model.declared_forwarder import (
    FAMILIES,
    DeclaredForwarder,
)

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
            f"interface {name}",
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
        f"IPsec connection {name}",
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
                f"interface {device}" if device else f"tunnel {name}",
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
