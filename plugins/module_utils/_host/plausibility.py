# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what was read of a host can be so: a kernel, an engine or a saved snapshot may say anything."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterator
from typing import Any, Callable

from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine import require_sense
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import KINDS
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.defect import (
    CONTAINER,
    DEFECT,
    NETWORK,
    Gap,
    shortened,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    IpsecPolicy,
    IpsecTemplate,
    Link,
    Listener,
    Neighbour,
    PolicyRule,
    ProxyProcess,
    Route,
    TrackedFlow,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source


def _is_kind(text: str) -> None:
    if text not in KINDS and text != DEFECT:
        raise ValueError(f"{text!r} is no reason for which a source can be unread")


def _is_gap(text: str) -> None:
    if text not in (CONTAINER, NETWORK):
        raise ValueError(f"{text!r} is nothing that can be missing in a source")


# Fields by class.
_FIELDS: dict[type, dict[str, Callable[[str], object]]] = {
    HostSnapshot: {"nameservers": ipaddress.ip_address},
    Link: dict.fromkeys(("addresses", "leased", "tentative"), ipaddress.ip_interface),
    Route: {
        "destination": ipaddress.ip_network,
        "gateways": ipaddress.ip_address,
        "source": ipaddress.ip_address,
    },
    PolicyRule: dict.fromkeys(("source", "destination"), ipaddress.ip_interface),
    Neighbour: {"address": ipaddress.ip_address},
    Listener: {"address": ipaddress.ip_address},
    ProxyProcess: dict.fromkeys(("host_ip", "container_ip"), ipaddress.ip_address),
    TrackedFlow: dict.fromkeys(("source", "destination", "translated"), ipaddress.ip_address),
    IpsecPolicy: dict.fromkeys(("source", "destination"), ipaddress.ip_interface),
    IpsecTemplate: dict.fromkeys(("source", "destination"), ipaddress.ip_address),
    Source: {"kind": _is_kind},
    Gap: {"kind": _is_gap},
}
# Where an empty text says that there is none.
_MAY_BE_EMPTY = (PolicyRule, IpsecTemplate, Source)


class ImplausibleError(ValueError):
    """What cannot be so of a host; the message is a few words of it, made safe."""


def require_plausible(value: Any) -> None:
    """Raise ImplausibleError where objects of the model say what cannot be so: addresses that are none, above all.

    Checks and the evaluator take for granted that they are some.
    """
    try:
        for item in _all_in(value):
            if isinstance(item, (Network, Container)):
                require_sense(item)
            for name, check in _FIELDS.get(type(item), {}).items():
                _require(getattr(item, name), check, may_be_empty=isinstance(item, _MAY_BE_EMPTY))
    except ValueError as error:
        raise ImplausibleError(shortened(str(error))) from error


def require_plausible_fields(fields: dict[str, Any]) -> None:
    """The same for some fields of a snapshot, by name. Raises ImplausibleError."""
    try:
        for name, check in _FIELDS[HostSnapshot].items():
            _require(fields.get(name, []), check, may_be_empty=False)
    except ValueError as error:
        raise ImplausibleError(shortened(str(error))) from error
    require_plausible(fields)


def _require(value: Any, check: Callable[[str], object], *, may_be_empty: bool) -> None:
    for text in value if isinstance(value, list) else [value]:
        if text is not None and (text or not may_be_empty):
            check(text)


def _all_in(value: Any) -> Iterator[Any]:
    """The objects of the model that a value consists of, itself among them."""
    if isinstance(value, list):
        for item in value:
            yield from _all_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _all_in(item)
    elif dataclasses.is_dataclass(value):
        yield value
        for field in dataclasses.fields(value):
            yield from _all_in(getattr(value, field.name))
