#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: userland_proxy
short_description: Switch docker-proxy on or off without losing a container
version_added: 1.0.0
description:
  - Edits C(daemon.json), restarts dockerd if that is harmless or was consented to, proves that the mode is in force and
    that every container still runs, and then sets right what dockerd leaves behind on containers that it kept, which is
    hairpin mode of their ports and, once the proxy is on again, C(route_localnet) of the bridges.
  - Without the proxy, dockerd lets its bridges route 127.0.0.0/8. A rule in the table C(raw) then keeps containers away
    from services on the host's 127.0.0.1, now and, by the unit C(dockernet-loopback-guard.service), at boot. It goes
    when the proxy is switched on again.
  - Other keys of C(daemon.json), their order, the formatting, mode, owner, security label and symbolic links are kept.
    A file that dockerd would stumble over is left alone, and the message says file, line and column.
  - When dockerd does not start with the new file, the previous one is put back and dockerd is started with it.
  - Copies of what was there before are kept in C(/var/lib/dockernet-baseline), for root alone to read, see
    M(dockernet.baseline.baseline_rollback) for how long.
  - The same as C(userland-proxy) of V(false), or its absence, with M(dockernet.baseline.daemon_config), which changes
    other keys in the same restart.
author:
  - dockernet.baseline contributors (@dockernet)
extends_documentation_fragment:
  - dockernet.baseline._attributes
  - dockernet.baseline._attributes.change
  - dockernet.baseline._attributes.actiongroup_dockernet
  - dockernet.baseline._engine
  - dockernet.baseline._engine.changes_links
requirements:
  - systemd
options:
  state:
    description:
      - V(disabled) sets C(userland-proxy) to V(false).
      - V(enabled) removes the key where it says V(false). It is not set to V(true), which is the default anyway and,
        from Docker Engine 25 on, makes every reload of the daemon fail; where it says so, it is removed.
    type: str
    choices: [enabled, disabled]
    required: true
  live_restore:
    description:
      - What to do when containers run and live-restore, as the daemon itself reports it, is off.
      - V(enable) turns it on by a reload and waits until the daemon reports it, before the restart that it then carries
        the containers over. It stays on.
      - V(keep) leaves it off, so that the restart would stop the containers and needs O(on_disruption=allow). A file
        that asks for live-restore already, and was not reloaded since, is reloaded all the same.
    type: str
    choices: [keep, enable]
    default: keep
  on_disruption:
    description:
      - V(refuse) changes nothing when a container would be stopped, another service restarted, or, where docker-proxy
        goes off, a container would lose a way in, and names them. Containers with IPv4 only lose C([::]) and the host's
        IPv6 addresses; before Docker Engine 29, containers of other networks lose what a container publishes.
        From Docker Engine 29 on with C(firewall-backend=nftables), containers that publish one port twice lose all
        of their ports and do not start again.
      - V(allow) consents to that.
    type: str
    choices: [refuse, allow]
    default: refuse
  config_path:
    description:
      - The configuration file of dockerd. By default the one that the running daemon uses.
    type: path
"""

EXAMPLES = r"""
- name: Switch docker-proxy off, with live-restore carrying the containers over the restart
  dockernet.baseline.userland_proxy:
    state: disabled
    live_restore: enable

- name: Switch it on again, whatever that stops
  dockernet.baseline.userland_proxy:
    state: enabled
    on_disruption: allow
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in order.
  returned: always
  type: list
  elements: str
  sample:
    - set userland-proxy to false in /etc/docker/daemon.json
    - restart docker.service; 2 running containers are kept by live-restore
settings:
  description:
    - What became of C(userland-proxy) and of each other key that changed, see M(dockernet.baseline.daemon_config).
  returned: success
  type: list
  elements: dict
  sample:
    - name: userland-proxy
      change: set
      effect: restart
      note: ""
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
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_goal import proxy_goal
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
            "state": {"type": "str", "choices": ["enabled", "disabled"], "required": True},
            "live_restore": {"type": "str", "choices": ["keep", "enable"], "default": "keep"},
            "on_disruption": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
            "config_path": {"type": "path"},
            "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    options = module.params
    goal = proxy_goal(enabled=options["state"] == "enabled")
    consent = Consent(
        disruption=options["on_disruption"] == "allow",
        live_restore=options["live_restore"] == "enable",
    )

    def read() -> HostSnapshot:
        return read_snapshot(run_command, options["docker_host"], options["config_path"])

    journal = Journal("userland_proxy")
    run_change(module, DaemonConfigChange(goal, consent, run_command, read, journal))


if __name__ == "__main__":
    main()
