#!/usr/bin/python
# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What it does is done by the action plugin of the same name, on the controller.

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_report
short_description: Show and write down what an audit found, and close a gate
version_added: 1.0.0
description:
  - Takes what M(dockernet.baseline.docker_netcheck) returned and shows it, a line a finding, grouped by severity. With
    the callback C(default) that is text of its own, in colours where standard output is a terminal; with any other the
    lines are in RV(report).
  - With O(output_dir), writes the result document as JSON, and JUnit XML for CI systems, each into a file named after
    the host. A host that could not be audited gets both, too.
  - Fails where a finding closes the gate, after all that. A host that could not be audited always fails; one that could
    not be reached is unreachable again, so that C(ansible-playbook) ends with status 4.
  - Runs on the controller. Nothing is done on the host, and no connection to it is opened.
author:
  - dockernet.baseline contributors (@dockernet)
extends_documentation_fragment:
  - dockernet.baseline._attributes
  - dockernet.baseline._attributes.actiongroup_dockernet
attributes:
  check_mode:
    support: full
    details:
      - In check mode the files are written all the same. They are the report, and no change of a host.
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    platforms: posix
options:
  result:
    description:
      - What the audit's task registered. Where it was unreachable or failed, that is what is reported, and what
        C(ansible_failed_result) holds in a C(rescue) will do as well.
    type: dict
    required: true
  fail_on:
    description:
      - The least severity of a failed check that closes the gate. V(none) lets all findings pass.
      - Waived findings do not close it. A waiver that has expired covers nothing.
    type: str
    choices: [high, medium, low, info, none]
    default: none
  fail_on_unknown:
    description: Whether a check that could not be judged closes it, too, unless O(fail_on=none).
    type: bool
    default: true
  output_dir:
    description:
      - A directory on the controller, made where there is none. A relative one is meant from where C(ansible-playbook)
        was started. Empty writes nothing.
    type: str
    default: ""
  width:
    description: The number of columns that no line exceeds.
    type: int
    default: 110
seealso:
  - module: dockernet.baseline.docker_netcheck
"""

EXAMPLES = r"""
- name: Audit, and report also what could not be reached
  block:
    - name: Audit
      dockernet.baseline.docker_netcheck:
      become: true
      ignore_unreachable: true
      register: audit

  rescue:
    - name: Remember why it failed
      ansible.builtin.set_fact:
        audit: "{{ ansible_failed_result }}"

  always:
    - name: Report, and fail for what is wrong with severity medium or high
      dockernet.baseline.audit_report:
        result: "{{ audit }}"
        fail_on: medium
        output_dir: audit
"""

RETURN = r"""
msg:
  description: What closes the gate, or that nothing does.
  returned: always
  type: str
  sample: "1 failed with severity high, 2 could not be judged (audit_fail_on: medium)"
files:
  description: The files that were written, by kind.
  returned: when O(output_dir) is given
  type: dict
  sample: {"json": "/srv/ci/audit/web1.json", "xml": "/srv/ci/audit/web1.xml"}
report:
  description: The lines that would have been shown.
  returned: with another callback for standard output than C(default)
  type: list
  elements: str
"""
