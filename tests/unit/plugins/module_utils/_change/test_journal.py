"""The journal as it is written and pruned."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import (
    KEEP_DAYS,
    RECORD,
    Journal,
    read_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback import PurgeChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback_plan import file_pasts

from tests.unit.plugins.module_utils._change.histories import Book

DAY = 24 * 3600


def entries(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read_record(root).splitlines()]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_copies_and_records(tmp_path: Path) -> None:
    root = tmp_path / "baseline"
    file, absent = tmp_path / "daemon.json", tmp_path / "none"
    file.write_text("secret")
    file.chmod(0o640)
    journal = Journal("userland_proxy", root)

    journal.begin([read_file(str(file)), read_file(str(absent))], {str(absent): [b"new"]}, actions=["x"])
    absent.write_text("new")
    journal.end("done")

    begin, end = entries(root)
    assert (begin["event"], end["event"]) == ("begin", "done")
    assert begin["id"] == end["id"]
    there, missing = begin["files"]
    copy = Path(there["before"]["copy"])
    assert copy.read_text() == "secret"
    assert (there["mode"], there["before"]["sha256"], there["writes"]) == (0o640, digest("secret"), [])
    assert missing["before"] is None
    assert Path(missing["writes"][0]["copy"]).read_text() == "new"
    assert end["files"] == [
        {"path": str(file), "sha256": digest("secret")},
        {"path": str(absent), "sha256": digest("new")},
    ]
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (root, copy, root / "journal.jsonl")]
    assert modes == [0o700, 0o600, 0o600]


def test_half_a_line_of_a_killed_run_does_not_spoil_the_next_entry(tmp_path: Path) -> None:
    journal = Journal("ip_forward", tmp_path)
    journal.begin([], actions=[])
    record = tmp_path / "journal.jsonl"
    record.write_bytes(record.read_bytes() + b'{"event": "do')
    journal.end("done")
    first, half, last = read_record(tmp_path).splitlines()
    assert half == b'{"event": "do'
    assert json.loads(first)["id"] == json.loads(last)["id"]


def test_details_do_not_write_over_what_the_journal_says_itself(tmp_path: Path) -> None:
    Journal("ip_forward", tmp_path).begin([], schema=99, module="other", event="done")
    (entry,) = entries(tmp_path)
    assert (entry["schema"], entry["module"], entry["event"]) == (1, "ip_forward", "begin")


def test_without_a_record_nothing_begins(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    journal = Journal("userland_proxy", file / "baseline")
    with pytest.raises(ChangeFailed, match="nothing was changed"):
        journal.begin([], actions=[])
    journal.end("done")
    with pytest.raises(ChangeFailed, match="could not be recorded"):
        journal.reverted()


def test_no_record_is_an_empty_one(tmp_path: Path) -> None:
    assert read_record(tmp_path / "none") == b""


def age(book: Book, days: float) -> None:
    """Make all that is recorded so many days older."""
    record = book.root / RECORD
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    for line in lines:
        then = time.mktime(time.strptime(line["time"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone - days * DAY
        line["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(then))
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for copy in copies(book):
        then = copy.stat().st_mtime - days * DAY
        os.utime(copy, (then, then))


def copies(book: Book) -> list[Path]:
    folder = book.root / "files"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def lines(book: Book) -> int:
    return len(read_record(book.root).splitlines())


def purge(book: Book, days: int) -> list[str]:
    change = PurgeChange(days, book.root)
    plan = change.plan()
    change.apply(plan)
    assert change.plan().outline.actions == []
    return plan.outline.actions


def test_what_stands_is_never_forgotten_by_itself(tmp_path: Path) -> None:
    book, file = Book(tmp_path), tmp_path / "daemon.json"
    file.write_text("original")
    book.change({file: "first"})
    age(book, 10 * KEEP_DAYS)
    book.change({file: "second"})
    pasts = list(file_pasts(book.history().changes).values())
    assert len(pasts) == 1
    first = pasts[0].links[0].before
    assert first is not None
    assert Path(first.copy).read_text() == "original"


def test_what_was_taken_back_is_forgotten_after_its_time(tmp_path: Path) -> None:
    book, file = Book(tmp_path), tmp_path / "daemon.json"
    file.write_text("original")
    book.change({file: "first"})
    Journal("baseline_rollback", book.root).reverted()
    age(book, KEEP_DAYS - 1)
    book.change({file: "second"})
    assert len(copies(book)) == 4
    age(book, 2)
    book.change({file: "third"})
    assert {copy.read_text() for copy in copies(book)} == {"first", "second", "third"}
    assert [change.ended for change in book.history().changes] == [["done"], ["done"]]
    assert lines(book) == 4
    assert oct((book.root / RECORD).stat().st_mode) == "0o100600"


def test_the_word_that_all_is_taken_back_does_not_go_before_what_it_is_about(tmp_path: Path) -> None:
    book, file = Book(tmp_path), tmp_path / "daemon.json"
    book.change({file: "first"})
    Journal("baseline_rollback", book.root).reverted()
    record = book.root / RECORD
    entries = [json.loads(line) for line in record.read_text().splitlines()]
    # A clock that was set right in between.
    entries[-1]["time"] = "1999-01-01T00:00:00Z"
    record.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    book.change({tmp_path / "other": "x"})
    assert [list(file_pasts([change])) for change in book.history().changes] == [[str(tmp_path / "other")]]


@pytest.mark.parametrize("days", [0, 30])
def test_a_purge_forgets_what_is_older(tmp_path: Path, days: int) -> None:
    book, file = Book(tmp_path), tmp_path / "daemon.json"
    file.write_text("original")
    book.change({file: "first"})
    age(book, 31)
    book.change({file: "second"})
    actions = purge(book, days)
    assert "could have been reverted" in actions[0]
    left = book.history().changes
    assert len(left) == (0 if days == 0 else 1)
    assert {copy.read_text() for copy in copies(book)} == (set() if days == 0 else {"first", "second"})
    assert file.read_text() == "second"
    assert purge(book, days) == []


def test_the_change_of_a_run_that_was_killed_last_stays(tmp_path: Path) -> None:
    book, file = Book(tmp_path), tmp_path / "daemon.json"
    book.change({file: "first"})
    book.change({file: "second"}, end="killed")
    purge(book, 0)
    assert [change.ended for change in book.history().changes] == [[]]
    assert {copy.read_text() for copy in copies(book)} == {"first", "second"}


def test_half_a_line_and_copies_of_nobody_go_as_well(tmp_path: Path) -> None:
    book, file = Book(tmp_path), tmp_path / "daemon.json"
    book.change({file: "first"})
    record = book.root / RECORD
    record.write_text('{"half": \n' + record.read_text())
    (book.root / "files" / "orphan").write_text("x")
    purge(book, 0)
    assert (copies(book), lines(book)) == ([], 0)


def test_nothing_is_there_to_forget(tmp_path: Path) -> None:
    assert purge(Book(tmp_path), 0) == []
