# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the kernel's settings, routes, policies and tables."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from tests.differential.namespaces import socket_in
from tests.integration.diagnosis.breaking import Break, both, commands, rule, settings_of_all_interfaces, sysctl
from tests.integration.diagnosis.fault import NOTHING_COMES, REFUSED, UNREACHABLE, Fault
from tests.integration.diagnosis.questions import DATAGRAM, EGRESS, EGRESS6, LARGE, PUBLISHED, source_port
from tests.integration.diagnosis.scene import APP, UDP_PORT, UNUSED, Scene
from tests.lab.network import Space

ROUTED_APART = both(
    # As on a host with two uplinks and marks that choose one: answers come in where no unmarked route leads there.
    commands(
        "ip link add spare0 type veth peer name spare1 && ip link set spare0 up && ip link set spare1 up",
        "ip link delete spare0",
    ),
    commands("ip route add 203.0.113.0/24 dev spare0", "ip route delete 203.0.113.0/24 dev spare0"),
    commands(
        "ip route show default | sed 's/^/route add table 77 /' | ip -batch -; ip rule add fwmark 7 lookup 77 pref 77",
        "ip rule delete pref 77; ip route flush table 77",
    ),
    rule("-t mangle PREROUTING -i app0 -j MARK --set-mark 7"),
)


ROUTER = "$(ip route show default | cut -d' ' -f3)"
FORGET = f"conntrack -D -p udp --orig-port-dst {UDP_PORT}"

SSH_UNTRACKED = both(
    # Its operator can still log in.
    rule("-t raw PREROUTING -p tcp --dport 22 -j CT --notrack"),
    rule("-t raw OUTPUT -p tcp --sport 22 -j CT --notrack"),
)


@contextmanager
def router_drops_large_packets(scene: Scene) -> Iterator[None]:
    """Beyond the host, and says nothing: as a tunnel whose messages about it are filtered."""
    lan = Space(scene.lab.identity.thing("lan"))
    place = scene.host.host_name.place
    ways = ((f"p{place}", "p-internet"), ("p-internet", f"p{place}"))
    rules = "; ".join(f"iifname {one} oifname {other} meta length > 1400 drop" for one, other in ways)
    chain = f"chain c {{ type filter hook forward priority 0; {rules}; }};"
    try:
        scene.lab.outside.net(["nsenter", f"--net={lan.path}", "nft", f"table bridge narrow{place} {{ {chain} }}"])
        yield
    finally:
        scene.lab.outside.net(["nsenter", f"--net={lan.path}", "nft", "delete", "table", "bridge", f"narrow{place}"])


def outside_machine(what: str) -> Break:
    """A machine on the internet treats connections from this host so, in the words of nft."""

    @contextmanager
    def broken(scene: Scene) -> Iterator[None]:
        table = f"closed{scene.host.host_name.place}"
        chain = f"chain c {{ type filter hook input priority 0; ip saddr {scene.host.address} tcp dport 80 {what}; }};"
        try:
            scene.lab.internet.net(["nft", f"table ip {table} {{ {chain} }}"])
            yield
        finally:
            scene.lab.internet.net(["nft", "delete", "table", "ip", table])

    return broken


