"""The rollback as a whole: what it refuses, what it does, and what it says when it cannot finish."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config_plan import Consent
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import read_record
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, PortChange, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback import (
    RollbackChange,
    RollbackRequest,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.plugins.module_utils._change.histories import Book, put
from tests.unit.plugins.module_utils._change.hosts import HOST, unread

GONE = PortChange(99, "veth99", "br-1", "shop", "old", before=False, after=True)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "99-ours.conf"


def change(book: Book, *, keep: bool = False, host: HostSnapshot = HOST) -> RollbackChange:
    def run(argv: list[str]) -> tuple[int, str, str]:
        raise AssertionError(f"nothing here needs {argv}")

    return RollbackChange(RollbackRequest(Consent(), keep_conflicts=keep), run, lambda: host, book.root)


def test_nothing_recorded_is_nothing_to_do(book: Book) -> None:
    assert change(book).plan().outline.actions == []


def test_a_file_comes_back_and_the_next_change_is_the_first_again(book: Book, file: Path) -> None:
    put(file, "theirs\n")
    file.chmod(0o640)
    book.change({file: None})
    rollback = change(book)
    plan = rollback.plan()
    assert plan.outline.actions == [f"restore {file}"]
    (diff,) = plan.outline.diffs
    assert (diff.before, diff.after) == ("", "theirs\n")

    rollback.apply(plan)

    assert file.read_text() == "theirs\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert book.history().changes == []
    assert change(book).plan().outline.actions == []


@pytest.mark.parametrize(
    "text", ['{"log-opts": {"splunk-token": "abcdef"}}', "Environment=HTTPS_PROXY=http://user:abcdef@proxy.example\n"]
)
def test_secrets_are_not_in_what_would_change(book: Book, file: Path, text: str) -> None:
    put(file, text)
    book.change({file: None})
    (diff,) = change(book).plan().outline.diffs
    assert diff.after
    assert "abcdef" not in diff.after


def test_what_is_gone_and_what_stays_is_said(book: Book, file: Path) -> None:
    book.change({file: "ours\n"}, ports=to_plain([GONE]), networks=[{"name": "shop", "before": None, "after": {}}])
    outline = change(book).plan().outline
    assert outline.actions == [f"remove {file}"]
    assert any("no longer exists" in warning and "veth99" in warning for warning in outline.warnings)
    assert any("networks are not reverted" in warning and "shop" in warning for warning in outline.warnings)


@pytest.mark.parametrize(("end", "warned"), [("killed", True), ("done", False)])
def test_a_killed_run_that_changed_networks_is_warned_of(book: Book, file: Path, end: str, *, warned: bool) -> None:
    book.change({file: "ours\n"}, networks=[{"name": "back"}], end="killed")
    book.change(networks=[{"name": "shop"}], end=end)
    warnings = change(book).plan().outline.warnings
    assert any("killed (shop)" in warning for warning in warnings) is warned
    assert not any("killed (back)" in warning for warning in warnings)


@pytest.mark.parametrize("malformed", ["not a record", {"name": "shop"}, {"name": 7, "before": "everything"}])
def test_a_record_of_a_network_that_cannot_be_read_is_refused_and_stays(
    book: Book, file: Path, malformed: object
) -> None:
    book.change(networks=[{"name": "shop", "record": malformed}], end="killed")
    book.change({file: "ours\n"})
    before = read_record(book.root)
    with pytest.raises(Refusal, match=r"^nothing was changed: .*/journal\.jsonl line 1 .*\$\.networks\[0\]\.record"):
        change(book).plan()
    assert file.read_text() == "ours\n"
    assert read_record(book.root) == before


def test_somebody_elses_edit_is_refused_or_kept(book: Book, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    book.change({file: "ours\n", other: "ours\n"})
    put(file, "ours\nand theirs\n")
    with pytest.raises(Refusal, match=f"{file} was changed .*on_conflict: allow"):
        change(book).plan()
    rollback = change(book, keep=True)
    plan = rollback.plan()
    assert plan.outline.actions == [f"remove {other}"]
    assert any("left unchanged" in warning and str(file) in warning for warning in plan.outline.warnings)
    rollback.apply(plan)
    assert file.read_text() == "ours\nand theirs\n"
    assert not other.exists()


def test_without_the_copy_it_refuses(book: Book, file: Path) -> None:
    put(file, "theirs\n")
    book.change({file: "ours\n"})
    (copy,) = (path for path in (book.root / "files").iterdir() if path.read_text() == "theirs\n")
    copy.write_text("another\n")
    with pytest.raises(Refusal, match="differs from the copy"):
        change(book).plan()
    copy.unlink()
    with pytest.raises(Refusal, match="cannot be read"):
        change(book).plan()
    assert file.read_text() == "ours\n"


def test_what_was_not_read_is_refused(book: Book) -> None:
    book.change(ports=to_plain([GONE]))
    with pytest.raises(Refusal, match="no permission"):
        change(book, host=unread("links")).plan()


def test_a_failure_leaves_everything_as_it_was_and_can_be_repeated(
    book: Book, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*dummy: Any) -> None:
        raise ChangeFailed("iptables does not answer")

    book.change({file: "ours\n"})
    rollback = change(book)
    with monkeypatch.context() as patched:
        patched.setattr(sys.modules[RollbackChange.__module__], "set_policies", fail)
        with pytest.raises(ChangeFailed, match=r"does not answer; undone.*again"):
            rollback.apply(rollback.plan())
    assert file.read_text() == "ours\n"
    rollback.apply(rollback.plan())
    assert not file.exists()
    assert book.history().changes == []


def test_killed_at_the_end_it_is_done_by_the_next_run(book: Book, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(*dummy: Any) -> None:
        raise KeyboardInterrupt

    book.change({file: "ours\n"})
    rollback = change(book)
    with monkeypatch.context() as patched:
        patched.setattr(sys.modules[RollbackChange.__module__], "set_policies", kill)
        with pytest.raises(KeyboardInterrupt):
            rollback.apply(rollback.plan())
    assert not file.exists()
    plan = change(book).plan()
    (action,) = plan.outline.actions
    assert action.startswith("record ")
    change(book).apply(plan)
    put(file, "theirs by now\n")
    assert change(book).plan().outline.actions == []
