# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""IPv6 networks for which dockerd makes no rules."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import DEFAULT
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import ANY_PORT, OUTSIDE, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import UNKNOWN, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import DAEMON_CONFIG
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
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
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.disabled import let_dockerd_make_rules
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.outward_networks import outward_networks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.docker_chains import chains_of_docker
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bad_packet import BadPacketError

_KEY = "ip6tables"


def _judge_ipv6_unfiltered(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    networks = outward_networks(snapshot, 6)
    if not networks:
        return [not_applicable(resources.host(snapshot), "There is no bridge network that leads outside by IPv6")]
    examined.require_whole_view()
    evidence: dict[str, Any] = {"IPv6 networks": [network.name for network in networks]}
    # Rules that are there although dockerd was told to make none are left from before.
    if chains_of_docker(examined.view.book, 6) and examined.rule_making[6].value is not False:
        return [passed(resources.host(snapshot), "dockerd makes rules for IPv6", evidence)]
    found = [verdict for network in networks for verdict in _judge_network(examined, network)]
    summary = "dockerd makes no rules for IPv6, and others keep packets from outside away from its containers"
    return found or [passed(resources.host(snapshot), summary, evidence)]


def _judge_network(examined: Examined, network: Network) -> list[Verdict]:
    resource = resources.network(network)
    packet = _packet_from_outside(examined, network)
    path = None if packet is None else _path(examined, packet)
    left = [chain.name for chain in chains_of_docker(examined.view.book, 6)]
    evidence: dict[str, Any] = {"chains of dockerd for IPv6, left from before": left}
    if path is not None:
        evidence[str(packet)] = f"{path.verdict}: {path.reason}"
        if path.verdict == UNKNOWN:
            return [
                unknown(resource, f"whether others keep packets away depends on {'; '.join(path.doubts)}", evidence)
            ]
        if not path.arrives:
            return []
    return [_unfiltered(examined, network, evidence)]


def _packet_from_outside(examined: Examined, network: Network) -> Optional[Packet]:
    addresses = (
        end.address6
        for container in running(examined.snapshot)
        for end in container.endpoints
        if end.network_id == network.id and end.address6
    )
    address = next(addresses, None)
    return None if address is None else Packet(Origin(OUTSIDE), address, "tcp", ANY_PORT)


def _path(examined: Examined, packet: Packet) -> Optional[Path]:
    """None where the host has no IPv6 address that others could route by; its neighbours still can, by link-local."""
    try:
        return examined.path(packet)
    except BadPacketError:
        return None


def _unfiltered(examined: Examined, network: Network, evidence: dict[str, Any]) -> Verdict:
    told = examined.rule_making[6]
    evidence[_KEY] = told.evidence
    if told.value is False:
        default = "" if told.by != DEFAULT else ", as engines before 27.0 have it by default"
        why, remedy = f"{_KEY} is off{default}", let_dockerd_make_rules(examined, {6: told})
    elif told.value is None and told.configured is False:
        # The next start settles it, so a restart alone would leave it as it is.
        why = f"its chains are not there, and with {_KEY} off, as it is configured, they will not come"
        remedy = let_dockerd_make_rules(examined, {6: told})
    else:
        why = "its chains are gone, or never came"
        remedy = Remedy("Restart dockerd, which makes them anew (with live-restore, containers keep running)")
    return failed(
        resources.network(network),
        f"Network {network.name} has IPv6, and dockerd makes no rules for it: {why}",
        evidence,
        "Every port of its containers is open to whoever has a route to them, published or not, from other networks of "
        "this host as well. What they send outside keeps its own address, so it gets no answers where that is private.",
        remedy,
    )


IPV6_UNFILTERED = Check(
    id="network.ipv6-unfiltered",
    severity=HIGH,
    title="IPv6 networks have dockerd's rules",
    rationale=(
        "iptables and ip6tables are switched apart, and before Docker Engine 27 the second is off. IPv6 has no address "
        "translation to hide behind: without rules, containers are on the network with all their ports."
    ),
    needs=(*PACKETS, DAEMON_CONFIG),
    judge=_judge_ipv6_unfiltered,
    mended_by=("daemon_config",),
)
