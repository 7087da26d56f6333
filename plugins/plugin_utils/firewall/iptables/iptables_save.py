# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The output of iptables-save and ip6tables-save, of both backends, as chains. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.ipset_match import IpSets
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.iptables_rule import RuleReader
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save_words import (
    OpenQuoteError,
    logical_lines,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    DROP,
    FORWARD,
    INPUT,
    OUTPUT,
    POSTROUTING,
    PREROUTING,
    Chain,
    Rule,
    RulesetError,
)

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
        self._table: Optional[_OpenTable] = None

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
            raise ValueError(f"{line[:60]!r} stands in no table")
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
            raise ValueError(f"table {self._table.name} has no COMMIT before {name[:60]!r}")
        if name not in _BASE:
            raise ValueError(f"{name[:60]!r} is none of the tables {', '.join(_BASE)}")
        self._table = _OpenTable(name)


def _add_chain(table: _OpenTable, words: list[str]) -> None:
    name = words[0][1:]
    policy = words[1] if len(words) > 1 else ""
    if not name or policy not in ("-", *_POLICIES):
        raise ValueError(f"{' '.join(words)[:60]!r} is no chain with policy ACCEPT, DROP or -")
    if policy != "-" and name not in _BASE[table.name]:
        raise ValueError(f"chain {name[:60]!r} has a policy, and table {table.name} has no such base chain")
    table.policies[name] = _POLICIES.get(policy, "")
    table.rules.setdefault(name, [])


def _add_rule(table: _OpenTable, line: str, words: list[str], reader: RuleReader) -> None:
    if words[0].startswith("["):
        line = line.partition("] ")[2]
        words = words[1:]
    if len(words) < 2 or words[0] != "-A":
        raise ValueError(f"{line[:60]!r} is neither a chain nor a rule")
    rules = table.rules.get(words[1])
    if rules is None:
        raise ValueError(f"table {table.name} has no chain {words[1][:60]!r}")
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
