# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether containers on the daemon's default network reach each other (2.2 of the CIS benchmark)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import next_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import INFO, MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.linux_capabilities import holds
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import ICC as ICC_OPTION
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import (
    ANY_PORT,
    CONTAINER,
    Origin,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import UNKNOWN
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.evaluation import PACKETS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

_KEY = "icc"
_NET_RAW = "NET_RAW"
_NAMED = 5


def _judge_icc(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    default = next((network for network in snapshot.networks if network.is_default_bridge), None)
    if default is None:
        return [not_applicable(resources.host(snapshot), "This daemon has no default bridge network")]
    switched_on = default.icc
    evidence: dict[str, Any] = {
        f"{ICC_OPTION} of network {default.name}": default.options.get(ICC_OPTION, "not set: true")
    }
    users = [item for item in running(snapshot) if _address(item, default)]
    packet = _packet_between(users, default)
    path = None if packet is None else examined.path(packet)
    if path is not None:
        evidence[str(packet)] = f"{path.verdict}: {path.reason}"
        if path.verdict == UNKNOWN:
            reason = f"whether containers on {default.bridge} reach each other depends on {'; '.join(path.doubts)}"
            return [unknown(resources.network(default), reason, evidence)]
    if switched_on if path is None else path.arrives:
        return [replace(_allowed(snapshot, default, evidence, switched_on=switched_on), severity=_severity(users))]
    if not switched_on:
        armed = [item for item in users if holds(item, _NET_RAW)]
        if armed:
            found = [_keeps_net_raw(container, default, evidence) for container in armed]
            return [replace(verdict, severity=_severity(users)) for verdict in found]
    summary = f"Containers on the default network {default.name} ({default.bridge}) do not reach each other"
    return [passed(resources.network(default), summary, evidence)]


def _severity(users: list[Container]) -> str:
    """Who is alone there has nobody to be kept apart from."""
    return MEDIUM if len(users) > 1 else INFO


def _address(container: Container, network: Network) -> Optional[str]:
    return next((end.address for end in container.endpoints if end.network_id == network.id and end.address), None)


def _packet_between(users: list[Container], network: Network) -> Optional[Packet]:
    """From one container on a network to another one, None where there is but one."""
    for other in users[1:]:
        if other.netns != users[0].netns:
            return Packet(Origin(CONTAINER, users[0].name), str(_address(other, network)), "tcp", ANY_PORT)
    return None


def _allowed(snapshot: HostSnapshot, default: Network, evidence: dict[str, Any], *, switched_on: bool) -> Verdict:
    impact = (
        "All containers that were given no network share this one. Whoever takes over one of them reaches every port "
        "of the others, published or not."
    )
    where = f"the default network {default.name} ({default.bridge})"
    if not switched_on:
        return failed(
            resources.network(default),
            f"icc is off for {where}, and its containers reach each other all the same",
            evidence,
            impact,
            Remedy(
                "Find out why the rules do not hold: the check bridge.netfilter tells whether rules see what passes "
                "between two ports of a bridge, firewall.flushed whether they are there"
            ),
        )
    summary = f"Containers on {where} may reach each other (icc)"
    return failed(resources.network(default), summary, evidence, impact, _switching_off(snapshot, default))


def _switching_off(snapshot: HostSnapshot, default: Network) -> Remedy:
    """A module call where nothing is on that network, and dockerd's next start can take the key."""
    attached = [
        item.name for item in snapshot.containers if any(end.network_id == default.id for end in item.endpoints)
    ]
    if attached:
        return Remedy(
            f"A human decides what belongs together among {listed(sorted(attached), _NAMED)} and gives it a network of "
            f'its own. Then write "{_KEY}": false into daemon.json; it takes effect when dockerd starts while no '
            "container runs"
        )
    if _KEY in (next_flags(snapshot) or {}):
        return Remedy(f'Take --{_KEY} out of dockerd\'s flags, and write "{_KEY}": false into daemon.json')
    if running(snapshot) and snapshot.engine is not None and snapshot.engine.live_restore:
        return Remedy(
            f'Write "{_KEY}": false into daemon.json (module daemon_config). dockerd makes its default network anew '
            "only when it starts while no container runs, at the next boot say"
        )
    return Remedy(f'Write "{_KEY}": false into daemon.json', "daemon_config", {"config": {_KEY: False}})


def _keeps_net_raw(container: Container, default: Network, evidence: dict[str, Any]) -> Verdict:
    return failed(
        resources.container(container),
        f"{container.name} keeps {_NET_RAW} on {default.bridge}, where icc is off to keep containers apart",
        {
            **evidence,
            "capabilities added": container.cap_add,
            "capabilities dropped": container.cap_drop,
            "privileged": container.privileged,
            "CapBnd of its first process": None if container.bounding is None else f"{container.bounding:016x}",
        },
        f"With {_NET_RAW} it sends frames of its own making, ARP answers say, which the rules of icc do not see: it "
        "can pass for the gateway or for another container (moby issue 36355).",
        Remedy(f"A human decides whether {container.name} needs it (ping does). Start it with --cap-drop {_NET_RAW}"),
    )


ICC = Check(
    id="network.icc",
    severity=INFO,
    worst=MEDIUM,
    title="Containers on the default network do not reach each other",
    rationale=(
        "The default network joins containers that have nothing to do with each other. What counts is the live network "
        "and what becomes of a packet on it, not what daemon.json says: the key takes effect only when dockerd makes "
        "that network anew. Where two or more running containers are on it, this counts as medium."
    ),
    needs=PACKETS,
    judge=_judge_icc,
    cis=cis.ICC,
    mended_by=("daemon_config",),
)
