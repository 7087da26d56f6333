# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Networks and namespaces with names in place of their own values: links, settings, routes, addresses.

Of two that have the same form, the host knows nothing that tells them apart, rules aside.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import InnerNamespace, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.ipsec_policies import (
    asked_ports,
    asked_prefixes,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.catalogue import Catalogue
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import Net, Plug, Station
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.partition import (
    ADDRESS,
    DEVICE,
    HARDWARE,
    PORT,
)


class PlaceForms:
    """Makes the forms for one host."""

    def __init__(self, snapshot: HostSnapshot, catalogue: Catalogue) -> None:
        """Index settings, routes and policy rules by what they are about."""
        self._snapshot = snapshot
        self._partition = catalogue.partition
        self._settings = _settings_by_device(snapshot)
        self._led = {entry.mac for link in snapshot.links for entry in link.forwarding}
        self._controlled = {item.interface for item in snapshot.traffic_control}
        self._controlled.update(link.index for link in snapshot.links if link.xdp)
        self._by_link: dict[int, list[int]] = {}
        self._by_destination: dict[str, list[int]] = {}
        for place, route in enumerate(snapshot.routes):
            self._by_destination.setdefault(route.destination, []).append(place)
            for index in route.interfaces:
                self._by_link.setdefault(index, []).append(place)
            self._add_prefix(route.destination, catalogue)
        for rule in snapshot.policy_rules:
            self._add_prefix(rule.source, catalogue)
            self._add_prefix(rule.destination, catalogue)
        self._exempt = {key.split(".")[3].replace("/", ".") for key in snapshot.ipsec.exempt}
        for prefix in asked_prefixes(snapshot.ipsec):
            # A network's own subnet, too: with it the network is like no other one.
            network = ipaddress.ip_network(prefix, strict=False)
            self._partition.add_range(ADDRESS, int(network[0]), int(network[-1]))
        for port in asked_ports(snapshot.ipsec):
            self._partition.add_range(PORT, port, port)

    def net(self, net: Net) -> Hashable:
        """A bridge network, its rules left out."""
        network, link = net.network, net.link
        options = {key: value for key, value in network.options.items() if value != link.name}
        signature = self._partition.signature
        return (
            (network.driver, network.internal, network.ipv6, tuple(sorted(options.items()))),
            (link.kind, link.up, link.operstate, link.mtu, link.calls_iptables, link.calls_ip6tables),
            (tuple(link.settings), link.vlan_filtering, str(link.vlans), net.number if link.mac in self._led else None),
            tuple(net.texts.get(text, text) for text in link.addresses),
            self._settings.get(link.name, ()),
            signature(HARDWARE, link.mac),
            tuple(sorted((self._route(route, net) for route in self._routes_of(net)), key=str)),
            self._policy(net.texts, link.name),
            tuple(signature(kind, value) for kind, value in net.names if not isinstance(value, tuple)),
            tuple(sorted(value for value in _unnamed(net))),
            net.number if link.index in self._controlled or link.name in self._exempt else None,
        )

    def station(self, station: Station, nets: list[int]) -> Hashable:
        """A namespace, the rules about it left out; nets: the classes of networks."""
        space = station.space
        if space is None:
            return ("unread", station.number)
        texts: dict[str, str] = dict(station.texts)
        for place, plug in enumerate(station.plugs):
            texts.update({text: f"{name}.{place}" for text, name in plug.net.texts.items()})
        devices = {link.index: link.name for link in space.links}
        signature = self._partition.signature
        return (
            tuple(self._plug(plug, nets) for plug in station.plugs),
            tuple(
                (link.name, link.kind, link.up, tuple(texts.get(text, text) for text in link.addresses))
                for link in space.links
            ),
            tuple(
                (
                    (texts.get(item.destination, item.destination), item.table, item.kind, item.metric, item.usable),
                    (tuple(texts.get(text, text) for text in item.gateways), texts.get(item.source or "", item.source)),
                    tuple(devices.get(index, index) for index in item.interfaces),
                )
                for item in space.routes
            ),
            str(to_plain(space.rules)),
            tuple(space.tables),
            tuple(sorted(space.sysctls.items())),
            tuple(sorted(space.chains.items())),
            tuple(signature(ADDRESS, int(ipaddress.ip_address(text))) for text in station.addresses),
            self._policy(station.texts, ""),
            tuple(place for text in station.texts for place in self._by_destination.get(text, ())),
            tuple(
                text for text in station.addresses if (ADDRESS, int(ipaddress.ip_address(text))) not in station.names
            ),
            len({plug.net.number for plug in station.plugs}) == len(station.plugs),
            self._control(station, space),
        )

    def _control(self, station: Station, space: InnerNamespace) -> Optional[int]:
        """One whose frames something can keep is like no other one."""
        is_controlled = (
            bool(space.traffic_control)
            or space.ipsec
            or any(link.xdp for link in space.links)
            or any(plug.link.index in self._controlled for plug in station.plugs)
        )
        return station.number if is_controlled else None

    def _plug(self, plug: Plug, nets: list[int]) -> Hashable:
        link = plug.link
        return (
            nets[plug.net.number],
            (link.up, link.operstate, link.hairpin, link.isolated, plug.inside.up),
            (tuple(link.settings), str(link.vlans)),
            self._settings.get(link.name, ()),
            self._partition.signature(DEVICE, link.name),
            self._partition.signature(HARDWARE, plug.inside.mac),
        )

    def _routes_of(self, net: Net) -> list[Route]:
        places = {place for text in net.texts for place in self._by_destination.get(text, ())}
        return [self._snapshot.routes[place] for place in sorted(places.union(self._by_link.get(net.link.index, ())))]

    def _route(self, route: Route, net: Net) -> Hashable:
        """A route of the host with a network's values replaced; the order of routes says nothing."""
        return (
            (net.texts.get(route.destination, route.destination), route.table, route.kind, tuple(route.gateways)),
            (net.texts.get(route.source or "", route.source), route.metric, route.usable),
            tuple("@bridge" if index == net.link.index else index for index in route.interfaces),
        )

    def _policy(self, texts: dict[str, str], device: str) -> Hashable:
        """The policy rules that speak of a device or of exactly these addresses, by their places."""
        return tuple(
            (number, texts.get(rule.source), texts.get(rule.destination))
            for number, rule in enumerate(self._snapshot.policy_rules)
            if (device and device in (rule.incoming, rule.outgoing))
            or rule.source in texts
            or rule.destination in texts
        )

    def _add_prefix(self, prefix: str, catalogue: Catalogue) -> None:
        """Let addresses inside and outside a route's destination be told apart, unless it is a network's own."""
        if not prefix:
            return
        network = ipaddress.ip_network(prefix, strict=False)
        first, last = int(network[0]), int(network[-1])
        if not catalogue.is_net_range((first, last)) and not (first == last and catalogue.is_named(first)):
            self._partition.add_range(ADDRESS, first, last)


def _unnamed(net: Net) -> list[str]:
    """Addresses of a bridge that another one has, too."""
    found = []
    for text in net.link.addresses:
        address = ipaddress.ip_interface(text)
        if (ADDRESS, int(address.ip)) not in net.names and not address.is_link_local:
            found.append(text)
    return found


def _settings_by_device(snapshot: HostSnapshot) -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for key, value in snapshot.sysctls.items():
        parts = key.split(".")
        if len(parts) == 5 and parts[2] == "conf":
            found.setdefault(parts[3].replace("/", "."), []).append((f"{parts[1]}.{parts[4]}", value))
    return {device: tuple(sorted(values)) for device, values in found.items()}
