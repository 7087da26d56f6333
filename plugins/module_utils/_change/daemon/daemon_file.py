# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""daemon.json as text: read with all that stands beside it, its keys set and removed, and what a change is. Pure.

The text must be a JSON object without duplicate keys, or empty, or ``null`` (dockerd takes both as no settings).
Indentation, spacing, order, line ends and the end of the file are kept, so that administrators find back the file that
they wrote.

A goal turns the present configuration into the wanted text, and says which keys must be in force then. Here is that of
a whole text; daemon_keys_goal.py has those of single keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    SECRET_FILE_MODE,
    Diff,
    FileState,
    Refusal,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import (
    GO_SPACE,
    ConfigProblem,
    ParsedConfig,
    parse,
    whole_characters,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import Release
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import problems_in, reload_blockers
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import (
    flattened,
    is_blank,
    next_flags,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import holds_secrets, mask_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

_SPACE = " \t\r\n"
# What dockerd takes off the ends of a file. Such a file is not edited, but shown.
_EDGE = GO_SPACE + "\ufeff"
_NOTHING = re.compile(f"[{_EDGE}]*(null)?[{_EDGE}]*\\Z")


@dataclass(frozen=True)
class CurrentConfig:
    """daemon.json as it is now, and what dockerd gets beside it at its next start."""

    path: str
    text: str | None
    """None where there is no file."""
    values: dict[str, Any] = field(default_factory=dict)
    """Its top-level keys, unmasked."""
    flags: dict[str, Any] = field(default_factory=dict)
    """Of the next start, by keys of daemon.json."""
    release: Release = (0, 0)
    starter: str = "dockerd"
    """What gives the flags, in words."""
    starter_files: str = ""
    """Where the flags stand."""


@dataclass(frozen=True)
class _Member:
    """A key with its value, by offsets into the text."""

    key: str
    lead: int
    """Behind the brace or comma in front of it: where its white space begins."""
    start: int
    colon: int
    """Behind the key."""
    value: int
    end: int


@dataclass(frozen=True)
class _Object:
    opening: int
    members: list[_Member]
    closing: int

    def member(self, key: str) -> _Member | None:
        return next((member for member in self.members if member.key == key), None)


def read_config(snapshot: HostSnapshot, file: FileState) -> CurrentConfig:
    """Return the configuration in file. Raises Refusal, with line and column, for what dockerd would stumble over."""
    text = None if file.data is None else file.data.decode("utf-8", "replace")
    parsed = ParsedConfig() if is_blank(text or "") else parse(file.data or b"", file.path)
    if parsed.problems:
        raise Refusal(_problem_text(file.path, parsed.problems))
    release = snapshot.engine.release if snapshot.engine else (0, 0)
    starter, files = _starter(snapshot)
    config = CurrentConfig(file.path, text, parsed.values, next_flags(snapshot) or {}, release, starter, files)
    # What is wrong is its author's to repair, even where the change would write over it.
    refuse_unstartable(config, text)
    return config


def refuse_unstartable(config: CurrentConfig, text: str | None) -> None:
    """Refuse what keeps dockerd from starting, from whatever hand; what it only ignores is no matter here."""
    parsed = parse_text(text)
    found = [*parsed.problems, *problems_in(parsed.values, parsed.positions, config.flags, config.release)]
    problems = [problem for problem in found if problem.accepted_from is None]
    if problems:
        raise Refusal(_problem_text(config.path, problems))


def parse_text(text: str | None) -> ParsedConfig:
    """No file, or an empty one: no settings."""
    return ParsedConfig() if text is None or is_blank(text) else parse(text.encode(), "")


def values_of(text: str | None) -> dict[str, Any]:
    """What dockerd takes from the text: members of objects that it does not know count as top-level keys."""
    return flattened(parse_text(text).values)


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same in JSON: true is not 1, and the order of an object's members is nothing."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def without_reload_blockers(text: str | None, release: Release) -> str | None:
    """Return text without what makes every reload fail, which is what dockerd does by default anyway."""
    parsed = parse_text(text)
    for problem in reload_blockers(parsed.values, parsed.positions, release):
        text = without_key(text or "", str(problem.key))
    return text


def changed_keys(old: str | None, new: str | None) -> list[str]:
    """Top-level keys that differ, in the order of the new text, removed ones last."""
    before, after = parse_text(old).values, parse_text(new).values
    names = [*after, *(name for name in before if name not in after)]
    return [name for name in names if (name in before) != (name in after) or not same(before.get(name), after[name])]


def file_actions(path: str, old: str | None, new: str | None) -> list[str]:
    """One sentence for each key that changes."""
    after = parse_text(masked_text(new or "")).values
    actions = []
    for key in changed_keys(old, new):
        if key in after:
            actions.append(f"set {key} to {json.dumps(after[key])} in {path}")
        else:
            actions.append(f"remove {key} from {path}")
    if not actions and old != new:
        actions.append(f"remove {path}" if new is None else f"restore the previous text of {path}")
    return actions


def mode_for(file: FileState, text: str | None) -> int:
    """The mode that a file gets with text: its own, or, where there was none, one that keeps secrets from others."""
    hidden = file.data is None and holds_secrets(parse_text(text).values)
    return SECRET_FILE_MODE if hidden else file.mode


def file_diff(path: str, old: str | None, new: str | None) -> list[Diff]:
    """The change of the text, secrets masked; none for no change."""
    return [] if old == new else [Diff(path, masked_text(old or ""), masked_text(new or ""))]


def _starter(snapshot: HostSnapshot) -> tuple[str, str]:
    """What starts dockerd, and the files that its flags may come from."""
    service = snapshot.service
    if service is None or service.manager not in ("systemd", "sysvinit"):
        return "the command line", "they are those of the running process and of what started it"
    files = [path for path in (service.fragment, *service.drop_ins) if path]
    # Debian's unit and its init script take DOCKER_OPTS from here.
    files.append("/etc/default/docker, where that is read")
    return service.name, ", ".join(files)


def _problem_text(path: str, problems: list[ConfigProblem]) -> str:
    places = [f"{path}:{problem.line}:{problem.column}: {problem.message}" for problem in problems]
    return f"the file was left unchanged, because dockerd cannot read it: {'; '.join(places)}"


def with_key(text: str, key: str, *, value: Any) -> str:
    """Return text with key set to value: in its place where it exists, otherwise as the last member."""
    written = json.dumps(value)
    line_end = "\r\n" if "\r\n" in text else "\n"
    if _NOTHING.match(text):
        return f'{{{line_end}  "{key}": {written}{line_end}}}{line_end}'
    found = _object(text)
    old = found.member(key)
    if old is not None:
        return text[: old.value] + written + text[old.end :]
    if not found.members:
        body = f'{line_end}  "{key}": {written}{line_end}'
        return text[: found.opening + 1] + body + text[found.closing :]
    last = found.members[-1]
    colon = text[last.colon : last.value]
    lead = text[last.lead : last.start]
    if len(found.members) == 1 and not lead:
        # {"a": 1}: nothing shows how this author separates members, but the colon hints at it.
        lead = " " if colon.endswith(" ") else ""
    return text[: last.end] + f',{lead}"{key}"{colon}{written}' + text[last.end :]


def without_key(text: str, key: str) -> str:
    """Return text without key; text itself where it does not have it."""
    if _NOTHING.match(text):
        return text
    found = _object(text)
    old = found.member(key)
    if old is None:
        return text
    place = found.members.index(old)
    if len(found.members) == 1:
        return text[: found.opening + 1] + text[found.closing :]
    if place == len(found.members) - 1:
        return text[: found.members[place - 1].end] + text[old.end :]
    return text[: old.start] + text[found.members[place + 1].start :]


def masked_text(text: str) -> str:
    """Return text fit to be shown: credentials are masked as in a snapshot."""
    if _NOTHING.match(text):
        return text
    for member in reversed(_object(text).members):
        value = json.loads(text[member.value : member.end])
        shown = mask_values({member.key: value})[member.key]
        if shown != value:
            text = text[: member.value] + json.dumps(shown) + text[member.end :]
    return text


def _object(text: str) -> _Object:
    decoder = json.JSONDecoder()
    opening = len(text) - len(text.lstrip(_EDGE))
    members: list[_Member] = []
    lead = opening + 1
    position = _skip(text, lead)
    while text[position] != "}":
        key, colon = decoder.raw_decode(text, position)
        value = _skip(text, _skip(text, colon) + 1)
        dummy, end = decoder.raw_decode(text, value)
        members.append(_Member(whole_characters(key), lead, position, colon, value, end))
        position = _skip(text, end)
        if text[position] == ",":
            lead = position + 1
            position = _skip(text, lead)
    return _Object(opening, members, position)


def _skip(text: str, position: int) -> int:
    while text[position] in _SPACE:
        position += 1
    return position


@dataclass(frozen=True)
class ConfigTarget:
    """The wanted text, None for no file."""

    text: str | None
    keys: frozenset[str]
    """What must be in force, whether its text changes or not."""
    exact: bool = False
    """Whether the text must be that to the byte, even where it makes reloads fail."""
    restart: bool = False
    """Whether dockerd must be started anew, whatever the keys need."""


Goal = Callable[[CurrentConfig], ConfigTarget]


def text_goal(text: str | None) -> Goal:
    """Return the goal that replaces the whole file; None: by none."""

    def goal(config: CurrentConfig) -> ConfigTarget:
        names = {*flattened(config.values), *flattened(parse_text(text).values), "userland-proxy", "live-restore"}
        return ConfigTarget(text, frozenset(names), exact=True)

    return goal
