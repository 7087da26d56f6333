# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The objects of daemon.json that have fields of their own, and what their types are.

Go ignores fields that it does not know, matches names whatever their case, and takes null for "not given". Sources:
moby daemon/config/builder.go, api/types/system/runtime.go, go-units ulimit.go.
"""

from __future__ import annotations

from typing import Any, Callable, Union

Schema = Union[str, tuple[str, "Schema"], dict[str, "Schema"]]

_TEXT, _SWITCH, _NUMBER, _ANY = "text", "switch", "number", "any"
LARGEST = (1 << 63) - 1
"""Of the integers that dockerd can hold."""


def is_integer(value: Any) -> bool:
    """Whether Go's decoder takes it for an int."""
    return isinstance(value, int) and not isinstance(value, bool) and -LARGEST - 1 <= value <= LARGEST


_RULE: Schema = {
    "all": _SWITCH,
    "keepstorage": _TEXT,
    "reservedspace": _TEXT,
    "maxusedspace": _TEXT,
    "minfreespace": _TEXT,
}
_COLLECTION: Schema = {
    "enabled": _SWITCH,
    "policy": ("list", _RULE),
    "defaultkeepstorage": _TEXT,
    "defaultreservedspace": _TEXT,
    "defaultmaxusedspace": _TEXT,
    "defaultminfreespace": _TEXT,
}
_SCHEMAS: dict[str, Schema] = {
    "builder": {
        "gc": _COLLECTION,
        "entitlements": {"network-host": _SWITCH, "security-insecure": _SWITCH},
        "history": {"maxentries": _NUMBER},
    },
    "default-ulimits": ("map", {"name": _TEXT, "hard": _NUMBER, "soft": _NUMBER}),
    "runtimes": (
        "map",
        {"path": _TEXT, "runtimeargs": ("list", _TEXT), "runtimetype": _TEXT, "options": ("map", _ANY)},
    ),
}

_PLAIN: dict[str, Callable[[Any], bool]] = {
    _TEXT: lambda value: isinstance(value, str),
    _SWITCH: lambda value: isinstance(value, bool),
    _NUMBER: is_integer,
    _ANY: lambda dummy: True,
}
_WORDS = {_TEXT: "a string", _SWITCH: "true or false", _NUMBER: "a whole number", "list": "an array"}


def misfit_in(name: str, value: dict[str, Any]) -> str:
    """Return which field of a key's object has the wrong type (``gc.enabled must be true or false``); "" if none."""
    schema = _SCHEMAS.get(name)
    return "" if schema is None else _misfit(schema, value, "")


def _misfit(schema: Schema, value: Any, path: str) -> str:
    if value is None:
        return ""
    if isinstance(schema, str):
        return "" if _PLAIN[schema](value) else f"{path} must be {_WORDS[schema]}"
    if isinstance(schema, tuple):
        return _misfit_items(schema[0], schema[1], value, path)
    if not isinstance(value, dict):
        return f"{path} must be an object"
    fields = ((schema.get(name.lower(), _ANY), item, _below(path, name)) for name, item in value.items())
    return next(filter(None, (_misfit(*field) for field in fields)), "")


def _misfit_items(shape: str, schema: Schema, value: Any, path: str) -> str:
    if not isinstance(value, list if shape == "list" else dict):
        return f"{path} must be {'an array' if shape == 'list' else 'an object'}"
    items = enumerate(value) if isinstance(value, list) else value.items()
    return next(filter(None, (_misfit(schema, item, _below(path, str(name))) for name, item in items)), "")


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
