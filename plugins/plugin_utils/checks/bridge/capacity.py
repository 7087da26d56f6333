# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether a bridge has room for further containers.

A bridge numbers its ports from 1 to 1,023 (BR_MAX_PORTS of net/bridge/br_private.h, find_portno() of br_if.c); a
container that needs one more does not start (``exchange full``).
"""

from __future__ import annotations

from collections import Counter

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import INFO, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, LINKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    INTEGER,
    Check,
    Parameter,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

MOST = 1023
_USUAL = 900


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    resource = resources.host(snapshot)
    indices = {link.name: link.index for link in snapshot.links}
    ports = Counter(link.master for link in snapshot.links)
    networks = [item for item in snapshot.networks if item.bridge in indices]
    counts = [(network, ports[indices[network.bridge or ""]]) for network in networks]
    if not counts:
        return [not_applicable(resource, "There is no bridge of a network")]
    limit = int(examined.parameter(CAPACITY, "warn_at"))
    full = [_full(network, count) for network, count in counts if count >= limit]
    fullest, most = max(counts, key=lambda item: item[1])
    evidence = {f"ports of {fullest.bridge}": most, "warn_at": limit}
    return full or [passed(resource, f"The fullest bridge, of {fullest.name}, has {most} of {MOST} ports", evidence)]


def _full(network: Network, count: int) -> Verdict:
    summary = f"Bridge {network.bridge} of network {network.name} has {count} of {MOST} ports"
    impact = f"Once all {MOST} are taken, no further container of network {network.name} starts."
    remedy = Remedy("A human decides. Spread the containers over several networks")
    return failed(resources.network(network), summary, {f"ports of {network.bridge}": count}, impact, remedy)


CAPACITY = Check(
    id="bridge.capacity",
    severity=INFO,
    title="Bridges have room for further containers",
    rationale=f"A bridge of the kernel has {MOST} ports, one for each container, and the error that tells is obscure.",
    needs=(ENGINE, LINKS),
    judge=_judge,
    parameters=(
        Parameter("warn_at", INTEGER, _USUAL, "Number of ports of one bridge from which on it fails", 1, MOST),
    ),
)
