"""The controller's half: the policy is checked before the host is asked, and what it answers is weighed by it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible_collections.dockernet.baseline.plugins.action.docker_netcheck import ActionModule
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.audit import judged
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import Settings
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.examined import Examined

from tests.unit.audits import waiver
from tests.unit.synthetic_host import SyntheticHost


class Told:
    """An action on a host that answers and notes what it was told."""

    def __init__(self, answer: dict[str, Any] | None = None) -> None:
        self.answer = answer
        self.options: list[dict[str, Any]] = []

    def __call__(self, **arguments: Any) -> dict[str, Any]:
        assert arguments["module_name"] == "dockernet.baseline.docker_netcheck"
        told = arguments["module_args"]
        self.options.append(told)
        if self.answer is not None:
            return self.answer
        host = SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",)).snapshot()
        settings = Settings(told["userland_proxy"], tuple(told["checks"]), tuple(told["exclude"]), told["parameters"])
        return {"changed": False, "msg": "", **judged(Examined(host, settings), "none")}


def run(told: Told, **options: Any) -> dict[str, Any]:
    task: Any = SimpleNamespace(args=options, async_val=0, check_mode=False, diff=False, action="docker_netcheck")
    nothing: Any = SimpleNamespace()
    connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nowhere"))
    action = ActionModule(task, connection, nothing, nothing, nothing, nothing)
    vars(action)["_execute_module"] = told
    result: dict[str, Any] = action.run(task_vars={"inventory_hostname": "alpha"})
    return result


def test_the_result_is_the_document_of_the_host() -> None:
    result = run(Told(), waivers=[waiver(check="publish.wildcard")])
    assert result["document"]["version"] == 2
    assert result["host"]["inventory_name"] == "alpha"
    assert result["summary"]["waived"] == 1
    assert ", 1 waived, " in result["msg"]
    assert result["changed"] is False


def test_the_host_is_told_what_the_profile_comes_to() -> None:
    told = Told()
    run(told, profile="cis", severities={"mode.*": "high"}, waivers=[waiver()], exclude=["mode.none"])
    (options,) = told.options
    assert options["userland_proxy"] == "disabled"
    assert options["exclude"] == ["mode.none"]
    assert not {"profile", "severities", "waivers"} & set(options)


def test_paths_are_the_host_s() -> None:
    told = Told()
    run(told, snapshot_path="~/snapshot.json")
    assert told.options[0]["snapshot_path"] == "~/snapshot.json"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"waivers": [waiver(selector="name = 'x'")]}, "waivers[0].selector: it is no JMESPath, at character 6"),
        ({"waivers": [waiver(owner=None)]}, "missing required arguments: owner found in waivers"),
        ({"profile": "lax"}, "value of profile must be one of: default, cis, strict, got: lax"),
        ({"severities": {"mode.*": "grave"}}, "severities['mode.*']: 'grave' is no severity"),
        ({"checks": ["modes.*"]}, "checks[0]: no check matches 'modes.*'"),
        ({"snapshot": "audit"}, "required by 'snapshot'"),
        ({"check": ["*"]}, "Unsupported parameters"),
    ],
)
def test_what_cannot_be_meant_fails_before_the_host_is_asked(options: dict[str, Any], words: str) -> None:
    told = Told()
    with pytest.raises(AnsibleError) as caught:
        run(told, **options)
    assert words in str(caught.value)
    assert told.options == []


@pytest.mark.parametrize(
    "answer",
    [{"failed": True, "msg": "no such directory"}, {"unreachable": True, "msg": "no route"}, {"skipped": True}],
)
def test_a_host_that_has_no_answer_is_passed_on(answer: dict[str, Any]) -> None:
    assert run(Told(answer)) == answer


def test_what_was_saved_only_is_not_weighed() -> None:
    answer = {"changed": True, "msg": "saved", "sources": {}}
    assert run(Told(answer), snapshot="save", snapshot_path="/x") == answer


def test_an_answer_of_another_shape_fails() -> None:
    with pytest.raises(AnsibleActionFail, match="did not answer like"):
        run(Told({"changed": False, "msg": ""}))
    with pytest.raises(AnsibleActionFail, match="did not answer like"):
        run(Told({"changed": False, "msg": "", "sources": {}, "findings": [{"check": 5}]}))
