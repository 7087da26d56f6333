"""A saved snapshot comes from wherever it comes from: nonsense in it is refused in words, or judged, and never more."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import (
    SavedSnapshotError,
    load_saved,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import judged
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings

from tests.unit.examples import seeds
from tests.unit.random_docker_host import random_docker_host
from tests.unit.recorded_host import NAMES, recorded_host

NONSENSE = ("", "x", "999.1.1.1", "::", "10.0.0.0/99", "0.0.0.0/0", "-1", "\x1b[2J", "a" * 300, "\ud800")
HOSTS = [random_docker_host(1).snapshot().to_json(), *(recorded_host(name).to_json() for name in NAMES)]


def leaves(node: Any) -> Iterator[tuple[Any, Any]]:
    """Each place of a document that holds a value: what it is in, and its key there."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        if isinstance(node[key], (dict, list)):
            yield from leaves(node[key])
        else:
            yield node, key


def spoil(document: Any, dice: random.Random) -> None:
    """Write nonsense of the right type to some places, and lose an item of a list."""
    places = list(leaves(document))
    for holder, key in dice.sample(places, dice.choice((1, 2, 4))):
        if isinstance(holder[key], bool):
            holder[key] = not holder[key]
        elif isinstance(holder[key], int):
            holder[key] = dice.choice((0, -1, 70_000, 2**40))
        elif isinstance(holder[key], str):
            holder[key] = dice.choice(NONSENSE)
    lists = [value for value in document.values() if isinstance(value, list) and value]
    dice.choice(lists).pop()


@pytest.mark.parametrize("seed", seeds(12, range(40)))
def test_nonsense_is_judged_or_refused_in_words(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)  # noqa: S311
    document = json.loads(dice.choice(HOSTS))
    spoil(document, dice)
    (tmp_path / "saved").write_text(json.dumps(document))
    try:
        snapshot = load_saved(str(tmp_path / "saved"))
    except SavedSnapshotError:
        return
    result = judged(AuditContext(snapshot, Settings()), "summary")
    assert result["findings"]
    assert result["defects"] == []
