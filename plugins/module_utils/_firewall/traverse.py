# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What all rules of one hook do to a packet, in the kernel's order.

Base chains run by priority; connection tracking comes at -200 (nf_conntrack_proto.c), address translation at -100 and
100 for all nat chains together, whatever their own priorities (nf_nat_proto.c, nf_nat_register_fn).
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.flight import (
    Flight,
    Passage,
    Step,
    Surroundings,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.outcomes import (
    UNPREDICTABLE,
    conclude,
    group,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.ready_chain import ReadyChain
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import (
    ACCEPT,
    DNAT,
    INPUT,
    OUTPUT,
    POSTROUTING,
    PREROUTING,
    SNAT,
    Chain,
    RuleBook,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.tracking import track
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.translation import (
    apply_known,
    changes_source,
    is_decided,
    settle,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.values import (
    CT_ESTABLISHED,
    CT_INVALID,
    CT_RELATED,
    CT_UNTRACKED,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.walk import MARK, Walk

CONNTRACK_PRIORITY = -200
# NF_IP_PRI_NAT_DST and NF_IP_PRI_NAT_SRC.
NAT_PRIORITIES = {PREROUTING: -100, OUTPUT: -100, INPUT: 100, POSTROUTING: 100}
MOST_WAYS = 64
_ICMP = (1, 58)  # nf_nat_inet_fn: errors about a connection take its translation and ask no rule


class _Track(NamedTuple):
    """Connection tracking."""


class _Translate(NamedTuple):
    """Address translation, with the nat chains in their order."""

    chains: tuple[Chain, ...]


_Stage = Union[Chain, _Track, _Translate]


class Traverser:
    """Sends packets through the hooks of a host. Rules are compiled when the first packet comes by them."""

    def __init__(self, book: RuleBook, around: Surroundings) -> None:
        self._book = book
        self._around = around
        self._ready: dict[tuple[str, str, str, str], Optional[ReadyChain]] = {}
        self._stages: dict[tuple[str, int], list[_Stage]] = {}

    def pass_hook(self, hook: str, flight: Flight) -> list[Passage]:
        """The ways in which a packet can leave a hook; the flight itself stays as it is.

        A flight that connection tracking has not seen has no connection, or (a reply, a later packet) the one that it
        belongs to with the state CT_INVALID; it gets its state here.
        """
        flight = flight.copy()
        if flight.connection is None and flight.tracked and hook in (PREROUTING, OUTPUT):
            flight.state = CT_INVALID
        under_way = [Passage(ACCEPT, flight, (), ())]
        ended: list[Passage] = []
        for stage in self._stages_of(hook, flight.family):
            outcomes = [outcome for passage in under_way for outcome in self._behind(stage, hook, passage)]
            ended += (passage for passage in outcomes if passage.verdict != ACCEPT)
            going_on = [passage for passage in outcomes if passage.verdict == ACCEPT]
            under_way = group(going_on) if ended else conclude(going_on)
            if len(under_way) > MOST_WAYS:
                return [Passage(UNPREDICTABLE, flight, (), ("too many open conditions",))]
            if not under_way:
                break
        return conclude(under_way + ended)

    def _behind(self, stage: _Stage, hook: str, passage: Passage) -> list[Passage]:
        """A passage, and each way in which it goes on."""
        if isinstance(stage, _Track):
            track(passage.flight)
            return [passage]
        if isinstance(stage, _Translate):
            outcomes = self._translate(stage.chains, hook, passage.flight)
        else:
            outcomes = self._walk(stage, hook, passage.flight)
        return [
            outcome._replace(steps=passage.steps + outcome.steps, doubts=passage.doubts + outcome.doubts)
            for outcome in outcomes
        ]

    def _walk(self, chain: Chain, hook: str, flight: Flight) -> list[Passage]:
        ready = self._chain(chain, chain.name)
        return Walk(hook, ready, self._chain, self._around).run(flight) if ready else []

    def _translate(self, chains: tuple[Chain, ...], hook: str, flight: Flight) -> list[Passage]:
        """Ask the nat chains for the first packet of a connection, until one decides; then translate."""
        connection = flight.connection
        if connection is None or flight.state in (CT_INVALID, CT_UNTRACKED):
            return [Passage(ACCEPT, flight, (), ())]
        error = flight.state == CT_RELATED and flight.protocol in _ICMP
        if flight.state == CT_ESTABLISHED or error or is_decided(connection, hook):
            return [_translated(flight, hook)]
        under_way = [Passage(ACCEPT, flight, (), ())]
        done: list[Passage] = []
        for chain in chains:
            outcomes = [
                outcome._replace(steps=passage.steps + outcome.steps, doubts=passage.doubts + outcome.doubts)
                for passage in under_way
                for outcome in self._walk(chain, hook, passage.flight)
            ]
            under_way = [one for one in outcomes if one.verdict == ACCEPT and not _decided(one.flight, hook)]
            done += (one for one in outcomes if one.verdict != ACCEPT or _decided(one.flight, hook))
        for passage in under_way:
            if passage.flight.connection is not None:
                settle(passage.flight.connection, hook)
        return conclude(under_way + done)

    def _chain(self, near: Chain, name: str) -> Optional[ReadyChain]:
        """The chain of this name in the table of another one."""
        key = (near.backend, near.family, near.table, name)
        if key not in self._ready:
            chain = self._book.chains.get(key)
            self._ready[key] = None if chain is None else ReadyChain(chain, self._around)
        return self._ready[key]

    def _stages_of(self, hook: str, family: int) -> list[_Stage]:
        key = (hook, family)
        if key not in self._stages:
            self._stages[key] = _in_order(hook, self._book.base_chains(hook, family))
        return self._stages[key]


def _in_order(hook: str, chains: list[Chain]) -> list[_Stage]:
    stages: list[tuple[int, _Stage]] = [(chain.priority, chain) for chain in chains if chain.kind != "nat"]
    if hook in (PREROUTING, OUTPUT):
        stages.insert(0, (CONNTRACK_PRIORITY, _Track()))
    if hook in NAT_PRIORITIES:
        nat = tuple(chain for chain in chains if chain.kind == "nat")
        stages.insert(0, (NAT_PRIORITIES[hook], _Translate(nat)))
    return [stage for dummy_priority, stage in sorted(stages, key=lambda item: item[0])]


def _decided(flight: Flight, hook: str) -> bool:
    return flight.connection is not None and is_decided(flight.connection, hook)


def _translated(flight: Flight, hook: str) -> Passage:
    """What happens to a packet of a connection that is known."""
    connection = flight.connection
    if connection is None or not apply_known(flight, connection, hook):
        return Passage(ACCEPT, flight, (), ())
    action = SNAT if changes_source(hook) else DNAT
    step = Step(hook, None, None, action, flight.saddr, flight.sport, flight.daddr, flight.dport)
    return Passage(ACCEPT, flight, (step,), ())


def must_route_again(before: Flight, passage: Passage) -> bool:
    """Whether what a passage of OUTPUT changed makes the kernel look for a route again (ip_route_me_harder).

    A new destination does, and a new mark if a chain of type route set it (nf_route_table_hook4, nf_nat_local_fn).
    """
    if passage.flight.daddr != before.daddr:
        return True
    marked = any(step.action == MARK and step.chain and step.chain.kind == "route" for step in passage.steps)
    return marked and passage.flight.mark != before.mark
