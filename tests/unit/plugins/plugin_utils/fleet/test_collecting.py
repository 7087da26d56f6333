# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which documents are of a run, and what becomes of those that are damaged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import LARGEST
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet import manifest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.assembling import ChangedError, NoHostError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.manifest import begin_run, read_manifest

from tests.unit.fleets import document, fleet_in, lost, run_program, write_run


def states(*folders: Path) -> dict[str, str]:
    with fleet_in(*folders) as fleet:
        return {host.audit.host: host.audit.state for host in fleet.hosts}


def test_hosts_of_the_manifest_count_in_the_order_of_their_names(tmp_path: Path) -> None:
    write_run(tmp_path, [document("web2"), document("web10"), lost("Web 1"), document("db")], "a")
    with fleet_in(tmp_path) as fleet:
        assert [host.audit.host for host in fleet.hosts] == ["Web 1", "db", "web10", "web2"]
        assert fleet.totals.hosts == 4
        assert fleet.totals.states == {"unreachable": 1, "high": 3}
        assert fleet.problems == []
        assert (fleet.totals.run, fleet.totals.started_at) == ("a", "2026-12-01T10:00:00+00:00")
        # Each walk reads them anew.
        assert [host.closed != "" for host in fleet.hosts] == [True] * 4
        assert sorted(fleet.gate_failed) == ["Web 1", "db", "web10", "web2"]


def test_what_an_earlier_run_left_is_not_of_this_one(tmp_path: Path) -> None:
    write_run(tmp_path, [document("web1"), document("web2"), document("old")], "a")
    write_run(tmp_path, [document("web1")], "b", 2, hosts=["web1", "web2", "web3"])
    with fleet_in(tmp_path) as fleet:
        found = {host.audit.host: host.audit for host in fleet.hosts}
        assert [(host.host, host.last_seen, host.state) for host in fleet.vanished] == [
            ("old", "2026-12-01T10:00:00+00:00", "high")
        ]
        assert fleet.problems == []
    assert {name: audit.error_kind for name, audit in found.items()} == {"web1": "", "web2": "failed", "web3": "failed"}
    assert found["web3"].error == "the run left no document of it"
    assert found["web2"].error.endswith("the one that is there is of another run, of 2026-12-01T10:00:00+00:00")


def test_of_several_directories_the_later_reading_counts_and_that_is_said(tmp_path: Path) -> None:
    write_run(tmp_path / "a", [document("web1"), lost("web2"), document("web3")], "a", 1)
    write_run(tmp_path / "b", [lost("web1"), document("web2")], "b", 2)
    write_run(tmp_path / "c", [], "c", 3, hosts=["web3"])
    folders = [tmp_path / name for name in "abc"]
    assert states(*folders) == {"web1": "unreachable", "web2": "high", "web3": "high"}
    assert states(*reversed(folders)) == states(*folders)
    with fleet_in(*folders) as fleet:
        assert fleet.totals.started_at == "2026-12-01T10:00:00+00:00"
        assert fleet.vanished == []
        assert fleet.problems == [
            f"2 hosts in more than one directory: the later reading counts, that in {tmp_path / 'b'}: web1, web2",
            f"1 host in more than one directory: the later reading counts, that in {tmp_path / 'a'}: web3",
        ]
        merged = fleet.totals.run
    with fleet_in(*reversed(folders)) as fleet:
        assert fleet.totals.run == merged


def test_without_a_manifest_all_documents_count(tmp_path: Path) -> None:
    write_run(tmp_path, [document("web1"), document("WEB2")], "a")
    (tmp_path / "fleet" / "run.json").unlink()
    (tmp_path / "other.json").write_text("{}")
    with fleet_in(tmp_path) as fleet:
        assert [host.audit.host for host in fleet.hosts] == ["WEB2", "web1"]
        assert fleet.problems == ["other.json: it is no document of an audit"]


def test_without_a_manifest_a_damaged_document_is_a_host_that_was_not_audited(tmp_path: Path) -> None:
    write_run(tmp_path, [document("web1"), document("web2")], "a")
    (tmp_path / "fleet" / "run.json").unlink()
    (tmp_path / "web1.json").write_text(changed(findings=[{}]))
    with fleet_in(tmp_path) as fleet:
        assert [host.audit.error_kind for host in fleet.hosts] == ["failed", ""]
        (said,) = fleet.problems
    assert "web1.json" in said


