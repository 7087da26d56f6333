# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""daemon.json: as it lies on the disk, and a strict parser that knows where everything stands.

JSON is what Go's encoding/json takes for it.
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass, field
from typing import Any, Optional


@dataclass(frozen=True)
class ConfigProblem:
    """Something wrong in daemon.json, with its place (1-based; 0 where the whole file is meant)."""

    message: str
    line: int = 0
    column: int = 0
    key: Optional[str] = None
    accepted_from: Optional[int] = None
    """Major release from which dockerd starts with it all the same (0: every one); None: today's releases do not."""


@dataclass(frozen=True)
class KeyPosition:
    """Where a top-level key of daemon.json stands (1-based)."""

    line: int
    column: int


@dataclass(frozen=True)
class DaemonConfig:
    """The configuration file that dockerd reads at its next start, and whether it can."""

    path: str
    exists: bool
    values: dict[str, Any] = field(default_factory=dict)
    """Top-level keys with secrets masked; empty when the file cannot be parsed."""
    positions: dict[str, KeyPosition] = field(default_factory=dict)
    problems: list[ConfigProblem] = field(default_factory=list)
    """What is wrong with the text itself: syntax, encoding, duplicate keys."""
    mode: Optional[int] = None
    uid: Optional[int] = None
    gid: Optional[int] = None
    mtime: Optional[float] = None
    """Seconds since the epoch."""
    ctime: Optional[float] = None
    """Seconds since the epoch; unlike mtime it also moves when another file is put in its place."""
    link_target: Optional[str] = None
    """Where it leads when path is a symbolic link."""


_SPACE = re.compile(r"[ \t\n\r]*")
GO_SPACE = "\t\n\v\f\r \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""White space for Go (unicode.IsSpace), which dockerd takes off both ends of the file from 23.0 on."""
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[^\s,:\[\]{}\"]+")
_LITERALS: dict[str, Optional[bool]] = {"true": True, "false": False, "null": None}
_DEEPEST = 100
_DECODER = json.JSONDecoder(strict=True)


