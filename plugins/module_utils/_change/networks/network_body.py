# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks as the Engine API takes and gives them, and where one is other than wanted. Pure.

There is no call that changes a network, so a difference can only be repaired by making it anew. What is not asked for
is no difference, whatever it is.
"""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import (
    BIND_ADDRESS,
    DEFAULT_MTU,
    MTU,
    NAME,
    TRUSTED,
    NetworkRequest,
    SubnetRequest,
    contains,
    driver_options,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import GO_TRUE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    GATEWAY_MODES,
    ICC,
    INHIBIT_IPV4,
    MASQUERADE,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_values

# Of POST /networks/create and GET /networks/ID alike. EnableIPv4 came with Docker Engine 28.
_COPIED = ("Name", "Driver", "Internal", "Attachable", "EnableIPv4", "EnableIPv6", "Options", "Labels")
_IPAM = ("Subnet", "IPRange", "Gateway", "AuxiliaryAddresses")
# What the driver does without the option (moby, drivers/bridge, networkConfiguration).
_DEFAULTS = {
    ICC: "true",
    MASQUERADE: "true",
    INHIBIT_IPV4: "false",
    MTU: str(DEFAULT_MTU),
    GATEWAY_MODES[4]: "nat",
    GATEWAY_MODES[6]: "nat",
    TRUSTED: "",
    "com.docker.network.container_iface_prefix": "eth",
}
_BOOLEANS = (ICC, MASQUERADE, INHIBIT_IPV4)
_WORDS = {
    NAME: "bridge_name",
    ICC: "icc",
    MASQUERADE: "masquerade",
    BIND_ADDRESS: "default_bind_address",
    MTU: "mtu",
    GATEWAY_MODES[4]: "gateway_mode_ipv4",
    GATEWAY_MODES[6]: "gateway_mode_ipv6",
    TRUSTED: "trusted_interfaces",
}
# Say the same as EnableIPv4 and EnableIPv6, which the API has as well.
_FAMILY_OPTIONS = ("com.docker.network.enable_ipv4", "com.docker.network.enable_ipv6")
_NONE = "none"


@dataclass(frozen=True)
class Difference:
    """One option of a network that is not as wanted, in words."""

    option: str
    wanted: str
    actual: str

    def __str__(self) -> str:
        return f"{self.option} is {self.actual}, wanted {self.wanted}"


@dataclass(frozen=True)
class NetworkOutcome:
    """What became of a network, as the module returns it."""

    name: str
    outcome: str
    subnets: list[str]
    differences: list[Difference]


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


def bridge_of(network: dict[str, Any]) -> str:
    """Name of the network's bridge (moby names it ``br-`` and 12 digits of the id)."""
    return _options(network).get(NAME) or f"br-{network['Id'][:12]}"


def option_of(network: dict[str, Any], name: str) -> str:
    """The value of a driver option as it takes effect, in one spelling."""
    return _canonical(name, bridge_of(network) if name == NAME else _options(network).get(name))


def is_isolated(network: dict[str, Any], version: int) -> bool:
    """Whether the bridge is given no address of that IP version."""
    inhibited = version == 4 and option_of(network, INHIBIT_IPV4) == "true"
    return inhibited or option_of(network, GATEWAY_MODES[version]) == "isolated"


def subnets_of(network: dict[str, Any], version: int) -> list[SubnetRequest]:
    """The subnets of an IP version, as the engine shows them."""
    found = []
    for item in _configs(network):
        subnet = _network(item.get("Subnet"))
        if subnet is not None and subnet.version == version:
            # Some engines show the gateway with a prefix length, and a range that was not given as an invalid one.
            gateway = (item.get("Gateway") or "").partition("/")[0]
            address = ipaddress.ip_address(gateway) if gateway else None
            found.append(SubnetRequest(subnet, address, _network(item.get("IPRange"))))
    return found


def differences(request: NetworkRequest, network: dict[str, Any], bridge: Link | None) -> list[Difference]:
    """All in which the network is other than wanted. bridge is its link, where the kernel has it."""
    found = [
        Difference(name, _word(wanted), _word(bool(network.get(key))))
        for name, key, wanted in (("internal", "Internal", request.internal), ("ipv6", "EnableIPv6", request.ipv6))
        if wanted is not None and wanted != bool(network.get(key))
    ]
    for version in (4, 6):
        found += _address_differences(request, network, version, bridge)
    for name, value in driver_options(request).items():
        wanted, actual = _canonical(name, value), option_of(network, name)
        if wanted != actual:
            found.append(Difference(_WORDS.get(name, f"options.{name}"), wanted or _NONE, actual or _NONE))
    return found + _label_differences(request, network)


def create_body(request: NetworkRequest, subnets: list[SubnetRequest]) -> dict[str, Any]:
    """The body that makes the network; without subnets the engine takes some of its own pools."""
    body: dict[str, Any] = {
        "Name": request.name,
        "Driver": "bridge",
        "Internal": bool(request.internal),
        "IPAM": {"Driver": "default", "Config": [_config(item) for item in subnets]},
        "Options": driver_options(request),
        "Labels": dict(request.labels),
    }
    return body if request.ipv6 is None else {**body, "EnableIPv6": request.ipv6}


