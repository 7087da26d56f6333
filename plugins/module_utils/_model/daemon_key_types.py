# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether Go's decoder takes a value of daemon.json for its key, and what it wants else.

Source: the structs of moby daemon/config/config.go and config_linux.go, at the tags v20.10.27 to docker-v29.7.2.
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import (
    ADDRESS,
    ADDRESSES,
    BOOLEAN,
    BOOLEAN_MAP,
    INTEGER,
    KEYS,
    NETWORK_OPTIONS,
    OBJECT,
    OBJECTS,
    POOLS,
    PREFIX,
    PROXIES,
    SIZE,
    STRING,
    STRING_MAP,
    STRINGS,
    UNKNOWN_RELEASE,
    Release,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_structs import is_integer, misfit_in
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_values import pool_fields

_MAPS = (OBJECTS, STRING_MAP, BOOLEAN_MAP, NETWORK_OPTIONS)
_PROXY_OPTIONS = ("http-proxy", "https-proxy", "no-proxy")

WORDS = {
    BOOLEAN: "true or false",
    INTEGER: "a whole number",
    STRING: "a string",
    ADDRESS: "an IP address in a string",
    PREFIX: "an address with its prefix length in a string",
    STRINGS: "an array of strings",
    ADDRESSES: "an array of IP addresses",
    POOLS: "an array of objects with base and size",
    OBJECT: "an object",
    OBJECTS: "an object whose values are objects",
    SIZE: "a size in a string",
    PROXIES: "an object with http-proxy, https-proxy and no-proxy",
    STRING_MAP: "an object whose values are strings",
    BOOLEAN_MAP: "an object whose values are true or false",
    NETWORK_OPTIONS: "an object of objects whose values are strings",
}
"""Each type of a value in words."""


def type_problem(name: str, value: Any, release: Release) -> str:
    """Return a sentence if Go's decoder refuses the value for the key; null leaves most defaults in place."""
    key = KEYS[name]
    if key.decoded_until is not None and not UNKNOWN_RELEASE < release <= key.decoded_until:
        return ""
    if value is None and key.kind not in (SIZE, PROXIES):
        return ""
    if not _fits(key.kind, value):
        return f"{name} must be {WORDS[key.kind]}{_misfit(key.kind, value)}"
    field = misfit_in(name, value) if isinstance(value, dict) else ""
    return f"{name}: {field}" if field else ""


def _misfit(kind: str, value: Any) -> str:
    """Say what was found instead. Contents of objects are left out, since they can hold secrets."""
    if isinstance(value, dict) and kind in _MAPS:
        return f"; that of {', '.join(map(_quoted, _misfit_members(kind, value)))} is not"
    if isinstance(value, dict) and kind == PROXIES:
        return f", found {', '.join(map(_quoted, _misfit_members(kind, value)))}"
    if isinstance(value, (dict, list)):
        return f", found {'an object' if isinstance(value, dict) else 'an array'}{_misfit_items(kind, value)}"
    return f", found {_shown(value)}"


def _misfit_items(kind: str, value: Any) -> str:
    return " with something else in it" if isinstance(value, list) and kind in (STRINGS, ADDRESSES, POOLS) else ""


def _fits(kind: str, value: Any) -> bool:
    if kind == BOOLEAN:
        return isinstance(value, bool)
    if kind == INTEGER:
        return is_integer(value)
    if kind in (STRING, ADDRESS, PREFIX):
        return isinstance(value, str)
    if kind == SIZE:
        return isinstance(value, str) and value != ""
    if kind in (STRINGS, ADDRESSES):
        return isinstance(value, list) and all(item is None or isinstance(item, str) for item in value)
    if kind == POOLS:
        return isinstance(value, list) and all(_is_pool(item) for item in value)
    return isinstance(value, dict) and not _misfit_members(kind, value)


def _misfit_members(kind: str, value: dict[str, Any]) -> list[str]:
    """The names of the members of an object that are not as their kind wants them."""
    return [name for name, item in value.items() if not _member_fits(kind, name, item)]


def _member_fits(kind: str, name: str, item: Any) -> bool:
    if (kind == PROXIES and name not in _PROXY_OPTIONS) or kind == OBJECT or item is None:
        return True
    if kind == BOOLEAN_MAP:
        return isinstance(item, bool)
    if kind == NETWORK_OPTIONS:
        return isinstance(item, dict) and all(option is None or isinstance(option, str) for option in item.values())
    return isinstance(item, dict if kind == OBJECTS else str)


def _is_pool(item: Any) -> bool:
    fields = pool_fields(item)
    return isinstance(fields.get("base"), str) and is_integer(fields.get("size"))


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _quoted(text: str) -> str:
    return json.dumps(text)
