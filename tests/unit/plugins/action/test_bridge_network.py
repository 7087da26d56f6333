# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that were made are proved by packets, and taken back where those do not fare as wanted."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.dockernet.baseline.plugins.action import bridge_network
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import (
    Evidence,
    NetworkNow,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE, pack

from tests.unit.plugins.action.conftest import action_with
from tests.unit.plugins.plugin_utils.test_bridge_network_proof import EMPTY, made_up, told, with_rules

UNDONE = {"changed": True, "msg": ""}


class Host:
    """Answers first with what was read after a change, then with how the undo went."""

    def __init__(self, *, outcome: str, rules: str | None = None, undo: dict[str, Any] | None = None) -> None:
        one, network = made_up()
        self.subnet = one.networks[0].subnet
        seen = told(one.snapshot()) if rules is None else with_rules(one, rules)
        self.name = network["Name"]
        self.packed = pack(Evidence(seen, [NetworkNow(outcome, network)]).to_json())
        self.undo = undo or UNDONE
        self.undone: list[list[str]] = []

    def __call__(self, module_args: dict[str, Any] | None = None, **dummy_more: Any) -> dict[str, Any]:
        if module_args is not None:
            self.undone.append(module_args["undo"])
            return self.undo
        networks = [{"name": self.name, "outcome": "created"}, {"name": "other", "outcome": "created"}]
        return {"changed": True, "actions": ["x"], "networks": networks, WIRE: self.packed}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    def runner(host: Host) -> tuple[dict[str, Any], list[str]]:
        action = action_with(bridge_network, "bridge_network", host, {"networks": []})
        warnings: list[str] = []
        monkeypatch.setattr(action._display, "warning", warnings.append)
        return action.run(task_vars={}), warnings

    return runner


def test_a_network_that_does_what_it_should_stays(run: Any) -> None:
    host = Host(outcome="created")
    result, warnings = run(host)
    assert WIRE not in result
    assert (result["changed"], "failed" in result, warnings, host.undone) == (True, False, [], [])


@pytest.mark.parametrize(
    ("outcome", "said"),
    [("created", "was created and removed again, because"), ("recreated", "and its containers were restored:")],
)
def test_one_that_does_not_is_taken_back(run: Any, outcome: str, said: str) -> None:
    host = Host(outcome=outcome, rules=EMPTY.format("ACCEPT"))
    result, dummy = run(host)
    assert host.undone == [[host.name]]
    assert (result["failed"], result["refused"]) == (True, False)
    assert result["msg"].startswith(f"network {host.name} {said} no rule masquerades {host.subnet}")
    assert result["msg"].endswith("Also: other was created")
    assert result["changed"] is True
    assert outcomes(result) == {host.name: "undone", "other": "created"}


def test_what_cannot_be_taken_back_is_said(run: Any) -> None:
    host = Host(outcome="created", rules=EMPTY.format("ACCEPT"), undo={"failed": True, "msg": "dockerd is gone"})
    result, dummy = run(host)
    assert result["failed"] is True
    assert "reverted: dockerd is gone" in result["msg"]
    assert outcomes(result) == {host.name: "failed", "other": "created"}


def outcomes(result: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["outcome"] for item in result["networks"]}


def test_one_that_was_there_before_is_a_warning(run: Any) -> None:
    host = Host(outcome="unchanged", rules=EMPTY.format("ACCEPT"))
    result, warnings = run(host)
    assert ("failed" in result, host.undone) == (False, [])
    (warning,) = warnings
    assert warning.startswith(f"network {host.name} is as configured, ")
    assert "no rule masquerades" in warning


def test_what_is_no_evidence_fails(run: Any) -> None:
    host = Host(outcome="created")
    host.packed = pack("[]")
    with pytest.raises(AnsibleActionFail, match="did not answer like"):
        run(host)


def test_what_could_not_be_judged_is_a_warning(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def prove(evidence: Evidence) -> dict[str, Any]:
        raise KeyError("nobody foresaw it")

    monkeypatch.setattr(bridge_network, "prove", prove)
    result, (warning,) = run(Host(outcome="created"))
    assert "failed" not in result
    assert "is not known" in warning
