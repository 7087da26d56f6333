# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The contract of a host as it is, for the action plugin; and one file of those of many hosts."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import yaml
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import NotJudgedError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.intents import Contract
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.learn import UNCOVERED, learn, literal

_HEAD = """\
# Who reaches what, as it was when this was learned. Review each line: say why, or remove it and close it.
# What is not here is forbidden. See https://github.com/dockernet/baseline/blob/main/docs/contract.md
"""


def learned_from(snapshot: HostSnapshot) -> dict[str, Any]:
    """Return ``intents`` that the host fulfils and that cover all that is reached there; ``problem`` says why none."""
    context = AuditContext(snapshot, Settings(contract=Contract((), UNCOVERED)))
    try:
        return {"intents": learn(context.contract_judge), "problem": ""}
    except NotJudgedError as error:
        return {"intents": [], "problem": str(error)}


def contract_text(learned: Mapping[str, Iterable[Mapping[str, Any]]], not_read: Collection[str] = ()) -> str:
    """Return one contract as YAML, from the intents of each host by its name in the inventory; equal ones once.

    not_read: hosts of which nothing could be learned; no intent holds on them, and the file says so.
    """
    hosts_of: dict[str, list[str]] = {}
    for host, intents in learned.items():
        for intent in intents:
            hosts_of.setdefault(json.dumps(intent), []).append(host)
    everywhere = len(learned) + len(not_read)
    intents = [
        {**json.loads(text), **({} if len(hosts) == everywhere else {"hosts": list(map(literal, hosts))})}
        for text, hosts in hosts_of.items()
    ]
    head = yaml.safe_dump({"uncovered": UNCOVERED}, sort_keys=False, default_flow_style=False)
    body = yaml.safe_dump(
        {"intents": intents}, sort_keys=False, default_flow_style=None, width=100, allow_unicode=False
    )
    missing = f"# Not read, so no intent holds on them: {safe(', '.join(sorted(not_read)))}\n" if not_read else ""
    return f"{_HEAD}{missing}{head}{body}"
