# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Classes of containers, networks and ports that the host treats alike.

Two are of one class when all that the host knows of them is the same once their own addresses, devices and ports have
been replaced by names: links, settings, routes, listeners, and the rules that speak of them (see catalogue).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener, ProxyProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.settings import Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.asked_maps import Reference
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.catalogue import SINGLE, Catalogue
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.fixed_forms import FixedForms
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.place_forms import PlaceForms
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import Net, Places, Station
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.partition import PORT
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import TRANSPORTS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_form import Mention


class Classes:
    """Tells what belongs together on one host."""

    def __init__(self, snapshot: HostSnapshot, places: Places, catalogue: Catalogue) -> None:
        """Index what is asked for each container and port."""
        self._catalogue = catalogue
        self._listeners: dict[tuple[str, int], list[Listener]] = {}
        for listener in snapshot.listeners:
            self._listeners.setdefault((listener.protocol, listener.port), []).append(listener)
        self._proxies: dict[tuple[str, int], list[ProxyProcess]] = {}
        for proxy in snapshot.proxies:
            self._proxies.setdefault((proxy.protocol, proxy.host_port), []).append(proxy)
        first, last = Settings(snapshot.sysctls).ephemeral_ports()
        self._ephemeral = range(first, last + 1)
        self._numbers: dict[Hashable, int] = {}
        self._plain_ports: dict[int, Hashable] = {}
        self._foreign: dict[int, list[tuple[int, frozenset[Mention]]]] = {}
        forms = PlaceForms(snapshot, catalogue)
        self.nets = [self._number((forms.net(net), self._rules_of(net))) for net in places.nets]
        fixed = FixedForms(snapshot, places)
        self._inner = [
            self._number((forms.station(station, self.nets), fixed.of(station))) for station in places.stations
        ]

    def source(self, station: Station) -> int:
        """The class of a namespace as one that asks."""
        rules = [item for item in self._about(station) if self._concerns_asking(item, station)]
        return self._number(("source", self._inner[station.number], self._rules(rules, station, station.names)))

    def inner_port(self, station: Station, protocol: str, port: int) -> int:
        """The class of a port as one that is asked at the container's own address."""
        return self._number(("port", self._asked(station, protocol, port, None)))

    def published(self, station: Station, protocol: str, port: int, host_port: int) -> int:
        """The class of a port as one that is asked at an address of the host."""
        names = {**station.names, (PORT, port): "@inner", (PORT, host_port): "@published"}
        behind = tuple(
            (
                proxy.host_ip,
                station.texts.get(proxy.container_ip, proxy.container_ip),
                "@inner" if proxy.container_port == port else proxy.container_port,
            )
            for proxy in self._proxies.get((protocol, host_port), ())
        )
        waiting = self._waiting(self._listeners.get((protocol, host_port), []), {})
        return self._number(
            (
                "published",
                self._asked(station, protocol, port, host_port),
                self._port(host_port, station, names),
                behind,
                waiting,
            )
        )

    # ---- what a class is made of

    def _asked(self, station: Station, protocol: str, port: int, host_port: Optional[int]) -> Hashable:
        names: dict[Mention, str] = {**station.names, (PORT, port): "@inner"}
        if host_port is not None:
            names[(PORT, host_port)] = "@published"
        ports = {port, host_port}
        rules = [item for item in self._about(station) if self._concerns_port(item, protocol, ports)]
        inside = (
            []
            if station.space is None
            else [item for item in station.space.listeners if (item.protocol, item.port) == (protocol, port)]
        )
        return (
            protocol,
            port == host_port,
            self._inner[station.number],
            self._rules(rules, station, names),
            self._port(port, station, names),
            self._waiting(inside, station.texts),
        )

    def _port(self, port: int, station: Station, names: dict[Mention, str]) -> Hashable:
        """What the rules say of a port that belongs to no other container."""
        own = [
            item
            for item in self._catalogue.about([(PORT, port)])
            if not self._catalogue.mentions(item).isdisjoint(station.names)
        ]
        if port not in self._plain_ports:
            plain = [item for item in self._catalogue.about([(PORT, port)]) if not self._of_single(item)]
            others = [item for item in self._catalogue.about([(PORT, port)]) if self._of_single(item)]
            self._plain_ports[port] = (
                self._catalogue.partition.signature(PORT, port),
                tuple(self._rule(item, {(PORT, port): "@port"}, None) for item in plain),
            )
            self._foreign[port] = [
                (self._number(self._rule(item, {}, None)), self._catalogue.mentions(item)) for item in others
            ]
        foreign = tuple(form for form, mentions in self._foreign[port] if mentions.isdisjoint(station.names))
        return (self._plain_ports[port], foreign, self._rules(own, station, names), port in self._ephemeral)

    def _of_single(self, reference: Reference) -> bool:
        return any(self._catalogue.is_single(value) for value in self._catalogue.mentions(reference))

    def _waiting(self, listeners: Iterable[Listener], texts: dict[str, str]) -> Hashable:
        return tuple(
            sorted(
                (texts.get(item.address, item.address), item.only_ipv6, item.device, item.owner) for item in listeners
            )
        )

    # ---- rules

    def _rules_of(self, net: Net) -> Hashable:
        return tuple(self._rule(item, net.names, net) for item in self._catalogue.of_net(net))

    def _about(self, station: Station) -> list[Reference]:
        return self._catalogue.about(station.names)

    def _rules(self, rules: Iterable[Reference], station: Station, names: dict[Mention, str]) -> Hashable:
        known = dict(names)
        for place, plug in enumerate(station.plugs):
            known.update({value: f"{name}.{place}" for value, name in plug.net.names.items()})
            for value, name in self._catalogue.chain_names.get(plug.net.number, {}).items():
                known[value] = f"{name}.{place}"
        return tuple(self._single(item, station, known) for item in rules)

    def _single(self, reference: Reference, station: Station, names: dict[Mention, str]) -> Hashable:
        """A rule about one container, with its place among its networks' rules, and among all if it must be."""
        facts = self._catalogue.facts(reference)
        tied = {"daddr", "dport"}.isdisjoint(facts.keys) and self._catalogue.level(reference) == SINGLE
        own = tuple(self._catalogue.shared_before(reference, plug.net) for plug in station.plugs)
        return (self._rule(reference, names, None), own, reference.position if tied else None)

    def _rule(self, reference: Reference, names: dict[Mention, str], net: Optional[Net]) -> Hashable:
        label, common, shared = self._catalogue.standing(reference)
        if net is not None:
            names = {**names, **self._catalogue.chain_names.get(net.number, {})}
            shared = shared if self._catalogue.owner(reference) is net else 0
        return (label, common, shared, self._catalogue.form(reference, names))

    def _concerns_asking(self, reference: Reference, station: Station) -> bool:
        """Whether a rule can meet what a container sends to others, or what comes back to it."""
        facts = self._catalogue.facts(reference)
        keys = facts.keys
        if facts.conditions.isdisjoint(station.names):
            return "dport" not in keys
        if keys.get("daddr") not in station.names:
            return "sport" not in keys
        port = keys.get("dport")
        return keys.get("saddr") not in station.names and (port is None or port[1] in self._ephemeral)

    def _concerns_port(self, reference: Reference, protocol: str, ports: set[Optional[int]]) -> bool:
        facts = self._catalogue.facts(reference)
        asked = [value for kind, value in facts.keys.values() if kind == PORT]
        wanted = facts.protocols
        return all(value in ports for value in asked) and (not wanted or TRANSPORTS.get(protocol) in wanted)

    def _number(self, of: Hashable) -> int:
        return self._numbers.setdefault(of, len(self._numbers))
