# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The output of ``ipset save``, see ipset(8). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save_words import (
    OpenQuoteError,
    logical_lines,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import RulesetError

_CREATE = re.compile(r"create (?P<name>.+?) (?P<type>(?:hash|bitmap|list):[a-z,]+)(?: (?P<options>.*))?")
# Options of a set that have no value.
_FLAGS = frozenset(("counters", "comment", "skbinfo", "forceadd"))


@dataclass(frozen=True)
class IpSet:
    """One set."""

    kind: str
    """``hash:net,port`` and so on; the parts after the colon are what it is asked for."""
    options: dict[str, str]
    """Those that it was made with: ``family``, ``netmask``..."""
    elements: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    """Each as printed, with the words that follow it (``nomatch``, ``wildcard``)."""

    @property
    def dimensions(self) -> list[str]:
        """What an element consists of: ``ip``, ``net``, ``port``, ``iface``, ``mac``, ``mark``."""
        return self.kind.partition(":")[2].split(",")

    @property
    def family(self) -> str:
        """``inet`` or ``inet6``; empty for a set that knows none."""
        return self.options.get("family", "inet" if self.dimensions[0] in ("ip", "net") else "")


def parse_ipsets(text: str) -> dict[str, IpSet]:
    """Sets by name. Raises RulesetError, which names the line, for what is no output of ``ipset save``."""
    sets: dict[str, IpSet] = {}
    try:
        for number, line, words in logical_lines(text):
            if words[0] == "create":
                _create(sets, line, number)
            elif words[0] == "add":
                _add(sets, line, words, number)
            elif not line.startswith("#"):
                raise RulesetError(f"ipset save, line {number}: {line[:60]!r} is neither create nor add")
    except OpenQuoteError as error:
        raise RulesetError(f"ipset save, {error}") from error
    return sets


def _create(sets: dict[str, IpSet], line: str, number: int) -> None:
    found = _CREATE.fullmatch(line.rstrip())
    if found is None:
        raise RulesetError(f"ipset save, line {number}: {line[:60]!r} names no type of a set")
    options: dict[str, str] = {}
    words = iter((found.group("options") or "").split())
    for word in words:
        options[word] = "" if word in _FLAGS else next(words, "")
    sets[found.group("name")] = IpSet(found.group("type"), options)


def _add(sets: dict[str, IpSet], line: str, words: list[str], number: int) -> None:
    if len(words) > 2 and words[1] in sets:
        sets[words[1]].elements.append((words[2], frozenset(words[3:])))
        return
    # A name can hold spaces.
    for name, known in sets.items():
        if " " in name and line.startswith(f"add {name} "):
            rest = line[len(f"add {name} ") :].split()
            known.elements.append((rest[0] if rest else "", frozenset(rest[1:])))
            return
    raise RulesetError(f"ipset save, line {number}: {line[:60]!r} adds to no set that was created before")
