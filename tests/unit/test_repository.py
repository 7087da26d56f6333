# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promises of the repository as a whole that no linter checks."""

from __future__ import annotations

import ast
import base64
import functools
import io
import re
import typing as t
import zipfile
from pathlib import Path

import pytest
import yaml
from ansible_collections.dockernet.baseline.plugins.plugin_utils import host_reading

import stage
from tests.unit.collection_imports import imported_modules, reached_from

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
MODULE_UTILS = PLUGINS / "module_utils"
COLLECTION = "ansible_collections.dockernet.baseline.plugins"

OF_PROBES, OF_CHANGES, OF_CONTROLLER = (45, 135_000), (60, 200_000), (1, 1_000)
READER = "host_reader"
BUDGETS = {
    READER: (1, 4_000),
    "kernel_trace": OF_PROBES,
    "container_probe": OF_PROBES,
    "docker_netcheck": OF_CONTROLLER,
    "packet_trace": OF_CONTROLLER,
    "audit_report": OF_CONTROLLER,
    "facts_report": OF_CONTROLLER,
    "trace_report": OF_CONTROLLER,
    "diagnosis_report": OF_CONTROLLER,
    "change_report": OF_CONTROLLER,
    "connection_diagnosis": OF_CONTROLLER,
    "audit_gate": OF_CONTROLLER,
    "audit_host": OF_CONTROLLER,
    "what_if": OF_CONTROLLER,
    "compare_reachability": OF_CONTROLLER,
    "audit_summary": OF_CONTROLLER,
    "fleet_report": OF_CONTROLLER,
}
"""Files and bytes that a module may send to a host."""
MOST_FILES = 350
"""In plugins/, 220 of them for the audit and for changes: a file is what a reader looks for by its name."""

MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py"))
ROLES = sorted(path.name for path in (ROOT / "roles").glob("*") if path.is_dir())
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
PLUGIN_FILES = sorted(path.relative_to(ROOT).as_posix() for path in PLUGINS.rglob("*.py"))

# The one playbook whose file name people type; its FQCN form is the name with underscores.
FILE_ONLY_PLAYBOOK = "harden-docker-net.yml"

SHIPPED = {
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "changelogs",
    "docs",
    "extensions",
    "galaxy.yml",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}


def load(relative: str) -> t.Any:
    return yaml.safe_load((ROOT / relative).read_text(encoding="utf-8"))


def test_version_is_the_newest_release_or_has_fragments() -> None:
    version = load("galaxy.yml")["version"]
    changelog = ROOT / "changelogs" / "changelog.yaml"
    releases = load("changelogs/changelog.yaml")["releases"] if changelog.exists() else {}
    fragments = list((ROOT / "changelogs" / "fragments").glob("*.yml"))
    assert version in releases or fragments


def test_every_top_level_entry_is_shipped_or_ignored_by_the_build() -> None:
    ignored = set(load("galaxy.yml")["build_ignore"])
    untracked = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    entries = {Path(name.lstrip("/")).parts[0] for name in [*stage.tracked_files(), *untracked] if name}
    assert entries - ignored - SHIPPED == set()
    assert ignored & SHIPPED == set()


def test_development_requirements_are_pinned() -> None:
    lines = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    loose = [line for line in lines if line and not line.startswith("#") and not re.match(r"^[\w.-]+==[\w.]+$", line)]
    assert loose == []


def test_playbooks_can_be_run_by_their_fqcn() -> None:
    # ansible-playbook accepts no hyphen in a name like dockernet.baseline.harden_docker_net, and no linter says so.
    names = {path.name for path in PLAYBOOKS} - {FILE_ONLY_PLAYBOOK}
    assert [name for name in sorted(names) if not re.fullmatch(r"[a-z_][a-z0-9_]*\.yml", name)] == []
    plays = load(f"playbooks/{FILE_ONLY_PLAYBOOK}")
    assert [play.pop("ansible.builtin.import_playbook", None) for play in plays] == ["harden_docker_net.yml"]
    assert all(set(play) <= {"name"} for play in plays)


