#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: daemon_config
short_description: Set and remove keys of daemon.json, as one transaction
version_added: 1.0.0
description:
  - Edits C(daemon.json), brings the change into force by a reload or a restart of dockerd, whichever the keys need,
    proves with the daemon itself that it is in force and that every container still runs, and puts everything back if
    not.
  - All keys of one task are one change, with at most one restart. Where every key of the task is one that dockerd
    reloads, nothing is restarted and no container is concerned.
  - Other keys, their order, the formatting, mode, owner, extended attributes (the SELinux label among them) and
    symbolic links of the file are kept. It is replaced in one step, so that it is always whole. A new file that holds
    secrets, such as the password of a proxy, is for root alone to read (0600).
  - Before anything is written, the new file is checked against what this engine knows, by C(dockerd --validate) where
    there is one (Docker Engine 23.0 and later) with the flags of its service, and for what that lets pass (an
    impossible C(bip) or address pool, keys that contradict each other). Check mode does all of that, too.
  - Copies of what was there before are kept in C(/var/lib/dockernet-baseline), for root alone to read, see
    M(dockernet.baseline.baseline_rollback) for how long.
author:
  - dockernet.baseline contributors (@dockernet)
extends_documentation_fragment:
  - dockernet.baseline._attributes
  - dockernet.baseline._attributes.change
  - dockernet.baseline._attributes.actiongroup_dockernet
  - dockernet.baseline._engine
  - dockernet.baseline._engine.changes_links
options:
  config:
    description:
      - Keys to set, with their values as C(daemon.json) has them. A list or object replaces the one that is there.
      - Refused are keys that this engine does not know (with the release that brought them or dropped them, or the key
        that was probably meant), values of another type than dockerd takes, and keys that are given as flags on
        dockerd's command line with another value, since dockerd does not start with both.
      - Also refused is C(userland-proxy) set to V(true) on Docker Engine 25 and later, where it is the default, and,
        written out, makes every reload fail. Put the key into O(absent) instead.
      - The host's log does not get it. Results show it without its secrets, that is all of C(proxies), what has the
        name of a secret (C(splunk-token), C(dd-api-key)), and what looks like one.
    type: dict
    default: {}
  absent:
    description:
      - Keys to remove, so that dockerd's defaults apply.
      - dockerd goes on with the last value of a key that it can reload when the key is gone from the file. So the
        default is written out for the time of the reload, and then removed.
    type: list
    elements: str
    default: []
  live_restore:
    description:
      - What to do when a restart is due while containers run and live-restore, as the daemon itself reports it, is off.
      - V(enable) turns it on by a reload and waits until the daemon reports it, before the restart that it then carries
        the containers over. It stays on. What makes such a reload fail is removed from the file before, which is a
        C(userland-proxy) of V(true) on Docker Engine 25 and later.
      - V(keep) leaves it off, so that the restart would stop the containers and needs O(on_disruption=allow). A file
        that asks for live-restore already, and was not reloaded since, is reloaded all the same.
      - Where O(config) or O(absent) turn live-restore off and a restart is due, it is turned off behind the restart.
    type: str
    choices: [keep, enable]
    default: keep
  on_disruption:
    description:
      - V(refuse) changes nothing, and names who would feel it, when a restart would stop a container (which even
        live-restore cannot prevent in a swarm, and before Docker Engine 25 for containers run with C(--rm)), restart
        another service that is bound to dockerd's, or when C(userland-proxy) goes off and a container loses a way in,
        which is C([::]) and the host's IPv6 addresses for containers with IPv4 only and, before Docker Engine 29, the
        published ports for containers of other networks.
      - V(allow) consents to all that.
      - Not even then are keys changed that have dockerd look for its containers elsewhere (as C(data-root)) while
        containers run.
    type: str
    choices: [refuse, allow]
    default: refuse
  restart:
    description:
      - V(always) restarts dockerd even where no key needs it, with the same proof that no container is lost, and the
        same consent. It is for what dockerd does at its start alone, such as writing the rules of its networks that
        somebody has flushed. Each run restarts it, and reports a change.
    type: str
    choices: [as_needed, always]
    default: as_needed
  config_path:
    description:
      - The configuration file of dockerd. By default the one that the running daemon uses, wherever that is. Another
        one than that is refused.
    type: path
notes:
  - Reloaded are C(allow-nondistributable-artifacts), C(debug), C(default-runtime), C(default-shm-size), C(features),
    C(insecure-registries), C(labels), C(live-restore), C(max-concurrent-downloads), C(max-concurrent-uploads),
    C(max-download-attempts), C(network-diagnostic-port), C(registry-mirrors), C(runtimes), C(shutdown-timeout) and, in
    releases that know them, C(default-stop-timeout) and C(nri-opts). All other keys take a restart.
  - The keys of the default network (C(bip), C(bip6), C(bridge), C(default-gateway), C(default-gateway-v6),
    C(fixed-cidr), C(fixed-cidr-v6), C(icc), C(ip), C(ip-masq), C(ipv6), C(mtu)) are ignored by a dockerd that finds
    containers running when it starts. Where live-restore keeps containers, such a key is written and reported as
    pending, and nothing is restarted for it, since that would be in vain. It comes into force at a start that finds no
    container running.
  - A dockerd that systemd does not run (an init script, a shell) is not restarted; keys that can be reloaded are, by
    SIGHUP. A rootless engine is left alone.
  - C(dockerd --validate) is run with the program that the service's unit names, where that and every directory on the
    way to it belong to root, and no one else may write there. Where it is not run (that does not hold, the unit starts
    a wrapper, there is no unit), a warning says why, and the file is checked against what is known of this engine
    alone.
  - C(userland-proxy) brings along all that the module M(dockernet.baseline.userland_proxy) does for it.
  - Values can hold secrets (C(proxies), C(log-opts)). They are masked in what the module returns; C(no_log) on the task
    keeps them out of Ansible's own output.
