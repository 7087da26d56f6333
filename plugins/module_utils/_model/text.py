# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text for people: many names in a sentence, and words of strangers made harmless for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any


def listed(names: Sequence[str], most: int, between: str = ", ") -> str:
    """The first names, and how many there are besides: ``web, db and 3 more``."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{between.join(names[:most])}{more}"


# Control, format (bidirectional overrides, zero-width), surrogate, private use, unassigned, line and paragraph breaks.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe(text: str) -> str:
    r"""Return text on one line, with all that a terminal would act on or hide written as an escape such as ``\x1b``."""
    # What Python takes for printable has none of these, and most texts are.
    if text.isprintable():
        return text
    return "".join(_escape(char) if unicodedata.category(char) in _UNSAFE else char for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def encodable(data: Any) -> Any:
    r"""Return plain data in which bytes that were no UTF-8 (PEP 383) are written out, as in ``\udcff``."""
    if isinstance(data, str):
        return data if data.isascii() else data.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(data, dict):
        return {encodable(key): encodable(value) for key, value in data.items()}
    if isinstance(data, list):
        return [encodable(item) for item in data]
    return data
