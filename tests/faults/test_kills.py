"""A module that is killed at any instant of an edit of daemon.json loses no file, no container and no later run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.edits import EDITS, Edit, prepare
from tests.faults.kills import kill_again_and_again
from tests.faults.runs import install
from tests.lab.host import Host


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.name)
def test_killed_at_any_instant(
    fresh_host: Host, edit: Edit, kills: int, seed: int, note: Callable[[str, dict[str, Any]], None]
) -> None:
    install(fresh_host)
    prepare(fresh_host, edit)
    totals = kill_again_and_again(fresh_host, edit, kills, seed)
    note(f"{fresh_host.name} {fresh_host.engine_version}: {edit.name}", totals.to_plain())