@contextmanager
def flow_to_a_container_that_is_gone(scene: Scene) -> Iterator[None]:
    """Translated by a rule that is gone, too; the client's next datagrams keep the entry alive."""
    host = scene.host
    translated = rule(f"-t nat PREROUTING -p udp --dport {UDP_PORT} -j DNAT --to-destination {UNUSED}:{UDP_PORT}")
    gone = both(translated, rule(f"FORWARD -d {UNUSED} -j ACCEPT"))
    with sysctl("net.netfilter.nf_conntrack_udp_timeout", "300")(scene):
        try:
            host.run(FORGET, check=False)
            with gone(scene), socket_in(scene.lab.outside.path, socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.bind(("", source_port(scene)))
                asking.sendto(b"dockernet", (host.address, UDP_PORT))
                host.wait_for(lambda: UNUSED in _entries(scene), 120, "the entry of connection tracking")
            yield
        finally:
            host.run(FORGET, check=False)


def _entries(scene: Scene) -> str:
    return scene.host.run(["conntrack", "-L", "-p", "udp"], check=False).out


# linux/netfilter/nfnetlink_conntrack.h
_NEW, _REQUEST_CREATE = 0x100, 0x1 | 0x400
_ORIGINAL, _REPLY, _STATUS, _TIMEOUT, _IP, _PROTO = 1, 2, 3, 7, 1, 2
_ASSURED_CONFIRMED = 0x4 | 0x8 | 0x2
_NETLINK_NETFILTER = 12
_BATCH = 512


@contextmanager
def table_full(scene: Scene) -> Iterator[None]:
    """With as many entries that the kernel does not give up early (assured) as a host of this machine may have."""
    limit = int(scene.host.sysctl("net.netfilter.nf_conntrack_max"))
    with socket_in(scene.host.path, socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as asking:
        try:
            # What ends by itself would make room again.
            scene.host.run(["conntrack", "-F"])
            for first in range(0, limit + _BATCH, _BATCH):
                asking.send(b"".join(_entry(number) for number in range(first, first + _BATCH)))
            yield
        finally:
            scene.host.run(["conntrack", "-F"], check=False)


def _entry(number: int) -> bytes:
    """A message that makes an entry of a UDP flow between two addresses that no host has."""
    there, back = struct.pack(">I", 0xC6120000 | (number >> 14)), struct.pack(">I", 0xC0000201)
    ports = struct.pack(">H", 1024 + (number & 0x3FFF)), struct.pack(">H", 9)
    body = (
        _tuple(_ORIGINAL, there, back, ports)
        + _tuple(_REPLY, back, there, ports[::-1])
        + _attribute(_STATUS, struct.pack(">I", _ASSURED_CONFIRMED))
        + _attribute(_TIMEOUT, struct.pack(">I", 600))
    )
    head = struct.pack("=BBH", socket.AF_INET, 0, 0)
    return struct.pack("=IHHII", 16 + len(head) + len(body), _NEW, _REQUEST_CREATE, number, 0) + head + body


def _tuple(kind: int, source: bytes, destination: bytes, ports: tuple[bytes, bytes]) -> bytes:
    addresses = _attribute(1, source) + _attribute(2, destination)
    protocol = _attribute(1, bytes([socket.IPPROTO_UDP])) + _attribute(2, ports[0]) + _attribute(3, ports[1])
    return _nested(kind, _nested(_IP, addresses) + _nested(_PROTO, protocol))


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _nested(kind: int, data: bytes) -> bytes:
    return _attribute(kind | 0x8000, data)


FAULTS = (
    Fault(
        "ip_forward is 0",
        "forwarding_off",
        EGRESS,
        settings_of_all_interfaces("echo 0 > /proc/sys/net/ipv4/ip_forward"),
    ),
    Fault(
        "forwarding off on the bridge", "interface_forwarding_off", EGRESS, sysctl("net.ipv4.conf.app0.forwarding", "0")
    ),
    Fault(
        "forwarding off on the uplink",
        "interface_forwarding_off",
        PUBLISHED,
        sysctl("net.ipv4.conf.eth0.forwarding", "0"),
        long=True,
    ),
    Fault(
        "IPv6 forwarding off",
        "ipv6_forwarding_off",
        EGRESS6,
        settings_of_all_interfaces("echo 0 > /proc/sys/net/ipv6/conf/all/forwarding"),
        seen=NOTHING_COMES,
    ),
    Fault(
        "policy route for the network leads nowhere",
        "null_route_on_host",
        EGRESS,
        commands(
            f"ip rule add from {APP.subnet} lookup 78 pref 78; ip route add blackhole default table 78",
            "ip rule delete pref 78; ip route flush table 78",
        ),
        seen=NOTHING_COMES,
        long=True,
    ),
    Fault(
        "longer route for half of the network leads out",
        "route_overlap",
        PUBLISHED,
        commands("ip route add 10.77.1.0/25 dev eth0", "ip route delete 10.77.1.0/25 dev eth0"),
        seen=NOTHING_COMES,
        long=True,
    ),
    Fault(
        "no default route of the host",
        "route_missing_on_host",
        EGRESS,
        commands(
            "ip route show default > /run/default-route; ip route delete default",
            "sed 's/^/route replace /' /run/default-route | ip -batch -; rm /run/default-route",
        ),
        seen=(UNREACHABLE,),
        long=True,
    ),
    Fault(
        "IPsec policy blocks the network",
        "ipsec_policy",
        EGRESS,
        commands(
            f"ip xfrm policy add src {APP.subnet} dst 0.0.0.0/0 dir out action block",
            f"ip xfrm policy delete src {APP.subnet} dst 0.0.0.0/0 dir out",
        ),
        long=True,
    ),
    Fault(
        "strict rp_filter with routes apart",
        "rp_filter",
        EGRESS,
        sysctl("net.ipv4.conf.eth0.rp_filter", "1"),
        prepared=ROUTED_APART,
    ),
    Fault("MTU black hole on the way", "mtu_black_hole", LARGE, router_drops_large_packets),
    Fault("stale entry of a UDP flow", "stale_conntrack", DATAGRAM, flow_to_a_container_that_is_gone, NOTHING_COMES),
    Fault("connection tracking is full", "conntrack_full", EGRESS, table_full, prepared=SSH_UNTRACKED, long=True),
    Fault(
        "connection tracking forgets at once",
        "conntrack_timeout_zero",
        EGRESS,
        sysctl("net.netfilter.nf_conntrack_tcp_timeout_syn_sent", "0"),
        long=True,
    ),
    Fault(
        "marked packets are routed nowhere",
        "null_route_on_host",
        EGRESS,
        both(
            rule("-t mangle PREROUTING -i app0 -j MARK --set-mark 9"),
            commands("ip rule add fwmark 9 blackhole pref 90", "ip rule delete pref 90"),
        ),
        long=True,
    ),
    Fault(
        "wrong fixed neighbour for the router",
        "permanent_neighbour",
        EGRESS,
        commands(
            f"ip neigh replace {ROUTER} lladdr 02:00:00:00:00:01 dev eth0 nud permanent",
            f"ip neigh delete {ROUTER} dev eth0",
        ),
        long=True,
    ),
    Fault("machine outside says nothing", "target_silent", EGRESS, outside_machine("drop"), long=True),
    Fault(
        "machine outside refuses",
        "target_refuses",
        EGRESS,
        outside_machine("reject with tcp reset"),
        seen=(REFUSED,),
        long=True,
    ),
)