def test_no_host_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoHostError, match="no document of an audit in"), fleet_in(tmp_path):
        pass
    with pytest.raises(FileNotFoundError), fleet_in(tmp_path / "none"):
        pass


def without(key: str) -> str:
    return json.dumps({name: value for name, value in document("web1").items() if name != key})


def changed(**keys: Any) -> str:
    return json.dumps({**document("web1"), "run": {"id": "a", "written_at": ""}, **keys})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "it is no JSON: Expecting value"),
        ("[" * 100_000, "it is nested too deeply"),
        ("9" * 10_000, ""),
        ('{"document": {"name": "dockernet.baseline.audit", "version": 2}}', "its version is 2, and not 3"),
        ("[]", "it is no document of an audit"),
        ('"\\ud800"', "it is no document of an audit"),
        (without("host"), "it does not say of which host it is"),
        (without("timings"), "it lacks timings"),
        (changed(timings=[]), "its timings have no phases"),
        (changed(timings={"phases": {"a": "b"}}), "its timings have no phases"),
        (changed(platform=None), "it lacks platform, policy"),
        (changed(platform={"label": 1, "state": "answers"}), "expected str, found int"),
        (changed(checks=[{"id": "a", "severity": "worst"}]), "a check has the severity 'worst'"),
        (changed(findings=[{}]), "the key 'check' is missing"),
        (changed(findings="none"), "its findings are no list"),
        (changed(findings=5), "its findings are no list"),
        (changed(error={"kind": "lost", "reason": ""}), "an error of the kind 'lost'"),
        (changed(run=[]), "expected an object, found list"),
        (changed(host={"inventory_name": "web2"}), "web1.json is of the host web2"),
    ],
    ids=lambda text: text[-30:],
)
def test_a_damaged_document_is_a_problem_with_a_name(tmp_path: Path, content: str, problem: str) -> None:
    write_run(tmp_path, [document("web1"), document("web2")], "a")
    (tmp_path / "web1.json").write_text(content)
    with fleet_in(tmp_path) as fleet:
        found = {host.audit.host: host.audit for host in fleet.hosts}
        (said,) = fleet.problems
    assert said.startswith("web1: ")
    assert problem in said
    assert found["web1"].error_kind == "failed"
    assert problem in found["web1"].error
    assert found["web2"].error_kind == ""


def test_what_is_no_file_or_too_large_is_not_read(tmp_path: Path) -> None:
    write_run(tmp_path, [], "a", hosts=["pipe", "large", "loop", "folder"])
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "large.json").touch()
    os.truncate(tmp_path / "large.json", LARGEST + 1)
    (tmp_path / "loop.json").symlink_to("loop.json")
    (tmp_path / "folder.json").mkdir()
    with fleet_in(tmp_path) as fleet:
        assert fleet.totals.states == {"failed": 4}
        assert len(fleet.problems) == 4


def test_memory_that_a_document_takes_is_its_own_problem(tmp_path: Path) -> None:
    # Of small lists Python makes some twenty times what they take in a file.
    write_run(tmp_path, [document("web2")], "a", hosts=["web1", "web2"])
    (tmp_path / "web1.json").write_text(f"[{'[],' * 12_000_000}0]")
    program = """
import resource, sys
from pathlib import Path
from tests.unit.fleets import fleet_in
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (200 << 20),) * 2)
with fleet_in(Path(sys.argv[1])) as fleet:
    print(fleet.totals.states, fleet.problems)
"""
    done = run_program(program, tmp_path)
    assert "'high': 1" in done.stdout
    assert "web1: its document, web1.json: to read it takes more memory than its limit" in done.stdout


def test_a_damaged_manifest_is_a_problem_and_all_documents_count(tmp_path: Path) -> None:
    write_run(tmp_path, [document("web1")], "a", hosts=["web9"])
    for content in ("{", "[]", "{}", json.dumps({"document": {"name": "dockernet.baseline.run", "version": 1}})):
        (tmp_path / "fleet" / "run.json").write_text(content)
        with fleet_in(tmp_path) as fleet:
            assert [host.audit.host for host in fleet.hosts] == ["web1"]
            assert "fleet/run.json" in fleet.problems[0]


