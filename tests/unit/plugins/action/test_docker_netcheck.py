"""The controller's half: the policy is checked before the host is asked, and what it answers is weighed by it."""

from __future__ import annotations

import base64
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible_collections.dockernet.baseline.plugins.action import audit_report, docker_netcheck
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import LARGEST, WIRE, pack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import judged
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.manifest import read_manifest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.host_reading import READER
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import MEMORY

from tests.unit.audits import problems, waiver
from tests.unit.plugins.action.conftest import action_with, told_by
from tests.unit.synthetic_host import SyntheticHost


class Told:
    """An action on a host that answers and notes what it was told."""

    def __init__(self, answer: dict[str, Any] | None = None) -> None:
        self.answer = answer
        self.options: list[dict[str, Any]] = []

    def __call__(self, **arguments: Any) -> dict[str, Any]:
        assert arguments["module_name"] == READER
        self.options.append(told_by(arguments["module_args"]))
        if self.answer is not None:
            return self.answer
        host = SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",)).snapshot()
        return {"changed": False, WIRE: pack(host.to_json())}


def run(told: Told, **options: Any) -> dict[str, Any]:
    action = action_with(docker_netcheck, "docker_netcheck", told, options)
    result: dict[str, Any] = action.run(task_vars={"inventory_hostname": "alpha"})
    return result


def test_the_result_is_the_document_of_the_host() -> None:
    result = run(Told(), waivers=[waiver(check="publish.wildcard")])
    assert result["document"]["version"] == 3
    assert result["host"]["inventory_name"] == "alpha"
    assert result["summary"]["waived"] == 1
    assert ", 1 waived, " in result["msg"]
    assert result["changed"] is False


def test_the_host_is_told_what_to_read_and_no_more() -> None:
    told = Told()
    result = run(
        told, profile="cis", severities={"mode.*": "high"}, waivers=[waiver()], exclude=["mode.none"], labels="mask"
    )
    assert told.options == [{"sources": "all", "read_timeout": 60, "labels": "mask"}]
    assert result["policy"]["userland_proxy"] == "disabled"
    assert "mode.none" not in {item["check"] for item in result["findings"]}


def test_paths_are_the_host_s() -> None:
    told = Told()
    run(told, snapshot_path="~/snapshot.json")
    assert told.options[0]["save"] == "~/snapshot.json"


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


def test_what_was_saved_only_is_not_judged() -> None:
    result = run(Told(), snapshot="save", snapshot_path="/x")
    assert result["msg"].startswith("Nothing was evaluated")
    assert result["msg"].endswith(" /x")
    assert result["sources"]["engine"]["read"] is True
    assert "findings" not in result


@pytest.mark.parametrize(
    "packed",
    [
        None,
        5,
        "",
        "json:!",
        "zlib:" + base64.b64encode(b"x").decode(),
        "zlib:" + base64.b64encode(zlib.compress(b"{}" * 99)[:-3]).decode(),
        pack("[]"),
        pack('{"schema": 3, "hostname": 5}'),
        pack(SyntheticHost().snapshot().to_json().replace("192.0.2.10/24", "banana")),
    ],
)
def test_an_answer_of_another_shape_fails(packed: Any) -> None:
    with pytest.raises(AnsibleActionFail, match="did not answer like"):
        run(Told({"changed": False, WIRE: packed}))


def test_what_unpacks_to_more_than_is_taken_is_no_answer() -> None:
    bomb = "zlib:" + base64.b64encode(zlib.compress(b"[" + b" " * LARGEST)).decode()
    with pytest.raises(AnsibleActionFail, match=f"more than {LARGEST} bytes"):
        run(Told({"changed": False, WIRE: bomb}))


def test_a_host_that_takes_too_long_to_judge_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getpid()

    def judge(context: AuditContext, detail: str) -> dict[str, Any]:
        while os.getpid() != parent:
            pass
        return judged(context, detail)

    monkeypatch.setattr(docker_netcheck, "judged", judge)
    result = run(Told(), judge_timeout=1)
    assert {item["outcome"] for item in result["findings"]} == {"unknown"}
    (reason,) = {source["reason"] for source in result["sources"].values()}
    assert "not evaluated: " in reason
    assert "deadline of 1 seconds" in reason


def test_a_host_that_takes_too_much_memory_to_judge_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getpid()

    def judge(context: AuditContext, detail: str) -> dict[str, Any]:
        if os.getpid() != parent:
            bytearray(2 * MEMORY)
        return judged(context, detail)

    monkeypatch.setattr(docker_netcheck, "judged", judge)
    result = run(Told())
    assert {item["outcome"] for item in result["findings"]} == {"unknown"}
    (reason,) = {source["reason"] for source in result["sources"].values()}
    assert "more memory" in reason


