# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the reader uses of dataclasses, made without compiling text for each class. host_reader has it by that name.

A host makes these classes anew for each reading, and Python's own module takes an eighth of it. Those that are made
here are as Python's (tests/unit/plugins/module_utils/_host/test_light_dataclasses.py), but for their repr().
"""

from __future__ import annotations

import operator
from typing import Any, Callable, Optional

MISSING: Any = type("MISSING", (), {})()
"""Stands for a default that there is not."""


class FrozenInstanceError(AttributeError):
    """Raised where a field of a frozen one is set."""


class Field:
    """One field."""

    def __init__(self, default: Any, default_factory: Any) -> None:
        """Take what it has where nothing is given for it, and what makes that."""
        self.name = ""
        self.type = ""
        self.default = default
        self.default_factory = default_factory


def field(*, default: Any = MISSING, default_factory: Any = MISSING) -> Any:
    """Describe a field, in place of its default."""
    return Field(default, default_factory)


def is_dataclass(thing: Any) -> bool:
    """Whether it is one, or of one."""
    return hasattr(thing, "__dataclass_fields__")


def fields(thing: Any) -> tuple[Field, ...]:
    """Return the fields of a dataclass, or of what is of one."""
    return tuple(thing.__dataclass_fields__.values())


def replace(thing: Any, **changes: Any) -> Any:
    """Return the same with some fields changed."""
    return type(thing)(**{**{name: getattr(thing, name) for name in thing.__dataclass_fields__}, **changes})


def dataclass(cls: Optional[type] = None, *, frozen: bool = False) -> Any:
    """Make a class whose annotations are fields into one that is made, compared and hashed by them."""
    return _made(cls, frozen=frozen) if cls is not None else lambda given: _made(given, frozen=frozen)


def _made(cls: Any, *, frozen: bool) -> Any:
    found = {name: _field_of(cls, name, kind) for name, kind in getattr(cls, "__annotations__", {}).items()}
    names = tuple(found)
    cls.__dataclass_fields__ = found
    cls.__init__ = _initializer(cls.__name__, found, names)
    values = operator.attrgetter(*names) if names else lambda dummy: ()
    cls.__eq__ = lambda self, other: values(self) == values(other) if type(other) is type(self) else NotImplemented
    if frozen:
        cls.__hash__ = lambda self: hash(values(self))
        cls.__setattr__ = cls.__delattr__ = _refuse
    else:
        cls.__hash__ = None
    return cls


def _field_of(cls: Any, name: str, kind: str) -> Field:
    given = cls.__dict__.get(name, MISSING)
    found = given if isinstance(given, Field) else Field(given, MISSING)
    if isinstance(given, Field):
        delattr(cls, name)
    found.name, found.type = name, kind
    return found


def _initializer(called: str, found: dict[str, Field], names: tuple[str, ...]) -> Callable[..., None]:
    defaults = {name: item.default for name, item in found.items() if item.default is not MISSING}
    factories = {name: item.default_factory for name, item in found.items() if item.default_factory is not MISSING}
    number = len(names)

    def initialize(self: Any, *values: Any, **given: Any) -> None:
        # A frozen one's, too.
        own = self.__dict__
        own.update(defaults)
        own.update(zip(names, values))
        own.update(given)
        for name, make in factories.items():
            if name not in own:
                own[name] = make()
        if len(own) != number or len(values) > number or (values and not given.keys().isdisjoint(names[: len(values)])):
            raise TypeError(
                f"{called} has the fields {', '.join(names)}: {len(values)} values and {sorted(given)} given"
            )

    return initialize


def _refuse(dummy_self: Any, name: str, *dummy_value: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")
