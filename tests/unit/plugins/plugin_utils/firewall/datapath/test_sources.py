# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source that a namespace gives what it sends, where it has several addresses."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Route
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import RouteQuery
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text, parse_address

# The kernel lists an IPv6 address that was added later before the earlier ones.
LINKS = [
    Link(1, "lo", up=True, addresses=["127.0.0.1/8", "::1/128", "2001:db8:f::1/128"]),
    Link(
        2,
        "eth0",
        up=True,
        addresses=["192.0.2.10/24", "10.0.0.10/24", "2001:db8::1:10/64", "2001:db8::10/64", "fe80::10/64"],
    ),
    Link(3, "eth1", up=True, addresses=["fe80::11/64"]),
]
ROUTES = [
    Route("0.0.0.0/0", 254, gateways=["10.0.0.1"], interfaces=[2]),
    Route("192.0.2.0/24", 254, interfaces=[2]),
    Route("2001:db8::/64", 254, interfaces=[2]),
    Route("2001:db8:9::/48", 254, gateways=["fe80::1"], interfaces=[3]),
    Route("fe80::/64", 254, interfaces=[3]),
    Route("::/0", 254, gateways=["fe80::1"], interfaces=[2]),
    *(Route(f"{address}/128", 255, "local", interfaces=[2]) for address in ("2001:db8::1:10", "2001:db8::10")),
    *(Route(f"{address}/128", 255, "local", interfaces=[3]) for address in ("fe80::10", "fe80::11")),
    Route("2001:db8:f::1/128", 255, "local", interfaces=[1]),
]
STACK = Stack("host", LINKS, ROUTES, [], None)


@pytest.mark.parametrize(
    ("destination", "source"),
    [
        ("192.0.2.7", "192.0.2.10"),
        ("198.51.100.7", "10.0.0.10"),
        # Both have 64 bits in common with it, since no more than the prefix counts: the first is taken.
        ("2001:db8::9", "2001:db8::1:10"),
        # Not the link-local one that is nearest to the next hop.
        ("2001:db8:ffff::9", "2001:db8::1:10"),
        # The device has none of that scope, and of all others one has a longer prefix in common.
        ("2001:db8:9::9", "2001:db8:f::1"),
        ("fe80::77", "fe80::11"),
    ],
)
def test_the_source_is_the_one_that_the_kernel_chooses(destination: str, source: str) -> None:
    family, number = parse_address(destination)
    asked = RouteQuery(family, number)
    found = STACK.source_for(asked, STACK.fib.lookup(asked))
    assert found is not None
    assert address_text(family, found) == source


def test_without_any_address_there_is_no_source() -> None:
    bare = Stack("host", [Link(3, "eth1", up=True)], ROUTES, [], None)
    asked = RouteQuery(6, parse_address("2001:db8:9::9")[1])
    assert bare.source_for(asked, bare.fib.lookup(asked)) is None
