# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""That iptables sees what passes a bridge, as hairpin traffic and forbidden traffic need: the plan. Pure.

A packet between two ports of a bridge passes the rules for addresses only with net.bridge.bridge-nf-call-iptables = 1.
Without docker-proxy, a container that calls a port published by another one on its network depends on it; with traffic
between containers forbidden (icc), so does the rule that forbids it. The setting is one for all bridges of the host,
also those of virtual machines.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forwarders import docker_bridges
from ansible_collections.dockernet.baseline.plugins.module_utils._change.own_sysctls import (
    OwnFile,
    SysctlChange,
    boot_files,
    persist,
    sysctl_actions,
    withdraw,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Disruption
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import BOOT, SYSCTL, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import boot_value

_KEYS = {"ipv4": "net.bridge.bridge-nf-call-iptables", "ipv6": "net.bridge.bridge-nf-call-ip6tables"}
_NOT_LOADED = (
    "the kernel module br_netfilter is not loaded, so rules do not see what passes between containers of one network: "
    "modprobe br_netfilter, and its name in a file of /etc/modules-load.d for boot"
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


def plan_netfilter(snapshot: HostSnapshot, networks: list[Network], *, wanted: bool) -> NetfilterPlan:
    """Plan it for networks: for all of them where wanted, else for those that forbid traffic between containers.

    Where there are none, only our lines for boot are taken back: others may need it now.
    """
    unread = [name for name in (SYSCTL, BOOT) if not snapshot.was_read(name)]
    if unread:
        reason = snapshot.sources[unread[0]].reason if unread[0] in snapshot.sources else "it was not read"
        return NetfilterPlan(warnings=[f"whether iptables sees bridged packets could not be told: {reason}"])
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
        Disruption(
            f"bridge {name}", "what passes it meets the rules of iptables as well, and a closed FORWARD drops it"
        )
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
