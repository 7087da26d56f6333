"""What killed runs have left is known from the journal, the file's age and dockerd's."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon import daemon_config
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config import read_unfinished
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config_plan import Unfinished
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import read_record
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import parse_record
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    RecordedNetworks,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import PortChange, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import DaemonProcess

from tests.unit.plugins.module_utils._change.histories import Book

PORT = PortChange(7, "veth1", "br-1", "shop", "web", before=False, after=True)
# This process plays dockerd: changes begin after it was started.
DAEMON = DaemonProcess(os.getpid(), [], 0.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "daemon.json"
    path.write_text("first\n")
    return path


def left(book: Book, file: Path, daemon: DaemonProcess | None = DAEMON) -> Unfinished:
    return read_unfinished(read_file(str(file)), daemon, book.root)


def test_nothing_without_a_journal(file: Path, tmp_path: Path) -> None:
    assert left(Book(tmp_path), file) == Unfinished()


@pytest.mark.parametrize("end", ["done", "undone", "failed"])
def test_nothing_of_a_run_that_came_to_its_end(file: Path, tmp_path: Path, end: str) -> None:
    book = Book(tmp_path)
    book.change({file: "second\n"}, end="killed")
    book.change({file: "third\n"}, end=end)
    assert left(book, file) == Unfinished()


def test_a_record_of_a_network_that_cannot_be_read_stays_for_the_module_that_reads_it(
    file: Path, tmp_path: Path
) -> None:
    book = Book(tmp_path)
    book.change(networks=[{"name": "shop", "record": "malformed"}], end="killed")
    record = read_record(book.root)
    book.change({file: "second\n"}, end="killed")
    assert left(book, file) == Unfinished(unread=True, text="first\n")
    book.change({file: "third\n"})
    assert left(book, file) == Unfinished()
    assert read_record(book.root).startswith(record)
    with pytest.raises(Refusal, match=r"line 1 .*\$\.networks\[0\]\.record"):
        parse_record(read_record(book.root), "journal", RecordedNetworks)


def test_what_dockerd_runs_with_is_what_was_there_before_the_first_killed_run(file: Path, tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.change({file: "second\n"}, end="done")
    book.change({file: "third\n"}, end="killed", ports=to_plain([PORT]))
    book.change({file: "fourth\n"}, end="killed early")
    assert left(book, file) == Unfinished(unread=True, text="second\n", ported=frozenset({"web"}))


def test_a_dockerd_that_was_started_since_has_read_the_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book(tmp_path)
    book.change({file: "second\n"}, end="killed", ports=to_plain([PORT]))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 10 * 365 * 86400)
    assert left(book, file) == Unfinished(ported=frozenset({"web"}))


def test_a_dockerd_that_the_killed_run_had_started_has_read_what_it_was_to_read(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the file was written again behind the restart, as it is where a reload takes live-restore back."""
    book = Book(tmp_path)
    book.change({file: "second\n"}, end="killed")
    now = time.time()
    monkeypatch.setattr(daemon_config, "age", lambda dummy: 0.0)
    monkeypatch.setattr(time, "time", lambda: now)
    file.write_text("third\n")
    assert left(book, file) == Unfinished()


def test_a_file_that_was_removed(file: Path, tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.change({file: None}, end="killed")
    assert left(book, file) == Unfinished(unread=True, text="first\n")


def test_changes_of_other_files_do_not_count(file: Path, tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.change({tmp_path / "other": "x\n"}, end="killed", ports=to_plain([PORT]))
    assert left(book, file) == Unfinished()


def test_a_journal_of_a_newer_release_is_no_obstacle(file: Path, tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.change({file: "second\n"}, end="killed")
    record = book.root / "journal.jsonl"
    record.write_text(record.read_text().replace('"schema": 1', '"schema": 99'))
    assert left(book, file) == Unfinished()
