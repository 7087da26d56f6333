# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dataclasses to plain JSON data and back, with the types checked on the way in.

The keys of an object are the names of fields, which this collection chose, and nothing else: what a dict has by name
goes as a list of ``{"name": ..., "value": ...}``. Its names are often a stranger's (of labels, interfaces, sysctls...),
and who reads JSON may take a key for more than that: Ansible for a type of its own (``__ansible_type``) or for what
became of a task (``failed``). Below a field, where nothing but the data says what it is, such a list stands in an
object under the only key ``named``.

A saved snapshot may come from another machine or another release, so decoding trusts nothing: every value is held
against the annotation of its field. Unknown keys are ignored (a newer release may have written them), missing keys
take the field's default.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

# The type that Optional adds to the type of a field.
_NONE = type(None)
_NAMED = "named"


class DecodeError(ValueError):
    """Data that does not fit the model; the message names the path inside the document."""


def to_plain(value: Any) -> Any:
    """Return value (a dataclass, or a container of them) as plain data: objects with keys of ours, lists, scalars."""
    # Most of what there is, and the quickest to tell.
    if value is None or isinstance(value, (str, int, float)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _field(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {_NAMED: named_values(value)}
    return value


def named_values(values: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """Return what a dict has by name as plain data in which no name is a key, in the same order."""
    return [{"name": str(name), "value": to_plain(item)} for name, item in values.items()]


def _field(value: Any) -> Any:
    return named_values(value) if isinstance(value, dict) else to_plain(value)


def from_plain(cls: type[T], data: Any, path: str = "$") -> T:
    """Build an instance of the dataclass cls from plain data.

    Raises DecodeError naming the place when a value has the wrong type or a required key is missing.
    """
    if not isinstance(data, dict):
        raise DecodeError(f"{path}: expected an object, found {_kind(data)}")
    arguments: dict[str, Any] = {}
    for field, hint in _fields(typing.cast(Any, cls)):
        if field.name in data:
            arguments[field.name] = _decode(hint, data[field.name], f"{path}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise DecodeError(f"{path}: the key {field.name!r} is missing")
    return cls(**arguments)


@functools.cache
def _names(cls: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]


@functools.cache
def _fields(cls: Any) -> list[tuple[Any, Any]]:
    """The fields of a dataclass with their types, of which to evaluate the annotations takes its time."""
    hints = typing.get_type_hints(cls)
    return [(field, hints[field.name]) for field in dataclasses.fields(cls)]


def _decode(hint: Any, value: Any, path: str) -> Any:
    origin = typing.get_origin(hint)
    if hint is Any:
        return _untyped(value, path)
    if origin is typing.Union:
        if value is None:
            return None
        inner = next(choice for choice in typing.get_args(hint) if choice is not _NONE)
        return _decode(inner, value, path)
    if origin is list:
        if not isinstance(value, list):
            raise DecodeError(f"{path}: expected a list, found {_kind(value)}")
        (item_hint,) = typing.get_args(hint)
        return [_decode(item_hint, item, f"{path}[{index}]") for index, item in enumerate(value)]
    if origin is dict:
        # A field's own stands there as a list, others in an object.
        return _by_name(typing.get_args(hint)[1], value[_NAMED] if _is_named(value) else value, path)
    if dataclasses.is_dataclass(hint):
        return from_plain(typing.cast(Any, hint), value, path)
    return _scalar(hint, value, path)


def _untyped(value: Any, path: str) -> Any:
    """What a field of no certain type has: scalars, lists, and what has names."""
    if isinstance(value, list):
        return [_untyped(item, f"{path}[{index}]") for index, item in enumerate(value)]
    if _is_named(value):
        return _by_name(Any, value[_NAMED], path)
    if isinstance(value, dict):
        raise DecodeError(f"{path}: expected an object with the key {_NAMED!r} alone")
    return value


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == [_NAMED]


def _by_name(item_hint: Any, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, list):
        raise DecodeError(f"{path}: expected a list, found {_kind(value)}")
    found: dict[str, Any] = {}
    for index, item in enumerate(value):
        place = f"{path}[{index}]"
        if not isinstance(item, dict) or set(item) != {"name", "value"} or not isinstance(item["name"], str):
            raise DecodeError(f"{place}: expected an object with a name and a value")
        if item["name"] in found:
            raise DecodeError(f"{place}: the name {item['name']!r} is there twice")
        found[item["name"]] = _decode(item_hint, item["value"], f"{path}.{item['name']}")
    return found


def _scalar(hint: Any, value: Any, path: str) -> Any:
    # bool is an int in Python and is not one in JSON.
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise DecodeError(f"{path}: expected {hint.__name__}, found {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__
