# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of bridges, links and networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.integration.diagnosis.breaking import Break, both, commands, neighbours_forgotten, sysctl
from tests.integration.diagnosis.fault import NOTHING_COMES, Fault
from tests.integration.diagnosis.questions import (
    EGRESS,
    MOVED,
    MOVED_OUT,
    NEIGHBOUR,
    PUBLISHED,
    TO_ITSELF,
    TO_NEIGHBOUR,
)
from tests.integration.diagnosis.scene import GATEWAY, Scene


def port(container: str, do: str, undo: str) -> Break:
    """Shell texts in which PORT is the bridge port of a container."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        name = scene.port_of(container)
        try:
            scene.host.run(do.replace("PORT", name))
            yield
        finally:
            scene.host.run(undo.replace("PORT", name))

    return broken


def moved(network: str, *containers: str) -> Break:
    """Containers of the network other, attached to another one meanwhile."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        with ExitStack() as stack:
            for name in containers:
                # Its interface has the first name again then.
                stack.callback(scene.restart, name)
                address = scene.host.container(name).address("other")
                stack.callback(scene.host.docker, "network", "connect", "--ip", address, "other", name)
                scene.host.docker("network", "disconnect", "other", name)
                stack.callback(scene.host.docker, "network", "disconnect", network, name)
                scene.host.docker("network", "connect", network, name)
            yield

    return broken


FAULTS = (
    Fault(
        "bridge down", "bridge_down", EGRESS, commands("ip link set app0 down", "ip link set app0 up"), NOTHING_COMES
    ),
    Fault(
        "ARP of the bridge off",
        "arp_off_on_bridge",
        EGRESS,
        commands("ip link set app0 arp off", "ip link set app0 arp on"),
        seen=NOTHING_COMES,
    ),
    Fault(
        "ARP of the bridge off, and neighbours forgotten",
        "arp_off_on_bridge",
        PUBLISHED,
        both(commands("ip link set app0 arp off", "ip link set app0 arp on"), neighbours_forgotten),
        seen=NOTHING_COMES,
        long=True,
    ),
    Fault(
        "bridge's address gone",
        "gateway_address_missing",
        EGRESS,
        both(
            commands(f"ip address delete {GATEWAY}/24 dev app0", f"ip address add {GATEWAY}/24 brd + dev app0"),
            neighbours_forgotten,
        ),
        seen=NOTHING_COMES,
        long=True,
    ),
    Fault(
        "container's port detached from the bridge",
        "veth_detached",
        EGRESS,
        port("client", "ip link set PORT nomaster", "ip link set PORT master app0"),
        seen=NOTHING_COMES,
        long=True,
    ),
    Fault(
        "container's port down",
        "bridge_port_blocked",
        NEIGHBOUR,
        port("web", "ip link set PORT down", "ip link set PORT up"),
        seen=NOTHING_COMES,
        long=True,
    ),
    Fault(
        "ports of a network isolated",
        "bridge_port_blocked",
        NEIGHBOUR,
        both(
            port("web", "bridge link set dev PORT isolated on", "bridge link set dev PORT isolated off"),
            port("client", "bridge link set dev PORT isolated on", "bridge link set dev PORT isolated off"),
            neighbours_forgotten,
        ),
        seen=NOTHING_COMES,
        long=True,
    ),
    Fault("internal network", "internal_network", MOVED_OUT, moved("inner", "mover"), seen=NOTHING_COMES),
    Fault("icc off", "icc_off", MOVED, moved("quiet", "mover", "rival")),
    Fault(
        "hairpin off on the container's port",
        "hairpin_off",
        TO_ITSELF,
        port("web", "bridge link set dev PORT hairpin off", "bridge link set dev PORT hairpin on"),
        userland_proxy=False,
    ),
    Fault(
        "bridge netfilter off",
        "bridge_netfilter_off",
        TO_NEIGHBOUR,
        sysctl("net.bridge.bridge-nf-call-iptables", "0"),
        userland_proxy=False,
    ),
    Fault(
        "bridge asks for no neighbour",
        "neighbour_unresolved",
        PUBLISHED,
        both(sysctl("net.ipv4.neigh.app0.mcast_solicit", "0"), neighbours_forgotten),
        seen=NOTHING_COMES,
        long=True,
    ),
)
