# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A chain whose rules are compiled and indexed."""

from __future__ import annotations

from typing import Callable, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.flight import Surroundings
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.program import compile_rule
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rule_index import rule_index
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import Chain


class ReadyChain:
    """A chain, and the function that finds its rules for a packet."""

    __slots__ = ("chain", "programs_for")

    def __init__(self, chain: Chain, around: Surroundings) -> None:
        self.chain = chain
        compiled = (compile_rule(place, rule, around) for place, rule in enumerate(chain.rules))
        self.programs_for = rule_index(tuple(program for program in compiled if program is not None))


FindChain = Callable[[Chain, str], Optional[ReadyChain]]
"""Finds the chain that a rule of another one jumps to, by name."""
