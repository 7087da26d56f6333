# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What findings are about, with what a waiver can choose by, and the sockets of published ports."""

from __future__ import annotations

import ipaddress

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, Network, PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Resource
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_of

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def bound_address(port: PublishedPort) -> Address:
    """The address of a binding, see PublishedPort.address. Raises ValueError for what is no address."""
    if not port.address:
        raise ValueError(f"{port.host_ip!r} is not an address")
    return address_of(port.address)


def socket_name(address: str, port: int) -> str:
    """``192.0.2.1:80`` or ``[2001:db8::1]:80``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def host(snapshot: HostSnapshot) -> Resource:
    """The host itself."""
    return Resource("host", snapshot.hostname)


def daemon() -> Resource:
    """The daemon."""
    return Resource("daemon", "dockerd")


def container(item: Container) -> Resource:
    """A container."""
    published = _sockets(item.published)
    return Resource("container", item.name, item.name, item.image, _networks(item), dict(item.labels), published)


def port(item: Container, number: int, protocol: str) -> Resource:
    """A port of a container, by its number inside."""
    name = f"{item.name}:{number}/{protocol}"
    published = _sockets([one for one in item.published if (one.container_port, one.protocol) == (number, protocol)])
    return Resource("port", name, item.name, item.image, _networks(item), dict(item.labels), published)


def host_port(socket: str, protocol: str) -> Resource:
    """A port of the host, by its socket: ``192.0.2.1:80`` say."""
    name = f"{socket}/{protocol}"
    return Resource("port", name, published=[name])


def network(item: Network) -> Resource:
    """A Docker network."""
    return Resource("network", item.name, networks=[item.name], labels=dict(item.labels))


def interface(name: str) -> Resource:
    """A link of the host."""
    return Resource("interface", name)


def advisory(name: str) -> Resource:
    """The daemon, as far as a published weakness is concerned, by its number."""
    return Resource("daemon", f"dockerd {name}")


def file(path: str) -> Resource:
    """A file, or a place in it: ``PATH:LINE:COLUMN``."""
    return Resource("file", path)


def intent(name: str) -> Resource:
    """An intent of the contract."""
    return Resource("intent", name)


def _networks(item: Container) -> list[str]:
    return [endpoint.network for endpoint in item.endpoints]


def _sockets(ports: list[PublishedPort]) -> list[str]:
    """The host's side of bindings, without those to what is no address."""
    return [f"{socket_name(port.address, port.host_port)}/{port.protocol}" for port in ports if port.address]
