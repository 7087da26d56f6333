# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of Docker's subnets: none in the way of a route or of another network, and enough of them left."""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import (
    ADDRESS,
    CIDR,
    NAMESERVER,
    NETWORK,
    ON_LINK,
    ROUTED,
    SINK,
    Taken,
    cidrs_of,
    of_network,
    taken_on_host,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LINKS,
    NAMESERVERS,
    ROUTES,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BREAKS,
    BROKEN,
    INTEGER,
    NETWORKS,
    Check,
    Grade,
    Parameter,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)

AVOID = "avoid"
_NAMED = 3
"""Owners that a summary names; the rest is counted."""


class AddressSpace:
    """Ranges, ready to be asked which of them have an address in common with another one."""

    def __init__(self, taken: Iterable[Taken]) -> None:
        """Sort them by where they begin."""
        sides: dict[int, list[Taken]] = {4: [], 6: []}
        for item in taken:
            sides[item.cidr.version].append(item)
        self._sides = {version: _Side(items) for version, items in sides.items()}

    def overlapping(self, cidr: CIDR) -> list[Taken]:
        """Those that overlap with a range, in the order of their addresses."""
        return self._sides[cidr.version].overlapping(int(cidr.network_address), int(cidr.broadcast_address))


class _Side:
    """The ranges of one IP version."""

    def __init__(self, taken: list[Taken]) -> None:
        self._taken = sorted(taken, key=lambda item: int(item.cidr.network_address))
        self._first = [int(item.cidr.network_address) for item in self._taken]
        self._last = [int(item.cidr.broadcast_address) for item in self._taken]
        self._furthest = list(accumulate(self._last, max))
        """The last address of all ranges up to each."""

    def overlapping(self, first: int, last: int) -> list[Taken]:
        found = []
        for place in range(bisect_right(self._first, last) - 1, -1, -1):
            if self._furthest[place] < first:
                break
            if self._last[place] >= first:
                found.append(self._taken[place])
        return found[::-1]


@dataclass(frozen=True)
class AddressPool:
    """A range that is cut into subnets of one size."""

    base: CIDR
    size: int
    """Length of the prefix of a subnet."""

    @property
    def subnets(self) -> int:
        """How many there are."""
        return 1 << (self.size - self.base.prefixlen)

    def free(self, taken: Iterable[CIDR]) -> int:
        """How many of the subnets share no address with what is taken. Takes time by what is taken, not by the size."""
        bits = self.base.max_prefixlen - self.size
        first, last = int(self.base.network_address) >> bits, int(self.base.broadcast_address) >> bits
        used, at = 0, first
        ranges = [item for item in taken if item.version == self.base.version and item.overlaps(self.base)]
        for item in sorted(ranges, key=lambda item: int(item.network_address)):
            begin = max(at, int(item.network_address) >> bits)
            end = min(last, int(item.broadcast_address) >> bits)
            if end >= begin:
                used += end - begin + 1
                at = end + 1
        return self.subnets - used


# moby, libnetwork/ipamutils/utils.go, localScopeDefaultNetworks; unchanged from 20.10 to 29.
_BUILT_IN = (
    ("172.17.0.0/16", 16),
    ("172.18.0.0/16", 16),
    ("172.19.0.0/16", 16),
    ("172.20.0.0/14", 16),
    ("172.24.0.0/14", 16),
    ("172.28.0.0/14", 16),
    ("192.168.0.0/16", 20),
)


def pools_in_force(engine: Engine) -> list[AddressPool]:
    """The pools that the running daemon uses, as GET /info shows them; its own where it shows none."""
    told = [(pool.base, pool.size) for pool in engine.address_pools] or _BUILT_IN
    return [
        AddressPool(base, size)
        for text, size in told
        for base in cidrs_of(text)
        if base.prefixlen <= size <= base.max_prefixlen
    ]


