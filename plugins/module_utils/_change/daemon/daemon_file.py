# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""daemon.json as text: read with all that stands beside it, and what a change of it looks like. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon import json_text
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    SECRET_FILE_MODE,
    Diff,
    FileState,
    Refusal,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import (
    ConfigProblem,
    ParsedConfig,
    flattened,
    is_blank,
    parse,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import Release
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import problems_in, reload_blockers
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import next_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import holds_secrets
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


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


def read_config(snapshot: HostSnapshot, file: FileState) -> CurrentConfig:
    """Return the configuration in file. Raises Refusal, with line and column, for what dockerd would stumble over."""
    text = None if file.data is None else file.data.decode("utf-8", "replace")
    parsed = ParsedConfig() if is_blank(text or "") else parse(file.data or b"", file.path)
    if parsed.problems:
        raise Refusal(_problem_text(file.path, parsed.problems))
    release = snapshot.engine.release if snapshot.engine else (0, 0)
    starter, files = _starter(snapshot)
    config = CurrentConfig(file.path, text, parsed.values, next_flags(snapshot) or {}, release, starter, files)
    # What is wrong is its author's to mend, even where the change would write over it.
    refuse_unstartable(config, text)
    return config


def refuse_unstartable(config: CurrentConfig, text: str | None) -> None:
    """Refuse what keeps dockerd from starting, whoever wrote it; what it only ignores is none of our business here."""
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
        text = json_text.without_key(text or "", str(problem.key))
    return text


def changed_keys(old: str | None, new: str | None) -> list[str]:
    """Top-level keys that differ, in the order of the new text, removed ones last."""
    before, after = parse_text(old).values, parse_text(new).values
    names = [*after, *(name for name in before if name not in after)]
    return [name for name in names if (name in before) != (name in after) or not same(before.get(name), after[name])]


def file_actions(path: str, old: str | None, new: str | None) -> list[str]:
    """One sentence for each key that changes."""
    after = parse_text(json_text.masked(new or "")).values
    actions = []
    for key in changed_keys(old, new):
        if key in after:
            actions.append(f"set {key} to {json.dumps(after[key])} in {path}")
        else:
            actions.append(f"remove {key} from {path}")
    if not actions and old != new:
        actions.append(f"remove {path}" if new is None else f"write {path} as it was typed before")
    return actions


def mode_for(file: FileState, text: str | None) -> int:
    """The mode that a file gets with text: its own, or, where there was none, one that keeps secrets from others."""
    hidden = file.data is None and holds_secrets(parse_text(text).values)
    return SECRET_FILE_MODE if hidden else file.mode


def file_diff(path: str, old: str | None, new: str | None) -> list[Diff]:
    """The change of the text, secrets masked; none for no change."""
    return [] if old == new else [Diff(path, json_text.masked(old or ""), json_text.masked(new or ""))]


def _starter(snapshot: HostSnapshot) -> tuple[str, str]:
    """What starts dockerd, and the files that its flags may come from."""
    service = snapshot.service
    if service is None or service.manager not in ("systemd", "sysvinit"):
        return "the command line", "they are those of the process that runs, and of whatever started it"
    files = [path for path in (service.fragment, *service.drop_ins) if path]
    # Debian's unit and its init script take DOCKER_OPTS from here.
    files.append("/etc/default/docker, where that is read")
    return service.name, ", ".join(files)


def _problem_text(path: str, problems: list[ConfigProblem]) -> str:
    places = [f"{path}:{problem.line}:{problem.column}: {problem.message}" for problem in problems]
    return f"the file was left byte for byte as it is, since dockerd would stumble over it: {'; '.join(places)}"
