"""Files of hosts: every host has its own, whole or not at all, and a report reads that of its host alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import (
    KEYS,
    document_text,
    read_document,
    waiver_lines,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import (
    file_of,
    file_stem,
    folder_of,
    write_whole,
)

from tests.unit.audits import audit_of, waiver
from tests.unit.synthetic_host import SyntheticHost


def test_a_plain_name_is_the_name_of_the_file() -> None:
    assert file_stem("web1.example.com") == "web1.example.com"


def test_names_that_differ_make_files_that_differ() -> None:
    names = ["web", "Web", "a/b", "a_b", "a b", "..", ".", "../../etc/passwd", "\x1b[1m", "x" * 300, "x" * 301, "Ü"]
    stems = [file_stem(name) for name in names]
    assert len({stem.lower() for stem in stems}) == len(names)
    assert not [stem for stem in stems if "/" in stem or stem.startswith(".") or not stem or len(stem) > 200]


def test_a_file_is_replaced_whole_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "host.json"
    write_whole(path, "one")
    write_whole(path, "two")
    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "\ud800")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "host.json"
    write_whole(path, "of the run before")

    def full(*dummy_arguments: Any, **dummy_more: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fdopen", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "new")
    assert path.read_text() == "of the run before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_is_seen_from_where_the_command_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ops")
    assert file_of("web1", folder_of("audit"), "json") == tmp_path / "audit" / "web1.json"
    assert folder_of("~/audit") == Path("/home/ops/audit")


def document() -> dict[str, Any]:
    return audit_of(SyntheticHost().container("web", publish=("0.0.0.0|80|80/tcp",)).snapshot(), waivers=[waiver()])


def written(tmp_path: Path, told: Any) -> dict[str, Any]:
    path = tmp_path / "alpha.json"
    path.write_text(document_text(told))
    return {"document_path": str(path)}


def test_a_document_in_a_file_is_the_same_and_has_a_line_for_each_finding(tmp_path: Path) -> None:
    told = document()
    result = written(tmp_path, told)
    path = Path(result["document_path"])
    assert read_document(path) == told
    lines = path.read_text().splitlines()
    assert [json.loads(line.rstrip(",")) for line in lines if line.startswith('  {"check": "publish.')]
    audit = Audit.from_result("alpha", result)
    assert audit.path == path
    assert [(item.check, item.outcome) for item in audit.findings if item.outcome == FAIL] == [
        (item["check"], item["outcome"]) for item in told["findings"] if item["outcome"] == FAIL
    ]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({}, "no document_path"),
        ({"findings": [], "document": {}}, "no document_path"),
        ({"document_path": "/nowhere/alpha.json"}, "No such file"),
    ],
)
def test_a_result_without_a_document_is_refused(result: dict[str, Any], words: str) -> None:
    with pytest.raises((OSError, ValueError), match=words):
        Audit.from_result("alpha", result)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"document"', "is no JSON"),
        ("[]", "is no document of an audit"),
        ('{"document": {"name": "dockernet.baseline.audit", "version": 1}}', "its version is 1, and not 3"),
    ],
)
def test_a_file_that_is_no_document_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "alpha.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        Audit.from_result("alpha", {"document_path": str(path)})


@pytest.mark.parametrize("key", KEYS)
def test_a_document_that_lacks_something_is_refused(tmp_path: Path, key: str) -> None:
    told = {name: value for name, value in document().items() if name != key}
    words = {"document": "is no document", "host": "does not say of which host"}
    with pytest.raises(ValueError, match=words.get(key, f"lacks {key}")):
        Audit.from_result("alpha", written(tmp_path, told))


def test_the_document_of_another_host_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is of the host alpha"):
        Audit.from_result("Alpha", written(tmp_path, document()))


def test_what_was_not_audited_is_told_with_its_reason() -> None:
    audit = Audit.from_result("alpha", {"unreachable": True, "msg": "no route"})
    assert (audit.error_kind, audit.error, audit.document["findings"]) == ("unreachable", "no route", [])
    assert Audit.from_result("alpha", {"failed": True}).error == "the audit failed"


def test_waivers_are_told_by_whether_they_are_of_use() -> None:
    use = {"check": "a.b", "selector": "kind == 'port'", "hosts": ["*"], "reason": "known", "owner": "netops"}
    uses = [
        {**use, "state": "applied"},
        {**use, "check": "c.d", "selector": "", "hosts": ["web*", "db1"], "state": "unused"},
        {**use, "check": "e.f", "state": "expired"},
    ]
    assert waiver_lines(uses, used=False) == ["c.d on web*, db1 (netops: known)"]
    assert waiver_lines(uses, used=True) == [f"{name} where kind == 'port' (netops: known)" for name in ("a.b", "e.f")]


def screen_of(host: SyntheticHost, *, brief: bool = False) -> list[str]:
    audit = Audit.from_document("alpha", audit_of(host.snapshot()))
    return [line.text for line in (audit.brief(110) if brief else audit.screen(110)) if line.text]


def test_a_host_without_docker_is_one_line_and_none_among_many() -> None:
    host = SyntheticHost().unread("engine", kind="absent", reason="no Docker Engine: nothing serves it")
    assert screen_of(host) == ["alpha: not applicable: no Docker Engine: nothing serves it: no check applies"]
    assert screen_of(host, brief=True) == []


def test_an_engine_that_was_not_asked_is_one_row_with_its_remediation() -> None:
    reason = "unix:///var/run/docker.sock: permission denied; run with become (as root)"
    lines = screen_of(SyntheticHost().unread("engine", kind="denied", reason=reason))
    assert lines[0].startswith("alpha: Docker Engine: permission denied: 0 failed, 1 unknown, ")
    assert re.search(r"; \d+ checks not evaluated$", " ".join(line.strip() for line in lines[:2]))
    (row,) = (line for line in lines if line.lstrip().startswith("UNKNOWN"))
    assert "audit.engine" in row
    assert "permission denied" in row
    assert sum("* audit.engine: " in line for line in lines) == 1


def test_a_platform_of_which_not_all_is_seen_is_named_with_what_that_means() -> None:
    lines = screen_of(SyntheticHost(engine={"flavor": "docker", "rootless": True}))
    assert " (rootless): " in lines[0]
    assert any(line.startswith("  Platform: rootless: evaluated is what the engine declares") for line in lines)
    plain = screen_of(SyntheticHost(engine={"flavor": "docker"}))
    assert not [line for line in plain if "Platform" in line]


def test_full_detail_names_the_platform_and_what_does_not_apply() -> None:
    host = SyntheticHost().unread("engine", kind="podman", reason="no Docker Engine, but Podman")
    lines = [line.text for line in Audit.from_document("alpha", audit_of(host.snapshot())).lines(110)]
    assert "alpha: Podman, no Docker Engine" in lines
    assert any("Podman manages its own networks" in line for line in lines)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (SyntheticHost().unread("engine", kind="stopped", reason="x"), "Start dockerd"),
        (SyntheticHost().unread("engine", kind="error", reason="x"), "Make the engine answer"),
        (SyntheticHost().unread("engine", kind="desktop", reason="x"), "Leave the host out"),
        (SyntheticHost().unread("engine", kind="deadline", reason="x"), "raise read_timeout"),
        (SyntheticHost().unread("engine", kind="defect", reason="x"), "Report it as a defect"),
        (SyntheticHost(engine={"flavor": "docker", "rootless": True}), "Leave these checks out"),
    ],
)
def test_each_reason_has_its_remediation(host: SyntheticHost, words: str) -> None:
    assert words in " ".join(line.strip() for line in screen_of(host))
