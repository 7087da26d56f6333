"""Runs the collection on lab hosts, as a user would: Ansible over SSH, with the staged collection."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.host import Host
from tests.lab.identity import ROOT, Identity
from tests.lab.playbook_runs import run_playbook
from tests.lab.proc import LabError

CALLBACKS = Path(__file__).with_name("callback_plugins")
MODULE_LIMIT = 600.0
PLAYBOOK_LIMIT = 1200.0
# Names the file that the callback lab_results writes to.
RESULTS = "DOCKERNET_LAB_RESULTS"


@dataclass(frozen=True)
class TaskResult:
    """One task on one host. `outcome`: ok, failed, ignored, skipped or unreachable."""

    host: str
    task: str
    action: str
    outcome: str
    result: dict[str, Any]


@dataclass(frozen=True)
class PlaybookResult:
    """A run of a playbook. `stats`: per host, ok, changed, failures, unreachable, skipped, rescued, ignored."""

    rc: int
    out: str
    err: str
    stats: dict[str, dict[str, int]]
    tasks: list[TaskResult]

    def of(self, action: str, host: str | None = None) -> list[TaskResult]:
        """The results of one module, by its full name."""
        return [task for task in self.tasks if task.action == action and host in (None, task.host)]


def ansible_module(
    host: Host,
    name: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    check: bool = False,
    diff: bool = True,
    task: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run one module on a host and return its result, failed or not (see its keys `failed` and `unreachable`).

    `task`: further keywords of the task, such as become or environment. Raises LabError when the task did not run.
    """
    play = {
        "name": "One module",
        "hosts": host.name,
        "gather_facts": False,
        "tasks": [{"name": name, name: dict(arguments or {}), **(task or {})}],
    }
    with tempfile.TemporaryDirectory(prefix="dockernet-lab-") as folder:
        book = Path(folder) / "module.yml"
        book.write_text(json.dumps([play]))
        done = ansible_playbook(str(book), host.identity, check=check, diff=diff, timeout=MODULE_LIMIT)
    for entry in done.tasks:
        if entry.host == host.name:
            return {**entry.result, "failed": entry.outcome == "failed", "unreachable": entry.outcome == "unreachable"}
    raise LabError(f"{name} did not run on {host.name} (status {done.rc}):\n{done.out}{done.err}")


def ansible_playbook(
    book: str,
    identity: Identity,
    *,
    limit: Sequence[str] = (),
    extra_vars: Mapping[str, Any] | None = None,
    check: bool = False,
    diff: bool = False,
    options: Sequence[str] = (),
    timeout: float = PLAYBOOK_LIMIT,
) -> PlaybookResult:
    """Run a playbook, named by its path or its full collection name, over the lab's inventory."""
    with tempfile.TemporaryDirectory(prefix="dockernet-lab-") as folder:
        results = Path(folder) / "results"
        arguments = [
            *("--inventory", str(identity.inventory)),
            *(["--limit", ",".join(limit)] if limit else []),
            *(["--extra-vars", json.dumps(dict(extra_vars))] if extra_vars else []),
            *(["--check"] if check else []),
            *(["--diff"] if diff else []),
            *options,
            book,
        ]
        done = run_playbook(arguments, environment(), {RESULTS: str(results)}, timeout)
        lines = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    stats: dict[str, dict[str, int]] = next((line["stats"] for line in lines if "stats" in line), {})
    return PlaybookResult(done.rc, done.out, done.err, stats, [TaskResult(**line) for line in lines if "task" in line])


def environment() -> dict[str, str]:
    """The project's own settings; nothing of the user's ansible.cfg or home, and not the test's name."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTEST_"))}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(ROOT / ".build" / "ansible-home"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"),
        "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "lab_results",
        "ANSIBLE_NOCOLOR": "1",
    }
