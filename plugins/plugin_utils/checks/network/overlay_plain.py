# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Swarm overlay networks that send in the clear (7.3 of the CIS benchmark)."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

_OPTION = "encrypted"
"""That it is there is what counts, whatever its value (moby, libnetwork/drivers/overlay/ov_network.go)."""


def _judge_overlay(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    overlays = [network for network in snapshot.networks if network.driver == "overlay"]
    if not overlays:
        return [not_applicable(resources.host(snapshot), "This daemon knows no overlay network")]
    plain = [network for network in overlays if _OPTION not in network.options]
    names = {"overlay networks": [network.name for network in overlays]}
    return [_in_the_clear(network) for network in plain] or [
        passed(resources.host(snapshot), "All overlay networks that this node knows are encrypted", names)
    ]


def _in_the_clear(network: Network) -> Verdict:
    return failed(
        resources.network(network),
        f"The overlay network {network.name} is not encrypted",
        {"options": network.options},
        "What containers on different nodes send each other crosses the network between the nodes as plain VXLAN (UDP "
        "4789): whoever is on it reads and forges it.",
        Remedy(
            "A human decides whether that network can be trusted. Encryption is chosen when a network is made: docker "
            f"network create --driver overlay --opt {_OPTION}. Let UDP 4789 and protocol 50 (ESP) pass between nodes"
        ),
    )


OVERLAY_PLAIN = Check(
    id="network.overlay-plain",
    severity=MEDIUM,
    title="Overlay networks are encrypted",
    rationale=(
        "Swarm encrypts what managers tell each other, not what containers send: that has to be asked for, network by "
        "network."
    ),
    needs=(ENGINE,),
    judge=_judge_overlay,
    cis=cis.OVERLAY_ENCRYPTED,
)
