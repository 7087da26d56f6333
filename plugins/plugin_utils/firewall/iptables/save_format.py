# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Words and values as iptables-save and ipset save print them. Pure.

A ValueError says what is wrong with a value and is caught where the line is known.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from functools import lru_cache

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import NUMBERS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    InRanges,
    Masked,
    NameStarts,
    OneOf,
    Test,
)

# Options whose value is a name (of a device, a chain, a set): it is printed as it is, quotes included.
_UNQUOTED_AFTER = ("-A", "-g", "-i", "-j", "-o", "--match-set", "--physdev-in", "--physdev-out")
# No text that is quoted is longer, twice a comment's length with all of it escaped (XT_MAX_COMMENT_LEN).
_LONGEST_QUOTED = 1024
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


_LONGEST_SHOWN = 60


def quoted(text: str) -> str:
    """A stranger's text as a message shows it: its beginning, with quotes and escapes."""
    return repr(text[:_LONGEST_SHOWN])


class OpenQuoteError(ValueError):
    """A quoted text that does not end."""


def logical_lines(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Each line that is not empty, with its number from 1 and its words.

    A text in double quotes is one word (xtables_save_string in libxtables/xtables.c), and can hold line breaks. Raises
    OpenQuoteError, which says in which line, for one that does not end.
    """
    # Not splitlines(): a comment can hold what Unicode counts as the end of a line.
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        first = at
        line = lines[at]
        at += 1
        words: list[str] = []
        done = _split(line, 0, words)
        while done < len(line):
            if at == len(lines) or at - first > _LONGEST_QUOTED or len(line) - done > _LONGEST_QUOTED:
                raise OpenQuoteError(f"line {first + 1}: a quoted text does not end")
            line = f"{line}\n{lines[at]}"
            at += 1
            done = _split(line, done, words)
        if words:
            yield first + 1, line, words


def _split(line: str, at: int, words: list[str]) -> int:
    """Append the words from there on; return where it ended: the line's length, or the place of a quote without end."""
    if '"' not in line:
        words.extend(word for word in line[at:].split(" ") if word)
        return len(line)
    while at < len(line):
        if line[at] == " ":
            at += 1
        elif line[at] == '"' and (not words or words[-1] not in _UNQUOTED_AFTER):
            quoted = _QUOTED.match(line, at)
            if quoted is None:
                return at
            words.append(_ESCAPED.sub(r"\1", quoted.group(1)))
            at = quoted.end()
        else:
            end = line.find(" ", at)
            end = len(line) if end < 0 else end
            words.append(line[at:end])
            at = end
    return len(line)


NEVER = OneOf(frozenset())
"""Holds for no packet."""

ALL_BITS = 0xFFFFFFFF
_LONGEST_NUMBER = 40
_WIDTH = {4: 32, 6: 128}

# Beside those of /etc/protocols, the names that iptables has itself (xtables_chain_protos in libxtables/xtables.c), and
# some that other systems' lists have.
PROTOCOLS = {
    **NUMBERS,
    "all": 0,
    "ipv6-crypt": 50,
    "ipv6-auth": 51,
    "icmp6": 58,
    "ipv6-ospf": 89,
    "ipv6-mh": 135,
    "mh": 135,
}


@lru_cache(maxsize=65536)
def address(text: str, family: int) -> int:
    """An address of that family (4 or 6) as a number."""
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET if family == 4 else socket.AF_INET6, text), "big")
    except (OSError, ValueError):
        raise ValueError(f"{quoted(text)} is no IPv{family} address") from None


@lru_cache(maxsize=65536)
def network(text: str, family: int) -> Test:
    """The test for ADDRESS, ADDRESS/LENGTH or ADDRESS/MASK, where a mask can have holes."""
    base, slash, rest = text.partition("/")
    start = address(base, family)
    width = _WIDTH[family]
    full = (1 << width) - 1
    if not slash:
        return OneOf(frozenset((start,)))
    mask = full << width - number(rest, width) & full if rest.isdigit() else address(rest, family)
    start &= mask
    if mask == full:
        return OneOf(frozenset((start,)))
    hosts = full ^ mask
    if hosts & (hosts + 1):
        return Masked(mask, start)
    return InRanges(((start, start + hosts),))


def network_range(text: str, family: int) -> tuple[int, int]:
    """First and last address of ADDRESS or ADDRESS/LENGTH."""
    test = network(text, family)
    if isinstance(test, InRanges):
        return test.ranges[0]
    if isinstance(test, OneOf):
        start = address(text.partition("/")[0], family)
        return (start, start)
    raise ValueError(f"{quoted(text)} is no network")


def address_range(text: str, family: int) -> tuple[int, int]:
    """First and last address of FIRST-LAST or of one address."""
    first, dash, last = text.partition("-")
    low = address(first, family)
    high = address(last, family) if dash else low
    if low > high:
        raise ValueError(f"{quoted(text)} ends before it begins")
    return (low, high)


def number(text: str, highest: int) -> int:
    """A number from 0, decimal or hexadecimal with 0x."""
    # Turning very many digits into a number takes time that grows with their square.
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"{quoted(text)} is no number")
    try:
        value = int(text, 16) if text[:2] in ("0x", "0X") else int(text)
    except ValueError:
        raise ValueError(f"{quoted(text)} is no number") from None
    if not 0 <= value <= highest:
        raise ValueError(f"{quoted(text)} is not between 0 and {highest}")
    return value


def number_range(text: str, highest: int, dash: str) -> tuple[int, int]:
    """First and last of FIRST:LAST (or another sign between them) or of one number; an end left out is the extreme."""
    first, sign, last = text.partition(dash)
    low = number(first, highest) if first or not sign else 0
    if not sign:
        return (low, low)
    high = number(last, highest) if last else highest
    if low > high:
        raise ValueError(f"{quoted(text)} ends before it begins")
    return (low, high)


@lru_cache(maxsize=65536)
def ports(text: str) -> Test:
    """The test for a list of ports and ranges: ``80,443,1000:2000``."""
    return in_ranges(number_range(part, 65535, ":") for part in text.split(","))


def in_ranges(ranges: Iterable[tuple[int, int]]) -> Test:
    """The test for a value in one of these ranges, in the form that fits: OneOf if all are single values."""
    merged: list[tuple[int, int]] = []
    parts = sorted(ranges)
    if all(low == high for low, high in parts):
        return OneOf(frozenset(low for low, dummy in parts))
    for low, high in parts:
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return InRanges(tuple(merged))


@lru_cache(maxsize=4096)
def device(text: str) -> Test:
    """The test for the name of a device; a ``+`` at its end stands for whatever follows (iptables(8))."""
    if text.endswith("+"):
        return NameStarts(frozenset((text[:-1],)))
    return OneOf(frozenset((text,)))


def protocol(text: str) -> int:
    """The number of a protocol given by name or number."""
    if text in PROTOCOLS:
        return PROTOCOLS[text]
    return number(text, 255)


def masked(text: str) -> Test:
    """The test for VALUE or VALUE/MASK of a mark."""
    value, mask = value_and_mask(text)
    if mask == ALL_BITS:
        return OneOf(frozenset((value,)))
    return Masked(mask, value)


def value_and_mask(text: str) -> tuple[int, int]:
    """VALUE/MASK of a mark as numbers; without a mask all bits count."""
    value, slash, mask = text.partition("/")
    return number(value, ALL_BITS), number(mask, ALL_BITS) if slash else ALL_BITS
