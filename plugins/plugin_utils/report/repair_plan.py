# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which modules repair what an audit found, each run once, with the options of all findings that name it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, PASS, Finding, Remediation
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import DISABLED, ENABLED, KEEP

BRIDGE_HAIRPIN = "bridge_hairpin"
BRIDGE_NETWORK = "bridge_network"
DAEMON_CONFIG = "daemon_config"
IP_FORWARD = "ip_forward"
USERLAND_PROXY = "userland_proxy"
RUN_BY = {USERLAND_PROXY: DAEMON_CONFIG}
"""The module that does what a remediation names: all keys of daemon.json go to one, so that one restart will do."""
OPTIONS: Mapping[str, Collection[str]] = {
    BRIDGE_HAIRPIN: ("state",),
    BRIDGE_NETWORK: ("networks",),
    DAEMON_CONFIG: ("config", "absent", "restart"),
    IP_FORWARD: ("state", "families", "accept_ra"),
    USERLAND_PROXY: ("state",),
}
"""Modules that remediations may name, with the options that they may give: those that the role harden passes on."""

ON_REQUEST = ("daemon.pending", "firewall.disabled", "network.ipv6-unfiltered")
"""Checks whose repair brings into force what somebody may have held back on purpose: rules of dockerd where others may
do the work, translate or filter; or a change of configuration that waits for its hour."""

POSTURE = ("network.icc",)
"""Checks that fail on hosts where nothing is broken and nothing is open against what was meant: their repair takes a
profile that asks for a posture, or a word of its own."""

_IDLE_START = "a start of dockerd that finds no container running"
_PROXY_KEY = "userland-proxy"
_LIVE_RESTORE_KEY = "live-restore"


class LostRemediationError(ValueError):
    """A remediation of which a part would not be run; the message names the check and that part."""


@dataclass(frozen=True)
class HardeningChoices:
    """What is said about it for hardening the host."""

    userland_proxy: str = KEEP
    live_restore: bool = False
    """Whether live-restore may be turned on."""
    daemon_config: Mapping[str, Any] = field(default_factory=dict)
    """Further keys of daemon.json; they overrule what remediations say of the same."""
    families: Sequence[str] = ("ipv4", "ipv6")
    """Those that forwarding may be turned on for."""
    also: Sequence[str] = ()
    """Those of ON_REQUEST and POSTURE that are to be repaired, too."""
    posture: bool = False
    """Whether all of POSTURE are."""
    forwarding_by_file: bool = False
    """Whether a file is to turn forwarding on at boot although nothing lacks it."""


@dataclass(frozen=True)
class RepairPlan:
    """Options by the short name of the module to run with them; a module that is not named is not run."""

    modules: Mapping[str, Mapping[str, Any]]
    switches_proxy: bool = False
    """Whether docker-proxy goes on or off by it, which brings the ports of bridges into line as well."""
    waiting: Mapping[str, str] = field(default_factory=dict)
    """Checks whose remediation was not asked for, with the variable of the role harden that asks for it."""


def repair_plan(
    findings: Iterable[Finding], choices: HardeningChoices, *, proxy_in_force: bool | None, running: bool = False
) -> RepairPlan:
    """Plan the repair of all that failed and was not waived.

    proxy_in_force: as the audit's facts have it; running: whether containers are.
    Raises LostRemediationError.
    """
    named: dict[str, list[Mapping[str, Any]]] = {}
    found = list(findings)
    # dockerd makes its default network anew only in a start that finds no container running.
    carried = running and choices.live_restore
    remediations = [
        (finding.check, finding.remediation)
        for finding in found
        if finding.outcome == FAIL and finding.waiver is None and finding.remediation is not None
    ]
    for check, remediation in remediations:
        if remediation.module is None:
            continue
        _refuse_to_lose(check, remediation.module, remediation.args)
        if _asked_for(check, choices) and not (check in POSTURE and carried):
            named.setdefault(remediation.module, []).append(remediation.args)
    if choices.forwarding_by_file:
        named.setdefault(IP_FORWARD, []).append({"families": _families_in_use(found)})
    modules = {module: _united(named[module]) for module in (BRIDGE_HAIRPIN, BRIDGE_NETWORK) if module in named}
    forwarding = _forwarding(named.get(IP_FORWARD, []), choices)
    if forwarding:
        modules[IP_FORWARD] = forwarding
    state = _proxy_state(named.get(USERLAND_PROXY, []), choices, in_force=proxy_in_force)
    daemon = _daemon(named.get(DAEMON_CONFIG, []), state, choices)
    if daemon:
        modules[DAEMON_CONFIG] = daemon
    switches = state is not None and proxy_in_force is not None and proxy_in_force != (state == ENABLED)
    waiting = {check: _what_it_waits_for(check, remediation, state, choices) for check, remediation in remediations}
    if carried:
        waiting.update(
            {check: _IDLE_START for check, remediation in remediations if check in POSTURE and remediation.module}
        )
    return RepairPlan(modules, switches, {check: waits_for for check, waits_for in waiting.items() if waits_for})


