# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Where packets of containers come from and go to: namespaces, their bridge networks, and their ports.

Published ports are asked at the host's addresses, ports that a container listens on at its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ANYWHERE, Container, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ContainerNamespace, Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    TRANSPORTS,
    address_of,
    family_of,
    interface_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_facts import (
    ADDRESS,
    DEVICE,
    RANGE,
    Mention,
)

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface

LINK_LOCAL = "@link-local"
"""The name of all link-local addresses."""


@dataclass(frozen=True, eq=False)
class Net:
    """A bridge network."""

    number: int
    network: Network
    link: Link
    names: dict[Mention, str]
    """Its own values by what they are: bridge, subnets, gateways."""
    texts: dict[str, str]
    """The same as text, for routes: addresses and subnets."""


@dataclass(frozen=True, eq=False)
class Attachment:
    """A container's link on a network."""

    net: Net
    link: Link
    """The veth on the host."""
    inside: Link

    @cached_property
    def addresses(self) -> list[str]:
        """The container's on this network, without link-local ones."""
        found = (interface_of(text).ip for text in self.inside.addresses)
        return [str(address) for address in found if not address.is_link_local]


@dataclass(frozen=True, eq=False)
class Namespace:
    """A network namespace with the containers in it."""

    number: int
    containers: list[Container]
    space: ContainerNamespace | None
    """None when it was not read."""
    attachments: tuple[Attachment, ...] = ()
    addresses: tuple[str, ...] = ()
    """On its networks, without link-local ones."""
    names: dict[Mention, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A container to ask from."""
        return self.containers[0].name

    def is_given(self, net: Net, family: int) -> bool:
        """Whether the engine gave it an address of a family on a network; none where its sysctls turn IPv6 off."""
        endpoints = (item for container in self.containers for item in container.endpoints)
        return any(
            bool(item.address6 if family == 6 else item.address)
            for item in endpoints
            if item.network_id == net.network.id
        )

    @cached_property
    def nets(self) -> tuple[int, ...]:
        """Numbers of its networks, in the order of its links."""
        return tuple(attachment.net.number for attachment in self.attachments)

    @cached_property
    def confined_to(self) -> Net | None:
        """The network of containers that are on internal bridge networks alone; None for all others."""
        inside = {
            attachment.net.network.id: attachment.net
            for attachment in self.attachments
            if attachment.net.network.internal
        }
        ends = {end.network_id for container in self.containers for end in container.endpoints}
        return next(iter(inside.values())) if inside and ends == set(inside) else None


@dataclass(frozen=True)
class Places:
    """All of a host."""

    nets: list[Net]
    namespaces: list[Namespace]
    on_host: list[Container]
    """Containers in the host's own namespace."""


def places_of(snapshot: HostSnapshot) -> Places:
    """Find the networks and namespaces of running containers. Values that two of them claim get no name."""
    by_name = {link.name: link for link in snapshot.links}
    nets = [
        _net(number, network, by_name[network.bridge])
        for number, network in enumerate(item for item in snapshot.networks if item.bridge in by_name)
        if network.bridge
    ]
    ports = _ports(snapshot, nets)
    spaces = {space.inode: space for space in snapshot.container_namespaces}
    host = snapshot.daemon.netns if snapshot.daemon else None
    groups: dict[object, list[Container]] = {}
    for container in sorted(snapshot.containers, key=lambda item: item.name):
        if container.running and not (host is not None and container.netns == host):
            groups.setdefault(container.netns or container.id, []).append(container)
    namespaces = []
    for number, members in enumerate(groups.values()):
        members.sort(key=lambda item: not item.endpoints)
        space = spaces.get(members[0].netns or 0)
        namespaces.append(_namespace(number, members, space, ports))
    on_host = [item for item in snapshot.containers if item.running and host is not None and item.netns == host]
    _forget_shared(nets, namespaces)
    return Places(nets, namespaces, on_host)


def _net(number: int, network: Network, link: Link) -> Net:
    names: dict[Mention, str] = {(DEVICE, link.name): "@bridge"}
    texts: dict[str, str] = {}
    for place, text in enumerate(link.addresses):
        try:
            address = interface_of(text)
        except ValueError:
            continue
        if address.is_link_local:
            texts.update(dict.fromkeys(_spellings(address), LINK_LOCAL))
            continue
        subnet = address.network
        names[(ADDRESS, int(address.ip))] = f"@gateway{place}"
        names[(RANGE, (int(subnet[0]), int(subnet[-1])))] = f"@subnet{place}"
        gateway = f"@gateway{place}"
        texts.update({text: f"{gateway}/", str(address.ip): gateway, f"{address.ip}/{address.max_prefixlen}": gateway})
        texts[str(subnet)] = f"@subnet{place}"
    return Net(number, network, link, names, texts)


def _ports(snapshot: HostSnapshot, nets: list[Net]) -> dict[tuple[int, int], tuple[Net, Link]]:
    """Bridge ports by the namespace and the index of their other end."""
    by_bridge = {net.link.index: net for net in nets}
    return {
        (link.peer_nsid, link.peer_index): (by_bridge[link.master], link)
        for link in snapshot.links
        if link.master in by_bridge and link.peer_nsid is not None and link.peer_index is not None
    }


def _namespace(
    number: int,
    members: list[Container],
    space: ContainerNamespace | None,
    ports: dict[tuple[int, int], tuple[Net, Link]],
) -> Namespace:
    if space is None:
        return Namespace(number, members, None)
    attachments: list[Attachment] = []
    addresses = []
    names: dict[Mention, str] = {}
    texts: dict[str, str] = {}
    nsid = next((item.nsid for item in members if item.nsid is not None), -1)
    for link in space.links:
        found = ports.get((nsid, link.index))
        if found is None:
            continue
        place = len(attachments)
        attachments.append(Attachment(found[0], found[1], link))
        names[(DEVICE, found[1].name)] = f"@port{place}"
        for text in link.addresses:
            address = interface_of(text)
            label = f"@own{place}.{address.version}"
            if address.is_link_local:
                texts.update(dict.fromkeys(_spellings(address), LINK_LOCAL))
                continue
            addresses.append(str(address.ip))
            names[(ADDRESS, int(address.ip))] = label
            texts.update({text: f"{label}/", str(address.ip): label, f"{address.ip}/{address.max_prefixlen}": label})
    return Namespace(number, members, space, tuple(attachments), tuple(addresses), names, texts)


def _spellings(address: Interface) -> list[str]:
    """An address as links and routes write it."""
    return [str(address), str(address.ip), f"{address.ip}/{address.max_prefixlen}"]


def _forget_shared(nets: list[Net], namespaces: list[Namespace]) -> None:
    """Take the names off values that several owners have: they stay what they are, and tell their owners apart."""
    owners: dict[Mention, int] = {}
    for names in [*(net.names for net in nets), *(namespace.names for namespace in namespaces)]:
        for value in names:
            owners[value] = owners.get(value, 0) + 1
    for names in [*(net.names for net in nets), *(namespace.names for namespace in namespaces)]:
        for value in [value for value in names if owners[value] > 1]:
            del names[value]


class TargetPort(NamedTuple):
    """A port of a container."""

    namespace: Namespace
    protocol: str
    port: int
    """Inside the container."""
    host_port: int
    """0 for one that is asked at the container itself."""
    host_ip: str
    """See PublishedPort.address."""
    address: str
    """The container's, for one that is asked there."""

    @property
    def net(self) -> Net | None:
        """The network on which the container has the address that is asked; None for a port at the host's."""
        return next(
            (attachment.net for attachment in self.namespace.attachments if self.address in attachment.addresses), None
        )

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.namespace.name}:{self.port}/{self.protocol}"


