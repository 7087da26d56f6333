# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The audit of a host as Prometheus text for the textfile collector of node_exporter.

No name of a resource is a label: the number of series is bounded by the number of checks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.earlier_audit import time_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import counted_as
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate

Sample = tuple[Mapping[str, str], int]
"""Labels, and the number."""


SUCCESS, TIME, GATE, KNOWN, FINDINGS = METRICS = (
    "dockernet_audit_success",
    "dockernet_audit_timestamp_seconds",
    "dockernet_gate_open",
    "dockernet_baseline_known_findings",
    "dockernet_findings",
)
_ABOUT = {
    SUCCESS: "Whether the host was audited (1) or not (0).",
    TIME: "When the host was read, in seconds since the epoch.",
    GATE: "Whether the gate is open (1) or closed (0).",
    KNOWN: "Failed findings that the baseline of the gate knows.",
    FINDINGS: "Findings of the audit by check, severity and outcome.",
}
"""The HELP of a metric must be the same in all files."""


def prometheus(audit: Audit, gate: Gate) -> str:
    """Return the text; a host without an audit has neither findings nor a time, and a closed gate."""
    lines = {name: samples_text(name, samples) for name, samples in samples_of(audit, gate).items()}
    return "".join(f"{head_of(name)}{text}" for name, text in lines.items() if text)


def samples_of(audit: Audit, gate: Gate) -> dict[str, list[Sample]]:
    """Return the samples of a host by the names of METRICS, in their order."""
    host = {"host": audit.host}
    has_baseline = not audit.error_kind and gate.baseline.path
    known = gate.baseline.count(audit.findings)["known"] if has_baseline else None
    return {
        SUCCESS: [(host, not audit.error_kind)],
        TIME: _time(audit),
        GATE: [(host, not audit.complaint(gate))],
        KNOWN: [(host, known)] if known is not None else [],
        FINDINGS: list(_findings(audit)),
    }


def head_of(metric: str, about: str = "") -> str:
    """Return the lines above the samples of a metric, which is a gauge; all its samples stand below them."""
    return f"# HELP {metric} {about or _ABOUT[metric]}\n# TYPE {metric} gauge\n"


def samples_text(metric: str, samples: Iterable[Sample]) -> str:
    """Return a line for each sample."""
    return "".join(f"{metric}{{{_labels(labels)}}} {int(number)}\n" for labels, number in samples)


def _findings(audit: Audit) -> Iterable[Sample]:
    counts = Counter((finding.check, finding.severity, counted_as(finding)) for finding in audit.findings)
    for (check, severity, outcome), number in counts.items():
        yield {"host": audit.host, "check": check, "severity": severity, "outcome": outcome}, number


def _time(audit: Audit) -> list[Sample]:
    if audit.error_kind:
        return []
    taken = time_of(str(audit.document["host"]["taken_at"]))
    return [({"host": audit.host}, int(taken.timestamp()))] if taken is not None else []


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return safe(value).replace("\\", "\\\\").replace('"', '\\"')
