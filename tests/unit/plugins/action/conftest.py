# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks with both of their halves: the module as a host runs it, and its action plugin as the controller does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.module_utils.common.json import Direction, get_module_decoder
from ansible.module_utils.testing import patch_module_args
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


def action_with(plugin: Any, name: str, execute: Callable[..., dict[str, Any]], options: dict[str, Any]) -> Any:
    """The action of a task with those options, of which the module is run by execute."""
    about: dict[str, Any] = {"async_val": 0, "check_mode": False, "diff": False, "action": name}
    task: Any = SimpleNamespace(args=options, **about, copy=lambda: SimpleNamespace(args={}, **about))
    nothing: Any = SimpleNamespace()
    connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nowhere"))
    action = plugin.ActionModule(task, connection, nothing, nothing, nothing, nothing)
    vars(action)["_execute_module"] = execute
    return action


class Task:
    """Runs a task over a host that exists nowhere."""

    def __init__(
        self, plugin: Any, module: Any, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        self.plugin = plugin
        self.module = module
        self.printed = ""
        """What the module printed last."""
        self._patch = patch
        self._capture = capture
        self._folder = folder

    def run(self, taken: HostSnapshot, /, **options: Any) -> dict[str, Any]:
        """The result of the task; one that its action refuses is a failed one, as for Ansible."""

        def read(docker_host: str, seconds: float) -> HostSnapshot:
            assert docker_host == options.get("docker_host", "unix:///var/run/docker.sock")
            assert seconds == options.get("read_timeout", 60)
            return taken

        (reader,) = {"read_whole", "read_for_packets"} & vars(self.module).keys()
        self._patch.setattr(self.module, reader, read)
        internal = {name: options.pop(name) for name in list(options) if name.startswith("_ansible")}
        execute = self._execute(internal, options)
        action = action_with(self.plugin, self.module.__name__.rpartition(".")[2], execute, options)
        try:
            result: dict[str, Any] = action.run(task_vars={"inventory_hostname": "alpha"})
        except AnsibleError as error:
            return {"failed": True, "msg": str(error)}
        return result

    def _execute(self, internal: dict[str, Any], options: dict[str, Any]) -> Callable[..., dict[str, Any]]:
        def execute(module_args: dict[str, Any] | None = None, **dummy_more: Any) -> dict[str, Any]:
            arguments = {"_ansible_remote_tmp": str(self._folder), "_ansible_keep_remote_files": False, **internal}
            given = options if module_args is None else module_args
            self._capture.readouterr()
            with self._patch.context() as patch, patch_module_args({**arguments, **given}):
                # What it imports of Ansible is a module's, which warns in its result.
                patch.setattr("ansible.module_utils._internal.is_controller", False)
                with pytest.raises(SystemExit):
                    self.module.main()
            self.printed = self._capture.readouterr().out
            # As the controller reads it; only what was printed counts, no tag and no type of Ansible's own.
            found: dict[str, Any] = json.loads(
                self.printed, cls=get_module_decoder("legacy", Direction.MODULE_TO_CONTROLLER)
            )
            plain = json.loads(self.printed)
            # Ansible has a type for warnings, and keeps those of other modules of this process.
            found.pop("warnings", None)
            plain.pop("warnings", None)
            assert found == plain
            return found

        return execute


@pytest.fixture
def task_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[[Any, Any], Task]:
    """Makes a task of an action plugin and its module."""
    return lambda plugin, module: Task(plugin, module, monkeypatch, capsys, tmp_path)
