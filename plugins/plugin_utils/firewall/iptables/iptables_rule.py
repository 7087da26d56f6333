# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""One rule of iptables-save, from its words to statements. Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.ipset_match import IpSets
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.iptables_match import (
    ABSENT_HEADERS,
    FREE_TEXT,
    SINGLES,
    WHY_UNDECIDABLE,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.iptables_match_groups import (
    TOGETHER,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.iptables_option import (
    Asked,
    Condition,
    single,
    undecidable,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.iptables_target import read_target
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save_values import (
    NEVER,
    device,
    network,
    protocol,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    GOTO,
    JUMP,
    Match,
    Statement,
    Unpredictable,
    Verdict,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import OneOf, Test

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
        self._core: dict[Asked, Match] = {}
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
                    raise ValueError(f"{word[:60]!r} has no value")
                conditions.append(self._condition(Asked(word, (words[at + 1],), negated)))
                end = at + 2
            negated = False
            at = end
        return Parts((), comment)

    def _condition(self, asked: Asked) -> Match:
        """One of the options that need no -m."""
        if asked not in self._core:
            self._core[asked] = Match(*self._field_and_test(asked.option, asked.values[0]), asked.negated, asked.text)
        return self._core[asked]

    def _field_and_test(self, option: str, value: str) -> tuple[tuple[str, ...], Test]:
        if option in ("-s", "-d"):
            return (("saddr" if option == "-s" else "daddr"),), network(value, self._family)
        if option in ("-i", "-o"):
            return (("iif" if option == "-i" else "oif"),), device(value)
        if option == "-p":
            return ("protocol",), OneOf(frozenset((protocol(value),)))
        raise ValueError(f"{option[:60]!r} is no option of a rule")

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
            asked = list(_options(words, _ARGUMENTS[name]))
            if name == "set":
                return [self._sets.condition(asked, self._family, text)]
            if name in TOGETHER:
                return TOGETHER[name].conditions(asked, self._family)
            return [single(SINGLES[name][each.option], each, self._family, name) for each in asked]
        except ValueError as error:
            return [undecidable(str(error), text)]

    def _target(self, how: str, words: Sequence[str], chains: Container[str]) -> Statement | None:
        if not words:
            raise ValueError(f"{how} has no value")
        name = words[0]
        if name not in _VERDICTS and name in chains:
            return Verdict(JUMP if how == _JUMP else GOTO, name)
        if how == _GOTO:
            raise ValueError(f"-g {name[:60]!r}: the table has no such chain")
        try:
            return read_target(name, words[1:], self._family)
        except ValueError as error:
            return Unpredictable(f"{name}: {error}")


def _options(words: tuple[str, ...], arguments: dict[str, int]) -> list[Asked]:
    found: list[Asked] = []
    negated = False
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "!" and not negated:
            negated = True
            continue
        if word not in arguments or at + arguments[word] > len(words):
            raise ValueError(f"has {word[:60]!r}, which is not modelled")
        found.append(Asked(word, words[at : at + arguments[word]], negated))
        at += arguments[word]
        negated = False
    return found
