"""What is expected of a collection on Galaxy, and no linter asks for."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTATION = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "plugins/modules").glob("*.yml"))
}
CHANGE = "dockernet.baseline._attributes.change"
ACTION_GROUP = "dockernet.baseline._attributes.actiongroup_dockernet"
ENGINE = "dockernet.baseline._engine"


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def fragments(name: str) -> list[str]:
    found: list[str] = DOCUMENTATION[name]["DOCUMENTATION"]["extends_documentation_fragment"]
    return found


@pytest.mark.parametrize("name", DOCUMENTATION)
def test_every_module_names_its_neighbours(name: str) -> None:
    seealso = DOCUMENTATION[name]["DOCUMENTATION"]["seealso"]
    modules = [item["module"].rpartition(".")[2] for item in seealso if "module" in item]
    assert modules
    assert [item for item in modules if item not in DOCUMENTATION or item == name] == []
    assert [item["link"] for item in seealso if "link" in item and not item["link"].startswith("https://")] == []
    assert [item for item in seealso if "link" in item], "a page of the field is named, too"


@pytest.mark.parametrize("name", [name for name in DOCUMENTATION if CHANGE in fragments(name)])
def test_modules_that_change_something_document_what_all_of_them_return(name: str) -> None:
    returned = DOCUMENTATION[name]["RETURN"]
    assert returned["diff"]["returned"] == "in diff mode"
    assert set(returned["disruptions"]["contains"]) == {"kind", "name", "how"}
    assert returned["disruptions"]["contains"]["kind"]["choices"]


def test_the_action_group_is_documented_where_it_is() -> None:
    members = load("meta/runtime.yml")["action_groups"]["dockernet"]
    assert [name for name in DOCUMENTATION if ACTION_GROUP in fragments(name)] == members
    # What the group is for: an engine at another address, said once for all of them.
    options = {name: DOCUMENTATION[name]["DOCUMENTATION"].get("options", {}) for name in members}
    assert [name for name in members if ENGINE not in fragments(name) and "docker_host" not in options[name]] == []


def test_an_execution_environment_gets_what_the_controller_imports() -> None:
    """ansible-builder reads this file, and takes the path in it from the root of the collection."""
    environment = load("meta/execution-environment.yml")
    assert environment["version"] == 1
    lines = (ROOT / environment["dependencies"]["python"]).read_text(encoding="utf-8").splitlines()
    required = {Requirement(line).name for line in lines}
    folders = ("action", "filter", "lookup", "plugin_utils")
    imported = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for folder in folders
        for path in (ROOT / "plugins" / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    # Ansible itself needs YAML and Jinja2.
    assert imported - set(sys.stdlib_module_names) - {"ansible", "ansible_collections", "yaml", "jinja2"} <= required
    assert {"jmespath", "pyroute2"} <= required


def test_the_changelog_names_every_module() -> None:
    releases = load("changelogs/changelog.yaml")["releases"]
    assert load("galaxy.yml")["version"] in releases
    named = {item["name"] for release in releases.values() for item in release.get("modules", [])}
    assert set(DOCUMENTATION) - named == set(), "run `make changelog`"


KILLS_AT_ANY_INSTANT = "tests/unit/plugins/module_utils/_change/test_atomic_file.py"


def depends_on_speed(node: ast.AST) -> bool:
    """Whether it sleeps, or compares how long something took."""
    if isinstance(node, ast.Compare):
        differences = (part for part in ast.walk(node) if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub))
        return any(ast.unparse(part.left) == "time.monotonic()" for part in differences)
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep"


def test_no_unit_test_waits_for_a_time_or_measures_one() -> None:
    """Those depend on the machine. tests/lab/proc.py waits for a condition, patience.py has limits and a clock."""
    found = []
    for path in sorted((ROOT / "tests/unit").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        # Programs of processes that a test starts are text, and may sleep.
        if "import time" in text and any(depends_on_speed(node) for node in ast.walk(ast.parse(text))):
            found.append(path.relative_to(ROOT).as_posix())
    assert found == [KILLS_AT_ANY_INSTANT]