def replacement_body(network: dict[str, Any], request: NetworkRequest, subnets: list[SubnetRequest]) -> dict[str, Any]:
    """The body that makes the network anew as wanted, with the subnets that are asked for; all else stays as it is."""
    body = body_of(network)
    options = _options(network)
    if request.ipv6 is not None:
        body["EnableIPv6"] = request.ipv6
        options = {name: value for name, value in options.items() if name not in _FAMILY_OPTIONS}
    if "EnableIPv4" in body and any(item.subnet.version == 4 for item in subnets):
        body["EnableIPv4"] = True
    kept = [item for item in body["IPAM"]["Config"] if _version(item) != 6 or body.get("EnableIPv6")]
    for asked in subnets:
        same = [item for item in kept if _network(item["Subnet"]) == asked.subnet]
        kept = [item for item in kept if _version(item) != asked.subnet.version]
        kept.append({**(same[0] if same else {}), **_config(asked)})
    return {
        **body,
        "Internal": bool(network.get("Internal")) if request.internal is None else request.internal,
        "IPAM": {**body["IPAM"], "Config": kept},
        "Options": {**options, **driver_options(request)},
        "Labels": {**(network.get("Labels") or {}), **request.labels},
    }


def describe(body: dict[str, Any]) -> str:
    """The body as lines for a diff, without secrets."""
    configs = (body.get("IPAM") or {}).get("Config") or []
    lines = [f"driver: {body['Driver']}"]
    lines += [
        f"{name}: {_word(bool(body.get(key)))}" for name, key in (("internal", "Internal"), ("ipv6", "EnableIPv6"))
    ]
    for item in configs:
        more = [f"{word} {item[key]}" for word, key in (("gateway", "Gateway"), ("range", "IPRange")) if item.get(key)]
        lines.append(" ".join([f"subnet: {item['Subnet']}", *more]))
    lines += [] if configs else ["subnet: of the engine's own pools"]
    lines += [f"option {name}: {value}" for name, value in sorted((body.get("Options") or {}).items())]
    lines += [f"label {name}: {value}" for name, value in sorted(mask_values(body.get("Labels") or {}).items())]
    return "".join(f"{line}\n" for line in lines)


def _address_differences(
    request: NetworkRequest, network: dict[str, Any], version: int, link: Link | None
) -> list[Difference]:
    actual = subnets_of(network, version)
    shown = ", ".join(str(item.subnet) for item in actual) or _NONE
    wanted = request.subnet(version)
    if wanted is None:
        pools = request.pools_of(version)
        if not pools or any(contains(pool.base, item.subnet) for pool in pools for item in actual):
            return []
        return [Difference(f"IPv{version} subnet", "one of " + ", ".join(str(pool.base) for pool in pools), shown)]
    same = next((item for item in actual if item.subnet == wanted.subnet), None)
    if same is None:
        return [Difference(f"IPv{version} subnet", str(wanted.subnet), shown)]
    gateway = same.gateway or _address_in(link, same.subnet)
    found = []
    if wanted.gateway is not None and wanted.gateway != gateway:
        found.append(Difference(f"gateway of {wanted.subnet}", str(wanted.gateway), str(gateway or _NONE)))
    if wanted.ip_range is not None and wanted.ip_range != same.ip_range:
        found.append(Difference(f"ip_range of {wanted.subnet}", str(wanted.ip_range), str(same.ip_range or _NONE)))
    return found


def _address_in(link: Link | None, subnet: CIDR) -> Any:
    """The bridge's own address in the subnet: some engines do not show a gateway that they chose themselves."""
    addresses = (ipaddress.ip_interface(text).ip for text in (link.addresses if link else []))
    return next((address for address in addresses if address in subnet), None)


def _label_differences(request: NetworkRequest, network: dict[str, Any]) -> list[Difference]:
    labels = network.get("Labels") or {}
    found = []
    for name, value in request.labels.items():
        if labels.get(name) == value:
            continue
        wanted = repr(mask_values({name: value})[name])
        actual = repr(mask_values({name: labels[name]})[name]) if name in labels else _NONE
        found.append(Difference(f"labels.{name}", wanted, actual))
    return found


def _canonical(name: str, value: str | None) -> str:
    if value is None or value == "":
        return _DEFAULTS.get(name, "")
    if name in _BOOLEANS:
        return _word(value in GO_TRUE)
    if name == MTU:
        return value if value != "0" else str(DEFAULT_MTU)
    if name == TRUSTED:
        return ":".join(sorted(set(value.split(":"))))
    if name == BIND_ADDRESS:
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(value))
    return value


def _config(item: SubnetRequest) -> dict[str, Any]:
    asked = {"Subnet": item.subnet, "Gateway": item.gateway, "IPRange": item.ip_range}
    return {key: str(value) for key, value in asked.items() if value is not None}


def _configs(network: dict[str, Any]) -> list[dict[str, Any]]:
    return list((network.get("IPAM") or {}).get("Config") or [])


def _options(network: dict[str, Any]) -> dict[str, str]:
    return dict(network.get("Options") or {})


def _version(item: dict[str, Any]) -> int:
    found = _network(item.get("Subnet"))
    return found.version if found else 0


def _network(text: str | None) -> CIDR | None:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_network(text) if text else None
    return None


def _word(value: object) -> str:
    return str(value).lower()
