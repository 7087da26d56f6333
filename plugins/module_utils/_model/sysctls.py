# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of the kernel's settings, and which value one will have after boot, from the files that are read then.

Source: sysctl.d(5) and systemd's src/sysctl/sysctl.c.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import BootSysctls, canonical_key

_FORWARDING = re.compile(r"net\.(?P<family>ipv[46])\.conf\.(?P<interface>[^.]+)\.forwarding")


@dataclass(frozen=True)
class BootValue:
    """What boot will set, and the assignment that decides it."""

    value: Optional[str]
    """None when no file sets it: the kernel's own default, or what other programs write later."""
    path: str = ""
    line: int = 0


def boot_value(boot: BootSysctls, key: str) -> BootValue:
    """Return the value that key will have once all files are applied.

    The last assignment wins; one by a pattern does not touch keys that are also named exactly, wherever that stands.
    ``net.ipv4.ip_forward`` and ``net.ipv4.conf.all.forwarding`` are one setting, and writing it (or its IPv6 sister)
    also sets ``default`` and every interface (Linux Documentation/networking/ip-sysctl.rst), for IPv4 only if its value
    changes (net/ipv4/devinet.c, devinet_sysctl_forward). What the kernel would refuse to take for a switch is passed
    over.
    """
    writers = _writers(canonical_key(key))
    is_switch = len(writers) > 1 or _FORWARDING.fullmatch(writers[0]) is not None
    applied = _applied(boot)
    named = {name.lstrip("-") for name in applied}
    everywhere = set(_writers("net.ipv4.ip_forward")) if writers[0] not in _writers("net.ipv4.ip_forward") else set()
    switch = "0"
    found = BootValue(None)
    for name, (value, path, line) in applied.items():
        written = {writer for writer in writers if name == writer or (_matches(name, writer) and writer not in named)}
        taken = _number(value) if is_switch else value
        if not written or taken is None:
            continue
        unchanged = written <= everywhere and taken == switch
        if written & everywhere:
            switch = taken
        if not (unchanged and found.value is not None):
            found = BootValue(taken, path, line)
    return found


def _applied(boot: BootSysctls) -> dict[str, tuple[str, str, int]]:
    """All assignments in the order in which they take effect, each key once.

    A new value moves a key to the place of the new assignment; the value it has already leaves it where it stands.
    """
    applied: dict[str, tuple[str, str, int]] = {}
    for file in boot.files:
        for item in file.assignments:
            if item.key in applied and applied[item.key][0] == item.value:
                continue
            bare = item.key.lstrip("-")
            applied.pop(bare, None)
            applied.pop(f"-{bare}", None)
            applied[item.key] = (item.value, file.path, item.line)
    return applied


def _writers(key: str) -> tuple[str, ...]:
    """The keys whose assignment decides the value of key."""
    if key == "net.ipv4.ip_forward":
        return ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding")
    found = _FORWARDING.fullmatch(key)
    if found is None:
        return (key,)
    everywhere = _writers("net.ipv4.ip_forward") if found["family"] == "ipv4" else ("net.ipv6.conf.all.forwarding",)
    return everywhere if key in everywhere else (key, *everywhere)


def _number(value: str) -> Optional[str]:
    """What the kernel takes a text for where it wants one number: it reads up to the first blank (proc_dointvec)."""
    word = (value.split() or [""])[0]
    for form, base in ((r"-?0[xX][0-9a-fA-F]+", 16), (r"-?0[0-7]*", 8), (r"-?[1-9][0-9]*", 10)):
        if re.fullmatch(form, word):
            return str(int(word, base))
    return None


def _matches(pattern: str, key: str) -> bool:
    """Whether a pattern as in glob(7) matches key; a wildcard does not reach across a separator."""
    if not re.search(r"[*?\[]", pattern):
        return False
    parts, names = pattern.split("."), key.split(".")
    return len(parts) == len(names) and all(map(fnmatch.fnmatchcase, names, parts))
