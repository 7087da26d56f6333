"""Saved snapshots that come from wherever they come from."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

from tests.hostile import nasty
from tests.hostile.hosts import NAMES, snapshot_of
from tests.hostile.special_files import make_special


@cache
def _text(name: str) -> str:
    return snapshot_of(name).to_json()


def write_saved(path: Path, dice: random.Random) -> str:
    """Write something to path; return what it is, in words."""
    text = _text(dice.choice(NAMES))
    kind = dice.randrange(10)
    if kind == 0:
        special = dice.choice(("fifo", "zero", "folder", "socket", "loop", "dangling", "sparse"))
        make_special(path, special)
        return special
    document: Any = json.loads(text)
    if kind <= 3:
        nasty.spoil_document(document, dice)
    elif kind <= 6:
        _nonsense(document, dice)
    elif kind == 7:
        _more_and_more(document, dice)
    found = json.dumps(document).encode()
    if kind == 8:
        found = found[: dice.randrange(len(found))] + dice.choice((b"", b"\xff", b"}]}", found))
    elif kind == 9:
        found = dice.choice(
            (
                b"[" * 500_000,
                b'{"schema": 1, "a":' * 100_000,
                b"9" * 100_000,
                b"",
                b"\xff\xfe",
                found.replace(b'"links"', b'"routes"'),
                found.replace(b"true", b"NaN"),
                found.replace(b'"index": 2', b'"index": ' + b"9" * 4000),
                b'{"schema": 1}',
                found.replace(b'"name"', b'"name": "a", "name"'),
                found.replace(b'"hostname"', b'"__ansible_type"'),
            )
        )
    path.write_bytes(found)
    return (
        "",
        "any value",
        "any value",
        "any value",
        "nonsense",
        "nonsense",
        "nonsense",
        "very much",
        "broken off",
        "no snapshot",
    )[kind]


def _nonsense(document: Any, dice: random.Random) -> None:
    """Values of the right type in many places."""
    places = [place for place in nasty.places_in(document) if not isinstance(place[0][place[1]], (dict, list))]
    for holder, key in dice.sample(places, min(len(places), dice.choice((1, 3, 12)))):
        old = holder[key]
        if isinstance(old, bool):
            holder[key] = not old
        elif isinstance(old, int):
            holder[key] = dice.choice((0, -1, 65536, 2**32, 2**70))
        elif isinstance(old, str):
            holder[key] = nasty.word(dice)


def _more_and_more(document: Any, dice: random.Random) -> None:
    """One of its lists, many times over."""
    lists = [name for name, value in document.items() if isinstance(value, list) and value]
    name = dice.choice(lists)
    document[name] = document[name] * dice.choice((20, 200))
