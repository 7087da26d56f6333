# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""``nft -j list ruleset`` as chains and rules (libnftables-json(5); nft 0.9.8 to 1.1).

The text is a stranger's: what is no such document is a RulesetError that names the place, what is not understood in a
rule is undecidable or unpredictable, with its words.

Rules ask some conditions on family and protocol that nft does not print; the kernel says which.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import RuleNeed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.matches import NamedSets, Table
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.operands import operand_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.statements import (
    StatementContext,
    statements_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.text import statement_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.values import number_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    NFT,
    Chain,
    MarkMap,
    Match,
    Notrack,
    OneOf,
    Rule,
    RulesetError,
    SetMark,
    Statement,
    Unpredictable,
)

# linux/netfilter.h (NFPROTO_IPV4, NFPROTO_IPV6), linux/if_ether.h (ETH_P_IP, ETH_P_IPV6).
_NFPROTO = {2: "ipv4", 10: "ipv6"}
_ETHERTYPE = {0x0800: "ip", 0x86DD: "ip6"}
_WORDS = {"meta nfproto": _NFPROTO, "ct l3proto": _NFPROTO, "meta protocol": _ETHERTYPE}


class Needs:
    """What the kernel says that rules ask, by table and handle."""

    def __init__(self, needs: Iterable[RuleNeed] = ()) -> None:
        self._needs: dict[tuple[str, int | None], list[RuleNeed]] = {}
        for need in needs:
            self._needs.setdefault((need.table, need.handle), []).append(need)

    def unsaid(self, table: str, handle: int | None, statements: Sequence[Statement]) -> list[tuple[int, Match]]:
        """Conditions of a rule that are not among its statements, and how many changes stand before each."""
        found: list[tuple[int, Match]] = []
        for need in self._needs.get((table, handle), ()):
            for match in _matches(need):
                said = [*statements, *(each for dummy, each in found)]
                if not any(_is_as_strict(statement, match) for statement in said):
                    found.append((need.changes, match))
        return found


def with_unsaid(statements: Sequence[Statement], unsaid: Iterable[tuple[int, Match]]) -> tuple[Statement, ...]:
    """The statements with these conditions among them."""
    whole = list(statements)
    for changes, match in unsaid:
        places = [place + 1 for place, each in enumerate(whole) if isinstance(each, (SetMark, MarkMap, Notrack))]
        # What cannot be told comes instead of a change: nothing behind it counts.
        whole.insert(([0, *places, len(whole)])[min(changes, len(places) + 1)], match)
    return tuple(whole)


def _matches(need: RuleNeed) -> list[Match]:
    kind, dummy, key = need.key.partition(" ")
    operand = operand_of({kind: {"key": key}})
    if operand is None:
        return []
    word = _WORDS.get(need.key, {}).get(need.value, str(need.value))
    text = f"{need.key} {word}"
    value = number_of(operand.parts[0].datatype, word)
    return [*operand.needs, Match(operand.fields, OneOf(frozenset(() if value is None else (value,))), text=text)]


def _is_as_strict(statement: Statement, match: Match) -> bool:
    """Whether a packet that passes the statement passes the other condition, too."""
    return isinstance(statement, Match) and (statement.fields, statement.test, statement.negated) == (
        match.fields,
        match.test,
        match.negated,
    )


SOURCE = "nft -j list ruleset"

_LASTING = (("family",), ("protocol",))
"""No statement changes these: what is implied more than once (the family by two addresses) is asked once."""

_FLAGS_OF_LIVE_TABLES = ("owner", "persist")
"""The remaining one is ``dormant``; for it nft 0.9.8, which knows no other, prints whatever lies in its memory."""


@dataclass(frozen=True)
class NftChain:
    """A chain, and beside each of its rules how much of it came from the JSON alone."""

    chain: Chain
    opaque: tuple[bool, ...] = ()
    """Whether the rule has a match or a target of iptables, which the JSON only names."""
    native: tuple[tuple[Statement, ...], ...] = ()
    """The rule's statements without those."""


@dataclass(frozen=True)
class NftRuleset:
    """All chains, in the order of the document."""

    chains: tuple[NftChain, ...] = ()


@dataclass
class _Rules:
    """The rules of a chain while they are read."""

    rules: list[Rule]
    opaque: list[bool]
    native: list[tuple[Statement, ...]]


_Key = tuple[str, str, str]


def parse_nft(text: str, needs: Iterable[RuleNeed] = ()) -> NftRuleset:
    """The chains in the output of ``nft -j list ruleset``.

    :param needs: conditions that rules have for the kernel; nft leaves some of them out.
    :raises RulesetError: if the text is no JSON, or no ruleset; the message names line or entry.
    """
    entries = _entries(text)
    dormant = {
        (_word(place, body, "family"), _word(place, body, "name"))
        for place, kind, body in entries
        if kind == "table" and any(flag not in _FLAGS_OF_LIVE_TABLES for flag in _words(body.get("flags", [])))
    }
    sets = _sets(entries)
    version = _version(entries)
    of_the_kernel = Needs(needs)
    chains: dict[_Key, Chain] = {}
    found: dict[_Key, _Rules] = {}
    for place, kind, body in entries:
        if kind == "chain":
            chain = _chain(place, body)
            key = (chain.family, chain.table, chain.name)
            chains[key] = replace(chain, hook="") if key[:2] in dormant else chain
            found.setdefault(key, _Rules([], [], []))
    for place, kind, body in entries:
        if kind == "rule":
            key = (_word(place, body, "family"), _word(place, body, "table"), _word(place, body, "chain"))
            if key not in found:
                raise RulesetError(f"{SOURCE}: entry {place} is a rule of chain {' '.join(key)}, which is not there")
            _read_rule(body, Table(key[0], key[1], sets, version), of_the_kernel, found[key])
    return NftRuleset(tuple(_complete(chain, found[key]) for key, chain in chains.items()))


