# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Chains whose rules are compiled and indexed, made when the first packet comes by them."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.program import Compiler
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.rule_index import rule_index
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import Chain


class ReadyChain:
    """A chain, the function that finds its rules for a packet, and the table that its jumps lead into."""

    __slots__ = ("chain", "programs_for", "table")

    def __init__(self, chain: Chain, table: ReadyTable, compiler: Compiler) -> None:
        self.chain = chain
        self.table = table
        compiled = (compiler.rule(place, rule) for place, rule in enumerate(chain.rules))
        self.programs_for = rule_index(tuple(program for program in compiled if program is not None))


class ReadyTable:
    """The chains of a table by name."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._chains: dict[str, Chain] = {}
        self._ready: dict[str, ReadyChain] = {}

    def add(self, chain: Chain) -> None:
        """Take in a chain as it was parsed."""
        self._chains[chain.name] = chain

    def find(self, name: str) -> Optional[ReadyChain]:
        """The chain of that name, None if there is none."""
        ready = self._ready.get(name)
        if ready is None and name in self._chains:
            ready = self._ready[name] = ReadyChain(self._chains[name], self, self._compiler)
        return ready
