# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A diagnosis as one HTML page that needs nothing else, and as Markdown for tickets and chats.

Everything in it can be a stranger's: the page's template escapes each value, and has no script; Markdown has its own
characters escaped.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import KernelTrace, TraceEvent
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import UNKNOWN
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import FAULT, NO_FAULT, Diagnosis
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis_text import (
    asked_in_words,
    remediation_in_words,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import ending_of, rows_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.diagnosis_screen import (
    Report,
    evidence_label,
    kernel_in_words,
    layer_in_words,
    probe_in_words,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.markdown import escaped

_VERDICTS = {FAULT: "fault", NO_FAULT: "no fault found"}
_DECIDES = "=>"


@dataclass(frozen=True)
class Hop:
    """One device or machine of a leg."""

    name: str
    note: str = ""
    """What is done to addresses there."""
    ends: bool = False
    """Whether the packet ends here."""


def hops_in(text: str) -> list[Hop]:
    """The devices of a leg as path_text.HopWriter writes them."""
    found = []
    for part in text.split(" -> "):
        name, bracket, note = part.partition(" (")
        ends = part.startswith(("X ", "? "))
        found.append(Hop(part if ends else name, "" if ends or not bracket else note.removesuffix(")"), ends))
    return found


def diagnosis_page(report: Report) -> str:
    """Return the page."""
    found = report.found
    marks = {} if found.predicted.decided_at is None else {found.predicted.decided_at: _DECIDES}
    return _template().render(
        host=safe(report.host),
        found=found,
        asked=asked_in_words(found.packet, found.probes),
        verdict=_VERDICTS.get(found.verdict, found.verdict),
        legs=[(leg, hops_in(hops)) for leg, hops in report.hops],
        rows=rows_of(found.predicted, marks),
        ending="undetermined" if found.predicted.verdict == UNKNOWN else ending_of(found.predicted),
        kernel=kernel_in_words(found),
        events=_events(found.traced),
        decides=_DECIDES,
    )


def _events(trace: KernelTrace | None) -> list[tuple[str, ...]]:
    return [] if trace is None else [_event(item) for item in trace.events]


def _event(item: TraceEvent) -> tuple[str, ...]:
    place = f"handle {item.handle}" if item.handle is not None else ""
    place = f"rule {item.number}" if item.number is not None else place
    done = " ".join(text for text in (item.verdict, item.jump_to) if text)
    devices = f"{item.incoming or '*'} -> {item.outgoing or '*'}" if item.incoming or item.outgoing else ""
    addresses = f"{item.source} > {item.destination}" if item.source or item.destination else ""
    rule = " ".join(text for text in (item.table, item.chain, "policy" if item.kind == "policy" else place) if text)
    return (item.leg, item.hook, done, devices, rule, addresses)


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(remediation=remediation_in_words, label=evidence_label, probe=probe_in_words)
    # Characters that reorder or hide others are as harmful on a page as on a terminal.
    environment.finalize = _harmless
    return environment.from_string(Path(__file__).with_name("diagnosis_page.html.j2").read_text(encoding="utf-8"))


def _harmless(value: Any) -> Any:
    return safe(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def diagnosis_markdown(report: Report) -> str:
    """Return the Markdown (CommonMark, with tables and Mermaid as GitHub and GitLab show them)."""
    found = report.found
    asked = escaped(asked_in_words(found.packet, found.probes))
    lines = [f"# {escaped(report.host)}: {asked}", "", f"**{_headline(found)}**", ""]
    for number, cause in enumerate(found.causes, 1):
        lines.append(f"{number}. *{cause.certainty}*: {escaped(cause.summary)}")
        lines += [f"   * {evidence_label(item)}: {escaped(item.text)}" for item in cause.evidence]
        if cause.remediation is not None:
            lines.append(f"   * remediation: {escaped(remediation_in_words(cause.remediation, report.host))}")
    if found.undetermined:
        lines += ["", "Not looked at:", "", *(f"* {escaped(text)}" for text in found.undetermined)]
    for probe in found.probes:
        lines += ["", f"## Probe from {escaped(probe_in_words(probe))}: {escaped(probe.observed)}", ""]
        lines += ["| | layer |", "|---|---|"]
        lines += [f"| {layer.outcome} | {escaped(layer_in_words(layer))} |" for layer in probe.layers]
    lines += ["", "## The path", "", *(f"* {leg}: {escaped(hops)}" for leg, hops in report.hops)]
    lines += [f"* in the kernel: {escaped(kernel_in_words(found))}", ""]
    if report.diagram:
        lines += ["```mermaid", report.diagram, "```", ""]
    # Indented code has no end that a text could bring about.
    lines += [f"    {line}".rstrip() for line in report.steps.split("\n")]
    return "\n".join(lines).rstrip("\n") + "\n"


def _headline(found: Diagnosis) -> str:
    if found.causes:
        return f"{_VERDICTS.get(found.verdict, found.verdict)}: {escaped(found.causes[0].summary)}"
    return escaped(found.summary)
