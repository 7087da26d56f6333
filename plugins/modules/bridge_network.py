#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Its documentation is in bridge_network.yml beside it, since what is in here goes to hosts.

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils import _compile_once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network import NetworkChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import EngineNetworks
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import (
    NetworkConsent,
    parse_avoid,
    parse_requests,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recovery import (
    NetworkUndo,
    Recovering,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import carry_out, result_of, run_change
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_for_packets import read_for_packets
from ansible_collections.dockernet.baseline.plugins.module_utils._host.snapshot_module import SnapshotModule

_GATEWAY_MODES = ["nat", "nat-unprotected", "routed", "isolated"]

_SUBNET = {
    "subnet": {"type": "str", "required": True},
    "gateway": {"type": "str"},
    "ip_range": {"type": "str"},
}
_POOL = {
    "base": {"type": "str", "required": True},
    "size": {"type": "int", "required": True},
}
_CONNECTED = {
    "name": {"type": "str", "required": True},
    "ipv4_address": {"type": "str"},
    "ipv6_address": {"type": "str"},
    "aliases": {"type": "list", "elements": "str"},
}
_NETWORK = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "subnets": {"type": "list", "elements": "dict", "options": _SUBNET},
    "pools": {"type": "list", "elements": "dict", "options": _POOL},
    "ipv6": {"type": "bool"},
    "internal": {"type": "bool"},
    "icc": {"type": "bool"},
    "masquerade": {"type": "bool"},
    "bridge_name": {"type": "str"},
    "mtu": {"type": "int"},
    "default_bind_address": {"type": "str"},
    "gateway_mode_ipv4": {"type": "str", "choices": _GATEWAY_MODES},
    "gateway_mode_ipv6": {"type": "str", "choices": _GATEWAY_MODES},
    "trusted_interfaces": {"type": "list", "elements": "str"},
    "labels": {"type": "dict", "no_log": True},
    "options": {"type": "dict", "no_log": True},
    "connected": {"type": "list", "elements": "dict", "options": _CONNECTED},
    "appends": {"type": "bool", "default": True},
}


def main() -> None:
    """Run the module."""
    module = SnapshotModule(
        argument_spec={
            "networks": {"type": "list", "elements": "dict", "required": True, "options": _NETWORK},
            "recreate": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
            "on_disruption": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
            "avoid": {"type": "list", "elements": "str", "default": []},
            "undo": {"type": "list", "elements": "str", "default": []},
            "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        requests, avoid = parse_requests(options["networks"]), parse_avoid(options["avoid"])
    except Refusal as refusal:
        module.fail_json(msg=str(refusal), refused=True, actions=[], disruptions=[])
    api = EngineNetworks(options["docker_host"])
    if options["undo"]:
        run_change(module, NetworkUndo(options["undo"], api))
    consent = NetworkConsent(
        recreate=options["recreate"] == "allow",
        disruption=options["on_disruption"] == "allow",
    )
    change = NetworkChange(
        requests,
        consent,
        avoid,
        api,
        run_command,
        lambda: read_for_packets(docker_host=options["docker_host"]),
    )
    outline = carry_out(module, Recovering(change, api))
    evidence = change.evidence()
    if not evidence:
        module.exit_json(**result_of(outline))
    module.exit_with_snapshot(evidence, **result_of(outline))


if __name__ == "__main__":
    main()
