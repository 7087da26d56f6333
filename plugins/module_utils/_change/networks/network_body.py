# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The request that makes a network again as it is, from what the engine says of it."""

from __future__ import annotations

from typing import Any

# Of POST /networks/create and GET /networks/ID alike. EnableIPv4 came with Docker Engine 28.
_COPIED = ("Name", "Driver", "Internal", "Attachable", "EnableIPv4", "EnableIPv6", "Options", "Labels")
_IPAM = ("Subnet", "IPRange", "Gateway", "AuxiliaryAddresses")


def body_of(network: dict[str, Any]) -> dict[str, Any]:
    """Return the body of POST /networks/create for GET /networks/ID; what the engine chose is then asked for.

    The id is always a new one, and with it the name of the bridge where no option names it (moby: br- and 12 digits).
    """
    ipam = network.get("IPAM") or {}
    body = {key: network[key] for key in _COPIED if network.get(key) is not None}
    body["IPAM"] = {
        "Driver": ipam.get("Driver") or "default",
        "Options": ipam.get("Options") or {},
        "Config": [{key: item[key] for key in _IPAM if item.get(key)} for item in ipam.get("Config") or []],
    }
    return body
