#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: baseline_rollback
short_description: Take back what the modules of this collection have changed on a host
version_added: 1.0.0
description:
  - Every module of this collection that changes a host records in C(/var/lib/dockernet-baseline) what was there before.
    From that record this puts back what was there before the first change since the last rollback, that is
    C(daemon.json), other files below C(/etc), units of systemd, sysctls, hairpin mode of bridge ports and the policy of
    C(FORWARD).
  - C(daemon.json) goes back to the byte where no one else has edited it since. Otherwise the keys that were changed
    here go back one by one, and everything else stays as its author typed it. dockerd takes it up by a reload or a
    restart, under the same protection as in M(dockernet.baseline.userland_proxy). Live-restore that was turned on for
    the hardening carries the containers over the restart, and goes off by a reload at the end.
  - What somebody else has changed since is refused before anything is touched, and named with what it is now, see
    O(on_conflict). What exists no longer, such as the port of a container that was removed, is said and skipped.
  - A rollback is recorded as well. A second one changes nothing, and what is changed afterwards counts as the first
    change again.
  - Taking back restores insecure or broken states, too, if that is how the host was. The warnings say so.
notes:
  - Networks that C(bridge_network) made or changed stay as they are; a warning names them.
  - The record and the copies are in C(/var/lib/dockernet-baseline), which root alone can read. What was taken back is
    forgotten after 90 days, whenever a module of this collection changes something. What stands is kept for as long as
    it may have to be taken back, passwords in copies of C(daemon.json) included; O(state=purged) forgets that, too.
  - What dockerd does itself when it starts stays done. A container that runs on has no listener on C([::]) until it is
    started again, if docker-proxy was off in between.
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
      - V(reverted) takes back what was changed.
      - V(purged) forgets what is older than O(keep_days), without changing anything else. B(It can no longer be taken
        back); a rollback then goes back to what was there before the first change that is still recorded. A change in
        the middle of which a run was killed last stays, since the next run needs it.
    type: str
    choices: [reverted, purged]
    default: reverted
  keep_days:
    description:
      - How many days O(state=purged) leaves, counted from the time of a change. V(0) forgets everything.
    type: int
    default: 90
  on_conflict:
    description:
      - V(refuse) changes nothing where somebody else has changed the same thing since, and names it.
      - V(keep) leaves those things as they are, and takes back the rest.
    type: str
    choices: [refuse, keep]
    default: refuse
  live_restore:
    description:
      - What to do when dockerd must be restarted, containers run and live-restore is off by now.
      - V(enable) turns it on for the restart, so that it carries the containers over, and off again.
      - V(keep) leaves it off, so that the restart would stop the containers and needs O(on_disruption=allow).
    type: str
    choices: [keep, enable]
    default: keep
  on_disruption:
    description:
      - V(refuse) changes nothing when a container would be stopped or cut off, or another service restarted, and names
        them.
      - V(allow) consents to that.
    type: str
    choices: [refuse, allow]
    default: refuse
"""

EXAMPLES = r"""
- name: See what a rollback would do
  dockernet.baseline.baseline_rollback:
  check_mode: true
  diff: true

- name: Put the host back to what it was before it was hardened
  dockernet.baseline.baseline_rollback:

- name: The same, leaving alone what somebody else has changed since
  dockernet.baseline.baseline_rollback:
    on_conflict: keep

- name: Forget what was there before changes that are a year old
  dockernet.baseline.baseline_rollback:
    state: purged
    keep_days: 365
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, in order. Empty when there is nothing to take back.
  returned: always
  type: list
  elements: str
  sample:
    - "remove userland-proxy from /etc/docker/daemon.json: its default is what is wanted"
    - restart docker.service; 2 running containers are kept by live-restore
    - remove /etc/sysctl.d/99-dockernet-baseline.conf
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
consents:
  description:
    - What would allow what was refused, values by the names of options, each of them by itself. Empty where no option
      does.
  returned: when it refused
  type: dict
  sample:
    on_conflict: keep
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

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config_plan import Consent
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import KEEP_DAYS
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.purge import PurgeChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback import (
    RollbackChange,
    RollbackRequest,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import run_change
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import read_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


def main() -> None:
    """Run the module."""
    module = HostModule(
        argument_spec={
            "state": {"type": "str", "choices": ["reverted", "purged"], "default": "reverted"},
            "keep_days": {"type": "int", "default": KEEP_DAYS},
            "on_conflict": {"type": "str", "choices": ["refuse", "keep"], "default": "refuse"},
            "live_restore": {"type": "str", "choices": ["keep", "enable"], "default": "keep"},
            "on_disruption": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
            "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    options = module.params
    if options["keep_days"] < 0:
        module.fail_json(msg=f"keep_days: {options['keep_days']} is less than 0", refused=True)
    if options["state"] == "purged":
        run_change(module, PurgeChange(options["keep_days"]))
        return
    consent = Consent(
        disruption=options["on_disruption"] == "allow",
        live_restore=options["live_restore"] == "enable",
    )
    request = RollbackRequest(consent, keep_conflicts=options["on_conflict"] == "keep")

    def read() -> HostSnapshot:
        return read_snapshot(run_command, options["docker_host"])

    run_change(module, RollbackChange(request, run_command, read))


if __name__ == "__main__":
    main()
