# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories as runs leave them: documents of hosts, and their manifest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.assembling import Sources, fleet_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import Fleet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import document_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import not_audited
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import file_of

from tests.unit.audits import audit_of, waiver
from tests.unit.operators_host import operators_host

GATE = Gate("medium")
CHANGE = "new: outside reaches web:80/tcp at 192.0.2.10:8080"
FAILING = "publish.wildcard"
"""A check that fails on the host of the tests."""


@cache
def _audit_text() -> str:
    return json.dumps(audit_of(operators_host(), profile="strict", waivers=[waiver(check="mode.host")]))


def document(host: str, outcomes: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A document of that host; outcomes: by check, other ones than it has."""
    found: dict[str, Any] = json.loads(_audit_text())
    found["host"]["inventory_name"] = host
    for finding in found["findings"]:
        finding["outcome"] = (outcomes or {}).get(finding["check"], finding["outcome"])
        if finding["outcome"] != "fail":
            finding.pop("waiver", None)
    return found


def lost(host: str) -> dict[str, Any]:
    """The document of a host that could not be reached."""
    return not_audited(host, "unreachable", "no route")


def write_run(
    folder: Path, documents: list[dict[str, Any]], run: str, day: int = 1, *, hosts: list[str] | None = None
) -> Path:
    """Write what a run on that day of December leaves; hosts: others than those of the documents."""
    time = f"2026-12-{day:02}T10:00:00+00:00"
    for item in documents:
        host = item["host"]["inventory_name"]
        path = file_of(host, folder, "json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            document_text({**item, "run": {"id": run, "written_at": time, "reachability_changes": [CHANGE]}})
        )
    manifest = {
        "document": {"name": "dockernet.baseline.run", "version": 1},
        "run": run,
        "started_at": time,
        "controller": "ci",
        "hosts": hosts if hosts is not None else [item["host"]["inventory_name"] for item in documents],
    }
    (folder / "fleet").mkdir(parents=True, exist_ok=True)
    (folder / "fleet" / "run.json").write_text(json.dumps(manifest))
    return folder


def run_program(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of Python in a process of its own; folder is its argument."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@contextmanager
def fleet_in(*folders: Path, history: Path | None = None, days: int = 400, gate: Gate = GATE) -> Iterator[Fleet]:
    """The fleet that those directories have."""
    with fleet_of(Sources(folders, gate, "Fleet", history, days)) as fleet:
        yield fleet
