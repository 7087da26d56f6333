"""All ways to spoil a host, each with the sources of which nothing can be expected then."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.hostile.world import World

Spoil = Callable[[World, random.Random], None]


@dataclass(frozen=True)
class Hostility:
    """One way."""

    name: str
    spoil: Spoil
    weight: int
    is_last: bool = False
    """Whether others cannot expect the shapes that they know after it."""


ALL: list[Hostility] = []


def hostility(weight: int = 1, *, is_last: bool = False) -> Callable[[Spoil], Spoil]:
    """Make a function one of them, taken that often."""

    def register(spoil: Spoil) -> Spoil:
        ALL.append(Hostility(spoil.__name__.replace("_", " "), spoil, weight, is_last))
        return spoil

    return register
