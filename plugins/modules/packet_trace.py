#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: packet_trace
short_description: Say where a packet goes on a Docker host, and what stops it
version_added: 1.0.0
description:
  - Reads the host once. The controller then works out which way the first packet of a connection takes through routing,
    bridges, rules and docker-proxy, and whether the answer comes back.
  - Names the rule or the setting that decides. What cannot be known is said to be unknown, with what would have to be
    known.
  - Sends nothing and changes nothing.
author:
  - dockernet.baseline contributors (@dockernet)
extends_documentation_fragment:
  - dockernet.baseline._attributes
  - dockernet.baseline._attributes.actiongroup_dockernet
  - dockernet.baseline._engine
  - dockernet.baseline._engine.reading
attributes:
  check_mode:
    support: full
    details:
      - Does the same in check mode, since it changes nothing.
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    platforms: linux
notes:
  - Run it with C(become). Without, rules and namespaces cannot be read, and the answer is unknown.
options:
  from:
    description:
      - Where the connection starts, one of the following.
      - V(outside) for a machine beyond the interface of the default route, V(outside eth1) beyond another interface. It
        is taken for granted that this machine sends packets for whatever address to this host.
      - V(host) for a program on the host.
      - A container, as its name, its id or how that begins, the name of the Compose or Swarm service that it alone
        runs, or V(container web) where its name is one of the words above.
    type: str
    required: true
  to:
    description:
      - Where it goes, one of the following.
      - An IPv4 or IPv6 address, with a port or without, V(192.0.2.1:443), V([2001:db8::1]:53/udp) or
        V(https://192.0.2.1/) say. Names are not looked up.
      - A container, as for O(from). It is asked at its own address, on a network that it shares with O(from) if there
        is one.
      - A published port as C(CONTAINER:PORT/PROTOCOL), with the container's port, V(web:80/tcp) say. It is asked at
        the host's address and port.
      - V(host), asked at the address of the default route's interface, with a port or without (V(host:22)).
        V(localhost) is the sender itself.
      - V(outside), which stands for any machine on the internet.
    type: str
    required: true
  port:
    description:
      - Port that is asked, from 1 to 65535. Needed for V(tcp) and V(udp), unless O(to) has one.
    type: int
  protocol:
    description:
      - V(icmp) is an echo request, and for IPv6 addresses one of ICMPv6.
      - By default V(tcp), unless O(to) has one.
    type: str
    choices: [tcp, udp, icmp]
  source:
    description:
      - Source address of the packet. Without, the one that O(from) would choose.
    type: str
  snapshot_path:
    description:
      - A file on the managed host that P(dockernet.baseline.docker_netcheck#module) saved. It is read in place of the
        host itself.
    type: path
seealso:
  - module: dockernet.baseline.docker_netcheck
"""

EXAMPLES = r"""
- name: Would a machine on the LAN reach the published port?
  dockernet.baseline.packet_trace:
    from: outside
    to: web:80/tcp
  become: true
  register: way

- name: Show every hop
  ansible.builtin.debug:
    msg: "{{ way.listing.splitlines() }}"

- name: Does one container reach another's database?
  dockernet.baseline.packet_trace:
    from: web
    to: db
    port: 5432
  become: true
  register: database
  failed_when: database.path.verdict != 'delivered'

- name: Look at a host as it was when the snapshot was taken
  dockernet.baseline.packet_trace:
    from: container web
    to: 203.0.113.9
    port: 443
    snapshot_path: /root/docker-network.json
"""

RETURN = r"""
msg:
  description: The packet and how it ends, in one line.
  returned: always
  type: str
  sample: "outside to 192.0.2.10:8080/tcp: answered by container web, which sees 198.51.100.7"
packet:
  description: The packet that was meant, with addresses in place of names.
  returned: success
  type: dict
  contains:
    origin:
      description: Where it starts, as C(kind) and C(name).
      type: dict
    destination:
      description: Address.
      type: str
    protocol:
      description: V(tcp), V(udp) or V(icmp).
      type: str
    port:
      description: Port, 0 for V(icmp).
      type: int
    source:
      description: As it was given.
      type: str
    source_port:
      description: Always null, since the kernel chooses one.
      type: int
path:
  description: The whole way.
  returned: success
  type: dict
  contains:
    verdict:
      description:
        - V(delivered), V(dropped), V(refused), V(unreachable), V(no answer) for what arrives and whose answer is lost,
          or V(unknown).
      type: str
      sample: delivered
    seen:
      description:
        - What the one who asks sees, V(answered), V(refused), V(closed), V(timed out), V(unreachable), V(no answer) or
          V(unknown). V(no answer) is an error or nothing at all, as a neighbour table has it at the moment.
      type: str
      sample: answered
    reason:
      description: What decided, in one sentence.
      type: str
    hops:
      description:
        - What happened to the packet and to its answer, in order. Each hop has C(leg), C(place), C(action), the
          addresses after it (C(source), C(destination)), devices (C(incoming), C(outgoing)), and for rules C(table),
          C(chain), C(rule), its C(number) in the chain and its C(handle).
      type: list
      elements: dict
    decided_at:
      description: Index of the hop that decided, null where none did.
      type: int
    answered_by:
      description: Who answers, empty if no one does.
      type: str
      sample: container web
    responder:
      description: The same for programs, null if no one answers.
      type: dict
      contains:
        kind:
          description: V(container), V(host) or V(outside).
          type: str
        name:
          description: The container's name; empty for others.
          type: str
        program:
          description: The program that listens, where it is known.
          type: str
      sample: {"kind": "container", "name": "web", "program": "nginx"}
    source_at_end:
      description: Source address that the one who answers sees.
      type: str
    doubts:
      description: For V(unknown), what would have to be known.
      type: list
      elements: str
listing:
  description: The same for people, a hop on a line, its rule below it; the hop that decided is marked.
  returned: success
  type: str
diagram:
  description: The same as a flowchart in the language of Mermaid.
  returned: success
  type: str
"""

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import read_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import (
    SavedSnapshotError,
    load_saved,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.options import TRACE_SPEC
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe


def snapshot_for(wanted: dict[str, Any]) -> HostSnapshot:
    """The snapshot of this host, or the saved one that was asked for. Raises SavedSnapshotError."""
    path = wanted["snapshot_path"]
    if path is not None:
        return load_saved(path)
    return read_snapshot(docker_host=wanted["docker_host"], seconds=wanted["read_timeout"])


def main() -> None:
    """Run the module: read the host, or a saved snapshot. The action plugin follows the packet."""
    module = HostModule(argument_spec=TRACE_SPEC, supports_check_mode=True)
    if module.params["read_timeout"] < 1:
        module.fail_json(msg=f"read_timeout: it takes a second at least, found {module.params['read_timeout']}")
    try:
        snapshot = snapshot_for(module.params)
    except SavedSnapshotError as error:
        module.fail_json(msg=safe(f"snapshot_path: {error}"))
    module.exit_with_snapshot(snapshot.to_json(), changed=False)


if __name__ == "__main__":
    main()
