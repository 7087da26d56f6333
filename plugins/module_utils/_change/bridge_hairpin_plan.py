# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Hairpin mode of the bridge ports of running containers: the plan. Pure.

Without docker-proxy, a packet that a container sends to its own published port leaves its bridge port and must come
back through the same one; a bridge does that only on ports in hairpin mode. dockerd sets it when it creates an endpoint
and never again (moby, bridge_linux.go, CreateEndpoint), so containers kept alive over a restart are left as they were.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Diff, Outline, Refusal, demand
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LINKS,
    NAMESPACES,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import Attachment, attachments

_WORDS = {True: "on", False: "off"}


@dataclass(frozen=True)
class PortChange:
    """One bridge port and its two modes."""

    index: int
    """Interface index of the host's veth."""
    port: str
    bridge: str
    network: str
    container: str
    before: bool
    after: bool


@dataclass(frozen=True)
class HairpinPlan:
    """Ports to set."""

    outline: Outline
    ports: list[PortChange] = field(default_factory=list)


def plan_hairpin(snapshot: HostSnapshot, state: str, networks: list[str] | None) -> HairpinPlan:
    """Plan state (``enabled``, ``disabled`` or ``auto``) for the running containers of networks (None: all bridges).

    Raises Refusal when a network is unknown, when what is needed was not read, and for ``auto`` when nothing shows
    whether docker-proxy is in use.
    """
    demand(snapshot, ENGINE, NAMESPACES, LINKS)
    known = sorted(network.name for network in snapshot.networks if network.bridge is not None)
    unknown = sorted(set(networks or []) - set(known))
    if unknown:
        raise Refusal(f"no bridge network {', '.join(unknown)} on this host; there are {', '.join(known) or 'none'}")
    wanted = _wanted(snapshot, state)
    chosen = [item for item in attachments(snapshot) if networks is None or item.network.name in networks]
    ports = port_changes(chosen, wanted=wanted)
    warnings = _unseen(chosen) + _harm(snapshot, ports)
    return HairpinPlan(Outline(port_actions(ports), port_diff(ports), warnings=warnings), ports)


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


def port_actions(ports: list[PortChange]) -> list[str]:
    """One sentence a port."""
    return [
        f"turn hairpin {_WORDS[port.after]} for {port.port}, the port of container {port.container} on {port.bridge}"
        for port in ports
    ]


def port_diff(ports: list[PortChange]) -> list[Diff]:
    """The changes as one small table, none for no changes."""
    if not ports:
        return []
    return [
        Diff(
            "hairpin mode of bridge ports",
            "".join(f"{port.bridge} {port.port} {port.container} {_WORDS[port.before]}\n" for port in ports),
            "".join(f"{port.bridge} {port.port} {port.container} {_WORDS[port.after]}\n" for port in ports),
        )
    ]


def _wanted(snapshot: HostSnapshot, state: str) -> bool:
    if state != "auto":
        return state == "enabled"
    mode = proxy_in_force(snapshot)
    if mode.value is None:
        raise Refusal(
            f"nothing shows whether docker-proxy is in use ({mode.evidence}), so the mode that fits is unknown; "
            "say state: enabled or state: disabled"
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
