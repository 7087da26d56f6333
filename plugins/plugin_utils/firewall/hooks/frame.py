# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Places within the rules of a base chain, where a packet goes on or where its way splits."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Passage, Step
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.program import Program
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.ready_chain import ReadyChain
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import Chain


class Frame(NamedTuple):
    """Where to go on."""

    ready: ReadyChain
    programs: tuple[Program, ...]
    place: int
    """Of the next one."""
    caller: Optional[Frame]
    """Where to go on after the last of them."""
    outer: Optional[Frame]
    """Where ``return`` leads; another place than ``caller`` only in the rest of a rule."""
    depth: int


class Fork(NamedTuple):
    """A rule that cannot be decided."""

    key: tuple[object, ...]
    """The place and the packet."""
    here: Frame
    """Kept for the key: as long as it lives, nothing else has the ids of its rules."""
    doubt: str
    steps: tuple[Step, ...]
    """What happened since the fork before."""
    taken: list[Passage]
    """What comes out if its conditions hold."""


def rest_of(here: Frame, program: Program) -> Frame:
    """Where a rule goes on that has not decided."""
    return Frame(here.ready, program.rest, 0, here, here.outer, here.depth) if program.rest else here


def frame_key(frame: Optional[Frame]) -> tuple[int, ...]:
    """The same for the same place as long as the rules are kept."""
    key: list[int] = []
    while frame is not None:
        key += (id(frame.programs), frame.place)
        frame = frame.caller
    return tuple(key)


def chain_name(chain: Chain) -> str:
    """Table and name for people."""
    return f"{chain.table_name} {chain.name}"


def where(here: Frame, program: Program) -> str:
    """A rule for people: its place and its text."""
    return f"rule {program.rule.number} of {chain_name(here.ready.chain)}: {program.rule.text}"
