# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Ports that swarm services publish by the routing mesh: they are no container's, and always on all addresses."""

from __future__ import annotations

import re

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import RULESET
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.bindings import socket_name
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Verdict, failed, unknown
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

# moby, libnetwork/service_linux.go, programIngress().
_CHAIN = "DOCKER-INGRESS"
_ANYWHERE = "0.0.0.0"  # noqa: S104 (named, not bound)
_PUBLISHED = re.compile(r"-p (\w+)\b.* --dport (\d+)\b.* -j DNAT\b")


def swarm_ports(examined: Examined) -> list[Verdict]:
    """One finding for each such port of this node; none outside a swarm, unknown where the rules were not read."""
    snapshot = examined.snapshot
    if snapshot.engine is None or not snapshot.engine.swarm:
        return []
    if not snapshot.was_read(RULESET):
        reason = "the node is in a swarm, and the rules that show which ports its services publish were not read"
        return [unknown(resources.host(snapshot), reason)]
    found: dict[tuple[int, str], str] = {}
    for chain in examined.view.book.chains.values():
        if chain.name == _CHAIN and chain.table == "nat":
            for rule in chain.rules:
                shown = _PUBLISHED.search(rule.text)
                if shown:
                    found.setdefault((int(shown.group(2)), shown.group(1)), rule.text)
    return [_on_mesh(number, protocol, text) for (number, protocol), text in sorted(found.items())]


def _on_mesh(number: int, protocol: str, rule: str) -> Verdict:
    return failed(
        resources.host_port(socket_name(_ANYWHERE, number), protocol),
        f"A swarm service publishes {number}/{protocol} on all addresses of every node of the swarm",
        {f"rule of {_CHAIN}": rule},
        "Whoever reaches any address of any node reaches the service. Rules of a host firewall for incoming traffic "
        "(ufw, chain INPUT) do not stop what is forwarded to it.",
        Remedy(
            "A human decides who needs it. The routing mesh knows no addresses: filter in DOCKER-USER, or publish in "
            "mode host on the nodes that should answer"
        ),
    )
