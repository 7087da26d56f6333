"""docker_netcheck from its options to its JSON, over hosts that exist nowhere."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.registry import CHECKS
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, load_snapshot
from ansible_collections.dockernet.baseline.plugins.modules import docker_netcheck

from tests.unit.synthetic_host import SyntheticHost


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    def runner(host: SyntheticHost | None = None, **options: Any) -> dict[str, Any]:
        def read(docker_host: str) -> HostSnapshot:
            assert docker_host == "unix:///var/run/docker.sock"
            return (host or SyntheticHost()).snapshot()

        monkeypatch.setattr(docker_netcheck, "read_snapshot", read)
        arguments = {"_ansible_remote_tmp": str(tmp_path), "_ansible_keep_remote_files": False, **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            docker_netcheck.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return runner


def test_it_returns_findings_counts_facts_and_sources(run: Any) -> None:
    result = run(SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",)))
    assert result["changed"] is False
    assert {item["check"] for item in result["findings"]} == {check.id for check in CHECKS}
    assert sum(result["summary"][name] for name in ("pass", "fail", "unknown", "not_applicable")) == len(
        result["findings"]
    )
    assert [check["id"] for check in result["checks"]] == [check.id for check in CHECKS]
    assert result["facts"]["attachments"][0]["container"] == "web"
    assert result["sources"]["engine"] == {"read": True, "kind": "", "reason": ""}
    assert result["msg"].startswith(f"{len(CHECKS)} checks: ")


def test_checks_and_the_wish_for_the_proxy_are_passed_on(run: Any) -> None:
    result = run(checks=["proxy.e*"], userland_proxy="disabled")
    assert [(item["check"], item["outcome"]) for item in result["findings"]] == [("proxy.enabled", "fail")]


@pytest.mark.parametrize(("checks", "words"), [(["forwarding.ipv5"], "'forwarding.ipv5'"), ([], "none was asked for")])
def test_a_check_that_there_is_not_is_an_error_with_the_ids(run: Any, checks: list[str], words: str) -> None:
    result = run(checks=checks)
    assert result["failed"] is True
    assert words in result["msg"]
    assert "daemon.live-restore" in result["msg"]


def test_the_snapshot_is_saved_for_its_owner_only(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    result = run(snapshot_path=str(path))
    assert result["changed"] is True
    assert result["snapshot_path"] == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_snapshot(path.read_text()).hostname == "lab"


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
    assert result["msg"] == reason
    assert result["summary"]["unknown"] == len(result["findings"])


def test_names_that_are_no_text_do_not_break_the_answer(run: Any) -> None:
    result = run(SyntheticHost().container("web\udcff\x1b[2J"))
    assert result["facts"]["attachments"][0]["container"] == "web\\udcff\x1b[2J"


def test_who_reaches_what_comes_in_the_detail_that_is_asked_for(run: Any) -> None:
    host = SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",))
    assert "reachability" not in run(host, reachability="none")
    assert set(run(host)["reachability"]) == {"exposures", "listing", "summary", "problems"}
    assert set(run(host, reachability="full")["reachability"]) >= {"sources", "destinations", "cells"}


def test_without_an_engine_nothing_is_reached(run: Any) -> None:
    assert "reachability" not in run(SyntheticHost().unread("engine", kind="absent", reason="no Docker Engine here"))
