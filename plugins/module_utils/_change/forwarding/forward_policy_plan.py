# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policy of FORWARD that goes with forwarding, now and after boot: the plan, and the unit that keeps it. Pure.

dockerd closes FORWARD (policy DROP) only when it is dockerd that turns forwarding on: moby, setup_ip_forwarding.go.
Once forwarding is on before dockerd starts, something else must close it, or the host routes for anyone. The unit of
systemd that does so at boot keeps in its text what the policies were before.
"""

from __future__ import annotations

import re
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
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.dockerd_forwarding import (
    closes_at_every_start,
    leaves_forward_open,
    manages_rules,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forwarders import (
    Forwarder,
    accepts_everything,
    find_declared,
    find_forwarders,
    started_by_hand,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    NAMES,
    Disruption,
    Outline,
    PolicyChange,
    Refusal,
    demand,
    policy_diff,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import filters_with_nftables
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import ISOLATION, layout_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import (
    DeclaredForwarders,
    Firewall,
    current_policy,
    filter_save,
    parse_table,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import LINKS, RULESET, HostSnapshot

UNIT = "dockernet-forward-policy.service"
_KEPT = re.compile(r"^# Policy of FORWARD before: (?P<before>.*)$", re.MULTILINE)
_USUAL = {"ipv4": "/usr/sbin/iptables", "ipv6": "/usr/sbin/ip6tables"}
_KEEP = [{"forward_policy": "keep"}]
_OPEN_BY_NFTABLES = (
    "the policy of FORWARD was left unchanged: this engine filters with nftables, and the iptables policy DROP would "
    "drop what it accepts. The host routes for any machine that uses it as a gateway unless another table drops that, "
    "for example: nft 'add table inet gateway; add chain inet gateway forward { type filter hook forward priority -1; "
    '}; add rule inet gateway forward iifname "UPLINK" oifname "UPLINK" drop\''
)
_OPEN_BY_FIREWALLD = (
    "the policy of FORWARD was left unchanged: firewalld decides what this host forwards, and rejects what no zone or "
    "policy of it allows. Zones with forwarding between their interfaces allow it: see firewall-cmd --list-all-zones, "
    "and close one with firewall-cmd --permanent --zone=ZONE --remove-forward"
)


@dataclass(frozen=True)
class PolicyRequest:
    """What the caller wants."""

    families: list[str]
    closed: bool = True
    """False: whatever the policy is, it is left so."""
    at_boot: set[str] = field(default_factory=set)
    """Families that a unit must close at boot, since no one else does."""
    disruption_allowed: bool = False


@dataclass(frozen=True)
class PolicyPlan:
    """What to do: the unit first, so that what was there before is on record, then the policies."""

    outline: Outline = field(default_factory=Outline)
    policies: list[PolicyChange] = field(default_factory=list)
    unit: UnitChange | None = None


def plan_policy(
    snapshot: HostSnapshot, firewall: Firewall, unit: UnitState, request: PolicyRequest, declared: DeclaredForwarders
) -> PolicyPlan:
    """Plan a closed FORWARD for the families of request; declared: who is forwarded for, by files of the host.

    Raises Refusal where somebody would be cut off without consent, where other software sets the policy, or where it
    cannot be kept at boot.
    """
    if not request.closed:
        return PolicyPlan()
    left_open = _left_open(snapshot, firewall)
    if left_open:
        return PolicyPlan(Outline(warnings=left_open))
    demand(snapshot, RULESET, LINKS)
    _refuse_what_does_not_last(firewall, unit, request)
    now = {family: current_policy(snapshot, firewall, family) for family in request.families}
    policies = [PolicyChange(family, policy, "DROP") for family, policy in now.items() if policy != "DROP"]
    concerned = {item.family: _concerned(snapshot, firewall, item.family, declared) for item in policies}
    disruptions = _disruptions(concerned)
    if disruptions and not request.disruption_allowed:
        raise Refusal(_refusal(disruptions, concerned), disruptions, consents=[{"on_disruption": "allow"}, *_KEEP])
    change = _unit_change(firewall, unit, now, request) if request.at_boot else None
    actions = unit_actions(change, _purpose(change.after)) if change else []
    actions += [_action(policy, concerned[policy.family]) for policy in policies]
    diffs = (unit_diff(change) if change else []) + policy_diff(policies)
    warnings = _warnings(snapshot, firewall, policies, request) + started_by_hand(snapshot, list(concerned), declared)
    return PolicyPlan(Outline(actions, diffs, disruptions, warnings), policies, change)


def plan_reopening(snapshot: HostSnapshot, firewall: Firewall, unit: UnitState, families: list[str]) -> PolicyPlan:
    """Plan to take back what plan_policy did for the families, as far as it is still ours."""
    before = recorded_policies(unit)
    if not set(before) & set(families):
        return PolicyPlan()
    demand(snapshot, RULESET)
    rest = {family: policy for family, policy in before.items() if family not in families}
    after = UnitState(UNIT, unit_text(firewall, rest), ENABLED) if rest else UnitState(UNIT, None, ABSENT)
    change = UnitChange(unit, after)
    policies = [
        PolicyChange(family, "DROP", before[family])
        for family in families
        if before.get(family, "DROP") != "DROP"
        and family in firewall.programs
        and current_policy(snapshot, firewall, family) == "DROP"
        and not closes_at_every_start(snapshot, family)
    ]
    purpose = _purpose(after) if rest else ""
    actions = unit_actions(change, purpose)
    actions += [f"restore the policy of FORWARD ({NAMES[item.family]}) to {item.after}" for item in policies]
    return PolicyPlan(Outline(actions, unit_diff(change) + policy_diff(policies)), policies, change)


def recorded_policies(unit: UnitState) -> dict[str, str]:
    """Policies by family that the unit file says were there before; empty for a file that is not ours."""
    found = _KEPT.search(unit.text or "")
    pairs = [item.split() for item in found["before"].split(",")] if found else []
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[0] in NAMES and pair[1] in ("ACCEPT", "DROP")}


def unit_text(firewall: Firewall, before: dict[str, str]) -> str:
    """The unit that closes FORWARD for the families of before, whose values it keeps. Raises Refusal.

    The program is the link of update-alternatives: after a switch of the backend the unit follows, as dockerd does.
    """
    families = sorted(before)
    note = f"Policy of FORWARD before: {', '.join(f'{family} {before[family]}' for family in families)}"
    programs = [firewall.programs.get(family, _USUAL[family]) for family in families]
    return firewall_unit(
        note,
        "Keep the chain FORWARD closed for whatever no rule accepts",
        [f"ExecStart={program} -w 60 -P FORWARD DROP" for program in programs],
        firewall.boot_order,
    )


def _is_own(unit: UnitState) -> bool:
    """Whether the file is as this module writes it, or there is none."""
    return unit.text is None or _KEPT.search(unit.text) is not None


def _left_open(snapshot: HostSnapshot, firewall: Firewall) -> list[str]:
    """Where the policy is not the place: say what decides instead, and how to close it."""
    if firewall.firewalld:
        # Whichever backend dockerd uses beside it.
        return [_OPEN_BY_FIREWALLD]
    if filters_with_nftables(snapshot):
        return [_OPEN_BY_NFTABLES]
    return []


def _refuse_what_does_not_last(firewall: Firewall, unit: UnitState, request: PolicyRequest) -> None:
    missing = [family for family in request.families if family not in firewall.programs]
    if missing:
        names = " and ".join(NAMES[family] for family in missing)
        raise Refusal(
            f"nothing was changed: this host has no iptables for {names} to close FORWARD with, so the host would "
            "route for any machine. Close it by other means, and set forward_policy: keep",
            consents=_KEEP,
        )
    opened = [family for family in request.families if firewall.ufw.get(family) == "ACCEPT"]
    if opened:
        raise Refusal(
            "nothing was changed: ufw sets the policy of FORWARD to ACCEPT at each start and reload, so a closed "
            'chain would not last. If this host forwards for no one else, set DEFAULT_FORWARD_POLICY="DROP" in '
            "/etc/default/ufw and run ufw reload; if it does, set forward_policy: keep",
            consents=_KEEP,
        )
    if request.at_boot and not firewall.systemd:
        raise Refusal(
            "nothing was changed: systemd is not the init system of this host, and only a systemd unit sets the "
            "policy of FORWARD at boot. Set persistent: keep to close it now only, or set forward_policy: keep and "
            "close it by other means",
            consents=[{"persistent": "keep"}, *_KEEP],
        )
    if request.at_boot and unit.state in ("masked", "linked"):
        raise Refusal(f"nothing was changed: /etc/systemd/system/{unit.name} is a link ({unit.state}); remove it")
    if request.at_boot and not _is_own(unit):
        raise Refusal(
            f"nothing was changed: /etc/systemd/system/{unit.name} differs from what this module writes; remove it, "
            "or set forward_policy: keep",
            consents=_KEEP,
        )


def _concerned(
    snapshot: HostSnapshot, firewall: Firewall, family: str, declared: DeclaredForwarders
) -> list[Forwarder]:
    later = find_declared(snapshot, firewall, family, declared)
    going_on = {item.name for item in later if item.goes_on}
    seen = _docker_itself(snapshot, firewall, family) + find_forwarders(snapshot, firewall, family, going_on)
    known = {item.label for item in seen}
    return seen + [item for item in later if item.label not in known]


def _docker_itself(snapshot: HostSnapshot, firewall: Firewall, family: str) -> list[Forwarder]:
    """Docker's own networks where dockerd makes no rules that accept their traffic, and its being told to leave it."""
    found = []
    if not manages_rules(snapshot, filter_save(snapshot, firewall, family), family):
        names = [
            item.name
            for item in snapshot.networks
            if item.bridge and not item.internal and (family == "ipv4" or item.ipv6)
        ]
        what = f"no rule of dockerd accepts its {NAMES[family]} traffic"
        found += [Forwarder("network", name, what) for name in names]
    if leaves_forward_open(snapshot):
        found.append(
            Forwarder(
                "setting",
                "ip-forward-no-drop",
                "dockerd is configured to leave FORWARD open, so something may rely on it",
            )
        )
    return found


