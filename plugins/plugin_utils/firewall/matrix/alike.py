# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Classes of containers, networks and ports that the host treats alike.

Two are of one class when all that the host knows of them is the same once their own addresses, devices and ports have
been replaced by names: links, settings, routes, neighbours, listeners, and the rules that speak of them (see
rule_catalogue).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    ContainerNamespace,
    Listener,
    ProxyProcess,
    Route,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.ipsec import (
    policy_ports,
    policy_prefixes,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import NamespaceSettings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    TRANSPORTS,
    address_of,
    interface_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import (
    LINK_LOCAL,
    Attachment,
    Namespace,
    Net,
    Places,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.rule_catalogue import (
    SINGLE,
    Catalogue,
    Reference,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_facts import (
    ADDRESS,
    DEVICE,
    HARDWARE,
    PORT,
    Mention,
)


class FixedForms:
    """Forms by namespace, see PlaceForms.

    One that has a fixed entry, or that one is about, is like no other one; neither is one with a hardware address that
    another end of its bridge has.
    """

    def __init__(self, snapshot: HostSnapshot, places: Places) -> None:
        """Sort the entries by whom they are about."""
        self._special: set[int] = set()
        self._behind: dict[tuple[int, str], Namespace] = {
            (attachment.net.link.index, text.partition("/")[0]): namespace
            for namespace in places.namespaces
            for attachment in namespace.attachments
            for text in attachment.inside.addresses
        }
        for entry in snapshot.neighbours:
            self._add_behind(entry.interface, entry.address)
        for namespace in places.namespaces:
            self._add_own(namespace)
        self._add_led(snapshot, places)
        self._add_shared(snapshot, places)

    def _add_led(self, snapshot: HostSnapshot, places: Places) -> None:
        """Whom forwarding databases of bridges know by an entry that they did not learn."""
        led = {(link.master or link.index, mac) for link in snapshot.links for mac in link.forwarding_entries}
        for namespace in places.namespaces if led else ():
            if any((attachment.net.link.index, attachment.inside.mac) in led for attachment in namespace.attachments):
                self._special.add(namespace.number)

    def _add_shared(self, snapshot: HostSnapshot, places: Places) -> None:
        """Who has a hardware address that another container of the network has, or the bridge itself."""
        held = Counter({(link.master or link.index, link.mac) for link in snapshot.links})
        ends = {
            namespace.number: [(item.net.link.index, item.inside.mac) for item in namespace.attachments]
            for namespace in places.namespaces
        }
        for own in ends.values():
            held.update(own)
        self._special.update(number for number, own in ends.items() if any(held[end] > 1 and end[1] for end in own))

    def of(self, namespace: Namespace) -> Hashable:
        """The form of a namespace."""
        unread = namespace.space is not None and namespace.space.neighbours is None
        return (unread, namespace.number if namespace.number in self._special else None)

    def _add_own(self, namespace: Namespace) -> None:
        bridges = {attachment.inside.index: attachment.net.link.index for attachment in namespace.attachments}
        for entry in (namespace.space.neighbours or ()) if namespace.space is not None else ():
            if entry.interface in bridges:
                self._special.add(namespace.number)
                self._add_behind(bridges[entry.interface], entry.address)

    def _add_behind(self, bridge: int, address: str) -> None:
        namespace = self._behind.get((bridge, address))
        if namespace is not None:
            self._special.add(namespace.number)


class PlaceForms:
    """Makes the forms for one host."""

    def __init__(self, snapshot: HostSnapshot, catalogue: Catalogue) -> None:
        """Index settings, routes and policy rules by what they are about."""
        self._snapshot = snapshot
        self._partition = catalogue.partition
        self._settings = _settings_by_device(snapshot)
        self._led = {mac for link in snapshot.links for mac in link.forwarding_entries}
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
        for prefix in policy_prefixes(snapshot.ipsec):
            # A network's own subnet, too: with it the network is like no other one.
            network = interface_of(prefix).network
            self._partition.add_range(ADDRESS, int(network[0]), int(network[-1]))
        for port in policy_ports(snapshot.ipsec):
            self._partition.add_range(PORT, port, port)

    def net(self, net: Net) -> Hashable:
        """A bridge network, its rules left out."""
        network, link = net.network, net.link
        options = {key: value for key, value in network.options.items() if value != link.name}
        signature = self._partition.signature
        return (
            (network.driver, network.internal, network.ipv6, tuple(sorted(options.items()))),
            (link.kind, link.up, link.operstate, link.mtu, link.calls_iptables, link.calls_ip6tables),
            (link.vlan_filtering, link.without_arp, net.number if link.mac in self._led else None),
            tuple(net.texts.get(text, text) for text in link.addresses),
            self._settings.get(link.name, ()),
            signature(HARDWARE, link.mac),
            tuple(sorted((self._route(route, net) for route in self._routes_of(net)), key=str)),
            self._policy(net.texts, link.name),
            tuple(signature(kind, value) for kind, value in net.names if not isinstance(value, tuple)),
            tuple(sorted(value for value in _unnamed(net))),
            net.number if link.index in self._controlled or link.name in self._exempt else None,
        )

    def namespace(self, namespace: Namespace, nets: list[int]) -> Hashable:
        """A namespace, the rules about it left out; nets: the classes of networks."""
        space = namespace.space
        if space is None:
            return ("unread", namespace.number)
        texts: dict[str, str] = dict(namespace.texts)
        for place, attachment in enumerate(namespace.attachments):
            texts.update({text: f"{name}.{place}" for text, name in attachment.net.texts.items()})
        devices = {link.index: link.name for link in space.links}
        signature = self._partition.signature
        return (
            tuple(self._plug(attachment, nets) for attachment in namespace.attachments),
            tuple(
                (
                    link.name,
                    link.kind,
                    link.up,
                    link.without_arp,
                    tuple(texts.get(text, text) for text in link.addresses),
                )
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
            tuple(signature(ADDRESS, int(address_of(text))) for text in namespace.addresses),
            self._policy(namespace.texts, ""),
            tuple(place for text in namespace.texts for place in self._by_destination.get(text, ())),
            tuple(text for text in namespace.addresses if (ADDRESS, int(address_of(text))) not in namespace.names),
            len(set(namespace.nets)),
            all(item.paused for item in namespace.containers),
            self._control(namespace, space),
        )

    def _control(self, namespace: Namespace, space: ContainerNamespace) -> int | None:
        """One whose frames something can keep is like no other one."""
        is_controlled = (
            bool(space.traffic_control)
            or space.ipsec
            or any(link.xdp for link in space.links)
            or any(attachment.link.index in self._controlled for attachment in namespace.attachments)
        )
        return namespace.number if is_controlled else None

    def _plug(self, attachment: Attachment, nets: list[int]) -> Hashable:
        link = attachment.link
        return (
            nets[attachment.net.number],
            (link.up, link.operstate, link.hairpin, link.isolated, attachment.inside.up),
            tuple(link.settings),
            self._settings.get(link.name, ()),
            self._partition.signature(DEVICE, link.name),
            self._partition.signature(HARDWARE, attachment.inside.mac),
        )

    def _routes_of(self, net: Net) -> list[Route]:
        # Link-local addresses are of one link each: all bridges with IPv6 can have fe80::1.
        texts = [text for text, name in net.texts.items() if name != LINK_LOCAL]
        places = {place for text in texts for place in self._by_destination.get(text, ())}
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
        network = interface_of(prefix).network
        first, last = int(network[0]), int(network[-1])
        if not catalogue.is_net_range((first, last)) and not (first == last and catalogue.is_named(first)):
            self._partition.add_range(ADDRESS, first, last)


def _unnamed(net: Net) -> list[str]:
    """Addresses of a bridge that another one has, too."""
    found = []
    for text in net.link.addresses:
        address = interface_of(text)
        if (ADDRESS, int(address.ip)) not in net.names and not address.is_link_local:
            found.append(text)
    return found


def _settings_by_device(snapshot: HostSnapshot) -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for key, value in snapshot.sysctls.items():
        parts = key.split(".")
        if len(parts) == 5 and parts[2] in ("conf", "neigh"):
            found.setdefault(parts[3].replace("/", "."), []).append((f"{parts[1]}.{parts[4]}", value))
    return {device: tuple(sorted(values)) for device, values in found.items()}


def _halted(listener: Listener) -> str:
    """Which process is halted, as answers name it; empty where it runs."""
    return "" if listener.halt is None else f"{listener.pid} {listener.halt}"


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
        first, last = NamespaceSettings(snapshot.sysctls).ephemeral_ports()
        self._ephemeral = range(first, last + 1)
        self._numbers: dict[Hashable, int] = {}
        self._plain_ports: dict[int, Hashable] = {}
        self._of_ports: dict[int, list[Reference]] = {}
        self._foreign: dict[int, list[tuple[int, frozenset[Mention]]]] = {}
        self._published: dict[tuple[int, str, int, int], int] = {}
        forms = PlaceForms(snapshot, catalogue)
        led = self._led_to(places)
        of_led = {number for namespace in places.namespaces if namespace.number in led for number in namespace.nets}
        self.nets = [
            self._number((forms.net(net), self._rules_of(net, catalogue.of_net(net)), _if_in(net.number, of_led)))
            for net in places.nets
        ]
        self.gateways = [
            self._number(("gateway", forms.net(net), self._rules_of(net, catalogue.of_gateway(net))))
            for net in places.nets
        ]
        fixed = FixedForms(snapshot, places)
        self._inner = [
            self._number((forms.namespace(namespace, self.nets), fixed.of(namespace), _if_in(namespace.number, led)))
            for namespace in places.namespaces
        ]

    def source(self, namespace: Namespace) -> int:
        """The class of a namespace as one that asks."""
        rules = [item for item in self._about(namespace) if self._concerns_asking(item, namespace)]
        return self._number(("source", self._inner[namespace.number], self._rules(rules, namespace, namespace.names)))

    def inner_port(self, namespace: Namespace, protocol: str, port: int) -> int:
        """The class of a port as one that is asked at the container's own address."""
        return self._number(("port", self._references(namespace, protocol, port, None)))

    def published(self, namespace: Namespace, protocol: str, port: int, host_port: int) -> int:
        """The class of a port as one that is asked at an address of the host, whichever of them that is."""
        key = (namespace.number, protocol, port, host_port)
        known = self._published.get(key)
        if known is None:
            known = self._published[key] = self._publication(namespace, protocol, port, host_port)
        return known

    # ---- what a class is made of

    def _led_to(self, places: Places) -> set[int]:
        """Containers that get what others are asked for: they and their neighbours have another way there."""
        inner = {
            listener.port
            for namespace in places.namespaces
            if namespace.space is not None
            for listener in namespace.space.listeners
        }
        found: set[int] = set()
        for namespace in places.namespaces:
            published = {port.host_port for container in namespace.containers for port in container.published}
            if self._catalogue.led_to(namespace, frozenset(published - inner)):
                found.add(namespace.number)
        return found

    def _publication(self, namespace: Namespace, protocol: str, port: int, host_port: int) -> int:
        names = {**namespace.names, (PORT, port): "@inner", (PORT, host_port): "@published"}
        behind = tuple(
            (
                proxy.host_ip,
                namespace.texts.get(proxy.container_ip, proxy.container_ip),
                "@inner" if proxy.container_port == port else proxy.container_port,
            )
            for proxy in self._proxies.get((protocol, host_port), ())
        )
        waiting = self._waiting(self._listeners.get((protocol, host_port), []), {})
        return self._number(
            (
                "published",
                self._references(namespace, protocol, port, host_port),
                self._port(host_port, namespace, names),
                behind,
                waiting,
            )
        )

    def _references(self, namespace: Namespace, protocol: str, port: int, host_port: int | None) -> Hashable:
        names: dict[Mention, str] = {**namespace.names, (PORT, port): "@inner"}
        if host_port is not None:
            names[(PORT, host_port)] = "@published"
        ports = {port, host_port}
        rules = [item for item in self._about(namespace) if self._concerns_port(item, protocol, ports)]
        inside = (
            []
            if namespace.space is None
            else [item for item in namespace.space.listeners if (item.protocol, item.port) == (protocol, port)]
        )
        return (
            protocol,
            port == host_port,
            self._inner[namespace.number],
            self._rules(rules, namespace, names),
            self._port(port, namespace, names),
            self._ports_before(rules, ports),
            self._waiting(inside, namespace.texts),
        )

    def _port(self, port: int, namespace: Namespace, names: dict[Mention, str]) -> Hashable:
        """What the rules say of a port that belongs to no other container."""
        own = [
            item
            for item in self._catalogue.about([(PORT, port)])
            if not self._catalogue.mentions(item).isdisjoint(namespace.names)
        ]
        if port not in self._plain_ports:
            plain = self._rules_of_port(port)
            others = [item for item in self._catalogue.about([(PORT, port)]) if self._of_single(item)]
            self._plain_ports[port] = (
                self._catalogue.partition.signature(PORT, port),
                tuple(self._rule(item, {(PORT, port): "@port"}, None) for item in plain),
            )
            self._foreign[port] = [
                (self._number(self._rule(item, {}, None)), self._catalogue.mentions(item)) for item in others
            ]
        foreign = tuple(form for form, mentions in self._foreign[port] if mentions.isdisjoint(namespace.names))
        return (self._plain_ports[port], foreign, self._rules(own, namespace, names), port in self._ephemeral)

    def _rules_of_port(self, port: int) -> list[Reference]:
        """Those that are about a port, and no container."""
        if port not in self._of_ports:
            found = self._catalogue.about([(PORT, port)])
            self._of_ports[port] = [item for item in found if not self._of_single(item)]
        return self._of_ports[port]

    def _ports_before(self, rules: Iterable[Reference], ports: Iterable[int | None]) -> tuple[int, ...]:
        """For each rule, how many rules about these ports, and no container, come before it in its chain."""
        of_ports = [item for port in ports if port is not None for item in self._rules_of_port(port)]
        return tuple(
            sum(item.chain == rule.chain and item.position < rule.position for item in of_ports) for rule in rules
        )

    def _of_single(self, reference: Reference) -> bool:
        return any(self._catalogue.is_single(value) for value in self._catalogue.mentions(reference))

    def _waiting(self, listeners: Iterable[Listener], texts: dict[str, str]) -> Hashable:
        return tuple(
            sorted(
                (texts.get(item.address, item.address), item.only_ipv6, item.device, item.owner, _halted(item))
                for item in listeners
            )
        )

    # ---- rules

    def _rules_of(self, net: Net, rules: Iterable[Reference]) -> Hashable:
        catalogue = self._catalogue
        return tuple(
            (
                self._rule(item, net.names, net),
                catalogue.others_before(item, net),
                catalogue.gateway_place(item),
                # How the network of that container stands to this one counts.
                net.number if catalogue.leads_to_container(item) else None,
            )
            for item in rules
        )

    def _about(self, namespace: Namespace) -> list[Reference]:
        return self._catalogue.about(namespace.names)

    def _rules(self, rules: Iterable[Reference], namespace: Namespace, names: dict[Mention, str]) -> Hashable:
        known = dict(names)
        for place, attachment in enumerate(namespace.attachments):
            known.update({value: f"{name}.{place}" for value, name in attachment.net.names.items()})
            for value, name in self._catalogue.chain_names.get(attachment.net.number, {}).items():
                known[value] = f"{name}.{place}"
        return tuple(self._single(item, namespace, known) for item in rules)

    def _single(self, reference: Reference, namespace: Namespace, names: dict[Mention, str]) -> Hashable:
        """A rule about one container, with its place among its networks' rules, and among all if it must be."""
        facts = self._catalogue.facts(reference)
        is_sent = facts.keys.get("saddr") in names and facts.keys.get("daddr") not in names
        tied = is_sent or {"daddr", "dport"}.isdisjoint(facts.keys)
        own = tuple(self._catalogue.shared_before(reference, attachment.net) for attachment in namespace.attachments)
        return (
            self._rule(reference, names, None),
            own,
            reference.position if tied and self._catalogue.level(reference) == SINGLE else None,
        )

    def _rule(self, reference: Reference, names: dict[Mention, str], net: Net | None) -> Hashable:
        label, common, shared = self._catalogue.standing(reference)
        if net is not None:
            names = {**names, **self._catalogue.chain_names.get(net.number, {})}
            shared = shared if self._catalogue.owner(reference) is net else 0
        return (label, common, shared, self._catalogue.form(reference, names))

    def _concerns_asking(self, reference: Reference, namespace: Namespace) -> bool:
        """Whether a rule can meet what a container sends to others, or what comes back to it."""
        facts = self._catalogue.facts(reference)
        keys = facts.keys
        if facts.conditions.isdisjoint(namespace.names):
            return "dport" not in keys
        if keys.get("daddr") not in namespace.names:
            return "sport" not in keys
        port = keys.get("dport")
        return keys.get("saddr") not in namespace.names and (port is None or port[1] in self._ephemeral)

    def _concerns_port(self, reference: Reference, protocol: str, ports: set[int | None]) -> bool:
        facts = self._catalogue.facts(reference)
        numbers = [value for kind, value in facts.keys.values() if kind == PORT]
        protocols = facts.protocols
        return all(value in ports for value in numbers) and (not protocols or TRANSPORTS.get(protocol) in protocols)

    def _number(self, of: Hashable) -> int:
        return self._numbers.setdefault(of, len(self._numbers))


def _if_in(number: int, numbers: set[int]) -> int | None:
    """What sets one apart that is among these."""
    return number if number in numbers else None
