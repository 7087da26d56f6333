"""The role harden runs whatever a finding may name, with the options that remediations give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.repair_plan import OPTIONS, RUN_BY

ROLE = Path(__file__).resolve().parents[3] / "roles/harden"
NAMED = sorted({RUN_BY.get(module, module) for check in CHECKS for module in check.remediated_by})
RUN = sorted(path.stem for path in (ROLE / "tasks/modules").glob("*.yml"))
# What is taken back is not named by findings.
REVERTS = "baseline_rollback"


def task_of(module: str) -> dict[str, Any]:
    (task,) = yaml.safe_load((ROLE / f"tasks/modules/{module}.yml").read_text())
    return dict(task)


@pytest.mark.parametrize("module", NAMED)
def test_a_module_that_a_finding_may_name_is_run_with_the_options_of_remediations(module: str) -> None:
    given = task_of(module)[f"dockernet.baseline.{module}"]
    for option in OPTIONS[module]:
        assert f"__harden_modules.{module}.{option} " in given[option]


def test_each_of_them_is_run_once() -> None:
    steps = yaml.safe_load((ROLE / "tasks/repair.yml").read_text())
    assert sorted(step["vars"]["__harden_module"] for step in steps if "vars" in step) == NAMED
    assert sorted([*NAMED, REVERTS]) == RUN


@pytest.mark.parametrize("module", RUN)
def test_a_refusal_stops_no_other_repair_and_every_result_is_told(module: str) -> None:
    task = task_of(module)
    assert "refused" in task["failed_when"]
    assert task["register"] == f"__harden_{module}"
    begun = yaml.safe_load((ROLE / "tasks/main.yml").read_text())[1]["ansible.builtin.set_fact"]
    assert begun[task["register"]] == {"skipped": True}
    told = (ROLE / "vars/main.yml").read_text()
    assert f'{module}: "{{{{ {task["register"]} }}}}"' in told or module == REVERTS


def test_a_library_is_installed_only_for_a_module_that_lacks_it() -> None:
    (block,) = yaml.safe_load((ROLE / "tasks/change.yml").read_text())
    installs = [task for task in block["block"] if "ansible.builtin.include_role" in task]
    assert [task["when"] for task in installs] == ["__harden_lacks | length > 0"]
    play = yaml.safe_load((ROLE.parents[1] / "playbooks/harden_docker_net.yml").read_text())[0]
    assert [role["role"] for role in play["roles"]] == ["dockernet.baseline.harden"]