def _disruptions(concerned: dict[str, list[Forwarder]]) -> list[Disruption]:
    return [
        Disruption(
            item.kind, item.name, f"{NAMES[family]} is no longer forwarded for it where no rule accepts it: {item.what}"
        )
        for family, items in concerned.items()
        for item in items
        if not item.goes_on
    ]


def _refusal(disruptions: list[Disruption], concerned: dict[str, list[Forwarder]]) -> str:
    shown = "; ".join(f"{item.label} ({item.how})" for item in disruptions)
    names = " and ".join(NAMES[family] for family in concerned)
    return (
        f"nothing was changed: closing FORWARD for {names} would cut off others that this host forwards for: {shown}. "
        "To close it, set on_disruption: allow; to keep it open, so that the host routes for any machine, set "
        "forward_policy: keep; or accept their traffic in both directions in the chain DOCKER-USER, and run again"
    )


def _unit_change(firewall: Firewall, unit: UnitState, now: dict[str, str], request: PolicyRequest) -> UnitChange | None:
    before = {**{family: now[family] for family in now if family in request.at_boot}, **recorded_policies(unit)}
    change = UnitChange(unit, UnitState(UNIT, unit_text(firewall, before), ENABLED))
    return None if change.before == change.after else change


def _purpose(after: UnitState) -> str:
    names = " and ".join(NAMES[family] for family in sorted(recorded_policies(after)))
    return f"which closes FORWARD ({names}) at boot before the network and docker.service start"


