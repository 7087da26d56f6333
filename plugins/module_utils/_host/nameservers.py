# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nameservers that the host asks: resolv.conf(5), and behind the stub of systemd-resolved its own list."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular

# What systemd-resolved asks, where resolv.conf names only its stub (systemd-resolved.service(8)).
_PATHS = ("etc/resolv.conf", "run/systemd/resolve/resolv.conf")


def read_nameservers(root: Path = Path("/")) -> list[str]:
    """Return the addresses, each once, without zone. A file that is not there names none; OSError for others."""
    found: dict[str, None] = {}
    for path in _PATHS:
        try:
            text = read_regular(root / path).text
        except FileNotFoundError:
            continue
        found.update(dict.fromkeys(_addresses(text)))
    return list(found)


def _addresses(text: str) -> list[str]:
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":
            continue
        address = words[1].partition("%")[0]
        try:
            found.append(str(ipaddress.ip_address(address)))
        except ValueError:
            # The resolver passes it by, too.
            continue
    return found
