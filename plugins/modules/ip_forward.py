#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Its documentation is in ip_forward.yml beside it, since what is in here goes to hosts.

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils import _compile_once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forward_policy_plan import (
    PolicyRequest,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.ip_forward import ForwardingChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.ip_forward_plan import (
    ALWAYS,
    AUTO,
    NEVER,
    ForwardingRequest,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import run_change
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import FurtherSource, read_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import read_routes
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ROUTES, HostSnapshot

# By which interface the host reaches others.
_ROUTES = FurtherSource(ROUTES, lambda known: {"routes": known.beside(read_routes)})


def main() -> None:
    """Run the module."""
    module = HostModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "families": {"type": "list", "elements": "str", "choices": ["ipv4", "ipv6"], "default": ["ipv4"]},
            "persistent": {"type": "str", "choices": [AUTO, ALWAYS, NEVER], "default": AUTO},
            "interfaces": {"type": "list", "elements": "str", "default": []},
            "accept_ra": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
            "forward_policy": {"type": "str", "choices": ["drop", "keep"], "default": "drop"},
            "on_disruption": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
            "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    options = module.params
    request = ForwardingRequest(
        present=options["state"] == "present",
        families=options["families"],
        persistent=options["persistent"],
        interfaces=options["interfaces"],
        keep_advertised_routes=options["accept_ra"] == "allow",
    )
    policy = PolicyRequest(
        families=options["families"],
        closed=options["forward_policy"] == "drop",
        disruption_allowed=options["on_disruption"] == "allow",
    )

    def read() -> HostSnapshot:
        return read_snapshot(run_command, options["docker_host"], further=[_ROUTES])

    run_change(module, ForwardingChange(request, policy, run_command, read, Journal("ip_forward")))


if __name__ == "__main__":
    main()
