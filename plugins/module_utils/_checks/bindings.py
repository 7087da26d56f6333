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
    """The address of a binding, in whichever way it is spelled; an IPv4 address in IPv6 dress is one of IPv4.

    An empty address is what dockerd writes for 0.0.0.0. Raises ValueError for what is no address.
    """
    address = ipaddress.ip_address(port.host_ip.strip("[]") or "0.0.0.0")  # noqa: S104 (compared, not bound)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def socket_name(address: str, port: int) -> str:
    """``192.0.2.1:80`` or ``[2001:db8::1]:80``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