def test_the_document_goes_to_a_file_and_little_is_returned(tmp_path: Path) -> None:
    waivers = [waiver(check="publish.wildcard"), waiver(check="mode.host")]
    result = run(Told(), document_in="file", output_dir=str(tmp_path / "new"), waivers=waivers)
    assert set(result) == {"changed", "document_path", "msg", "summary", "unused_waivers", "used_waivers"}
    assert result["changed"] is False
    assert result["unused_waivers"] == ["mode.host (ops: known)"]
    assert result["used_waivers"] == ["publish.wildcard (ops: known)"]
    path = Path(result["document_path"])
    assert path == tmp_path / "new" / "alpha.json"
    assert path.stat().st_mode & 0o777 == 0o600
    returned = run(Told(), waivers=waivers)
    told = json.loads(path.read_text())
    assert problems(told) == []
    # In a file alone: which run it is of.
    assert told.pop("run")["id"]
    for document in (returned, told):
        del document["timings"]
    assert told == {key: returned[key] for key in told}
    assert (result["msg"], result["summary"]) == (returned["msg"], returned["summary"])


def test_without_a_directory_it_goes_to_what_ansible_removes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path), raising=False)
    path = Path(run(Told(), document_in="file")["document_path"])
    assert path == tmp_path / "dockernet-audits" / "alpha.json"
    assert path.exists()


def test_a_document_that_cannot_be_written_fails_the_task(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AnsibleActionFail, match=r"output_dir: .*file"):
        run(Told(), document_in="file", output_dir=str(tmp_path / "file"))


@pytest.mark.parametrize("answer", [{"failed": True, "msg": "no"}, {"unreachable": True, "msg": "no route"}])
def test_a_host_without_an_answer_has_no_file(tmp_path: Path, answer: dict[str, Any]) -> None:
    assert run(Told(answer), document_in="file", output_dir=str(tmp_path)) == answer
    assert list(tmp_path.glob("*.json")) == []
    # Though the run was about it.
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert manifest.hosts == ["alpha"]


def test_what_was_saved_only_has_no_file(tmp_path: Path) -> None:
    result = run(Told(), snapshot="save", snapshot_path="/x", document_in="file", output_dir=str(tmp_path))
    assert result["msg"].startswith("Nothing was evaluated")
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_is_not_judged_in_time_has_a_file_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getpid()

    def judge(context: AuditContext, detail: str) -> dict[str, Any]:
        while os.getpid() != parent:
            pass
        return judged(context, detail)

    monkeypatch.setattr(docker_netcheck, "judged", judge)
    result = run(Told(), judge_timeout=1, document_in="file", output_dir=str(tmp_path))
    document = json.loads(Path(result["document_path"]).read_text())
    assert {item["outcome"] for item in document["findings"]} == {"unknown"}
    assert result["summary"]["unknown"] == len(document["findings"])


def test_an_error_of_this_collection_while_judging_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getpid()

    def judge(context: AuditContext, detail: str) -> dict[str, Any]:
        if os.getpid() != parent:
            raise KeyError("nobody foresaw it")
        return judged(context, detail)

    monkeypatch.setattr(docker_netcheck, "judged", judge)
    result = run(Told())
    assert {item["outcome"] for item in result["findings"]} == {"unknown"}
    assert "nobody foresaw it" in result["defects"][0]["error"]


def test_the_time_for_judging_takes_a_second_at_least() -> None:
    with pytest.raises(AnsibleActionFail, match=r"judge_timeout: .* found 0"):
        run(Told(), judge_timeout=0)


def test_a_document_is_compared_before_it_is_replaced(tmp_path: Path) -> None:
    assert "since_last_run" not in run(Told(), document_in="file", output_dir=str(tmp_path))
    host = SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp", "0.0.0.0|81|81/tcp")).snapshot()
    told = Told({"changed": False, WIRE: pack(host.to_json())})
    changes = run(told, document_in="file", output_dir=str(tmp_path))["since_last_run"]
    new = {item["check"]: (item["severity"], item["resources"]) for item in changes["new"]}
    assert new["publish.wildcard"] == ("low", ["port web:81/tcp"])
    assert (changes["fixed"], changes["problem"]) == ([], "")
    fixed = run(Told(), document_in="file", output_dir=str(tmp_path))["since_last_run"]["fixed"]
    assert {item["check"] for item in fixed} == set(new)
    (tmp_path / "alpha.json").write_text("{")
    assert "no JSON" in run(Told(), document_in="file", output_dir=str(tmp_path))["since_last_run"]["problem"]


def test_the_report_compares_what_it_writes_itself(tmp_path: Path) -> None:
    def report(audited: dict[str, Any]) -> dict[str, Any]:
        options = {"result": audited, "output_dir": str(tmp_path)}
        action = action_with(audit_report, "audit_report", lambda **dummy: {}, options)
        result: dict[str, Any] = action.run(task_vars={"inventory_hostname": "alpha"})
        return result

    assert "since_last_run" not in report(run(Told(), document_in="file"))
    again = report(run(Told(), document_in="file"))["since_last_run"]
    assert (again["new"], again["fixed"], again["problem"]) == ([], [], "")
    # The audit's own result has it.
    assert "since_last_run" not in report(run(Told(), document_in="file", output_dir=str(tmp_path)))
