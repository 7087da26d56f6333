# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Options of iptables' matches: how many values each has, and which condition it is. Pure.

A ValueError says what is wrong with a value; the match is then one that cannot be decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, NamedTuple, Union

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save_values import (
    address_range,
    in_ranges,
    masked,
    network,
    number_range,
    ports,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import AnyOf, Match
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import AnyBit, Test, Undecidable

Condition = Union[Match, AnyOf]


class Asked(NamedTuple):
    """One option of a match."""

    option: str
    values: tuple[str, ...]
    negated: bool

    @property
    def text(self) -> str:
        """As iptables-save prints it."""
        return " ".join((*("!" * self.negated), self.option, *self.values))


class Single(NamedTuple):
    """An option that is a condition of its own."""

    arguments: int
    condition: Callable[[tuple[str, ...], int], tuple[tuple[str, ...], Test]]
    """Fields and test, from its values and the family (4 or 6)."""


class Together(NamedTuple):
    """A match whose options have to be read together."""

    arguments: dict[str, int]
    """How many values each option has."""
    conditions: Callable[[Sequence[Asked], int], list[Condition]]


def single(option: Single, asked: Asked, family: int, name: str) -> Match:
    """The condition of an option of match ``name`` by itself."""
    fields, test = option.condition(asked.values, family)
    return Match(fields, test, asked.negated, f"-m {name} {asked.text}")


def undecidable(why: str, text: str) -> Match:
    """A condition that is neither true nor false here."""
    return Match((), Undecidable(why), text=text)


def bits_of(words: str, known: dict[str, int]) -> int:
    """The bits that words between commas stand for."""
    bits = 0
    for word in words.split(","):
        if word not in known:
            raise ValueError(f"{word[:60]!r} is none of {', '.join(known)}")
        bits |= known[word]
    return bits


def port(field: str) -> Single:
    """A list of ports and ranges."""
    return Single(1, lambda values, dummy: ((field,), ports(values[0])))


def network_of(field: str) -> Single:
    """An address, with a mask or without."""
    return Single(1, lambda values, family: ((field,), network(values[0], family)))


def range_of(field: str) -> Single:
    """First and last address."""
    return Single(1, lambda values, family: ((field,), in_ranges([address_range(values[0], family)])))


def any_bit(field: str, known: dict[str, int]) -> Single:
    """Words of which one must hold."""
    return Single(1, lambda values, dummy: ((field,), AnyBit(bits_of(values[0], known))))


def identity(field: str) -> Single:
    """A number of a user or group, or a range."""
    return Single(1, lambda values, dummy: ((field,), in_ranges([number_range(values[0], 0xFFFFFFFF, "-")])))


def unknown(arguments: int, why: str) -> Single:
    """A condition that cannot be decided."""
    return Single(arguments, lambda _values, _family: ((), Undecidable(why)))


def mark(field: str) -> Single:
    """A mark, with a mask or without."""
    return Single(1, lambda values, dummy: ((field,), masked(values[0])))
