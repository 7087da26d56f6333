# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wanted of bridge networks: from the module's options to values that were checked, each by itself. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR, contains
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import GATEWAY_MODES, ICC, MASQUERADE

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

NAME = "com.docker.network.bridge.name"
BIND_ADDRESS = "com.docker.network.bridge.host_binding_ipv4"
MTU = "com.docker.network.driver.mtu"
TRUSTED = "com.docker.network.bridge.trusted_host_interfaces"

DEFAULT_MTU = 1500
"""Of an endpoint whose network has no MTU of its own (moby, bridge_linux.go)."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_ALIAS = re.compile(r"[A-Za-z0-9_.-]+")
# moby, runconfig.IsPreDefinedNetwork: networks that the daemon makes, and words of `docker run --network`.
_RESERVED = ("bridge", "host", "none", "default", "ingress", "container")
_INTERFACE_LENGTH = 15  # IFNAMSIZ less the terminating NUL
_MTU_RANGE = range(68, 65536)  # RFC 791; the largest that a bridge takes
_IPV6_MTU = 1280  # RFC 8200, section 5
# The smallest subnets with an address for the gateway and one for a container.
_LONGEST = {4: 30, 6: 126}
_NAMED_OPTIONS = {
    NAME: "bridge_name",
    ICC: "icc",
    MASQUERADE: "masquerade",
    BIND_ADDRESS: "default_bind_address",
    MTU: "mtu",
    GATEWAY_MODES[4]: "gateway_mode_ipv4",
    GATEWAY_MODES[6]: "gateway_mode_ipv6",
    TRUSTED: "trusted_interfaces",
}
_DEFAULT_BRIDGE = "com.docker.network.bridge.default_bridge"


@dataclass(frozen=True)
class NetworkConsent:
    """What the caller agrees to."""

    recreate: bool = False
    """That a network which differs is made anew."""
    disruption: bool = False
    """That containers lose their connections to a network, for a moment or for good."""


@dataclass(frozen=True)
class SubnetRequest:
    """One subnet; gateway and ip_range None: what the engine chooses, or what is there."""

    subnet: CIDR
    gateway: Address | None = None
    ip_range: CIDR | None = None


@dataclass(frozen=True)
class Pool:
    """Addresses to take a subnet of so many bits from."""

    base: CIDR
    size: int


@dataclass(frozen=True)
class ConnectionRequest:
    """A container that is to be on a network; addresses by IP version, none and no aliases: as it is, or any."""

    place: str
    container: str
    """Its name, or its id or the beginning of that."""
    addresses: dict[int, Address] = field(default_factory=dict)
    aliases: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class NetworkRequest:
    """One network. None everywhere: not asked for, so left as it is, or to the engine when the network is made."""

    place: str
    """Where it stands in the module's options, for messages."""
    name: str
    present: bool = True
    subnets: list[SubnetRequest] = field(default_factory=list)
    pools: list[Pool] = field(default_factory=list)
    ipv6: bool | None = None
    internal: bool | None = None
    icc: bool | None = None
    masquerade: bool | None = None
    bridge_name: str | None = None
    mtu: int | None = None
    default_bind_address: Address | None = None
    gateway_modes: dict[int, str] = field(default_factory=dict)
    """By IP version, 4 or 6."""
    trusted_interfaces: list[str] | None = None
    labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    """Driver options that have no name of their own above."""
    connected: list[ConnectionRequest] | None = None
    appends: bool = True
    """Whether containers that are on it and not among ``connected`` stay."""

    def subnet(self, version: int) -> SubnetRequest | None:
        """The subnet of an IP version, if one was named."""
        return next((item for item in self.subnets if item.subnet.version == version), None)

    def pools_of(self, version: int) -> list[Pool]:
        """The pools of an IP version, in their order."""
        return [pool for pool in self.pools if pool.base.version == version]


def parse_requests(networks: list[dict[str, Any]]) -> list[NetworkRequest]:
    """Return the requests in the order of the list. Raises Refusal that names value, place and what is allowed."""
    return [_request(f"networks[{index}]", item) for index, item in enumerate(networks)]


def parse_avoid(ranges: list[str]) -> list[CIDR]:
    """Return the ranges to keep clear of. Raises Refusal."""
    return [_cidr(f"avoid[{index}]", text) for index, text in enumerate(ranges)]


def driver_options(request: NetworkRequest) -> dict[str, str]:
    """The driver's options that the request names, by the driver's own names."""
    asked: dict[str, Any] = {
        NAME: request.bridge_name,
        ICC: request.icc,
        MASQUERADE: request.masquerade,
        MTU: request.mtu,
        BIND_ADDRESS: request.default_bind_address,
        **{GATEWAY_MODES[version]: mode for version, mode in request.gateway_modes.items()},
        TRUSTED: None if request.trusted_interfaces is None else ":".join(request.trusted_interfaces),
        **request.options,
    }
    return {name: _option_text(value) for name, value in asked.items() if value is not None}


