"""docker_netcheck from its options to its result, over hosts that exist nowhere."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.action import docker_netcheck as action
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import OF_EVERY_AUDIT

from tests.unit.synthetic_host import SyntheticHost


@pytest.fixture
def run(task_of: Any) -> Any:
    task = task_of(action)
    return lambda host=None, /, **options: task.run((host or SyntheticHost()).snapshot(), **options)


def test_it_returns_findings_facts_and_sources(run: Any) -> None:
    result = run(SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",)))
    assert result["changed"] is False
    assert {item["check"] for item in result["findings"]} == {check.id for check in OF_EVERY_AUDIT}
    assert {"name": "web", "running": True, "mode": "bridge"} in result["facts"]["containers"]
    assert result["engine"]["version"] == SyntheticHost().snapshot().engine.version  # type: ignore[union-attr]
    assert result["host"]["hostname"] == "lab"
    assert result["sources"]["engine"] == {"read": True}
    assert set(result["timings"]["phases"]) == {"reading", "checks", "facts", "reachability", "policy"}
    assert set(result["timings"]["sources"]) == set(result["sources"])


def test_checks_and_the_wish_for_the_proxy_are_passed_on(run: Any) -> None:
    result = run(checks=["proxy.e*"], userland_proxy="disabled")
    assert [(item["check"], item["outcome"]) for item in result["findings"]] == [("proxy.enabled", "fail")]


@pytest.mark.parametrize(("checks", "words"), [(["forwarding.ipv5"], "'forwarding.ipv5'"), ([], "none was selected")])
def test_a_check_that_there_is_not_is_an_error_with_the_ids(run: Any, checks: list[str], words: str) -> None:
    result = run(checks=checks)
    assert result["failed"] is True
    assert words in result["msg"]
    assert "daemon.live-restore" in result["msg"]


def test_what_is_excluded_is_not_run(run: Any) -> None:
    result = run(checks=["proxy.*"], exclude=["proxy.m*", "proxy.pending"])
    assert "proxy.enabled" in {item["check"] for item in result["findings"]}
    assert not {"proxy.memory", "proxy.pending"} & {item["check"] for item in result["findings"]}
    assert "selected checks are excluded" in run(checks=["proxy.*"], exclude=["*"])["msg"]


def test_a_parameter_that_there_is_not_is_an_error(run: Any) -> None:
    assert "mode.host has no parameters" in run(parameters={"mode.host": {"below": 1024}})["msg"]


def test_the_snapshot_is_saved_for_its_owner_only(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    result = run(snapshot_path=str(path))
    assert result["changed"] is True
    assert result["snapshot_path"] == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_snapshot(path.read_text()).hostname == "lab"


def test_whoever_was_there_before_does_not_get_the_snapshot(run: Any, tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "snapshot.json"
    victim.write_text("of somebody else")
    path.symlink_to(victim)
    run(snapshot="save", snapshot_path=str(path))
    assert victim.read_text() == "of somebody else"
    assert not path.is_symlink()
    path.chmod(0o644)
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    run(snapshot="save", snapshot_path=str(path))
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (os.geteuid(), 0o600)
    assert {item.name for item in tmp_path.iterdir() if item.is_file()} == {"victim", "snapshot.json"}


def test_a_place_where_nothing_can_be_written_is_named_with_the_reason(run: Any, tmp_path: Path) -> None:
    result = run(snapshot="save", snapshot_path=str(tmp_path / ("\x1b" + 300 * "x")))
    assert result["failed"] is True
    assert result["msg"].startswith(f"snapshot_path: {tmp_path}/\\x1bxxx")
    assert result["msg"].endswith(": File name too long")
    assert not list(tmp_path.glob(".dockernet-*"))


def test_to_save_is_not_to_judge(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    result = run(snapshot="save", snapshot_path=str(path))
    assert result["changed"] is True
    assert "findings" not in result
    assert result["sources"]["engine"]["read"] is True
    assert load_snapshot(path.read_text()).hostname == "lab"


def test_a_saved_snapshot_is_judged_as_the_host_was(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    host = SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",))
    there = run(host, snapshot_path=str(path))
    here = run(SyntheticHost().unread("engine"), snapshot="audit", snapshot_path=str(path))
    assert here.pop("changed") is False
    assert there.pop("changed") is True
    for result in (here, there):
        del result["timings"], result["invocation"]
    assert here == there


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: No such file"),
        ("{", "is not a snapshot of docker_netcheck: not a JSON document"),
        ("[" * 100_000, "is not a snapshot of docker_netcheck: not a JSON document"),
        ('{"schema": 99}', "reads snapshots of schema 3, found 99"),
        ('{"schema": 1}', "reads snapshots of schema 3, found 1"),
        ('{"schema": 3}', "the key 'hostname' is missing"),
    ],
)
def test_what_is_no_snapshot_is_not_judged(run: Any, tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "snapshot.json"
    if text is not None:
        path.write_text(text)
    result = run(snapshot="audit", snapshot_path=str(path))
    assert result["failed"] is True
    assert words in result["msg"]


def test_a_place_that_is_no_file_is_not_waited_for(run: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "is not a regular file" in run(snapshot="audit", snapshot_path=str(tmp_path / "fifo"))["msg"]


def test_a_snapshot_has_a_place(run: Any) -> None:
    assert "required by 'snapshot'" in run(snapshot="save")["msg"]


def test_check_mode_saves_nothing(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    result = run(snapshot_path=str(path), _ansible_check_mode=True)
    assert result["changed"] is True
    assert not path.exists()


def test_a_place_where_no_file_can_be_is_an_error(run: Any, tmp_path: Path) -> None:
    result = run(snapshot_path=str(tmp_path / "no" / "snapshot.json"))
    assert result["failed"] is True
    assert "there is no directory" in result["msg"]
    assert f"{tmp_path} is a directory" in run(snapshot_path=str(tmp_path))["msg"]


def test_without_docker_the_message_says_so_once(run: Any) -> None:
    reason = "no Docker Engine: /var/run/docker.sock does not exist and no dockerd runs"
    result = run(SyntheticHost().unread("engine", kind="absent", reason=reason))
    assert result["msg"].startswith(reason)
    assert [(item["check"], item["outcome"]) for item in result["findings"]] == [("audit.engine", "not_applicable")]
    assert result["not_evaluated"] == [item["id"] for item in result["checks"]]
    assert result["platform"]["state"] == "absent"


def test_names_that_are_no_text_do_not_break_the_answer(run: Any) -> None:
    result = run(SyntheticHost().container("web\udcff\x1b[2J"), facts="full")
    assert result["facts"]["attachments"][0]["container"] == "web\\udcff\x1b[2J"


def test_who_reaches_what_comes_in_the_detail_that_is_asked_for(run: Any) -> None:
    host = SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",))
    assert run(host, reachability="none")["reachability"] is None
    assert set(run(host)["reachability"]) == {"exposures", "listing", "summary", "problems"}
    assert set(run(host, reachability="full")["reachability"]) >= {"origins", "destinations", "cells"}


def test_facts_come_in_the_detail_that_is_asked_for(run: Any) -> None:
    host = SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",))
    assert run(host, facts="none")["facts"] is None
    full, brief = run(host, facts="full")["facts"], run(host)["facts"]
    assert full["proxy"]["bindings"]
    assert full["attachments"][0]["container"] == "web"
    assert {"name": "eth0", "value": True} in full["forwarding"]["ipv4"]["interfaces"]
    assert {"published", "proof"} < set(full["containers"][0])
    assert set(brief) == set(full) - {"attachments"}
    assert set(brief["containers"][0]) == {"name", "running", "mode"}
    assert set(brief["proxy"]) == set(full["proxy"]) - {"bindings"}
    assert set(brief["forwarding"]["ipv6"]) == {"running", "at_boot", "at_boot_by"}
    assert brief["networks"] == full["networks"]


def test_without_an_engine_nothing_is_reached(run: Any) -> None:
    host = SyntheticHost().unread("engine", kind="absent", reason="no Docker Engine here")
    assert run(host)["reachability"] is None


def test_the_time_for_the_reading_is_passed_on_and_takes_a_second_at_least(run: Any) -> None:
    assert "failed" not in run(read_timeout=7)
    refused = run(read_timeout=0)
    assert refused["failed"] is True
    assert refused["msg"].startswith("read_timeout: ")
    assert refused["msg"].endswith(" found 0")


@pytest.mark.parametrize(
    ("detail", "told"),
    [("keep", [{"name": "team", "value": "shop"}]), ("mask", [{"name": "team", "value": MASK}]), ("omit", [])],
)
def test_labels_are_told_as_far_as_is_wanted(run: Any, tmp_path: Path, detail: str, told: list[Any]) -> None:
    host = SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",), labels={"team": "shop"})
    path = str(tmp_path / "saved.json")
    here = run(host, labels=detail, snapshot_path=path)
    there = run(snapshot="audit", snapshot_path=path)
    for result in (here, there):
        assert result["host"]["labels"] == detail
        found = [item["resource"] for item in result["findings"]]
        shown = [item.get("labels", []) for item in found if item.get("container") == "web"]
        assert shown
        assert all(labels == told for labels in shown)
    assert ("shop" in Path(path).read_text()) == (detail == "keep")
    # What was left out does not come back, and what is there can still be left out.
    assert run(snapshot="audit", snapshot_path=path, labels="omit")["host"]["labels"] == "omit"
