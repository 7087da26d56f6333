"""A module that is killed at any instant of an edit of daemon.json loses no file, no container and no later run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.edits import EDITS, Edit, prepare
from tests.faults.kills import Totals, kill_again_and_again
from tests.faults.runs import install
from tests.lab.host import Host


@pytest.mark.parametrize("edit", [pytest.param(edit, id=edit.name) for edit in EDITS])
def test_killed_at_any_instant(
    fresh_host: Host, edit: Edit, kills: int, seed: int, note: Callable[[str, dict[str, Any]], None]
) -> None:
    install(fresh_host)
    prepare(fresh_host, edit)
    # The kills of a host are shared out among the edits.
    share = len(range(EDITS.index(edit), kills, len(EDITS)))
    totals = Totals(seed)
    try:
        kill_again_and_again(fresh_host, edit, share, totals)
    finally:
        note(f"{fresh_host.name} {fresh_host.engine_version}: {edit.name}", totals.to_plain())
