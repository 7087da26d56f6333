# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A router beyond a link ``ra0`` of a host, which advertises itself by IPv6 (RFC 4861)."""

from __future__ import annotations

from tests.lab.host import Host

UPLINK = "ra0"
_SPACE = "router"

# Type 134, lifetime 1800 s, sent to all nodes with hop limit 255 (section 4.2); then, unless no prefix is given, one
# that hosts make addresses from, good for a day (section 4.6.2).
_ADVERTISE = """
import socket, struct, sys
message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
for prefix in sys.argv[1:]:
    message += struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 86400, 14400, 0) + socket.inet_pton(socket.AF_INET6, prefix)
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as router:
    router.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    router.sendto(message, ("ff02::1", 0, 0, socket.if_nametoindex("up0")))
"""


def plug_router(host: Host) -> None:
    """Add the link and the router's namespace."""
    remove_router(host)
    host.run(f"ip netns add {_SPACE} && ip link add {UPLINK} type veth peer name up0 netns {_SPACE}")
    host.run(f"ip link set {UPLINK} up && ip -n {_SPACE} link set up0 up")
    host.settle_links()


def remove_router(host: Host) -> None:
    """Remove both, if they are there."""
    host.run(["ip", "netns", "delete", _SPACE], check=False)


def wait_for_advertised_route(host: Host, *prefixes: str) -> None:
    """Advertise until the host has a default route of it."""
    host.wait_for(
        lambda: _advertise(host, *prefixes) and has_advertised_route(host), 120, "a default route by advertisement"
    )


def has_advertised_route(host: Host) -> bool:
    """Whether the host has a default route that an advertisement brought."""
    return " proto ra " in host.run(["ip", "-6", "route", "show", "default", "dev", UPLINK]).out


def _advertise(host: Host, *prefixes: str) -> bool:
    """Send it; whether it could be sent, which takes until the router's own address has been found to be unique."""
    program = ["ip", "netns", "exec", _SPACE, "python3", "-c", _ADVERTISE, *prefixes]
    return host.run(program, check=False).rc == 0
