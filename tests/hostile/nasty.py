"""Words, numbers and values that nobody expects, drawn by a die."""

from __future__ import annotations

import random
from typing import Any

WORDS = (
    "",
    " ",
    ".",
    "..",
    "/",
    "-",
    "--help",
    "-F",
    "a b",
    "a\nb",
    "a\r\nb",
    "\x00",
    "a\x00b",
    "\x1b[2J\x1b[H",
    "\x1b]0;x\x07",
    "\u202e\u2066gnp.exe",
    "\ufeff",
    "\u2028",
    "\ud800",
    "\udcff\udcfe",
    "bré",
    "日本語",
    "💥" * 5,
    "e\u0301" * 4,
    "__ansible_type",
    "__ansible_unsafe",
    "__ansible_vault",
    "__ansible_argument_spec__",
    "_ansible_no_log",
    "{{ lookup('pipe', 'id') }}",
    "{% for x in range(9) %}x{% endfor %}",
    "{{ 1/0 }}",
    "!unsafe",
    "!vault |",
    "$(id)",
    "`id`",
    "${HOME}",
    "%s%n",
    "%(name)s",
    "<script>alert(1)</script>",
    "]]>",
    "<!DOCTYPE x>",
    "&lt;&amp;",
    "'\";--",
    "null",
    "true",
    "NaN",
    "0x10",
    "1e999",
    "²",
    "٣",
    "9" * 40,
    "-1",
    "0",
    "65536",
    "::ffff:1.2.3.4",
    "10.0.0.1%eth0",
    "999.1.1.1",
    "fe80::1%" + "x" * 60,
    "0.0.0.0/0",
    "10.0.0.0/33",
    "::/129",
    "x" * 300,
    "host",
    "none",
    "default",
    "container:",
    "bridge",
    "docker0",
    "eth0",
    "lo",
    "dockerd",
    "password=hunter2",
    "2026-13-45T99:99:99.5Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "2026-01-01T00:00:00." + "1" * 400 + "Z",
)
NUMBERS = (0, -1, 1, 65535, 65536, 2**31, 2**32, 2**63, 2**64, -(2**63), 10**30, 1.5, -0.0, 1e308)
KEYS = (
    "__ansible_type",
    "__ansible_unsafe",
    "__ansible_vault",
    "__ansible_encoded",
    "_ansible_parsed",
    "ansible_facts",
    "invocation",
    "failed",
    "",
    "a\nb",
    "\x1b[31m",
    "\ud800",
    "com.docker.compose.project",
    "password",
    "x" * 2000,
)


def word(dice: random.Random) -> str:
    if dice.random() < 0.04:
        return dice.choice(("A", "\x1b", "é", "\ud800", "{{")) * dice.choice((1000, 100_000, 1_000_000))
    return dice.choice(WORDS)


def value(dice: random.Random, depth: int = 0) -> Any:
    """Of any type."""
    kind = dice.randrange(9 if depth < 3 else 6)
    if kind < 2:
        return word(dice)
    if kind == 2:
        return dice.choice(NUMBERS)
    if kind == 3:
        return None
    if kind == 4:
        return dice.random() < 0.5
    if kind == 5:
        return dice.choice(([], {}, [None], {"": None}, [[[[]]]]))
    if kind < 8:
        return [value(dice, depth + 1) for dummy in range(dice.randrange(4))]
    return {dice.choice((*KEYS, word(dice))): value(dice, depth + 1) for dummy in range(dice.randrange(4))}


def raw(dice: random.Random) -> bytes:
    """Bytes that are no text."""
    return dice.choice(
        (
            b"",
            b"\0",
            b"\0" * 100,
            b"\xff\xfe",
            b"\xc3",
            b"a\0b",
            dice.randbytes(dice.choice((3, 40, 5000))),
            b"\n" * 1000,
            b"=" * 1000,
            b"A" * dice.choice((5000, 1_000_000, 5_000_000)),
            b"\x1b[2J",
            b"{" * 3000,
        )
    )


def labels(dice: random.Random) -> dict[str, str]:
    found = {dice.choice((*KEYS, word(dice))): word(dice) for dummy in range(dice.choice((1, 2, 8)))}
    if dice.random() < 0.05:
        found.update({f"l{number}": "v" * dice.choice((1, 50)) for number in range(20_000)})
    return found


def spoil_document(document: Any, dice: random.Random) -> None:
    """Put a value of any type to some places of plain data, or take a key or an item away."""
    for dummy in range(dice.choice((1, 1, 2, 5))):
        places = list(places_in(document))
        if not places:
            return
        holder, key = dice.choice(places)
        if dice.random() < 0.2:
            del holder[key]
        else:
            holder[key] = value(dice)


def places_in(node: Any) -> Any:
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        if isinstance(node[key], (dict, list)):
            yield from places_in(node[key])
