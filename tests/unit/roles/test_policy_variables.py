# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One policy for all roles: each dockernet_ variable reaches each role that it concerns; a role's own overrides it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import AUDIT_SPEC

ROOT = Path(__file__).resolve().parents[3]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
NETCHECK = "dockernet.baseline.docker_netcheck"
GATE = "dockernet.baseline.audit_gate"

OF_AUDITS = {
    "profile": "strict",
    "cis_benchmark": "1.7.0",
    "checks": ["publish.*"],
    "exclude": ["proxy.memory"],
    "severities": {"publish.*": "high"},
    "parameters": {"publish.privileged": {"allowed": [443]}},
    "waivers": [{"check": "mode.host", "reason": "known", "owner": "ops", "expires": "2999-12-31"}],
    "refuse_waivers_by": ["labels"],
    "contract": "contract.yml",
    "labels": "omit",
    "userland_proxy": "disabled",
    "docker_host": "unix:///run/other.sock",
    "read_timeout": 7,
    "judge_timeout": 8,
    "output_dir": "audits",
    "report_formats": ["json", "csv"],
    "table_width": 90,
}
"""What is said once, each with another value than the default."""
CONCERNS: dict[str, set[str]] = {
    "audit": set(OF_AUDITS),
    "harden": set(OF_AUDITS),
    "networks": {"docker_host"},
    "prerequisites": set(),
}
NOT_OPTIONS = {"table_width", "output_dir", "report_formats"}
"""Of what is shown and written, not of the audit itself; the role harden writes both of its audits by audit_report."""
OF_ONE_RUN = {"learn_contract", "document_in", "output_dir", "snapshot", "snapshot_path"}
"""Options of the audit that say what becomes of its result."""


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def options(role: str) -> dict[str, Any]:
    found: dict[str, Any] = load(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    return found


def defaults(role: str, **variables: Any) -> dict[str, Any]:
    """The defaults of a role where these variables are set."""
    plain = load(f"roles/{role}/defaults/main.yml")
    trusted = {name: trust_as_template(value) if isinstance(value, str) else value for name, value in plain.items()}
    templar = Templar(loader=DataLoader(), variables={**trusted, **variables})
    return {name: templar.template(value) for name, value in trusted.items()}


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_those_that_are_documented(role: str) -> None:
    documented = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert defaults(role) == documented
    without = {name for name in options(role) if name not in documented}
    assert without <= {"audit_snapshot", "audit_snapshot_path"}


@pytest.mark.parametrize("role", ROLES)
def test_each_variable_for_all_roles_reaches_the_role(role: str) -> None:
    said = {f"dockernet_{name}": value for name, value in OF_AUDITS.items()}
    changed = {name: value for name, value in defaults(role, **said).items() if value != defaults(role)[name]}
    assert changed == {f"{role}_{name}": OF_AUDITS[name] for name in CONCERNS[role]}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_no_other_variable_for_all_roles(role: str) -> None:
    text = (ROOT / f"roles/{role}/defaults/main.yml").read_text()
    assert set(re.findall(r"\bdockernet_(\w+) \|", text)) == CONCERNS[role]


def test_harden_has_what_audit_has() -> None:
    of_audits_alone = {"detail", "snapshot", "snapshot_path", "fleet_formats", "history", "history_days"}
    own = {name.removeprefix("audit_") for name in options("audit")} - of_audits_alone
    assert own <= {name.removeprefix("harden_") for name in options("harden")}
    for name in own - {"reachability", "facts", "fail_on", "fail_on_unknown"}:
        ours, theirs = options("harden")[f"harden_{name}"], options("audit")[f"audit_{name}"]
        assert [ours.get(key) for key in ("type", "elements", "choices", "default")] == [
            theirs.get(key) for key in ("type", "elements", "choices", "default")
        ], name


def audit_in_harden(file: str) -> dict[str, Any]:
    """The options of the audit that is the first task of a file, or of a block there."""
    first = load(f"roles/harden/tasks/{file}.yml")[0]
    found: dict[str, Any] = first.get("block", [first])[0][NETCHECK]
    return found


def test_the_audit_is_by_the_whole_policy() -> None:
    options = load("roles/audit/tasks/main.yml")[0]["block"][0]["dockernet.baseline.audit_host"]["audit"]
    given = {name: f"that {name}" for name in AUDIT_SPEC}
    variables = {"omit": "", **{f"audit_{name}": value for name, value in given.items()}}
    rendered = Templar(loader=DataLoader(), variables=variables).template(trust_as_template(options))
    assert rendered == {**{name: given[name] for name in set(given) - {"learn_contract"}}, "document_in": "file"}


def test_the_two_audits_of_harden_are_by_the_whole_policy() -> None:
    given = audit_in_harden("audit")
    assert given == audit_in_harden("audit_again")
    assert set(AUDIT_SPEC) - OF_ONE_RUN <= set(given)
    for name in set(OF_AUDITS) - NOT_OPTIONS:
        assert given[name] in (f"{{{{ harden_{name} }}}}", f"{{{{ harden_{name} | default(omit, true) }}}}")


@pytest.mark.parametrize(
    ("book", "names"),
    [
        ("facts_docker_net", {"docker_host", "labels", "read_timeout", "judge_timeout", "output_dir", "table_width"}),
        ("trace_docker_net", {"docker_host", "table_width"}),
    ],
)
def test_playbooks_without_a_role_take_what_concerns_them(book: str, names: set[str]) -> None:
    text = (ROOT / f"playbooks/{book}.yml").read_text()
    assert set(re.findall(r"\bdockernet_(\w+) \| default", text)) - {"hosts"} == names


def test_the_page_about_policy_has_each_of_them() -> None:
    page = (ROOT / "docs/policy.md").read_text()
    for name in OF_AUDITS:
        assert f"`dockernet_{name}`" in page, name
    for role, names in CONCERNS.items():
        readme = (ROOT / f"roles/{role}/README.md").read_text()
        for name in names:
            assert re.search(rf"^\| `{role}_{name}` \| .*`dockernet_{name}`", readme, re.MULTILINE), (role, name)


# ---- tags ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "tags"),
    [
        ("audit", {"audit"}),
        ("harden", {"always", "audit", "remediate"}),
        ("networks", {"remediate"}),
        ("prerequisites", {"remediate"}),
    ],
)
def test_each_step_of_a_role_has_one_tag(role: str, tags: set[str]) -> None:
    """One alone: a step with two of them is left out by --skip-tags for one."""
    steps = load(f"roles/{role}/tasks/main.yml")
    if role == "harden":
        for state in options(role)["harden_state"]["choices"]:
            steps += load(f"roles/{role}/tasks/{state}.yml")
    assert {step["tags"] for step in steps} == tags


def test_what_is_always_run_in_harden_touches_no_host() -> None:
    for step in load("roles/harden/tasks/main.yml"):
        assert {GATE, "ansible.builtin.set_fact", "ansible.builtin.include_tasks"} & set(step)