def _judge_overlap(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    # Networks of other drivers (macvlan, ipvlan) are made to share the subnet of the interface that they hang on.
    bridged = [network for network in snapshot.networks if network.bridge is not None and of_network(network)]
    if not bridged:
        return [not_applicable(resources.host(snapshot), "There is no bridge network with a subnet")]
    avoid = [ipaddress.ip_network(text, strict=False) for text in OVERLAP.parameter(context, AVOID)]
    space = AddressSpace(taken_on_host(snapshot, avoid))
    found = []
    for network in bridged:
        others = _others(network, space)
        if others:
            found.append(_overlaps(network, others))
    summary = "No subnet of a Docker network overlaps a route, another network or a range to avoid"
    subnets = {network.name: [str(item.cidr) for item in of_network(network)] for network in bridged}
    return found or [passed(resources.host(snapshot), summary, {"subnets": subnets})]


def _others(network: Network, space: AddressSpace) -> list[str]:
    """Who else has addresses of a network, in words. A route to nowhere takes no addresses."""
    found: list[Taken] = [
        other
        for own in of_network(network)
        for other in space.overlapping(own.cidr)
        if other.bridge != network.bridge and other.kind != SINK
    ]
    return list(dict.fromkeys(item.owner for item in found))


def _overlaps(network: Network, others: list[str]) -> Verdict:
    own = ", ".join(str(item.cidr) for item in of_network(network))
    change = (
        "set bip in daemon.json and restart dockerd while no container runs"
        if network.is_default_bridge
        else "recreate the network with another subnet (module bridge_network, recreate: allow, and avoid)"
    )
    return failed(
        resources.network(network),
        f"Network {network.name}: its subnet {own} overlaps with {listed(others, _NAMED)}",
        {f"subnet of {network.name}": own, "overlaps with": others},
        "The kernel sends packets for the shared addresses only to the more specific route: either this host and its "
        f"containers cannot reach the machines behind the other route, or the containers of {network.name} lose their "
        "network.",
        Remediation(f"Decide which of the two must change its addresses. To change the Docker network, {change}"),
    )


OVERLAP = Check(
    id="network.overlap",
    grades=(Grade(BROKEN, "one of the two owners of an address cannot be reached"),),
    title="Docker subnets overlap nothing else",
    rationale=(
        "dockerd chooses subnets that avoid only on-link routes and name servers. It can take the addresses of a "
        "company network or VPN behind a gateway, and the host then cannot reach the machines there."
    ),
    needs=(ENGINE, LINKS, ROUTES, NAMESERVERS),
    judge=_judge_overlap,
    parameters=(
        Parameter(
            AVOID, NETWORKS, (), "Ranges that no Docker subnet may overlap, in addition to the routes that are read."
        ),
    ),
)


FREE_AT_LEAST = "free_at_least"
_AVOIDED = (NETWORK, ADDRESS, ON_LINK, NAMESERVER)
"""What dockerd keeps clear of (moby, InferReservedNetworks, and FindAvailableNetwork() before)."""


def _judge_pools(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    pools = pools_in_force(snapshot.engine) if snapshot.engine is not None else []
    if not pools:
        return [unknown(resources.daemon(), "the engine shows no valid address pools")]
    taken = taken_on_host(snapshot, [])
    avoided = (*_AVOIDED, ROUTED) if context.capabilities.avoids_gateway_routes else _AVOIDED
    used = [item.cidr for item in taken if item.kind in avoided]
    left = {pool: pool.free(used) for pool in pools}
    evidence = {"free subnets": {_name(pool): f"{free} of {pool.subnets}" for pool, free in left.items()}}
    found = _used_up(left, int(POOLS.parameter(context, FREE_AT_LEAST)), evidence)
    if not context.capabilities.avoids_gateway_routes:
        found += _in_the_way(pools, AddressSpace(item for item in taken if item.kind == ROUTED), evidence)
    summary = f"dockerd has {sum(left.values())} of {sum(pool.subnets for pool in pools)} subnets left for new networks"
    return found or [passed(resources.daemon(), summary, evidence)]


def _name(pool: AddressPool) -> str:
    return f"{pool.base} in /{pool.size}"


def _used_up(left: dict[AddressPool, int], least: int, evidence: dict[str, Any]) -> list[Verdict]:
    """Each IP version by itself: no pool of the other one helps."""
    found = []
    for version in (4, 6):
        own = {pool: free for pool, free in left.items() if pool.base.version == version}
        free = sum(own.values())
        if own and free < least:
            found.append(
                failed(
                    resources.daemon(),
                    f"{free} of {sum(pool.subnets for pool in own)} IPv{version} subnets are left for new networks",
                    {**evidence, FREE_AT_LEAST: least},
                    "When none is left, no network can be created without naming a subnet: docker compose up fails "
                    'with "could not find an available, non-overlapping IPv4 address pool".',
                    Remediation(
                        "Remove unused networks (docker network ls --filter dangling=true lists them), or configure "
                        "more and smaller pools (default-address-pools in daemon.json, module daemon_config)"
                    ),
                )
            )
    return found


def _in_the_way(pools: list[AddressPool], routes: AddressSpace, evidence: dict[str, Any]) -> list[Verdict]:
    covered = list(dict.fromkeys(item.owner for pool in pools for item in routes.overlapping(pool.base)))
    if not covered:
        return []
    return [
        failed(
            resources.daemon(),
            f"The address pools for new networks contain addresses of {listed(covered, _NAMED)}",
            {**evidence, "routes inside the pools": covered},
            "dockerd avoids only on-link routes. One of the next networks takes the addresses of that route, and this "
            "host then cannot reach the machines behind it.",
            Remediation(
                "Decide which ranges are free here, and set default-address-pools in daemon.json to them (module "
                "daemon_config; applies to networks created from then on)"
            ),
        )
    ]


POOLS = Check(
    id="network.pools",
    grades=(Grade(BREAKS, "one of the next networks cannot be created, or takes addresses that the host needs"),),
    title="The address pools have free subnets and overlap no other addresses",
    rationale=(
        "dockerd has 31 subnets unless configured otherwise: 172.17.0.0/16 to 172.31.0.0/16, and 192.168.0.0/16 in "
        "/20. Each Compose project takes one, and many companies use the same ranges."
    ),
    needs=(ENGINE, LINKS, ROUTES, NAMESERVERS),
    judge=_judge_pools,
    parameters=(
        Parameter(FREE_AT_LEAST, INTEGER, 3, "How many subnets should be left for each IP version that has pools.", 0),
    ),
)
