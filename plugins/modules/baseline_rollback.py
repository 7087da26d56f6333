#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Its documentation is in baseline_rollback.yml beside it, since what is in here goes to hosts.

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils import _compile_once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config_plan import Consent
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import KEEP_DAYS
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback import (
    PurgeChange,
    RollbackChange,
    RollbackRequest,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import run_change
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import read_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


def main() -> None:
    """Run the module."""
    module = HostModule(
        argument_spec={
            "state": {"type": "str", "choices": ["reverted", "purged"], "default": "reverted"},
            "keep_days": {"type": "int", "default": KEEP_DAYS},
            "on_conflict": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
            "live_restore": {"type": "str", "choices": ["keep", "enabled"], "default": "keep"},
            "on_disruption": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
            "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    options = module.params
    if options["keep_days"] < 0:
        module.fail_json(msg=f"keep_days: {options['keep_days']} is less than 0", refused=True)
    if options["state"] == "purged":
        run_change(module, PurgeChange(options["keep_days"]))
        return
    consent = Consent(
        disruption=options["on_disruption"] == "allow",
        live_restore=options["live_restore"] == "enabled",
    )
    request = RollbackRequest(consent, keep_conflicts=options["on_conflict"] == "allow")

    def read() -> HostSnapshot:
        return read_snapshot(run_command, options["docker_host"])

    run_change(module, RollbackChange(request, run_command, read))


if __name__ == "__main__":
    main()
