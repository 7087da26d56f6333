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
  - For boot, works out from all files of sysctl.d in their precedence, and from what dockerd does when it starts, what
    will be set. Where that is not forwarding, writes a file of its own, named so that it is read late enough to win.
    Files of others are never written.
  - dockerd closes the chain C(FORWARD) only when it turns forwarding on itself. Once forwarding is on before dockerd
    starts, the host would route for anyone who uses it as a gateway, so this module keeps the chain closed, now and at
    boot, see O(forward_policy).
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
      - V(absent) removes what this module wrote below C(/etc/sysctl.d). The running value stays as it is, since no one
        can know what else on the host forwards by now. The unit that keeps C(FORWARD) closed is removed as well, and a
        policy that is still as this module set it gets the value that the unit recorded. A chain that was closed
        without a unit, since dockerd closes it at each start anyway, stays closed;
        M(dockernet.baseline.baseline_rollback) opens it again.
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
      - Whether a file must turn forwarding on at boot, too.
      - V(auto) writes one where the next boot would lack forwarding without it. dockerd turns forwarding on itself when
        it starts, and closes C(FORWARD) with it, unless it filters with nftables, is told not to (C(ip-forward) is
        false), or boot does not start it. A file that turns forwarding off counts as lacking it as well, since
        C(sysctl --system) would turn it off again later.
      - V(true) writes one in any case. dockerd then finds forwarding on and closes nothing, see O(forward_policy).
    type: str
    choices: [auto, "true", "false"]
    default: auto
  interfaces:
    description:
      - Interfaces to open where they are closed by themselves although the host forwards, now and, unless
        O(persistent=false), at boot. Docker's bridges always are, and so is C(default), with which bridges that are yet
        to be made begin.
    type: list
    elements: str
    default: []
  router_advertisements:
    description:
      - What to do for IPv6 where the default route comes from router advertisements. The kernel drops that route when
        forwarding goes on, unless C(accept_ra) of its interface is 2.
      - V(refuse) changes nothing and names the interface. V(keep) sets C(accept_ra) to 2 there first.
      - Where the host forwards IPv6 already and such an interface has lost its route by that, or soon will, V(keep)
        sets C(accept_ra) to 2 as well, so that the next advertisement brings the route back. V(refuse) warns.
    type: str
    choices: [refuse, keep]
    default: refuse
  forward_policy:
    description:
      - What to do about the policy of the chain C(FORWARD) for O(families).
      - V(drop) sets it to C(DROP) with the host's own iptables, and, unless O(persistent=false) or dockerd does it at
        boot, keeps it there with the unit C(dockernet-forward-policy.service), which runs before the network and Docker
        start. Where units that load rulesets come after the network, it runs after them. Containers and published ports
        are not concerned, since rules of dockerd accept their traffic. No rule and no chain of another backend is
        touched.
      - Where others are recognised whom the host forwards for, such as virtual machines, other bridges, VPN interfaces,
        Kubernetes, rules of somebody else, or networks of Docker itself without rules of dockerd, and no rule accepts
        their traffic both ways, the module refuses and names them, see O(on_disruption). So it does for those that are
        down now and that boot starts, as files of systemd-networkd, NetworkManager, ifupdown, wg-quick, strongSwan,
        Libreswan, OpenVPN, libvirt, LXD and Incus declare them; those that are started by hand it warns of.
      - Where the policy is not the place, it is left as it is and a warning says what decides instead. That is so
        where firewalld runs, and for engines that filter with nftables. Where ufw is set to open it, the module
        refuses.
      - V(keep) leaves it as it is, with a warning when the host begins to route for anyone.
    type: str
    choices: [drop, keep]
    default: drop
  on_disruption:
    description:
      - V(refuse) changes nothing when a closed C(FORWARD) would cut somebody off.
      - V(allow) consents to that.
    type: str
    choices: [refuse, allow]
    default: refuse
  docker_host:
    description:
      - Where the Docker Engine listens, which is asked what it does about the policy of C(FORWARD).
    type: str
    default: unix:///var/run/docker.sock
"""

EXAMPLES = r"""
- name: Forward IPv4, now and after boot
  dockernet.baseline.ip_forward:

- name: Have boot turn it on by a file, whatever dockerd does
  dockernet.baseline.ip_forward:
    persistent: true

- name: Forward both, keeping the default route that a router advertises
  dockernet.baseline.ip_forward:
    families: [ipv4, ipv6]
    router_advertisements: keep

- name: Forward on a host of virtual machines whose own rules do not accept their traffic
  dockernet.baseline.ip_forward:
    forward_policy: keep

- name: Take back what was set for boot, and the policy of FORWARD
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
    - >-
      write /etc/systemd/system/dockernet-forward-policy.service, which closes FORWARD (IPv4) at boot before the network
      and docker.service start
    - enable dockernet-forward-policy.service
    - set the policy of FORWARD (IPv4) from ACCEPT to DROP
    - set net.ipv4.ip_forward from 0 to 1
    - "write /etc/sysctl.d/99-dockernet-baseline.conf: net.ipv4.ip_forward = 1 at boot"
disruptions:
  description: Who is cut off by the closed chain. After a refusal, who would have been.
  returned: always
  type: list
  elements: dict
  contains:
    container:
      description: What the host forwards for, such as C(interface) and a name.
      type: str
    how:
      description: What happens to it, and what shows that it is there.
      type: str
  sample:
    - container: interface virbr0
      how: >-
        IPv4 is no longer forwarded for it where no rule accepts it: a bridge of libvirt with the ports vnet0
        (192.168.122.1/24)
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
  description: Whether it refused before anything was changed; C(msg) then says why and how to consent.
  returned: failure
  type: bool
  sample: true
"""

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
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import read_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


def main() -> None:
    """Run the module."""
    module = HostModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "families": {"type": "list", "elements": "str", "choices": ["ipv4", "ipv6"], "default": ["ipv4"]},
            # A boolean comes as its Python word, which AnsibleModule takes for the choice that means the same.
            "persistent": {"type": "str", "choices": [AUTO, ALWAYS, NEVER], "default": AUTO},
            "interfaces": {"type": "list", "elements": "str", "default": []},
            "router_advertisements": {"type": "str", "choices": ["refuse", "keep"], "default": "refuse"},
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
        keep_advertised_routes=options["router_advertisements"] == "keep",
    )
    policy = PolicyRequest(
        families=options["families"],
        closed=options["forward_policy"] == "drop",
        disruption_allowed=options["on_disruption"] == "allow",
    )

    def read() -> HostSnapshot:
        return read_snapshot(run_command, options["docker_host"])

    run_change(module, ForwardingChange(request, policy, run_command, read, Journal("ip_forward")))


if __name__ == "__main__":
    main()