def _option_text(value: object) -> str:
    """A value as the driver reads it: Go's spelling of booleans."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _request(place: str, item: dict[str, Any]) -> NetworkRequest:
    request = NetworkRequest(
        place=place,
        name=_network_name(f"{place}.name", item["name"]),
        present=item.get("state") != "absent",
        subnets=[_subnet(f"{place}.subnets[{at}]", entry) for at, entry in enumerate(item.get("subnets") or [])],
        pools=[_pool(f"{place}.pools[{at}]", entry) for at, entry in enumerate(item.get("pools") or [])],
        ipv6=item.get("ipv6"),
        internal=item.get("internal"),
        icc=item.get("icc"),
        masquerade=item.get("masquerade"),
        bridge_name=_interface(f"{place}.bridge_name", item.get("bridge_name")),
        mtu=_mtu(f"{place}.mtu", item.get("mtu")),
        default_bind_address=_optional_address(f"{place}.default_bind_address", item.get("default_bind_address")),
        gateway_modes={
            version: item[f"gateway_mode_ipv{version}"]
            for version in GATEWAY_MODES
            if item.get(f"gateway_mode_ipv{version}")
        },
        trusted_interfaces=_interfaces(f"{place}.trusted_interfaces", item.get("trusted_interfaces")),
        labels=_texts(f"{place}.labels", item.get("labels")),
        options=_options(f"{place}.options", item.get("options")),
        connected=_connections(f"{place}.connected", item.get("connected")),
        appends=item.get("appends") is not False,
    )
    _check_combinations(request)
    _check_connections(request)
    return request


def _network_name(place: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise wrong(
            place, name, "a name begins with a letter or digit, and has letters, digits, '_', '.' and '-' in it"
        )
    if name in _RESERVED:
        raise wrong(place, name, f"the engine reserves this name, like {_others(name)}")
    return name


def _others(name: str) -> str:
    return ", ".join(item for item in _RESERVED if item != name)


def _subnet(place: str, item: dict[str, Any]) -> SubnetRequest:
    subnet = _usable(f"{place}.subnet", _cidr(f"{place}.subnet", item["subnet"]))
    gateway = _optional_address(f"{place}.gateway", item.get("gateway"))
    if gateway is not None:
        _check_gateway(f"{place}.gateway", gateway, subnet)
    ip_range = None
    if item.get("ip_range"):
        ip_range = _cidr(f"{place}.ip_range", item["ip_range"])
        if not contains(subnet, ip_range):
            raise wrong(f"{place}.ip_range", ip_range, f"it must lie in the subnet {subnet}")
    return SubnetRequest(subnet, gateway, ip_range)


def _usable(place: str, subnet: CIDR) -> CIDR:
    if subnet.prefixlen > _LONGEST[subnet.version]:
        raise wrong(place, subnet, f"no container has room in it; the prefix is at most /{_LONGEST[subnet.version]}")
    if subnet.is_multicast or subnet.is_loopback or subnet.network_address.is_unspecified:
        raise wrong(place, subnet, "it must be of unicast addresses, and neither loopback nor the unspecified address")
    return subnet


def _check_gateway(place: str, gateway: Address, subnet: CIDR) -> None:
    if gateway.version != subnet.version or gateway not in subnet:
        raise wrong(place, gateway, f"it must lie in the subnet {subnet}")
    if gateway == subnet.network_address or (gateway.version == 4 and gateway == subnet.broadcast_address):
        raise wrong(place, gateway, f"the first and, in IPv4, the last address of {subnet} cannot be the gateway")


def _pool(place: str, item: dict[str, Any]) -> Pool:
    base, size = _usable(f"{place}.base", _cidr(f"{place}.base", item["base"])), item["size"]
    longest = _LONGEST[base.version]
    if not base.prefixlen <= size <= longest:
        raise wrong(f"{place}.size", size, f"a subnet of {base} has a prefix from {base.prefixlen} to {longest}")
    return Pool(base, size)


def _cidr(place: str, text: str) -> CIDR:
    if "/" not in text:
        raise wrong(place, text, "a subnet is written with its prefix length, like 10.1.0.0/24 or fd00:1::/64")
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        problem = str(error)
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise wrong(place, text, f"not a subnet like 10.1.0.0/24 or fd00:1::/64 ({problem})") from None
    raise wrong(place, text, f"it has bits set beyond the prefix; the subnet with that address is {meant}")


def _optional_address(place: str, text: str | None) -> Address | None:
    if not text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise wrong(place, text, "not an address like 10.1.0.1 or fd00:1::1") from None


def _interface(place: str, name: str | None) -> str | None:
    """dev_valid_name() of the kernel, and what iptables and sysctl.d take without quoting."""
    if name is None:
        return None
    if not 0 < len(name.encode()) <= _INTERFACE_LENGTH:
        raise wrong(
            place, name, f"the name of an interface has 1 to {_INTERFACE_LENGTH} characters, this one {len(name)}"
        )
    if not _NAME.fullmatch(name):
        raise wrong(
            place, name, "an interface's name begins with a letter or digit, and has letters, digits, '_', '.', '-'"
        )
    return name


def _interfaces(place: str, names: list[str] | None) -> list[str] | None:
    if names is None:
        return None
    return [_interface(f"{place}[{at}]", name) or "" for at, name in enumerate(names)]


def _mtu(place: str, mtu: int | None) -> int | None:
    if mtu is not None and mtu not in _MTU_RANGE:
        raise wrong(place, mtu, f"from {_MTU_RANGE.start} to {_MTU_RANGE.stop - 1} bytes")
    return mtu


def _texts(place: str, values: dict[str, Any] | None) -> dict[str, str]:
    for name, value in (values or {}).items():
        if not isinstance(value, (str, int, float)) or not str(name):
            raise wrong(f"{place}.{name}", value, "a name and a text")
    return {str(name): _option_text(value) for name, value in (values or {}).items()}


def _options(place: str, values: dict[str, Any] | None) -> dict[str, str]:
    texts = _texts(place, values)
    for name in texts:
        if name in _NAMED_OPTIONS:
            raise wrong(place, name, f"use {_NAMED_OPTIONS[name]} instead")
        if name == _DEFAULT_BRIDGE:
            raise wrong(place, name, "only the daemon's own default network has it")
    return texts


def _connections(place: str, items: list[dict[str, Any]] | None) -> list[ConnectionRequest] | None:
    return None if items is None else [_connection(f"{place}[{at}]", item) for at, item in enumerate(items)]


def _connection(place: str, item: dict[str, Any]) -> ConnectionRequest:
    if not _NAME.fullmatch(item["name"]):
        raise wrong(f"{place}.name", item["name"], "the name of a container, or its id")
    addresses = {}
    for version in (4, 6):
        at = f"{place}.ipv{version}_address"
        address = _optional_address(at, item.get(f"ipv{version}_address"))
        if address is not None and address.version != version:
            raise wrong(at, address, f"an IPv{version} address")
        if address is not None:
            addresses[version] = address
    aliases = list(dict.fromkeys(item.get("aliases") or []))
    for alias in aliases:
        if not _ALIAS.fullmatch(alias):
            raise wrong(f"{place}.aliases", alias, "an alias has letters, digits, '_', '.' and '-' in it")
    return ConnectionRequest(place, item["name"], addresses, aliases)


def _check_connections(request: NetworkRequest) -> None:
    if request.connected is None:
        if not request.appends:
            raise wrong(f"{request.place}.appends", False, "it needs connected; an empty list disconnects all")
        return
    if not request.present:
        raise wrong(f"{request.place}.connected", "absent", "a network that is removed has no containers")
    for first, second in combinations(request.connected, 2):
        if first.container == second.container:
            raise wrong(f"{second.place}.name", second.container, f"it is already listed at {first.place}")
        for version in set(first.addresses.items()) & set(second.addresses.items()):
            raise wrong(f"{second.place}.ipv{version[0]}_address", version[1], f"{first.place} has it already")


def _check_combinations(request: NetworkRequest) -> None:
    """What contradicts itself within one network, whatever the engine."""
    for version in (4, 6):
        named = [item for item in request.subnets if item.subnet.version == version]
        if len(named) > 1:
            second = request.subnets.index(named[1])
            raise wrong(
                f"{request.place}.subnets[{second}].subnet",
                named[1].subnet,
                f"a bridge network has one IPv{version} subnet",
            )
        if named and request.pools_of(version):
            raise wrong(
                f"{request.place}.pools", request.pools_of(version)[0].base, f"subnets names {named[0].subnet} already"
            )
    if request.ipv6 is not True and (request.subnet(6) or request.pools_of(6)):
        found = request.subnet(6)
        value = found.subnet if found else request.pools_of(6)[0].base
        raise wrong(f"{request.place}.{'subnets' if found else 'pools'}", value, "an IPv6 subnet needs ipv6: true")
    if request.ipv6 and request.mtu is not None and request.mtu < _IPV6_MTU:
        raise wrong(f"{request.place}.mtu", request.mtu, f"with ipv6 it is at least {_IPV6_MTU} bytes")
    for version, mode in request.gateway_modes.items():
        if mode == "isolated" and not request.internal:
            raise wrong(f"{request.place}.gateway_mode_ipv{version}", mode, "it needs internal: true")


def wrong(place: str, value: object, allowed: str) -> Refusal:
    """The refusal of a value at a place of the options; allowed: what may stand there, or why this may not."""
    return Refusal(f"nothing was changed: {place}: {str(value)!r} is not allowed; {allowed}")
