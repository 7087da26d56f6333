#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ip_forward
short_description: Turn IP forwarding on, now and after boot
version_added: 1.0.0
description:
  - Containers on bridge networks reach nothing beyond their host, and are not reached, unless the kernel forwards.
  - Sets the running value and reads it back from the kernel; closed bridges of Docker are opened one by one.
  - For boot, works out from all files of sysctl.d in their precedence what will be set. Where that is not forwarding,
    writes a file of its own, named so that it is read late enough to win. Files of others are never written.
  - Says in its warnings when the change means that dockerd no longer closes the FORWARD chain by itself.
author:
  - dockernet.baseline contributors (@dockernet)
extends_documentation_fragment:
  - dockernet.baseline._attributes
  - dockernet.baseline._attributes.change
  - dockernet.baseline._attributes.actiongroup_dockernet
options:
  state:
    description:
      - V(present) turns forwarding on.
      - V(absent) removes what this module wrote below C(/etc/sysctl.d). The running value stays as it is, since nobody
        can know what else on the host forwards by now.
    type: str
    choices: [present, absent]
    default: present
  families:
    description:
      - Which of the two protocols.
    type: list
    elements: str
    choices: [ipv4, ipv6]
    default: [ipv4]
  persistent:
    description:
      - Whether boot must turn forwarding on, too.
    type: bool
    default: true
  interfaces:
    description:
      - Interfaces to open where they were closed by themselves although the host forwards. Docker's bridges always are.
    type: list
    elements: str
    default: []
  router_advertisements:
    description:
      - What to do for IPv6 where the default route comes from router advertisements. The kernel drops that route when
        forwarding goes on, unless C(accept_ra) of its interface is 2.
      - V(refuse) changes nothing and names the interface. V(keep) sets C(accept_ra) to 2 there first.
    type: str
    choices: [refuse, keep]
    default: refuse
  docker_host:
    description:
      - Where the Docker Engine listens, which is asked whether the change concerns its FORWARD policy.
    type: str
    default: unix:///var/run/docker.sock
"""

EXAMPLES = r"""
- name: Forward IPv4, now and after boot
  dockernet.baseline.ip_forward:

- name: Forward both, keeping the default route that a router advertises
  dockernet.baseline.ip_forward:
    families: [ipv4, ipv6]
    router_advertisements: keep

- name: Take back what was set for boot
  dockernet.baseline.ip_forward:
    state: absent
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in order.
  returned: always
  type: list
  elements: str
  sample:
    - set net.ipv4.ip_forward from 0 to 1
    - "write /etc/sysctl.d/99-dockernet-baseline.conf: net.ipv4.ip_forward = 1 at boot"
disruptions:
  description: Nothing that this module does stops a container, so this is empty.
  returned: always
  type: list
  elements: dict
  sample: []
refused:
  description: Whether it refused before anything was changed; C(msg) then says why and how to consent.
  returned: failure
  type: bool
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dockernet.baseline.plugins.module_utils._change.ip_forward import ForwardingChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.ip_forward_plan import ForwardingWish
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import run_change
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import read_snapshot


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "families": {"type": "list", "elements": "str", "choices": ["ipv4", "ipv6"], "default": ["ipv4"]},
            "persistent": {"type": "bool", "default": True},
            "interfaces": {"type": "list", "elements": "str", "default": []},
            "router_advertisements": {"type": "str", "choices": ["refuse", "keep"], "default": "refuse"},
            "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    options = module.params
    wish = ForwardingWish(
        present=options["state"] == "present",
        families=options["families"],
        persistent=options["persistent"],
        interfaces=options["interfaces"],
        keep_advertised_routes=options["router_advertisements"] == "keep",
    )
    run_change(module, ForwardingChange(wish, lambda: read_snapshot(docker_host=options["docker_host"])))


if __name__ == "__main__":
    main()
