"""What was there before is kept, for root's eyes alone."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal


def test_copies_and_records(tmp_path: Path) -> None:
    root = tmp_path / "baseline"
    file = tmp_path / "daemon.json"
    file.write_text("secret")
    journal = Journal("userland_proxy", root)

    copy = journal.keep(read_file(str(file)))
    assert copy is not None
    assert Path(copy).read_text() == "secret"
    assert journal.keep(read_file(str(tmp_path / "none"))) is None
    journal.record("begin", copy=copy)
    journal.record("done")

    lines = [json.loads(line) for line in (root / "journal.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["begin", "done"]
    assert lines[0]["copy"] == copy
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (root, Path(copy), root / "journal.jsonl")}
    assert list(modes.values()) == [0o700, 0o600, 0o600]
