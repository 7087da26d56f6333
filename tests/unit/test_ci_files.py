# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users copy for CI and for execution environments is valid by the schemas and tools of those who read it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.patience import SECONDS

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
CI = ROOT / "docs/ci"
SCHEMAS = {"github-audit.yml": "vendor.github-workflows", "gitlab-audit.yml": "vendor.gitlab-ci"}


def tool(*words: str | Path) -> str:
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, timeout=10 * SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_file_for_ci_is_valid(name: str) -> None:
    tool(BIN / "check-jsonschema", "--builtin-schema", SCHEMAS[name], CI / name)


def test_reports_outlive_a_closed_gate() -> None:
    (job,) = yaml.safe_load((CI / "github-audit.yml").read_text())["jobs"].values()
    names = [step.get("name") for step in job["steps"]]
    later = job["steps"][names.index("Audit") + 1 :]
    assert len(later) >= 4
    assert all("!cancelled()" in step["if"] for step in later)
    job = yaml.safe_load((CI / "gitlab-audit.yml").read_text())["docker-network-audit"]
    assert job["artifacts"]["when"] == job["cache"]["when"] == "always"


def test_the_page_names_each_file() -> None:
    page = (ROOT / "docs/gate.md").read_text()
    named = set(re.findall(r"\(ci/([\w.-]+)\)", page))
    assert named == {path.name for path in CI.iterdir()}


def test_the_example_of_an_execution_environment_makes_a_build_context(tmp_path: Path) -> None:
    example = CI / "execution-environment.yml"
    tool(
        BIN / "ansible-builder",
        "create",
        "--file",
        example,
        "--context",
        tmp_path,
        "--output-filename",
        "Containerfile",
    )
    assert (tmp_path / "Containerfile").read_text().startswith("ARG EE_BASE_IMAGE")
    wanted = yaml.safe_load((tmp_path / "_build/requirements.yml").read_text())
    assert wanted["collections"] == [{"name": "dockernet.baseline"}]


def test_the_collection_says_what_it_needs_in_an_execution_environment() -> None:
    said: dict[str, Any] = yaml.safe_load(tool(BIN / "ansible-builder", "introspect", ROOT / ".build"))
    python = {re.split(r"[ <>=]", line)[0] for line in said["python"]}
    assert python == {"jmespath", "pyroute2"}
    assert {line.split()[0] for line in said["system"]} == {"openssh-client", "openssh-clients"}
