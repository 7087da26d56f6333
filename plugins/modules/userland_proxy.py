#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Its documentation is in userland_proxy.yml beside it, since what is in here goes to hosts.

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils import _compile_once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config import DaemonConfigChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config_plan import Consent
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_keys_goal import proxy_goal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import run_change
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import read_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


def main() -> None:
    """Run the module."""
    module = HostModule(
        argument_spec={
            "state": {"type": "str", "choices": ["enabled", "disabled"], "required": True},
            "live_restore": {"type": "str", "choices": ["keep", "enabled"], "default": "keep"},
            "on_disruption": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
            "config_path": {"type": "path"},
            "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    options = module.params
    goal = proxy_goal(enabled=options["state"] == "enabled")
    consent = Consent(
        disruption=options["on_disruption"] == "allow",
        live_restore=options["live_restore"] == "enabled",
    )

    def read() -> HostSnapshot:
        return read_snapshot(run_command, options["docker_host"], options["config_path"])

    journal = Journal("userland_proxy")
    run_change(module, DaemonConfigChange(goal, consent, run_command, read, journal))


if __name__ == "__main__":
    main()
