# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connects containers to networks so that they have there what they had before, and proves it in their namespaces.

Where the engine gives another MAC address, the kernel is given the old one by rtnetlink(7), and so are the neighbours:
they would keep on sending to the other one until they find out by themselves, half a minute later.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import struct
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import NetworkApi
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import (
    endpoints_of,
    link_with,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import EndpointState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import links_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    ROUTE,
    Netlink,
    in_namespace,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import routes_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    DEFAULT_ROUTE,
    Link,
    Route,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import (
    ERROR,
    UnreadableError,
)

_BROADCAST = b"\xff" * 6
_ALL_NODES = ipaddress.IPv6Address("ff02::1")
_ALL_NODES_MAC = bytes.fromhex("333300000001")  # RFC 2464, section 7
_ETH_ARP, _ETH_IPV6 = 0x0806, 0x86DD
_ICMPV6 = 58


class Connector:
    """Connects by the engine's API, and looks after in the kernel."""

    def __init__(self, api: NetworkApi, links: ContainerLinks) -> None:
        self._api = api
        self._links = links

    def connect(self, network_id: str, endpoint: EndpointState) -> None:
        """Connect the endpoint's container, if it still exists. Raises ApiProblem and ChangeFailed."""
        container = self._api.inspect_container(endpoint.container)
        if container is None:
            return
        pinned = endpoint.runs and is_running(container)
        self._api.connect(network_id, endpoint.container, endpoint.request(pinned=pinned))
        found = _find(self._api.inspect_container(endpoint.container), endpoint)
        if pinned and found is not None and not _has_addresses(found, endpoint):
            # Somebody else took an address or gave one back meanwhile: then the old one has to be asked for.
            for version in (4, 6):
                if endpoint.address_of(version) and not endpoint.fixed(version):
                    endpoint = endpoint.pinned(version)
            self._api.disconnect(network_id, endpoint.container)
            self._api.connect(network_id, endpoint.container, endpoint.request(pinned=True))
        self._prove(endpoint)

    def disconnect(self, endpoint: EndpointState) -> None:
        """Disconnect the endpoint's container from the network of that name, if it is on it."""
        container = self._api.inspect_container(endpoint.container)
        found = _find(container, endpoint)
        # After a connect that failed the engine shows a running container on the network, and it is not.
        if container is not None and found is not None and (found.runs or not is_running(container)):
            self._api.disconnect(found.network_id or found.network, endpoint.container)

    def drop(self, endpoint: EndpointState) -> None:
        """Disconnect the endpoint's container from the network of that name, also if it only looks connected.

        After a connect that failed the engine keeps what was asked for, and would ask for it at the container's next
        start. It forgets that with a connection that succeeds.
        """
        container = self._api.inspect_container(endpoint.container)
        found = _find(container, endpoint)
        if container is None or found is None:
            return
        if is_running(container) and not found.runs:
            self._api.connect(endpoint.network, endpoint.container, {})
        self._api.disconnect(found.network_id or found.network, endpoint.container)

    def is_as(self, endpoint: EndpointState, network_id: str) -> bool:
        """Whether it is there already as wanted, or its container is gone."""
        container = self._api.inspect_container(endpoint.container)
        if container is None:
            return True
        found = _find(container, endpoint)
        return (
            found is not None
            and found.network_id in ("", network_id)
            and not _problem(found, endpoint, running=is_running(container))
        )

    def _prove(self, endpoint: EndpointState) -> None:
        container = self._api.inspect_container(endpoint.container)
        if container is None:
            return
        found = _find(container, endpoint)
        running = is_running(container)
        problem = "it is not connected" if found is None else _problem(found, endpoint, running=running)
        if problem:
            raise ChangeFailed(f"container {endpoint.name} was connected to network {endpoint.network}, but {problem}")
        if running and endpoint.runs and found is not None:
            try:
                self._keep_mac(int(container["State"]["Pid"]), endpoint, found)
            except ChangeFailed:
                # A container that ends by itself just then is no reason to take everything back.
                now = self._api.inspect_container(endpoint.container)
                if now is not None and is_running(now):
                    raise

    def _keep_mac(self, pid: int, endpoint: EndpointState, found: EndpointState) -> None:
        if not endpoint.mac:
            return
        addresses = [found.address, found.address6]
        link = link_with(self._links.read(pid)[0], addresses)
        if link is None:
            raise ChangeFailed(
                f"container {endpoint.name} was connected to network {endpoint.network}, but the kernel shows no "
                f"interface with {found.text} in it"
            )
        if link.mac != endpoint.mac:
            self._links.set_mac(pid, link, endpoint.mac)
            link = link_with(self._links.read(pid)[0], addresses)
            if link is None or link.mac != endpoint.mac:
                raise ChangeFailed(
                    f"container {endpoint.name} has lost its MAC address {endpoint.mac} on network {endpoint.network}"
                )


def is_running(container: dict[str, Any]) -> bool:
    """Whether the container has processes; a paused one has."""
    return bool((container.get("State") or {}).get("Running"))


def _find(container: dict[str, Any] | None, endpoint: EndpointState) -> EndpointState | None:
    """The container's endpoint on the network of the same name."""
    if container is None:
        return None
    return next((item for item in endpoints_of(container) if item.network == endpoint.network), None)


def _has_addresses(found: EndpointState, wanted: EndpointState) -> bool:
    return all(
        not wanted.address_of(version) or found.address_of(version) == wanted.address_of(version) for version in (4, 6)
    )


def _problem(found: EndpointState, wanted: EndpointState, *, running: bool) -> str:
    """How an endpoint differs from what was wanted; empty if it does not."""
    if running and wanted.runs and not found.runs:
        return "the engine gave it no endpoint"
    if running and wanted.runs and not _has_addresses(found, wanted):
        return f"has {found.text or 'no address'} there instead of {wanted.text}"
    lost = [wanted.fixed(version) for version in (4, 6) if wanted.fixed(version) not in ("", found.fixed(version))]
    if lost:
        return f"no longer requests its fixed address {' and '.join(lost)}"
    have, want = (_besides_addresses(item.config) for item in (found, wanted))
    if have != want:
        return f"has {have} there instead of {want}"
    return ""


def _besides_addresses(config: dict[str, Any]) -> dict[str, Any]:
    """Aliases, links and options, in whatever order the engine has them."""
    return {
        key: sorted(value) if isinstance(value, list) else value for key, value in config.items() if key != "IPAMConfig"
    }


class ContainerLinks(Protocol):
    """What is asked of the kernel about containers. Everything raises ChangeFailed."""

    def read(self, pid: int) -> tuple[list[Link], str]:
        """Return the links of a process's namespace, and the name of the one with the IPv4 default route."""

    def set_mac(self, pid: int, link: Link, mac: str) -> None:
        """Give a link another MAC address, and tell its neighbours; veth takes one while it is up."""


class KernelLinks:
    """Those of this host. To change one takes pyroute2."""

    def read(self, pid: int) -> tuple[list[Link], str]:
        """Ask the kernel."""
        try:
            return read_container_links(pid)
        except UnreadableError as error:
            raise ChangeFailed(str(error)) from error

    def set_mac(self, pid: int, link: Link, mac: str) -> None:
        """Tell the kernel, and the neighbours: Docker Engine 28 has announced the one that it drew."""
        from pyroute2 import NetNS
        from pyroute2.netlink.exceptions import NetlinkError

        try:
            with _in_namespace(NetNS, pid) as route:
                route.link("set", index=link.index, address=mac)
        except (NetlinkError, OSError) as error:
            raise ChangeFailed(f"the kernel did not accept the MAC address {mac}: {error}") from error
        addresses = [address.ip for address in map(ipaddress.ip_interface, link.addresses)]
        own = [str(address) for address in addresses if not address.is_link_local]
        # Unheard, neighbours find out by themselves later.
        with contextlib.suppress(OSError):
            in_namespace(pid, lambda: _announce(link.name, mac, own))


def _in_namespace(netns: Any, pid: int) -> AbstractContextManager[Any]:
    """Pyroute2's NetNS for the network namespace of process pid. Raises FileNotFoundError when that is gone."""
    path = f"/proc/{pid}/ns/net"
    os.stat(path)
    # By default it would make a namespace where it finds none.
    namespace: AbstractContextManager[Any] = netns(path, flags=0)
    return namespace


def _announce(interface: str, mac: str, addresses: list[str]) -> None:
    """Send one announcement for each address from the interface, in the calling thread's namespace. Raises OSError."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        for text in addresses:
            raw.send(frame(mac, text))


def frame(mac: str, address: str) -> bytes:
    """The Ethernet frame of an ARP announcement (RFC 5227) or an unsolicited neighbour advertisement (RFC 4861)."""
    source = bytes.fromhex(mac.replace(":", ""))
    found = ipaddress.ip_address(address)
    if found.version == 4:
        return _BROADCAST + source + struct.pack("!H", _ETH_ARP) + _arp(source, found.packed)
    return _ALL_NODES_MAC + source + struct.pack("!H", _ETH_IPV6) + _advertisement(source, found.packed)


def _arp(mac: bytes, address: bytes) -> bytes:
    # A request for its own address, as RFC 5227 has it, section 3.
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + address + bytes(6) + address


def _advertisement(mac: bytes, address: bytes) -> bytes:
    target = _ALL_NODES.packed
    # Flag: override. Option 2: the target's link-layer address.
    body = struct.pack("!I", 0x20000000) + address + struct.pack("!BB", 2, 1) + mac
    message = struct.pack("!BBH", 136, 0, 0) + body
    pseudo = address + target + struct.pack("!II", len(message), _ICMPV6)
    message = struct.pack("!BBH", 136, 0, _checksum(pseudo + message)) + body
    header = struct.pack("!IHBB", 6 << 28, len(message), _ICMPV6, 255)
    return header + address + target + message


def _checksum(data: bytes) -> int:
    """RFC 1071; data has an even length."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def read_container_links(pid: int) -> tuple[list[Link], str]:
    """Return the links of the network namespace of process pid, and the name of the one with the IPv4 default route.

    Raises UnreadableError when the process is gone, and when the kernel refuses.
    """
    try:
        links, routes = in_namespace(pid, _links_and_routes)
    except OSError as error:
        raise UnreadableError(ERROR, f"the kernel did not list the links of process {pid}: {error}") from error
    return links, _default_link(links, routes)


def _default_link(links: list[Link], routes: list[Route]) -> str:
    """The interface of the IPv4 default route with the lowest metric, by name; empty without one."""
    defaults = [item for item in routes if item.destination == DEFAULT_ROUTE[4] and item.interfaces]
    if not defaults:
        return ""
    (index, *dummy) = min(defaults, key=lambda item: item.metric).interfaces
    return next((link.name for link in links if link.index == index), "")


def _links_and_routes() -> tuple[list[Link], list[Route]]:
    with Netlink(ROUTE) as route:
        return links_of(route), routes_of(route)
