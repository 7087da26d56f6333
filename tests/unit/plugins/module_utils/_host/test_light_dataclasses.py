"""Dataclasses as host_reader makes them, compared with Python's own: every one that is sent, and small ones."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import light_dataclasses as light

from tests.unit.reader_sources import modules_of_reader

MODULES = modules_of_reader()
SENT = [
    cls
    for name in MODULES
    for cls in vars(importlib.import_module(name)).values()
    if dataclasses.is_dataclass(cls) and inspect.isclass(cls) and cls.__module__ == name
]


def lightly(cls: Any) -> Any:
    """The same class as host_reader makes it: from what stands in its source."""
    stated: dict[str, Any] = {"__annotations__": getattr(cls, "__annotations__", {}), "__module__": cls.__module__}
    for item in dataclasses.fields(cls):
        if item.default is not dataclasses.MISSING:
            stated[item.name] = item.default
        elif item.default_factory is not dataclasses.MISSING:
            stated[item.name] = light.field(default_factory=item.default_factory)
    return light.dataclass(frozen=cls.__dataclass_params__.frozen)(type(cls.__name__, (), stated))


def test_there_are_many() -> None:
    assert len(SENT) > 40


@pytest.mark.parametrize("cls", SENT, ids=lambda cls: cls.__name__)
def test_what_is_sent_is_the_same(cls: Any) -> None:
    other = lightly(cls)
    fields = dataclasses.fields(cls)
    assert [(item.name, item.type) for item in fields] == [(item.name, item.type) for item in light.fields(other)]
    assert cls.__mro__[1:] == (object,), "a base with fields is nothing that is looked at"
    required = [
        item.name
        for item in fields
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]
    values = [f"value of {name}" for name in required]
    named = dict(zip(required, values))
    for given, by_name in ((values, {}), ([], named)):
        ours, theirs = other(*given, **by_name), cls(*given, **by_name)
        assert vars(ours) == vars(theirs)
        assert ours == other(*given, **by_name)
        assert (ours != theirs) is True
        if fields:
            changed = {fields[-1].name: "changed"}
            assert vars(light.replace(ours, **changed)) == vars(dataclasses.replace(theirs, **changed))
            assert light.replace(ours, **changed) != ours
    assert hashable(other, values) == hashable(cls, values)
    name = fields[0].name if fields else "other"
    assert refusal(lambda: setattr(other(*values), name, 1)) == refusal(lambda: setattr(cls(*values), name, 1))


def hashable(cls: Any, values: list[str]) -> int | None:
    """The hash of an instance, None where it has none."""
    try:
        return hash(cls(*values))
    except TypeError:
        return None


def refusal(do: Callable[[], object]) -> str:
    """What is raised."""
    try:
        do()
    except (TypeError, AttributeError) as error:
        return f"{type(error).__name__} {error}" if isinstance(error, AttributeError) else type(error).__name__
    return ""


WRONG: list[tuple[tuple[Any, ...], dict[str, int]]] = [
    ((), {}),
    ((1, 2, [], 4), {}),
    ((1,), {"first": 1}),
    ((1,), {"third": 3}),
    ((), {"second": 1}),
]


@pytest.mark.parametrize("module", [dataclasses, light])
def test_wrong_arguments_are_refused(module: Any) -> None:
    class Plain:
        first: int
        second: int = 2
        more: list[int] = module.field(default_factory=list)

    Pair: Any = module.dataclass(frozen=True)(Plain)  # noqa: N806
    for values, given in WRONG:
        assert refusal(partial(Pair, *values, **given)) == "TypeError"
    assert Pair(1).more is not Pair(1).more
    assert Pair(1, second=5).second == 5
    assert (Pair.second, hasattr(Pair, "more")) == (2, False)
    assert module.is_dataclass(Pair)
    assert module.is_dataclass(Pair(1))
    assert not module.is_dataclass(int)
    with pytest.raises(module.FrozenInstanceError):
        del Pair(1).first


class Passed:
    """Something that a process hands to another."""

    name: str
    more: tuple[str, ...] = ()


Made: Any = light.dataclass(frozen=True)(Passed)


def test_they_are_handed_from_process_to_process() -> None:
    assert pickle.loads(pickle.dumps(Made("a", ("b",)))) == Made("a", ("b",))  # noqa: S301
