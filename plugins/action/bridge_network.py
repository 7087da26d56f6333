# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of bridge_network: networks that were made are proved by packets, or taken back."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_plan import (
    CHANGED,
    CREATED,
    FAILED,
    KEPT,
    RECREATED,
    REMOVED,
    UNDONE,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import Evidence
from ansible_collections.dockernet.baseline.plugins.module_utils._host.plausibility import require_plausible
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.bridge_network_proof import load_evidence, prove
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import LimitError, NoAnswerError, judge_within

MODULE = "dockernet.baseline.bridge_network"
_SECONDS = 60
_CHANGED = {CREATED: "created", RECREATED: "re-created", REMOVED: "removed", CHANGED: "changed"}
_DONE = {KEPT: "is as configured", RECREATED: "was re-created"}


class ActionModule(ActionBase):
    """What Ansible runs for a task of bridge_network."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the task; a network that does not do what it should is taken back, and fails it."""
        super().run(tmp, task_vars)
        answer: dict[str, Any] = self._execute_module(module_name=MODULE, task_vars=task_vars)
        packed = answer.pop(WIRE, None)
        if packed is None:
            return answer
        try:
            networks = judge_within(_SECONDS, packed, _read, prove)["networks"]
        except NoAnswerError as error:
            raise AnsibleActionFail(f"the host did not answer like {MODULE}: {error}") from None
        except LimitError as error:
            self._display.warning(f"Whether these networks treat packets as wanted is not known: {error}")
            return answer
        broken = [item for item in networks if item["problems"] and item["outcome"] != KEPT]
        for item in networks:
            known = item["remarks"] if item in broken else [*item["problems"], *item["remarks"]]
            for text in known:
                self._display.warning(
                    safe(f"network {item['name']} {_DONE.get(item['outcome'], 'was created')}, but {text}")
                )
        return self._taken_back(answer, broken, task_vars) if broken else answer

    def _taken_back(
        self, answer: dict[str, Any], broken: list[dict[str, Any]], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        names = [item["name"] for item in broken]
        undone = self._execute_module(
            module_name=MODULE, module_args={**self._task.args, "undo": names}, task_vars=task_vars
        )
        failed = undone.get("failed") or undone.get("unreachable")
        texts = [_told(item, "" if failed else " and reverted") for item in broken]
        if failed:
            texts.append(f"It could not be reverted: {undone.get('msg', 'the host did not answer')}")
        rest = [
            f"{item['name']} was {_CHANGED[item['outcome']]}"
            for item in answer.get("networks", [])
            if item["name"] not in names and item["outcome"] in _CHANGED
        ]
        changed = f"Also: {'; '.join(rest)}" if rest else "Nothing else was changed"
        outcome = FAILED if failed else UNDONE
        networks = [
            {**item, "outcome": outcome} if item["name"] in names else item for item in answer.get("networks", [])
        ]
        return {
            **answer,
            "networks": networks,
            "changed": bool(failed or rest),
            "failed": True,
            "refused": False,
            "msg": safe(". ".join([*texts, changed])),
        }


def _read(text: str) -> Evidence:
    evidence = load_evidence(text)
    require_plausible(evidence.snapshot)
    return evidence


def _told(item: dict[str, Any], ending: str) -> str:
    problems = "; ".join(item["problems"])
    if item["outcome"] == RECREATED:
        words = "network {} and its containers were restored: {}" if ending else "network {} was re-created, but {}"
    else:
        words = "network {} was created and removed again, because {}" if ending else "network {} was created, but {}"
    return words.format(item["name"], problems)