seealso:
  - module: dockernet.baseline.userland_proxy
  - name: Configuration file of dockerd
    description: All keys.
    link: https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file
"""

EXAMPLES = r"""
- name: Keep containers running while dockerd restarts, and limit their logs
  dockernet.baseline.daemon_config:
    config:
      live-restore: true
      log-driver: json-file
      log-opts:
        max-size: 10m
        max-file: "3"
    live_restore: enable

- name: Give networks made later their addresses from here
  dockernet.baseline.daemon_config:
    config:
      default-address-pools:
        - base: 10.200.0.0/16
          size: 24
    live_restore: enable

- name: Say first what would be done
  dockernet.baseline.daemon_config:
    config:
      registry-mirrors:
        - https://mirror.example.com
    absent:
      - insecure-registries
  check_mode: true
  diff: true

- name: Have dockerd write its firewall rules anew, after somebody flushed them
  dockernet.baseline.daemon_config:
    restart: always

- name: Another MTU for the default network, whatever the restart stops
  dockernet.baseline.daemon_config:
    config:
      mtu: 1450
    on_disruption: allow
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in order.
  returned: always
  type: list
  elements: str
  sample:
    - set log-driver to "json-file" in /etc/docker/daemon.json
    - restart docker.service; 2 running containers are kept by live-restore
settings:
  description: What became of each key that was asked for or changed.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The key.
      type: str
    change:
      description: What was done to it in the file, V(set), V(removed) or V(unchanged).
      type: str
    effect:
      description:
        - V(reload) or V(restart), that brought it into force.
        - V(none), it was in force before.
        - V(pending), it is in the file, and not in force yet.
        - V(unknown), it was in the file before, and neither the daemon nor the time of the file show whether it is in
          force.
      type: str
    note:
      description: What else there is to know, for example that containers which run keep what they have.
      type: str
  sample:
    - name: log-driver
      change: set
      effect: restart
      note: for containers started later; those that run keep what they have
disruptions:
  description: Who feels the change. After a refusal, who would have felt it.
  returned: always
  type: list
  elements: dict
  contains:
    container:
      description: Name of the container, or C(service) and the name of a unit.
      type: str
    how:
      description: What happens to it.
      type: str
  sample:
    - container: web
      how: is stopped and stays stopped (restart policy no)
follows:
  description:
    - What is brought into line with docker-proxy along, so that M(dockernet.baseline.bridge_hairpin) will find it done,
      V(ports) (the hairpin mode of containers that run on) and V(loopback) (the routing of 127.0.0.0/8 by bridges, and
      its guard).
    - V(new_ports) where no container runs on over a restart, so that dockerd makes all ports anew as it wants them.
  returned: success
  type: list
  elements: str
  sample: [loopback, ports]
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
log:
  description: The service's own lines of the time of the failure.
  returned: failure
  type: list
  elements: str
  sample: []
"""

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config import DaemonConfigChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config_plan import Consent
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_goal import (
    WantedKey,
    keys_goal,
    restarting,
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
            # Not for the system's log: proxies and options of log drivers hold passwords.
            "config": {"type": "dict", "default": {}, "no_log": True},
            "absent": {"type": "list", "elements": "str", "default": []},
            "live_restore": {"type": "str", "choices": ["keep", "enable"], "default": "keep"},
            "on_disruption": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
            "restart": {"type": "str", "choices": ["as_needed", "always"], "default": "as_needed"},
            "config_path": {"type": "path"},
            "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    options = module.params
    both = sorted(set(options["config"]) & set(options["absent"]))
    if both:
        module.fail_json(
            msg=f"config sets and absent removes {', '.join(both)}; a key can be in one of them", refused=True
        )
    keys = [WantedKey(str(name), value=value) for name, value in options["config"].items()]
    keys += [WantedKey(name, present=False) for name in options["absent"]]
    consent = Consent(disruption=options["on_disruption"] == "allow", live_restore=options["live_restore"] == "enable")

    def read() -> HostSnapshot:
        return read_snapshot(run_command, options["docker_host"], options["config_path"])

    journal = Journal("daemon_config")
    goal = restarting(keys_goal(keys)) if options["restart"] == "always" else keys_goal(keys)
    run_change(module, DaemonConfigChange(goal, consent, run_command, read, journal))


if __name__ == "__main__":
    main()
