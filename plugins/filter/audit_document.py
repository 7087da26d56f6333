# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter audit_document."""

from __future__ import annotations

DOCUMENTATION = r"""
name: audit_document
author: dockernet.baseline contributors (@dockernet)
version_added: 1.0.0
short_description: Take the document out of the result of an audit
description:
  - Takes from a result of M(dockernet.baseline.docker_netcheck) what makes the versioned document of an audit, without
    what Ansible adds to each result.
  - The JSON Schema of it is docs/audit-document.schema.json of the collection.
options:
  _input:
    description: The result, as it was registered.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Audit
  dockernet.baseline.docker_netcheck:
  become: true
  register: audit

- name: Keep the document on the controller
  ansible.builtin.copy:
    content: "{{ audit | dockernet.baseline.audit_document | to_nice_json }}"
    dest: "{{ inventory_hostname }}.json"
    mode: "0600"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The document.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import document_of


def audit_document(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document; raise AnsibleFilterError when there is none."""
    try:
        return document_of(result)
    except (KeyError, TypeError) as error:
        raise AnsibleFilterError(f"audit_document: not the result of an audit by docker_netcheck: {error!r}") from error


class FilterModule:
    """What Ansible asks a filter plugin's file for."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"audit_document": audit_document}
