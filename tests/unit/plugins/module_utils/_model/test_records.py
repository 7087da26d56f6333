"""Classes made without code of their own behave as the standard library's frozen dataclasses do."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.records import dataclass


@dataclass(frozen=True)
class Ours:
    """Made here."""

    name: str
    number: int = 7
    items: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Theirs:
    """Made there."""

    name: str
    number: int = 7
    items: list[str] = dataclasses.field(default_factory=list)


@dataclass(frozen=True)
class Nothing:
    """Without a field."""


@dataclass(frozen=True)
class Named:
    """With words of its own."""

    name: str

    def __repr__(self) -> str:
        return f"<{self.name}>"


@dataclass(frozen=True)
class More(Named):
    """What another has, and more."""

    size: int = 0


WRONG: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    ((), {}),
    ((), {"number": 1}),
    (("a", 1, [], 2), {}),
    (("a",), {"name": "b"}),
    (("a",), {"colour": "red"}),
    ((), {"colour": "red", "number": 1, "items": []}),
)


@pytest.mark.parametrize("cls", [Ours, Theirs])
@pytest.mark.parametrize(("values", "named"), WRONG)
def test_what_does_not_fit_is_refused(cls: Any, values: tuple[Any, ...], named: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        cls(*values, **named)


@pytest.mark.parametrize(
    ("values", "named"),
    [(("a",), {}), (("a", 1), {}), (("a", 1, ["x"]), {}), ((), {"items": ["x"], "name": "a"}), (("a",), {"number": 3})],
)
def test_fields_are_the_same(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    ours, theirs = Ours(*values, **named), Theirs(*values, **named)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert dataclasses.replace(ours, number=9) == Ours(ours.name, 9, ours.items)
    assert pickle.loads(pickle.dumps(ours)) == copy.deepcopy(ours) == ours  # noqa: S301
    assert [item.name for item in dataclasses.fields(Ours)] == [item.name for item in dataclasses.fields(Theirs)]


def test_each_has_a_list_of_its_own() -> None:
    assert Ours("a").items is not Ours("a").items


def test_what_is_equal() -> None:
    assert Ours("a") == Ours("a", 7)
    assert Ours("a") != Ours("b")
    assert Ours("a") != Theirs("a")  # type: ignore[comparison-overlap]
    assert {Named("a"), Named("a"), More("a")} == {Named("a"), More("a", 0)}
    assert len({Nothing(), Nothing()}) == 1
    with pytest.raises(TypeError):
        hash(Ours("a"))


def test_words_of_its_own_stay() -> None:
    assert (repr(Named("a")), repr(More("a", 2)), repr(Nothing())) == ("<a>", "More(name='a', size=2)", "Nothing()")


def test_nothing_of_it_changes() -> None:
    item: Any = Ours("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        item.name = "b"
    with pytest.raises(dataclasses.FrozenInstanceError):
        item.colour = "red"
    with pytest.raises(dataclasses.FrozenInstanceError):
        del item.name
    assert item == Ours("a")


def test_others_than_frozen_ones_are_not_made() -> None:
    with pytest.raises(ValueError, match="frozen"):
        dataclass(frozen=False)
