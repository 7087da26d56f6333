# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter unused_waivers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: unused_waivers
author: dockernet.baseline contributors (@dockernet)
version_added: 1.0.0
short_description: Waivers that cover nothing on any host
description:
  - Takes the C(waivers) of the results of M(dockernet.baseline.docker_netcheck), one list for each host, and returns a
    line for each waiver that covers no finding on any of them.
options:
  _input:
    description: The lists.
    type: list
    elements: list
    required: true
"""

EXAMPLES = r"""
- name: Name the waivers that are of no use
  ansible.builtin.debug:
    msg: "{{ [audit.waivers] | dockernet.baseline.unused_waivers }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.waivers import UNUSED


def unused_waivers(lists: Iterable[Iterable[Mapping[str, Any]]]) -> list[str]:
    """Return a line for each waiver that is unused in all lists, in the order of the first."""
    unused: dict[str, bool] = {}
    for waivers in lists:
        for waiver in waivers:
            line = _line(waiver)
            unused[line] = unused.get(line, True) and waiver["state"] == UNUSED
    return [safe(line) for line, state in unused.items() if state]


def _line(waiver: Mapping[str, Any]) -> str:
    chosen = f" where {waiver['selector']}" if waiver["selector"] else ""
    hosts = "" if waiver["hosts"] == ["*"] else f" on {', '.join(waiver['hosts'])}"
    return f"waiver that covers nothing: {waiver['check']}{chosen}{hosts} ({waiver['owner']}: {waiver['reason']})"


class FilterModule:
    """What Ansible asks a filter plugin's file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"unused_waivers": unused_waivers}
