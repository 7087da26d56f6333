# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The output of iptables-save and ip6tables-save, of both backends, as chains of rules. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.ipsets import IpSets
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.matches import (
    ABSENT_HEADERS,
    FREE_TEXT,
    SINGLES,
    TOGETHER,
    WHY_UNDECIDABLE,
    Condition,
    GivenOption,
    single,
    undecidable,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save_format import (
    NEVER,
    OpenQuoteError,
    device,
    logical_lines,
    network,
    protocol,
    quoted,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.targets import read_target
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    DROP,
    FORWARD,
    GOTO,
    INPUT,
    JUMP,
    OUTPUT,
    POSTROUTING,
    PREROUTING,
    Chain,
    Match,
    OneOf,
    Rule,
    RulesetError,
    Statement,
    Test,
    Unpredictable,
    Verdict,
)

_MATCH, _JUMP, _GOTO = "-m", "-j", "-g"
_ENDS = (_MATCH, _JUMP, _GOTO)
# Verdicts of the kernel itself: no chain can take such a name.
_VERDICTS = ("ACCEPT", "DROP", "RETURN", "QUEUE")

_ARGUMENTS: dict[str, dict[str, int]] = {
    **{name: {option: each.arguments for option, each in options.items()} for name, options in SINGLES.items()},
    **{name: together.arguments for name, together in TOGETHER.items()},
    "comment": {"--comment": 1},
    "set": {"--match-set": 2, "--return-nomatch": 0, "--update-counters": 0, "--update-subcounters": 0},
}


class Parts(NamedTuple):
    """What a rule says."""

    statements: tuple[Statement, ...]
    comment: str


class RuleReader:
    """Reads rules of one family. What was read once is taken from there when it comes again."""

    def __init__(self, family: int, sets: IpSets) -> None:
        self._family = family
        self._sets = sets
        self._core: dict[GivenOption, Match] = {}
        self._groups: dict[tuple[str, ...], list[Condition]] = {}

    def read(self, words: Sequence[str], chains: Container[str]) -> Parts:
        """The statements of a rule from its words after ``-A CHAIN``; jumps are to those chains.

        Raises ValueError with what is wrong.
        """
        conditions: list[Statement] = []
        comment = ""
        negated = False
        at = 0
        while at < len(words):
            word = words[at]
            if word == "!":
                negated = True
                at += 1
                continue
            if word in (_JUMP, _GOTO):
                target = self._target(word, words[at + 1 :], chains)
                # A rule that decides and changes nothing has no statements.
                return Parts((*conditions, target) if target is not None else (), comment)
            if word == _MATCH:
                end = self._end_of_match(words, at + 1)
                group = tuple(words[at + 1 : end])
                if group[:2] == ("comment", "--comment"):
                    comment = group[2] if len(group) > 2 else ""
                else:
                    conditions += self._match(group)
            elif word == "-f":
                conditions.append(Match(("fragment",), OneOf(frozenset((True,))), negated, "! -f" if negated else "-f"))
                end = at + 1
            else:
                if at + 1 == len(words):
                    raise ValueError(f"{quoted(word)} has no value")
                conditions.append(self._condition(GivenOption(word, (words[at + 1],), negated)))
                end = at + 2
            negated = False
            at = end
        return Parts((), comment)

    def _condition(self, given: GivenOption) -> Match:
        """One of the options that need no -m."""
        if given not in self._core:
            self._core[given] = Match(*self._field_and_test(given.option, given.values[0]), given.negated, given.text)
        return self._core[given]

    def _field_and_test(self, option: str, value: str) -> tuple[tuple[str, ...], Test]:
        if option in ("-s", "-d"):
            return (("saddr" if option == "-s" else "daddr"),), network(value, self._family)
        if option in ("-i", "-o"):
            return (("iif" if option == "-i" else "oif"),), device(value)
        if option == "-p":
            return ("protocol",), OneOf(frozenset((protocol(value),)))
        raise ValueError(f"{quoted(option)} is no option of a rule")

    @staticmethod
    def _end_of_match(words: Sequence[str], at: int) -> int:
        """Where the next match or the target begins; a value can look like one (``--comment -j``)."""
        if at == len(words):
            raise ValueError("-m has no name")
        arguments = _ARGUMENTS.get(words[at], {})
        at += 1
        while at < len(words) and words[at] not in _ENDS:
            at += 1 + (arguments[words[at]] if words[at] in arguments else words[at] in FREE_TEXT)
        return min(at, len(words))

    def _match(self, group: tuple[str, ...]) -> list[Condition]:
        if group not in self._groups:
            self._groups[group] = self._read_match(group[0], group[1:])
        return self._groups[group]

    def _read_match(self, name: str, words: tuple[str, ...]) -> list[Condition]:
        text = " ".join(("-m", name, *words))
        if name in ABSENT_HEADERS:
            return [Match(("protocol",), NEVER, text=text)]
        if name not in _ARGUMENTS:
            return [undecidable(WHY_UNDECIDABLE.get(name, "is a match that is not modelled"), text)]
        try:
            given = list(_options(words, _ARGUMENTS[name]))
            if name == "set":
                return [self._sets.condition(given, self._family, text)]
            if name in TOGETHER:
                return TOGETHER[name].conditions(given, self._family)
            return [single(SINGLES[name][each.option], each, self._family, name) for each in given]
        except ValueError as error:
            return [undecidable(str(error), text)]

    def _target(self, how: str, words: Sequence[str], chains: Container[str]) -> Statement | None:
        if not words:
            raise ValueError(f"{how} has no value")
        name = words[0]
        if name not in _VERDICTS and name in chains:
            return Verdict(JUMP if how == _JUMP else GOTO, name)
        if how == _GOTO:
            raise ValueError(f"-g {quoted(name)}: the table has no such chain")
        try:
            return read_target(name, words[1:], self._family)
        except ValueError as error:
            return Unpredictable(f"{name}: {error}")


def _options(words: tuple[str, ...], arguments: dict[str, int]) -> list[GivenOption]:
    found: list[GivenOption] = []
    negated = False
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "!" and not negated:
            negated = True
            continue
        if word not in arguments or at + arguments[word] > len(words):
            raise ValueError(f"has {quoted(word)}, which is not modelled")
        found.append(GivenOption(word, words[at : at + arguments[word]], negated))
        at += arguments[word]
        negated = False
    return found


# Hook, priority and kind of the chains that iptables has in each table: enum nf_ip_hook_priorities of
# linux/netfilter_ipv4.h; the kinds of xtables_ipv4[] in iptables/nft.c.
_BASE: dict[str, dict[str, tuple[str, int, str]]] = {
    "raw": {"PREROUTING": (PREROUTING, -300, "filter"), "OUTPUT": (OUTPUT, -300, "filter")},
    "mangle": {
        "PREROUTING": (PREROUTING, -150, "filter"),
        "INPUT": (INPUT, -150, "filter"),
        "FORWARD": (FORWARD, -150, "filter"),
        "OUTPUT": (OUTPUT, -150, "route"),
        "POSTROUTING": (POSTROUTING, -150, "filter"),
    },
    "nat": {
        "PREROUTING": (PREROUTING, -100, "nat"),
        "INPUT": (INPUT, 100, "nat"),
        "OUTPUT": (OUTPUT, -100, "nat"),
        "POSTROUTING": (POSTROUTING, 100, "nat"),
    },
    "filter": {
        "INPUT": (INPUT, 0, "filter"),
        "FORWARD": (FORWARD, 0, "filter"),
        "OUTPUT": (OUTPUT, 0, "filter"),
    },
    "security": {
        "INPUT": (INPUT, 50, "filter"),
        "FORWARD": (FORWARD, 50, "filter"),
        "OUTPUT": (OUTPUT, 50, "filter"),
    },
}
TABLES = frozenset(_BASE)

# What iptables-nft-save says where it cannot show everything (xtables-save.c, nft.c).
_INCOMPATIBLE = re.compile(r"# Table `(?P<table>[^']*)' (?:is incompatible|contains incompatible)")
# Lines of ``iptables -S`` that say of a chain no more than that it is there.
_LISTED = ("-N", "-P")
_POLICIES = {"ACCEPT": ACCEPT, "DROP": DROP}


@dataclass(frozen=True)
class Saved:
    """What a save command showed."""

    chains: tuple[Chain, ...]
    hidden: dict[str, str] = field(default_factory=dict)
    """Tables of which it did not show everything, each with a sentence that says so."""


@dataclass
class _OpenTable:
    name: str
    policies: dict[str, str] = field(default_factory=dict)
    """Of each chain, in the order of their lines; empty for chains that are only jumped to."""
    rules: dict[str, list[Rule]] = field(default_factory=dict)


def parse_save(text: str, source: str, family: int, backend: str, sets: IpSets) -> Saved:
    """Parse what a save command printed; ``family`` is 4 or 6, ``source`` the command's name for messages.

    Raises RulesetError, which names source and line, for what is no output of it.
    """
    reader = _SaveReader(family, backend, sets)
    number = 0
    try:
        for at, line, words in logical_lines(text):
            number = at
            reader.read(line, words)
        reader.end()
    except OpenQuoteError as error:
        raise RulesetError(f"{source}, {error}") from error
    except ValueError as error:
        raise RulesetError(f"{source}, line {number}: {error}") from error
    hidden = {table: f"{source} cannot show all of it: {line}" for table, line in reader.hidden.items()}
    return Saved(tuple(reader.chains), hidden)


class _SaveReader:
    """Takes line by line."""

    def __init__(self, family: int, backend: str, sets: IpSets) -> None:
        self.chains: list[Chain] = []
        self.hidden: dict[str, str] = {}
        self._family = family
        self._backend = backend
        self._rules = RuleReader(family, sets)
        self._table: _OpenTable | None = None

    def read(self, line: str, words: list[str]) -> None:
        """Take a line and its words. Raises ValueError with what is wrong with it."""
        first = words[0][0] if words[0] else ""
        if first == "#":
            incompatible = _INCOMPATIBLE.match(line)
            if incompatible:
                self.hidden[incompatible.group("table")] = line[2:].rstrip()
        elif first == "*":
            self._open(" ".join(words)[1:])
        elif self._table is None:
            raise ValueError(f"{quoted(line)} stands in no table")
        elif first == ":":
            _add_chain(self._table, words)
        elif words[0] == "COMMIT":
            self.chains += _chains(self._table, self._family, self._backend)
            self._table = None
        elif words[0] not in _LISTED:
            _add_rule(self._table, line, words, self._rules)

    def end(self) -> None:
        """Say that no line follows. Raises ValueError when one is missing."""
        if self._table is not None:
            raise ValueError(f"the text ends within table {self._table.name}, without COMMIT")

    def _open(self, name: str) -> None:
        if self._table is not None:
            raise ValueError(f"table {self._table.name} has no COMMIT before {quoted(name)}")
        if name not in _BASE:
            raise ValueError(f"{quoted(name)} is none of the tables {', '.join(_BASE)}")
        self._table = _OpenTable(name)


def _add_chain(table: _OpenTable, words: list[str]) -> None:
    name = words[0][1:]
    policy = words[1] if len(words) > 1 else ""
    if not name or policy not in ("-", *_POLICIES):
        raise ValueError(f"{quoted(' '.join(words))} is no chain with policy ACCEPT, DROP or -")
    if policy != "-" and name not in _BASE[table.name]:
        raise ValueError(f"chain {quoted(name)} has a policy, and table {table.name} has no such base chain")
    table.policies[name] = _POLICIES.get(policy, "")
    table.rules.setdefault(name, [])


def _add_rule(table: _OpenTable, line: str, words: list[str], reader: RuleReader) -> None:
    if words[0].startswith("["):
        line = line.partition("] ")[2]
        words = words[1:]
    if len(words) < 2 or words[0] != "-A":
        raise ValueError(f"{quoted(line)} is neither a chain nor a rule")
    rules = table.rules.get(words[1])
    if rules is None:
        raise ValueError(f"table {table.name} has no chain {quoted(words[1])}")
    statements, comment = reader.read(words[2:], table.rules)
    rules.append(Rule(len(rules) + 1, statements, line, comment=comment))


def _chains(table: _OpenTable, family: int, backend: str) -> list[Chain]:
    chains: list[Chain] = []
    for name, rules in table.rules.items():
        policy = table.policies[name]
        hook, priority, kind = _BASE[table.name][name] if policy else ("", 0, "")
        chains.append(
            Chain(
                backend,
                "ip" if family == 4 else "ip6",
                table.name,
                name,
                tuple(rules),
                hook,
                priority,
                kind,
                policy or ACCEPT,
            )
        )
    return chains
