"""What the documentation shows can be typed as it is: names, options, values, playbooks, targets of make."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.reader import read_contract
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import AUDIT_SPEC, REQUIRED_BY, TRACE_SPEC
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.policy import read_policy

from tests.lab.ansible_runs import environment
from tests.lab.playbook_runs import run_playbook
from tests.lab.proc import Result
from tests.unit.documented_examples import COLLECTION, ROOT, Example, find_examples

PLUGINS = "ansible_collections.dockernet.baseline.plugins"
EXAMPLES = find_examples()
# What other modules run is for them alone.
MODULES = sorted({path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")} - {"host_reader"})
# Those whose options the controller alone knows.
SPECIFICATIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "docker_netcheck": (AUDIT_SPEC, {"required_by": REQUIRED_BY}),
    "packet_trace": (TRACE_SPEC, {}),
}
# What goes on in a shell beside Ansible and make.
OTHER_COMMANDS = {"git", "cd", "ansible-galaxy", "ansible-rulebook", "pip", "python"}
# With which people look at networks without this collection.
MANUAL_COMMANDS = {
    "bridge", "conntrack", "curl", "dig", "docker", "ip", "ip6tables", "iptables", "journalctl", "nft", "nsenter",
    "ping", "ps", "ss", "sysctl", "tcpdump", "tracepath",
}  # fmt: skip
TEMPLATE = "{{"
STAND_INS: dict[str, Any] = {"list": [], "dict": {}, "bool": True, "int": 1, "float": 1.0}


def named(examples: list[Example]) -> Any:
    return [pytest.param(example, id=f"{example.source} {number}") for number, example in enumerate(examples)]


def of_kind(*kinds: str) -> Any:
    return named([example for example in EXAMPLES if example.kind in kinds])


class SpecificationError(Exception):
    """Raised in place of running a module, with what it would have taken."""


def specification(name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of a module as its code has them, and what else is asked of them together."""

    def stop(dummy: AnsibleModule, argument_spec: dict[str, Any], **settings: Any) -> None:
        raise SpecificationError(argument_spec, {key: settings[key] for key in settings if key.startswith("required_")})

    if name in SPECIFICATIONS:
        return SPECIFICATIONS[name]
    action = ROOT / "plugins" / "action" / f"{name}.py"
    if action.exists() and "_ARGUMENTS" in action.read_text(encoding="utf-8"):
        return importlib.import_module(f"{PLUGINS}.action.{name}")._ARGUMENTS, {}
    monkeypatch.setattr(AnsibleModule, "__init__", stop)
    with pytest.raises(SpecificationError) as found:
        importlib.import_module(f"{PLUGINS}.modules.{name}").main()
    return found.value.args[0], found.value.args[1]


