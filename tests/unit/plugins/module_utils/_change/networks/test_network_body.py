# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a network differs from what is wanted, and the request that makes it anew."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import (
    create_body,
    describe,
    differences,
    replacement_body,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import (
    NetworkRequest,
    parse_requests,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link

OPTION = "com.docker.network."
ID = "0123456789ab" + "0" * 52


def wanted(**options: t.Any) -> NetworkRequest:
    return parse_requests([{"name": "shop", **options}])[0]


def network(**changes: t.Any) -> dict[str, t.Any]:
    """As Docker Engine 26 shows a network that was made with --subnet alone."""
    return {
        "Name": "shop",
        "Id": ID,
        "Scope": "local",
        "Driver": "bridge",
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": {}, "Config": [{"Subnet": "10.1.0.0/24"}]},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {},
        "Options": {},
        "Labels": {},
        **changes,
    }


def ipam(*configs: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"Driver": "default", "Options": None, "Config": list(configs)}


SAME: list[tuple[dict[str, t.Any], dict[str, t.Any]]] = [
    ({}, network(Options={OPTION + "bridge.enable_icc": "false", "x": "y"}, Labels={"a": "b"}, Internal=True)),
    ({"icc": True, "masquerade": True, "mtu": 1500, "internal": False, "ipv6": False}, network()),
    ({"icc": True}, network(Options={OPTION + "bridge.enable_icc": "1"})),
    ({"icc": False}, network(Options={OPTION + "bridge.enable_icc": "False"})),
    ({"mtu": 1500}, network(Options={OPTION + "driver.mtu": "0"})),
    ({"gateway_mode_ipv4": "nat", "gateway_mode_ipv6": "nat", "trusted_interfaces": []}, network()),
    ({"trusted_interfaces": ["b", "a"]}, network(Options={OPTION + "bridge.trusted_host_interfaces": "a:b"})),
    ({"bridge_name": "br-0123456789ab"}, network()),
    ({"default_bind_address": "fd00::1"}, network(Options={OPTION + "bridge.host_binding_ipv4": "fd00:0::1"})),
    ({"subnets": [{"subnet": "10.1.0.0/24"}]}, network(IPAM=ipam({"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1"}))),
    (
        {"subnets": [{"subnet": "10.1.0.0/24", "gateway": "10.1.0.9"}]},
        network(IPAM=ipam({"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.9/24"})),
    ),
    ({"subnets": [{"subnet": "10.1.0.0/24", "gateway": "10.1.0.1"}]}, network()),
    # An IPv6 subnet that nobody named, as engines from 27 on choose one.
    (
        {"subnets": [{"subnet": "10.1.0.0/24"}], "ipv6": True},
        network(EnableIPv6=True, IPAM=ipam({"Subnet": "10.1.0.0/24"}, {"Subnet": "fd00::/64"})),
    ),
    ({"pools": [{"base": "10.0.0.0/8", "size": 20}]}, network()),
    ({"labels": {"a": "1"}}, network(Labels={"a": "1", "com.docker.compose.project": "p"})),
]


@pytest.mark.parametrize(("options", "actual"), SAME)
def test_what_is_as_wanted_or_not_asked_for(options: dict[str, t.Any], actual: dict[str, t.Any]) -> None:
    bridge = Link(5, "br-0123456789ab", "bridge", addresses=["10.1.0.1/24", "fe80::1/64"])
    assert differences(wanted(**options), actual, bridge) == []


def test_a_gateway_that_neither_engine_nor_kernel_shows() -> None:
    found = differences(wanted(subnets=[{"subnet": "10.1.0.0/24", "gateway": "10.1.0.1"}]), network(), None)
    (difference,) = [str(item) for item in found]
    assert difference.partition(" is ")[::2] == ("gateway of 10.1.0.0/24", "none, wanted 10.1.0.1")


def test_an_address_range_that_the_engine_shows_as_invalid() -> None:
    actual = network(IPAM=ipam({"Subnet": "10.1.0.0/24", "IPRange": "invalid Prefix"}))
    assert differences(wanted(subnets=[{"subnet": "10.1.0.0/24"}]), actual, None) == []


def test_secrets_in_labels_are_not_told() -> None:
    actual = network(Labels={"api-token": "old"})
    told = [
        str(item) for item in differences(wanted(labels={"api-token": "new", "mirror": "https://u:p@x"}), actual, None)
    ]
    assert len(told) == 2
    assert not any(word in text for text in told for word in ("old", "new", "u:p"))
    assert "new" not in describe(create_body(wanted(labels={"api-token": "new"}), []))


def test_what_is_not_asked_for_survives() -> None:
    actual = network(
        Internal=True,
        Attachable=True,
        EnableIPv4=True,
        IPAM=ipam(
            {
                "Subnet": "10.1.0.0/24",
                "Gateway": "10.1.0.7",
                "IPRange": "10.1.0.0/25",
                "AuxiliaryAddresses": {"a": "10.1.0.3"},
            }
        ),
        Options={"x": "y", OPTION + "driver.mtu": "1400"},
        Labels={"keep": "me"},
    )
    body = replacement_body(actual, wanted(mtu=1300, labels={"new": "one"}), [])
    assert body == {
        "Name": "shop",
        "Driver": "bridge",
        "Internal": True,
        "Attachable": True,
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {
            "Driver": "default",
            "Options": {},
            "Config": [
                {
                    "Subnet": "10.1.0.0/24",
                    "Gateway": "10.1.0.7",
                    "IPRange": "10.1.0.0/25",
                    "AuxiliaryAddresses": {"a": "10.1.0.3"},
                }
            ],
        },
        "Options": {"x": "y", OPTION + "driver.mtu": "1300"},
        "Labels": {"keep": "me", "new": "one"},
    }


def test_the_other_family_goes_and_comes() -> None:
    both = network(EnableIPv6=True, IPAM=ipam({"Subnet": "10.1.0.0/24"}, {"Subnet": "fd00::/64"}))
    without = replacement_body(both, wanted(ipv6=False), [])
    assert (without["EnableIPv6"], without["IPAM"]["Config"]) == (False, [{"Subnet": "10.1.0.0/24"}])
    asked = wanted(ipv6=True, subnets=[{"subnet": "fd00:1::/64", "gateway": "fd00:1::9"}])
    with_it = replacement_body(network(), asked, asked.subnets)
    assert with_it["IPAM"]["Config"] == [{"Subnet": "10.1.0.0/24"}, {"Subnet": "fd00:1::/64", "Gateway": "fd00:1::9"}]


def test_a_changed_gateway_keeps_the_rest_of_its_subnet() -> None:
    actual = network(IPAM=ipam({"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.1", "IPRange": "10.1.0.128/25"}))
    asked = wanted(subnets=[{"subnet": "10.1.0.0/24", "gateway": "10.1.0.2"}])
    body = replacement_body(actual, asked, asked.subnets)
    assert body["IPAM"]["Config"] == [{"Subnet": "10.1.0.0/24", "Gateway": "10.1.0.2", "IPRange": "10.1.0.128/25"}]
