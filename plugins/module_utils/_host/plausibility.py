# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what was read of a host can be so: a kernel, an engine or a saved snapshot may say anything."""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import re
from collections.abc import Iterator
from typing import Any, Callable, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, Network, require_sense
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
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import (
    CONTAINER,
    DEFECT,
    KINDS,
    NETWORK,
    Gap,
    shortened,
)


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
    """Raise ImplausibleError where objects of the model say what cannot be so: addresses that are none, above all."""
    try:
        for item in _all_in(value):
            if isinstance(item, (Network, Container)):
                require_sense(item)
            if isinstance(item, Route) and item.source and (":" in item.source) != (":" in item.destination):
                raise ValueError(f"a route to {item.destination} from {item.source}")
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
            _passes(check, text)


@functools.lru_cache(maxsize=4096)
def _passes(check: Callable[[str], object], text: str) -> None:
    # Most addresses of a host stand in many places.
    check(text)


_SCALARS = frozenset((str, int, float, bool, type(None)))
# Annotations of fields without an object of the model.
_PLAIN = re.compile(r"(?:str|int|float|bool|None|Optional|list|dict|[][, |])+")


def _all_in(value: Any) -> Iterator[Any]:
    """The objects of the model that a value consists of, itself among them, each before those in it."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, list):
            parts = item
        elif isinstance(item, dict):
            parts = list(item.values())
        else:
            names = _names(type(item))
            if names is None:
                continue
            yield item
            parts = [getattr(item, name) for name in names]
        left += [part for part in reversed(parts) if type(part) not in _SCALARS]


def _holders_in(cls: Any) -> Optional[list[str]]:
    """The fields of a class of the model that can hold others; None for other classes."""
    if not dataclasses.is_dataclass(cls):
        return None
    return [field.name for field in dataclasses.fields(cls) if not _PLAIN.fullmatch(str(field.type))]


_names: Callable[[Any], Optional[list[str]]] = functools.cache(_holders_in)
