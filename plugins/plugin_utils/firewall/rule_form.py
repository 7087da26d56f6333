# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a rule says of addresses, devices and ports, and its form with names in place of them.

Docker writes the same rules for each container and each network, with other values in them. With its own values
replaced by names, a container's rule becomes equal to that of the next one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import NamedTuple, Union

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.partition import (
    ADDRESS,
    DEVICE,
    KINDS,
    PORT,
    Value,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyOf,
    MarkMap,
    Match,
    Nat,
    NatMap,
    Rule,
    SetMark,
    Statement,
    Verdict,
    VerdictMap,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import (
    InRanges,
    OneOf,
    Test,
)

RANGE = "range"
CHAIN = "chain"

Mention = tuple[str, Union[Value, tuple[int, int]]]
"""A kind (``address``, ``device``, ``port``, ``range`` of addresses, ``chain``) and a value."""
Names = Mapping[Mention, str]


class RuleFacts(NamedTuple):
    """One rule, or one entry of a map in it."""

    keys: dict[str, Mention]
    """What must be so for the rule to do anything, by field."""
    mentions: frozenset[Mention]
    """All single values and single ranges in it, those of its translation included."""
    conditions: frozenset[Mention]
    """Those that it asks for."""
    tests: tuple[tuple[tuple[str, ...], Test], ...]
    """Tests on more than one value, which a Partition is for."""
    jumps: tuple[str, ...]
    protocols: frozenset[Value] = frozenset()
    """The protocols that the rule is for, empty for all."""


def facts_of(rule: Rule) -> RuleFacts:
    """What a rule says, its maps left out."""
    keys: dict[str, Mention] = {}
    conditions: set[Mention] = set()
    translations: set[Mention] = set()
    tests: list[tuple[tuple[str, ...], Test]] = []
    jumps: list[str] = []
    protocols: frozenset[Value] = frozenset()
    leading = True
    for statement in rule.statements:
        leading = leading and isinstance(statement, (Match, AnyOf))
        if leading and isinstance(statement, Match) and statement.fields == ("protocol",) and not statement.negated:
            protocols = statement.test.values if isinstance(statement.test, OneOf) else protocols
        for match in matches_of(statement):
            single = single_of(match.fields, match.test)
            if single is not None:
                conditions.add(single)
                if leading and match is statement and not match.negated:
                    keys.setdefault(match.fields[0], single)
            else:
                tests.append((match.fields, match.test))
        if isinstance(statement, Verdict) and statement.target:
            jumps.append(statement.target)
        if isinstance(statement, Nat):
            translations.update(addresses_in(statement))
    asked = frozenset(conditions)
    # Of very many rules most translate nothing.
    mentions = asked.union(translations) if translations else asked
    return RuleFacts(keys, mentions, asked, tuple(tests), tuple(jumps), protocols)


def matches_of(statement: Statement) -> Iterator[Match]:
    """The conditions in a statement."""
    if isinstance(statement, Match):
        yield statement
    elif isinstance(statement, AnyOf):
        yield from statement.matches


def single_of(fields: tuple[str, ...], test: Test) -> Union[Mention, None]:
    """The one value, or the one range of addresses, that a test asks for; None if it asks for something else."""
    kind = KINDS.get(fields[0], "") if len(fields) == 1 else ""
    if not kind:
        return None
    if isinstance(test, OneOf) and len(test.values) == 1:
        return (kind, next(iter(test.values)))
    if isinstance(test, InRanges) and len(test.ranges) == 1 and kind != PORT:
        return (RANGE, test.ranges[0])
    return None


def devices_in(facts: RuleFacts) -> frozenset[str]:
    """The single devices that a rule or an entry asks for."""
    return frozenset(str(value) for kind, value in facts.conditions if kind == DEVICE)


def addresses_in(nat: Nat) -> tuple[Mention, ...]:
    """The single address that a translation leads to."""
    if nat.addresses is None or nat.addresses[0] != nat.addresses[1]:
        return ()
    return ((ADDRESS, nat.addresses[0]),)


def form_of(rule: Rule, names: Names) -> Hashable:
    """The rule with names in place of values."""
    return tuple(_statement_form(statement, names) for statement in rule.statements)


def _statement_form(statement: Statement, names: Names) -> Hashable:
    if isinstance(statement, Match):
        return (statement.fields, form_of_test(statement.fields, statement.test, names), statement.negated)
    if isinstance(statement, AnyOf):
        return (tuple(_statement_form(match, names) for match in statement.matches), statement.negated)
    if isinstance(statement, (Verdict, Nat)):
        return form_of_result(statement, names)
    if isinstance(statement, (VerdictMap, NatMap, MarkMap)):
        return (type(statement).__name__, statement.fields)
    return statement


def form_of_result(result: Union[Verdict, Nat, SetMark], names: Names) -> Hashable:
    """What a rule or an entry does, with names in place of values."""
    if isinstance(result, Verdict):
        return (result.kind, names.get((CHAIN, result.target), result.target), result.reject_with)
    if isinstance(result, SetMark):
        return result
    addresses: Hashable = result.addresses
    if result.addresses is not None and result.addresses[0] == result.addresses[1]:
        addresses = names.get((ADDRESS, result.addresses[0]), addresses)
    ports: Hashable = result.ports
    if result.ports is not None and result.ports[0] == result.ports[1]:
        ports = names.get((PORT, result.ports[0]), ports)
    return (result.kind, addresses, ports, result.random_port)


def form_of_test(fields: tuple[str, ...], test: Test, names: Names) -> Hashable:
    """A test with a name in place of the one value that it asks for."""
    single = single_of(fields, test)
    if single is None:
        return test
    return names.get(single, single)
