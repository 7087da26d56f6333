"""A play without hosts is an error, whatever leaves it without."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import pytest
from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible_collections.dockernet.baseline.plugins.lookup.require_hosts import LookupModule

GROUPS = {"all": ["web", "db"], "ungrouped": [], "edge": ["web"], "empty": []}


def look(pattern: str, limit: Optional[str] = None, groups: Optional[dict[str, list[str]]] = None) -> list[str]:
    variables: dict[str, Any] = {"groups": GROUPS if groups is None else groups}
    if limit is not None:
        variables["ansible_limit"] = limit
    return lookup().run([pattern], variables)


def lookup() -> LookupModule:
    return LookupModule(loader=DataLoader())


@pytest.mark.parametrize("pattern", ["all", "edge", "web", "all:!edge", "w*", "~d.$", "localhost"])
def test_a_pattern_that_matches_comes_back(pattern: str) -> None:
    assert look(pattern) == [pattern]


@pytest.mark.parametrize("pattern", ["empty", "nosuch", "edge:!web", "all:&empty"])
def test_a_pattern_that_matches_nothing_is_an_error(pattern: str) -> None:
    with pytest.raises(AnsibleLookupError, match=r"matches none of the inventory$"):
        look(pattern)


def test_an_empty_inventory_is_told_apart() -> None:
    with pytest.raises(AnsibleLookupError, match="the inventory has none"):
        look("all", groups={"all": [], "ungrouped": []})


@pytest.mark.parametrize("limit", ["web", "all:!db", "nosuch,web"])
def test_the_limit_may_leave_some(limit: str) -> None:
    assert look("edge", limit) == ["edge"]


@pytest.mark.parametrize("limit", ["db", "all:!web", "empty"])
def test_the_limit_may_leave_none(limit: str) -> None:
    with pytest.raises(AnsibleLookupError, match="within --limit"):
        look("edge", limit)


def test_a_limit_from_a_file_counts(tmp_path: Path) -> None:
    (tmp_path / "limit").write_text("db\n")
    assert look("all", f"@{tmp_path}/limit") == ["all"]
    with pytest.raises(AnsibleLookupError):
        look("edge", f"@{tmp_path}/limit")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"start_at_task": "Close the gate"}, "--start-at-task leaves out"),
        ({"skip_tags": ("other", "always")}, "--skip-tags always leaves out"),
    ],
)
def test_what_passes_over_tasks_is_an_error_where_the_play_is_all_or_nothing(
    options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "CLIARGS", options)
    known = {"groups": GROUPS}
    assert lookup().run(["all"], known) == ["all"]
    with pytest.raises(AnsibleLookupError, match=said):
        lookup().run(["all"], known, entire=True)
    monkeypatch.setattr(context, "CLIARGS", {"skip_tags": ("other",), "start_at_task": None})
    assert lookup().run(["all"], known, entire=True) == ["all"]
