# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""From a ruleset as it was read to one that can be evaluated. Pure.

The tables of iptables-nft come from two sources, since neither is enough. nft names the matches and targets of iptables
without their arguments. iptables-nft-save knows those, and prints rules that other programs made with nft's own
expressions wrongly and without a word: a set of ports is left out, a rule with a range of addresses is missing. So a
rule is taken from the JSON unless it has a part that only iptables knows; such a rule is taken from the save command's
line at the same place, if all that the JSON does say of it is in that line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.ipsets import IpSets, parse_ipsets
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save import TABLES, parse_save
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.ruleset_json import NftChain, parse_nft
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    LEGACY,
    NFT,
    AnyBit,
    Chain,
    Masked,
    Match,
    NameStarts,
    OneOf,
    Rule,
    RuleBook,
    Statement,
    Test,
    Undecidable,
)

_SPACES = frozenset(" \t\n")
# A rule that adds to or removes from a set, as iptables-save prints it.
_CHANGED_SET = re.compile(r" -j SET (?:--add-set|--del-set) (\S+)")


def read_rulebook(raw: Ruleset) -> RuleBook:
    """All chains of a host. What was not read becomes a problem of the book.

    Raises RulesetError, which names the source and the line, for text that is no ruleset.
    """
    problems = list(raw.unread)
    sets = _sets(raw)
    saved = [
        parse_save(text, source, 6 if source.startswith("ip6") else 4, _backend(source, text), sets)
        for source, text in raw.save.items()
    ]
    chains = [chain for each in saved for chain in each.chains]
    if raw.nft_json is None:
        problems += [sentence for each in saved for sentence in each.hidden.values()]
        # iptables-nft-save shows base chains that do not exist, and does not say which.
        chains = [chain for chain in chains if chain.backend == LEGACY or not _is_idle(chain)]
    else:
        shown = parse_nft(raw.nft_json, raw.needs).chains
        chains = [*_listed(raw, shown, sets), *chains]
        problems += lost_chains(chains, shown)
        legacy = [chain for chain in chains if chain.backend == LEGACY]
        chains = legacy + join_tables({chain.key: chain for chain in chains}, shown)
    return RuleBook({chain.key: chain for chain in chains}, tuple(problems))


def _listed(raw: Ruleset, shown: Sequence[NftChain], sets: IpSets) -> Iterator[Chain]:
    """Chains of iptables-nft that were read one by one, since their table could not be shown as a whole."""
    for place, text in raw.listed.items():
        family, dummy, table = place.partition(" ")
        names = [each.chain.name for each in shown if (each.chain.family, each.chain.table) == (family, table)]
        # The lines jump to chains that are not listed themselves.
        declared = "".join(f":{name} - [0:0]\n" for name in names if not set(name) & _SPACES)
        whole = f"*{table}\n{declared}{text}COMMIT\n"
        yield from parse_save(whole, f"iptables -S of {place}", 6 if family == "ip6" else 4, NFT, sets).chains


def _is_idle(chain: Chain) -> bool:
    return bool(chain.hook) and not chain.rules and chain.policy == ACCEPT


def _sets(raw: Ruleset) -> IpSets:
    changing = {name for text in (*raw.save.values(), *raw.listed.values()) for name in _CHANGED_SET.findall(text)}
    return IpSets(parse_ipsets(raw.ipsets or ""), changing, raw.ipsets_unread)


def _backend(source: str, text: str) -> str:
    """The plain names belong to one backend or the other; the first line says which."""
    if "-nft-" in source:
        return NFT
    if "-legacy-" in source:
        return LEGACY
    return NFT if "(nf_tables)" in text.partition("\n")[0] else LEGACY


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


_NO_FRAGMENT, _FRAGMENT = OneOf(frozenset((False,))), OneOf(frozenset((True,)))
_NO_DEVICE, _ANY_DEVICE = OneOf(frozenset(("INVAL/D",))), NameStarts(frozenset(("",)))


def _essence(statement: Statement) -> Statement | tuple[tuple[str, ...], Test, bool]:
    """A statement without the words in which it was written."""
    if not isinstance(statement, Match):
        return statement
    test, negated = statement.test, statement.negated
    # What both print for ``-f`` and for ``--tcp-flags ... NONE``.
    if statement.fields == ("fragment",) and test == _NO_FRAGMENT:
        return (statement.fields, _FRAGMENT, not negated)
    # Of ``! -i +`` iptables-nft makes a name that no device can have (add_iniface() in iptables/nft-shared.c).
    if test == _NO_DEVICE:
        return (statement.fields, _ANY_DEVICE, not negated)
    if isinstance(test, AnyBit) and negated:
        return (statement.fields, Masked(test.bits, 0), False)
    return (statement.fields, test, negated)
