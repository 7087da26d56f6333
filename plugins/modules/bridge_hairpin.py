#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_hairpin
short_description: Give containers what they need to reach published ports without docker-proxy
version_added: 1.0.0
description:
  - Without docker-proxy, a container reaches its own published port only if its bridge port is in hairpin mode.
  - dockerd sets that mode when a container starts, and never afterwards. Containers that live-restore kept over a
    switch of C(userland-proxy) therefore have the mode of before.
  - This sets it on the running port; no container is restarted.
  - Beside it, this sets what such traffic needs of the host, and closes what it opens, see O(bridge_netfilter) and
    O(loopback_guard).
author:
  - dockernet.baseline contributors (@dockernet)
extends_documentation_fragment:
  - dockernet.baseline._attributes
  - dockernet.baseline._attributes.change
  - dockernet.baseline._attributes.actiongroup_dockernet
  - dockernet.baseline._engine
  - dockernet.baseline._engine.changes_links
options:
  state:
    description:
      - V(auto) is what the running daemon sets on new containers, that is V(enabled) when it does not use docker-proxy
        and V(disabled) when it does. When nothing shows which it is, the module refuses and says why.
    type: str
    choices: [auto, enabled, disabled]
    default: auto
  networks:
    description:
      - Names of bridge networks to which this is limited. Without this and O(bridges), it is for all of them.
    type: list
    elements: str
  bridges:
    description:
      - The same by the names of their bridges on the host, such as C(docker0). With O(networks) both count.
    type: list
    elements: str
  ports:
    description:
      - V(auto) turns hairpin on or off on ports that differ from O(state).
      - V(keep) leaves ports as they are, where they are to be made anew anyway, by a restart of dockerd that restarts
        containers say.
    type: str
    choices: [auto, keep]
    default: auto
  bridge_netfilter:
    description:
      - What to do about C(net.bridge.bridge-nf-call-iptables), and C(net.bridge.bridge-nf-call-ip6tables) for networks
        with IPv6, without which a container does not reach ports that others on its own network publish, and without
        which containers of a network that forbids traffic between them (C(icc)) reach each other all the same.
      - V(auto) sets them to V(1) where hairpin is wanted or such a network is, and, where a file sets them to V(0) at
        boot, writes a file that wins over it. They hold for all bridges of the host, so the module refuses where there
        are others with ports, see O(on_disruption).
      - V(keep) leaves them as they are.
    type: str
    choices: [auto, keep]
    default: auto
  loopback_guard:
    description:
      - Without docker-proxy, dockerd makes its bridges route 127.0.0.0/8, so that a container which may change its
        routes reaches services that listen on the host's 127.0.0.1.
      - V(auto) drops what comes in for 127.0.0.0/8 by other interfaces than C(lo), in C(PREROUTING) of the table
        C(raw), now and, by the unit C(dockernet-loopback-guard.service), at boot. Ports that are published at 127.0.0.1
        are reached from the host as before. Where docker-proxy is on, bridges that still route 127.0.0.0/8 stop doing
        so, and the rule is taken back.
      - V(keep) leaves it as it is.
    type: str
    choices: [auto, keep]
    default: auto
  on_disruption:
    description:
      - V(refuse) changes nothing when O(bridge_netfilter=auto) would concern bridges that are not Docker's.
      - V(allow) consents to that.
    type: str
    choices: [refuse, allow]
    default: refuse
"""

EXAMPLES = r"""
- name: Give running containers the hairpin mode that the daemon's proxy mode asks for
  dockernet.baseline.bridge_hairpin:

- name: Turn it on for the containers of one network
  dockernet.baseline.bridge_hairpin:
    state: enabled
    networks: [shop]

- name: The same by the name of the bridge, and nothing else
  dockernet.baseline.bridge_hairpin:
    state: enabled
    bridges: [docker0]
    bridge_netfilter: keep
    loopback_guard: keep
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in order.
  returned: always
  type: list
  elements: str
  sample: ["turn hairpin mode on on veth1a2b3c4, port of container web on br-0a1b2c3d4e5f"]
disruptions:
  description: Bridges of others that the change concerns. After a refusal, those that it would have concerned.
  returned: always
  type: list
  elements: dict
  contains:
    container:
      description: The word C(bridge) and its name.
      type: str
    how:
      description: What happens to it.
      type: str
  sample: []
consents:
  description:
    - What would allow what was refused, values by the names of options, each of them by itself. Empty where no option
      does.
  returned: when it refused
  type: dict
  sample:
    on_disruption: allow
libraries:
  description:
    - Python libraries that the change takes and that could not be loaded there, such as V(pyroute2). The module refuses
      for them; in check mode it says what it would do with them.
  returned: always
  type: list
  elements: str
  sample: []
refused:
  description: Whether it refused before anything was changed; C(msg) then says why.
  returned: failure
  type: bool
  sample: true
"""

from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin import HairpinChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import (
    HairpinRequest,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import run_change
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import run_command
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
