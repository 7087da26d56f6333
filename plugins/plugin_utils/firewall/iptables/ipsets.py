# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Sets of ipset(8): the output of ``ipset save``, and ``-m set --match-set NAME src,dst``. Pure.

Which fields each type asks, and when a set matches, was read in the kernel's net/netfilter/ipset and xt_set.c.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import ICMP, ICMPS, ICMPV6
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.matches import (
    Condition,
    GivenOption,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save_format import (
    ALL_BITS,
    NEVER,
    OpenQuoteError,
    address_range,
    in_ranges,
    logical_lines,
    network_range,
    number,
    number_range,
    protocol,
    quoted,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyOf,
    InElements,
    Match,
    RulesetError,
)

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
                raise RulesetError(f"ipset save, line {number}: {quoted(line)} is neither create nor add")
    except OpenQuoteError as error:
        raise RulesetError(f"ipset save, {error}") from error
    return sets


def _create(sets: dict[str, IpSet], line: str, number: int) -> None:
    found = _CREATE.fullmatch(line.rstrip())
    if found is None:
        raise RulesetError(f"ipset save, line {number}: {quoted(line)} names no type of a set")
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
    raise RulesetError(f"ipset save, line {number}: {quoted(line)} adds to no set that was created before")


_Part = tuple[int | str, int | str]
"""First and last of what one field can hold."""
Ways = list[tuple[tuple[str, ...], tuple[_Part, ...]]]
"""What one part of an element asks: fields and their values; one of several ways has to fit."""

SOURCE = "src"
_DIRECTIONS = (SOURCE, "dst")
# Protocols that have ports (get_port in ip_set_getport.c).
_WITH_PORTS = (6, 17, 132, 136)
# Of ipset's lib/icmp.c and lib/icmpv6.c the names for what is asked about.
_ECHO = {
    (ICMP, "echo-request"): "8/0",
    (ICMP, "echo-reply"): "0/0",
    (ICMPV6, "echo-request"): "128/0",
    (ICMPV6, "echo-reply"): "129/0",
}


class Element(NamedTuple):
    """One element: fields, and what each must hold."""

    fields: tuple[str, ...]
    parts: tuple[_Part, ...]
    matches: bool
    """False for ``nomatch``: an exception to elements with shorter prefixes."""


def read_elements(of: IpSet, directions: Sequence[str], family: int) -> Iterator[Element]:
    """The elements of a set that is no list. Raises ValueError for what cannot be told."""
    for direction in directions:
        if direction not in _DIRECTIONS:
            raise ValueError(f"asks a set for {quoted(direction)}")
    for text, words in of.elements:
        values = text.split(",")
        if len(values) != len(of.dimensions) or "wildcard" in words:
            raise ValueError(f"depends on a set with the element {quoted(text)}")
        ways = [
            _part(dimension, direction, value, of.options, family)
            for dimension, direction, value in zip(of.dimensions, directions, values)
        ]
        for chosen in product(*ways):
            fields = tuple(field for way, dummy in chosen for field in way)
            yield Element(fields, tuple(part for dummy, parts in chosen for part in parts), "nomatch" not in words)


def _part(dimension: str, direction: str, value: str, options: dict[str, str], family: int) -> Ways:
    side = "s" if direction == SOURCE else "d"
    if dimension in ("ip", "net"):
        return [((f"{side}addr",), (_addresses(value, options, family),))]
    if dimension == "port":
        return _port(side, value)
    if dimension == "iface":
        name, bridge_port = (value[8:], "phys") if value.startswith("physdev:") else (value, "")
        field = {"s": "iif", "d": "oif"}[side] if not bridge_port else {"s": "physin", "d": "physout"}[side]
        return [((field,), ((name, name),))]
    if dimension == "mark" and number(options.get("markmask", hex(ALL_BITS)), ALL_BITS) == ALL_BITS:
        mark = number(value, ALL_BITS)
        return [(("mark",), ((mark, mark),))]
    raise ValueError(f"depends on a set that is asked for {dimension}")


def _addresses(value: str, options: dict[str, str], family: int) -> tuple[int, int]:
    if "bitmask" in options:
        raise ValueError("depends on a set with a bitmask")
    if "netmask" in options:
        return network_range(f"{value}/{options['netmask']}", family)
    return address_range(value, family) if "-" in value else network_range(value, family)


def _port(side: str, value: str) -> Ways:
    """PROTOCOL:PORT, PROTOCOL:TYPE/CODE for ICMP, or PORT of any protocol that has ports."""
    name, colon, port = value.rpartition(":")
    if not colon:
        ports = number_range(value, 65535, "-")
        return [(("protocol", f"{side}port"), ((each, each), ports)) for each in _WITH_PORTS]
    of = protocol(name)
    if of in ICMPS:
        kind, code = (number(part, 255) for part in _ECHO.get((of, port), port).partition("/")[::2])
        return [(("protocol", "icmp_type", "icmp_code"), ((of, of), (kind, kind), (code, code)))]
    if of not in _WITH_PORTS:
        return [(("protocol",), ((of, of),))]
    return [(("protocol", f"{side}port"), ((of, of), number_range(port, 65535, "-")))]


_FAMILIES = {4: "inet", 6: "inet6"}
_NOTHING = Match(("protocol",), NEVER)


class IpSets:
    """The sets of a host by name."""

    def __init__(self, sets: Mapping[str, IpSet], changing: Collection[str] = (), unread: str = "") -> None:
        """``changing``: names of sets that rules themselves add to or remove from; ``unread``: why sets are missing."""
        self._sets = sets
        self._changing = changing
        self._unread = unread or "it was not read"
        self._known: dict[tuple[str, str, int, bool], list[Match]] = {}

    def condition(self, given: Sequence[GivenOption], family: int, text: str) -> Condition:
        """What ``-m set`` with these options asks. Raises ValueError for what cannot be told."""
        options = {each.option: each for each in given}
        if "--match-set" not in options:
            raise ValueError("names no set")
        wanted = options["--match-set"]
        name, directions = wanted.values
        # With --return-nomatch the exceptions are asked for, not what they are exceptions to (ip_set_enomatch()).
        outcome = "--return-nomatch" not in options
        asked_for = (name, directions, family, outcome)
        matches = self._known.get(asked_for)
        if matches is None:
            # A set can be large, and many rules can ask for it.
            matches = self._known[asked_for] = [
                match
                for member in self._members(name)
                for match in self._matches(member, directions.split(","), family, outcome=outcome)
            ]
        if len(matches) == 1:
            return Match(matches[0].fields, matches[0].test, wanted.negated, text)
        return AnyOf(tuple(matches), wanted.negated, text)

    def _members(self, name: str) -> list[IpSet]:
        """The set itself, or for a list those in it, which are no lists themselves (ip_set_list_set.c)."""
        found = self._set(name)
        return [self._set(member) for member, dummy in found.elements] if found.kind == "list:set" else [found]

    def _set(self, name: str) -> IpSet:
        if name not in self._sets:
            raise ValueError(f"depends on the set {quoted(name)}: {self._unread}")
        if name in self._changing:
            raise ValueError(f"depends on the set {quoted(name)}, which rules change")
        return self._sets[name]

    @staticmethod
    def _matches(of: IpSet, directions: list[str], family: int, *, outcome: bool) -> list[Match]:
        # ip_set_test(): too few directions, or another family, is no match.
        if len(directions) < len(of.dimensions) or of.family not in ("", _FAMILIES[family]):
            return [_NOTHING]
        by_fields: dict[tuple[str, ...], list[Element]] = defaultdict(list)
        for element in read_elements(of, directions, family):
            by_fields[element.fields].append(element)
        # Of networks with devices the longest prefix that any device has is the only one looked at
        # (hash_netiface4_data_equal() in ip_set_hash_netiface.c: multi).
        shared = (
            longest_prefixes(element.parts[0] for elements in by_fields.values() for element in elements)
            if of.dimensions == ["net", "iface"]
            else None
        )
        return [
            _match(fields, _rows(elements, of, shared, outcome=outcome)) for fields, elements in by_fields.items()
        ] or [_NOTHING]


def _match(fields: tuple[str, ...], rows: Iterable[tuple[_Part, ...]]) -> Match:
    rows = list(rows)
    if not rows:
        return _NOTHING
    if len(fields) == 1:
        return Match(fields, in_ranges((int(low), int(high)) for ((low, high),) in rows))
    exact = frozenset(tuple(low for low, dummy in row) for row in rows if all(low == high for low, high in row))
    return Match(fields, InElements(tuple(row for row in rows if any(low != high for low, high in row)), exact))


def _rows(
    elements: list[Element], of: IpSet, shared: Mapping[_Part, list[_Part]] | None, *, outcome: bool
) -> list[tuple[_Part, ...]]:
    """What the fields must hold for that outcome; ``shared``: where each network has the longest prefix of the set."""
    if shared is None and all(element.matches for element in elements):
        return [element.parts for element in elements] if outcome else []
    if of.dimensions.count("net") != 1:
        raise ValueError("depends on a set with exceptions from two networks")
    at = next(index for index, field in enumerate(elements[0].fields) if field in ("saddr", "daddr"))
    others: dict[tuple[_Part, ...], list[Element]] = defaultdict(list)
    for element in elements:
        others[element.parts[:at] + element.parts[at + 1 :]].append(element)
    rows: list[tuple[_Part, ...]] = []
    for other, same in others.items():
        longest = shared or longest_prefixes(element.parts[at] for element in same)
        pieces = [
            piece for element in same if element.matches == outcome for piece in longest.get(element.parts[at], ())
        ]
        rows += [(*other[:at], piece, *other[at:]) for piece in pieces]
    return rows


def longest_prefixes(networks: Iterable[_Part]) -> dict[_Part, list[_Part]]:
    """For each of these networks the ranges of addresses for which no other has a longer prefix."""
    found: dict[_Part, list[_Part]] = defaultdict(list)
    # Last addresses of the networks that hold the present one, the shortest prefix first.
    around: list[tuple[int, _Part]] = []
    at = 0

    def until(end: int) -> None:
        nonlocal at
        if around and at <= end:
            found[around[-1][1]].append((at, end))
        at = end + 1

    for low, high in sorted({(int(low), int(high)) for low, high in networks}, key=lambda each: (each[0], -each[1])):
        while around and around[-1][0] < low:
            until(around[-1][0])
            around.pop()
        until(low - 1)
        around.append((high, (low, high)))
    while around:
        until(around[-1][0])
        around.pop()
    return found
