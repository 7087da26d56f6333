# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host read, on its way to the controller: one word of plain letters, in which no name is a key.

JSON, compressed (RFC 1950) beyond a size, in base64 (RFC 4648).
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError

WIRE = "read_on_host"
"""The key of a module's result under which it stands."""
LARGEST = 64 << 20
"""Bytes of JSON. A container with its network takes some 12,000; a bridge has 1,023 ports at most."""

_PLAIN = "json:"
_COMPRESSED = "zlib:"
_COMPRESSED_FROM = 4096
_LEVEL = 6


class TooLargeError(ValueError):
    """More than the controller takes."""


def pack(text: str) -> str:
    """Return an ASCII text of JSON for the way. Raises TooLargeError."""
    data = text.encode("ascii")
    if len(data) > LARGEST:
        raise TooLargeError(f"what was read of the host takes {len(data)} bytes, and at most {LARGEST} are sent")
    if len(data) < _COMPRESSED_FROM:
        return _PLAIN + base64.b64encode(data).decode("ascii")
    return _COMPRESSED + base64.b64encode(zlib.compress(data, _LEVEL)).decode("ascii")


def unpack(packed: Any) -> str:
    """Return the text, whatever a host sent. Raises DecodeError, also for one that is too large."""
    if not isinstance(packed, str) or not packed.startswith((_PLAIN, _COMPRESSED)):
        raise DecodeError(f"{WIRE}: expected {_PLAIN} or {_COMPRESSED} and base64")
    form, letters = packed[: len(_PLAIN)], packed[len(_PLAIN) :]
    try:
        data = base64.b64decode(letters, validate=True)
        if form == _COMPRESSED:
            inflate = zlib.decompressobj()
            data = inflate.decompress(data, LARGEST + 1)
            if len(data) <= LARGEST and not inflate.eof:
                raise DecodeError(f"{WIRE}: its end is missing")
        text = data[: LARGEST + 1].decode("ascii")
    except (binascii.Error, zlib.error, ValueError) as error:
        raise DecodeError(f"{WIRE}: {error}") from error
    if len(text) > LARGEST:
        raise DecodeError(f"{WIRE}: more than {LARGEST} bytes")
    return text
