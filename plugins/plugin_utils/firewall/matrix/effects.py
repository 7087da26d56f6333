# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which rules may change places: two that can do but the same to a packet, and nothing else."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    CONTINUE,
    DROP,
    JUMP,
    RETURN,
    AnyOf,
    Chain,
    Match,
    Nat,
    Rule,
    RuleBook,
    Statement,
    Verdict,
)

NOTHING = "nothing"

Effect = Optional[Hashable]
"""What a rule does to a packet that meets it; None where that is more than one thing."""


class Effects:
    """What the rules of a host do, the chains that they jump to included."""

    def __init__(self, book: RuleBook) -> None:
        """Take the rules of a host."""
        self._chains = book.chains
        self._known: dict[tuple[str, str, str, str], Effect] = {}

    def of(self, rule: Rule, chain: Chain) -> Effect:
        """The effect of a rule of that chain."""
        return _only(self._each(rule, chain, inside=False))

    def _each(self, rule: Rule, chain: Chain, *, inside: bool) -> Iterator[Effect]:
        for statement in rule.statements:
            if not isinstance(statement, (Match, AnyOf)):
                yield self._of_statement(statement, chain, inside=inside)

    def _of_statement(self, statement: Statement, chain: Chain, *, inside: bool) -> Effect:
        """inside: what follows a return is not for this rule to decide, for the chain was jumped to."""
        if isinstance(statement, Nat):
            return statement
        if not isinstance(statement, Verdict):
            return None
        if statement.kind in (ACCEPT, DROP):
            return statement.kind
        if statement.kind == CONTINUE or (statement.kind == RETURN and inside):
            return NOTHING
        return self._of_chain((*chain.key[:3], statement.target)) if statement.kind == JUMP else None

    def _of_chain(self, key: tuple[str, str, str, str]) -> Effect:
        if key not in self._known:
            chain = self._chains.get(key)
            self._known[key] = None
            if chain is not None and not chain.unreadable:
                effects = (effect for rule in chain.rules for effect in self._each(rule, chain, inside=True))
                self._known[key] = _only(effects)
        return self._known[key]


def commute(one: Effect, other: Effect) -> bool:
    """Whether it makes no difference to a packet that meets both rules which of them comes first."""
    return NOTHING in (one, other) or (one is not None and one == other)


def _only(effects: Iterable[Effect]) -> Effect:
    found = set(effects) - {NOTHING}
    if not found:
        return NOTHING
    return found.pop() if len(found) == 1 else None
