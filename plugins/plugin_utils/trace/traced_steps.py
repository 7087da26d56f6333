# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the kernel said of a packet, as the steps of a path: each event joined with the rule that was read. Pure.

nftables names a rule by its handle (nf_tables_trace.c). iptables-legacy names it by its place in the chain; that of a
policy is one behind the last rule, and so is the end of a chain that is only jumped to (get_chainname_rulenum() of
ip_tables.c, which says the same words of a rule without conditions).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    DROPPED_BY_RULE,
    LOST,
    KernelTrace,
    TraceEvent,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import REQUEST, PathStep
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    CONTINUE,
    DNAT,
    DROP,
    LEGACY,
    NETMAP,
    REJECT,
    SNAT,
    Chain,
    MarkMap,
    Nat,
    NatMap,
    Notrack,
    Rule,
    RuleBook,
    SetMark,
    Unpredictable,
    Verdict,
)

POLICY = "policy"
"""Kind of an event."""
_MARK, _NOTRACK = "mark", "notrack"
_SOURCE_HOOKS = ("input", "postrouting")
"""Where nat chains translate the source."""


@dataclass(frozen=True)
class TracedStep:
    """One event, and what it is about."""

    step: PathStep
    """Its addresses are those after it, as of any step."""
    event: int
    """Index of the event in the trace."""
    is_known: bool = True
    """Whether what was read has the chain and the rule."""


class RuleIndex:
    """The rules that were read, by what the kernel calls them."""

    def __init__(self, book: RuleBook, generation: int | None = None) -> None:
        """Take all chains of a host, and the generation of its ruleset of nftables, where it is known."""
        self.generation = generation
        self._chains = {(chain.table_name, chain.name): chain for chain in book.chains.values()}
        self._rules = {
            (chain.table_name, chain.name, rule.handle): rule
            for chain in book.chains.values()
            for rule in chain.rules
            if rule.handle is not None
        }
        # Without nft itself there is the text of iptables-nft-save, which has no handles.
        self.has_handles = bool(self._rules) or not any(
            chain.rules for chain in book.chains.values() if chain.backend != LEGACY
        )
        """Whether rules of nftables can be told by what the kernel calls them."""

    @classmethod
    def of(cls, view: HostView) -> RuleIndex:
        """Take the rules of a host that was read."""
        ruleset = view.snapshot.ruleset
        return cls(view.book, ruleset.generation if ruleset is not None else None)

    def chain(self, table: str, name: str) -> Chain | None:
        """The chain of a step or an event; None for one that was not read."""
        return self._chains.get((table, name))

    def rule(self, event: TraceEvent) -> Rule | None:
        """The rule of an event; None where it is a chain's policy or end, or was not read."""
        if event.handle is not None:
            return self._rules.get((event.table, event.chain, event.handle))
        chain = self.chain(event.table, event.chain)
        if chain is None or event.number is None or not 0 < event.number <= len(chain.rules):
            return None
        return chain.rules[event.number - 1]

    def rule_of(self, step: PathStep) -> Rule | None:
        """The rule of a step; None for what is none."""
        chain = self.chain(step.table, step.chain)
        if chain is None or step.number is None or not 0 < step.number <= len(chain.rules):
            return None
        return chain.rules[step.number - 1]

    def knows(self, event: TraceEvent) -> bool:
        """Whether what was read has the chain of an event, and its rule, as far as rules have handles."""
        chain = self.chain(event.table, event.chain)
        if chain is None:
            return False
        if event.backend == LEGACY:
            return event.number is None or event.number <= len(chain.rules) + 1
        return event.kind == POLICY or not self.has_handles or self.rule(event) is not None


def traced_steps(trace: KernelTrace, index: RuleIndex) -> list[TracedStep]:
    """The events of a trace as steps, in their order, without those of the ends of chains that are only jumped to."""
    found: list[TracedStep] = []
    before: dict[str, TraceEvent] = {}
    for place, event in enumerate(trace.events):
        full = _completed(event, before.get(event.leg), index)
        before[event.leg] = full
        if not _is_end_of_chain(full, index):
            found.append(TracedStep(_step(full, index), place, index.knows(full)))
    return _with_addresses_after(found)


