# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions what_if and compare_reachability: options, what a host is asked, what comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.dockernet.baseline.plugins.action import compare_reachability, what_if
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE, pack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.host_reading import READER
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import FULL, SUMMARY
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import document_text

from tests.unit.audits import audit_of
from tests.unit.plugins.action.conftest import action_with, told_by
from tests.unit.plugins.plugin_utils.what_if.test_what_if import DB, PUBLISH, shop


def asked(changes: list[Any], answer: dict[str, Any], **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The result of what_if, and what the module on the host was given."""
    calls: list[dict[str, Any]] = []

    def execute(**call: Any) -> dict[str, Any]:
        calls.append(call)
        return dict(answer)

    action = action_with(what_if, "what_if", execute, {"changes": changes, **options})
    return action.run(task_vars={"inventory_hostname": "alpha"}), calls


def told(snapshot: HostSnapshot) -> dict[str, Any]:
    return {"changed": False, WIRE: pack(snapshot.to_json())}


def test_the_host_is_read_as_an_audit_reads_it_and_left_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found, (call,) = asked([PUBLISH], told(shop()), docker_host="unix:///run/other.sock")
    assert call["module_name"] == READER
    told_host = told_by(call["module_args"])
    assert (told_host["docker_host"], told_host["sources"]) == ("unix:///run/other.sock", "all")
    assert told_host.keys().isdisjoint({"load", "save"})
    assert found["changed"] is False
    assert "new: outside and the host reach db:5432/tcp at 127.0.0.1:5432" in found["new"]
    assert WIRE not in found
    shown = capsys.readouterr().out
    assert "alpha: on paper, nothing was changed:" in shown
    assert "Would become reachable:\n  outside reaches db:5432/tcp" in shown


def test_a_saved_snapshot_is_read_in_place_of_the_host() -> None:
    dummy, (call,) = asked([PUBLISH], told(shop()), snapshot_path="/srv/web1.json")
    assert told_by(call["module_args"])["load"] == "/srv/web1.json"


def test_wrong_changes_ask_no_host() -> None:
    with pytest.raises(AnsibleActionFail, match="is no change"):
        asked([{"explode": True}], told(shop()))


def test_what_no_engine_would_do_and_a_host_that_does_not_answer_fail_the_task() -> None:
    taken = {"publish": {**PUBLISH["publish"], "host_port": 22}}
    found, dummy = asked([taken], told(shop()))
    assert (found["failed"], "taken by sshd" in found["msg"]) == (True, True)
    assert asked([PUBLISH], {"unreachable": True, "msg": "gone"})[0] == {"unreachable": True, "msg": "gone"}
    with pytest.raises(AnsibleActionFail, match="did not answer like"):
        asked([PUBLISH], {"changed": False, WIRE: "nonsense"})


# ---- two files -------------------------------------------------------------------------------------------------------


def compared(before: Path, after: Path) -> dict[str, Any]:
    options = {"before": str(before), "after": str(after)}
    action = action_with(compare_reachability, "compare_reachability", lambda **dummy: {}, options)
    found: dict[str, Any] = action.run(task_vars={"inventory_hostname": "alpha"})
    return found


@pytest.mark.parametrize("kinds", [("document", "document"), ("snapshot", "snapshot"), ("snapshot", "document")])
def test_documents_and_snapshots_are_compared(tmp_path: Path, kinds: tuple[str, str]) -> None:
    paths = []
    for name, kind, snapshot in zip(("before", "after"), kinds, (shop(), shop(DB))):
        text = snapshot.to_json() if kind == "snapshot" else document_text(audit_of(snapshot, detail=FULL))
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(text)
    found = compared(*paths)
    assert "new: outside and the host reach db:5432/tcp at 127.0.0.1:5432" in found["changes"]
    assert found["msg"] == f"{len(found['changes'])} changes of reachability"
    assert found["hosts"] == {"before": "made-up", "after": "made-up"}
    assert compared(paths[0], paths[0])["msg"] == "no change of reachability"


def test_files_of_two_hosts_are_named(tmp_path: Path) -> None:
    paths = [tmp_path / "one.json", tmp_path / "other.json"]
    for path, name in zip(paths, ("one", "other")):
        path.write_text(replace(shop(), hostname=name).to_json())
    found = compared(*paths)
    assert found["hosts"] == {"before": "one", "after": "other"}
    assert found["msg"].endswith(", between two hosts: one before, other after")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "could not be read: No such file"),
        ("{", "is neither a document of an audit nor a snapshot"),
        ("[]", "is neither a document of an audit nor a snapshot"),
        (json.dumps({"document": {"name": "dockernet.baseline.audit", "version": 1}}), "its version is 1, and not"),
        (document_text(audit_of(shop(), detail=SUMMARY)), "audit_reachability: full"),
    ],
    ids=["missing", "no JSON", "list", "version", "summary"],
)
def test_a_file_that_cannot_be_compared_is_named(tmp_path: Path, content: str | None, words: str) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(shop().to_json())
    if content is not None:
        bad.write_text(content)
    for pair in ((good, bad), (bad, good)):
        with pytest.raises(AnsibleActionFail) as caught:
            compared(*pair)
        assert words in str(caught.value)
        assert "bad.json" in str(caught.value)
