#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_network
short_description: Make, compare, re-create and remove bridge networks, proved in the kernel
version_added: 1.0.0
description:
  - Has a list of custom bridge networks on the host as wanted. The whole list is checked and planned before the first
    change. Networks to remove are removed first; the others follow in the order of the list.
  - A new subnet never overlaps with what the host already uses, which is every route of every routing table (also those
    by a gateway, as of a VPN, which the engine itself does not look at), addresses of interfaces, other Docker networks
    of any driver, nameservers, and the ranges in O(avoid). Default routes do not count, nor do V(0.0.0.0/1) and
    V(128.0.0.0/1), which VPN clients set instead of one, or V(2000::/3). What is in the way is named.
  - A network that exists is compared option by option. What is not asked for is left as it is, whatever it is, so an
    option that is left out is no difference, and a label or driver option that is not named stays.
  - The Docker Engine cannot change a network. Where one differs, the module refuses and says how, unless O(recreate)
    consents to removing it and making it anew with all its containers connected as they were.
  - Every network that was made is proved in the kernel, which means that its bridge is there and up and has the gateway
    addresses, and that it forwards. The controller then follows packets of two containers that are not there through
    what was read of the host, from one to the other and to the outside. They must be let through, dropped and
    masqueraded as wanted. Where that is not so, the network that was just made is removed again, or put back as it was
    with its containers, and the message says what was missing. What people do to such packets on purpose, in
    DOCKER-USER say, is no fault of the network.
  - When a network of the list cannot be made, or the kernel does not have it as it should, those before it stay as they
    are then, those after it are not begun, and the message names them. Packets are followed when all are made, and only
    networks that do not treat them as wanted are taken back. What was there before is recorded in
    C(/var/lib/dockernet-baseline/journal.jsonl).
  - Should a run be killed while it makes a network anew, the next one finds that in the record and only puts that
    network back with its containers as they were, whatever it was called for.
  - The default network of the daemon, and networks of other drivers or of a swarm, are never touched.
author:
  - dockernet.baseline contributors (@dockernet)
extends_documentation_fragment:
  - dockernet.baseline._attributes
  - dockernet.baseline._attributes.change
  - dockernet.baseline._attributes.actiongroup_dockernet
  - dockernet.baseline._engine
  - dockernet.baseline._engine.changes_links
options:
  networks:
    description:
      - The networks. All that is left out of one is left as it is or, when the network is made, to the engine.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the network, of letters, digits and C(_.-).
        type: str
        required: true
      state:
        description:
          - V(absent) removes the network. It refuses while containers are on it, running or stopped, and names them.
        type: str
        choices: [present, absent]
        default: present
      subnets:
        description:
          - At most one subnet for each of IPv4 and IPv6. Without one, and without O(networks[].pools), the engine takes
            one of its own pools when it makes the network; if that overlaps with something of the host, the network is
            removed again and the module fails.
        type: list
        elements: dict
        suboptions:
          subnet:
            description:
              - The subnet, like V(10.20.30.0/24) or V(fd00:20:30::/64), without host bits.
            type: str
            required: true
          gateway:
            description:
              - Address of the bridge, and of the containers' default route. When the network is made, the first address
                by default.
            type: str
          ip_range:
            description:
              - Part of the subnet that containers are given addresses from. By default all of it.
            type: str
      pools:
        description:
          - Where to take a subnet from when none is named in O(networks[].subnets). It is the first one that is free,
            pools in their order, each from its lowest address up, so the same host always gives the same answer, in
            check mode as well.
          - A network that is there and has its subnet in one of the pools is as wanted, and keeps it.
        type: list
        elements: dict
        suboptions:
          base:
            description:
              - The range to take subnets from, like V(10.128.0.0/12).
            type: str
            required: true
          size:
            description:
              - Length of the prefix of a subnet, like V(24).
            type: int
            required: true
      ipv6:
        description:
          - Whether the network has IPv6. Engines before 27.0 then need an IPv6 subnet or pool.
        type: bool
      internal:
        description:
          - Whether the network is without a way to the outside.
        type: bool
      icc:
        description:
          - Whether containers on the network reach each other. V(false) needs the kernel module C(br_netfilter).
        type: bool
      masquerade:
        description:
          - Whether what containers send to the outside gets the host's address.
        type: bool
      bridge_name:
        description:
          - Name of the bridge interface, 15 characters at most. By default C(br-) and the beginning of the network's
            id.
        type: str
      mtu:
        description:
          - MTU of the containers' interfaces in bytes. A network without one counts as having 1500.
        type: int
      default_bind_address:
        description:
          - Address of the host that ports are published on when the container names none.
        type: str
      gateway_mode_ipv4:
        description:
          - How containers are reached from outside by IPv4. V(routed) came with Docker Engine 27.0, V(nat-unprotected)
            and V(isolated) with 28.0; V(isolated) needs O(networks[].internal=true).
        type: str
        choices: [nat, nat-unprotected, routed, isolated]
      gateway_mode_ipv6:
        description:
          - The same for IPv6.
        type: str
        choices: [nat, nat-unprotected, routed, isolated]
      trusted_interfaces:
        description:
          - Interfaces of the host from which containers are reached at their own addresses. Came with Docker Engine
            28.2.
        type: list
        elements: str
      labels:
        description:
          - Labels that the network must have; others stay.
        type: dict
      options:
        description:
          - Further options of the bridge driver by their full names, like C(com.docker.network.container_iface_prefix).
            Those that have an option of their own here are refused.
        type: dict
  recreate:
    description:
      - What to do with a network that exists and differs.
      - V(refuse) changes nothing and says in what it differs.
      - V(unused) makes it anew if no container is on it, running or stopped, and refuses otherwise.
      - V(allow) makes it anew. Its containers are disconnected, for a moment without it, and connected again with their
        addresses, MAC addresses, aliases and order of interfaces. If anything fails, all is put back as it was.
    type: str
    choices: [refuse, unused, allow]
    default: refuse
  avoid:
    description:
      - Ranges that no new subnet may overlap with, beside what the host itself shows, like those of sites that are
        reached by a VPN which is down at the moment.
    type: list
    elements: str
    default: []
  undo:
    description:
      - Names of networks that the newest run made and that are to be taken back. The half of this module on the
        controller asks for that, where they do not treat packets as wanted.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Two networks, one of them closed
  dockernet.baseline.bridge_network:
    networks:
      - name: front
        subnets:
          - subnet: 10.20.1.0/24
            gateway: 10.20.1.1
            ip_range: 10.20.1.128/25
          - subnet: fd00:20:1::/64
        ipv6: true
        bridge_name: br-front
        mtu: 1400
        default_bind_address: 127.0.0.1
        labels:
          owner: shop
      - name: vault
        internal: true
        icc: false
        pools:
          - base: 10.128.0.0/12
            size: 24
    avoid:
      - 10.130.0.0/16

