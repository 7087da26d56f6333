# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter repair_plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: repair_plan
author: dockernet.baseline contributors (@dockernet)
version_added: 1.0.0
short_description: The modules that repair what an audit found
description:
  - Takes the findings of M(dockernet.baseline.docker_netcheck) and returns which modules of this collection repair what
    failed, each once, with the options of all findings that name it taken together.
  - Waived findings are left alone. All keys of C(daemon.json) go to M(dockernet.baseline.daemon_config), those of
    docker-proxy among them, so that one restart will do.
  - Fails for a remediation that names a module or an option which the role P(dockernet.baseline.harden#role) does not
    know.
options:
  _input:
    description: The findings.
    type: list
    elements: dict
    required: true
  proxy_in_force:
    description: Whether docker-proxy is effective, as RV(dockernet.baseline.docker_netcheck#module:facts) has it.
    type: bool
  running:
    description:
      - Whether containers run on the host. With O(live_restore) they run on over a restart, in which dockerd leaves its
        default network as it is, so that V(network.icc) waits.
    type: bool
    default: false
  userland_proxy:
    description: What is wanted of docker-proxy. With V(keep), nothing that would switch it is done.
    type: str
    choices: [keep, disabled, enabled]
    default: keep
  live_restore:
    description: Whether live-restore may be turned on.
    type: bool
    default: false
  daemon_config:
    description: Further keys of C(daemon.json), which overrule the findings'.
    type: dict
    default: {}
  families:
    description: The families that forwarding may be turned on for.
    type: list
    elements: str
    default: [ipv4, ipv6]
  also:
    description:
      - Checks to repair besides, of V(daemon.pending), V(firewall.disabled) and V(network.ipv6-unfiltered). To repair
        them makes effective what may have been held back on purpose.
      - Or V(network.icc), which the profiles V(cis) and V(strict) repair by themselves.
    type: list
    elements: str
    default: []
  profile:
    description:
      - The profile that the findings were judged by. V(cis) and V(strict) change hosts on which nothing is broken.
    type: str
    choices: [default, cis, strict]
    default: default
  forwarding_by_file:
    description: Whether a file is to turn forwarding on at boot although nothing lacks it.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Audit
  dockernet.baseline.docker_netcheck:
  become: true
  register: audit

- name: Show what would repair the host
  ansible.builtin.debug:
    msg: "{{ audit.findings | dockernet.baseline.repair_plan(proxy_in_force=audit.facts.proxy.in_force) }}"
"""

RETURN = r"""
_value:
  description:
    - C(modules), options by the short name of the module; C(switches_proxy), whether docker-proxy goes on or off by it;
      C(waiting), by check, the variable of the role P(dockernet.baseline.harden#role) that a remediation waits for.
  type: dict
  sample: {"modules": {"ip_forward": {"families": ["ipv4"]}}, "switches_proxy": false, "waiting": {}}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError, from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.policy import PROFILES
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.repair_plan import (
    HardeningChoices,
    LostRemediationError,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.repair_plan import repair_plan as plan_of


def repair_plan(
    findings: Sequence[Mapping[str, Any]],
    userland_proxy: str = "keep",
    daemon_config: Mapping[str, Any] | None = None,
    families: Sequence[str] = ("ipv4", "ipv6"),
    also: Sequence[str] = (),
    profile: str = "default",
    *,
    proxy_in_force: bool | None = None,
    live_restore: bool = False,
    forwarding_by_file: bool = False,
    running: bool = False,
) -> dict[str, Any]:
    """Return the plan for findings as plain data; raise AnsibleFilterError when they are none or one would be lost."""
    if profile not in PROFILES:
        raise AnsibleFilterError(f"repair_plan: no profile {profile!r}; there are {', '.join(PROFILES)}")
    posture = PROFILES[profile].posture
    choices = HardeningChoices(
        userland_proxy, live_restore, daemon_config or {}, families, also, posture, forwarding_by_file
    )
    try:
        found = [from_plain(Finding, finding) for finding in findings]
        plan = plan_of(found, choices, proxy_in_force=proxy_in_force, running=running)
    except DecodeError as error:
        raise AnsibleFilterError(f"repair_plan: not a list of findings: {error}") from error
    except LostRemediationError as error:
        raise AnsibleFilterError(f"repair_plan: {error}") from error
    return {"modules": dict(plan.modules), "switches_proxy": plan.switches_proxy, "waiting": dict(plan.waiting)}


class FilterModule:
    """What Ansible asks a filter plugin's file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"repair_plan": repair_plan}
