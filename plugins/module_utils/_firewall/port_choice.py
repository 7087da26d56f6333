# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A source port that stands for all that a sender could have chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import (
    AnyOf,
    MarkMap,
    Match,
    RuleBook,
    Statement,
    VerdictMap,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.values import (
    InElements,
    InRanges,
    OneOf,
    Test,
    Undecidable,
)

# An answer goes to that port, so what rules ask of destination ports counts, too.
_PORTS = ("sport", "dport", "ct_orig_sport", "ct_orig_dport", "ct_reply_sport", "ct_reply_dport")


def port_for_all(book: RuleBook, first: int, last: int) -> Optional[int]:
    """A port of a range that every rule treats as it treats all others of it; None when some rule tells them apart.

    Chains of address translation do not count: they see the first packet alone, whose source port only few of their
    rules ask for, and those are looked at.
    """
    for chain in book.chains.values():
        fields = ("sport", "ct_orig_sport") if chain.kind == "nat" else _PORTS
        for rule in chain.rules:
            for statement in rule.statements:
                for names, test in _tests(statement):
                    if any(name in fields and _splits(test, at, first, last) for at, name in enumerate(names)):
                        return None
    return last


def _tests(statement: Statement) -> Iterator[tuple[tuple[str, ...], Test]]:
    if isinstance(statement, Match):
        yield statement.fields, statement.test
    elif isinstance(statement, AnyOf):
        for match in statement.matches:
            yield match.fields, match.test
    elif isinstance(statement, (VerdictMap, MarkMap)):
        for test, dummy in statement.entries:
            yield statement.fields, test


def _splits(test: Test, place: int, first: int, last: int) -> bool:
    """Whether a test holds for some ports of a range and for others not; place is the field's in a concatenation."""
    if isinstance(test, Undecidable):
        return False
    if isinstance(test, OneOf):
        return any(isinstance(value, int) and first <= value <= last for value in test.values)
    if isinstance(test, InRanges):
        return any(_cuts(low, high, first, last) for low, high in test.ranges)
    if isinstance(test, InElements):
        exact = (element[place] for element in test.exact)
        if any(isinstance(value, int) and first <= value <= last for value in exact):
            return True
        return any(_cuts(*element[place], first, last) for element in test.elements)
    return True


def _cuts(low: object, high: object, first: int, last: int) -> bool:
    if not isinstance(low, int) or not isinstance(high, int):
        return False
    return low <= last and high >= first and not (low <= first and high >= last)