- name: Have a network with another MTU, with all containers that are on it
  dockernet.baseline.bridge_network:
    networks:
      - name: front
        mtu: 1360
    recreate: allow

- name: Remove a network that is not used
  dockernet.baseline.bridge_network:
    networks:
      - name: old
        state: absent
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in order.
  returned: always
  type: list
  elements: str
  sample: ["create network front with 10.20.1.0/24 and fd00:20:1::/64"]
networks:
  description: What became of each network, or would in check mode, in the order in which they are dealt with.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
    outcome:
      description: C(created), C(recreated), C(removed), C(unchanged), or C(absent) where there was none to remove.
      type: str
    subnets:
      description: Its subnets; empty where the engine chooses them.
      type: list
      elements: str
    differences:
      description: In what it differed, for a network that is made anew.
      type: list
      elements: dict
      contains:
        option:
          description: The option.
          type: str
        wanted:
          description: What is wanted.
          type: str
        actual:
          description: What it was.
          type: str
  sample:
    - name: front
      outcome: created
      subnets: ["10.20.1.0/24", "fd00:20:1::/64"]
      differences: []
disruptions:
  description: Who feels it. After a refusal, who would have felt it.
  returned: always
  type: list
  elements: dict
  contains:
    container:
      description: Name of the container.
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
    recreate: allow
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
log:
  description: Further lines on the failure.
  returned: failure
  type: list
  elements: str
  sample: []
"""

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network import NetworkChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import EngineNetworks
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import (
    parse_avoid,
    parse_requests,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recovery import (
    NetworkUndo,
    Recovering,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import carry_out, result_of, run_change
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import read_snapshot

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
}


def main() -> None:
    """Run the module."""
    module = HostModule(
        argument_spec={
            "networks": {"type": "list", "elements": "dict", "required": True, "options": _NETWORK},
            "recreate": {"type": "str", "choices": ["refuse", "unused", "allow"], "default": "refuse"},
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
        module.fail_json(msg=str(refusal), refused=True, actions=[], diff=[], disruptions=[])
    api = EngineNetworks(options["docker_host"])
    if options["undo"]:
        run_change(module, NetworkUndo(options["undo"], api))
    change = NetworkChange(
        requests,
        options["recreate"],
        avoid,
        api,
        run_command,
        lambda: read_snapshot(docker_host=options["docker_host"]),
    )
    outline = carry_out(module, Recovering(change, api))
    evidence = change.evidence()
    if not evidence:
        module.exit_json(**result_of(outline))
    module.exit_with_snapshot(evidence, **result_of(outline))


if __name__ == "__main__":
    main()
