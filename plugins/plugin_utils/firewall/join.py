# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The tables of iptables-nft from two sources: its own save command, and what nft shows of them as JSON. Pure.

Neither is enough. nft names the matches and targets of iptables without their arguments. iptables-nft-save knows those,
and prints rules that other programs made with nft's own expressions wrongly and without a word: a set of ports is left
out, a rule with a range of addresses is missing. So a rule is taken from the JSON unless it has a part that only
iptables knows; such a rule is taken from the save command's line at the same place, if all that the JSON does say of it
is in that line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save import TABLES
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.ruleset_json import NftChain
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    NFT,
    Chain,
    Match,
    Rule,
    Statement,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import (
    AnyBit,
    Masked,
    NameStarts,
    OneOf,
    Test,
    Undecidable,
)

Key = tuple[str, str, str, str]
_FAMILIES = ("ip", "ip6")
# What nft implies by the table, and iptables-save by the program.
_IMPLIED = ("family",)


def join_tables(saved: Mapping[Key, Chain], shown: Iterable[NftChain]) -> list[Chain]:
    """All chains of nftables; a base chain that only the save command shows does not exist."""
    return [_joined(saved.get(each.chain.key), each) for each in shown]


def lost_chains(saved: Iterable[Chain], shown: Iterable[NftChain]) -> list[str]:
    """Chains with rules that the save commands show and the JSON does not, one sentence each."""
    known = {each.chain.key for each in shown}
    return [
        f"chain {chain.name} of table {chain.table_name} has rules for iptables-nft-save and does not exist for nft"
        for chain in saved
        if chain.backend == NFT and chain.rules and chain.key not in known
    ]


def _joined(saved: Chain | None, shown: NftChain) -> Chain:
    chain = shown.chain
    if saved is None or chain.family not in _FAMILIES or chain.table not in TABLES:
        return chain
    # Another number of rules: some are missing in the save command's text, and no place in it can be trusted.
    if len(saved.rules) != len(chain.rules):
        return chain
    rules = tuple(
        _rule(line, rule, native, opaque=opaque)
        for line, rule, native, opaque in zip(saved.rules, chain.rules, shown.native, shown.opaque)
    )
    return replace(chain, rules=rules)


def _rule(line: Rule, rule: Rule, native: tuple[Statement, ...], *, opaque: bool) -> Rule:
    if not _agree(line.statements, native):
        return rule
    # The words are those of the program that made it.
    return replace(line if opaque else replace(rule, text=line.text, comment=line.comment), handle=rule.handle)


def _agree(line: tuple[Statement, ...], native: tuple[Statement, ...]) -> bool:
    """Whether all that nft says in its own words is in the line."""
    said = [_essence(statement) for statement in native if not _is_implied(statement)]
    if not line:
        # The line decides nothing (its target logs, say), so its conditions were not kept.
        return all(isinstance(statement, Match) for statement in native)
    known = {_essence(statement) for statement in line}
    return all(each in known for each in said)


def _is_implied(statement: Statement) -> bool:
    return isinstance(statement, Match) and (statement.fields == _IMPLIED or isinstance(statement.test, Undecidable))


def _essence(statement: Statement) -> Statement | tuple[tuple[str, ...], Test, bool]:
    """A statement without the words in which it was written."""
    if not isinstance(statement, Match):
        return statement
    test, negated = statement.test, statement.negated
    # What both print for ``-f`` and for ``--tcp-flags ... NONE``.
    if test == OneOf(frozenset((False,))) and statement.fields == ("fragment",):
        return (statement.fields, OneOf(frozenset((True,))), not negated)
    # Of ``! -i +`` iptables-nft makes a name that no device can have (add_iniface() in iptables/nft-shared.c).
    if test == OneOf(frozenset(("INVAL/D",))):
        return (statement.fields, NameStarts(frozenset(("",))), not negated)
    if isinstance(test, AnyBit) and negated:
        return (statement.fields, Masked(test.bits, 0), False)
    return (statement.fields, test, negated)
