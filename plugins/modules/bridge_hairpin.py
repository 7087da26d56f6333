#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_hairpin
short_description: Set hairpin mode on the bridge ports of running containers
version_added: 1.0.0
description:
  - Without docker-proxy, a container reaches its own published port only if its bridge port is in hairpin mode.
  - dockerd sets that mode when a container starts, and never afterwards. Containers that live-restore kept over a
    switch of C(userland-proxy) therefore have the mode of before.
  - This sets it on the running port; no container is restarted.
author:
  - dockernet.baseline contributors (@dockernet)
extends_documentation_fragment:
  - dockernet.baseline._attributes
  - dockernet.baseline._attributes.change
  - dockernet.baseline._attributes.actiongroup_dockernet
  - dockernet.baseline._engine
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
      - Names of bridge networks to which this is limited. All of them when left out.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Give running containers the hairpin mode that the daemon's proxy mode asks for
  dockernet.baseline.bridge_hairpin:

- name: Turn it on for the containers of one network
  dockernet.baseline.bridge_hairpin:
    state: enabled
    networks: [shop]
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in order.
  returned: always
  type: list
  elements: str
  sample: ["turn hairpin mode on on veth1a2b3c4, port of container web on br-0a1b2c3d4e5f"]
disruptions:
  description: Nothing that this module does stops a container, so this is empty.
  returned: always
  type: list
  elements: dict
  sample: []
refused:
  description: Whether it refused before anything was changed; C(msg) then says why.
  returned: failure
  type: bool
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dockernet.baseline.plugins.module_utils._change.bridge_hairpin import HairpinChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import run_change
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import read_snapshot


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["auto", "enabled", "disabled"], "default": "auto"},
            "networks": {"type": "list", "elements": "str"},
            "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    options = module.params
    change = HairpinChange(
        options["state"], options["networks"], lambda: read_snapshot(docker_host=options["docker_host"])
    )
    run_change(module, change)


if __name__ == "__main__":
    main()
