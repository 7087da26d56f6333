"""The role harden runs whatever a finding may name, with the options that remedies give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.registry import CHECKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils._repair_plan import OPTIONS, RUN_BY

ROOT = Path(__file__).resolve().parents[3]
TASKS = yaml.safe_load((ROOT / "roles/harden/tasks/repair.yml").read_text())
NAMED = sorted({RUN_BY.get(module, module) for check in CHECKS for module in check.mended_by})


def tasks() -> Iterator[dict[str, Any]]:
    for block in TASKS:
        yield from block["block"]


@pytest.mark.parametrize("module", NAMED)
def test_a_module_that_a_finding_may_name_is_run_with_the_options_of_remedies(module: str) -> None:
    found = [task[f"dockernet.baseline.{module}"] for task in tasks() if f"dockernet.baseline.{module}" in task]
    assert len(found) == 1
    for option in OPTIONS[module]:
        assert f"__harden_modules.{module}.{option} " in found[0][option]


@pytest.mark.parametrize("task", list(tasks()), ids=lambda task: task["name"])
def test_a_refusal_stops_no_other_repair_and_every_result_is_told(task: dict[str, Any]) -> None:
    assert "refused" in task["failed_when"]
    variables = (ROOT / "roles/harden/vars/main.yml").read_text()
    assert f"{{{{ {task['register']} | default({{'skipped': true}}) }}}}" in variables
