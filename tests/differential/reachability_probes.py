"""What is asked of a host, from where: each question is a packet for the evaluator and an attempt in the real world."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
)

from tests.differential.answering import Server
from tests.differential.far_machine import DEVICE, MARK, FarMachine
from tests.differential.observing import Attempt
from tests.differential.reachability_hosts import CLOSED, HOST_PORT, INNER_TCP, INNER_UDP, SUBNETS, SUBNETS6
from tests.lab.host import Host
from tests.lab.lab import Lab

PER_HOST = 150
FIRST_PORT = 10000
NOBODY = 250
"""Last part of an address on a container network that nobody has."""


@dataclass(frozen=True)
class Probe:
    """One question in both its forms."""

    packet: Packet
    attempt: Attempt


@dataclass(frozen=True)
class Outsider:
    """A machine outside: the host's uplink that leads to it, and what takes its packets to this host."""

    uplink: str
    path: str
    addresses: tuple[str, str]
    """IPv4 and IPv6."""
    mark: int

    def address_like(self, address: str) -> str:
        """Its own of the same family."""
        return self.addresses[":" in address]


def outsiders_of(lab: Lab, host: Host, far: FarMachine | None) -> list[Outsider]:
    """The lab's outside machine, and the one beyond the host's second uplink where there is one."""
    near = Outsider("eth0", lab.outside.path, (lab.outside.address, lab.outside.address6), host.host_name.place)
    return [near] if far is None else [near, Outsider(DEVICE, far.path, far.addresses, MARK)]


@dataclass(frozen=True)
class Place:
    """A running container: its namespace and addresses."""

    name: str
    path: str
    addresses: tuple[str, ...]
    bindings: tuple[tuple[int, str], ...]
    """Published ports of the host, with protocol."""
    shares: bool
    """Whether its namespace is another's: the host's or another container's."""
    networks: int


def places(host: Host, names: Sequence[str]) -> list[Place]:
    """The containers of a host as its daemon shows them."""
    entries: list[dict[str, Any]] = json.loads(host.docker("inspect", *names).out)
    return [_place(host, entry) for entry in entries if entry["State"]["Running"]]


def _place(host: Host, entry: Mapping[str, Any]) -> Place:
    ends = entry["NetworkSettings"]["Networks"].values()
    addresses = [end[key] for end in ends for key in ("IPAddress", "GlobalIPv6Address") if end[key]]
    ports = entry["NetworkSettings"]["Ports"] or {}
    bindings = {
        (int(binding["HostPort"]), port.partition("/")[2])
        for port, list_ in ports.items()
        for binding in list_ or ()
        if binding["HostPort"]  # a network in mode "routed" has none
    }
    mode = entry["HostConfig"]["NetworkMode"]
    path = f"/proc/{host.pid}/root/proc/{entry['State']['Pid']}/ns/net"
    shares = mode == "host" or mode.startswith("container:")
    return Place(entry["Name"].lstrip("/"), path, tuple(addresses), tuple(sorted(bindings)), shares, len(ends))


def servers(host: Host, containers: Sequence[Place]) -> list[Server]:
    """What answers on the host itself and in every namespace of its containers."""
    own = [
        Server(host.path, "host", "tcp", HOST_PORT),
        # A socket each, as name servers have: from where a socket for all addresses answers is its program's affair.
        *(Server(host.path, "host", "udp", HOST_PORT, address) for address in own_addresses(host)),
        Server(host.path, "host", "tcp", HOST_PORT + 1, "127.0.0.1"),
        Server(host.path, "host", "tcp", HOST_PORT + 2, "0.0.0.0"),  # noqa: S104 - in a namespace of the lab
    ]
    inner = [place for place in containers if not place.shares]
    return [
        *own,
        *(Server(place.path, place.name, "tcp", INNER_TCP) for place in inner),
        *(Server(place.path, place.name, "udp", INNER_UDP, address) for place in inner for address in _bound(place)),
    ]


def _bound(place: Place) -> tuple[str, ...]:
    """Where a container's server of datagrams is bound: in more than one network it must be told, as on the host."""
    return ("::",) if place.networks < 2 else (*place.addresses, "127.0.0.1", "::1")


