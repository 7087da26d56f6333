# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether ports on networks with gateway mode ``routed`` are reached at the container, where they are published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import RoutedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import OUTSIDE, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import DELIVERED, UNKNOWN, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Verdict, failed, unknown
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.fates import reached, remedy_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bad_packet import BadPacketError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import TRANSPORTS


def routed_ports(examined: Examined) -> list[Verdict]:
    """On those that a machine outside does not reach which routes to their network, and those of which it is open."""
    found = []
    for item in running(examined.snapshot):
        for port in item.routed:
            addresses = _addresses(examined, item, port)
            by_family = (addresses[family] for family in (4, 6) if addresses[family])
            verdicts = (_judged(examined, item, port, asked) for asked in by_family)
            found += [verdict for verdict in verdicts if verdict is not None][:1]
    return found


def _addresses(examined: Examined, item: Container, port: RoutedPort) -> dict[int, list[str]]:
    """The container's addresses on networks that route, by family; none where it is published at the host's."""
    networks = {network.id: network for network in examined.snapshot.networks}
    found: dict[int, list[str]] = {4: [], 6: []}
    for endpoint in item.endpoints:
        network = networks.get(endpoint.network_id)
        for family, address in ((4, endpoint.address), (6, endpoint.address6)):
            if address and network is not None and network.gateway_mode(family) == "routed":
                found[family].append(address)
    for binding in item.published:
        if (binding.protocol, binding.container_port) == (port.protocol, port.container_port) and binding.host_port:
            found[6 if ":" in binding.address else 4] = []
    return found


def _judged(examined: Examined, item: Container, port: RoutedPort, addresses: list[str]) -> Optional[Verdict]:
    """On one port, by packets to its addresses of one family: it is published on one of them alone."""
    resource = resources.port(item, port.container_port, port.protocol)
    if port.protocol not in TRANSPORTS:
        return unknown(resource, f"{port}: packets of {port.protocol} are not followed")
    try:
        paths = {address: examined.path(_packet(address, port)) for address in addresses}
    except BadPacketError as error:
        return unknown(resource, f"{port}: {error}")
    if any(_is_led(examined, item, port, path, tuple(addresses)) for path in paths.values()):
        return None
    untold = [path.because for path in paths.values() if path.verdict == UNKNOWN]
    if untold:
        return unknown(resource, untold[0])
    lost = list(_texts(paths, port))
    summary = f"Port {port} of {item.name} is published by routing, and not reached: {lost[0]}"
    impact = f"Machines outside that route to the network of {item.name} do not get to it."
    return failed(resource, summary, {"does not lead there": lost}, impact, remedy_of(paths[addresses[0]]))


def _packet(address: str, port: RoutedPort) -> Packet:
    """From beyond the uplink that the default route leads to."""
    return Packet(Origin(OUTSIDE), address, port.protocol, port.container_port)


def _is_led(examined: Examined, item: Container, port: RoutedPort, path: Path, addresses: tuple[str, ...]) -> bool:
    """Whether it comes to the container, or is kept off on purpose."""
    if path.verdict == DELIVERED:
        return path.answered_by.startswith(f"container {item.name}")
    door = reached(path, addresses, port.container_port)
    refused = door is not None and door.action != "deliver"
    return refused or (path.verdict != UNKNOWN and bool(examined.purposes.kept_off(path)))


def _texts(paths: dict[str, Path], port: RoutedPort) -> Iterator[str]:
    for address, path in paths.items():
        at = f"[{address}]" if ":" in address else address
        yield f"{at}:{port.container_port} from outside: {path.reason}"
