"""Every example that the collection's documentation has, found where users find it."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("roles/*/README.md")),
]
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
# What is shown and not typed: output, drawings.
SHOWN = {"text"}
# The comment above a playbook.
COMMAND = re.compile(r"^#   (?P<text>ansible-playbook .*)$", re.MULTILINE)
COLLECTION = "dockernet.baseline."


@dataclass(frozen=True)
class Example:
    """One example, with the file that it is in."""

    source: str
    kind: Literal["play", "tasks", "waivers", "variables", "contract", "commands"]
    data: Any
    """What YAML makes of it; a list of words for each command."""

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """All tasks in it, those in blocks too."""
        return list(tasks_in(self.data)) if self.kind == "tasks" else []

    @property
    def plays(self) -> list[dict[str, Any]]:
        """As plays of a playbook."""
        if self.kind == "tasks":
            return [{"name": f"Example in {self.source}", "hosts": "all", "gather_facts": False, "tasks": self.data}]
        return list(self.data) if self.kind == "play" else []


def tasks_in(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Tasks of a list, each block's tasks in place of the block."""
    for task in tasks:
        inner = [name for name in ("block", "rescue", "always") if name in task]
        for name in inner:
            yield from tasks_in(task[name])
        if not inner:
            yield task


def find_examples() -> list[Example]:
    """All of them. Raises ValueError for one in a language that no test knows."""
    return [*_of_pages(), *_of_plugins(), *_of_playbooks()]


def _of_pages() -> Iterator[Example]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        fences = list(FENCE.finditer(text))
        if text.count("```") != 2 * len(fences):
            raise ValueError(
                f"{page}: an example that is not found, since its fence is indented or has more than a word"
            )
        for fence in fences:
            source, language = str(page.relative_to(ROOT)), fence["language"]
            if language == "yaml":
                yield _of_yaml(source, fence["text"])
            elif language == "shell":
                yield Example(source, "commands", commands_of(fence["text"]))
            elif language not in SHOWN:
                raise ValueError(f"{source}: an example in {language or 'no language'}, which no test knows")


def _of_plugins() -> Iterator[Example]:
    for path in sorted(ROOT.glob("plugins/modules/*.yml")):
        yield _of_yaml(f"module {path.stem}", yaml.safe_load(path.read_text(encoding="utf-8"))["EXAMPLES"])
    for path in sorted([*ROOT.glob("plugins/filter/*.py"), *ROOT.glob("plugins/lookup/*.py")]):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and [ast.unparse(name) for name in node.targets] == ["EXAMPLES"]:
                yield _of_yaml(f"{path.parent.name} {path.stem}", ast.literal_eval(node.value))


def _of_playbooks() -> Iterator[Example]:
    for path in sorted(ROOT.glob("playbooks/*.yml")):
        found = [match["text"] for match in COMMAND.finditer(path.read_text(encoding="utf-8"))]
        if found:
            yield Example(f"playbook {path.stem}", "commands", commands_of("\n".join(found)))


def _of_yaml(source: str, text: str) -> Example:
    data = yaml.safe_load(text)
    if isinstance(data, dict):
        return Example(source, "contract" if "intents" in data else "variables", data)
    if any("hosts" in item and "check" not in item for item in data):
        return Example(source, "play", data)
    return Example(source, "waivers" if all("check" in item for item in data) else "tasks", data)


def commands_of(text: str) -> list[list[str]]:
    """The words of each command, without variables before it and comments behind it."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.match(r"\w+=", words[0]):
            words = words[1:]
        if words:
            found.append(words)
    return found
