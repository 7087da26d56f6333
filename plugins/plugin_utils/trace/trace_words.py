# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A trace in words: its rules, and where it ends. Nothing is made safe for terminals yet."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    DROPPED_BY_RULE,
    DRY,
    LEFT,
    LOST,
    NOT_SEEN,
    TO_HOST,
    KernelTrace,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import PathStep
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.traced_steps import TracedStep

_ENDS = {
    LEFT: "the packet left the rules of the host by {device}",
    TO_HOST: "the packet reached the host's own sockets",
    DROPPED_BY_RULE: "a rule dropped the packet",
    LOST: "the packet was lost between two hooks, and no rule dropped it",
    NOT_SEEN: "no rule of the host saw the packet",
}


def rule_words(step: PathStep) -> str:
    """The rule or policy of a step with its verdict."""
    where = f"{step.table} {step.chain}"
    if step.number is None and step.handle is None:
        return f"the policy of {where} ({step.action})"
    number = f"rule {step.number}" if step.number is not None else f"the rule with handle {step.handle}"
    text = f": {step.rule}" if step.rule else ""
    return f"{number} of {where} ({step.action}){text}"


def end_in_words(trace: KernelTrace) -> str:
    """Where a trace ends, as half a sentence about the packet; end_of_trace() names addresses and the rule, too."""
    device = trace.end_device or "a device"
    return _ENDS.get(trace.end, trace.end).format(device=device)


def end_of_trace(trace: KernelTrace, traced: Sequence[TracedStep]) -> str:
    """Where a trace ends, as words that follow on "in the kernel"."""
    dropping = [item.step for item in traced if item.step.action in ("drop", "reject")]
    last = dropping[-1] if dropping else traced[-1].step if traced else None
    addresses = f"{trace.end_source} > {trace.end_destination}" if trace.end_destination else ""
    as_what = f" as {addresses}" if addresses else ""
    if trace.end == LEFT:
        verb = "would leave" if trace.mode == DRY else "leaves"
        return f"it {verb} by {trace.end_device or 'a device'}{as_what}"
    if trace.end == TO_HOST:
        return f"it comes to a socket of the host{as_what}"
    if trace.end == DROPPED_BY_RULE:
        return "a rule drops it" if last is None else f"it is dropped by {rule_words(last)}"
    if trace.end == LOST:
        where = "" if last is None else f" after {last.place}"
        return f"it is lost{where}, and no rule drops it"
    return "no rule sees it"