def _action(change: PolicyChange, concerned: list[Forwarder]) -> str:
    text = f"set the policy of FORWARD ({NAMES[change.family]}) from {change.before} to {change.after}"
    going_on = [item.label for item in concerned if item.goes_on]
    return f"{text}; {', '.join(going_on)} keeps working by its own rules" if going_on else text


def _warnings(
    snapshot: HostSnapshot, firewall: Firewall, policies: list[PolicyChange], request: PolicyRequest
) -> list[str]:
    warnings = []
    for family in request.families:
        rule = accepts_everything(parse_table(filter_save(snapshot, firewall, family), "filter"))
        if rule:
            warnings.append(
                f"the policy of FORWARD ({NAMES[family]}) has no effect, because a rule accepts everything: {rule}"
            )
    # Later engines let no one from outside to containers' own addresses, whatever the policy.
    if policies and snapshot.engine is not None and layout_of(snapshot.engine) == ISOLATION:
        warnings.append(
            "with FORWARD closed, other machines with a route to the containers' own addresses no longer reach them "
            "there; published ports stay reachable"
        )
    late = firewall.boot_order.late if firewall.boot_order else []
    if request.at_boot and late:
        warnings.append(
            f"{', '.join(late)} loads rules and policies of its own once the network is up, and {UNIT} runs after "
            "that: at boot the host routes for others until then, unless forwarding is off or other rules drop that"
        )
    return warnings
