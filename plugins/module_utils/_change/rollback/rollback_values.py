# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Running values as they were before our changes: sysctls, bridge ports, chain policies, units. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.dockerd_forwarding import NAMES
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forward_policy_plan import (
    CHAIN,
    PolicyChange,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import PortChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_history import Past, PortPast
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_reading import UnitRecord
from ansible_collections.dockernet.baseline.plugins.module_utils._change.own_sysctls import SysctlChange

K = TypeVar("K")
T = TypeVar("T")

# Writing one of these sets every interface of its family (kernel, Documentation/networking/ip-sysctl.rst).
_KNOBS = {
    "net.ipv4.ip_forward": "net.ipv4.conf.",
    "net.ipv4.conf.all.forwarding": "net.ipv4.conf.",
    "net.ipv6.conf.all.forwarding": "net.ipv6.conf.",
}
_FAMILY = re.compile(r"(net\.ipv[46]\.conf\.)[^.]+\.forwarding\Z")


@dataclass(frozen=True)
class Back(Generic[T]):
    """The way back for things of one kind."""

    changes: list[T] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    """What somebody else has changed since; it stays."""
    gone: list[str] = field(default_factory=list)
    """What exists no longer."""


def sysctls_back(pasts: Mapping[str, Past], now: Mapping[str, str]) -> Back[SysctlChange]:
    """Return the values to write, in order: those that set every interface first, then single ones.

    now: all running values. Where all interfaces are set, those that follow are among the changes, and those that stay
    as they are, too, since they must be written again.
    """
    wanted, conflicts, gone = _sorted_out(pasts, now, lambda key: key)
    families = {_KNOBS[key]: value for key, value in wanted.items() if key in _KNOBS}
    for key, value in now.items():
        found = _FAMILY.match(key)
        if found and found.group(1) in families and key not in wanted:
            wanted[key] = value if key in pasts else families[found.group(1)]
    order = sorted(wanted, key=lambda key: (list(_KNOBS).index(key) if key in _KNOBS else len(_KNOBS), key))
    return Back([SysctlChange(key, now[key], wanted[key]) for key in order], conflicts, gone)


def sysctl_sentences(changes: Sequence[SysctlChange]) -> list[str]:
    """One sentence a change, but for what the kernel sets along with another."""
    leaders: dict[str, SysctlChange] = {}
    for change in changes:
        if change.key in _KNOBS:
            leaders.setdefault(_KNOBS[change.key], change)
    said: list[str] = []
    for change in changes:
        found = _FAMILY.match(change.key)
        leader = leaders.get(found.group(1)) if found else None
        follows = leader is not None and leader is not change and leader.after == change.after
        if change.before != change.after and not follows:
            said.append(f"set {change.key} from {change.before} back to {change.after}")
    return said


def ports_back(pasts: Sequence[PortPast], modes: Mapping[tuple[int, str], bool]) -> Back[PortChange]:
    """Return the ports to set.

    modes: hairpin mode by index and name of the interface; one that was made anew since is another port.
    """
    back: Back[PortChange] = Back()
    for item in pasts:
        port = item.port
        mode = modes.get((port.index, port.port))
        if mode is None:
            back.gone.append(f"{port.port}, the port of container {port.container} on {port.bridge}")
        elif mode != (item.past.before == "on"):
            back.changes.append(
                PortChange(
                    port.index, port.port, port.bridge, port.network, port.container, before=mode, after=not mode
                )
            )
    return back


def policies_back(pasts: Mapping[str, Past], now: Mapping[str, str]) -> Back[PolicyChange]:
    """Return the policies of FORWARD to set, by family."""
    wanted, conflicts, gone = _sorted_out(pasts, now, lambda key: f"the policy of {CHAIN} ({NAMES.get(key, key)})")
    return Back([PolicyChange(key, now[key], value) for key, value in wanted.items()], conflicts, gone)


def units_back(pasts: Mapping[str, Past], now: Mapping[str, str]) -> Back[UnitRecord]:
    """Return the units to enable, disable or remove."""
    wanted, conflicts, gone = _sorted_out(pasts, now, lambda name: f"unit {name}")
    return Back([UnitRecord(name, now[name], value) for name, value in wanted.items()], conflicts, gone)


def _sorted_out(
    pasts: Mapping[K, Past], now: Mapping[K, str], name: Callable[[K], str]
) -> tuple[dict[K, str], list[str], list[str]]:
    wanted: dict[K, str] = {}
    conflicts: list[str] = []
    gone: list[str] = []
    for key, past in pasts.items():
        value = now.get(key)
        if value is None:
            gone.append(name(key))
        elif value == past.before:
            continue
        elif value in past.ours:
            wanted[key] = past.before
        else:
            ours = " or ".join(sorted(past.ours))
            conflicts.append(f"{name(key)} is {value} by now, it was {past.before} before, and was made {ours}")
    return wanted, conflicts, gone
