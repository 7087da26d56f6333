# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter findings_table."""

from __future__ import annotations

DOCUMENTATION = r"""
name: findings_table
author: dockernet.baseline contributors (@dockernet)
version_added: 1.0.0
short_description: Lay out the findings of an audit for a person to read
description:
  - Turns the findings that M(dockernet.baseline.docker_netcheck) returns into lines of text, a line a finding, grouped
    by severity, then what was waived, what could not be judged, what repairs it, and a line that counts all outcomes.
  - Characters that a terminal would act on (control characters, bidirectional overrides, zero-width characters) are
    shown as escapes, no matter who chose the names on the host.
options:
  _input:
    description: The findings.
    type: list
    elements: dict
    required: true
  width:
    description: The number of columns that no line exceeds.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Audit
  dockernet.baseline.docker_netcheck:
  become: true
  register: audit

- name: Show what was found
  ansible.builtin.debug:
    msg: "{{ audit.findings | dockernet.baseline.findings_table(width=100) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from collections.abc import Callable, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError, from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import findings_table as lines_of


def findings_table(findings: Sequence[dict[str, Any]], width: int = 120) -> list[str]:
    """Return the lines for findings as plain data; raise AnsibleFilterError when they are none."""
    try:
        lines = lines_of([from_plain(Finding, finding) for finding in findings], width)
    except DecodeError as error:
        raise AnsibleFilterError(f"findings_table: not a list of findings: {error}") from error
    return [line.text for line in lines]


class FilterModule:
    """What Ansible asks a filter plugin's file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"findings_table": findings_table}
