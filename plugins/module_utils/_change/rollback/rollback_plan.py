# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The host as it was before the first change that was not taken back yet: the plan, but for daemon.json. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import unit_path
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.dockerd_forwarding import NAMES
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forward_policy_plan import (
    PolicyChange,
    policy_diff,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import (
    PortChange,
    port_actions,
    port_diff,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_history import (
    FilePast,
    Past,
    policy_pasts,
    port_pasts,
    sysctl_pasts,
    unit_pasts,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_reading import (
    Change,
    History,
    UnitRecord,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.own_sysctls import SysctlChange, sysctl_diff
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Diff, Outline, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback_files import (
    FileBack,
    Kept,
    file_diffs,
    file_sentences,
    files_back,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback_values import (
    policies_back,
    ports_back,
    sysctl_sentences,
    sysctls_back,
    units_back,
)

_FORWARDING = {"net.ipv4.ip_forward": "IPv4", "net.ipv6.conf.all.forwarding": "IPv6"}


@dataclass(frozen=True)
class Present:
    """Running values as they are now, or will be once daemon.json and dockerd are as they were."""

    sysctls: Mapping[str, str]
    modes: Mapping[tuple[int, str], bool]
    """Hairpin mode of bridge ports, by index and name of the interface."""
    policies: Mapping[str, str]
    """Of FORWARD, by family."""
    units: Mapping[str, str]
    """Their states by name."""


@dataclass(frozen=True)
class ValuesPlan:
    """What is done once dockerd runs as it did before, in this order."""

    outline: Outline
    sysctls: list[SysctlChange] = field(default_factory=list)
    ports: list[PortChange] = field(default_factory=list)
    units: list[UnitRecord] = field(default_factory=list)
    files: list[FileBack] = field(default_factory=list)
    policies: list[PolicyChange] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    """What somebody else has changed since, and stays."""


def plan_values(history: History, files: list[FilePast], kept: Kept, present: Present) -> ValuesPlan:
    """Plan the way back for everything but daemon.json; files: those to be judged here."""
    changes = history.changes
    sysctls = sysctls_back(sysctl_pasts(changes), present.sysctls)
    ports = ports_back(port_pasts(changes), present.modes)
    policies = policies_back(policy_pasts(changes), present.policies)
    contents = files_back(files, kept)
    # A unit whose file somebody else has changed is left to them.
    ours = {name: past for name, past in unit_pasts(changes).items() if unit_path(name) not in contents.blocked}
    units = units_back(ours, present.units)
    rewritten = _rewritten(contents.changes, ours, units.changes)
    actions = sysctl_sentences(sysctls.changes) + port_actions(ports.changes) + _unit_sentences(units.changes)
    actions += file_sentences(contents.changes) + _policy_sentences(policies.changes)
    moving = [change for change in sysctls.changes if change.before != change.after]
    diffs = sysctl_diff(moving) + port_diff(ports.changes) + _unit_diff(units.changes)
    diffs += file_diffs(contents.changes) + policy_diff(policies.changes)
    gone = [*_of_interfaces(sysctls.gone), *ports.gone, *units.gone, *policies.gone]
    warnings = history.notes + contents.notes + _gone_sentence(gone) + _network_sentences(changes)
    warnings += _forwarding_sentences(moving) + _open_sentences(policies.changes, present, moving)
    return ValuesPlan(
        Outline(actions, diffs, warnings=warnings),
        sysctls.changes if moving else [],
        ports.changes,
        units.changes + [UnitRecord(name, present.units[name], present.units[name]) for name in rewritten],
        contents.changes,
        policies.changes,
        sysctls.conflicts + ports.conflicts + units.conflicts + contents.conflicts + policies.conflicts,
    )


def refuse_conflicts(conflicts: list[str]) -> None:
    """Raise Refusal for what somebody else has changed since."""
    if conflicts:
        raise Refusal(
            "nothing was changed, since somebody else changed what this would take back: "
            f"{'; '.join(conflicts)}. Put that right by hand, or leave it as it is and take back the rest with "
            "on_conflict: keep"
        )


def _rewritten(files: list[FileBack], ours: Mapping[str, Past], units: list[UnitRecord]) -> list[str]:
    """Units whose file changes and whose state does not; systemd must read them anew."""
    paths = {item.state.path for item in files}
    moving = {unit.name for unit in units}
    return [name for name in ours if unit_path(name) in paths and name not in moving]


def _unit_sentences(units: list[UnitRecord]) -> list[str]:
    words = {"absent": "disable", "disabled": "disable", "enabled": "enable"}
    return [f"{words.get(unit.after, unit.after)} {unit.name}" for unit in units]


def _unit_diff(units: list[UnitRecord]) -> list[Diff]:
    if not units:
        return []
    before = "".join(f"{unit.name} {unit.before}\n" for unit in units)
    return [Diff("systemd units", before, "".join(f"{unit.name} {unit.after}\n" for unit in units))]


def _policy_sentences(policies: list[PolicyChange]) -> list[str]:
    return [
        f"set the policy of {item.chain} ({NAMES[item.family]}) from {item.before} back to {item.after}"
        for item in policies
    ]


def _of_interfaces(keys: list[str]) -> list[str]:
    return sorted({key.rpartition(".")[0] for key in keys})


def _gone_sentence(gone: list[str]) -> list[str]:
    return [f"no longer there, so there was nothing to take back: {', '.join(gone)}"] if gone else []


def _network_sentences(changes: list[Change]) -> list[str]:
    names = sorted({network.name for change in changes for network in change.networks})
    if not names:
        return []
    text = f"networks are not taken back by this, and stay as they are: {', '.join(names)}"
    return [f"{text}. The module bridge_network, state: absent, removes one"]


def _forwarding_sentences(sysctls: list[SysctlChange]) -> list[str]:
    return [
        f"{_FORWARDING[change.key]} forwarding goes off, as it was: containers lose their way to other machines"
        for change in sysctls
        if change.key in _FORWARDING and change.after == "0"
    ]


def _open_sentences(policies: list[PolicyChange], present: Present, sysctls: list[SysctlChange]) -> list[str]:
    values = {**present.sysctls, **{change.key: change.after for change in sysctls}}
    knobs = {"ipv4": "net.ipv4.ip_forward", "ipv6": "net.ipv6.conf.all.forwarding"}
    return [
        f"the host forwards {NAMES[item.family]} and the policy of FORWARD becomes ACCEPT, "
        "as it was: it routes for anyone who uses it as a gateway"
        for item in policies
        if item.after == "ACCEPT" and values.get(knobs.get(item.family, "")) == "1"
    ]
