"""daemon.json goes back to the byte where nobody else was at it, and otherwise our keys go back alone."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import with_key
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback_plan import (
    DaemonGoal,
    daemon_goal,
    file_pasts,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.plugins.module_utils._change.histories import Book, put

OLD = '{\n    "debug": false,\n    "log-level" : "warn"\n}\n'


def goal_of(book: Book, file: Path) -> DaemonGoal:
    kept = book.kept([file])
    past = file_pasts(book.history().changes)[str(file)]
    return daemon_goal(past, kept.states[str(file)], kept.digests[str(file)], kept.copies)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "daemon.json"


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def ours(text: str | None) -> str:
    return with_key(with_key(text or "", "userland-proxy", value=False), "debug", value=True)


@pytest.mark.parametrize("old", [None, "", "{}", OLD])
@pytest.mark.parametrize("end", ["done", "killed", "failed"])
def test_nobody_else_was_at_it(book: Book, file: Path, old: str | None, end: str) -> None:
    put(file, old)
    book.change({file: ours(old)})
    book.change({file: with_key(ours(old), "live-restore", value=True)}, end=end)
    assert goal_of(book, file) == DaemonGoal(old)


def test_other_keys_of_somebody_else_stay_as_they_typed_them(book: Book, file: Path) -> None:
    put(file, OLD)
    book.change({file: ours(OLD)})
    put(file, file.read_text().replace('"warn"', '"warn",\n    "mtu" :   1400'))
    goal = goal_of(book, file)
    assert goal.text == OLD.replace('"warn"', '"warn",\n    "mtu" :   1400')
    assert goal.conflicts == []
    assert "changed outside this collection" in goal.notes[0]


def test_a_file_that_only_we_made_goes_when_nothing_of_others_is_in_it(book: Book, file: Path) -> None:
    book.change({file: ours(None)})
    put(file, json.dumps(json.loads(file.read_text())))
    assert goal_of(book, file).text is None


def test_a_key_of_ours_that_somebody_else_changed_is_named_and_stays(book: Book, file: Path) -> None:
    put(file, OLD)
    book.change({file: with_key(OLD, "log-level", value="info")})
    put(file, OLD.replace("warn", "debug").replace("false", "true"))
    goal = goal_of(book, file)
    assert json.loads(goal.text or "") == {"debug": True, "log-level": "debug"}
    (conflict,) = goal.conflicts
    assert re.findall(r'(is|was|set) "(\w+)"', conflict) == [("is", "debug"), ("was", "warn"), ("set", "info")]


def test_a_key_that_somebody_else_set_between_two_changes_of_ours_is_theirs(book: Book, file: Path) -> None:
    book.change({file: '{"mtu": 1400}'})
    put(file, '{"mtu": 1300}')
    book.change({file: '{"mtu": 1400, "debug": true}'})
    assert json.loads(goal_of(book, file).text or "") == {"mtu": 1300}


def test_a_file_that_somebody_else_broke_is_a_conflict_with_its_place(book: Book, file: Path) -> None:
    book.change({file: ours(None)})
    put(file, '{"debug": true,}')
    goal = goal_of(book, file)
    assert goal.text == '{"debug": true,}'
    assert ":16:" in goal.conflicts[0] or "1:1" in goal.conflicts[0]


def test_secrets_are_not_shown(book: Book, file: Path) -> None:
    put(file, '{"proxies": {"http-proxy": "http://u:p1@x"}}')
    book.change({file: '{"proxies": {"http-proxy": "http://u:p2@x"}}'})
    put(file, '{"proxies": {"http-proxy": "http://u:p3@x"}}')
    (conflict,) = goal_of(book, file).conflicts
    assert not any(secret in conflict for secret in ("p1", "p2", "p3"))


KEYS = st.sampled_from(["debug", "mtu", "userland-proxy"])
OBJECTS = st.dictionaries(KEYS, st.integers(0, 2))


@settings(max_examples=50)
@given(OBJECTS, st.lists(st.tuples(st.booleans(), OBJECTS), min_size=1, max_size=5))
def test_what_only_others_changed_is_never_lost(
    first: dict[str, int], steps: list[tuple[bool, dict[str, int]]]
) -> None:
    """Key by key: never touched by us, it is as others left it; touched by us alone, it is as it was at first."""
    with tempfile.TemporaryDirectory() as folder:
        book, file = Book(Path(folder)), Path(folder) / "daemon.json"
        put(file, json.dumps(first))
        now: dict[str, int] = first
        by_us: set[str] = set()
        by_others: set[str] = set()
        for is_ours, wanted in steps:
            touched = {key for key in {*now, *wanted} if now.get(key) != wanted.get(key)}
            if is_ours:
                book.change({file: json.dumps(wanted)})
                by_us |= touched
            else:
                put(file, json.dumps(wanted))
                by_others |= touched
            now = wanted
        if not any(str(file) in {item.path for item in change.files} for change in book.history().changes) or not by_us:
            return
        goal = goal_of(book, file)
        values: dict[str, Any] = json.loads(goal.text or "{}")
        for key in {*first, *now, "debug", "mtu", "userland-proxy"}:
            if key not in by_us:
                assert values.get(key) == now.get(key), key
            elif key not in by_others:
                assert values.get(key) == first.get(key), key
