# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses and subnets, each parsed once."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_of, interface_of


@pytest.mark.parametrize(
    "text", ["0.0.0.0/0", "172.17.0.1/16", "192.0.2.1", "::/0", "fe80::1/64", "2001:db8::1", "::ffff:192.0.2.1/120"]
)
def test_the_subnet_of_an_interface_is_the_network_of_its_text(text: str) -> None:
    assert interface_of(text).network == ipaddress.ip_network(text, strict=False)
    assert interface_of(text) is interface_of(text)
    assert address_of(text.partition("/")[0]) == interface_of(text).ip


@pytest.mark.parametrize("text", ["", "host", "192.0.2.1/33", "192.0.2.300", "fe80::1/129"])
def test_what_is_no_address_is_refused_each_time(text: str) -> None:
    for dummy in range(2):
        with pytest.raises(ValueError, match="does not appear to be"):
            interface_of(text)
