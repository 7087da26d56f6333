# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys and files of kernel settings as sysctl.d(5) has them; procps' sysctl(8) reads the same syntax."""

from __future__ import annotations

import re

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    SysctlAssignment,
    SysctlFile,
)


def canonical_key(text: str) -> str:
    """Return a key in dotted form, dots inside an interface name as slashes (``net.ipv4.conf.eth0/100.forwarding``).

    Which of the two signs comes first decides which of them separates, see sysctl.d(5).
    """
    separator = re.search(r"[./]", text)
    if separator is None or separator.group() == ".":
        return text
    return text.translate(str.maketrans("./", "/."))


def parse_sysctl_file(text: str, path: str) -> SysctlFile:
    """Parse the text of a sysctl.d file.

    A leading ``-`` only says that a failure does not matter and is dropped; the form ``-KEY`` without a value, which
    keeps KEY out of patterns, keeps its ``-``.
    """
    assignments = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        excluded = name.startswith("-") and not equals
        key = canonical_key(name.lstrip("-").strip())
        if excluded:
            assignments.append(SysctlAssignment(f"-{key}", "", number))
        elif equals and key:
            assignments.append(SysctlAssignment(key, value.strip(), number))
    return SysctlFile(path, assignments)


def sysctl_key(version: int, interface: str, name: str, folder: str = "conf") -> str:
    """The dotted key of an interface's setting for IPv4 or IPv6; dots of its name become slashes, see sysctl.d(5)."""
    return f"net.ipv{version}.{folder}.{interface.replace('.', '/')}.{name}"
