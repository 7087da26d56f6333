#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Its documentation is in bridge_hairpin.yml beside it, since what is in here goes to hosts.

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils import _compile_once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin import HairpinChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import (
    HairpinRequest,
)
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
            "state": {"type": "str", "choices": ["auto", "enabled", "disabled"], "default": "auto"},
            "networks": {"type": "list", "elements": "str"},
            "bridges": {"type": "list", "elements": "str"},
            "ports": {"type": "str", "choices": ["auto", "keep"], "default": "auto"},
            "bridge_netfilter": {"type": "str", "choices": ["auto", "keep"], "default": "auto"},
            "loopback_guard": {"type": "str", "choices": ["auto", "keep"], "default": "auto"},
            "on_disruption": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
            "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    options = module.params
    request = HairpinRequest(
        state=options["state"],
        networks=options["networks"],
        bridges=options["bridges"],
        ports=options["ports"] == "auto",
        netfilter=options["bridge_netfilter"] == "auto",
        guard=options["loopback_guard"] == "auto",
        disruption_allowed=options["on_disruption"] == "allow",
    )

    def read() -> HostSnapshot:
        return read_snapshot(run_command, options["docker_host"])

    run_change(module, HairpinChange(request, run_command, read, Journal("bridge_hairpin")))


if __name__ == "__main__":
    main()
