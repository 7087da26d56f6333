# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""One chain, ready to be run."""

from __future__ import annotations

from typing import Callable, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.flight import Flight, Surroundings
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.program import Program, compile_rule
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import Chain


class ReadyChain:
    """A chain whose rules are compiled."""

    __slots__ = ("_programs", "chain")

    def __init__(self, chain: Chain, around: Surroundings) -> None:
        self.chain = chain
        compiled = (compile_rule(rule, around) for rule in chain.rules)
        self._programs = tuple(program for program in compiled if program is not None)

    def programs_for(self, dummy_flight: Flight) -> tuple[Program, ...]:
        """The rules that can concern a packet, in order."""
        return self._programs


FindChain = Callable[[Chain, str], Optional[ReadyChain]]
"""Finds the chain that a rule of another one jumps to, by name."""
