# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which plugins for connections are loaded ahead of the processes for hosts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest
from ansible import context
from ansible_collections.dockernet.baseline.plugins.plugin_utils import connection_plugins

KINDS = ("connection", "shell", "become")
# The file that is loaded first, and whether Ansible knows the options of the plugins then.
PROGRAM = """
from ansible import constants
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader()
from ansible_collections.dockernet.baseline.plugins.action import docker_netcheck
for kind, name in (("connection", "ssh"), ("connection", "local"), ("shell", "sh"), ("become", "sudo")):
    print(name, bool(constants.config.get_configuration_definitions(kind, name)))
"""


class Loader:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def get(self, name: str, *, class_only: bool) -> None:
        assert class_only
        self.loaded.append(name)


@pytest.mark.parametrize(
    ("arguments", "connection", "become"),
    [({}, "ssh", "sudo"), ({"connection": "podman", "become_method": "su"}, "podman", "su")],
)
def test_those_of_the_command_line_are_loaded_or_the_usual_ones(
    monkeypatch: pytest.MonkeyPatch, arguments: Mapping[str, str], connection: str, become: str
) -> None:
    loaders = {kind: Loader() for kind in KINDS}
    for kind, loader in loaders.items():
        monkeypatch.setattr(connection_plugins, f"{kind}_loader", loader)
    monkeypatch.setattr(context, "CLIARGS", arguments)
    connection_plugins.load_connection_plugins()
    found = {kind: loader.loaded for kind, loader in loaders.items()}
    assert found == {"connection": [connection, "local"], "shell": ["sh"], "become": [become]}


def test_what_is_not_there_is_left_to_those_that_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", {"connection": "no.such.plugin"})
    connection_plugins.load_connection_plugins()


def test_the_action_plugin_loads_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=os.environ, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.stdout.decode().split() == ["ssh", "True", "local", "True", "sh", "True", "sudo", "True"]
