"""What was there before is kept, for root's eyes alone."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal, read_record
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed


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
