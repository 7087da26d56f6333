# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host read, on its way to the controller: one word of plain letters, in which no name is a key.

JSON, compressed (RFC 1950) beyond a size, in base64 (RFC 4648).
"""

from __future__ import annotations

import base64
import zlib

WIRE = "read_on_host"
"""The key of a module's result under which it stands."""
LARGEST = 64 << 20
"""Bytes of JSON. A container with its network takes some 12,000; a bridge has 1,023 ports at most."""

PLAIN = "json:"
COMPRESSED = "zlib:"
"""How the word begins."""
_COMPRESSED_FROM = 4096
# A sixth more than with level 6, in a third of the time.
_LEVEL = 3


class TooLargeError(ValueError):
    """More than the controller takes."""


def pack(text: str) -> str:
    """Return an ASCII text of JSON for the way. Raises TooLargeError."""
    data = text.encode("ascii")
    if len(data) > LARGEST:
        raise TooLargeError(f"what was read of the host takes {len(data)} bytes, and at most {LARGEST} are sent")
    if len(data) < _COMPRESSED_FROM:
        return PLAIN + base64.b64encode(data).decode("ascii")
    return COMPRESSED + base64.b64encode(zlib.compress(data, _LEVEL)).decode("ascii")