class SyntaxFaultError(Exception):
    """What ends the reading, as a problem with its place."""

    def __init__(self, problem: ConfigProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1; columns count characters."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def whole_characters(text: str) -> str:
    """Return text with U+FFFD for each half of a surrogate pair, as Go does it; Python could not write it as UTF-8."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Scanner:
    """Walks one JSON text by recursive descent (RFC 8259); strings are left to the standard library."""

    def __init__(self, text: str, problems: list[ConfigProblem]) -> None:
        self.text = text
        self.problems = problems
        self.positions: dict[str, KeyPosition] = {}
        self.at = 0

    def document(self) -> dict[str, Any]:
        """Parse the whole text as an object; ``null`` is as good as an empty one (Go leaves the map as it is)."""
        self._skip_edge()
        start = self.at
        value = self._value(0)
        self._skip_edge()
        if self.at < len(self.text):
            self._fail(f"{self._seen()} after the end of the configuration")
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._fail(f"the configuration must be an object in braces, found {_kind(value)}", start)
        return dict(value)

    def _value(self, depth: int) -> Any:
        if depth > _DEEPEST:
            self._fail(f"nested more than {_DEEPEST} deep")
        self._skip()
        sign = self.text[self.at : self.at + 1]
        if sign == "{":
            return self._object(depth)
        if sign == "[":
            return self._array(depth)
        if sign == '"':
            return self._string()
        return self._scalar()

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        places: dict[str, KeyPosition] = {}
        self.at += 1
        self._skip()
        if self._take("}"):
            return found
        while True:
            self._skip()
            self._key(found, places, depth)
            self._skip()
            if self._take("}"):
                break
            self._comma("}", "the brace")
        if depth == 0:
            self.positions = places
        return found

    def _key(self, found: dict[str, Any], places: dict[str, KeyPosition], depth: int) -> None:
        start = self.at
        if self.text[start : start + 1] != '"':
            self._fail(f"expected a key in double quotes, found {self._seen()}")
        key = self._string()
        place = KeyPosition(*place_of(self.text, start))
        self._skip()
        if not self._take(":"):
            self._fail(f"expected a colon after the key {_quoted(key)}, found {self._seen()}")
        value = self._value(depth + 1)
        if key in places:
            self._twice(key, places[key], place, found[key], value)
        places[key] = place
        found[key] = value

    def _twice(self, key: str, first: KeyPosition, place: KeyPosition, old: Any, new: Any) -> None:
        """Note a key that stands twice. dockerd decodes both values, so a wrong one is refused wherever it stands."""
        message = f"the key {_quoted(key)} stands twice, first in line {first.line}"
        alike = type(old) is type(new) and (old == new or isinstance(new, bool))
        message += "; dockerd takes the last" if alike else " and with another value; dockerd may refuse or mix them"
        self.problems.append(ConfigProblem(message, place.line, place.column, key, 0 if alike else None))

    def _array(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self.at += 1
        self._skip()
        if self._take("]"):
            return found
        while True:
            found.append(self._value(depth + 1))
            self._skip()
            if self._take("]"):
                return found
            self._comma("]", "the bracket")

    def _comma(self, end: str, name: str) -> None:
        comma = self.at
        if not self._take(","):
            self._fail(f"expected a comma or {_quoted(end)}, found {self._seen()}")
        self._skip()
        if self.text[self.at : self.at + 1] == end:
            self._fail(f"a comma before {name} that closes; JSON has no trailing commas", comma)

    def _string(self) -> str:
        try:
            text, self.at = _DECODER.raw_decode(self.text, self.at)
        except json.JSONDecodeError as error:
            self._fail(_STRING_ERRORS.get(error.msg.rstrip(": ").split(" at")[0], error.msg), error.pos)
        return whole_characters(str(text))

    def _scalar(self) -> Any:
        start = self.at
        found = _WORD.match(self.text, start)
        word = found.group() if found else ""
        if word in _LITERALS:
            self.at += len(word)
            return _LITERALS[word]
        if _NUMBER.fullmatch(word):
            self.at += len(word)
            return self._number(word, start)
        return self._fail(f"expected a value, found {self._seen()}")

    def _number(self, word: str, start: int) -> Any:
        if abs(float(word)) == float("inf"):
            self._fail("the number is too large", start)
        return json.loads(word)

    def _skip_edge(self) -> None:
        """Skip what dockerd takes off the ends of the file."""
        start = self.at
        while self.text[self.at : self.at + 1] and self.text[self.at] in GO_SPACE:
            self.at += 1
        if self.text[start : self.at].strip(" \t\n\r"):
            line, column = place_of(self.text, start)
            message = "white space that JSON does not know; Docker Engine 20.10 stumbles over it, later releases do not"
            self.problems.append(ConfigProblem(message, line, column, accepted_from=23))

    def _skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _take(self, sign: str) -> bool:
        taken = self.text.startswith(sign, self.at)
        self.at += taken
        return taken

    def _seen(self) -> str:
        """What stands at the present place, in words."""
        rest = self.text[self.at : self.at + 2]
        if not rest:
            return "the end of the file"
        if rest in ("//", "/*") or rest[0] == "#":
            return "a comment, which JSON does not have"
        if rest[0] == "'":
            return "a single quote; JSON wants double quotes"
        if rest[0] == '"':
            return "a string"
        found = _WORD.match(self.text, self.at)
        return _quoted(found.group()[:30] if found else rest[0])

    def _fail(self, message: str, at: Optional[int] = None) -> Any:
        line, column = place_of(self.text, self.at if at is None else at)
        raise SyntaxFaultError(ConfigProblem(message, line, column))


_STRING_ERRORS = {
    "Unterminated string starting": "a string without its closing double quote",
    "Invalid control character": "a line break or control character inside a string",
    "Invalid \\escape": "a backslash that begins no escape; write two for one",
    "Invalid \\uXXXX escape": "\\u without four hexadecimal digits",
}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, list):
        return "an array"
    return "a string" if isinstance(value, str) else "a number"


def _quoted(text: str) -> str:
    """Text between double quotes; the escapes of JSON keep control characters off the terminal."""
    return json.dumps(text)


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
