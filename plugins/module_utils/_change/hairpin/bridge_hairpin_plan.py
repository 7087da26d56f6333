# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hairpin mode of the bridge ports of running containers, and that iptables sees hairpin traffic: the plan. Pure.

Without docker-proxy, a packet that a container sends to its own published port leaves its bridge port and must come
back through the same one; a bridge does that only on ports in hairpin mode. dockerd sets it when it creates an endpoint
and never again (moby, bridge_linux.go, CreateEndpoint), so containers kept alive over a restart are left as they were.

A packet between two ports of a bridge passes the rules for addresses only with net.bridge.bridge-nf-call-iptables = 1.
Without docker-proxy, a container that calls a port published by another one on its network depends on it; with traffic
between containers forbidden (icc), so does the rule that forbids it. The setting is one for all bridges of the host,
also those of virtual machines.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import UnitState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.loopback_guard_plan import (
    GuardPlan,
    needless_loopback_routes,
    plan_guard,
    plan_guard_of_switch,
    port_changes,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    Disruption,
    Outline,
    PortChange,
    Refusal,
    SysctlChange,
    demand,
    port_actions,
    port_diff,
    sysctl_actions,
    sysctl_diff,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.sysctl_plan import (
    OwnFile,
    boot_files,
    file_diffs,
    persist,
    withdraw,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import Firewall
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    BOOT,
    ENGINE,
    LINKS,
    NAMESPACES,
    SYSCTL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import boot_value
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import (
    Attachment,
    attachments,
    docker_bridges,
)

_KEYS = {"ipv4": "net.bridge.bridge-nf-call-iptables", "ipv6": "net.bridge.bridge-nf-call-ip6tables"}
_NOT_LOADED = (
    "the kernel module br_netfilter is not loaded, so firewall rules do not apply to traffic between containers of one "
    "network: modprobe br_netfilter, and name it in a file in /etc/modules-load.d for boot"
)


@dataclass(frozen=True)
class NetfilterPlan:
    """Sysctls now, and files for boot."""

    actions: list[str] = field(default_factory=list)
    sysctls: list[SysctlChange] = field(default_factory=list)
    files: list[OwnFile] = field(default_factory=list)
    promised: dict[str, str] = field(default_factory=dict)
    disruptions: list[Disruption] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class HairpinRequest:
    """What the caller wants."""

    state: str
    """``enabled``, ``disabled`` or ``auto``."""
    networks: list[str] | None = None
    bridges: list[str] | None = None
    """With both None: all bridges of Docker; else the networks and bridges that are named in either."""
    ports: bool = True
    """Whether the mode of ports is to be as wanted."""
    netfilter: bool = True
    """Whether bridged packets are to be shown to iptables where hairpin is wanted."""
    guard: bool = True
    """Whether the host's 127.0.0.1 is to be guarded where bridges route it."""
    disruption_allowed: bool = False


@dataclass(frozen=True)
class HairpinPlan:
    """Ports to set, and what hairpin traffic needs beside them."""

    outline: Outline
    ports: list[PortChange] = field(default_factory=list)
    netfilter: NetfilterPlan = field(default_factory=NetfilterPlan)
    guard: GuardPlan = field(default_factory=GuardPlan)
    loopback: list[SysctlChange] = field(default_factory=list)
    """route_localnet of bridges that docker-proxy made needless."""


def plan_hairpin(
    snapshot: HostSnapshot, request: HairpinRequest, firewall: Firewall | None = None, unit: UnitState | None = None
) -> HairpinPlan:
    """Plan what is requested. firewall and unit, of the guard, are needed where request.guard says so.

    Raises Refusal when a network or bridge is unknown, when what is needed was not read, for ``auto`` when nothing
    shows whether docker-proxy is in use, and when other bridges would be concerned without consent.
    """
    demand(snapshot, ENGINE, NAMESPACES, LINKS)
    networks = _chosen(snapshot, request)
    wanted = _wanted(snapshot, request.state)
    ids = {network.id for network in networks}
    chosen = [item for item in attachments(snapshot) if item.network.id in ids]
    ports = port_changes(chosen, wanted=wanted) if request.ports else []
    netfilter = plan_netfilter(snapshot, networks, wanted=wanted) if request.netfilter and networks else NetfilterPlan()
    if netfilter.disruptions and not request.disruption_allowed:
        raise Refusal(
            _refusal(netfilter),
            netfilter.disruptions,
            consents=[{"on_disruption": "allow"}, {"bridge_netfilter": "keep"}],
        )
    loopback = needless_loopback_routes(snapshot) if request.guard else []
    guard = _plan_guard(snapshot, loopback, firewall, unit) if request.guard and firewall and unit else GuardPlan()
    sysctls = netfilter.sysctls + loopback
    outline = Outline(
        netfilter.actions + sysctl_actions(loopback) + guard.actions + port_actions(ports),
        sysctl_diff(sysctls) + file_diffs(snapshot, netfilter.files) + guard.diffs + port_diff(ports),
        netfilter.disruptions,
        _unseen(chosen) + _harm(snapshot, ports) + netfilter.warnings + guard.warnings,
    )
    return HairpinPlan(outline, ports, netfilter, guard, loopback)


def _plan_guard(snapshot: HostSnapshot, loopback: list[SysctlChange], firewall: Firewall, unit: UnitState) -> GuardPlan:
    """The guard for the time after the bridges stopped routing 127.0.0.0/8, if they do."""
    if loopback:
        return plan_guard_of_switch(snapshot, firewall, unit, enabled=True)
    return plan_guard(snapshot, firewall, unit)


def _chosen(snapshot: HostSnapshot, request: HairpinRequest) -> list[Network]:
    known = [network for network in snapshot.networks if network.bridge is not None]
    _refuse_unknown("bridge network", request.networks, [network.name for network in known])
    _refuse_unknown("bridge of a network", request.bridges, [network.bridge or "" for network in known])
    if request.networks is None and request.bridges is None:
        return known
    return [item for item in known if item.name in (request.networks or []) or item.bridge in (request.bridges or [])]


def _refuse_unknown(what: str, names: list[str] | None, known: list[str]) -> None:
    unknown = sorted(set(names or []) - set(known))
    if unknown:
        raise Refusal(f"no {what} {', '.join(unknown)} on this host; there are {', '.join(sorted(known)) or 'none'}")


def _refusal(netfilter: NetfilterPlan) -> str:
    bridges = ", ".join(item.label for item in netfilter.disruptions)
    keys = ", ".join([change.key for change in netfilter.sysctls] or list(netfilter.promised))
    return (
        f"nothing was changed: hairpin traffic needs {keys} = 1, which is one setting for all bridges, including "
        f"{bridges}, whose traffic iptables would then filter. To set it, set on_disruption: allow; to leave it, set "
        "bridge_netfilter: keep"
    )


def _wanted(snapshot: HostSnapshot, state: str) -> bool:
    if state != "auto":
        return state == "enabled"
    mode = proxy_in_force(snapshot)
    if mode.value is None:
        raise Refusal(
            f"nothing shows whether docker-proxy is in use ({mode.evidence}), so the right mode is unknown; set state: "
            "enabled or state: disabled"
        )
    return not mode.value


def _unseen(chosen: list[Attachment]) -> list[str]:
    return [
        f"no bridge port of container {item.container.name} on network {item.network.name} was found, so its hairpin "
        "mode was neither checked nor set"
        for item in chosen
        if item.port is None
    ]


def _harm(snapshot: HostSnapshot, ports: list[PortChange]) -> list[str]:
    names = sorted({port.container for port in ports if not port.after})
    if not names or proxy_in_force(snapshot).value is not False:
        return []
    return [
        f"docker-proxy is off, so without hairpin mode these cannot reach their own published ports: {', '.join(names)}"
    ]


def plan_netfilter(snapshot: HostSnapshot, networks: list[Network], *, wanted: bool) -> NetfilterPlan:
    """Plan it for networks: for all of them where wanted, else for those that forbid traffic between containers.

    Where there are none, only our lines for boot are taken back: others may need it now.
    """
    unread = [name for name in (SYSCTL, BOOT) if not snapshot.was_read(name)]
    if unread:
        reason = snapshot.sources[unread[0]].reason if unread[0] in snapshot.sources else "it was not read"
        return NetfilterPlan(warnings=[f"whether iptables filters bridged packets could not be determined: {reason}"])
    boot = boot_files(snapshot)
    concerned = [network for network in networks if wanted or not network.icc]
    if not concerned:
        files, actions = withdraw(boot, lambda key: key in _KEYS.values())
        return NetfilterPlan(actions, files=files)
    keys = [_KEYS[family] for family in _KEYS if family == "ipv4" or any(item.ipv6 for item in concerned)]
    if keys[0] not in snapshot.sysctls:
        return NetfilterPlan(warnings=[_NOT_LOADED])
    sysctls = [SysctlChange(key, snapshot.sysctls[key], "1") for key in keys if snapshot.sysctls.get(key) == "0"]
    # 1 is what the module begins with, so only a file that says 0 must be outdone.
    promised = {key: "1" for key in keys if boot_value(boot, key).value == "0"}
    files, actions = persist(boot, promised)
    others = _other_bridges(snapshot) if sysctls or files else []
    disruptions = [
        Disruption("bridge", name, "iptables then filters its traffic as well, and a closed FORWARD drops it")
        for name in others
    ]
    return NetfilterPlan(sysctl_actions(sysctls) + actions, sysctls, files, promised, disruptions)


def _other_bridges(snapshot: HostSnapshot) -> list[str]:
    own = docker_bridges(snapshot)
    masters = {link.master for link in snapshot.links if link.up}
    return [
        link.name
        for link in snapshot.links
        if link.kind == "bridge" and link.up and link.name not in own and link.index in masters
    ]
