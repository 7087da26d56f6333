# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The chains and jumps that dockerd's rules need, by layout.

From moby at the tags of each layout: setup_ip_tables*.go and internal/iptabler of the bridge driver, and its generated
listings (integration/network/bridge/iptablesdoc, nftablesdoc). Rules of single ports are not in it,
and neither is DOCKER-USER: what it holds is people's, and before 28 no restart brings it back.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import (
    FORWARD_CHAIN,
    INTERNAL_CHAIN,
    IPSETS,
    ISOLATION,
    NFTABLES,
)


@dataclass(frozen=True)
class Jump:
    """A rule that leads from one chain to another."""

    table: str
    chain: str
    target: str
    direction: str = ""
    """``iif`` or ``oif`` where there is one for each bridge, which it names; empty where one serves all."""


@dataclass(frozen=True)
class Layout:
    """What must be there for one family."""

    chains: tuple[tuple[str, str], ...]
    """Table and name."""
    jumps: tuple[Jump, ...]


_NAT = (Jump("nat", "PREROUTING", "DOCKER"), Jump("nat", "OUTPUT", "DOCKER"))
_STAGES = (("filter", "DOCKER-ISOLATION-STAGE-1"), ("filter", "DOCKER-ISOLATION-STAGE-2"))
_STAGE_JUMP = Jump("filter", "DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2", "iif")
_BASE = (("nat", "DOCKER"), ("filter", "DOCKER"))
_BRIDGE_CHAINS = (("filter", "DOCKER-FORWARD"), ("filter", "DOCKER-CT"), ("filter", "DOCKER-BRIDGE"))
_BRIDGE_JUMPS = (
    Jump("filter", "FORWARD", "DOCKER-FORWARD"),
    Jump("filter", "DOCKER-FORWARD", "DOCKER-CT"),
    Jump("filter", "DOCKER-FORWARD", "DOCKER-BRIDGE"),
    Jump("filter", "DOCKER-BRIDGE", "DOCKER", "oif"),
)

LAYOUTS = {
    ISOLATION: Layout(
        (*_BASE, *_STAGES),
        (
            *_NAT,
            Jump("filter", "FORWARD", "DOCKER-ISOLATION-STAGE-1"),
            Jump("filter", "FORWARD", "DOCKER", "oif"),
            _STAGE_JUMP,
        ),
    ),
    IPSETS: Layout(
        (*_BASE, *_STAGES),
        (
            *_NAT,
            Jump("filter", "FORWARD", "DOCKER-ISOLATION-STAGE-1"),
            Jump("filter", "FORWARD", "DOCKER"),
            _STAGE_JUMP,
        ),
    ),
    FORWARD_CHAIN: Layout(
        (*_BASE, *_STAGES, *_BRIDGE_CHAINS),
        (*_NAT, *_BRIDGE_JUMPS, Jump("filter", "DOCKER-FORWARD", "DOCKER-ISOLATION-STAGE-1"), _STAGE_JUMP),
    ),
    INTERNAL_CHAIN: Layout(
        (*_BASE, *_BRIDGE_CHAINS, ("filter", "DOCKER-INTERNAL")),
        (*_NAT, *_BRIDGE_JUMPS, Jump("filter", "DOCKER-FORWARD", "DOCKER-INTERNAL")),
    ),
    NFTABLES: Layout(
        tuple(
            ("docker-bridges", name)
            for name in (
                "filter-FORWARD",
                "nat-PREROUTING",
                "nat-OUTPUT",
                "nat-POSTROUTING",
                "nat-prerouting-and-output",
            )
        ),
        (
            Jump("docker-bridges", "nat-PREROUTING", "nat-prerouting-and-output"),
            Jump("docker-bridges", "nat-OUTPUT", "nat-prerouting-and-output"),
            Jump("docker-bridges", "filter-FORWARD", "filter-forward-in__", "oif"),
            Jump("docker-bridges", "filter-FORWARD", "filter-forward-out__", "iif"),
            Jump("docker-bridges", "nat-POSTROUTING", "nat-postrouting-in__", "oif"),
            Jump("docker-bridges", "nat-POSTROUTING", "nat-postrouting-out__", "iif"),
        ),
    ),
}
"""Of nftables, chains of a bridge end in its name."""
