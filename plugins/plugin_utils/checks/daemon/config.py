# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether dockerd can read daemon.json, and knows what is in it."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import ConfigProblem, DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import UNKNOWN_RELEASE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import (
    problems_in,
    release_matters,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import next_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import DAEMON_CONFIG, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.daemon.problems import place_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined


def _judge_config(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    config = snapshot.daemon_config
    if config is None:
        return [unknown(resources.daemon(), "daemon.json was not read")]
    resource = resources.file(config.path)
    if not config.exists:
        return [_no_file(snapshot, config)]
    release = snapshot.engine.release if snapshot.engine else UNKNOWN_RELEASE
    flags = next_flags(snapshot)
    own = problems_in(config.values, config.positions, flags or {}, release)
    problems = [problem for problem in [*config.problems, *own] if _concerns(problem, release[0])]
    if problems:
        return [_problem(snapshot, problem, release[0]) for problem in problems]
    doubts = _doubts(config, release, flags)
    if doubts:
        return [unknown(resource, f"its text is well, but {'; and '.join(doubts)}", {"keys": sorted(config.values)})]
    return [
        passed(resource, f"dockerd can read {config.path}, and knows what is in it", {"keys": sorted(config.values)})
    ]


def _no_file(snapshot: HostSnapshot, config: DaemonConfig) -> Verdict:
    resource = resources.file(config.path)
    if "config-file" not in (next_flags(snapshot) or {}):
        return passed(resource, f"There is no {config.path}: dockerd takes its defaults and flags", {"exists": False})
    return failed(
        resource,
        f"{config.path} is not there, and a flag of dockerd names it",
        {"exists": False, "flag": f"--config-file={config.path}"},
        "dockerd does not start without it.",
        Remedy("Make the file (with {} in it, where there is nothing to set), or drop the flag"),
    )


def _concerns(problem: ConfigProblem, major: int) -> bool:
    """Whether it is worth a finding: an empty file is none, where the engine takes it."""
    return problem.line > 0 or not _accepted(problem, major)


def _accepted(problem: ConfigProblem, major: int) -> bool:
    return problem.accepted_from is not None and problem.accepted_from <= major


def _problem(snapshot: HostSnapshot, problem: ConfigProblem, major: int) -> Verdict:
    place = place_of(snapshot, problem)
    if _accepted(problem, major):
        impact = (
            "This dockerd starts with it all the same; that the file does what its author meant is another question."
        )
    else:
        impact = (
            "dockerd does not start with this file: the next restart or boot leaves the host without Docker, and a "
            "reload changes nothing."
        )
    remedy = Remedy(
        f"Put it right by hand ({place}), and try it before a restart: dockerd --validate, from Engine 23.0 on"
    )
    return failed(resources.file(place), f"{place}: {problem.message}", {"key": problem.key}, impact, remedy)


def _doubts(config: DaemonConfig, release: tuple[int, int], flags: dict[str, Any] | None) -> list[str]:
    """What else would have to be known for a pass."""
    found = []
    if config.values and flags is None:
        found.append("dockerd's flags could not be read, with which it may conflict")
    varying = release_matters(config.values, config.positions, flags or {}) if release == UNKNOWN_RELEASE else []
    if varying:
        keys = ", ".join(str(problem.key) for problem in varying)
        found.append(f"the engine's version could not be read, and some do not start with {keys}")
    return found


CHECK = Check(
    id="daemon.config",
    severity=HIGH,
    title="daemon.json is sound",
    rationale=(
        "dockerd reads the file when it starts, so a mistake shows at the worst time. Much of what it then fails "
        "at, its own --validate lets pass."
    ),
    needs=(DAEMON_CONFIG,),
    judge=_judge_config,
)
