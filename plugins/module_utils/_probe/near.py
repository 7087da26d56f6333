# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The layers that the kernel and the engine know without a packet: process, interface, address, route. Pure."""

from __future__ import annotations

import ipaddress
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import (
    ADDRESS,
    FAILED,
    INTERFACE,
    PASSED,
    PROCESS,
    ROUTE,
    RUNNING,
    SKIPPED,
    ProbeLayer,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.namespace import RouteAnswer, carries
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.scene import Scene

_ERRORS_OF_ROUTES = {
    "ENETUNREACH": "it has no route to {address}, and no default route",
    "EHOSTUNREACH": "a route rejects {address}, or it has none",
    "EACCES": "a route prohibits {address}",
    "EINVAL": "a route discards packets to {address} (blackhole), or a policy rule does",
}


def process_layer(scene: Scene) -> ProbeLayer:
    """Whether the container's processes run."""
    state = scene.process
    if state is None:
        return ProbeLayer(PROCESS, scene.name, SKIPPED, "", "the probe starts from the host")
    if state.state == RUNNING:
        return ProbeLayer(PROCESS, scene.name, PASSED, "", f"process {state.pid} runs")
    return ProbeLayer(PROCESS, scene.name, FAILED, state.state.upper(), state.reason)


def link_for(scene: Scene, route: RouteAnswer, version: int) -> Optional[Link]:
    """The link that packets would leave by: that of the route, or one that has an address of this IP version."""
    link = scene.own.link(route.interface)
    if link is not None:
        return link
    outer = scene.own.outer
    fitting = [item for item in outer if _addresses(item, version)]
    owned = [item for item in outer if scene.endpoint_at(item) is not None]
    return next(iter([*fitting, *owned, *([] if scene.in_host_namespace else outer)]), None)


def _addresses(link: Link, version: int) -> list[str]:
    """Those that others can send to; of link scope none."""
    own = [ipaddress.ip_interface(text).ip for text in link.addresses]
    return [str(item) for item in own if item.version == version and not item.is_link_local]


def interface_layer(scene: Scene, route: RouteAnswer, link: Optional[Link]) -> ProbeLayer:
    """Whether the link is up, and of a container also whether its other end is, on its bridge."""
    if route.is_local:
        return ProbeLayer(INTERFACE, "lo", SKIPPED, "", "the target is the sender's own address")
    if link is None:
        if scene.mode == "none":
            return ProbeLayer(INTERFACE, "", SKIPPED, "", "network mode none: it has no interface by design")
        return ProbeLayer(INTERFACE, "", FAILED, "ENODEV", "it has no interface but the loopback")
    error, detail = _outside(scene, link)
    if not link.up:
        error, detail = "ENETDOWN", f"{link.name} is down (ip link set {link.name} up)"
    elif not error and not carries(link):
        error, detail = "ENETDOWN", f"{link.name} has no carrier: its other end is down, or nothing is plugged in"
    return ProbeLayer(INTERFACE, link.name, FAILED if error else PASSED, error, detail)


def _outside(scene: Scene, link: Link) -> tuple[str, str]:
    """Of a container's link, what is wrong at its other end on the host, and what is there."""
    if scene.in_host_namespace or link.kind != "veth":
        return "", f"{link.name} is up"
    peer = scene.host.link(link.peer_index or 0)
    network = scene.network_at(link)
    wanted = network.bridge if network is not None else None
    if peer is None or peer.kind != "veth":
        return "", f"{link.name} is up; its other end is not in the host's namespace"
    if not peer.up:
        return "ENETDOWN", f"{peer.name}, the host's end of {link.name}, is down"
    bridge = scene.host.link(peer.master or 0)
    if bridge is None:
        onto = f" (ip link set {peer.name} master {wanted})" if wanted else ""
        return "ENOLINK", f"{peer.name}, the host's end of {link.name}, is attached to no bridge{onto}"
    if wanted and bridge.name != wanted:
        return "ENOLINK", f"{peer.name} is attached to {bridge.name}, and not to {wanted} of its network"
    if not bridge.up:
        return "ENETDOWN", f"the bridge {bridge.name} is down (ip link set {bridge.name} up)"
    state = next((item.value for item in peer.settings if item.name == "state"), "")
    if state:
        return "ENOLINK", f"{peer.name} is a port of {bridge.name} in state {state}, which forwards nothing"
    return "", f"{link.name} is up; {peer.name} is a port of {bridge.name}"


def address_layer(scene: Scene, route: RouteAnswer, link: Optional[Link], version: int) -> ProbeLayer:
    """Whether the link has an address of the target's family, and the one that the engine gave it."""
    if route.is_local:
        return ProbeLayer(ADDRESS, "lo", SKIPPED, "", "the target is the sender's own address")
    if link is None:
        return ProbeLayer(ADDRESS, "", SKIPPED, "", "there is no interface")
    own = _addresses(link, version)
    endpoint = scene.endpoint_at(link)
    given = None if endpoint is None else endpoint.address if version == 4 else endpoint.address6
    if given and given not in own:
        detail = f"the engine gave it {given}, and {link.name} has {', '.join(own[:3]) or f'no IPv{version} address'}"
        return ProbeLayer(ADDRESS, link.name, FAILED, "EADDRNOTAVAIL", detail)
    waiting = [text.partition("/")[0] for text in link.tentative]
    if own and all(address in waiting for address in own):
        detail = f"{own[0]} is tentative: duplicate address detection has not ended"
        return ProbeLayer(ADDRESS, link.name, FAILED, "EADDRNOTAVAIL", detail)
    if own:
        return ProbeLayer(ADDRESS, link.name, PASSED, "", f"{link.name} has {', '.join(own[:3])}")
    if scene.in_host_namespace and route.route is not None:
        # The kernel sends from an address of another link then.
        return ProbeLayer(ADDRESS, link.name, SKIPPED, "", f"{link.name} has none of its own")
    network = scene.network_at(link)
    why = f", and its network {network.name} has no IPv6" if network and version == 6 and not network.ipv6 else ""
    return ProbeLayer(ADDRESS, link.name, FAILED, "EADDRNOTAVAIL", f"{link.name} has no IPv{version} address{why}")


def route_layer(scene: Scene, route: RouteAnswer, address: str, network: Optional[Network]) -> ProbeLayer:
    """Whether the kernel has a route."""
    if route.route is not None:
        link = scene.own.link(route.interface)
        device = f" dev {link.name}" if link is not None else ""
        how = "the sender's own address" if route.is_local else f"via {route.gateway}" if route.gateway else "on link"
        return ProbeLayer(ROUTE, address, PASSED, "", f"{how}{device}")
    if scene.mode == "none":
        return ProbeLayer(ROUTE, address, SKIPPED, "", "network mode none: it has no route by design")
    if scene.is_internal():
        name = f"its network {network.name} is" if network is not None else "its networks are"
        detail = f"{name} internal, and has no route out by design"
        return ProbeLayer(ROUTE, address, SKIPPED, "", detail)
    words = _ERRORS_OF_ROUTES.get(route.error, "the kernel has no route to {address}")
    return ProbeLayer(ROUTE, address, FAILED, route.error, words.format(address=address))