def without_templates(values: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """The values, with a stand-in of the right type for each that only a run knows."""
    return {
        key: STAND_INS.get(options.get(key, {}).get("type", "str"), value) if TEMPLATE in str(value) else value
        for key, value in values.items()
    }


def validated(options: dict[str, Any], values: dict[str, Any], **together: Any) -> dict[str, Any]:
    """The values as Ansible hands them on. What it would refuse fails the test."""
    result = ArgumentSpecValidator(options, **together).validate(without_templates(values, options))
    assert result.error_messages == []
    found: dict[str, Any] = result.validated_parameters
    return found


def role_options(role: str) -> dict[str, Any]:
    text = (ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    return found


ROLES = {path.name: role_options(path.name) for path in sorted((ROOT / "roles").iterdir())}


def test_every_module_has_examples_and_no_page_is_forgotten() -> None:
    shown = {word for example in EXAMPLES for task in example.tasks for word in task}
    assert [name for name in MODULES if f"{COLLECTION}{name}" not in shown] == []
    assert {example.source for example in EXAMPLES} >= {"README.md", "docs/policy.md", "roles/networks/README.md"}


@pytest.mark.parametrize("example", of_kind("tasks"))
def test_options_of_modules(example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    for task in example.tasks:
        for key in [key for key in task if key.startswith(COLLECTION)]:
            name = key.removeprefix(COLLECTION)
            with monkeypatch.context() as patches:
                options, together = specification(name, patches)
            values = validated(options, task[key] or {}, **together)
            if name == "docker_netcheck":
                read_policy(values)


CHANGING = ("baseline_rollback", "bridge_hairpin", "bridge_network", "daemon_config", "ip_forward", "userland_proxy")
NEED_ROOT = tuple(
    f"{COLLECTION}{name}" for name in (*CHANGING, "container_probe", "docker_netcheck", "kernel_trace", "packet_trace")
)


@pytest.mark.parametrize("example", of_kind("tasks"))
def test_what_needs_root_says_so(example: Example) -> None:
    for task in example.tasks:
        asked = [task[key] or {} for key in task if key in NEED_ROOT]
        saved = [
            options
            for options in asked
            if options.get("snapshot") == "audit" or ("from" in options and "snapshot_path" in options)
        ]
        assert not asked or saved or task.get("become") is True, task


def values_for(role: str, data: dict[str, Any]) -> dict[str, Any]:
    """Variables of a role, from its own and from those for all roles."""
    own = {key: value for key, value in data.items() if key.startswith(f"{role}_")}
    common = {key.partition("_")[2]: value for key, value in data.items() if key.startswith("dockernet_")}
    return {**{f"{role}_{key}": value for key, value in common.items()}, **own}


@pytest.mark.parametrize("example", of_kind("contract"))
def test_contracts(example: Example) -> None:
    read_contract(example.data)


@pytest.mark.parametrize("example", of_kind("variables", "play"))
def test_variables_of_roles(example: Example) -> None:
    if example.kind == "variables":
        owners = {key.partition("_")[0] for key in example.data}
        # What is said for all roles is what each of those says that judge.
        roles = {"audit", "harden"} if "dockernet" in owners else owners
        given = {role: values_for(role, example.data) for role in roles}
    else:
        entries = [role for play in example.data for role in play["roles"]]
        given = {entry["role"].removeprefix(COLLECTION): entry.get("vars", {}) for entry in entries}
    for role, values in given.items():
        validated(ROLES[role], values)


@pytest.mark.parametrize("example", of_kind("waivers"))
def test_waivers(example: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    options, together = specification("docker_netcheck", monkeypatch)
    read_policy(validated(options, {"waivers": example.data}, **together))


def known_variables() -> set[str]:
    """Those of roles, and those that playbooks ask for."""
    files = [*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "roles").glob("*/defaults/main.yml")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    asked = set(re.findall(r"\b([a-z]+(?:_[a-z]+)*) \| default\(", text)) | set(re.findall(r"\b(\w+) is defined", text))
    return asked | {name for options in ROLES.values() for name in options}


def extra_variables(words: list[str]) -> list[str]:
    """Names of what -e gives, but for files of them."""
    found = []
    for text in [words[place + 1] for place, word in enumerate(words) if word == "-e"]:
        if text.startswith("{"):
            found += list(json.loads(text))
        elif not text.startswith("@"):
            found.append(text.partition("=")[0])
    return found


@pytest.mark.parametrize("example", of_kind("commands"))
def test_commands(example: Example) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for program, *words in example.data:
        if program == "make":
            targets = [word for word in words if "=" not in word]
            assert [word for word in targets if not re.search(rf"^{word}:", makefile, re.MULTILINE)] == []
            settings = [word.partition("=")[0] for word in words if "=" in word]
            assert [word for word in settings if not re.search(rf"\b{word}\b", makefile)] == []
        elif Path(program).name == "ansible-playbook":
            assert [name for name in extra_variables(words) if name not in known_variables()] == []
        else:
            assert program in OTHER_COMMANDS | MANUAL_COMMANDS


def check_syntax(tmp_path: Path, words: Sequence[str]) -> Result:
    """Have ansible-playbook read what it would run, with files of the names that examples use."""
    groups: dict[str, Any] = {name: {"hosts": {"web1": {}}} for name in ("docker_hosts", "docker")}
    groups["docker"]["hosts"]["edge1"] = {}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": groups}}))
    (tmp_path / "networks.yml").write_text("networks_list: []\n")
    (tmp_path / "change.yml").write_text("what_if_changes: []\n")
    files = {
        "hosts.yml": f"{tmp_path}/hosts.yml",
        ".build/lab/inventory.yml": f"{tmp_path}/hosts.yml",
        "@networks.yml": f"@{tmp_path}/networks.yml",
        "@change.yml": f"@{tmp_path}/change.yml",
    }
    return run_playbook([*(files.get(word, word) for word in words), "--syntax-check"], environment(), {}, 120)


def test_playbooks_and_tasks_have_the_syntax_of_ansible(tmp_path: Path) -> None:
    plays = [play for example in EXAMPLES for play in example.plays]
    (tmp_path / "examples.yml").write_text(yaml.safe_dump(plays, sort_keys=False))
    done = check_syntax(tmp_path, ["-i", "hosts.yml", f"{tmp_path}/examples.yml"])
    assert done.rc == 0, done.out + done.err
    assert "WARNING" not in done.err, done.err


COMMANDS = sorted(
    {
        tuple(words[1:])
        for example in EXAMPLES
        if example.kind == "commands"
        for words in example.data
        if words[0] == "ansible-playbook"
    }
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_ansible_takes_the_command_line(words: tuple[str, ...], tmp_path: Path) -> None:
    done = check_syntax(tmp_path, words)
    assert done.rc == 0, done.out + done.err