def own_addresses(host: Host) -> list[str]:
    """Addresses of the host that packets are sent to, the first of each family before all others."""
    links = json.loads(host.run(["ip", "-json", "address", "show"]).out)
    found = [entry["local"] for link in links for entry in link["addr_info"] if entry["scope"] in ("global", "host")]
    return list(dict.fromkeys([host.address, host.address6, *found]))


def draw_probes(
    draw: random.Random, lab: Lab, host: Host, containers: Sequence[Place], outsiders: Sequence[Outsider]
) -> list[Probe]:
    """As many questions as a host is asked, of all that could be, drawn evenly from all sources."""
    made = list(_all(lab, host, containers, outsiders))
    draw.shuffle(made)
    by_origin: dict[str, list[Probe]] = {}
    for probe in made:
        by_origin.setdefault(str(probe.packet.origin), []).append(probe)
    chosen: list[Probe] = []
    while len(chosen) < PER_HOST and any(by_origin.values()):
        chosen += [some.pop() for some in by_origin.values() if some]
    return chosen[:PER_HOST]


def _is_known(host_addresses: Sequence[str], address: str) -> bool:
    """Whether the host has an address on a container's network; without one it sends what is meant for it outside."""
    head = address.rpartition(":" if ":" in address else ".")[0]
    return not address.startswith((SUBNETS, SUBNETS6)) or any(own.startswith(head) for own in host_addresses)


def _all(lab: Lab, host: Host, containers: Sequence[Place], outsiders: Sequence[Outsider]) -> Iterator[Probe]:
    targets = _targets(lab, host, containers, outsiders)
    # What a machine out there chooses is not known as that of the host's own kernel is; each host has ports of its own.
    ports = count(FIRST_PORT + 1000 * host.host_name.place)
    own = own_addresses(host)
    for address, port, protocol in targets:
        if not _is_known(own, address):
            continue
        loopback = address == "::1" or address.startswith("127.")
        for outsider in outsiders:
            source = outsider.address_like(address)
            if not loopback and address != source:
                sport = next(ports) if protocol != "icmp" else 0
                packet = Packet(Origin(OUTSIDE, outsider.uplink), address, protocol, port, source, sport or None)
                yield Probe(packet, Attempt(outsider.path, protocol, address, port, outsider.mark, sport))
        packet = Packet(Origin(HOST), address, protocol, port)
        yield Probe(packet, Attempt(host.path, protocol, address, port))
        yield from (
            Probe(
                Packet(Origin(CONTAINER, place.name), address, protocol, port),
                Attempt(place.path, protocol, address, port),
            )
            for place in containers
        )


def _targets(
    lab: Lab, host: Host, containers: Sequence[Place], outsiders: Sequence[Outsider]
) -> list[tuple[str, int, str]]:
    """Every address and port that is worth a question."""
    own = own_addresses(host)
    published = sorted({binding for place in containers for binding in place.bindings})
    wanted = {(address, port, protocol) for address in own for port, protocol in published}
    wanted |= {("127.0.0.2", port, protocol) for port, protocol in published[:1]}
    for address in own:
        wanted |= {(address, HOST_PORT, "tcp"), (address, HOST_PORT, "udp"), (address, 0, "icmp")}
    wanted |= {(host.address, port, "tcp") for port in (HOST_PORT + 1, HOST_PORT + 2, HOST_PORT + 9)}
    wanted |= {(host.address6, HOST_PORT + 2, "tcp"), (host.address, HOST_PORT + 9, "udp")}
    for address in (address for place in containers for address in place.addresses):
        wanted |= {(address, INNER_TCP, "tcp"), (address, CLOSED, "tcp"), (address, INNER_UDP, "udp")}
        wanted |= {(address, CLOSED, "udp"), (address, 0, "icmp")}
    beyond = [address for outsider in outsiders for address in outsider.addresses]
    for address in (lab.internet_address, lab.internet_address6, *beyond):
        wanted |= {(address, 80, "tcp"), (address, 53, "udp"), (address, 0, "icmp")}
    nobody = [address.rpartition(".")[0] + f".{NOBODY}" for address in own if address.startswith(SUBNETS)]
    wanted |= {(address, INNER_TCP, "tcp") for address in nobody}
    return sorted(wanted)
