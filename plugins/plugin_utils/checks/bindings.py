# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Addresses that ports are published on."""

from __future__ import annotations

import ipaddress
from typing import Union

from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


def bound_address(port: PublishedPort) -> Address:
    """The address of a binding, see PublishedPort.address. Raises ValueError for what is no address."""
    if not port.address:
        raise ValueError(f"{port.host_ip!r} is no address")
    return ipaddress.ip_address(port.address)


def socket_name(address: str, port: int) -> str:
    """``192.0.2.1:80`` or ``[2001:db8::1]:80``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