def _complete(chain: Chain, found: _Rules) -> NftChain:
    return NftChain(replace(chain, rules=tuple(found.rules)), tuple(found.opaque), tuple(found.native))


def _entries(text: str) -> list[tuple[int, str, dict[str, object]]]:
    """Place (from 1), kind and body of each object."""
    try:
        document = json.loads(text)
    except RecursionError:
        raise RulesetError(f"{SOURCE}: it is nested too deeply") from None
    except ValueError as error:
        raise RulesetError(f"{SOURCE}: no JSON: {error}") from None
    objects = document.get("nftables") if isinstance(document, dict) else None
    if not isinstance(objects, list):
        raise RulesetError(f'{SOURCE}: no object with a list "nftables"')
    entries = []
    for place, item in enumerate(objects, start=1):
        if not isinstance(item, dict) or len(item) != 1:
            raise RulesetError(f"{SOURCE}: entry {place} is no object with one member: {_short(item)}")
        kind, body = next(iter(item.items()))
        if not isinstance(body, dict):
            raise RulesetError(f"{SOURCE}: entry {place}: {_short(kind)} is no object but {_short(body)}")
        entries.append((place, str(kind), body))
    return entries


def _short(node: object) -> str:
    return repr(node)[:80]


def _word(place: int, body: dict[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise RulesetError(f"{SOURCE}: entry {place}: {name} is no text but {_short(value)}")
    return value


def _words(node: object) -> list[object]:
    return node if isinstance(node, list) else [node]


def _chain(place: int, body: dict[str, object]) -> Chain:
    family, table, name = (_word(place, body, key) for key in ("family", "table", "name"))
    if "hook" not in body:
        return Chain(NFT, family, table, name)
    priority = body.get("prio")
    if not isinstance(priority, int):
        raise RulesetError(f"{SOURCE}: entry {place}: prio is no number but {_short(priority)}")
    return Chain(
        NFT,
        family,
        table,
        name,
        hook=_word(place, body, "hook"),
        priority=priority,
        kind=_word(place, body, "type"),
        policy=str(body.get("policy", ACCEPT)),
        devices=tuple(str(device) for device in _words(body.get("dev", []))),
    )


def _version(entries: list[tuple[int, str, dict[str, object]]]) -> tuple[int, ...]:
    """The version of nft that the document names, empty for none."""
    named = [str(body.get("version", "")) for dummy, kind, body in entries if kind == "metainfo"]
    return tuple(int(part) for part in re.findall(r"\d{1,9}", named[0])) if named else ()


def _sets(entries: list[tuple[int, str, dict[str, object]]]) -> NamedSets:
    expressions = [
        (str(body.get("family")), str(body.get("table")), body.get("expr"))
        for dummy, kind, body in entries
        if kind == "rule"
    ]
    sets = NamedSets(expressions)
    for place, kind, body in entries:
        if kind in ("set", "map"):
            family, table, name = (_word(place, body, key) for key in ("family", "table", "name"))
            sets.add(family, table, name, _words(body.get("elem", [])))
    return sets


def _read_rule(body: dict[str, object], table: Table, needs: Needs, into: _Rules) -> None:
    nodes = body.get("expr", [])
    nodes = nodes if isinstance(nodes, list) else [nodes]
    comment = str(body.get("comment", ""))
    number = body.get("handle")
    handle = number if isinstance(number, int) else None
    into.opaque.append(any(isinstance(node, dict) and "xt" in node for node in nodes))
    text, statements, native = _read_statements(nodes, comment, table)
    unsaid = needs.unsaid(f"{table.family} {table.name}", handle, statements)
    if unsaid:
        statements = with_unsaid(statements, unsaid)
        text = f"{text} (and {', '.join(match.text for dummy, match in unsaid)})"
    into.native.append(native)
    into.rules.append(
        Rule(
            number=len(into.rules) + 1,
            statements=statements,
            text=text,
            handle=handle,
            comment=comment,
        )
    )


def _read_statements(
    nodes: list[object], comment: str, table: Table
) -> tuple[str, tuple[Statement, ...], tuple[Statement, ...]]:
    """The rule in words, all its statements, and those that come from nft's own expressions."""
    statements: list[Statement] = []
    native: list[Statement] = []
    asked: set[Match] = set()
    try:
        words = [statement_text(node) for node in nodes]
        for place, node in enumerate(nodes):
            for statement in statements_of(node, StatementContext(table, words[place], place == len(nodes) - 1)):
                if isinstance(statement, Match) and statement.fields in _LASTING:
                    if statement in asked:
                        continue
                    asked.add(statement)
                statements.append(statement)
                if not (isinstance(node, dict) and "xt" in node):
                    native.append(statement)
    except RecursionError:
        return "(nested too deeply)", (Unpredictable("it is nested too deeply"),), ()
    if comment:
        words.append(f'comment "{comment}"')
    return " ".join(words), tuple(statements), tuple(native)
