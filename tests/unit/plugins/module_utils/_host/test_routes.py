"""Routes as the kernel writes them into messages, and those of the namespace of the test itself."""

from __future__ import annotations

import socket
import struct

from ansible_collections.dockernet.baseline.plugins.module_utils._host import routes
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Route

# linux/rtnetlink.h
DST, OIF, GATEWAY, PRIORITY, PREFSRC, MULTIPATH, TABLE, VIA = 1, 4, 5, 6, 7, 9, 15, 18
DEAD, LINKDOWN = 1, 16


def message(attributes: dict[int, bytes], length: int = 0, table: int = 254, kind: int = 1, flags: int = 0) -> bytes:
    header = struct.pack("=BBBBBBBBI", socket.AF_INET, length, 0, 0, table, 4, 0, kind, flags)
    return header + b"".join(attribute(number, value) for number, value in attributes.items())


def number(value: int) -> bytes:
    return struct.pack("=I", value)


def ip(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def hop(gateway: str, index: int, flags: int = 0) -> bytes:
    attributes = attribute(GATEWAY, ip(gateway))
    return struct.pack("=HBBi", 8 + len(attributes), flags, 0, index) + attributes


def test_the_loopback_addresses_and_nothing_of_broadcast() -> None:
    found = routes.read_routes()
    loopback = next(route for route in found if route.destination == "127.0.0.0/8")
    assert (loopback.table, loopback.kind, loopback.interfaces, loopback.protocol) == (255, "local", [1], 2)
    assert loopback.source == "127.0.0.1"
    assert not {route.kind for route in found} & {"broadcast", "multicast", "anycast"}


def test_a_default_route() -> None:
    found = routes.parse_route(message({GATEWAY: ip("192.0.2.1"), OIF: number(2), TABLE: number(254)}))
    assert found == Route("0.0.0.0/0", 254, "unicast", ["192.0.2.1"], [2], 4)


def test_a_table_that_has_no_room_in_the_header() -> None:
    found = routes.parse_route(message({DST: ip("10.20.0.0"), TABLE: number(51820), OIF: number(7)}, 16, table=252))
    assert (found.destination, found.table) == ("10.20.0.0/16", 51820)


def test_source_and_metric() -> None:
    found = routes.parse_route(message({DST: ip("10.0.0.0"), PREFSRC: ip("10.0.0.9"), PRIORITY: number(600)}, 8))
    assert (found.source, found.metric) == ("10.0.0.9", 600)


def test_a_multipath_route_is_usable_as_long_as_one_of_its_hops_is() -> None:
    for flags, usable in (((0, 0), True), ((DEAD | LINKDOWN, 0), True), ((DEAD, DEAD), False), ((LINKDOWN, 0), True)):
        hops = hop("192.0.2.1", 2, flags[0]) + hop("192.0.2.2", 3, flags[1])
        found = routes.parse_route(message({DST: ip("10.0.0.0"), MULTIPATH: hops}, 8))
        assert (found.gateways, found.interfaces, found.usable) == (["192.0.2.1", "192.0.2.2"], [2, 3], usable)


def test_a_route_over_a_link_that_is_down() -> None:
    for flags, usable in ((0, True), (LINKDOWN, True), (LINKDOWN | DEAD, False)):
        assert routes.parse_route(message({OIF: number(2)}, flags=flags)).usable is usable


def test_a_route_that_leads_nowhere() -> None:
    found = routes.parse_route(message({DST: ip("10.9.0.0")}, 16, kind=6))
    assert (found.kind, found.gateways, found.interfaces) == ("blackhole", [], [])


def test_an_ipv4_route_by_an_ipv6_router() -> None:
    found = routes.parse_route(message({DST: ip("10.9.0.0"), VIA: struct.pack("=H", 10) + ip("fe80::1")}, 16))
    assert found.gateways == ["fe80::1"]
