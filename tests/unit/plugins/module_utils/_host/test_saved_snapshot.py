"""Saved snapshots that say what cannot be so are refused in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import (
    SavedSnapshotError,
    load_saved,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import ERROR, UnreadableError

from tests.unit.recorded_host import NAMES, recorded_host


def test_recorded_hosts_make_sense(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text(recorded_host(name).to_json())
        assert load_saved(str(tmp_path / name)) == recorded_host(name)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("links", 0, "addresses", 0), "10.0.0.0/99"),
        (("links", 0, "addresses", 0), ""),
        (("routes", 0, "destination"), "default"),
        (("routes", 0, "destination"), "10.0.0.1/8"),
        (("listeners", 0, "address"), ""),
        (("container_namespaces", 0, "links", 0, "addresses", 0), "x\n"),
        (("networks", 0, "subnets", 0, "subnet"), "a"),
        (("containers", 0, "pid"), -1),
        (("sources", 0, "value", "kind"), "\x1b[2J"),
        (("nameservers",), ["resolver"]),
    ],
)
def test_what_cannot_be_so(tmp_path: Path, place: tuple[Any, ...], value: object) -> None:
    document = json.loads(recorded_host(NAMES[1]).to_json())
    holder = document
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    (tmp_path / "saved").write_text(json.dumps(document))
    with pytest.raises(SavedSnapshotError, match="is not plausible"):
        load_saved(str(tmp_path / "saved"))


def test_a_reason_is_no_longer_than_people_read() -> None:
    assert UnreadableError(ERROR, "short").reason == "short"
    assert len(UnreadableError(ERROR, "x" * 1_000_000).reason) < 2000
