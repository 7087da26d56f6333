"""The frame of a change: one run at a time, libraries, refusals and failures as results."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.dockernet.baseline.plugins.module_utils._change import run as frame
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    ChangeFailed,
    Diff,
    Disruption,
    Outline,
    Refusal,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import exclusive, lacking
from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK

from tests.unit.patience import SECONDS
from tests.unit.planted_secrets import PLANTED, SECRET

OUTLINE = Outline(
    ["do it"], [Diff("file", "a\n", "b\n")], [Disruption("container", "web", "is stopped")], ["mind the gap"]
)


def test_the_second_is_told_who_holds_it(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    with (
        exclusive(path),
        pytest.raises(Refusal, match=r"another run .*\(process \d+"),
        exclusive(path, wait=0.0),
    ):
        pytest.fail("two at once")


def test_the_second_waits(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    got_it = threading.Event()

    def wait_for_it() -> None:
        with exclusive(path, wait=SECONDS):
            got_it.set()

    with exclusive(path):
        waiter = threading.Thread(target=wait_for_it)
        waiter.start()
        assert not got_it.is_set()
    waiter.join(SECONDS)
    assert got_it.is_set()


def test_a_full_disk_does_not_keep_anybody_from_holding_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*dummy: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with (
        exclusive(str(tmp_path / "lock")),
        pytest.raises(Refusal, match="process unknown"),
        exclusive(str(tmp_path / "lock"), wait=0.0),
    ):
        pytest.fail("two at once")


def test_only_changes_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lacking(["a port"]) == {}
    monkeypatch.setitem(sys.modules, "pyroute2", None)
    assert lacking([]) == {}
    found = lacking(["a port"])
    assert list(found) == ["pyroute2"]
    assert "install python3-pyroute2" in found["pyroute2"]


@dataclass(frozen=True)
class Shown:
    name: str


class Plan:
    def __init__(self, outline: Outline) -> None:
        self.outline = outline


class Change:
    """Plans what it is given, one outline a time, and notes what is applied."""

    def __init__(self, *outlines: Outline, failure: Exception | None = None) -> None:
        self.outlines = list(outlines)
        self.failure = failure
        self.applied: list[Plan] = []

    def plan(self) -> Plan:
        if isinstance(self.failure, Refusal):
            raise self.failure
        return Plan(self.outlines.pop(0))

    def apply(self, plan: Plan) -> None:
        if self.failure:
            raise self.failure
        self.applied.append(plan)


@pytest.fixture(autouse=True)
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def lock() -> Iterator[None]:
        yield

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(frame, "exclusive", lock)


def result(capsys: pytest.CaptureFixture[str], change: Change, **arguments: Any) -> dict[str, Any]:
    with patch_module_args({"_ansible_diff": True, **arguments}), pytest.raises(SystemExit):
        frame.run_change(HostModule({}, supports_check_mode=True), change)
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    change = Change(Outline())
    answer = result(capsys, change)
    assert (answer["changed"], answer["actions"], answer["diff"], change.applied) == (False, [], [], [])


def test_check_mode_says_the_same_and_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    predicting, doing = Change(OUTLINE), Change(OUTLINE, OUTLINE)
    predicted = result(capsys, predicting, _ansible_check_mode=True)
    done = result(capsys, doing)
    for key in ("changed", "actions", "diff", "disruptions", "warnings"):
        assert predicted[key] == done[key]
    assert predicting.applied == []
    assert len(doing.applied) == 1
    assert done["disruptions"] == [{"kind": "container", "name": "web", "how": "is stopped"}]
    assert done["diff"] == [{"before_header": "file", "after_header": "file", "before": "a\n", "after": "b\n"}]


def test_what_differs_leaves_in_diff_mode_alone(capsys: pytest.CaptureFixture[str]) -> None:
    for check in (True, False):
        done = result(capsys, Change(OUTLINE, OUTLINE), _ansible_diff=False, _ansible_check_mode=check)
        assert done["changed"]
        assert "diff" not in done


def test_what_another_run_did_meanwhile_is_not_done_twice(capsys: pytest.CaptureFixture[str]) -> None:
    change = Change(OUTLINE, Outline())
    assert result(capsys, change)["changed"] is False
    assert change.applied == []


def test_a_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    answer = result(
        capsys, Change(failure=Refusal("no", [Disruption("container", "web", "is stopped")], consents=[{"a": "b"}]))
    )
    assert (answer["failed"], answer["refused"], answer["msg"]) == (True, True, "no")
    assert answer["disruptions"] == [{"kind": "container", "name": "web", "how": "is stopped"}]
    assert answer["consents"] == [{"a": "b"}]


def test_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    answer = result(capsys, Change(OUTLINE, OUTLINE, failure=ChangeFailed("undone", ["its own words"])))
    assert (answer["failed"], answer["refused"], answer["log"]) == (True, False, ["its own words"])
    assert not answer.get("changed")


def test_a_failure_that_leaves_something_changed(capsys: pytest.CaptureFixture[str]) -> None:
    failure = ChangeFailed(
        "half of it", results={"changed": True, "disruptions": [Disruption("container", "web", "is stopped")]}
    )
    answer = result(capsys, Change(OUTLINE, OUTLINE, failure=failure))
    assert (answer["failed"], answer["changed"]) == (True, True)
    assert answer["disruptions"] == [{"kind": "container", "name": "web", "how": "is stopped"}]


def test_without_root(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    answer = result(capsys, Change(OUTLINE))
    assert answer["refused"]
    assert "become: true" in answer["msg"]


def test_no_secret_leaves_in_a_result(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    known = "correct horse battery"
    spec = {"config": {"type": "dict", "no_log": True}, "mtu": {"type": "int"}}
    logged: list[str] = []
    monkeypatch.setattr(HostModule, "log", lambda _self, msg, log_args=None: logged.append(f"{msg} {log_args}"))

    def told(change: Change, **arguments: Any) -> str:
        arguments = {"config": {"log-opts": {"splunk-token": known}, "debug": True, "mtu": 1400}, **arguments}
        with patch_module_args({"_ansible_diff": True, **arguments}), pytest.raises(SystemExit):
            frame.run_change(HostModule(spec, supports_check_mode=True), change)
        return capsys.readouterr().out

    for text in (*PLANTED, known):
        outline = Outline(
            [text], [Diff(text, text, text)], [Disruption("container", text, text)], [text], {"settings": [Shown(text)]}
        )
        for change in (
            Change(outline, outline),
            Change(failure=Refusal(text, [Disruption("container", text, text)])),
            Change(outline, outline, failure=ChangeFailed(text, [text])),
            Change(OUTLINE, OUTLINE, failure=ChangeFailed(text, [text])),
        ):
            answer = told(change)
            assert SECRET not in answer
            assert known not in answer
        assert known not in told(Change(Outline()), surplus=known)
    answer = json.loads(told(Change(OUTLINE, OUTLINE), _ansible_inject_invocation=True))
    assert answer["invocation"]["module_args"] == {
        "config": {"log-opts": {"splunk-token": MASK}, "debug": True, "mtu": 1400},
        "mtu": None,
    }
    assert answer["actions"] == OUTLINE.actions
    assert logged
    assert known not in "".join(logged)
