# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A diagnosis on one screen: causes with evidence and remediation, layers, devices, what the kernel did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import (
    FAILED,
    PASSED,
    Probe,
    ProbeLayer,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import (
    CERTAIN,
    LIKELY,
    NO_FAULT,
    POSSIBLE,
    UNDETERMINED,
    Diagnosis,
    Evidence,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis_text import (
    asked_in_words,
    remediation_and_command,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import Line
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import indented
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.trace_words import end_in_words

_LABEL = 14
_FURTHER = 3
"""Causes after the first one that are named; the page and the listing have all."""
_TONES = {CERTAIN: "high", LIKELY: "medium", POSSIBLE: "low"}


@dataclass(frozen=True)
class Report:
    """What people read of one diagnosis of one host."""

    host: str
    """Its name in the inventory."""
    found: Diagnosis
    hops: Sequence[tuple[str, str]]
    """Leg and devices of the predicted path."""
    diagram: str = ""
    """The predicted path as a flowchart of Mermaid."""
    steps: str = ""
    """The predicted path as text, a step on a line."""


def diagnosis_screen(report: Report, width: int) -> list[Line]:
    """Return the lines, none wider than width; what strangers chose is made safe for terminals."""
    found = report.found
    asked = asked_in_words(found.packet, found.probes)
    lines = [Line(f"{safe(report.host)}: {safe(asked)}"), Line("")]
    lines += [Line(line, tone) for label, text, tone in _verdict(report) for line in _labelled(label, text, width)]
    lines += [Line("")] if found.probes else []
    known = " ".join(item.text for cause in found.causes[:1] for item in cause.evidence)
    lines += [Line(line) for probe in found.probes for line in _probe(probe, known, width)]
    lines += [Line("")]
    if asked != str(found.packet):
        lines += [Line(line) for line in _labelled("path of", str(found.packet), width)]
    lines += [Line(line) for leg, hops in report.hops for line in _labelled(leg, hops, width)]
    lines += [Line(line) for line in _labelled("kernel", kernel_in_words(found), width)]
    return lines


def _labelled(label: str, text: str, width: int) -> list[str]:
    return indented(f"  {safe(label):<{_LABEL - 1}} ", text, width)


def _verdict(report: Report) -> Iterator[tuple[str, str, str]]:
    """Labels, texts and tones of what was found: first what it is and what to do, then how that is known."""
    found = report.found
    if found.verdict == NO_FAULT:
        yield "no fault found", found.works, ""
    for cause in found.causes[:1]:
        yield cause.certainty, cause.summary, _TONES[cause.certainty]
        if cause.remediation is not None:
            text, command = remediation_and_command(cause.remediation, report.host)
            yield "remediation", text, ""
            if command:
                yield "run", command, ""
        for item in cause.evidence:
            yield evidence_label(item), _without_rule(item.text, cause.summary), ""
    for cause in found.causes[1 : 1 + _FURTHER]:
        yield "also " + cause.certainty, cause.summary, ""
    if len(found.causes) > 1 + _FURTHER:
        yield "", f"and {len(found.causes) - 1 - _FURTHER} more", ""
    for number, text in enumerate(found.undetermined):
        label = "undetermined" if found.verdict == UNDETERMINED else "not looked at"
        yield label if number == 0 else "", text, "unknown"


def _without_rule(text: str, summary: str) -> str:
    """A piece of evidence without the rule that the summary has already."""
    head, dummy, rule = text.partition(": ")
    return head if rule and summary.endswith(rule) else text


def evidence_label(item: Evidence) -> str:
    """What kind of evidence it is."""
    return {"check": "check", "probe": "probe", "trace": "kernel trace"}.get(item.kind, item.kind)


def _probe(probe: Probe, known: str, width: int) -> Iterator[str]:
    """What became of it, the layers that passed, and the first one that failed; a page has the others in full.

    known: what the screen says already, so that no layer repeats it.
    """
    yield from _labelled("probe", f"{probe_in_words(probe)}: {probe.observed}", width)
    passed = [layer.layer for layer in probe.layers if layer.outcome == PASSED]
    failed = [layer for layer in probe.layers if layer.outcome == FAILED]
    if len(passed) > 1 or (passed and failed):
        yield from _labelled("  passed", ", ".join(passed), width)
    for layer in failed[:1]:
        words = layer_in_words(replace(layer, detail="") if layer.detail in known else layer)
        yield from _labelled("  failed", words, width)
    if failed[1:]:
        yield from _labelled("  failed too", ", ".join(layer.layer for layer in failed[1:]), width)


def probe_in_words(probe: Probe) -> str:
    """From where to where."""
    port = f" port {probe.port}" if probe.port else ""
    address = f" ({probe.address})" if probe.address not in ("", probe.target) else ""
    return f"{probe.origin} to {probe.target}{address}{port}/{probe.protocol}"


def layer_in_words(layer: ProbeLayer) -> str:
    """The layer, what was asked, the error and what was found."""
    head = " ".join(text for text in (layer.layer, layer.target, layer.error) if text)
    return f"{head}: {layer.detail}" if layer.detail else head


def kernel_in_words(found: Diagnosis) -> str:
    """What the kernel did with a packet, and whether that is what was predicted."""
    trace = found.traced
    if trace is None:
        return "not traced"
    said = f"{trace.mode} trace: {end_in_words(trace)}"
    if trace.problem:
        said += f"; {trace.problem}"
    if found.comparison is None or found.comparison.agree is None:
        reason = found.comparison.difference if found.comparison is not None else ""
        return f"{said}; {reason or 'not compared with the prediction'}"
    if found.comparison.agree:
        return f"{said}, as predicted"
    return f"{said}; the prediction differs, and the kernel is right: {found.comparison.difference}"
