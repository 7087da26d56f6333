# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task that audits a host: where a snapshot is, and what its templates take on each host."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).resolve().parents[3] / "roles" / "audit"
DEFAULTS: dict[str, Any] = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
AUDIT_HOST = "dockernet.baseline.audit_host"


def task() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROLE / "tasks/main.yml").read_text())[0]["block"][0]
    return found


def rendered(text: str, **variables: Any) -> Any:
    """What a template says; ``omitted`` where it leaves its key out."""
    defaults = {name: trust_as_template(value) if isinstance(value, str) else value for name, value in DEFAULTS.items()}
    templar = Templar(loader=DataLoader(), variables={**defaults, "omit": "omitted", **variables})
    return templar.template(trust_as_template(text))


AT_HOST: dict[str, Any] = {"audit_snapshot_path": "docker.json"}
SAVED: dict[str, Any] = {**AT_HOST, "audit_snapshot": "save"}
FROM_FILE: dict[str, Any] = {**AT_HOST, "audit_snapshot": "audit"}


@pytest.mark.parametrize(
    ("variables", "path", "delegated", "become"),
    [
        ({}, "omitted", "omitted", "omitted"),
        (AT_HOST, "docker.json", "omitted", "omitted"),
        (SAVED, "docker.json", "omitted", "omitted"),
        (FROM_FILE, None, "localhost", False),
        ({"audit_snapshot": "audit"}, "omitted", "localhost", False),
    ],
)
def test_a_file_on_the_controller_is_judged_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, Any],
    path: str | None,
    delegated: str,
    become: bool | str,
) -> None:
    """A relative one is meant from where the command was typed; where none is named the module says what is missing."""
    monkeypatch.chdir(tmp_path)
    step = task()
    wanted = path or str(tmp_path.resolve() / "docker.json")
    assert rendered(step[AUDIT_HOST]["audit"], **variables)["snapshot_path"] == wanted
    assert rendered(step["delegate_to"], **variables) == delegated
    assert rendered(step["become"], **variables) == become


def test_no_template_of_the_task_loads_tests() -> None:
    """For the first ``is`` of a task Ansible loads all plugins with tests, in the process of each host."""
    step = task()
    texts = [*step[AUDIT_HOST].values(), step["delegate_to"], step["become"], *DEFAULTS.values()]
    assert not [text for text in texts if re.search(r"\bis\b", str(text))]
