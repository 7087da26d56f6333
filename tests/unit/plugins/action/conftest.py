# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks with both of their halves: the module as a host runs it, and its action plugin as the controller does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.module_utils.common.json import Direction, get_module_decoder
from ansible_collections.dockernet.baseline.plugins.module_utils._host import reader_program
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


def told_by(arguments: dict[str, Any]) -> dict[str, Any]:
    """What a host is told to read, from the arguments of host_reader."""
    told: dict[str, Any] = json.loads(base64.b64decode(arguments["told"]))
    return told


class Task:
    """Runs a task over a host that exists nowhere."""

    def __init__(self, plugin: Any, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.plugin = plugin
        self.printed = ""
        """What the program on the host printed last."""
        self._patch = patch
        self._capture = capture

    def run(self, taken: HostSnapshot, /, **options: Any) -> dict[str, Any]:
        """The result of the task; one that its action refuses is a failed one, as for Ansible."""

        def read(docker_host: str, seconds: float) -> HostSnapshot:
            assert docker_host == options.get("docker_host", "unix:///var/run/docker.sock")
            assert seconds == options.get("read_timeout", 60)
            return taken

        internal = {name: options.pop(name) for name in list(options) if name.startswith("_ansible")}
        name = self.plugin.__name__.rpartition(".")[2]
        action = action_with(self.plugin, name, self._execute(internal), options)
        with self._patch.context() as patch:
            patch.setattr(reader_program, "READERS", dict.fromkeys(reader_program.READERS, read))
            try:
                result: dict[str, Any] = action.run(task_vars={"inventory_hostname": "alpha"})
            except AnsibleError as error:
                return {"failed": True, "msg": str(error)}
        return result

    def _execute(self, internal: dict[str, Any]) -> Callable[..., dict[str, Any]]:
        def execute(module_name: str, module_args: dict[str, Any], **dummy_more: Any) -> dict[str, Any]:
            assert module_name == "dockernet.baseline.host_reader"
            self._capture.readouterr()
            with pytest.raises(SystemExit) as end:
                reader_program.main({"_ansible_no_log": True, **module_args, **internal})
            self.printed = self._capture.readouterr().out
            # As the controller reads it; only what was printed counts, no tag and no type of Ansible's own.
            found: dict[str, Any] = json.loads(
                self.printed, cls=get_module_decoder("legacy", Direction.MODULE_TO_CONTROLLER)
            )
            assert found == json.loads(self.printed)
            assert end.value.code == (1 if found.get("failed") else 0)
            return found

        return execute


@pytest.fixture
def task_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[Any], Task]:
    """Makes a task of an action plugin."""
    return lambda plugin: Task(plugin, monkeypatch, capsys)
