# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel would say of a packet that takes a path, as its own code says it: see nf_tables_trace.c."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    DROPPED_BY_RULE,
    DRY,
    FROM_SOCKET,
    LEFT,
    TO_HOST,
    KernelTrace,
    TraceEvent,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import REQUEST, Path, PathStep

_VERDICTS = {"dnat": "accept", "snat": "accept", "masquerade": "accept", "redirect": "accept", "reject": "drop"}
_VERDICTS |= {"mark": "continue", "notrack": "continue"}


def event_of(step: PathStep, before: PathStep) -> TraceEvent:
    """The event of a step in a chain; before: the step before it, whose addresses the rule saw."""
    legacy = step.table.startswith("legacy ")
    is_rule = step.number is not None
    verdict = _VERDICTS.get(step.action, step.action)
    return TraceEvent(
        leg=step.leg,
        backend="legacy" if legacy else "nft",
        hook=step.place,
        table=step.table,
        chain=step.chain,
        kind="rule" if is_rule else "policy",
        verdict="" if legacy else verdict,
        handle=None if legacy or not is_rule else step.handle or 1000 + (step.number or 0),
        number=step.number if legacy else None,
        source=before.source,
        destination=before.destination,
        incoming=step.incoming,
        outgoing=step.outgoing,
    )


def events_of(path: Path, legs: Sequence[str] = (REQUEST,)) -> list[TraceEvent]:
    """The events of the legs of a path, the first packet of each."""
    return [event for leg in legs for event in _of_leg(path, leg)]


def _of_leg(path: Path, leg: str) -> Iterator[TraceEvent]:
    steps = [step for step in path.steps if step.leg == leg]
    for place, step in enumerate(steps):
        if step.chain:
            yield event_of(step, steps[max(place - 1, 0)])


def trace_of(path: Path, events: Sequence[TraceEvent] | None = None, end: str = "", mode: str = DRY) -> KernelTrace:
    """A trace with these events (all of the request, by default) that ends where the path does."""
    found = events_of(path) if events is None else list(events)
    steps = [step for step in path.steps if step.leg == REQUEST]
    last = steps[-1] if steps else None
    if not end:
        dropped = found and found[-1].verdict == "drop"
        end = DROPPED_BY_RULE if dropped else LEFT if last is not None and last.outgoing else TO_HOST
    return KernelTrace(
        mode,
        FROM_SOCKET,
        end,
        complete=True,
        events=found,
        end_source=last.source if last is not None else "",
        end_destination=last.destination if last is not None else "",
        end_device=last.outgoing if last is not None and end == LEFT else "",
    )
