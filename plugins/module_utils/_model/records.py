# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frozen dataclasses whose methods all classes share.

``@dataclass`` of the standard library writes and compiles methods for each class. A module that runs on a host brings
some sixty classes and has to make them at each run: 37 ms of processor time with Python 3.13, and 4 ms this way. What
the standard library's functions ask of a dataclass (``fields``, ``replace``) they get.
"""

from __future__ import annotations

import dataclasses
import operator
from dataclasses import dataclass as dataclass  # noqa: PLC0414 (types are checked as those of one)
from typing import TYPE_CHECKING, Any

if not TYPE_CHECKING:

    def dataclass(*, frozen: bool) -> Any:
        """Return what makes a frozen dataclass of a class."""
        if not frozen:
            raise ValueError("records are frozen")
        return _frozen


def _frozen(cls: Any) -> Any:
    dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
    names = tuple(field.name for field in dataclasses.fields(cls))
    given = {each.name: each.default for each in dataclasses.fields(cls) if each.default is not dataclasses.MISSING}
    made = [
        (each.name, each.default_factory)
        for each in dataclasses.fields(cls)
        if each.default_factory is not dataclasses.MISSING
    ]
    known = frozenset(names)
    values_of = operator.attrgetter(*names, "__class__")

    def init(self: Any, *values: Any, **named: Any) -> None:
        found = {**given, **dict(zip(names, values)), **named} if values else {**given, **named}
        for name, make in made:
            if name not in found:
                found[name] = make()
        if found.keys() != known or not named.keys().isdisjoint(names[: len(values)]) or len(values) > len(names):
            raise TypeError(f"{cls.__name__} takes {', '.join(names)}")
        self.__dict__.update(found)

    own = {
        "__init__": init,
        "__eq__": lambda self, other: (
            values_of(self) == values_of(other) if other.__class__ is self.__class__ else NotImplemented
        ),
        "__hash__": lambda self: hash(values_of(self)),
        "__repr__": lambda self: f"{cls.__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})",
        "__setattr__": _refuse,
        "__delattr__": _refuse,
    }
    for name, method in own.items():
        if name not in vars(cls) or vars(cls)[name] is None:
            setattr(cls, name, method)
    return cls


def _refuse(self: Any, name: str, dummy: Any = None) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot change {name} of a {type(self).__name__}")
