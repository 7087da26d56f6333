# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a fleet: merge documents, compare with earlier runs, write files. See the module's page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_in_child
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import encodable, safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.assembling import (
    ChangedError,
    NoHostError,
    Sources,
    fleet_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import Fleet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.history import HistoryError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.manifest import FOLDER, other_run_in
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import MEMORY
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.display_lines import show_toned
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import Line
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_files import FORMATS, write_fleet_files
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_formats import plain
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_words import (
    fleet_gate,
    fleet_lines,
    fleet_sentence,
    what_else_lines,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import (
    LEVELS,
    NEVER,
    NOT_AUDITED,
    VARIABLE,
    Gate,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import folder_of, problem_in_words

_BESIDE, _NONE = "auto", "none"
_HISTORY = "history.sqlite3"
_SECONDS = 3_600.0
"""For all of it: 10,000 hosts take a minute."""
_DETAILS: dict[str, Callable[[Fleet, Mapping[str, Path], int], list[Line]]] = {
    "summary": fleet_lines,
    "brief": what_else_lines,
    "none": lambda fleet, files, width: [],
}
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "directories": {"type": "list", "elements": "str", "required": True},
    "output_dir": {"type": "str", "default": ""},
    "formats": {"type": "list", "elements": "str", "choices": list(FORMATS), "default": ["html", "json"]},
    "history": {"type": "str", "default": _BESIDE},
    "history_days": {"type": "int", "default": 400},
    "fail_on": {"type": "str", "choices": list(LEVELS), "default": NEVER},
    "fail_on_unknown": {"type": "bool", "default": True},
    "fail_on_variable": {"type": "str", "default": VARIABLE},
    "baseline": {"type": "str", "default": ""},
    "title": {"type": "str", "default": "Docker host networks"},
    "detail": {"type": "str", "choices": list(_DETAILS), "default": "summary"},
    "width": {"type": "int", "default": 110},
}


class ActionModule(ActionBase):
    """What Ansible asks an action plugin's file for."""

    _requires_connection = False
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Report the hosts of the directories; the result fails where there is none to report."""
        super().run(tmp, task_vars)
        dummy, arguments = cast(Any, self).validate_argument_spec(argument_spec=_ARGUMENTS)
        wrong = _wrong(arguments) or _two_at_once(arguments)
        if wrong:
            return {"failed": True, "changed": False, "gate": NOT_AUDITED, "msg": wrong}

        def work(tell: Callable[[Any], None]) -> None:
            tell(_report(arguments))

        # Documents may be of strangers, and say what takes much memory.
        told = run_in_child(work, _SECONDS, MEMORY)
        if not told.items:
            problem = f"no report was written: {told.problem}"
            return {"failed": True, "changed": False, "gate": NOT_AUDITED, "msg": problem}
        (found,) = told.items
        lines = found.pop("lines", [])
        return {"changed": False, **found, **show_toned(lines)}


def _wrong(arguments: Mapping[str, Any]) -> str:
    if not arguments["directories"]:
        return "directories: expected at least one"
    if arguments["history_days"] < 1:
        return f"history_days: expected at least 1, found {arguments['history_days']}"
    missing = next((name for name in arguments["directories"] if not folder_of(name).is_dir()), None)
    if missing is not None:
        return f"directories: {missing}: {'it is no' if folder_of(missing).exists() else 'there is no such'} directory"
    return ""


def _two_at_once(arguments: Mapping[str, Any]) -> str:
    """Return that another run has begun in a directory of this one, whose hosts it would report; empty otherwise."""
    for folder in map(folder_of, arguments["directories"]):
        other = other_run_in(folder)
        if other is not None:
            who = encodable(safe(f"another run, begun {other.started_at} on {other.controller}"))
            return (
                f"no report was written: {who}, writes to {folder} as well. Give each run a directory of its own, and "
                "merge them with the playbook report_docker_net"
            )
    return ""


def _report(arguments: Mapping[str, Any]) -> dict[str, Any]:
    folders = [folder_of(name) for name in arguments["directories"]]
    output = folder_of(arguments["output_dir"]) if arguments["output_dir"] else folders[0] / FOLDER
    gate = Gate(arguments["fail_on"], arguments["fail_on_unknown"], arguments["fail_on_variable"])
    history = _history(arguments["history"], folders[0])
    sources = Sources(folders, gate, arguments["title"], history, arguments["history_days"], arguments["baseline"])
    try:
        with fleet_of(sources) as fleet:
            files = write_fleet_files(fleet, gate, output, arguments["formats"])
            lines = _DETAILS[arguments["detail"]](fleet, files, arguments["width"])
            return {**encodable(_result(fleet, files)), "lines": lines}
    except OSError as error:
        problem = encodable(problem_in_words(error))
        return {"failed": True, "gate": NOT_AUDITED, "msg": f"no report was written: {problem}"}
    except (NoHostError, ChangedError, HistoryError) as error:
        return {"failed": True, "gate": NOT_AUDITED, "msg": f"no report was written: {encodable(str(error))}"}


def _history(option: str, beside: Path) -> Path | None:
    if option == _NONE:
        return None
    return beside / _HISTORY if option == _BESIDE else folder_of(option)


def _result(fleet: Fleet, files: Mapping[str, Path]) -> dict[str, Any]:
    return {
        "msg": fleet_sentence(fleet),
        "gate": fleet_gate(fleet.totals),
        "totals": plain(fleet.totals),
        "runs": len(fleet.trend),
        "vanished": [plain(host) for host in fleet.vanished],
        "problems": list(fleet.problems),
        "gate_failed": list(fleet.gate_failed),
        "files": {ending: str(path) for ending, path in files.items()},
    }