def _families_in_use(findings: Iterable[Finding]) -> list[str]:
    """Those whose forwarding was judged, since networks need it."""
    judged = {finding.check for finding in findings if finding.outcome in (PASS, FAIL)}
    return [family for family in ("ipv4", "ipv6") if f"forwarding.{family}" in judged]


def _refuse_to_lose(check: str, module: str, args: Mapping[str, Any]) -> None:
    """As may come of findings of another version of this collection. Raises LostRemediationError."""
    if module not in OPTIONS:
        raise LostRemediationError(f"the remediation of {check} names the module {module}, which is not run")
    lost = [name for name in args if name not in OPTIONS[module]]
    if lost:
        raise LostRemediationError(
            f"the remediation of {check} gives {', '.join(lost)} to {module}, which is not passed on"
        )


def _asked_for(check: str, choices: HardeningChoices) -> bool:
    return check in choices.also or (check not in ON_REQUEST and (choices.posture or check not in POSTURE))


def _what_it_waits_for(check: str, remediation: Remediation, proxy_state: str | None, choices: HardeningChoices) -> str:
    """What has to be said for the remediation to be run; empty where it is run, or none of ours."""
    if remediation.module is not None and not _asked_for(check, choices):
        return f"harden_also_repair: [{check}]"
    if remediation.module == IP_FORWARD and not set(remediation.args.get("families", [])) & set(choices.families):
        return f"harden_ip_forward_families: [{', '.join(remediation.args.get('families', []))}]"
    if remediation.module == USERLAND_PROXY and proxy_state is None:
        return f"harden_userland_proxy: {remediation.args.get('state')}"
    if remediation.module == DAEMON_CONFIG and not choices.live_restore and list(remediation.args) == ["config"]:
        return "harden_live_restore: enabled" if list(remediation.args["config"]) == [_LIVE_RESTORE_KEY] else ""
    return ""


def _united(options: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Options of one run: lists are joined without repetition, mappings merged; of anything else the first counts."""
    united: dict[str, Any] = {}
    for name, value in (item for chosen in options for item in chosen.items()):
        known = united.get(name)
        if isinstance(value, list):
            united[name] = [*(known or []), *(item for item in value if item not in (known or []))]
        elif isinstance(value, Mapping):
            united[name] = {**value, **(known or {})}
        else:
            united.setdefault(name, value)
    return united


def _forwarding(options: Sequence[Mapping[str, Any]], choices: HardeningChoices) -> dict[str, Any]:
    """Empty where no family is left to do."""
    united = _united(options)
    families = [family for family in united.get("families", []) if family in choices.families]
    return {**united, "families": families} if families else {}


def _proxy_state(
    options: Iterable[Mapping[str, Any]], choices: HardeningChoices, *, in_force: bool | None
) -> str | None:
    """What docker-proxy is to become; None where nothing about it is repaired.

    Where either state will do, only what does not switch docker-proxy is repaired; one that waits is decided by hand.
    """
    states = {option.get("state") for option in options}
    if choices.userland_proxy != KEEP:
        return choices.userland_proxy if states else None
    kept = None if in_force is None else ENABLED if in_force else DISABLED
    return kept if kept in states else None


def _daemon(options: Sequence[Mapping[str, Any]], proxy_state: str | None, choices: HardeningChoices) -> dict[str, Any]:
    """All keys together, so that one restart will do. On is docker-proxy's default, and needs no key."""
    united = _united(options)
    config = {key: value for key, value in united.get("config", {}).items() if key != _LIVE_RESTORE_KEY}
    if _LIVE_RESTORE_KEY in united.get("config", {}) and choices.live_restore:
        config[_LIVE_RESTORE_KEY] = True
    if proxy_state == DISABLED:
        config[_PROXY_KEY] = False
    config.update(choices.daemon_config)
    absent = [key for key in united.get("absent", []) if key not in config]
    if proxy_state == ENABLED and _PROXY_KEY not in absent:
        absent.append(_PROXY_KEY)
    rest = {name: value for name, value in united.items() if name not in ("config", "absent")}
    return {"config": config, "absent": absent, **rest} if config or absent or rest else {}
