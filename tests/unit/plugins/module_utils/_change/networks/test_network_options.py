# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each value of a module's options: what it becomes, and what is said of one that is not allowed."""

from __future__ import annotations

import ipaddress
import re
import typing as t

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_plan import check_list
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import (
    driver_options,
    parse_avoid,
    parse_requests,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal

WRONG: list[tuple[dict[str, t.Any], str]] = [
    ({"name": "-x"}, "networks[0].name: '-x' is not allowed; a name begins with a letter or digit"),
    ({"name": "a b"}, "networks[0].name: 'a b' is not allowed"),
    ({"name": "host"}, "networks[0].name: 'host' is not allowed; the engine reserves this name"),
    (
        {"subnets": [{"subnet": "10.1.0.1"}]},
        "networks[0].subnets[0].subnet: '10.1.0.1' is not allowed; a subnet is written",
    ),
    (
        {"subnets": [{"subnet": "10.1.0.5/24"}]},
        "bits set beyond the prefix; the subnet with that address is 10.1.0.0/24",
    ),
    (
        {"subnets": [{"subnet": "10.1.0.0/33"}]},
        "networks[0].subnets[0].subnet: '10.1.0.0/33' is not allowed; not a subnet",
    ),
    ({"subnets": [{"subnet": "10.1.0.0/31"}]}, "no container has room in it; the prefix is at most /30"),
    ({"subnets": [{"subnet": "224.0.0.0/8"}]}, "'224.0.0.0/8' is not allowed; it must be of unicast addresses"),
    ({"subnets": [{"subnet": "127.1.0.0/16"}]}, "neither loopback nor"),
    (
        {"subnets": [{"subnet": "10.1.0.0/24", "gateway": "10.2.0.1"}]},
        "networks[0].subnets[0].gateway: '10.2.0.1' is not allowed; it must lie in the subnet 10.1.0.0/24",
    ),
    ({"subnets": [{"subnet": "10.1.0.0/24", "gateway": "fd00::1"}]}, "it must lie in the subnet 10.1.0.0/24"),
    ({"subnets": [{"subnet": "10.1.0.0/24", "gateway": "10.1.0"}]}, "'10.1.0' is not allowed; not an address like"),
    ({"subnets": [{"subnet": "10.1.0.0/24", "gateway": "10.1.0.255"}]}, "cannot be the gateway"),
    (
        {"subnets": [{"subnet": "10.1.0.0/24", "ip_range": "10.2.0.0/25"}]},
        "networks[0].subnets[0].ip_range: '10.2.0.0/25' is not allowed; it must lie in the subnet 10.1.0.0/24",
    ),
    ({"subnets": [{"subnet": "10.1.0.0/24", "ip_range": "10.1.0.0/16"}]}, "it must lie in the subnet 10.1.0.0/24"),
    (
        {"subnets": [{"subnet": "10.1.0.0/24"}, {"subnet": "10.2.0.0/24"}]},
        "networks[0].subnets[1].subnet: '10.2.0.0/24' is not allowed; a bridge network has one IPv4 subnet",
    ),
    (
        {"subnets": [{"subnet": "10.1.0.0/24"}], "pools": [{"base": "10.9.0.0/16", "size": 24}]},
        "networks[0].pools: '10.9.0.0/16' is not allowed; subnets names 10.1.0.0/24 already",
    ),
    (
        {"subnets": [{"subnet": "fd00::/64"}]},
        "networks[0].subnets: 'fd00::/64' is not allowed; an IPv6 subnet needs ipv6: true",
    ),
    ({"pools": [{"base": "fd00::/48", "size": 64}]}, "an IPv6 subnet needs ipv6: true"),
    (
        {"pools": [{"base": "10.1.0.0/16", "size": 8}]},
        "networks[0].pools[0].size: '8' is not allowed; a subnet of 10.1.0.0/16",
    ),
    ({"pools": [{"base": "10.1.0.0/16", "size": 31}]}, "has a prefix from 16 to 30"),
    (
        {"bridge_name": "sixteen-letters-"},
        "networks[0].bridge_name: 'sixteen-letters-' is not allowed; the name of an interface",
    ),
    ({"bridge_name": "a/b"}, "networks[0].bridge_name: 'a/b' is not allowed"),
    ({"bridge_name": ""}, "networks[0].bridge_name: '' is not allowed"),
    ({"mtu": 67}, "networks[0].mtu: '67' is not allowed; from 68 to 65535 bytes"),
    ({"mtu": 1279, "ipv6": True}, "networks[0].mtu: '1279' is not allowed; with ipv6 it is at least 1280 bytes"),
    ({"default_bind_address": "localhost"}, "networks[0].default_bind_address: 'localhost' is not allowed"),
    (
        {"gateway_mode_ipv4": "isolated"},
        "networks[0].gateway_mode_ipv4: 'isolated' is not allowed; it needs internal: true",
    ),
    ({"trusted_interfaces": ["eth0", "e:1"]}, "networks[0].trusted_interfaces[1]: 'e:1' is not allowed"),
    ({"labels": {"a": {"b": 1}}}, "networks[0].labels.a: "),
    ({"options": {"com.docker.network.bridge.name": "x"}}, "use bridge_name instead"),
    ({"options": {"com.docker.network.bridge.default_bridge": "true"}}, "only the daemon's own default network has it"),
]


def refusal_of(*networks: dict[str, t.Any]) -> str:
    with pytest.raises(Refusal) as caught:
        check_list(parse_requests(list(networks)))
    text = str(caught.value)
    assert text.startswith("nothing was changed: networks[")
    return text.partition("nothing was changed: ")[2]


@pytest.mark.parametrize(("network", "said"), WRONG, ids=[said[:50] for dummy, said in WRONG])
def test_a_value_that_is_not_allowed(network: dict[str, t.Any], said: str) -> None:
    assert said in refusal_of({"name": "a", **network})


def test_networks_of_one_list_that_are_in_each_others_way() -> None:
    same_name = refusal_of({"name": "a"}, {"name": "b"}, {"name": "a"})
    assert re.fullmatch(r"networks\[2\]\.name: 'a' .* networks\[0\]", same_name)
    same_bridge = refusal_of({"name": "a", "bridge_name": "br0"}, {"name": "b", "bridge_name": "br0"})
    assert re.match(r"networks\[1\]\.bridge_name: 'br0' .* networks\[0\]", same_bridge)
    overlapping = refusal_of(
        {"name": "a", "subnets": [{"subnet": "10.1.0.0/16"}]}, {"name": "b", "subnets": [{"subnet": "10.1.2.0/24"}]}
    )
    assert "networks[1].subnets[0].subnet: 10.1.2.0/24 overlaps" in overlapping
    assert " 10.1.0.0/16 of networks[0] (a)" in overlapping
    # What goes makes room.
    check_list(
        parse_requests([{"name": "a", "state": "absent", "bridge_name": "br0"}, {"name": "b", "bridge_name": "br0"}])
    )


def test_ranges_to_avoid() -> None:
    assert parse_avoid(["10.0.0.0/8", "fd00::/8"]) == [
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("fd00::/8"),
    ]
    with pytest.raises(Refusal, match=r"avoid\[1\]: '10\.1\.0\.1/8' is not allowed"):
        parse_avoid(["10.0.0.0/8", "10.1.0.1/8"])


def test_values_by_the_names_of_the_driver() -> None:
    (wanted,) = parse_requests(
        [
            {
                "name": "a",
                "icc": False,
                "masquerade": True,
                "bridge_name": "br-a",
                "mtu": 1400,
                "default_bind_address": "127.0.0.1",
                "gateway_mode_ipv6": "routed",
                "trusted_interfaces": ["eth0", "wg0"],
                "options": {"com.docker.network.container_iface_prefix": "lan", "x": True},
            }
        ]
    )
    assert driver_options(wanted) == {
        "com.docker.network.bridge.name": "br-a",
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.enable_ip_masquerade": "true",
        "com.docker.network.driver.mtu": "1400",
        "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
        "com.docker.network.bridge.gateway_mode_ipv6": "routed",
        "com.docker.network.bridge.trusted_host_interfaces": "eth0:wg0",
        "com.docker.network.container_iface_prefix": "lan",
        "x": "true",
    }
