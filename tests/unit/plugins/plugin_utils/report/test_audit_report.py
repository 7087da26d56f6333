"""Files of hosts: every host has its own, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import file_stem, write_whole


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