def published_ports(places: Places) -> Iterator[TargetPort]:
    """All bindings, each container's own; those of other protocols and to what is no address are left out."""
    for namespace in places.namespaces:
        for container in namespace.containers:
            for binding in container.published:
                address, host_port = binding.address, binding.host_port
                if binding.protocol in TRANSPORTS and host_port and address:
                    yield TargetPort(namespace, binding.protocol, binding.container_port, host_port, address, "")


def listening_ports(places: Places) -> Iterator[TargetPort]:
    """Ports of containers that somebody can reach who asks at the container's address."""
    for namespace in places.namespaces:
        if namespace.space is None:
            continue
        listened = dict.fromkeys(
            (item.protocol, item.port) for item in namespace.space.listeners if not address_of(item.address).is_loopback
        )
        for protocol, port in listened:
            for address in namespace.addresses:
                yield TargetPort(namespace, protocol, port, 0, "", address)


class HostAddress(NamedTuple):
    """An address of the host that a published port is asked at."""

    text: str
    device: str
    net: Net | None
    """Of a gateway."""


def host_addresses(snapshot: HostSnapshot, places: Places) -> list[HostAddress]:
    """All addresses of the host, link-local ones left out."""
    nets = {net.link.index: net for net in places.nets}
    return [
        HostAddress(str(ip), link.name, nets.get(link.index))
        for link in snapshot.links
        if link.up
        for ip in _addresses(link)
        if not ip.is_link_local
    ]


def _addresses(link: Link) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    return [interface_of(text).ip for text in link.addresses]


def is_reached_at(host_ip: str, address: HostAddress) -> bool:
    """Whether a binding is asked at an address: all of its family, gateways only if it is bound to every address."""
    family = family_of(address.text)
    return family_of(host_ip) == family and (host_ip in (ANYWHERE[family], address.text) or address.net is None)
