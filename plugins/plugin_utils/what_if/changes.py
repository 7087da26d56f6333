# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The changes that can be applied on paper, as people write them: a list of dicts with one key each."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

Spec = dict[str, dict[str, Any]]
MOST_CHANGES = 100
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_VERSION = re.compile(r"\d{1,3}\.\d{1,3}(\.\d{1,3})?")


class BadChangeError(ValueError):
    """A change that is written wrongly, or that no engine would make; the message names option and entry."""


@dataclass(frozen=True)
class Publish:
    """A port of a container that runs is published."""

    container: str
    port: int
    host_port: int
    protocol: str = "tcp"
    host_ip: str = ""
    """Empty for all addresses of both IP versions, as where docker run is given none."""


@dataclass(frozen=True)
class Unpublish:
    """A published port is not published any more, at whatever address."""

    container: str
    host_port: int
    protocol: str = "tcp"


@dataclass(frozen=True)
class AddNetwork:
    """A bridge network is made."""

    name: str
    internal: bool = False
    icc: bool = True
    subnet: str = ""
    """IPv4; empty for the first that is free."""


@dataclass(frozen=True)
class Connect:
    """A container that runs is connected to a network."""

    network: str
    container: str


@dataclass(frozen=True)
class Disconnect:
    """The other way about."""

    network: str
    container: str


@dataclass(frozen=True)
class Icc:
    """Connections between containers of a network are accepted, or dropped."""

    network: str
    enabled: bool


@dataclass(frozen=True)
class UserlandProxy:
    """docker-proxy is on or off."""

    enabled: bool


@dataclass(frozen=True)
class EngineVersion:
    """The engine is replaced by another release."""

    version: str


@dataclass(frozen=True)
class FirewallBackend:
    """The engine makes its rules with another program."""

    backend: str


Change = Publish | Unpublish | AddNetwork | Connect | Disconnect | Icc | UserlandProxy | EngineVersion | FirewallBackend

_PORT: dict[str, Any] = {"type": "int", "required": True}
_TEXT: dict[str, Any] = {"type": "str", "required": True}
_PROTOCOL: dict[str, Any] = {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"}
_ENDS: Spec = {"network": _TEXT, "container": _TEXT}
_MEMBERS: dict[str, tuple[type[Any], Spec]] = {
    "publish": (
        Publish,
        {
            "container": _TEXT,
            "port": _PORT,
            "host_port": _PORT,
            "protocol": _PROTOCOL,
            "host_ip": {"type": "str", "default": ""},
        },
    ),
    "unpublish": (Unpublish, {"container": _TEXT, "host_port": _PORT, "protocol": _PROTOCOL}),
    "network": (
        AddNetwork,
        {
            "name": _TEXT,
            "internal": {"type": "bool", "default": False},
            "icc": {"type": "bool", "default": True},
            "subnet": {"type": "str", "default": ""},
        },
    ),
    "connect": (Connect, _ENDS),
    "disconnect": (Disconnect, _ENDS),
    "icc": (Icc, {"network": _TEXT, "enabled": {"type": "bool", "required": True}}),
    "userland_proxy": (UserlandProxy, {"enabled": {"type": "bool", "required": True}}),
    "engine": (EngineVersion, {"version": _TEXT}),
    "firewall_backend": (
        FirewallBackend,
        {"backend": {"type": "str", "choices": ["iptables", "nftables"], "required": True}},
    ),
}
_SINGLE = {"userland_proxy": "enabled", "engine": "version", "firewall_backend": "backend"}
"""Changes that can be written with their value alone: ``userland_proxy: false``."""


def read_changes(given: list[Any]) -> list[Change]:
    """Return the changes. Raises BadChangeError."""
    if not given:
        raise BadChangeError("changes: expected one change at least")
    if len(given) > MOST_CHANGES:
        raise BadChangeError(f"changes: {len(given)} are more than {MOST_CHANGES}")
    return [_change(f"changes[{place}]", item) for place, item in enumerate(given)]


def _change(place: str, item: Any) -> Change:
    if not isinstance(item, Mapping) or len(item) != 1:
        found = f"{len(item)} keys" if isinstance(item, Mapping) else type(item).__name__
        raise BadChangeError(f"{place}: expected a dict with one key, found {found}")
    ((name, value),) = item.items()
    if name not in _MEMBERS:
        raise BadChangeError(f"{place}: {str(name)[:60]!r} is no change; there are {', '.join(_MEMBERS)}")
    made, spec = _MEMBERS[name]
    if name in _SINGLE and not isinstance(value, Mapping):
        value = {_SINGLE[name]: value}
    if not isinstance(value, Mapping):
        raise BadChangeError(f"{place}.{name}: expected a dict with {', '.join(spec)}, found {type(value).__name__}")
    checked = ArgumentSpecValidator(spec).validate(dict(value))
    if checked.error_messages:
        raise BadChangeError(f"{place}.{name}: {'; '.join(checked.error_messages)}")
    found = checked.validated_parameters
    _check(f"{place}.{name}", found)
    change: Change = made(**found)
    return change


def _check(place: str, found: Mapping[str, Any]) -> None:
    """Raise BadChangeError for values that are of the right type and make no sense."""
    for key in ("port", "host_port"):
        if key in found and not 1 <= found[key] <= 65535:
            raise BadChangeError(f"{place}.{key}: {found[key]} is no port")
    if found.get("host_ip"):
        try:
            ipaddress.ip_address(found["host_ip"].strip("[]"))
        except ValueError:
            raise BadChangeError(f"{place}.host_ip: {found['host_ip'][:60]!r} is no address") from None
    if found.get("subnet"):
        try:
            ipaddress.IPv4Network(found["subnet"])
        except ValueError as error:
            raise BadChangeError(f"{place}.subnet: {error}") from None
    if "name" in found and not _NAME.fullmatch(found["name"]):
        raise BadChangeError(f"{place}.name: no engine takes {found['name'][:60]!r} for the name of a network")
    if "version" in found and not _VERSION.fullmatch(found["version"]):
        raise BadChangeError(
            f"{place}.version: expected the version of an engine such as 28.5.2, found {found['version'][:60]!r}"
        )
