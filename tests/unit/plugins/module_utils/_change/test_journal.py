"""What was there before is kept, for root's eyes alone."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed


def test_copies_and_records(tmp_path: Path) -> None:
    root = tmp_path / "baseline"
    file = tmp_path / "daemon.json"
    file.write_text("secret")
    journal = Journal("userland_proxy", root)

    journal.begin([read_file(str(file)), read_file(str(tmp_path / "none"))], actions=["x"])
    journal.end("done")

    lines = [json.loads(line) for line in (root / "journal.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["begin", "done"]
    (copy,) = lines[0]["copies"]
    assert Path(copy).read_text() == "secret"
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (root, Path(copy), root / "journal.jsonl")}
    assert list(modes.values()) == [0o700, 0o600, 0o600]


def test_without_a_record_nothing_begins(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    journal = Journal("userland_proxy", file / "baseline")
    with pytest.raises(ChangeFailed, match="nothing was changed"):
        journal.begin([], actions=[])
    journal.end("done")
