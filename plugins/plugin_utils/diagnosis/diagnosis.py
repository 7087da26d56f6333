# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Why a connection does not work: ranked causes, each with its evidence and its remediation."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import KernelTrace
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Packet, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import Probe, ProcessState
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.compare import Comparison

CERTAIN = "certain"
"""Two kinds of evidence agree, one of them seen and not predicted, or the kernel itself names it."""
LIKELY = "likely"
"""Predicted from what was read, and nothing that was seen speaks against it."""
POSSIBLE = "possible"
"""It fits what was seen; so does something else."""

FAULT = "fault"
NO_FAULT = "no_fault"
UNDETERMINED = "undetermined"

PREDICTION = "prediction"
TRACE = "trace"
PROBE = "probe"
CHECK = "check"


@dataclass(frozen=True)
class Evidence:
    """One thing that speaks for a cause."""

    kind: str
    """``prediction`` (from rules and settings), ``trace`` (the kernel's own events), ``probe``, ``check``."""
    text: str
    """One sentence."""
    check: str = ""
    """Id of the check (``forwarding.ipv4``)."""


@dataclass(frozen=True)
class Cause:
    """One reason why the connection does not work."""

    cause: str
    """A stable word for programs: ``forwarding_off``, ``rule_drops_request``, ``nothing_listens``..."""
    summary: str
    """One sentence: the thing, the fact, the consequence."""
    certainty: str
    """``certain``, ``likely`` or ``possible``."""
    evidence: list[Evidence] = field(default_factory=list)
    remediation: Remediation | None = None
    step: int | None = None
    """Index of the step of the predicted path that it decides; None where it is none."""
    layer: str = ""
    """The layer of the probe that it makes fail; empty where none is known."""


@dataclass(frozen=True)
class Diagnosis:
    """The answer to: why can it not connect."""

    verdict: str
    """``fault``, ``no_fault``, or ``undetermined`` (something could not be looked at, and nothing else explains it)."""
    summary: str
    """One line."""
    packet: Packet
    predicted: Path
    causes: list[Cause] = field(default_factory=list)
    """The most certain first; among equals the one nearest to the sender."""
    probes: list[Probe] = field(default_factory=list)
    process: ProcessState | None = None
    """Of the container that is asked or asks; None where none is."""
    traced: KernelTrace | None = None
    comparison: Comparison | None = None
    works: str = ""
    """For ``no_fault`` what was seen or is predicted to work: a clause."""
    undetermined: list[str] = field(default_factory=list)
    """What could not be looked at, and what it hangs on."""
