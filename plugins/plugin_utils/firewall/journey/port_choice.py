# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A source port that stands for all that a sender could have chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyOf,
    Chain,
    MarkMap,
    Match,
    RuleBook,
    Statement,
    Verdict,
    VerdictMap,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import (
    InElements,
    InRanges,
    OneOf,
    Test,
    Undecidable,
)

# An answer goes to that port, so what rules ask of destination ports counts, too.
_PORTS = ("sport", "dport", "ct_orig_sport", "ct_orig_dport", "ct_reply_sport", "ct_reply_dport")


def port_for_all(book: RuleBook, first: int, last: int) -> Optional[int]:
    """A port of a range that every rule treats as it treats the others; None when a rule tells parts of it apart.

    Rules that name a single port of it are no reason for doubt: a sender hardly ever chooses just that one.
    """
    single: set[object] = set()
    # Many rules can ask for the same large set.
    for fields, test in dict.fromkeys(_port_tests(book)):
        for place, name in enumerate(fields):
            if name in _PORTS and _splits(test, place, first, last):
                return None
            if name in _PORTS:
                single.update(_single(test, place))
    return next((port for port in range(last, first - 1, -1) if port not in single), None)


def _port_tests(book: RuleBook) -> Iterator[tuple[tuple[str, ...], Test]]:
    """What rules ask; those of address translation see no answers, for them only sport is the sender's port."""
    elsewhere = _reached(book, [chain for chain in book.chains.values() if chain.hook and chain.kind != "nat"])
    for key, chain in book.chains.items():
        for statement in _statements(chain):
            for fields, test in _tests(statement):
                if key in elsewhere or "sport" in fields or "ct_orig_sport" in fields:
                    yield fields, test


def _statements(chain: Chain) -> Iterator[Statement]:
    """All of a chain's rules, those that ask the same named map once."""
    maps: set[tuple[tuple[str, ...], int]] = set()
    for rule in chain.rules:
        for statement in rule.statements:
            if isinstance(statement, (VerdictMap, MarkMap)):
                of = (statement.fields, id(statement.entries))
                if of in maps:
                    continue
                maps.add(of)
            yield statement


def _reached(book: RuleBook, starts: list[Chain]) -> set[tuple[str, str, str, str]]:
    """Keys of these chains and of all that they lead to."""
    found = {chain.key for chain in starts}
    waiting = list(starts)
    while waiting:
        chain = waiting.pop()
        for target in _targets(chain):
            key = (*chain.key[:3], target)
            if key in book.chains and key not in found:
                found.add(key)
                waiting.append(book.chains[key])
    return found


def _targets(chain: Chain) -> Iterator[str]:
    for statement in _statements(chain):
        if isinstance(statement, Verdict):
            yield statement.target
        elif isinstance(statement, VerdictMap):
            yield from (verdict.target for dummy, verdict in statement.entries)


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
    if isinstance(test, (OneOf, Undecidable)):
        return False
    if isinstance(test, InRanges):
        return any(_cuts(low, high, first, last) for low, high in test.ranges)
    if isinstance(test, InElements):
        return any(_cuts(*element[place], first, last) for element in test.elements)
    return True


def _cuts(low: object, high: object, first: int, last: int) -> bool:
    if not isinstance(low, int) or not isinstance(high, int) or low == high:
        return False
    return low <= last and high >= first and not (low <= first and high >= last)


def _single(test: Test, place: int) -> set[object]:
    if isinstance(test, OneOf):
        return set(test.values)
    if isinstance(test, InRanges):
        return {low for low, high in test.ranges if low == high}
    if isinstance(test, InElements):
        ranges = (element[place] for element in test.elements)
        return {element[place] for element in test.exact} | {low for low, high in ranges if low == high}
    return set()
