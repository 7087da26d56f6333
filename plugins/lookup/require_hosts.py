# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lookup require_hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: require_hosts
author: dockernet.baseline contributors (@dockernet)
version_added: 1.0.0
short_description: A host pattern, if it matches a host
description:
  - Returns the pattern as it is, for the keyword C(hosts) of a play, if the play would have a host with it.
  - Fails otherwise. Ansible itself skips such a play and ends with status 0, which a gate would take for "all is well".
  - With C(--syntax-check) any pattern is good, since no host is looked at.
  - C(--limit) is heeded, files of it (V(@file)) and patterns with exclusions included.
options:
  _terms:
    description: The pattern, as C(hosts) takes it.
    type: str
    required: true
  entire:
    description:
      - Whether it also fails with C(--start-at-task), and with C(--skip-tags always), for a play that is to do all or
        nothing.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Audit
  hosts: "{{ lookup('dockernet.baseline.require_hosts', 'docker_hosts:!staging') }}"
  roles:
    - role: dockernet.baseline.audit
"""

RETURN = r"""
_raw:
  description: The pattern.
  type: list
  elements: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    """What Ansible asks a lookup plugin's file for."""

    def run(self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the patterns; raise AnsibleLookupError for one that leaves a play without hosts."""
        known = variables or {}
        loader = self._loader
        if loader is None:
            raise AnsibleLookupError("require_hosts runs in a playbook alone")
        left_out = _left_out() if boolean(kwargs.get("entire", False)) else ""
        if left_out:
            raise AnsibleLookupError(f"{left_out} leaves out tasks of a play that does all or nothing")
        for pattern in terms:
            if not context.CLIARGS.get("syntax") and not _matches(loader, pattern, known):
                raise AnsibleLookupError(_reason(pattern, known))
        return list(terms)


def _left_out() -> str:
    """The option of the command line that passes over tasks, whatever tags they have."""
    if context.CLIARGS.get("start_at_task"):
        return "--start-at-task"
    return "--skip-tags always" if "always" in context.CLIARGS.get("skip_tags", ()) else ""


def _matches(loader: DataLoader, pattern: str, variables: Mapping[str, Any]) -> bool:
    inventory = InventoryManager(loader, parse=False)
    for group, hosts in variables.get("groups", {}).items():
        inventory.add_group(group)
        for host in hosts:
            inventory.add_host(host, group=group)
    inventory.subset(variables.get("ansible_limit"))
    return bool(inventory.get_hosts(pattern))


def _reason(pattern: str, variables: Mapping[str, Any]) -> str:
    limit = variables.get("ansible_limit")
    if not variables.get("groups", {}).get("all"):
        return "no host is left: the inventory has none"
    beyond = f" within --limit {limit!r}" if limit else ""
    return f"no host is left: the pattern {pattern!r} matches none of the inventory{beyond}"
