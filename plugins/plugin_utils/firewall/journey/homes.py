# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The networks that are this host's alone: no machine outside has an address of theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    BITS,
    is_link_local,
    parse_prefix,
    same_prefix,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bridging import Bridge
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.stack import Stack


class Home(NamedTuple):
    """A subnet that is on this host alone."""

    family: int
    number: int
    length: int
    name: str
    """``network NAME`` of Docker, or ``bridge DEVICE``."""
    bridge: str


class Homes:
    """The subnets of Docker's bridge networks, and those of other bridges that lead to no machine outside.

    A bridge with a network card as its port is a way out, and its subnet that of machines outside.
    """

    def __init__(self, host: Stack, bridges: Mapping[str, Bridge], networks: Iterable[Network]) -> None:
        """Take the host with its bridges, and the networks as the engine tells them."""
        leading_out = {name for name, bridge in bridges.items() if bridge.ways_out}
        named = {
            network.bridge: network for network in networks if network.bridge and network.bridge not in leading_out
        }
        inner = [name for name in bridges if name not in leading_out and name not in named]
        found = [*_of_networks(named.values()), *_of_bridges(host, inner)]
        self._homes = sorted(found, key=lambda home: -home.length)

    def of(self, family: int, number: int) -> Optional[Home]:
        """The smallest one that has an address; None for an address of others."""
        return next(
            (
                home
                for home in self._homes
                if home.family == family and same_prefix(family, home.number, number, home.length)
            ),
            None,
        )


def _of_networks(networks: Iterable[Network]) -> Iterator[Home]:
    for network in networks:
        for item in network.subnets:
            if item.subnet:
                yield Home(*parse_prefix(item.subnet), f"network {network.name}", network.bridge or "")


def _of_bridges(host: Stack, names: Iterable[str]) -> Iterator[Home]:
    for name in names:
        for family, bits in BITS.items():
            for address in host.addresses(family, name):
                if address.length < bits and not is_link_local(family, address.number):
                    yield Home(family, address.number, address.length, f"bridge {name}", name)
