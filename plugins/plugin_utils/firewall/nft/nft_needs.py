# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Conditions on family and protocol that a rule has for the kernel, and that nft does not print. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import RuleNeed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_operand import operand_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_value import number_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    MarkMap,
    Match,
    Notrack,
    SetMark,
    Statement,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import OneOf

# linux/netfilter.h (NFPROTO_IPV4, NFPROTO_IPV6), linux/if_ether.h (ETH_P_IP, ETH_P_IPV6).
_NFPROTO = {2: "ipv4", 10: "ipv6"}
_ETHERTYPE = {0x0800: "ip", 0x86DD: "ip6"}
_WORDS = {"meta nfproto": _NFPROTO, "ct l3proto": _NFPROTO, "meta protocol": _ETHERTYPE}


class Needs:
    """What the kernel says that rules ask, by table and handle."""

    def __init__(self, needs: Iterable[RuleNeed] = ()) -> None:
        self._needs: dict[tuple[str, Optional[int]], list[RuleNeed]] = {}
        for need in needs:
            self._needs.setdefault((need.table, need.handle), []).append(need)

    def unsaid(self, table: str, handle: Optional[int], statements: Sequence[Statement]) -> list[tuple[int, Match]]:
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
