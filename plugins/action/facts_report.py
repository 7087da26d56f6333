# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of facts_report: show the facts about a host, and write them as CSV. See the module's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.display_lines import show
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.facts_tables import (
    FactsTable,
    csv_text,
    facts_tables,
    screen,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import (
    file_of,
    folder_of,
    problem_in_words,
    write_whole,
)

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "result": {"type": "dict", "required": True},
    "output_dir": {"type": "str", "default": ""},
    "rows": {"type": "int", "default": 15},
    "width": {"type": "int", "default": 120},
}
_COUNTED = {"containers": "containers", "networks": "networks", "ports": "ports of bridges"}


class ActionModule(ActionBase):
    """What Ansible asks an action plugin's file for."""

    _requires_connection = False
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Show the facts about one host, and write them. Raises AnsibleActionFail where that cannot be done."""
        super().run(tmp, task_vars)
        dummy, arguments = cast(Any, self).validate_argument_spec(argument_spec=_ARGUMENTS)
        host = str((task_vars or {})["inventory_hostname"])
        result: Mapping[str, Any] = arguments["result"]
        try:
            tables = facts_tables(result)
            lines = screen(host, result, max(0, arguments["rows"]), arguments["width"])
        except (KeyError, TypeError, AttributeError) as error:
            raise AnsibleActionFail(f"result: not what docker_netcheck returned with facts: full: {error!r}") from None
        answer: dict[str, Any] = {"changed": False, "msg": _counts(tables)}
        if arguments["output_dir"]:
            answer["files"] = _write(host, tables, arguments["output_dir"])
        return {**answer, **show(lines)}


def _counts(tables: list[FactsTable]) -> str:
    rows = {found.name: found.rows for found in tables}
    return ", ".join(
        f"{words}: unknown" if rows[name] is None else f"{len(rows[name] or ())} {words}"
        for name, words in _COUNTED.items()
    )


def _write(host: str, tables: list[FactsTable], directory: str) -> dict[str, str]:
    paths = {found.name: file_of(host, folder_of(directory), f"{found.name}.csv") for found in tables}
    try:
        for found in tables:
            write_whole(paths[found.name], csv_text(found))
    except OSError as error:
        raise AnsibleActionFail(f"output_dir: {problem_in_words(error)}") from None
    return {name: str(path) for name, path in paths.items()}