def settled(trace: KernelTrace, steps: Sequence[TracedStep]) -> KernelTrace:
    """The trace with the end that its rules have: of those of iptables-legacy the kernel does not say what they did."""
    dropped = any(item.step.leg == REQUEST and item.step.action in (DROP, REJECT) for item in steps)
    return replace(trace, end=DROPPED_BY_RULE) if dropped and trace.end == LOST else trace


def is_legacy(step: PathStep) -> bool:
    """Whether a step is one of iptables-legacy."""
    return step.table.startswith(f"{LEGACY} ")


def _completed(event: TraceEvent, before: TraceEvent | None, index: RuleIndex) -> TraceEvent:
    """The event with what the kernel says but once for all rules of a base chain that a packet meets."""
    chain = index.chain(event.table, event.chain)
    hook = event.hook or (chain.hook if chain is not None else "") or (before.hook if before is not None else "")
    if before is None or event.source or hook != before.hook:
        return replace(event, hook=hook)
    return replace(
        event,
        hook=hook,
        source=before.source,
        destination=before.destination,
        incoming=event.incoming or before.incoming,
        outgoing=event.outgoing or before.outgoing,
    )


def _is_end_of_chain(event: TraceEvent, index: RuleIndex) -> bool:
    """Whether it only says that a chain which is jumped to has no more rules."""
    if event.backend != LEGACY:
        return event.kind != POLICY and event.handle is None
    chain = index.chain(event.table, event.chain)
    return chain is not None and not chain.hook and event.number == len(chain.rules) + 1


def _step(event: TraceEvent, index: RuleIndex) -> PathStep:
    rule, chain = index.rule(event), index.chain(event.table, event.chain)
    if rule is None and event.backend == LEGACY and chain is not None:
        action = chain.policy
    else:
        action = event.verdict if rule is None else _action(event, rule)
    return PathStep(
        event.leg,
        event.hook,
        action,
        event.source,
        event.destination,
        event.incoming,
        event.outgoing,
        event.table,
        event.chain,
        rule.text if rule is not None else "",
        rule.number if rule is not None else None,
        event.handle,
        "" if rule is not None or event.handle is None else f"rule with handle {event.handle}",
        rule.fields if rule is not None else (),
    )


def _action(event: TraceEvent, rule: Rule) -> str:
    """What a rule did, in the words of PathStep: the kernel says no more than accept, drop or continue."""
    verdict = event.verdict or _verdict(rule)
    last = rule.statements[-1] if rule.statements else None
    if verdict == ACCEPT and isinstance(last, Nat | NatMap):
        if last.kind != NETMAP:
            return last.kind
        return SNAT if event.hook in _SOURCE_HOOKS else DNAT
    if verdict == DROP and isinstance(last, Verdict) and last.kind == REJECT:
        return REJECT
    if verdict == CONTINUE:
        return next((word for kind, word in _CHANGES.items() if _has(rule, kind)), CONTINUE)
    return verdict


_CHANGES: dict[type, str] = {SetMark: _MARK, MarkMap: _MARK, Notrack: _NOTRACK}


def _has(rule: Rule, kind: type) -> bool:
    """Whether a statement of that kind is in a rule."""
    return any(isinstance(statement, kind) for statement in rule.statements)


def _verdict(rule: Rule) -> str:
    """That of a rule of iptables-legacy, which has one target; empty where it cannot be told."""
    last = rule.statements[-1] if rule.statements else None
    if isinstance(last, Verdict):
        return DROP if last.kind == REJECT else last.kind
    if isinstance(last, Nat | NatMap):
        return ACCEPT
    return "" if isinstance(last, Unpredictable) else CONTINUE


def _with_addresses_after(steps: Sequence[TracedStep]) -> list[TracedStep]:
    """An event has the addresses that its rule saw; a step has those after it, which the next event of the leg has."""
    found: list[TracedStep] = []
    after: dict[str, PathStep] = {}
    for traced in reversed(steps):
        step = traced.step
        later = after.get(step.leg)
        after[step.leg] = step
        if later is not None and later.source:
            step = replace(step, source=later.source, destination=later.destination)
        found.append(replace(traced, step=step))
    return found[::-1]
