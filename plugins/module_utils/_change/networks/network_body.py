# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks as the Engine API takes and gives them, where one is other than wanted, and where the kernel is. Pure.

There is no call that changes a network, so a difference can only be repaired by making it anew. What is not asked for
is no difference, whatever it is. What the kernel has does not show where packets go: that is proved on the controller.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import EndpointState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import (
    BIND_ADDRESS,
    DEFAULT_MTU,
    MTU,
    NAME,
    TRUSTED,
    NetworkRequest,
    SubnetRequest,
    driver_options,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR, contains
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import GO_TRUE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    GATEWAY_MODES,
    ICC,
    INHIBIT_IPV4,
    MASQUERADE,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, sysctl_key
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_data, mask_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

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


def endpoints_of(container: dict[str, Any], links: list[Link] | None = None) -> list[EndpointState]:
    """All endpoints of a container (GET /containers/ID/json); links: the interfaces in its namespace."""
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    return [_endpoint(container, name, data or {}, links or []) for name, data in networks.items()]


def _config_of(container_id: str, data: dict[str, Any]) -> dict[str, Any]:
    """What of an endpoint's settings was asked for, without what the engine added, and without what is empty."""
    config = {
        "IPAMConfig": {key: value for key, value in (data.get("IPAMConfig") or {}).items() if value},
        "Aliases": [alias for alias in data.get("Aliases") or [] if alias != container_id[:12]],
        "Links": list(data.get("Links") or []),
        "DriverOpts": dict(data.get("DriverOpts") or {}),
        "GwPriority": data.get("GwPriority") or 0,
    }
    return {key: value for key, value in config.items() if value}


def _endpoint(container: dict[str, Any], network: str, data: dict[str, Any], links: list[Link]) -> EndpointState:
    address, address6 = data.get("IPAddress") or "", data.get("GlobalIPv6Address") or ""
    link = link_with(links, [address, address6])
    return EndpointState(
        container=container["Id"],
        name=container["Name"].lstrip("/"),
        network=network,
        network_id=data.get("NetworkID") or "",
        endpoint_id=data.get("EndpointID") or "",
        config=_config_of(container["Id"], data),
        address=address,
        address6=address6,
        # Where it was changed in the kernel, that is the one in use.
        mac=(link.mac if link else "") or data.get("MacAddress") or "",
        interface=link.name if link else "",
    )


def link_with(links: list[Link], addresses: list[str]) -> Link | None:
    """The interface that has one of the addresses."""
    wanted = {ipaddress.ip_address(address) for address in addresses if address}
    for link in links:
        if any(ipaddress.ip_interface(address).ip in wanted for address in link.addresses):
            return link
    return None


def kernel_problems(network: dict[str, Any], snapshot: HostSnapshot) -> list[str]:
    """All in which the kernel is other than a network asks for, a sentence each; network: as the engine shows it."""
    bridge = bridge_of(network)
    link = next((link for link in snapshot.links if link.name == bridge), None)
    if link is None or link.kind != "bridge":
        return [f"the kernel has no bridge {bridge}"]
    if not link.up:
        return [f"the bridge {bridge} is not up"]
    found = []
    for version in versions_of(network):
        for item in subnets_of(network, version):
            found += _address_problems(network, link, item)
        found += _forwarding_problems(network, version, snapshot.sysctls)
    return found


def _forwarding_problems(network: dict[str, Any], version: int, sysctls: Mapping[str, str]) -> list[str]:
    if network.get("Internal"):
        return []
    return [
        f"{key} is {sysctls[key]}, so nothing is forwarded from it (remediated by the module ip_forward)"
        for key in _forwarding_keys(bridge_of(network))[version]
        if sysctls.get(key, "1") != "1"
    ]


def _forwarding_keys(bridge: str) -> dict[int, list[str]]:
    """The sysctls that must be 1 for what enters by the bridge to be forwarded, by IP version."""
    return {
        4: ["net.ipv4.ip_forward", sysctl_key(4, bridge, "forwarding")],
        6: ["net.ipv6.conf.all.forwarding", sysctl_key(6, bridge, "forwarding")],
    }


def versions_of(network: dict[str, Any]) -> list[int]:
    """The IP versions of a network."""
    enabled = {4: network.get("EnableIPv4", True), 6: network.get("EnableIPv6")}
    return [version for version, on in enabled.items() if on]


def _address_problems(network: dict[str, Any], link: Link, item: SubnetRequest) -> list[str]:
    if is_isolated(network, item.subnet.version):
        return []
    own = [ipaddress.ip_interface(text).ip for text in link.addresses]
    if item.gateway is None:
        # Engines do not show a gateway that was not named.
        missing = not any(address in item.subnet for address in own)
        return [f"{link.name} has no address in {item.subnet}"] if missing else []
    return [] if item.gateway in own else [f"{link.name} does not have the gateway's address {item.gateway}"]


_SHOWN = ("Id", "Name", "Driver", "Internal", "EnableIPv4", "EnableIPv6", "IPAM", "Options")


@dataclass(frozen=True)
class NetworkNow:
    """A network that is wanted, as the engine shows it, and what was done: ``kept``, ``created`` or ``recreated``."""

    outcome: str
    network: dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """The host as it is now, and the networks to prove."""

    snapshot: HostSnapshot
    networks: Sequence[NetworkNow]

    def to_json(self) -> str:
        """As a JSON document, secrets masked."""
        shown = [
            {"outcome": item.outcome, "network": {key: item.network[key] for key in _SHOWN if key in item.network}}
            for item in self.networks
        ]
        return f'{{"networks": {json.dumps(mask_data(shown))}, "snapshot": {self.snapshot.to_json()}}}'
