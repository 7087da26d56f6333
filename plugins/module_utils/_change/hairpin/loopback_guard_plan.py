# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes with docker-proxy: hairpin of ports, and the guard of the host's loopback while it is off: the plan. Pure.

Without docker-proxy dockerd sets route_localnet on its bridges (moby, setupLoopbackAddressesRouting). From then on a
container that may change its routes reaches services that listen on the host's 127.0.0.1, as in CVE-2020-8558. A rule
in the table raw drops what comes in for 127.0.0.0/8 by any other interface than lo. The host's own connections to
published ports at 127.0.0.1 do not pass PREROUTING.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import (
    ABSENT,
    ENABLED,
    UnitChange,
    UnitState,
    firewall_unit,
    unit_actions,
    unit_diff,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Diff, PortChange, SysctlChange
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import (
    Firewall,
    filter_save,
    parse_table,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import sysctl_key
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import RULESET, SYSCTL, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import Attachment, docker_bridges

UNIT = "dockernet-loopback-guard.service"
_MARK = "dockernet-loopback-guard"
RULE = ["!", "-i", "lo", "-d", "127.0.0.0/8", "-m", "comment", "--comment", _MARK, "-j", "DROP"]
_SHOWN = "raw PREROUTING ! -i lo -d 127.0.0.0/8 -j DROP"
_ADDED = f"add the rule {_SHOWN}, so that containers do not reach services on the host's 127.0.0.1"
# The interface by which WSL2 in mirrored mode passes connections of Windows to 127.0.0.1 on.
_MIRRORED = "loopback0"


@dataclass(frozen=True)
class GuardPlan:
    """What becomes of the rule and of the unit that sets it at boot."""

    actions: list[str] = field(default_factory=list)
    diffs: list[Diff] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    rule: bool | None = None
    """Whether our rule must be there afterwards; None: it stays as it is."""
    before: bool = False
    unit: UnitChange | None = None


def plan_guard(snapshot: HostSnapshot, firewall: Firewall, unit: UnitState) -> GuardPlan:
    """Plan the guard where Docker's bridges route 127/8, and its end where docker-proxy is on and none does."""
    return _plan(snapshot, firewall, unit, needed=_is_needed(snapshot))


def plan_guard_of_switch(snapshot: HostSnapshot, firewall: Firewall, unit: UnitState, *, enabled: bool) -> GuardPlan:
    """Plan the guard for the time after docker-proxy was switched on (enabled) or off."""
    return _plan(snapshot, firewall, unit, needed=not enabled)


def loopback_routes(snapshot: HostSnapshot) -> list[SysctlChange]:
    """The end of route_localnet on Docker's bridges, where it is on."""
    keys = [_key(bridge) for bridge in sorted(docker_bridges(snapshot))]
    return [SysctlChange(key, "1", "0") for key in keys if snapshot.sysctls.get(key) == "1"]


def needless_loopback_routes(snapshot: HostSnapshot) -> list[SysctlChange]:
    """The same, where docker-proxy is in force: nothing of dockerd needs it then."""
    return loopback_routes(snapshot) if proxy_in_force(snapshot).value else []


def _plan(snapshot: HostSnapshot, firewall: Firewall, unit: UnitState, *, needed: bool | None) -> GuardPlan:
    unread = [name for name in (RULESET, SYSCTL) if not snapshot.was_read(name)]
    if unread:
        reason = snapshot.sources[unread[0]].reason if unread[0] in snapshot.sources else "it was not read"
        return GuardPlan(warnings=[f"whether the host's 127.0.0.1 is protected could not be determined: {reason}"])
    if needed is None:
        return GuardPlan()
    ours, theirs = _rules(snapshot, firewall)
    if not needed:
        return _end(unit, ours=ours)
    if theirs and not ours and unit.text is None:
        return GuardPlan()
    obstacle = _obstacle(snapshot, firewall, unit)
    if obstacle:
        return GuardPlan(warnings=[f"the host's 127.0.0.1 is not protected against containers: {obstacle}"])
    return _begin(firewall, unit, ours=ours)


def _is_needed(snapshot: HostSnapshot) -> bool | None:
    keys = [_key(name) for name in docker_bridges(snapshot)]
    if any(snapshot.sysctls.get(key) == "1" for key in keys):
        return True
    mode = proxy_in_force(snapshot).value
    return None if mode is None else not mode


def _key(bridge: str) -> str:
    return sysctl_key(4, bridge, "route_localnet")


def _rules(snapshot: HostSnapshot, firewall: Firewall) -> tuple[bool, bool]:
    """Whether a rule of ours, and one of somebody else, guards 127/8."""
    table = parse_table(filter_save(snapshot, firewall, "ipv4"), "raw")
    found = [
        rule
        for rule in table.of("PREROUTING")
        if rule.target == "DROP"
        and {key: value for key, value in rule.matches.items() if key != "--comment"}
        == {"-d": "127.0.0.0/8", "! -i": "lo"}
    ]
    ours = [rule for rule in found if rule.matches.get("--comment") == _MARK]
    return bool(ours), len(found) > len(ours)


def _obstacle(snapshot: HostSnapshot, firewall: Firewall, unit: UnitState) -> str:
    if any(link.name == _MIRRORED for link in snapshot.links):
        return f"this is WSL2 in mirrored mode, where connections from Windows arrive on {_MIRRORED}"
    if "ipv4" not in firewall.programs:
        return "there is no iptables on this host"
    if firewall.systemd and firewall.boot_order is None:
        return "systemd does not show the order of units at boot"
    if unit.state in ("masked", "linked"):
        return f"/etc/systemd/system/{UNIT} is a link ({unit.state})"
    return ""


def _begin(firewall: Firewall, unit: UnitState, *, ours: bool) -> GuardPlan:
    change = UnitChange(unit, UnitState(UNIT, _unit_text(firewall), ENABLED)) if firewall.systemd else None
    if change is None or change.before == change.after:
        warnings = [] if firewall.systemd else [f"without systemd nothing sets the rule {_SHOWN} again at boot"]
        if ours:
            return GuardPlan(warnings=warnings)
        return GuardPlan([_ADDED], [Diff("rule", "", f"{_SHOWN}\n")], warnings, rule=True)
    actions = unit_actions(change, "which protects the host's 127.0.0.1 at boot")
    diffs = unit_diff(change)
    if not ours:
        actions.append(_ADDED)
        diffs.append(Diff("rule", "", f"{_SHOWN}\n"))
    return GuardPlan(actions, diffs, rule=True, before=ours, unit=change)


def _end(unit: UnitState, *, ours: bool) -> GuardPlan:
    change = UnitChange(unit, UnitState(UNIT, None, ABSENT)) if unit.text is not None else None
    actions = unit_actions(change, "") if change else []
    diffs = unit_diff(change) if change else []
    if ours:
        actions.append(f"remove the rule {_SHOWN}: docker-proxy is on, and no bridge of Docker routes 127.0.0.0/8")
        diffs.append(Diff("rule", f"{_SHOWN}\n", ""))
    return GuardPlan(actions, diffs, rule=False if actions else None, before=ours, unit=change)


def _unit_text(firewall: Firewall) -> str:
    program = firewall.programs["ipv4"]
    words = " ".join(RULE)
    delete = f"{program} -w 60 -t raw -D PREROUTING {words}"
    return firewall_unit(
        "Without docker-proxy the bridges of Docker route 127.0.0.0/8, which only the host itself may use.",
        "Guard the loopback of this host against other interfaces",
        [
            "RemainAfterExit=yes",
            f"ExecStart=-{delete}",
            f"ExecStart={program} -w 60 -t raw -I PREROUTING {words}",
            f"ExecStop=-{delete}",
        ],
        firewall.boot_order,
    )


def port_changes(chosen: list[Attachment], *, wanted: bool) -> list[PortChange]:
    """Return what must change for all ports of chosen to be in the wanted mode; each port once."""
    changes: dict[int, PortChange] = {}
    for item in chosen:
        port = item.port
        if port is None or port.hairpin is None or port.hairpin == wanted:
            continue
        changes[port.index] = PortChange(
            port.index, port.name, item.bridge or "", item.network.name, item.container.name, port.hairpin, wanted
        )
    return [changes[index] for index in sorted(changes)]
