# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dataclasses to plain JSON data and back, with the types checked on the way in.

The keys of an object are names of fields alone: what a dict has by name goes as a list of ``{"name": ..., "value":
...}``. Its names are often a stranger's (labels, interfaces), and Ansible may take a key for its own
(``__ansible_type``, ``failed``). Below a field such a list stands in an object under the only key ``named``.

Decoding trusts nothing: every value is held against the annotation of its field. Unknown keys are ignored, missing
ones take the field's default.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, Callable, Optional, TypeVar

T = TypeVar("T")
Decode = Callable[[Any], Any]

# The type that Optional adds to the type of a field.
_NONE = type(None)
# ``X | None`` is a type of its own from Python 3.10 to 3.13.
_UNIONS = (typing.Union, getattr(types, "UnionType", typing.Union))
_NAMED = "named"
_OF_PAIR = {"name", "value"}
_SCALARS = frozenset((str, int, float, bool, _NONE))


class DecodeError(ValueError):
    """Data that does not fit the model; the message names the path inside the document."""


def to_plain(value: Any) -> Any:
    """Return value (a dataclass, or a container of them) as plain data: objects with keys of ours, lists, scalars."""
    # Most of what there is, and the quickest to tell.
    if type(value) in _SCALARS:
        return value
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {_NAMED: named_values(value)}
    names = _names(type(value))
    if names is None:
        return value
    return {name: item if type(item) in _SCALARS else _field(item) for name in names for item in [getattr(value, name)]}


def named_values(values: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """Return what a dict has by name as plain data in which no name is a key, in the same order."""
    return [{"name": str(name), "value": to_plain(item)} for name, item in values.items()]


def _field(value: Any) -> Any:
    return named_values(value) if isinstance(value, dict) else to_plain(value)


def from_plain(cls: type[T], data: Any) -> T:
    """Build an instance of the dataclass cls from plain data.

    Raises DecodeError naming the place when a value has the wrong type or a required key is missing.
    """
    try:
        found: T = decoder_of(typing.cast(Any, cls))(data)
    except _MisfitError as error:
        raise DecodeError(f"${error.place}: {error.words}") from None
    return found


class _MisfitError(Exception):
    """A value that does not fit. Its place is put together on the way out, where there is one at all."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.place = ""

    def within(self, place: str) -> _MisfitError:
        """The same, one step further out. Only then is the step worth words: most values fit."""
        self.place = place + self.place
        return self


def _fields_of(cls: Any) -> Optional[list[str]]:
    """Names of the fields of a dataclass; None for another class."""
    return [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else None


_names: Callable[[Any], Optional[list[str]]] = functools.cache(_fields_of)


@functools.cache
def decoder_of(cls: Any) -> Decode:
    """What from_plain builds a dataclass with. To make it takes longer than to decode a thousand values."""
    hints = typing.get_type_hints(cls)
    fields = [
        (
            field.name,
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
            _decoder(hints[field.name]),
            _exact(hints[field.name]),
        )
        for field in dataclasses.fields(cls)
    ]

    def decode(data: Any) -> Any:
        if not isinstance(data, dict):
            raise _MisfitError(f"expected an object, found {_kind(data)}")
        arguments: dict[str, Any] = {}
        for name, required, decode_field, exact in fields:
            if name in data:
                value = data[name]
                try:
                    arguments[name] = value if type(value) in exact else decode_field(value)
                except _MisfitError as error:
                    raise error.within(f".{name}") from None
            elif required:
                raise _MisfitError(f"the key {name!r} is missing")
        return cls(**arguments)

    return decode


def _decoder(hint: Any) -> Decode:
    """What takes a value of an annotation."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return _untyped
    if origin in _UNIONS:
        decode = _decoder(_inner(hint))
        return lambda value: None if value is None else decode(value)
    if origin is list:
        return _list_of(_decoder(arguments[0]), _exact(arguments[0]))
    if origin is tuple:
        # Of any length, and of one type.
        items = _list_of(_decoder(arguments[0]), _exact(arguments[0]))
        return lambda value: tuple(items(value))
    if origin is dict:
        decode, exact = _decoder(arguments[1]), _exact(arguments[1])
        # A field's own stands there as a list, others in an object.
        return lambda value: _by_name(decode, exact, value[_NAMED] if _is_named(value) else value)
    if dataclasses.is_dataclass(hint):
        return decoder_of(typing.cast(Any, hint))
    return lambda value: _scalar(hint, value)


def _inner(hint: Any) -> Any:
    """The type of an Optional one."""
    return next(choice for choice in typing.get_args(hint) if choice is not _NONE)


def _exact(hint: Any) -> tuple[type, ...]:
    """Of which types scalars are taken as they are."""
    inner = _inner(hint) if typing.get_origin(hint) in _UNIONS else hint
    return (inner,) if inner in (str, int, float, bool) else ()


def _list_of(decode: Decode, exact: tuple[type, ...]) -> Decode:
    def decode_list(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _MisfitError(f"expected a list, found {_kind(value)}")
        found: list[Any] = []
        for index, item in enumerate(value):
            try:
                found.append(item if type(item) in exact else decode(item))
            except _MisfitError as error:
                raise error.within(f"[{index}]") from None
        return found

    return decode_list


def _untyped(value: Any) -> Any:
    """What a field of no certain type has: scalars, lists, and what has names."""
    if isinstance(value, list):
        return _untyped_list(value)
    if _is_named(value):
        return _by_name(_untyped, (), value[_NAMED])
    if isinstance(value, dict):
        raise _MisfitError(f"expected an object with the key {_NAMED!r} alone")
    return value


_untyped_list = _list_of(_untyped, ())


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == [_NAMED]


def _by_name(decode: Decode, exact: tuple[type, ...], value: Any) -> dict[str, Any]:
    if not isinstance(value, list):
        raise _MisfitError(f"expected a list, found {_kind(value)}")
    found: dict[str, Any] = {}
    for index, item in enumerate(value):
        if not isinstance(item, dict) or item.keys() != _OF_PAIR or not isinstance(item["name"], str):
            raise _MisfitError("expected an object with a name and a value").within(f"[{index}]")
        name, part = str(item["name"]), item["value"]
        if name in found:
            raise _MisfitError(f"the name {name!r} is there twice")
        try:
            found[name] = part if type(part) in exact else decode(part)
        except _MisfitError as error:
            raise error.within(f".{name}") from None
    return found


def _scalar(hint: Any, value: Any) -> Any:
    # bool is an int in Python and is not one in JSON.
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise _MisfitError(f"expected {hint.__name__}, found {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__
