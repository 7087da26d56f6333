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
  - Takes results of M(dockernet.baseline.docker_netcheck), one for each host, and returns a line for each waiver that
    covers no finding on any of them.
  - Those are results with O(dockernet.baseline.docker_netcheck#module:document_in=file).
options:
  _input:
    description: The results, as they were registered.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Name the waivers that are of no use
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts | map('extract', hostvars, 'audit') | dockernet.baseline.unused_waivers }}"
  run_once: true
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


def unused_waivers(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each waiver that is used by no result, in the order of the first; those without are passed."""
    unused: dict[str, None] = {}
    used: set[str] = set()
    for result in results:
        unused.update(dict.fromkeys(result.get("unused_waivers") or []))
        used.update(result.get("used_waivers") or [])
    return [safe(f"waiver that covers nothing: {line}") for line in unused if line not in used]


class FilterModule:
    """What Ansible asks a filter plugin's file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"unused_waivers": unused_waivers}
