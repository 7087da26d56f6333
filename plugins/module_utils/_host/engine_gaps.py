# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Single networks and containers that the engine describes in a way that cannot be understood: they are gaps."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any, Callable, TypeVar, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain, to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.defect import CONTAINER, Gap, shortened
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE

M = TypeVar("M")
T = TypeVar("T", Network, Container)

STRANGE = (KeyError, TypeError, AttributeError, ValueError)
"""What parsing an answer of another shape than the engine's raises."""

# Characters of what could not be understood: each check that is concerned repeats the name.
_LONGEST_NAME = 200
_LARGEST_PID = (1 << 31) - 1
_LARGEST_PORT = (1 << 16) - 1


def understood(
    kind: str, parse: Callable[[dict[str, Any]], T], items: Iterable[dict[str, Any]]
) -> tuple[list[T], list[Gap]]:
    """Return what parse makes of each item, and a gap of that kind for each that it makes nothing of."""
    found: list[T] = []
    gaps: list[Gap] = []
    for item in items:
        try:
            parsed = checked(parse(item))
            require_sense(parsed)
        except STRANGE as error:
            words = shortened(f"{type(error).__name__}: {error}")
            reason = f"what the engine says of it cannot be understood ({words})"
            gaps.append(Gap(ENGINE, kind, _name_of(item), reason))
            continue
        found.append(parsed)
    return found, gaps


def on_lost_networks(
    containers: Iterable[Container], lost: Iterable[Gap], networks: Iterable[dict[str, Any]]
) -> list[Gap]:
    """Return a gap for each container that is on a lost network: it was read, and what it hangs on was not."""
    names = {gap.name for gap in lost}
    ids = {str(item.get("Id")) for item in networks if isinstance(item, dict) and _name_of(item) in names}
    return [
        Gap(ENGINE, CONTAINER, item.name, f"it is on network {end.network}, which was not understood")
        for item in containers
        for end in item.endpoints
        if end.network in names or end.network_id in ids
    ]


def checked(item: M) -> M:
    """Return a part of the model whose fields have the types that they should have. Raises DecodeError."""
    return from_plain(type(item), to_plain(item))


def require_sense(item: Union[Network, Container]) -> None:
    """Raise ValueError for what is no address or number of its kind. Empty texts say that there is none."""
    if isinstance(item, Network):
        # Some releases show a gateway with a prefix length.
        for text in (text for subnet in item.subnets for text in (subnet.subnet, subnet.gateway, subnet.ip_range)):
            if text:
                ipaddress.ip_interface(text)
        return
    for text in (text for end in item.endpoints for text in (end.address, end.address6, end.gateway)):
        if text:
            ipaddress.ip_address(text)
    if item.pid is not None and not 0 < item.pid <= _LARGEST_PID:
        raise ValueError(f"process {item.pid}")
    for port in item.published:
        if not port.address or port.host_port > _LARGEST_PORT or port.container_port > _LARGEST_PORT:
            raise ValueError(f"published as {port}")


def _name_of(item: Any) -> str:
    """What to call it: containers have a slash before their name. Empty where it does not even have a name."""
    named = item if isinstance(item, dict) else {}
    return str(named.get("Name") or named.get("Id") or "without a name").lstrip("/")[:_LONGEST_NAME]
