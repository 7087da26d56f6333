#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_netcheck
short_description: Audit the network of a Docker host
version_added: 1.0.0
description:
  - Reads the host once (engine, kernel, processes, configuration), says what is wrong with its container network and
    proves it, and returns what an operator would look up by hand.
  - Changes nothing, and does not start a daemon that is stopped.
  - There are four outcomes. What could not be read makes a check C(unknown), with the reason, never C(pass).
  - Fails only when it was called wrongly; whether findings fail a play is for the play to decide, see
    P(dockernet.baseline.audit#role).
author:
  - dockernet.baseline contributors (@dockernet)
extends_documentation_fragment:
  - dockernet.baseline._attributes
  - dockernet.baseline._attributes.actiongroup_dockernet
  - dockernet.baseline._engine
attributes:
  check_mode:
    support: full
    details:
      - In check mode O(snapshot_path) is not written. Nothing else is ever changed.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - With O(snapshot_path), each run writes the file anew and reports a change.
  platform:
    platforms: linux
notes:
  - Run it with C(become). Without, it sees a part, and says what it did not see.
options:
  checks:
    description:
      - The checks to run, as ids or patterns such as V(forwarding.*). The ids are listed in RV(checks), and in the
        message for one that matches nothing.
    type: list
    elements: str
    default: ["*"]
  userland_proxy:
    description:
      - What is wanted of docker-proxy, which the check C(proxy.enabled) judges by.
      - V(keep) leaves that to the host; V(disabled) is what the CIS Docker Benchmark recommends.
    type: str
    choices: [keep, disabled, enabled]
    default: keep
  reachability:
    description:
      - Whether to work out who reaches what on the host, from outside, from the host itself and from its containers.
      - V(summary) returns what is open to other machines though it is not published, or not for them, or denied by the
        host's own rules, and counts the rest. V(full) returns every answer. V(none) saves the time.
    type: str
    choices: [none, summary, full]
    default: summary
  snapshot_path:
    description:
      - A file on the host to save all that was read to, as JSON that only its owner can read. Its directory must exist.
      - Passwords in proxy addresses and the like are masked in it.
    type: path
seealso:
  - module: dockernet.baseline.packet_trace
  - module: dockernet.baseline.ip_forward
  - module: dockernet.baseline.bridge_hairpin
  - module: dockernet.baseline.userland_proxy
"""

EXAMPLES = r"""
- name: Audit the host
  dockernet.baseline.docker_netcheck:
  become: true
  register: audit

- name: Say what failed
  ansible.builtin.debug:
    msg: "{{ item.summary }}. {{ item.impact }} {{ item.remedy.text }}"
  loop: "{{ audit.findings | selectattr('outcome', 'eq', 'fail') }}"
  loop_control:
    label: "{{ item.check }} {{ item.resource.name }}"

- name: Which interface of the host leads to which container
  ansible.builtin.debug:
    msg: "{{ audit.facts.attachments }}"

- name: Look at forwarding and hairpin only, and save what was read
  dockernet.baseline.docker_netcheck:
    checks: [forwarding.*, hairpin.*]
    snapshot_path: /root/docker-network.json
  become: true
"""

RETURN = r"""
msg:
  description: The counts in one sentence, and what could not be read; or that there is no Docker Engine on this host.
  returned: always
  type: str
  sample: "15 checks: 2 failed (1 high, 1 medium), 0 could not be judged, 10 passed"
findings:
  description: What each check has to say, at least one finding of each, in the order of RV(checks).
  returned: success
  type: list
  elements: dict
  contains:
    check:
      description: Id of the check.
      type: str
      sample: hairpin.missing
    outcome:
      description: V(pass), V(fail), V(unknown) or V(not_applicable).
      type: str
      sample: fail
    severity:
      description: V(high), V(medium), V(low) or V(info).
      type: str
      sample: high
    resource:
      description: What it is about.
      type: dict
      contains:
        kind:
          description: V(host), V(daemon), V(container), V(network), V(port), V(interface) or V(file).
          type: str
          sample: container
        name:
          description: Its name.
          type: str
          sample: web
    summary:
      description: What is so, in one line.
      type: str
      sample: "web cannot reach itself at 192.0.2.10:8080/tcp: hairpin is off on veth1a2b3c4"
    evidence:
      description: What was read, by the name of where it was read.
      type: dict
      sample: {"hairpin of veth1a2b3c4 on br-0a1b2c3d4e5f": "off"}
    impact:
      description: What it means for those who use the host; empty when nothing is wrong.
      type: str
    remedy:
      description: How it is mended; null when there is nothing to mend.
      type: dict
      contains:
        text:
          description: In words.
          type: str
        module:
          description: The module of this collection that does it; null where a human must decide.
          type: str
          sample: bridge_hairpin
        args:
          description: Options for that module.
          type: dict
          sample: {"state": "auto"}
summary:
  description: Numbers of findings by outcome.
  returned: success
  type: dict
  contains:
    pass:
      description: How many are well.
      type: int
    fail:
      description: How many failed.
      type: int
    unknown:
      description: How many could not be judged.
      type: int
    not_applicable:
      description: How many do not concern this host.
      type: int
    by_severity:
      description: How many failed, by severity.
      type: dict
      sample: {"high": 1, "info": 0, "low": 0, "medium": 1}
checks:
  description: The checks that were run.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id, stable for ever.
      type: str
      sample: proxy.enabled
    severity:
      description: V(high), V(medium), V(low) or V(info).
      type: str
      sample: low
    title:
      description: What is so when it passes.
      type: str
    rationale:
      description: Why it matters.
      type: str
    mended_by:
      description: Modules of this collection that its remedies may name.
      type: list
      elements: str
    parameters:
      description: What it can be told, with the defaults.
      type: list
      elements: dict
    cis:
      description: Number of the item in the CIS Docker Benchmark, by version of the benchmark; empty when it has none.
      type: dict
      sample: {"1.6.0": "2.16", "1.8.0": "2.17"}
facts:
  description: What an operator asks of a host; null for what could not be told.
  returned: success
  type: dict
  contains:
    engine:
      description: Version of the engine, its firewall driver, live-restore and swarm as it reports them, its process.
      type: dict
    default_network:
      description: The daemon's default network with bridge, subnets and gateways.
      type: dict
    networks:
      description: All networks, likewise.
      type: list
      elements: dict
    containers:
      description:
        - All containers with C(mode) as the kernel proves it, C(declared_mode) as it was given, the C(proof), and with
          whom each shares its network namespace.
      type: list
      elements: dict
    shared_namespaces:
      description: Names of containers that are in one network namespace, in groups.
      type: list
      elements: list
    attachments:
      description: Bridge, bridge port, container, network, addresses and hairpin mode of each endpoint.
      type: list
      elements: dict
    proxy:
      description:
        - docker-proxy by default, as configured for the next start and in force, with the evidence; number of its
          processes, their memory (C(pss), in bytes) and the binding of each.
      type: dict
    forwarding:
      description: For C(ipv4) and C(ipv6), whether the kernel forwards, on which interfaces, and what boot will set.
      type: dict
reachability:
  description:
    - Who reaches what, by prediction. What the host treats alike is taken together, since Docker writes the same rules
      for each container. P(dockernet.baseline.packet_trace#module) says which way one packet takes.
  returned: success, unless O(reachability=none) or there is no Docker Engine
  type: dict
  contains:
    exposures:
      description: What is open to machines outside, and perhaps was not meant to be.
      type: list
      elements: dict
      contains:
        kind:
          description:
            - V(open though not published), V(open though published on loopback), or V(open though the host's own rules
              deny it), as with ufw and firewalld, whose ordinary rules guard INPUT alone.
          type: str
        uplink:
          description: The interface that these machines are beyond.
          type: str
          sample: eth0
        ports:
          description: The containers' ports.
          type: list
          elements: str
          sample: ["web:80/tcp"]
        reason:
          description: How, or the rule that would deny it.
          type: str
        example:
          description: One such packet.
          type: dict
        text:
          description: All of it in one line.
          type: str
    listing:
      description: Who sees what of whom, for people, in 200 lines at most.
      type: list
      elements: str
      sample:
        - from outside, by eth0
        - "  answered    web:80/tcp (published on 0.0.0.0) at 192.0.2.10"
    summary:
      description:
        - For each source and kind of destination, and for containers how they stand to each other, how many classes of
          ports at kinds of addresses end in which way.
      type: list
      elements: dict
      sample:
        - {"source": "outside, by eth0", "destination": "published port", "relation": "", "seen": {"answered": 2}}
    problems:
      description: What was not read, so that nothing could be told.
      type: list
      elements: str
    sources:
      description: Origins that are treated alike, with O(reachability=full).
      type: list
      elements: dict
    destinations:
      description: Ports that are treated alike, at one kind of address each, with O(reachability=full).
      type: list
      elements: dict
    cells:
      description:
        - What becomes of a packet from a source to a destination, with O(reachability=full). C(source) and
          C(destination) are indices, C(relation) says how containers stand to each other, C(verdict), C(seen) and
          C(reason) how it ends, C(example) is a packet to ask P(dockernet.baseline.packet_trace#module) about.
      type: list
      elements: dict
sources:
  description: What was read; for what was not, its C(kind) for programs and its C(reason) for people.
  returned: success
  type: dict
  sample: {"links": {"kind": "", "read": true, "reason": ""}}
snapshot_path:
  description: Where the snapshot was saved, or would be in check mode.
  returned: when O(snapshot_path) is given
  type: str
"""

import os
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import DISABLED, ENABLED, KEEP, Settings
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.facts import facts_of
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.plain_text import encodable
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.registry import (
    UnknownCheckError,
    describe,
    select,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.runner import no_engine, run_checks
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.summary import sentence_of, summary_of
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix.reachability import (
    FULL,
    NONE,
    SUMMARY,
    reachability_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import read_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


def audit(examined: Examined) -> dict[str, Any]:
    """Return what the module returns about a snapshot."""
    snapshot, settings = examined.snapshot, examined.settings
    findings = run_checks(examined)
    return {
        "msg": no_engine(snapshot) or sentence_of(snapshot, findings),
        "findings": to_plain(findings),
        "summary": summary_of(findings),
        "checks": [describe(check) for check in select(settings.checks, settings.exclude)],
        "facts": facts_of(snapshot),
        "sources": to_plain(snapshot.sources),
    }


def save(module: AnsibleModule, snapshot: HostSnapshot, path: str) -> None:
    """Write the snapshot to path, whole or not at all, readable by its owner only."""
    handle, scratch = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(snapshot.to_json())
    module.atomic_move(scratch, path)
    os.chmod(path, 0o600)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "checks": {"type": "list", "elements": "str", "default": ["*"]},
            "userland_proxy": {"type": "str", "choices": [KEEP, DISABLED, ENABLED], "default": KEEP},
            "reachability": {"type": "str", "choices": [NONE, SUMMARY, FULL], "default": SUMMARY},
            "snapshot_path": {"type": "path"},
            "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    settings = Settings(module.params["userland_proxy"], tuple(module.params["checks"]))
    path = module.params["snapshot_path"]
    try:
        select(settings.checks)
    except UnknownCheckError as error:
        module.fail_json(msg=f"checks: {error}")
    if path is not None and not os.path.isdir(os.path.dirname(path) or "."):
        module.fail_json(msg=f"snapshot_path: there is no directory {os.path.dirname(path)}")
    if path is not None and os.path.isdir(path):
        module.fail_json(msg=f"snapshot_path: {path} is a directory")

    snapshot = read_snapshot(docker_host=module.params["docker_host"])
    examined = Examined(snapshot, settings)
    result = audit(examined)
    if module.params["reachability"] != NONE and not no_engine(snapshot):
        result["reachability"] = reachability_of(examined.matrix, module.params["reachability"])
    if path is not None:
        result["snapshot_path"] = path
        if not module.check_mode:
            save(module, snapshot, path)
    module.exit_json(changed=path is not None, **encodable(result))


if __name__ == "__main__":
    main()
