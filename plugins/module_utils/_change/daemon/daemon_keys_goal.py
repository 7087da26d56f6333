# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Goals of single keys of daemon.json, docker-proxy among them, and of a restart. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import (
    ConfigTarget,
    CurrentConfig,
    Goal,
    parse_text,
    same,
    with_key,
    without_key,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import MERGED_WITH_FLAGS
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import problems_in, reload_blockers
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import flattened
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import KEY
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_values


@dataclass(frozen=True)
class WantedKey:
    """One key of daemon.json: to be there with a value, or not to be there."""

    name: str
    present: bool = True
    value: Any = None


def keys_goal(keys: list[WantedKey]) -> Goal:
    """Return the goal that edits the file key by key, and leaves everything else as it was typed."""

    def goal(config: CurrentConfig) -> ConfigTarget:
        _refuse_wrong(config, keys)
        text = config.text
        for wanted in keys:
            text = _edited(config, text, wanted)
        return ConfigTarget(text, frozenset(wanted.name for wanted in keys))

    return goal


def restarting(goal: Goal) -> Goal:
    """Return the goal that also has dockerd started anew, for what it does at its start, such as writing its rules."""
    return lambda config: replace(goal(config), restart=True)


def _refuse_wrong(config: CurrentConfig, keys: list[WantedKey]) -> None:
    """Refuse what this engine does not know, or does not take as it is written.

    In a file that is there already, dockerd's own measure counts; here also what it would take and not heed.
    """
    values = {wanted.name: wanted.value for wanted in keys if wanted.present}
    judged = problems_in(values, {}, {}, config.release)
    messages = [problem.message for problem in judged if not _stands_already(config, problem.key, values)]
    messages += [f"{name} is null; to use dockerd's default, remove the key" for name in values if values[name] is None]
    blocked = reload_blockers(values, {}, config.release)
    messages += [
        f"{problem.message}; remove the key instead"
        for problem in blocked
        if not _stands_already(config, problem.key, values)
    ]
    if messages:
        raise Refusal(f"{config.path} was left unchanged: {'; '.join(messages)}")


def _stands_already(config: CurrentConfig, name: str | None, values: dict[str, Any]) -> bool:
    """Whether the file says it already, so that dockerd has judged it."""
    return name in config.values and same(config.values[name], values.get(name))


def _edited(config: CurrentConfig, text: str | None, wanted: WantedKey) -> str | None:
    values = parse_text(text).values
    if wanted.name in flattened(values) and wanted.name not in values:
        raise Refusal(
            f"{config.path} sets {wanted.name} inside another object, where dockerd reads it, too; remove it there"
        )
    if not wanted.present:
        return text if wanted.name not in values else without_key(text or "", wanted.name)
    if wanted.name in config.flags and wanted.name not in MERGED_WITH_FLAGS:
        _refuse_flag(config, wanted)
        return text
    if wanted.name in values and same(values[wanted.name], wanted.value):
        return text
    return with_key(text or "", wanted.name, value=wanted.value)


def _refuse_flag(config: CurrentConfig, wanted: WantedKey) -> None:
    if not same(config.flags[wanted.name], wanted.value):
        raise Refusal(_flag_conflict(config, wanted.name))


def _flag_conflict(config: CurrentConfig, name: str) -> str:
    """Say that a key is a flag already, and where to look for that."""
    shown = json.dumps(mask_values({name: config.flags[name]})[name])
    return (
        f"nothing was changed: {config.starter} starts dockerd with --{name} ({shown}), and dockerd does not start "
        f"with the same key in {config.path}. Change or remove the flag: {config.starter_files}"
    )


def proxy_goal(*, enabled: bool) -> Goal:
    """Return the goal that has the next start use docker-proxy, or not.

    On is the default, so the key goes then; a true that is written out stays where it does no harm.
    """

    def goal(config: CurrentConfig) -> ConfigTarget:
        if not enabled:
            return keys_goal([WantedKey(KEY, value=False)])(config)
        if config.flags.get(KEY) is False:
            raise Refusal(_flag_conflict(config, KEY))
        harmless = flattened(config.values).get(KEY) is True and not reload_blockers(config.values, {}, config.release)
        keys = [] if harmless else [WantedKey(KEY, present=False)]
        return ConfigTarget(keys_goal(keys)(config).text, frozenset({KEY}))

    return goal
