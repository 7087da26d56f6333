# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Statements of nft that change a packet or what is kept with it (libnftables-json(5), MANGLE)."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_value import HOPS, MARK, number_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_match import Table, map_entries
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_operand import (
    TCP_NEED,
    family_need,
    needs_in,
    operand_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    MarkMap,
    SetHops,
    SetMark,
    Statement,
    Unpredictable,
)

_ALL = 0xFFFFFFFF
_MARKS = ("mark", "ct_mark")

# What neither decides the fate of a packet nor is a field of values.FIELDS.
_HARMLESS_META = ("nftrace", "priority", "secmark", "rtclassid")
_HARMLESS_CT = ("event", "helper", "label", "secmark", "timeout")
_HARMLESS_PAYLOAD = (("ip", "dscp"), ("ip", "ecn"), ("ip6", "dscp"), ("ip6", "ecn"), ("ip6", "flowlabel"))


class _Mark(NamedTuple):
    """(the mark that ``field`` holds & keep) ^ flip."""

    field: str
    keep: int
    flip: int


def mangle_statements(body: dict[str, object], table: Table, text: str) -> list[Statement]:
    """A change to a mark as such; nothing for what is of no consequence; anything else cannot be predicted."""
    key = body.get("key")
    operand = operand_of(key)
    field = operand.parts[0].field if operand is not None and len(operand.parts) == 1 else ""
    if field in _MARKS:
        value = body.get("value")
        if isinstance(value, dict) and isinstance(value.get("map"), dict):
            return _looked_up(field, value["map"], table) or [Unpredictable(text)]
        change = _change(field, value)
        return [change or Unpredictable(text)]
    if field == "ttl":
        hops = number_of(HOPS, body.get("value"))
        return [*_needs_of_key(key, table), Unpredictable(text) if hops is None else SetHops(hops)]
    return _needs_of_key(key, table) if _is_harmless(key) else [Unpredictable(text)]


def _needs_of_key(key: object, table: Table) -> list[Statement]:
    """What a packet must be for a change that is of no consequence: the rule ends for any other.

    nft asks for the family beforehand and does not print it; for TCP it does not, and the kernel ends the rule without
    a header of TCP (nft_exthdr_tcp_set_eval: NFT_BREAK).
    """
    kind, body = next(iter(key.items())) if isinstance(key, dict) else ("", None)
    if kind == "tcp option":
        return [TCP_NEED]
    family = str(body.get("protocol")) if kind == "payload" and isinstance(body, dict) else None
    return [*needs_in(table.family, family_need(family))]


def _change(field: str, node: object) -> Optional[SetMark]:
    value = _value(node)
    if value is None:
        return None
    return SetMark(field, value.keep, value.flip, "" if value.field in ("", field) else value.field)


def _looked_up(field: str, body: dict[str, object], table: Table) -> Optional[list[Statement]]:
    found = map_entries(body.get("key"), body.get("data"), table)
    if found is None:
        return None
    operand, pairs = found
    entries = table.sets.results(pairs, field, lambda node: _change(field, node))
    if entries is None:
        return None
    return [*needs_in(table.family, operand.needs), MarkMap(operand.fields, entries)]


def _is_harmless(key: object) -> bool:
    if not isinstance(key, dict) or len(key) != 1:
        return False
    kind, body = next(iter(key.items()))
    if not isinstance(body, dict):
        return False
    if kind == "meta":
        return body.get("key") in _HARMLESS_META
    if kind == "ct":
        return body.get("key") in _HARMLESS_CT
    if kind == "payload":
        field = (body.get("protocol"), body.get("field"))
        return field in _HARMLESS_PAYLOAD
    return str(kind) == "tcp option"


def _value(node: object) -> Optional[_Mark]:
    """The new mark as a function of an old one, as the kernel computes it (nft_bitwise: (old & mask) ^ xor)."""
    number = number_of(MARK, node)
    if number is not None:
        return _Mark("", 0, number)
    if not isinstance(node, dict) or len(node) != 1:
        return None
    kind, body = next(iter(node.items()))
    if kind in ("&", "|", "^"):
        return _combined(str(kind), body)
    operand = operand_of(node)
    if operand is None or operand.fields[0] not in _MARKS or operand.parts[0].mask is not None:
        return None
    return _Mark(operand.fields[0], _ALL, 0)


def _combined(kind: str, body: object) -> Optional[_Mark]:
    if not isinstance(body, list) or len(body) < 2:
        return None
    result = _value(body[0])
    for node in body[1:]:
        number = number_of(MARK, node)
        if result is None or number is None:
            return None
        if kind == "&":
            result = _Mark(result.field, result.keep & number, result.flip & number)
        elif kind == "|":
            result = _Mark(result.field, result.keep & ~number & _ALL, (result.flip & ~number & _ALL) | number)
        else:
            result = _Mark(result.field, result.keep, result.flip ^ number)
    return result
