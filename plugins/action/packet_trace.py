# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of packet_trace: a packet followed through what was read of a host."""

from __future__ import annotations

from typing import Any, cast

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.options import TRACE_SPEC
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import (
    BadPacketError,
    predict,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import (
    Question,
    QuestionError,
    packet_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import (
    diagram_of,
    hops_of,
    line_of,
    listing_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import (
    LimitError,
    NoAnswerError,
    is_answer,
    judge_within,
    read_snapshot_text,
    seconds_of,
)

MODULE = "dockernet.baseline.packet_trace"
_OPTIONS = {"origin": "from", "destination": "to"}


class ActionModule(ActionBase):
    """What Ansible runs for a task of packet_trace."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the task. Raises AnsibleActionFail for options that are wrong."""
        super().run(tmp, task_vars)
        dummy_validation, wanted = cast(Any, self).validate_argument_spec(TRACE_SPEC)
        seconds = seconds_of(wanted)
        question = Question(
            wanted["from"], wanted["to"], wanted["protocol"] or "", wanted["port"], wanted["source"] or ""
        )
        answer: dict[str, Any] = self._execute_module(module_name=MODULE, task_vars=task_vars)
        if not is_answer(answer):
            return answer
        packed = answer.pop(WIRE, None)
        try:
            found = judge_within(seconds, packed, read_snapshot_text, lambda snapshot: _followed(snapshot, question))
        except NoAnswerError as error:
            raise AnsibleActionFail(f"the host did not answer like {MODULE}: {error}") from None
        except LimitError as error:
            raise AnsibleActionFail(f"where the packet goes was not worked out: {error}") from None
        return {**answer, **found}


def _followed(snapshot: HostSnapshot, question: Question) -> dict[str, Any]:
    """The packet and its path, or why there is none."""
    try:
        packet = packet_of(snapshot, question)
        path = predict(HostView.of(snapshot), packet)
    except QuestionError as error:
        return {"failed": True, "msg": safe(str(error))}
    except BadPacketError as error:
        return {"failed": True, "msg": safe(f"{_OPTIONS.get(error.part, error.part)}: {error.problem}")}
    return {
        "msg": line_of(packet, path),
        "packet": to_plain(packet),
        "path": to_plain(path),
        "listing": listing_of(packet, path),
        "diagram": diagram_of(packet, path),
        "hops": hops_of(snapshot, packet, path),
    }
