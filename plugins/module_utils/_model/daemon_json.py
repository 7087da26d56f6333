# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A strict parser of daemon.json that knows where everything stands.

It accepts what Go's encoding/json accepts, and says in plain words, with line and column, what is wrong otherwise.
What some engines tolerate (a byte order mark, a key given twice) is a problem here as well, and says so.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.config import ConfigProblem, KeyPosition
from ansible_collections.dockernet.baseline.plugins.module_utils._model.json_scanner import (
    GO_SPACE,
    Scanner,
    SyntaxFaultError,
    place_of,
)

# Members of these keys are options of their own and not flattened (moby daemon/config/config.go, flatOptions).
_NESTED_KEYS = frozenset(
    {
        "builder",
        "cluster-store-opts",
        "default-network-opts",
        "default-ulimits",
        "features",
        "log-opts",
        "nri-opts",
        "runtimes",
    }
)

# Byte order marks, the longer ones first: that of UTF-16 is the beginning of that of UTF-32.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)


@dataclass(frozen=True)
class ParsedConfig:
    """What a daemon.json says, and what is wrong with its text."""

    values: dict[str, Any] = field(default_factory=dict)
    """Top-level keys with their values, unmasked; empty when the text is not JSON."""
    positions: dict[str, KeyPosition] = field(default_factory=dict)
    """Where the top-level keys stand; for a key given twice, the last place, which counts."""
    problems: list[ConfigProblem] = field(default_factory=list)

    @property
    def readable(self) -> bool:
        """Whether there is an engine that reads this text."""
        return all(problem.accepted_from is not None for problem in self.problems)


def parse(text_bytes: bytes, path: str) -> ParsedConfig:
    """Parse the bytes of the daemon.json at path (named in messages only). Never raises."""
    problems: list[ConfigProblem] = []
    try:
        text = _decode(text_bytes, problems)
        if not text.strip(GO_SPACE):
            problems.append(_empty(path))
            return ParsedConfig(problems=problems)
        scanner = Scanner(text, problems)
        values = scanner.document()
    except SyntaxFaultError as error:
        return ParsedConfig(problems=[*problems, error.problem])
    return ParsedConfig(values, scanner.positions, problems)


def is_blank(text: str) -> bool:
    """Whether dockerd takes the text for an empty file."""
    return not text.strip(GO_SPACE)


def is_nested(key: str) -> bool:
    """Whether the members of this key's object are its own options, and not taken for top-level keys."""
    return key in _NESTED_KEYS


def flattened(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values as dockerd takes them: the members of an object it does not know count as top-level keys.

    Source: moby daemon/config/config.go, configValuesSet; ``{"x": {"userland-proxy": false}}`` turns the proxy off.
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and key not in _NESTED_KEYS:
            flat.update(value)
        else:
            flat[key] = value
    return flat


def _empty(path: str) -> ConfigProblem:
    message = f"{path} is empty; Docker Engine 20.10 does not start with it, later releases do"
    return ConfigProblem(message, accepted_from=23)


def _decode(raw: bytes, problems: list[ConfigProblem]) -> str:
    for mark, encoding, name in _MARKS:
        if raw.startswith(mark):
            if name == "UTF-32":
                raise SyntaxFaultError(ConfigProblem("the file is UTF-32; dockerd reads UTF-8", 1, 1))
            text = f"the file begins with a byte order mark ({name})"
            message = f"{text}; Docker Engine 20.10 does not start with it, later releases do"
            problems.append(ConfigProblem(message, 1, 1, accepted_from=23))
            return _decode_as(raw, encoding, name)
    return _decode_as(raw, "utf-8", "UTF-8")


def _decode_as(raw: bytes, encoding: str, name: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode(encoding, "replace")
        line, column = place_of(before, len(before))
        found = f"byte 0x{raw[error.start]:02x} is not valid {name}"
        raise SyntaxFaultError(ConfigProblem(f"{found}; save the file as UTF-8", line, column)) from error
