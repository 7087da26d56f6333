"""Everything that the matrix of a host must have an answer to, found without asking the collection.

Who there is, what is published and which addresses the host has are read from the daemon and from `ip`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import (
    ITSELF,
    OTHER_NETWORK,
    SAME_NETWORK,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
)

from tests.differential.reachability_hosts import INNER_TCP, INNER_UDP
from tests.lab.host import Host

ANY = "0.0.0.0"  # noqa: S104 - compared, not bound
WILDCARDS = {"": 4, ANY: 4, "::": 6}
LISTENING = ((INNER_TCP, "tcp"), (INNER_UDP, "udp"))
BEYOND = {4: "203.0.113.9", 6: "2001:db8:ffff::9"}
BEYOND_PORT = 443


@dataclass(frozen=True)
class Inhabitant:
    """A container in a network namespace of its own."""

    name: str
    path: str
    """Of its network namespace."""
    networks: Mapping[str, tuple[str, ...]]
    """Its addresses on each."""
    bindings: tuple[tuple[str, int, int, str], ...]
    """Address of the host, its port, the container's port, protocol."""
    routed: frozenset[str]
    """Ports that are published for those who ask at its own address, as ``PORT/PROTOCOL``."""

    @property
    def addresses(self) -> list[str]:
        """All of them."""
        return [address for some in self.networks.values() for address in some]


@dataclass(frozen=True)
class Question:
    """One combination of who asks and what is asked for."""

    origin: Origin
    address: str
    protocol: str
    port: int
    member: str = ""
    """``CONTAINER:PORT/PROTOCOL`` as the matrix names it; empty for the outside."""
    published_on: str = ""
    """The address that the port is published on; empty for one that is asked at the container itself."""
    relation: str = ""
    is_elsewhere: bool = False
    """Whether the address is on no network that the host is on (gateway mode "isolated")."""

    @property
    def owner(self) -> str:
        """The container that is asked; empty for the outside."""
        return self.member.partition(":")[0]

    @property
    def family(self) -> int:
        """4 or 6."""
        return family_of(self.address)

    def __str__(self) -> str:
        what = f"{self.member} published on {self.published_on}" if self.published_on else self.member
        return f"{self.origin} to {self.address} port {self.port}/{self.protocol} ({what or 'outside'})"


def inhabitants(host: Host, names: Sequence[str]) -> list[Inhabitant]:
    """The running containers with a namespace of their own: those in another's, or the host's, are left out."""
    entries: list[dict[str, Any]] = json.loads(host.docker("inspect", *names).out)
    return [_inhabitant(host, entry) for entry in entries if entry["State"]["Running"] and not _is_guest(entry)]


def _is_guest(entry: Mapping[str, Any]) -> bool:
    mode = str(entry["HostConfig"]["NetworkMode"])
    return mode == "host" or mode.startswith("container:")


def _inhabitant(host: Host, entry: Mapping[str, Any]) -> Inhabitant:
    ends: Mapping[str, Mapping[str, str]] = entry["NetworkSettings"]["Networks"]
    networks = {
        name: tuple(end[key] for key in ("IPAddress", "GlobalIPv6Address") if end[key]) for name, end in ends.items()
    }
    ports: Mapping[str, Sequence[Mapping[str, str]] | None] = entry["NetworkSettings"]["Ports"] or {}
    bindings = [
        (binding["HostIp"], int(binding["HostPort"]), int(port.partition("/")[0]), port.partition("/")[2])
        for port, some in ports.items()
        for binding in some or ()
        if binding["HostPort"]
    ]
    # A network in mode "routed" takes no port of the host.
    routed = [port for port, some in ports.items() if any(not binding["HostPort"] for binding in some or ())]
    path = f"/proc/{host.pid}/root/proc/{entry['State']['Pid']}/ns/net"
    return Inhabitant(entry["Name"].lstrip("/"), path, networks, tuple(bindings), frozenset(routed))


@dataclass(frozen=True)
class HostAddress:
    """An address of the host."""

    text: str
    network: IPv4Network | IPv6Network
    is_gateway: bool
    """Whether it is that of a bridge of containers."""


def host_addresses(host: Host) -> list[HostAddress]:
    """All addresses of the host that packets can be sent to, link-local ones left out."""
    return [
        HostAddress(entry["local"], _network(entry), link.get("linkinfo", {}).get("info_kind") == "bridge")
        for link in json.loads(host.run(["ip", "-json", "-details", "address", "show", "up"]).out)
        for entry in link.get("addr_info", ())
        if entry["scope"] in ("global", "host")
    ]


def _network(entry: Mapping[str, Any]) -> IPv4Network | IPv6Network:
    return ip_network(f"{entry['local']}/{entry['prefixlen']}", strict=False)


def questions(
    uplinks: Sequence[str], everybody: Sequence[Inhabitant], addresses: Sequence[HostAddress]
) -> Iterator[Question]:
    """All of them. A container's loopback addresses are not the host's, so they are not asked from there."""
    outside = [Origin(OUTSIDE, uplink) for uplink in uplinks]
    askers = [*outside, Origin(HOST), *(Origin(CONTAINER, somebody.name) for somebody in everybody)]
    by_name = {somebody.name: somebody for somebody in everybody}
    for origin in askers:
        if origin.kind != OUTSIDE:
            yield from (Question(origin, address, "tcp", BEYOND_PORT) for address in BEYOND.values())
        for somebody in everybody:
            relation = _relation(by_name.get(origin.name), somebody)
            for host_ip, host_port, port, protocol in somebody.bindings:
                member = f"{somebody.name}:{port}/{protocol}"
                for address in _asked_at(host_ip, addresses):
                    if not (origin.kind == CONTAINER and is_loopback(address)):
                        yield Question(origin, address, protocol, host_port, member, host_ip or ANY, relation)
            for address in somebody.addresses:
                elsewhere = not any(ip_address(address) in item.network for item in addresses)
                for port, protocol in LISTENING:
                    member = f"{somebody.name}:{port}/{protocol}"
                    yield Question(origin, address, protocol, port, member, "", relation, elsewhere)


def is_loopback(address: str) -> bool:
    """Whether only the machine itself means itself by an address."""
    return address == "::1" or address.startswith("127.")


def family_of(address: str) -> int:
    """4 or 6."""
    return 6 if ":" in address else 4


def _asked_at(host_ip: str, addresses: Sequence[HostAddress]) -> list[str]:
    if host_ip in WILDCARDS:
        return [item.text for item in addresses if family_of(item.text) == WILDCARDS[host_ip]]
    near = [item.text for item in addresses if not item.is_gateway or item.text == host_ip]
    return [address for address in near if family_of(address) == family_of(host_ip)]


def _relation(one: Inhabitant | None, other: Inhabitant) -> str:
    if one is None:
        return ""
    if one.name == other.name:
        return ITSELF
    return SAME_NETWORK if one.networks.keys() & other.networks.keys() else OTHER_NETWORK
