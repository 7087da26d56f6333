# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an engine does and has by its release: the table to ask instead of comparing versions in several places.

What many ask has a column, what one place asks a line of its own. Facts are from moby at the tag of the release that
brought it, or from a real host. Keys of daemon.json: daemon_key_table.py, daemon_keys.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine

# How the bridge driver lays out its rules.
ISOLATION = "isolation"
"""20.10 to 27: rules of each bridge in FORWARD, DOCKER-ISOLATION-STAGE-1 and 2."""
IPSETS = "ipsets"
"""28.0.0 alone: two rules with the set docker-ext-bridges-v4 in FORWARD."""
FORWARD_CHAIN = "forward chain"
"""28.0.1 to 28.5: DOCKER-FORWARD with DOCKER-CT, DOCKER-BRIDGE and the isolation chains."""
INTERNAL_CHAIN = "internal chain"
"""29: DOCKER-FORWARD with DOCKER-CT, DOCKER-INTERNAL and DOCKER-BRIDGE."""
NFTABLES = "nftables"
"""29 with firewall-backend nftables: tables docker-bridges of its own."""


@dataclass(frozen=True)
class Capabilities:
    """One row."""

    since: tuple[int, int, int]
    layout: str
    ip6tables_by_default: bool
    """27.0 on; before, ip6tables takes "experimental" as well (cmd/dockerd/config_unix.go)."""
    guards_loopback_ports: bool
    """28.0 on: raw PREROUTING drops what comes from outside for ports published on 127.0.0.0/8 (moby PR 49325)."""
    forwards_for_networks: bool
    """28.0 on: dockerd turns forwarding of a family on when it makes a network, and closes FORWARD where it
    did. Before, it turns on IPv4's at its start, and closes IPv6's FORWARD at each start (setup_ip_forwarding.go)."""
    avoids_gateway_routes: bool = False
    """Before 20.10.15: a new subnet keeps clear of routes by a gateway, too (moby PR 43360)."""


_TABLE = (
    Capabilities((0, 0, 0), ISOLATION, False, False, False, True),
    Capabilities((20, 10, 15), ISOLATION, False, False, False),
    Capabilities((27, 0, 0), ISOLATION, True, False, False),
    Capabilities((28, 0, 0), IPSETS, True, True, True),
    Capabilities((28, 0, 1), FORWARD_CHAIN, True, True, True),
    Capabilities((29, 0, 0), INTERNAL_CHAIN, True, True, True),
)


Release = tuple[int, int]

PUBLISHES_ON_IPV6 = (20, 10, 6)
"""A port without an address is published on :: as well (20.10.24 does so, 20.10.5 does not)."""
REHEARSES_CONFIGURATION: Release = (23, 0)
"""dockerd --validate."""
KEEPS_AUTO_REMOVE: Release = (25, 0)
"""Before, a start removes containers with --rm that live-restore kept (moby #46308; seen on 20.10.24)."""
FORGETS_MAC: Release = (25, 0)
"""A MAC address is taken only when a container is created."""
HAS_DNS_NAMES: Release = (25, 0)
"""Names that the engine itself gives an endpoint are no longer among its aliases."""
GATEWAY_MODES: dict[str, Release] = {"nat": (0, 0), "routed": (27, 0), "nat-unprotected": (28, 0), "isolated": (28, 0)}
"""What brought each gateway mode to both families; nat is what older engines do anyway, without an option for it."""
HAS_GATEWAY_MODES: Release = (27, 0)
IPV6_POOLS: Release = (27, 0)
"""The engine has IPv6 pools of its own (unique local addresses)."""
NEEDS_BRIDGE_NETFILTER: Release = (27, 4)
"""dockerd does not start without docker-proxy where br_netfilter is missing (moby #48676)."""
LOWEST_FREE_NAME: Release = (28, 0)
"""The lowest number that is free names a link inside a container; before, it counts on."""
PROXY_KEEPS_ADDRESS: Release = (28, 0)
"""docker-proxy answers datagrams from the address that was asked (udp_proxy_linux.go)."""
TRUSTED_INTERFACES: Release = (28, 2)
DROPS_FOR_ADDRESSES: Release = (28, 2)
"""raw PREROUTING guards addresses of containers; before, their published ports alone."""
DROPS_FOR_HELD_PORTS: Release = (29, 0)
"""A filter on the socket by which dockerd holds a published port without docker-proxy drops what comes; before, the
kernel makes connections there."""
CROSSES_NETWORKS: Release = (29, 0)
"""One bridge network reaches what another one publishes without docker-proxy (moby #49981)."""
REPORTS_PROXY: Release = (29, 5)
"""GET /info names docker-proxy (moby daemon/libnetwork/drivers/bridge)."""


def has(engine: Optional[Engine], since: Release) -> bool:
    """Whether an engine is of the release that brought something, or of a later one; not where none is known."""
    return engine is not None and reaches(engine.release, since)


def reaches(release: Release, since: Release) -> bool:
    """The same of a release."""
    return release >= since


def capabilities_of(engine: Optional[Engine]) -> Capabilities:
    """The row of an engine; of one whose release is not known, that of the oldest."""
    release = engine.full_release if engine is not None else (0, 0, 0)
    return next(row for row in reversed(_TABLE) if row.since <= release)


def layout_of(engine: Optional[Engine]) -> str:
    """How the rules of an engine are laid out, by its release and by the backend that it reports (from 28.1 on)."""
    driver = (engine.firewall_driver or "") if engine is not None else ""
    return NFTABLES if driver.startswith(NFTABLES) else capabilities_of(engine).layout
