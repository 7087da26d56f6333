# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter trace_question."""

from __future__ import annotations

DOCUMENTATION = r"""
name: trace_question
author: dockernet.baseline contributors (@dockernet)
version_added: 1.0.0
short_description: Check a question about a packet before any host is asked
description:
  - Takes the variables of the playbook C(trace_docker_net) and returns the options of
    M(dockernet.baseline.packet_trace) that they mean, and what is wrong with them on any host.
  - V(container:web), as Docker writes it, means the container V(web).
options:
  _input:
    description:
      - C(from), C(to), C(port), C(protocol) and C(source) as for M(dockernet.baseline.packet_trace), or C(published), a
        port of the host that is asked from outside. What is empty counts as not given.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Fail for a question that no host could answer
  ansible.builtin.fail:
    msg: "{{ asked.problem }}"
  when: asked.problem != ''
  vars:
    asked: "{{ {'from': 'container:web', 'to': '203.0.113.9', 'port': 443} | dockernet.baseline.trace_question }}"
"""

RETURN = r"""
_value:
  description: C(options) for the module, and the C(problem), empty where there is none.
  type: dict
  sample: {"options": {"from": "container web", "to": "203.0.113.9", "port": 443}, "problem": ""}
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, HOST, OUTSIDE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import Question, problem_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import PACKET_PROTOCOLS

_PREFIX = f"{CONTAINER}:"
_PUBLISHED = {"from": OUTSIDE, "to": HOST}


def trace_question(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of packet_trace and what is wrong with them."""
    texts = {name: str(value).strip() for name, value in given.items() if value is not None}
    options: dict[str, Any] = {name: value for name, value in texts.items() if value}
    try:
        published = _number(options, "published")
        if published is not None:
            options = _of_published(options, published)
        port = _number(options, "port")
    except ValueError as error:
        return _with_problem(str(error))
    for name in ("from", "to"):
        if name not in options:
            return _with_problem(f"{name} is missing: -e {name}=container:web, host, outside{_MORE[name]}")
        if options[name].startswith(_PREFIX):
            options[name] = f"{CONTAINER} {options[name].removeprefix(_PREFIX)}"
    protocol = options.get("protocol", "")
    if protocol and protocol not in PACKET_PROTOCOLS:
        return _with_problem(f"protocol: {protocol!r} is not one of {', '.join(PACKET_PROTOCOLS)}")
    question = Question(options["from"], options["to"], protocol, port, options.get("source", ""))
    problem = problem_of(question)
    return _with_problem(problem) if problem else {"options": {**options, **_port(port)}, "problem": ""}


_MORE = {"from": "", "to": " or an address (to=203.0.113.9:443)"}


def _of_published(options: Mapping[str, Any], port: int) -> dict[str, Any]:
    """The options for a port of the host. Raises ValueError where they name another target as well."""
    twice = [name for name in ("to", "port") if name in options]
    if twice:
        raise ValueError(f"published: it stands for to=host and port={port}, so {' and '.join(twice)} cannot be given")
    rest = {name: value for name, value in options.items() if name != "published"}
    return {**_PUBLISHED, **rest, "port": str(port)}


def _number(options: Mapping[str, Any], name: str) -> int | None:
    text = str(options.get(name, ""))
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= 65535):
        raise ValueError(f"{name}: {text!r} is no port, which is a number from 1 to 65535")
    return int(text)


def _port(port: int | None) -> dict[str, int]:
    return {} if port is None else {"port": port}


def _with_problem(problem: str) -> dict[str, Any]:
    return {"options": {}, "problem": safe(problem)}


class FilterModule:
    """What Ansible asks a filter plugin's file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"trace_question": trace_question}
