# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses are taken, and which are free."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_space import (
    first_free,
    overlapping,
    without_network,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_wish import Pool
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR, Taken, taken_on_host
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Route
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.synthetic_host import SyntheticHost, identity


@st.composite
def cidrs(draw: st.DrawFn, inside: str = "10.0.0.0/20") -> CIDR:
    """A subnet of a range that is small enough for collisions."""
    base = ipaddress.ip_network(inside)
    size = draw(st.integers(base.prefixlen, base.max_prefixlen))
    offset = draw(st.integers(0, base.num_addresses - 1))
    return ipaddress.ip_network((int(base.network_address) + offset, size), strict=False)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    base = draw(cidrs().filter(lambda cidr: cidr.prefixlen <= 30))
    return Pool(base, draw(st.integers(base.prefixlen, 30)))


@given(st.lists(pools(), max_size=3), st.lists(cidrs(), max_size=30))
def test_the_first_free_subnet_is_free_and_the_first(ranges: list[Pool], used: list[CIDR]) -> None:
    taken = [Taken(cidr, str(cidr)) for cidr in used]
    found = first_free(ranges, taken)
    every = [subnet for pool in ranges for subnet in pool.base.subnets(new_prefix=pool.size)]
    assert found == next((subnet for subnet in every if overlapping(subnet, taken) is None), None)


@given(st.lists(cidrs(), max_size=10))
def test_a_second_choice_keeps_clear_of_the_first(used: list[CIDR]) -> None:
    taken = [Taken(cidr, "") for cidr in used]
    ranges = [Pool(ipaddress.ip_network("10.0.0.0/20"), 24)]
    first = first_free(ranges, taken)
    if first is not None:
        second = first_free(ranges, [*taken, Taken(first, "")])
        assert second is None or not second.overlaps(first)
        # A host that has not changed gives the same answer.
        assert first_free(ranges, list(reversed(taken))) == first


def test_a_large_pool_of_small_subnets_takes_no_time() -> None:
    taken = [Taken(ipaddress.ip_network("fd00::/33"), "")]
    found = first_free([Pool(ipaddress.ip_network("fd00::/32"), 126)], taken)
    assert found == ipaddress.ip_network("fd00:0:8000::/126")


def test_families_do_not_meet() -> None:
    taken = [Taken(ipaddress.ip_network("0.0.0.0/0"), "")]
    assert first_free([Pool(ipaddress.ip_network("fd00::/48"), 64)], taken) == ipaddress.ip_network("fd00::/64")


def busy() -> SyntheticHost:
    host = SyntheticHost(nameservers=["10.255.0.53"])
    host.link(Link(9, "wg0", up=True, addresses=["10.66.0.2/24"]))
    host.routes += [
        Route("0.0.0.0/0", 254, gateways=["192.0.2.1"], interfaces=[2]),
        Route("0.0.0.0/1", 254, gateways=["10.66.0.1"], interfaces=[9]),
        Route("2000::/3", 254, gateways=["fe80::1"], interfaces=[2]),
        Route("10.20.0.0/16", 254, gateways=["192.0.2.9"], interfaces=[2]),
        Route("10.21.0.0/16", 51820, interfaces=[9]),
        Route("10.22.0.0/16", 254, kind="blackhole"),
        Route("10.88.1.0/24", 254, interfaces=[4]),
    ]
    return host


@pytest.mark.parametrize(
    ("subnet", "owner"),
    [
        ("10.20.1.0/24", "the route 10.20.0.0/16 via 192.0.2.9 dev eth0 in table main"),
        ("10.21.1.0/24", "the route 10.21.0.0/16 dev wg0 in table 51820"),
        ("10.22.0.0/15", "the route 10.22.0.0/16 (blackhole) in table main"),
        ("10.66.0.0/16", "the address 10.66.0.2/24 of wg0"),
        ("10.88.1.128/25", "10.88.1.0/24 of the Docker network front"),
        ("10.255.0.0/24", "the nameserver 10.255.0.53"),
        ("10.44.0.0/24", "10.44.0.0/16, which is to be avoided"),
        ("10.99.0.0/24", None),
        ("2001:db8:1::/64", None),
    ],
)
def test_who_has_it(subnet: str, owner: str | None) -> None:
    taken = taken_on_host(busy().snapshot(), [ipaddress.ip_network("10.44.0.0/16")])
    found = overlapping(ipaddress.ip_network(subnet), taken)
    assert (found.owner if found else None) == owner


def test_a_network_that_goes_gives_back_all_that_it_has() -> None:
    host = busy().snapshot()
    front = next(network for network in host.networks if network.id == identity("front"))
    rest = without_network(host, front.id, front.bridge)
    assert overlapping(ipaddress.ip_network("10.88.1.0/24"), taken_on_host(rest, [])) is None
    assert overlapping(ipaddress.ip_network("10.88.1.0/24"), taken_on_host(host, [])) is not None
    assert rest.routes == host.routes[:-1]