def test_a_document_that_is_replaced_meanwhile_is_seen(tmp_path: Path) -> None:
    write_run(tmp_path, [document("web1")], "a")
    with fleet_in(tmp_path) as fleet:
        write_run(tmp_path, [document("web1", {"publish.wildcard": "pass"})], "a")
        with pytest.raises(ChangedError, match="web1 was replaced while"):
            list(fleet.hosts)


def test_the_manifest_is_written_once_for_all_hosts_and_grows_with_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(manifest, "_scratch", lambda: str(scratch))
    begin_run(tmp_path, {"ansible_play_hosts_all": ["web2", "web1"]})
    first = read_manifest(tmp_path)
    assert first is not None
    assert first.hosts == ["web1", "web2"]
    assert first.run == manifest.run_id()
    (tmp_path / "fleet" / "run.json").unlink()
    begin_run(tmp_path, {"ansible_play_hosts_all": ["web2", "web1"]})
    assert read_manifest(tmp_path) is None
    begin_run(tmp_path, {"ansible_play_hosts_all": ["web3"]})
    begin_run(tmp_path, {"inventory_hostname": "web4"})
    second = read_manifest(tmp_path)
    assert second is not None
    assert second.hosts == ["web3", "web4"]
    (other := tmp_path / "other").mkdir()
    monkeypatch.setattr(manifest, "_scratch", lambda: str(other))
    begin_run(tmp_path, {"inventory_hostname": "web5"})
    third = read_manifest(tmp_path)
    assert third is not None
    assert third.hosts == ["web5"]
    assert third.run != second.run


def test_the_manifest_knows_which_batches_have_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ansible has it: a host that is lost leaves the batch and those of the play, but not all of them."""
    (scratch := tmp_path / "scratch").mkdir()
    monkeypatch.setattr(manifest, "_scratch", lambda: str(scratch))

    def begun(batch: list[str], play: list[str]) -> list[str] | None:
        whole = ["a", "b", "c", "d", "e"]
        variables = {"ansible_play_hosts_all": whole, "ansible_play_hosts": play, "ansible_play_batch": batch}
        begin_run(tmp_path, variables)
        found = read_manifest(tmp_path)
        return None if found is None else found.not_begun

    assert begun(["a", "b"], ["a", "b", "c", "d", "e"]) == ["c", "d", "e"]
    # b is lost within its batch, and the batch writes no second time.
    path = tmp_path / "fleet" / "run.json"
    written = path.read_bytes()
    path.unlink()
    assert begun(["a"], ["a", "c", "d", "e"]) is None
    path.write_bytes(written)
    assert begun(["c", "d"], ["a", "c", "d", "e"]) == ["e"]
    assert begun(["e"], ["a", "c", "d", "e"]) == []
    begin_run(tmp_path, {"ansible_play_hosts_all": ["f", "a"], "ansible_play_hosts": ["f", "a"]})
    later = read_manifest(tmp_path)
    assert later is not None
    assert (later.hosts, later.not_begun) == (["a", "b", "c", "d", "e", "f"], [])


def test_hosts_of_batches_that_have_not_begun_are_not_reached_and_close_the_gate(tmp_path: Path) -> None:
    write_run(tmp_path, [document("web2")], "a")
    write_run(tmp_path, [document("web1")], "b", 2, hosts=["web1", "web2", "web3"])
    path = tmp_path / "fleet" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "not_begun": ["web2", "web3"]}))
    with fleet_in(tmp_path) as fleet:
        found = {host.audit.host: (host.audit.error, host.closed != "") for host in fleet.hosts}
        assert fleet.problems == []
        assert fleet.not_reached == ["web2", "web3"]
        assert {"web2", "web3"} < set(fleet.gate_failed)
    said = "not reached in this run: its batch (serial) has not begun"
    assert found["web3"] == (said, True)
    assert found["web2"] == (
        f"{said}; the document that is there is of another run, of 2026-12-01T10:00:00+00:00",
        True,
    )
