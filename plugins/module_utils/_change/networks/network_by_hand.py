# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What to type at a shell to put a network and its endpoints back, should everything else have failed."""

from __future__ import annotations

import shlex
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import Endpoint


def create_command(body: dict[str, Any]) -> str:
    """`docker network create` for a body of POST /networks/create."""
    words = ["docker", "network", "create", "--driver", str(body.get("Driver") or "bridge")]
    ipam = body.get("IPAM") or {}
    for config in ipam.get("Config") or []:
        words += _option("--subnet", config.get("Subnet"))
        words += _option("--ip-range", config.get("IPRange"))
        words += _option("--gateway", config.get("Gateway"))
        for name, address in (config.get("AuxiliaryAddresses") or {}).items():
            words += ["--aux-address", f"{name}={address}"]
    words += [f"--ipam-opt={key}={value}" for key, value in (ipam.get("Options") or {}).items()]
    words += ["--internal"] if body.get("Internal") else []
    words += ["--attachable"] if body.get("Attachable") else []
    words += ["--ipv6"] if body.get("EnableIPv6") else []
    words += ["--ipv4=false"] if body.get("EnableIPv4") is False else []
    words += [f"--opt={key}={value}" for key, value in (body.get("Options") or {}).items()]
    words += [f"--label={key}={value}" for key, value in (body.get("Labels") or {}).items()]
    return shlex.join([*words, str(body["Name"])])


def connect_command(endpoint: Endpoint) -> str:
    """`docker network connect` for an endpoint."""
    request = endpoint.request(pinned=endpoint.runs)
    ipam = request.get("IPAMConfig") or {}
    words = ["docker", "network", "connect"]
    words += _option("--ip", ipam.get("IPv4Address"))
    words += _option("--ip6", ipam.get("IPv6Address"))
    words += [f"--alias={alias}" for alias in request.get("Aliases") or []]
    words += [f"--link={link}" for link in request.get("Links") or []]
    words += [f"--driver-opt={key}={value}" for key, value in (request.get("DriverOpts") or {}).items()]
    words += _option("--gw-priority", request.get("GwPriority"))
    return shlex.join([*words, endpoint.network, endpoint.name])


def _option(name: str, value: Any) -> list[str]:
    return [name, str(value)] if value else []