@pytest.mark.parametrize("role", ROLES)
def test_role_documents_every_option(role: str) -> None:
    readme = (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")
    options = load(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"].get("options", {})
    assert [name for name in options if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("role", ROLES)
def test_role_names_its_variables_after_itself(role: str) -> None:
    options = load(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]["main"].get("options", {})
    assert [name for name in options if not name.startswith(f"{role}_")] == []


def test_the_action_group_is_of_all_modules_that_ask_an_engine() -> None:
    asking = [name for name in MODULES if '"docker_host": ' in (PLUGINS / "modules" / f"{name}.py").read_text()]
    by_specification = ["audit_host", "connection_diagnosis", "docker_netcheck", "packet_trace", "what_if"]
    assert load("meta/runtime.yml")["action_groups"]["dockernet"] == sorted([*asking, *by_specification])


def test_readme_lists_modules() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in MODULES if name not in readme] == []


def test_plugins_state_their_licence() -> None:
    texts = [path.relative_to(ROOT).as_posix() for path in PLUGINS.rglob("*.yml")]
    assert [name for name in [*PLUGIN_FILES, *texts] if not states_its_licence(ROOT / name)] == []


def states_its_licence(path: Path) -> bool:
    head = path.read_text(encoding="utf-8").splitlines()[:6]
    # What goes to hosts says it in one line; ansible-test asks modules, the others say it to people, for the words.
    named = MODULE_UTILS in path.parents or any("GNU General Public License v3.0+" in line for line in head)
    return named and "# SPDX-License-Identifier: GPL-3.0-or-later" in head


# Who must not import whom: readers never judge, checks never touch the host, and what goes to hosts stays small.
OF_HOSTS, OF_LIBRARIES = ["module_utils._host", "module_utils._change"], ["ansible", "docker", "pyroute2"]
FIREWALL = "plugin_utils.firewall"
FORBIDDEN_IMPORTS = {
    "module_utils": ["plugin_utils", "action", "modules"],
    "module_utils/_model": [*OF_HOSTS, *OF_LIBRARIES],
    "module_utils/_host": ["module_utils._change"],
    "modules": ["plugin_utils", "action"],
    "plugin_utils": ["action", "modules", "docker", "pyroute2"],
    "plugin_utils/firewall": [
        "plugin_utils.checks",
        "plugin_utils.policy",
        "plugin_utils.report",
        *OF_HOSTS,
        "ansible",
    ],
    "plugin_utils/reach": ["plugin_utils.checks", "plugin_utils.policy", "plugin_utils.report", *OF_HOSTS, "ansible"],
    "plugin_utils/checks": ["plugin_utils.policy", "plugin_utils.report", *OF_HOSTS, "ansible", "subprocess", "socket"],
    "plugin_utils/policy": ["plugin_utils.report", *OF_HOSTS],
    "plugin_utils/contract": ["plugin_utils.checks", "plugin_utils.policy", "plugin_utils.report", *OF_HOSTS],
    "plugin_utils/trace": ["plugin_utils.checks", "plugin_utils.diagnosis", "plugin_utils.report", *OF_HOSTS],
    "plugin_utils/diagnosis": ["plugin_utils.report", *OF_HOSTS],
    # Text to rules, rules to one hook, hooks to a datapath, datapaths to a matrix: each asks those before it alone.
    "plugin_utils/firewall/iptables": [f"{FIREWALL}.{name}" for name in ("nft", "hooks", "datapath", "matrix")],
    "plugin_utils/firewall/nft": [f"{FIREWALL}.{name}" for name in ("iptables", "hooks", "datapath", "matrix")],
    "plugin_utils/firewall/hooks": [f"{FIREWALL}.{name}" for name in ("iptables", "nft", "datapath", "matrix")],
    "plugin_utils/firewall/datapath": [f"{FIREWALL}.{name}" for name in ("iptables", "nft", "matrix")],
    "plugin_utils/firewall/matrix": [f"{FIREWALL}.{name}" for name in ("iptables", "nft", "hooks")],
}
OURS = ("module_utils", "plugin_utils", "action", "modules")


@pytest.mark.parametrize("package", FORBIDDEN_IMPORTS)
def test_package_keeps_to_its_side(package: str) -> None:
    others = FORBIDDEN_IMPORTS[package]
    forbidden = tuple(f"{COLLECTION}.{other}" if other.startswith(OURS) else other for other in others)
    crossing = [
        f"{name} imports {module}"
        for name in PLUGIN_FILES
        if name.startswith(f"plugins/{package}/")
        for module in sorted(imported_modules(ROOT / name))
        if any(module == other or module.startswith(f"{other}.") for other in forbidden)
    ]
    assert crossing == []


@pytest.mark.parametrize("name", MODULES)
def test_what_is_sent_to_a_host_is_little(name: str) -> None:
    """Files, and bytes as Ansible packs them (zip, deflated), without those of Ansible itself."""
    files = sorted(reached_from(PLUGINS / "modules" / f"{name}.py"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(ROOT))
    size = len(packed.getvalue())
    most_files, most_bytes = BUDGETS.get(name, OF_CHANGES)
    assert (len(files) <= most_files, size <= most_bytes) == (True, True), f"{len(files)} files, {size} bytes"


def test_what_reads_a_host_is_little() -> None:
    """Files, and bytes as they are sent but for Base64: what the module is given to run, and nothing of Ansible's."""
    files = sorted(reached_from(MODULE_UTILS / "_host" / "reader_program.py"))
    sent = host_reading.sources_of(host_reading.PROGRAM)
    assert sorted(f"ansible_collections/dockernet/baseline/{path.relative_to(ROOT)}" for path in files) == sorted(sent)
    assert (len(sent) <= 40, len(base64.b64decode(host_reading.SOURCES)) <= 80_000) == (True, True)


@pytest.mark.parametrize("name", [name for name in MODULES if BUDGETS.get(name) != OF_CONTROLLER and name != READER])
def test_module_has_each_file_compiled_once(name: str) -> None:
    """What does so is imported ahead of all else that comes in the archive."""
    text = (PLUGINS / "modules" / f"{name}.py").read_text(encoding="utf-8")
    ours = [node for node in ast.parse(text).body if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
    first = next(node for node in ours if str(node.module).startswith(COLLECTION))
    assert [alias.name for alias in first.names] == ["_compile_once"]


def test_plugins_are_few_files() -> None:
    assert len(PLUGIN_FILES) <= MOST_FILES


# What reads a host, changes it or waits for it. A plan reaches none of it, by whatever it imports.
IMPURE = {"ansible", "ctypes", "docker", "fcntl", "http", "os", "pathlib", "pyroute2", "shutil", "signal", "socket"}
IMPURE |= {"subprocess", "tempfile", "time"}


def first_line(path: Path) -> str:
    """The first line of a file's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


# Also what says of itself that it is pure.
PLANS = [
    name
    for name in PLUGIN_FILES
    if "/_change/" in name and ("plan" in Path(name).stem or first_line(ROOT / name).endswith("Pure."))
]


@functools.cache
def touching(path: Path) -> tuple[str, ...]:
    """Return what of a file can touch a host: modules that it imports, files that it opens."""
    tops = {module.partition(".")[0] for module in imported_modules(path)}
    calls = [node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    opens = any(isinstance(call, ast.Name) and call.id in ("open", "exec", "eval", "__import__") for call in calls)
    return tuple(f"{path.relative_to(ROOT)}: {what}" for what in sorted(tops & IMPURE) + ["open"] * opens)


@pytest.mark.parametrize("name", PLANS)
def test_plan_is_pure(name: str) -> None:
    assert [what for path in sorted(reached_from(ROOT / name)) for what in touching(path)] == []


IMPORT = re.compile(r"^from (ansible_collections\.dockernet\.baseline\.[\w.]+) import ([\w, ]+)$", re.MULTILINE)


def test_programs_in_the_texts_of_tests_import_what_there_is() -> None:
    """They run on lab hosts, where no linter and no type checker sees them."""
    texts = [(path, path.read_text(encoding="utf-8")) for path in sorted((ROOT / "tests").rglob("*.py"))]
    wrong = [
        f"{path.relative_to(ROOT)}: {name.strip()} of {module}"
        for path, text in texts
        for module, names in IMPORT.findall(text)
        for name in names.split(",")
        if not has_name(module, name.split(" as ")[0].strip())
    ]
    assert wrong == []


@functools.cache
def has_name(module: str, name: str) -> bool:
    """Whether a module of the collection, or a package of modules, has a name to import."""
    path = ROOT / module.removeprefix("ansible_collections.dockernet.baseline.").replace(".", "/")
    if path.is_dir():
        return (path / f"{name}.py").is_file() or (path / name).is_dir()
    text = path.with_suffix(".py").read_text(encoding="utf-8") if path.with_suffix(".py").is_file() else ""
    defined = rf"^(?:(?:class|def) {name}\b|[\w, ]*\b{name}\b[^=\n]*=|from .* import .*\b{name}\b|    {name},)"
    return re.search(defined, text, re.MULTILINE) is not None


def test_the_map_of_the_code_names_what_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:module_utils|plugin_utils|plugins|tests|docs)/[^`*]+)`", text))
    paths = [name if name.startswith(("plugins", "tests", "docs")) else f"plugins/{name}" for name in named]
    assert len(paths) > 20
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


def consents_of(path: Path) -> set[tuple[str, str]]:
    """Return the options, with the values that consent, that refusals in a file name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    dicts = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    named = [node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "consents"]
    shared = {node.id for value in named for node in ast.walk(value) if isinstance(node, ast.Name)}
    named += [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and {getattr(target, "id", "") for target in node.targets} & shared
    ]
    inside = {child for value in named for child in ast.walk(value)}
    found = [
        ast.literal_eval(ast.Dict(*pairs)) for pairs in map(literal_pairs, (item for item in dicts if item in inside))
    ]
    return {pair for consents in found for pair in consents.items()}


def literal_pairs(node: ast.Dict) -> tuple[list[ast.expr | None], list[ast.expr]]:
    """Return the keys and values of a display of a dict, without the dicts that it takes in."""
    pairs = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if key is not None]
    return [key for key, dummy in pairs], [value for dummy, value in pairs]


def test_what_a_refusal_says_would_allow_it_is_an_option_with_that_value() -> None:
    files = [name for name in PLUGIN_FILES if "/_change/" in name]
    named = {pair for name in files for pair in consents_of(ROOT / name)}
    choices: set[tuple[str, str]] = set()
    for name in MODULES:
        options = load(f"plugins/modules/{name}.yml")["DOCUMENTATION"].get("options") or {}
        choices |= {(option, str(value)) for option, text in options.items() for value in text.get("choices", [])}
    assert len(named) >= 8
    assert named - choices == set()


def test_no_empty_package_files() -> None:
    assert [path for path in PLUGINS.rglob("__init__.py") if not path.stat().st_size] == []
