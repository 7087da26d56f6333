# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables of iptables-legacy: whether there are any, whom they tell of packets that are traced, and what a rule does.

They know no events of nf_tables. A packet that is traced they hand to the logger of its family (net.netfilter.nf_log),
which is to be nfnetlink_log for as long as a trace takes.
"""

from __future__ import annotations

import shlex
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import NOT_FOUND, run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import TraceEvent

LOGGER = "nfnetlink_log"
_NUMBERS = {4: 2, 6: 10}
_NAMES = {4: "/proc/net/ip_tables_names", 6: "/proc/net/ip6_tables_names"}
_PROGRAMS = {4: ("iptables-legacy-save", "iptables-save"), 6: ("ip6tables-legacy-save", "ip6tables-save")}
_DROPPING = ("DROP", "REJECT")


def has_tables(version: int) -> bool:
    """Whether this namespace has tables of iptables-legacy. False where that is not to be seen."""
    try:
        with open(_NAMES[version], encoding="ascii", errors="replace") as file:
            return bool(file.read(1))
    except OSError:
        return False


def setting(version: int) -> str:
    """The name of the setting for people."""
    return f"net.netfilter.nf_log.{_NUMBERS[version]}"


def _path(version: int) -> str:
    return f"/proc/sys/net/netfilter/nf_log/{_NUMBERS[version]}"


def logger(version: int) -> str:
    """The logger of a version of IP. Raises OSError."""
    with open(_path(version), encoding="ascii") as file:
        return file.read().strip()


def set_logger(version: int, name: str) -> None:
    """Set it. Raises OSError."""
    with open(_path(version), "w", encoding="ascii") as file:
        file.write(name)


def restore_logger(version: int, name: str) -> None:
    """Set it to what it was, unless another program has changed it since. Raises OSError."""
    if logger(version) == LOGGER:
        set_logger(version, name)


def is_drop(event: TraceEvent) -> bool:
    """Whether the rule or policy of an event of a legacy table drops packets, which its event does not say."""
    dummy, family, table = event.table.split(" ", 2)
    lines = _saved(4 if family == "ip" else 6, table)
    rules = [line for line in lines if line.startswith(f"-A {event.chain} ")]
    if event.number is not None and 0 < event.number <= len(rules):
        return _target(rules[event.number - 1]) in _DROPPING
    return event.kind == "policy" and any(line.startswith(f":{event.chain} DROP ") for line in lines)


def _saved(version: int, table: str) -> list[str]:
    for program in _PROGRAMS[version]:
        status, output, dummy = run_command([program, "-t", table])
        if status != NOT_FOUND:
            return output.splitlines() if status == 0 else []
    return []


def _target(rule: str) -> Optional[str]:
    try:
        words = shlex.split(rule)
        return words[words.index("-j") + 1]
    except (ValueError, LookupError):
        return None
