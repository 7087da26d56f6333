# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a run over a fleet came to, in words: for the screen, messages and Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import SEVERITIES, UNKNOWN
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import Fleet, RunTotals
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import (
    FAILED,
    NO_DOCKER,
    STATES,
    UNREACHABLE,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.check_rows import counted, enumerated
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import WAIVED, Line
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import CLOSED, NOT_AUDITED, OPEN
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.run_summary import kinds_in_words
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import indented

_PROBLEMS = 5
"""Problems on a screen."""
_ROOM = 40
"""Cells of what stands before names."""
_WORDS = {FAILED: "not audited", UNREACHABLE: "unreachable", "well": "with nothing failed"}


def states_in_words(totals: RunTotals) -> str:
    """Return hosts by their highest open severity."""
    parts = [f"{totals.states[state]} {_WORDS.get(state, state)}" for state in STATES if totals.states.get(state)]
    return f"{counted(totals.hosts, 'host')}: {', '.join(parts)}"


def findings_in_words(totals: RunTotals) -> str:
    """Return findings that are open, by severity, and what is waived."""
    kinds = (*SEVERITIES, UNKNOWN, WAIVED)
    parts = [f"{totals.findings[kind]} {kind}" for kind in kinds if totals.findings.get(kind)]
    return f"findings: {', '.join(parts) or 'none'}"


def fleet_lines(fleet: Fleet, files: Mapping[str, Path], width: int) -> list[Line]:
    """Return what a run came to on a screen, where nothing else has shown it."""
    facts = [states_in_words(fleet.totals), findings_in_words(fleet.totals), *_compared(fleet)]
    lines = [Line(text) for fact in facts for text in indented("", fact[:1].upper() + fact[1:], width)]
    return [Line(""), *lines, *what_else_lines(fleet, files, width)]


def what_else_lines(fleet: Fleet, files: Mapping[str, Path], width: int) -> list[Line]:
    """Return what the summary of a run cannot know: what failed before, hosts that are missing, and the files."""
    totals = fleet.totals
    facts = (
        [("Regressed: ", f"{counted(totals.regressed, 'finding')}, fixed in an earlier run")]
        if totals.regressed
        else []
    )
    if fleet.not_reached:
        names = enumerated(fleet.not_reached, width - _ROOM)
        facts.append(("Not reached in this run: ", f"{counted(len(fleet.not_reached), 'host')}: {names}"))
    if fleet.vanished:
        names = enumerated([host.host for host in fleet.vanished], width - _ROOM)
        facts.append(("Not part of this run: ", f"{counted(len(fleet.vanished), 'host')}: {names}"))
    facts += [("Problem: ", problem) for problem in fleet.problems[:_PROBLEMS]]
    more = len(fleet.problems) - _PROBLEMS
    facts += [("Problem: ", f"{more} more, in the files")] if more > 0 else []
    if files:
        folder = next(iter(files.values())).parent
        facts.append(("Fleet report: ", f"{folder}: {kinds_in_words(files.values())}"))
    return [Line(text) for head, fact in facts for text in indented(head, safe(fact), width)]


def fleet_gate(totals: RunTotals) -> str:
    """Return the state of the gate of all hosts: the worst that one of them has, and closed where none has Docker."""
    if totals.states.get(FAILED) or totals.states.get(UNREACHABLE):
        return NOT_AUDITED
    return CLOSED if totals.gate_closed or totals.states.get(NO_DOCKER) == totals.hosts else OPEN


def fleet_sentence(fleet: Fleet) -> str:
    """Return all of it in one sentence."""
    totals = fleet.totals
    if totals.states.get(NO_DOCKER) == totals.hosts:
        return "gate failed: no host of this run has a Docker Engine, so that nothing was evaluated"
    hosts, lost = counted(totals.hosts, "host"), totals.states.get(FAILED, 0) + totals.states.get(UNREACHABLE, 0)
    gate = f"gate failed on {totals.gate_closed} of {hosts}" if totals.gate_closed else f"gate passed on {hosts}"
    return "; ".join([gate, *([f"{lost} not audited"] if lost else []), *changes_in_words(fleet)])


def changes_in_words(fleet: Fleet) -> list[str]:
    """Return what changed since the run before, and hosts that are not part of this one; nothing without a history."""
    gone = [f"{counted(len(fleet.vanished), 'host')} of earlier runs not part of this one"] if fleet.vanished else []
    return [*_compared(fleet), *gone]


def _compared(fleet: Fleet) -> list[str]:
    if len(fleet.trend) < 2:
        return []
    totals = fleet.totals
    new, fixed, regressed = totals.new or "none", totals.fixed or "none", totals.regressed or "none"
    return [f"since the run before, {fleet.trend[-2].started_at}: {new} new, {fixed} fixed, {regressed} regressed"]
