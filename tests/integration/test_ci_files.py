# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands in the files for CI, run as the CI systems run them, over saved snapshots."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.ansible_runs import PLAYBOOK_LIMIT
from tests.lab.identity import ROOT
from tests.unit.synthetic_host import SyntheticHost

CI = ROOT / "docs/ci"
PUBLISHED = SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",))
HOSTS: dict[int, dict[str, Any]] = {
    0: {"audit_checks": ["publish.privileged"]},
    2: {"audit_checks": ["publish.wildcard"], "audit_severities": {"publish.wildcard": "high"}},
    4: {"audit_checks": ["no.such"]},
}
"""By the status that the job is to end with."""


@dataclass
class Runner:
    """A checked out project on a runner; what reaches other machines is recorded by programs in its place."""

    place: Path

    @classmethod
    def at(cls, place: Path, status: int) -> Runner:
        (place / "bin").mkdir()
        (place / "home").mkdir()
        (place / "web1.json").write_text(PUBLISHED.snapshot().to_json())
        snapshot = {"audit_snapshot": "audit", "audit_snapshot_path": str(place / "web1.json")}
        hosts = {"all": {"hosts": {"web1": {**snapshot, **HOSTS[status]}}}}
        (place / "hosts.yml").write_text(json.dumps(hosts))
        for name in ("python", "ansible-galaxy", "gh", "curl"):
            record = place / f"{name}.ran"
            program = place / "bin" / name
            program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{record}\n')
            program.chmod(0o755)
        return cls(place)

    def run(self, script: str, **variables: str) -> int:
        """Run a script as a step is run."""
        environment = {
            "PATH": f"{self.place}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.place / "home"),
            "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"),
            **variables,
        }
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.place,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PLAYBOOK_LIMIT,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done.returncode

    def ran(self, program: str) -> str:
        path = self.place / f"{program}.ran"
        return path.read_text() if path.exists() else ""

    def check(self, status: int) -> None:
        """What is the same with both systems: what was installed, the key, and all reports."""
        assert "-m pip install ansible-core>=2.19 jmespath" in self.ran("python")
        assert self.ran("ansible-galaxy") == "collection install dockernet.baseline\n"
        key = self.place / "home/.ssh/id_audit"
        assert (key.read_text().strip(), key.stat().st_mode & 0o777) == ("a key", 0o600)
        assert (self.place / "home/.ssh/known_hosts").read_text() == "web1 ssh-ed25519 AAAA\n"
        written = {path.suffix for path in (self.place / "audit/fleet").glob("report.*")}
        assert written == {".html", ".json", ".xml", ".sarif", ".md", ".csv"}
        assert ("error" in json.loads((self.place / "audit/web1.json").read_text())) is (status == 4)


@pytest.fixture(params=HOSTS)
def status(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def runner(tmp_path: Path, status: int) -> Runner:
    return Runner.at(tmp_path, status)


def test_github_actions(runner: Runner, status: int) -> None:
    (job,) = yaml.safe_load((CI / "github-audit.yml").read_text())["jobs"].values()
    files = {name: str(runner.place / name) for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY")}
    values = {
        "secrets.AUDIT_SSH_KEY": "a key",
        "secrets.AUDIT_KNOWN_HOSTS": "web1 ssh-ed25519 AAAA",
        "github.token": "a token",
        "github.event.pull_request.number": "7",
    }
    ended: dict[str, int] = {}
    for step in job["steps"]:
        if "run" not in step or (any(ended.values()) and "!cancelled()" not in step.get("if", "")):
            continue
        own = {
            name: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: values[found[1]], text)
            for name, text in step.get("env", {}).items()
        }
        ended[step["name"]] = runner.run(step["run"], **files, **job["env"], **own)
    assert {name: code for name, code in ended.items() if code} == ({"Audit": status} if status else {})
    assert Path(files["GITHUB_OUTPUT"]).read_text() == f"status={status}\n"
    assert Path(files["GITHUB_ENV"]).read_text().endswith("/home/.ssh/id_audit\n")
    summary = Path(files["GITHUB_STEP_SUMMARY"]).read_text()
    assert summary == (runner.place / "audit/fleet/report.md").read_text()
    assert summary.startswith("## Docker host networks: ")
    assert runner.ran("gh") == "pr comment 7 --edit-last --create-if-none --body-file audit/fleet/report.md\n"
    runner.check(status)


def test_gitlab_ci(runner: Runner, status: int) -> None:
    job = yaml.safe_load((CI / "gitlab-audit.yml").read_text())["docker-network-audit"]
    (runner.place / "key").write_text("a key\n")
    (runner.place / "known").write_text("web1 ssh-ed25519 AAAA\n")
    variables = {
        **job["variables"],
        "AUDIT_SSH_KEY": str(runner.place / "key"),
        "AUDIT_KNOWN_HOSTS": str(runner.place / "known"),
    }
    merge_request = {
        "CI_MERGE_REQUEST_IID": "7",
        "CI_PROJECT_ID": "9",
        "CI_API_V4_URL": "https://gitlab.example.org/api/v4",
        "AUDIT_TOKEN": "a token",
    }
    assert runner.run("\n".join([*job["before_script"], *job["script"]]), **variables) == status
    assert runner.run("\n".join(job["after_script"]), **variables) == 0
    assert runner.ran("curl") == ""
    assert runner.run("\n".join(job["after_script"]), **variables, **merge_request) == 0
    assert runner.ran("curl").endswith("https://gitlab.example.org/api/v4/projects/9/merge_requests/7/notes\n")
    assert "body@audit/fleet/report.md" in runner.ran("curl")
    runner.check(status)
