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
  - What counts for how much, and what is accepted for a while, is for the caller to say with O(profile), O(severities),
    O(parameters) and O(waivers). That policy is checked on the controller before the host is asked, and what it says
    can be read in the result.
  - Fails only when it was called wrongly; whether findings fail a play is for the play to decide, see
    P(dockernet.baseline.audit#role).
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
      - In check mode no snapshot is written. Nothing else is ever changed.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - When it saves a snapshot, each run writes the file anew and reports a change.
  platform:
    platforms: linux
notes:
  - Run it with C(become). Without, it sees a part, and says what it did not see. Which part, for members of the group
    C(docker) and for single capabilities, is in U(https://github.com/dockernet/baseline/blob/main/docs/privileges.md).
  - A half of it runs on the controller, so C(async) is not possible with it.
options:
  profile:
    description:
      - What is wanted of the host, under a name. O(userland_proxy), O(severities) and O(parameters) go before what it
        says.
      - V(default) takes each check as it is.
      - V(cis) wants what the CIS Docker Benchmark wants, and takes no item of it for less than C(medium).
      - V(strict) wants that as well, and takes for C(high) what gives away one container after another has been broken
        into. It is for hosts that run what strangers bring.
    type: str
    choices: [default, cis, strict]
    default: default
  checks:
    description:
      - The checks to run, as ids or patterns such as V(forwarding.*). The ids are listed in RV(checks), and in the
        message for one that matches nothing.
    type: list
    elements: str
    default: ["*"]
  exclude:
    description:
      - Checks to leave out of these, as ids or patterns. One that matches no check is an error, too.
    type: list
    elements: str
    default: []
  severities:
    description:
      - V(high), V(medium), V(low) or V(info) by id of a check or by pattern, where the catalogue and the profile are
        not to decide.
      - An id goes before a pattern, and a longer pattern before a shorter one.
    type: dict
    default: {}
  parameters:
    description:
      - What checks are to be told, by id of the check and by name of the parameter. RV(checks) lists what there is.
    type: dict
    default: {}
  waivers:
    description:
      - Failures that are known and accepted, until a day. A waived finding stays in RV(findings) as what it is, with
        the waiver beside it; RV(summary) counts it apart.
      - Where several cover a finding, the first of them that has not expired is the one it is shown with. RV(waivers)
        tells what became of each.
    type: list
    elements: dict
    default: []
    suboptions:
      check:
        description: Id of the check, or a pattern.
        type: str
        required: true
      selector:
        description:
          - JMESPath over the C(resource) of the finding; the waiver covers those of which it is true. Without it, it
            covers all.
          - Anyone who may start a container sets its C(labels) and its C(image). Choose by C(name), C(networks) or
            C(published), and by O(waivers[].hosts), where others start containers; see O(refuse_waivers_by).
          - It takes the Python library C(jmespath) on the controller.
        type: str
      hosts:
        description: Names in the inventory, or patterns of them such as V(web*), of the hosts on which it holds.
        type: list
        elements: str
        default: ["*"]
      reason:
        description: Why it is accepted.
        type: str
        required: true
      owner:
        description: Who answers for it.
        type: str
        required: true
      expires:
        description: The last day on which it holds, as V(YYYY-MM-DD), in UTC. After that day it covers nothing.
        type: str
        required: true
  refuse_waivers_by:
    description:
      - Keys of a resource that no selector may read. A waiver whose selector reads one of them, or may read all keys,
        covers nothing, and its state is V(refused).
    type: list
    elements: str
    choices: [labels, image]
    default: []
  userland_proxy:
    description:
      - What is wanted of docker-proxy, which the check C(proxy.enabled) judges by.
      - V(keep) leaves that to the host; V(disabled) is what the CIS Docker Benchmark recommends.
      - By default what the profile says, V(keep) with O(profile=default) and V(disabled) with the others.
    type: str
    choices: [keep, disabled, enabled]
  labels:
    description:
      - How much of the labels of containers and networks goes into the result, and into a snapshot that is saved.
        Secrets in them are masked in any case.
      - V(keep) has them with their values, V(mask) their names alone, V(omit) none.
      - But for V(keep), a waiver whose selector reads labels covers nothing, since what it chooses is not known. It is
        C(unused) then, and its C(problem) says so.
    type: str
    choices: [keep, mask, omit]
    default: keep
  reachability:
    description:
      - Whether to work out who reaches what on the host, from outside, from the host itself and from its containers.
      - V(summary) returns what is open to other machines though it is not published, or not for them, or denied by the
        host's own rules, and counts the rest. V(full) returns every answer. V(none) saves the time.
    type: str
    choices: [none, summary, full]
    default: summary
  snapshot:
    description:
      - V(save) reads the host and saves what was read in O(snapshot_path), for somebody else to judge.
      - V(audit) judges what was saved in O(snapshot_path) instead of the host that it runs on, which may be any
        machine. It takes no Docker Engine and no privileges there, and returns what an audit of the host would have
        returned.
      - Without it, the host is read and judged, and with O(snapshot_path) saved as well.
    type: str
    choices: [save, audit]
  snapshot_path:
    description:
      - A file on the host with all that is read of it, as JSON that no one but the user who runs this can read. Its
        directory must exist. What stands there already is replaced, with its owner and mode.
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
    msg: "{{ item.summary }}. {{ item.impact }} {{ item.remediation.text }}"
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

- name: Audit with a policy
  dockernet.baseline.docker_netcheck:
    profile: cis
    exclude: [proxy.memory]
    severities:
      publish.wildcard: high
    waivers:
      - check: publish.wildcard
        selector: container == 'balancer' && contains(published, '192.0.2.10:443/tcp')
        hosts: [edge*]
        reason: The load balancer of the shop has to be reached from everywhere
        owner: shop@example.com
        expires: "2027-03-31"
  become: true

- name: Collect on the host
  dockernet.baseline.docker_netcheck:
    snapshot: save
    snapshot_path: /root/docker-network.json
  become: true

- name: Judge elsewhere what was collected and fetched
  dockernet.baseline.docker_netcheck:
    snapshot: audit
    snapshot_path: collected/docker-network.json
  delegate_to: localhost
"""

RETURN = r"""
msg:
  description: The counts in one sentence, and what could not be read; or that there is no Docker Engine on this host.
  returned: always
  type: str
  sample: "15 checks: 2 failed (1 high, 1 medium), 0 could not be judged, 10 passed"
document:
  description:
    - What this and the following keys make together, with the version of their shape. docs/audit-document.schema.json
      of the collection describes it; P(dockernet.baseline.audit_document#filter) takes it out of the result.
  returned: success, unless O(snapshot=save)
  type: dict
  sample: {"name": "dockernet.baseline.audit", "version": 1}
host:
  description: Which host it is about, by its name in the inventory and its own, its kernel, and when it was read.
  returned: success, unless O(snapshot=save)
  type: dict
  contains:
    inventory_name:
      description: Its name in the inventory.
      type: str
    hostname:
      description: The name that it has for itself.
      type: str
    kernel:
      description: Release of its kernel.
      type: str
    docker_host:
      description: Where the engine was asked.
      type: str
    taken_at:
      description: When it was read, ISO 8601 in UTC.
      type: str
    labels:
      description: How much is told of labels, V(keep), V(mask) or V(omit), see O(labels).
      type: str
engine:
  description:
    - Version of the engine, its firewall driver, live-restore and swarm as it reports them, its process; null where it
      did not answer.
  returned: success, unless O(snapshot=save)
  type: dict
policy:
  description: What the audit was held against.
  returned: success, unless O(snapshot=save)
  type: dict
  contains:
    profile:
      description: Name of the profile.
      type: str
    judged_on:
      description: The day by which waivers were judged, in UTC.
      type: str
    userland_proxy:
      description: What is wanted of docker-proxy.
      type: str
    checks:
      description: The patterns of the checks to run.
      type: list
      elements: str
    exclude:
      description: The patterns of checks left out.
      type: list
      elements: str
    severities:
      description: Severity by id, where it is not the catalogue's.
      type: dict
    parameters:
      description: Parameters by id and name, as far as the profile or the task set them.
      type: dict
    refuse_waivers_by:
      description: What no waiver may choose by.
      type: list
      elements: str
findings:
  description: What each check has to say, at least one finding of each, in the order of RV(checks).
  returned: success, unless O(snapshot=save)
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
    default_severity:
      description: What the catalogue says, where the policy says otherwise; else empty.
      type: str
    waiver:
      description: The waiver that covers it, with C(reason), C(owner) and C(expires); null where none does.
      type: dict
    resource:
      description: What it is about, and what a waiver can choose by.
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
        container:
          description: Name of the container that it is or belongs to; else empty.
          type: str
        image:
          description: Of that container.
          type: str
        networks:
          description: Names of the Docker networks that it is or is on.
          type: list
          elements: str
        labels:
          description:
            - Of the container or network, with C(name) and C(value) each. The one who starts a container chooses the
              names, so they are no keys here; O(waivers[].selector) has them as C(labels.NAME) all the same.
          type: list
          elements: dict
          sample: [{"name": "team", "value": "shop"}]
        published:
          description: Sockets of the host that lead to it, of a container and of its ports.
          type: list
          elements: str
          sample: ["192.0.2.10:8080/tcp"]
    summary:
      description: What is so, in one line.
      type: str
      sample: "web cannot reach itself at 192.0.2.10:8080/tcp: hairpin is off on veth1a2b3c4"
    evidence:
      description:
        - What was read, as C(value), by the C(name) of where it was read. A value that itself has names is an object
          with the only key C(named), which holds such a list.
      type: list
      elements: dict
      sample: [{"name": "hairpin of veth1a2b3c4 on br-0a1b2c3d4e5f", "value": "off"}]
    impact:
      description: What it means for those who use the host; empty when nothing is wrong.
      type: str
    remediation:
      description: How it is repaired; null when there is nothing to repair.
      type: dict
      contains:
        text:
          description: In words.
          type: str
        module:
          description: The module of this collection that does it; null where it is decided by hand.
          type: str
          sample: bridge_hairpin
        args:
          description:
            - Options for that module, likewise.
          type: list
          elements: dict
          sample: [{"name": "state", "value": "auto"}]
waivers:
  description: What became of each of O(waivers).
  returned: success, unless O(snapshot=save)
  type: list
  elements: dict
  contains:
    check:
      description: As it was given.
      type: str
    selector:
      description: As it was given, empty where it was not.
      type: str
    hosts:
      description: As they were given.
      type: list
      elements: str
    reason:
      description: As it was given.
      type: str
    owner:
      description: As it was given.
      type: str
    expires:
      description: As it was given.
      type: str
    state:
      description:
        - V(applied), V(unused) where no failure on this host is like that or it does not hold on this host, V(expired),
          or V(refused) by O(refuse_waivers_by).
      type: str
    findings:
      description: How many failures are like that, whether or not another waiver covers them, too.
      type: int
    problem:
      description:
        - Why it is refused; where there are none, what kept the selector from being asked of a resource; else empty.
      type: str
summary:
  description: Numbers of findings by outcome. Those that are waived are counted as that alone.
  returned: success, unless O(snapshot=save)
  type: dict
  contains:
    pass:
      description: How many are well.
      type: int
    fail:
      description: How many failed.
      type: int
    waived:
      description: How many failed and are waived.
      type: int
    expired:
      description: How many waivers have expired.
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
  returned: success, unless O(snapshot=save)
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
    default_severity:
      description: What the catalogue says, where the policy says otherwise; else empty.
      type: str
    title:
      description: What is so when it passes.
      type: str
    rationale:
      description: Why it matters.
      type: str
    remediated_by:
      description: Modules of this collection that its remediations may name.
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
  returned: success, unless O(snapshot=save)
  type: dict
  contains:
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
      description:
        - For C(ipv4) and C(ipv6), whether the kernel forwards, on which C(interfaces) (each as C(name) and C(value)),
          and what boot will set.
      type: dict
reachability:
  description:
    - Who reaches what, by prediction. What the host treats alike is taken together, since Docker writes the same rules
      for each container. P(dockernet.baseline.packet_trace#module) says which way one packet takes.
    - Null with O(reachability=none), and where there is no Docker Engine.
  returned: success, unless O(snapshot=save)
  type: dict
  contains:
    exposures:
      description: What is open to machines outside, and perhaps was not meant to be.
      type: list
      elements: dict
      contains:
        kind:
          description:
            - V(not_published), V(loopback_leak) (published on a loopback address), or V(denied_by_host), as with ufw
              and firewalld, whose ordinary rules guard INPUT alone.
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
        at:
          description:
            - The addresses of the host at which it is so, or which gateway; empty for ports that are reached at the
              container's own address.
          type: list
          elements: str
          sample: ["192.0.2.10", "the gateway of its network"]
        not_at:
          description: Those at which the ports are open as well, and not in this way.
          type: list
          elements: str
        text:
          description: All of it in one line.
          type: str
    listing:
      description: Who sees what of whom, for people, in 200 lines at most.
      type: list
      elements: str
      sample:
        - from outside, by eth0
        - "  answered    web:80/tcp (published on 0.0.0.0:8080) at 192.0.2.10"
    summary:
      description:
        - For each origin and kind of destination, and for containers how they stand to each other, how many classes of
          ports at kinds of addresses end in which way.
      type: list
      elements: dict
      sample:
        - {"origin": "outside, by eth0", "destination": "published_port", "relation": "", "seen": {"answered": 2}}
    problems:
      description: What was not read, so that nothing could be told.
      type: list
      elements: str
    origins:
      description: Origins that are treated alike, with O(reachability=full).
      type: list
      elements: dict
    destinations:
      description:
        - Ports that are treated alike, at one kind of address each, with O(reachability=full). C(host_ports) are those
          of the host that C(members) are published on, in the same order.
      type: list
      elements: dict
    cells:
      description:
        - What becomes of a packet from an origin to a destination, with O(reachability=full). C(origin) and
          C(destination) are indices, C(relation) says how containers stand to each other, C(verdict), C(seen) and
          C(reason) how it ends, C(instead) who answers in place of the one that is asked, C(example) is a packet to ask
          P(dockernet.baseline.packet_trace#module) about.
      type: list
      elements: dict
defects:
  description:
    - Errors of this collection itself, which should be reported to its developers. What they kept from being read or
      judged is C(unknown), and the rest was audited all the same. Empty where there are none.
    - With O(snapshot=audit) one can also show that somebody wrote into the snapshot what no host says.
  returned: success, unless O(snapshot=save)
  type: list
  elements: dict
  contains:
    place:
      description: File and line.
      type: str
      sample: module_utils/_host/links.py:134
    error:
      description: The exception, with its words made safe and shortened.
      type: str
      sample: "ValueError: invalid literal for int() with base 10: '²'"
    parts:
      description: What it hurt.
      type: list
      elements: str
      sample: ["source links", "check bridge.mtu"]
sources:
  description:
    - What was read; for what was not, its C(kind) for programs and its C(reason) for people. C(gaps) are single
      containers and networks that could not be read while the rest of the source was.
  returned: success
  type: dict
  sample: {"links": {"gaps": [], "kind": "", "read": true, "reason": ""}}
timings:
  description: How long what took, in seconds.
  returned: success, unless O(snapshot=save)
  type: dict
  contains:
    phases:
      description: Reading the host, then the checks, the facts, reachability (null without it) and the policy.
      type: dict
    sources:
      description: Reading each source.
      type: dict
snapshot_path:
  description: Where the snapshot was saved, or would be in check mode, or where the one is that was judged.
  returned: when O(snapshot_path) is given
  type: str
"""

import gc
import os

from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import read_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import (
    SavedSnapshotError,
    load_saved,
    save_snapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.options import (
    AUDIT,
    AUDIT_SPEC,
    REQUIRED_BY,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, with_labels
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe


def refuse_place(module: HostModule, path: str) -> None:
    """Fail for a path at which no file can be written, before anything is read."""
    if not os.path.isdir(os.path.dirname(path) or "."):
        module.fail_json(msg=f"snapshot_path: there is no directory {os.path.dirname(path)}")
    if os.path.isdir(path):
        module.fail_json(msg=f"snapshot_path: {path} is a directory")


def read_host(module: HostModule) -> HostSnapshot:
    """Read this host, and save what was read where that is wanted."""
    path = module.params["snapshot_path"]
    if module.params["read_timeout"] < 1:
        module.fail_json(msg=f"read_timeout: it takes a second at least, found {module.params['read_timeout']}")
    if path is not None:
        refuse_place(module, path)
    read = read_snapshot(docker_host=module.params["docker_host"], seconds=module.params["read_timeout"])
    snapshot = with_labels(read, module.params["labels"])
    if path is not None and not module.check_mode:
        try:
            save_snapshot(snapshot, path)
        except SavedSnapshotError as error:
            module.fail_json(msg=safe(f"snapshot_path: {error}"))
    return snapshot


def read_saved(module: HostModule) -> HostSnapshot:
    """Read a saved snapshot; a file that holds none fails the module."""
    try:
        return with_labels(load_saved(module.params["snapshot_path"]), module.params["labels"])
    except SavedSnapshotError as error:
        module.fail_json(msg=safe(f"snapshot_path: {error}"))


def main() -> None:
    """Run the module: read the host, or a saved snapshot. The action plugin judges."""
    module = HostModule(argument_spec=AUDIT_SPEC, required_by=REQUIRED_BY, supports_check_mode=True)
    path, saved = module.params["snapshot_path"], module.params["snapshot"] == AUDIT
    # What was read lives until the end; to search it for garbage again and again takes a tenth of the time.
    gc.set_threshold(100_000, 50, 1000)
    snapshot = read_saved(module) if saved else read_host(module)
    place = {} if path is None else {"snapshot_path": path}
    module.exit_with_snapshot(snapshot.to_json(), changed=path is not None and not saved, **place)


if __name__ == "__main__":
    main()
