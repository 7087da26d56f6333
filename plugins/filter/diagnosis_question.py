# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter diagnosis_question."""

from __future__ import annotations

DOCUMENTATION = r"""
name: diagnosis_question
author: dockernet.baseline contributors (@dockernet)
version_added: 1.0.0
short_description: Check a question about a connection before any host is asked
description:
  - Takes the variables of the playbook C(diagnose_docker_net) and returns the options of
    M(dockernet.baseline.connection_diagnosis) that they mean, and what is wrong with them on any host.
  - V(container:web), as Docker writes it, means the container V(web).
options:
  _input:
    description:
      - C(container), the container that asks, or C(source), V(host), V(outside) or V(container:NAME); C(target), which
        is asked, with C(port) and C(protocol); or C(published), a port of the host that is asked from outside.
        C(address) is the source address of the packet. What is empty counts as not given.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Fail for a question that no host could answer
  ansible.builtin.fail:
    msg: "{{ asked.problem }}"
  when: asked.problem != ''
  vars:
    asked: "{{ {'container': 'web', 'target': '203.0.113.9:443'} | dockernet.baseline.diagnosis_question }}"
"""

RETURN = r"""
_value:
  description: C(options) for the module, and the C(problem), empty where there is none.
  type: dict
  sample: {"options": {"from": "container web", "to": "203.0.113.9:443"}, "problem": ""}
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.dockernet.baseline.plugins.filter.trace_question import trace_question
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.question import (
    as_place,
    inquiry_of,
    is_url,
    split_name,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import QuestionError

_PREFIX = f"{CONTAINER}:"


def diagnosis_question(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of connection_diagnosis and what is wrong with them."""
    texts = {name: str(value).strip() for name, value in given.items() if value is not None}
    if texts.get("container") and texts.get("source"):
        return _with_problem("container and source both say where the connection starts; give one of them")
    start = texts.get("source", "")
    if texts.get("container"):
        start = f"{_PREFIX}{texts['container'].removeprefix(_PREFIX)}"
    target, port = split_name(texts.get("target", ""), texts.get("port") or None)
    asked = {
        "from": start,
        "to": target,
        "port": port or "",
        "protocol": texts.get("protocol", ""),
        "source": texts.get("address", ""),
        "published": texts.get("published", ""),
    }
    if not start and not asked["published"]:
        return _with_problem("container is missing: -e container=web, or -e source=host, or -e published=8080")
    if not target and not asked["published"]:
        return _with_problem("target is missing: -e target=203.0.113.9:443, a name, or a container")
    try:
        # The rest is checked as for trace_docker_net, which knows no services.
        checked = trace_question({**asked, **as_place(target)} if is_url(target) else asked)
        if checked["problem"]:
            return checked
        options = {**checked["options"], **({"to": target} if is_url(target) else {})}
        if is_url(target):
            options = {name: value for name, value in options.items() if name not in ("port", "protocol")}
        inquiry_of(options)
    except QuestionError as error:
        return _with_problem(str(error))
    return {"options": options, "problem": ""}


def _with_problem(problem: str) -> dict[str, Any]:
    return {"options": {}, "problem": safe(problem)}


class FilterModule:
    """What Ansible asks a filter plugin's file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"diagnosis_question": diagnosis_question}
