# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter learned_contract."""

from __future__ import annotations

DOCUMENTATION = r"""
name: learned_contract
author: dockernet.baseline contributors (@dockernet)
version_added: 1.0.0
short_description: One contract of many hosts as they are
description:
  - Takes results of M(dockernet.baseline.docker_netcheck) with
    O(dockernet.baseline.docker_netcheck#module:learn_contract=true), and returns the text of one contract for all of
    these hosts, which each of them fulfils.
options:
  _input:
    description: The results, as they were registered.
    type: list
    elements: dict
    required: true
  not_read:
    description: Hosts that could not be read. No intent holds on them, and a comment in the file names them.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Learn who reaches what
  dockernet.baseline.docker_netcheck:
    learn_contract: true
  become: true
  register: learned

- name: Write the contract
  ansible.builtin.copy:
    content: >-
      {{ ansible_play_hosts | map('extract', hostvars, 'learned')
      | dockernet.baseline.learned_contract(not_read=ansible_play_hosts_all | difference(ansible_play_hosts)) }}
    dest: contract.yml
    mode: "0644"
  delegate_to: localhost
  become: false
  run_once: true
"""

RETURN = r"""
_value:
  description: The file, as YAML.
  type: str
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.learned import contract_text


def learned_contract(results: Iterable[Mapping[str, Any]], not_read: Collection[str] = ()) -> str:
    """Return the contract of all results. Raises AnsibleFilterError for a host of which nothing could be learned."""
    learned = {}
    for result in results:
        if "learned_contract" not in result:
            raise AnsibleFilterError("a result has no learned_contract: run docker_netcheck with learn_contract=true")
        host = result["host"]["inventory_name"]
        problem = result["learned_contract"]["problem"]
        if problem:
            raise AnsibleFilterError(f"nothing was learned of {host}: {problem}")
        learned[host] = result["learned_contract"]["intents"]
    return contract_text(learned, not_read)


class FilterModule:
    """What Ansible asks a filter plugin's file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"learned_contract": learned_contract}
