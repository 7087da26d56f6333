# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter baseline_table."""

from __future__ import annotations

DOCUMENTATION = r"""
name: baseline_table
author: dockernet.baseline contributors (@dockernet)
version_added: 1.0.0
short_description: Lay out the findings before and after a repair for a person to read
description:
  - Turns the findings of two runs of M(dockernet.baseline.docker_netcheck), and the results of the modules that ran in
    between, into lines of text. A table says what was wrong and what became of it, then follows what was done and what
    was refused, and the last line sums up.
  - Characters that a terminal would act on (control characters, bidirectional overrides, zero-width characters) are
    shown as escapes, no matter who chose the names on the host.
options:
  _input:
    description: The findings before.
    type: list
    elements: dict
    required: true
  after:
    description: The findings after; empty when there was no second audit, because nothing was changed.
    type: list
    elements: dict
  repairs:
    description:
      - The registered results of the repairing modules, by the module's short name, such as V(bridge_hairpin).
      - A task that was skipped counts as not run.
    type: dict
    default: {}
  waiting:
    description: Checks whose repair no one asked for, as P(dockernet.baseline.repair_plan#filter) returns them.
    type: dict
    default: {}
  check_mode:
    description: Whether the repairs ran in check mode, so that the table says what would be done.
    type: bool
    default: false
  width:
    description: The number of columns that no line exceeds.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Audit
  dockernet.baseline.docker_netcheck:
  become: true
  register: before

- name: Repair
  dockernet.baseline.bridge_hairpin:
    state: auto
  become: true
  register: hairpin

- name: Audit again
  dockernet.baseline.docker_netcheck:
  become: true
  register: after

- name: Show what became better
  dockernet.baseline.change_report:
    title: before and after
    lines: "{{ before.findings | dockernet.baseline.baseline_table(after.findings, {'bridge_hairpin': hairpin}) }}"
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError, from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.baseline_table import Repair, Run
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.baseline_table import baseline_table as lines_of

Findings = Sequence[dict[str, Any]]


def baseline_table(
    before: Findings,
    after: Findings | None = None,
    repairs: Mapping[str, Mapping[str, Any]] | None = None,
    waiting: Mapping[str, str] | None = None,
    *,
    check_mode: bool = False,
    width: int = 120,
) -> list[str]:
    """Return the lines for findings as plain data; raise AnsibleFilterError when they are none."""
    done = {name: Repair.from_result(name, result) for name, result in (repairs or {}).items()}
    try:
        run = Run(_findings(before), _findings(after) if after else None, done, check_mode, waiting or {})
        return lines_of(run, width)
    except DecodeError as error:
        raise AnsibleFilterError(f"baseline_table: not a list of findings: {error}") from error


def _findings(data: Findings) -> list[Finding]:
    return [from_plain(Finding, finding) for finding in data]


class FilterModule:
    """What Ansible asks a filter plugin's file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"baseline_table": baseline_table}
