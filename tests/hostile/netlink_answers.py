"""A namespace's part of a snapshot in the words in which the kernel says it by netlink(7)."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    NETFILTER,
    ROUTE,
    SOCK_DIAG,
    attribute,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Link,
    Listener,
    Neighbour,
    PolicyRule,
    Route,
)

attr = attribute
# What is asked for: protocol, type of the question, family, and for sockets the protocol they are of.
Question = tuple[int, int, int, int]

GETLINK, GETADDR, GETROUTE, GETNEIGH, GETRULE, GETQDISC, GETNSID = 18, 22, 26, 30, 34, 38, 90
BY_FAMILY = 20
NFT_GETTABLE, NFT_GETCHAIN, NFT_GETRULE, NFT_GETGEN = (10 << 8 | number for number in (1, 4, 7, 16))

LINKS: Question = (ROUTE, GETLINK, socket.AF_UNSPEC, 0)
ADDRESSES: Question = (ROUTE, GETADDR, socket.AF_UNSPEC, 0)
ROUTES: Question = (ROUTE, GETROUTE, socket.AF_UNSPEC, 0)
RULES: Question = (ROUTE, GETRULE, socket.AF_UNSPEC, 0)
NEIGHBOURS: Question = (ROUTE, GETNEIGH, socket.AF_UNSPEC, 0)
QDISCS: Question = (ROUTE, GETQDISC, socket.AF_UNSPEC, 0)
FORWARDING: Question = (ROUTE, GETNEIGH, 7, 0)
VLANS: Question = (ROUTE, GETLINK, 7, 0)
GENERATION: Question = (NETFILTER, NFT_GETGEN, socket.AF_UNSPEC, 0)
TABLES: Question = (NETFILTER, NFT_GETTABLE, socket.AF_UNSPEC, 0)
CHAINS: Question = (NETFILTER, NFT_GETCHAIN, socket.AF_UNSPEC, 0)
NFT_RULES: Question = (NETFILTER, NFT_GETRULE, socket.AF_UNSPEC, 0)
UNIX: Question = (SOCK_DIAG, BY_FAMILY, socket.AF_UNIX, 0)

_KINDS = ("unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit", "throw")
_ACTIONS = {"lookup": 1, "goto": 2, "nop": 3, "blackhole": 6, "unreachable": 7, "prohibit": 8}
_NFT_FAMILIES = {"inet": 1, "ip": 2, "arp": 3, "netdev": 5, "bridge": 7, "ip6": 10}
_STATES = {"tcp": 10, "udp": 7}
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}


def u32(number: int) -> bytes:
    return struct.pack("=I", number & 0xFFFFFFFF)


def packed(address: str) -> bytes:
    return ip_address(address).packed


def link(item: Link, bridges: Iterable[int]) -> bytes:
    """RTM_NEWLINK; bridges are the indices of those that a port can be of."""
    parts = [attr(3, item.name.encode("utf-8", "surrogateescape") + b"\0"), attr(4, u32(item.mtu or 1500))]
    parts += [attr(1, bytes.fromhex(item.mac.replace(":", "")))] if item.mac else []
    parts += [attr(10, u32(item.master))] if item.master is not None else []
    parts += [attr(5, u32(item.peer_index))] if item.peer_index is not None else []
    parts += [attr(37, u32(item.peer_nsid))] if item.peer_nsid is not None else []
    info = [attr(1, item.kind.encode() + b"\0")] if item.kind else []
    if item.master in set(bridges):
        port = attr(1, b"\3") + attr(4, bytes([bool(item.hairpin)])) + attr(33, bytes([bool(item.isolated)]))
        info += [attr(4, b"bridge\0"), attr(5, port)]
    parts += [attr(18, b"".join(info))] if info else []
    return struct.pack("=BxHiII", 0, 1, item.index, 0x1 if item.up else 0, 0) + b"".join(parts)


def addresses(item: Link) -> list[bytes]:
    """RTM_NEWADDR of all addresses of a link."""
    found = []
    for text in item.addresses:
        address, dummy, length = text.partition("/")
        raw = packed(address)
        family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
        flags = 0 if text in item.leased else 0x80
        found.append(struct.pack("=BBBBI", family, int(length), flags, 0, item.index) + attr(2, raw) + attr(1, raw))
    return found


def route(item: Route) -> bytes:
    """RTM_NEWROUTE; more than one interface makes it one of several next hops."""
    network = ip_network(item.destination)
    family = socket.AF_INET if network.version == 4 else socket.AF_INET6
    head = struct.pack(
        "=BBBBBBBBI",
        family,
        network.prefixlen,
        0,
        0,
        min(item.table, 252) if item.table > 255 else item.table,
        item.protocol,
        0,
        _KINDS.index(item.kind) + 1,
        0,
    )
    parts = [attr(15, u32(item.table))]
    parts += [attr(1, network.network_address.packed)] if network.prefixlen else []
    parts += [attr(7, packed(item.source))] if item.source else []
    parts += [attr(6, u32(item.metric))] if item.metric else []
    if len(item.interfaces) > 1:
        hops = [
            attr(5, packed(gateway)) if gateway else b""
            for gateway in (item.gateways if item.gateways else [""] * len(item.interfaces))
        ]
        several = (struct.pack("=HBBi", 8 + len(hop), 0, 0, index) + hop for hop, index in zip(hops, item.interfaces))
        parts.append(long_attribute(9, b"".join(several)))
    else:
        parts += [attr(4, u32(index)) for index in item.interfaces]
        parts += [attr(5, packed(gateway)) for gateway in item.gateways]
    return head + b"".join(parts)


def long_attribute(kind: int, value: bytes) -> bytes:
    """An attribute as far as its length has room in 16 bits, as the kernel would have to break it off."""
    return attr(kind, value[:0xFFFB])


def policy_rule(item: PolicyRule) -> bytes:
    family = socket.AF_INET if item.family == 4 else socket.AF_INET6
    head = struct.pack(
        "=BBBBBBBBI", family, 0, 0, 0, item.table if item.table < 256 else 0, 0, 0, _ACTIONS.get(item.action, 1), 0
    )
    return head + attr(6, u32(item.priority)) + attr(15, u32(item.table)) + attr(14, b"\xff" * 4)


def neighbour(item: Neighbour) -> bytes:
    raw = packed(item.address)
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    head = struct.pack("=BxxxiHBB", family, item.interface, 0x80, 0, 1)
    return head + attr(1, raw) + attr(2, bytes.fromhex(item.mac.replace(":", "")))


def qdisc(index: int) -> bytes:
    return struct.pack("=BxxxiIII", 0, index, 0, 0xFFFFFFFF, 2) + attr(1, b"noqueue\0")


def listener(item: Listener, inode: int) -> tuple[Question, bytes]:
    """Which question it answers, and how."""
    raw = packed(item.address)
    family = socket.AF_INET if len(raw) == 4 else socket.AF_INET6
    message = struct.pack(
        "=BBxx2s2x16s16xI8x16xI",
        family,
        _STATES[item.protocol],
        item.port.to_bytes(2, "big"),
        raw + bytes(16 - len(raw)),
        0,
        inode,
    )
    message += attr(11, bytes([item.only_ipv6])) if family == socket.AF_INET6 else b""
    return (SOCK_DIAG, BY_FAMILY, family, PROTOCOLS[item.protocol]), message


def unix_socket(inode: int, name: bytes, file: int, device: int) -> bytes:
    """One that accepts connections, with the place that it was bound to and the file that it is there."""
    encoded = os.major(device) << 20 | os.minor(device)
    shown = struct.pack("=II", file & 0xFFFFFFFF, encoded)
    return struct.pack("=BBBBIII", socket.AF_UNIX, 1, 10, 0, inode, 0, 0) + attr(0, name) + attr(1, shown)


def nft_table(name: str) -> bytes:
    family, dummy, table = name.partition(" ")
    return struct.pack("=BBH", _NFT_FAMILIES[family], 0, 0) + attr(1, table.encode() + b"\0")


def nft_generation(number: int) -> bytes:
    return struct.pack("=BBH", 0, 0, 0) + attr(1, struct.pack(">I", number))
