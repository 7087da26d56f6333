# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The audit of a host as Prometheus text for the textfile collector of node_exporter.

No name of a resource is a label: the number of series is bounded by the number of checks.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping

from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import counted_as
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate

_Sample = tuple[Mapping[str, str], int]


def prometheus(audit: Audit, gate: Gate) -> str:
    """Return the text; a host without an audit has neither findings nor a time, and a closed gate."""
    host = {"host": audit.host}
    is_audited = not audit.error_kind
    return "".join(
        [
            _metric("dockernet_audit_success", "Whether the host was audited (1) or not (0).", [(host, is_audited)]),
            _metric(
                "dockernet_audit_timestamp_seconds", "When the host was read, in seconds since the epoch.", _time(audit)
            ),
            _metric(
                "dockernet_gate_open",
                "Whether the gate is open (1) or closed (0).",
                [(host, not audit.complaint(gate))],
            ),
            _metric(
                "dockernet_baseline_known_findings",
                "Failed findings that the baseline of the gate knows.",
                [(host, gate.baseline.count(audit.findings)["known"])] if is_audited and gate.baseline.path else [],
            ),
            _metric(
                "dockernet_findings", "Findings of the audit by check, severity and outcome.", list(_findings(audit))
            ),
        ]
    )


def _findings(audit: Audit) -> Iterable[_Sample]:
    counts = Counter((finding.check, finding.severity, counted_as(finding)) for finding in audit.findings)
    for (check, severity, outcome), number in counts.items():
        yield {"host": audit.host, "check": check, "severity": severity, "outcome": outcome}, number


def _time(audit: Audit) -> list[_Sample]:
    if audit.error_kind:
        return []
    try:
        taken = datetime.datetime.fromisoformat(str(audit.document["host"]["taken_at"]))
    except ValueError:
        # A snapshot that was saved elsewhere can say anything.
        return []
    # Without a zone it is UTC, as all times of the document are.
    taken = taken if taken.tzinfo else taken.replace(tzinfo=datetime.timezone.utc)
    return [({"host": audit.host}, int(taken.timestamp()))]


def _metric(name: str, about: str, samples: Iterable[_Sample]) -> str:
    """A gauge; nothing where there is no sample. The HELP of a metric must be the same in all files."""
    lines = [f"{name}{{{_labels(labels)}}} {int(number)}\n" for labels, number in samples]
    return "".join([f"# HELP {name} {about}\n# TYPE {name} gauge\n", *lines]) if lines else ""


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return safe(value).replace("\\", "\\\\").replace('"', '\\"')
