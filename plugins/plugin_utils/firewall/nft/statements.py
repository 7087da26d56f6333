# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Statements of nft (nft(8), STATEMENTS; libnftables-json(5), STATEMENTS) as those of the evaluator.

Verdicts, address translation, and what changes a packet or is kept with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.matches import (
    Table,
    map_entries,
    match_statements,
    one_of_tests,
    set_elements,
    undecidable,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.operands import (
    TCP_NEED,
    family_need,
    needs_in,
    operand_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.text import expression_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.values import (
    HOPS,
    IPV4,
    IPV6,
    MARK,
    PORT,
    Datatype,
    Span,
    number_of,
    span_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    CONTINUE,
    CT_ESTABLISHED,
    CT_RELATED,
    DROP,
    GOTO,
    JUMP,
    NETMAP,
    REJECT,
    RETURN,
    AnyBit,
    MarkMap,
    Match,
    Nat,
    NatMap,
    Notrack,
    SetHops,
    SetMark,
    Statement,
    Undecidable,
    Unpredictable,
    Verdict,
    VerdictMap,
)

Ends = tuple[int, int] | None


def nat_statements(kind: str, body: dict[str, object], table: Table, text: str) -> list[Statement]:
    """A translation, with the address family that it applies to; unpredictable where it is not understood."""
    flags = _words(body.get("flags"))
    if "netmap" in flags or "prefix" in _words(body.get("type_flags")):
        kind = NETMAP
    random_port = bool({"random", "fully-random"} & flags)
    family = str(body.get("family", table.family))
    address, port = body.get("addr"), body.get("port")
    needs = needs_in(table.family, family_need(family if address is not None else ""))
    statements: list[Statement] | None
    if _is_map(address) or _is_map(port):
        statements = _mapped(kind, address, port, family, table, random_port=random_port)
    else:
        nat = _nat(kind, address, port, family, random_port=random_port)
        statements = None if nat is None else [nat]
    return [*needs, *(statements if statements is not None else [Unpredictable(text)])]


def _words(node: object) -> set[str]:
    return {str(word) for word in (node if isinstance(node, list) else [node])}


def _is_map(node: object) -> bool:
    return isinstance(node, dict) and "map" in node


def _mapped(
    kind: str, address: object, port: object, family: str, table: Table, *, random_port: bool
) -> list[Statement] | None:
    if _is_map(address) and _is_map(port):
        return None
    node = address if _is_map(address) else port
    body = node["map"] if isinstance(node, dict) else None
    found = map_entries(body.get("key"), body.get("data"), table) if isinstance(body, dict) else None
    if found is None:
        return None
    operand, pairs = found

    def nat_of(data: object) -> Nat | None:
        value = data["elem"].get("val") if isinstance(data, dict) and isinstance(data.get("elem"), dict) else data
        if _is_map(port):
            return _nat(kind, address, value, family, random_port=random_port)
        if isinstance(value, dict) and isinstance(value.get("concat"), list) and len(value["concat"]) == 2:
            return _nat(kind, value["concat"][0], value["concat"][1], family, random_port=random_port)
        return _nat(kind, value, port, family, random_port=random_port)

    # What stands beside the map, as far as it is understood.
    beside = (address, _addresses(family, address)) if _is_map(port) else (port, _ends(PORT, port))
    use = (kind, family, random_port, _is_map(port), beside[0] is None, beside[1])
    entries = table.sets.results(pairs, use, nat_of)
    return None if entries is None else [*needs_in(table.family, operand.needs), NatMap(kind, operand.fields, entries)]


def _nat(kind: str, address: object, port: object, family: str, *, random_port: bool) -> Nat | None:
    addresses = ports = None
    if address is not None:
        addresses = _addresses(family, address)
        if addresses is None:
            return None
    if port is not None:
        ports = _ends(PORT, port)
        if ports is None:
            return None
    return Nat(kind, addresses, ports, random_port)


def _addresses(family: str, node: object) -> Ends:
    return _ends(IPV6 if family == "ip6" else IPV4, node)


def _ends(datatype: Datatype, node: object) -> Ends:
    span = span_of(datatype, node)
    return (int(span.first), int(span.last)) if isinstance(span, Span) else None


_ALL = 0xFFFFFFFF
_MARKS = ("mark", "ct_mark")

# What neither decides the fate of a packet nor is a field of rules.FIELDS.
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


def _change(field: str, node: object) -> SetMark | None:
    value = _value(node)
    if value is None:
        return None
    return SetMark(field, value.keep, value.flip, "" if value.field in ("", field) else value.field)


def _looked_up(field: str, body: dict[str, object], table: Table) -> list[Statement] | None:
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


def _value(node: object) -> _Mark | None:
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


def _combined(kind: str, body: object) -> _Mark | None:
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


_SIMPLE_VERDICTS = (ACCEPT, DROP, RETURN, CONTINUE)

# They neither decide nor change what a rule can ask for. A duplicate is another packet.
_WITHOUT_EFFECT = (
    "log",
    "last",
    "dup",
    "ct helper",
    "ct timeout",
    "ct expectation",
    "secmark",
    "reset",
    "optstrip",
    "comment",
)
_PRINTS_CONDITIONS_OF_SETS = (1, 0, 6)
"""nft 0.9.8 leaves out of ``update @s { ip saddr limit rate over 10/second } drop`` what stands behind the element."""
_COUNTING = ("counter", "last")
_CONDITIONS = ("limit", "quota", "ct count", "meter", "connlimit")

# Kinds of reject by their address family: what nft asks for beforehand and does not print.
_REJECT_FAMILIES = {"icmp": "ip", "icmpv6": "ip6"}

# ip_tables matches and watchers decide or observe, targets act (struct xt_match, xt_target).
_XT_WATCHER = "watcher"
_XT_MATCH = "match"


Body = dict[str, object]


class StatementContext(NamedTuple):
    """What a statement stands in, and its own words."""

    table: Table
    text: str
    last: bool
    """Whether no other statement follows it in its rule."""


def statements_of(node: object, at: StatementContext) -> list[Statement]:
    """One statement of a rule in the evaluator's words; nothing for what has no effect."""
    if not isinstance(node, dict) or len(node) != 1:
        return [Unpredictable(at.text)]
    kind, body = next(iter(node.items()))
    verdict = verdict_of(node)
    if verdict is not None:
        return [verdict]
    if kind in _WITHOUT_EFFECT:
        return []
    if kind in _CONDITIONS:
        return [undecidable(at.text)]
    read = _READERS.get(kind)
    return [Unpredictable(at.text)] if read is None else read(str(kind), body if isinstance(body, dict) else {}, at)


def verdict_of(node: object) -> Verdict | None:
    """A verdict, as it stands in a rule or in a verdict map."""
    if not isinstance(node, dict) or len(node) != 1:
        return None
    kind, body = next(iter(node.items()))
    if kind in _SIMPLE_VERDICTS:
        return Verdict(kind)
    if kind in (JUMP, GOTO) and isinstance(body, dict) and isinstance(body.get("target"), str):
        return Verdict(kind, body["target"])
    return None


def _match(dummy: str, body: Body, at: StatementContext) -> list[Statement]:
    return match_statements(body, at.table, at.text)


def _mangle(dummy: str, body: Body, at: StatementContext) -> list[Statement]:
    return mangle_statements(body, at.table, at.text)


def _translation(kind: str, body: Body, at: StatementContext) -> list[Statement]:
    return nat_statements(kind, body, at.table, at.text)


def _notrack(dummy: str, __: Body, ___: StatementContext) -> list[Statement]:
    return [Notrack()]


def _reject(dummy: str, body: Body, at: StatementContext) -> list[Statement]:
    if at.table.family == "bridge":
        # What it sends goes back by the port, past all hooks.
        return [Unpredictable(at.text)]
    kind = str(body.get("type", "icmpx"))
    if kind == "tcp reset":
        return [TCP_NEED, Verdict(REJECT, reject_with="tcp reset")]
    reason = body.get("expr", "port-unreachable")
    needs = needs_in(at.table.family, family_need(_REJECT_FAMILIES.get(kind)))
    return [*needs, Verdict(REJECT, reject_with=expression_text(reason))]


def _xt(dummy: str, body: Body, at: StatementContext) -> list[Statement]:
    kind = body.get("type")
    if kind == _XT_WATCHER:
        return []
    return [undecidable(at.text) if kind == _XT_MATCH else Unpredictable(at.text)]


def _counter(dummy: str, body: Body, at: StatementContext) -> list[Statement]:
    """A counter counts; one that is looked up in a map ends the rule where the map has none."""
    looked_up = body.get("map")
    if not isinstance(looked_up, dict):
        return []
    found = map_entries(looked_up.get("key"), looked_up.get("data"), at.table)
    if found is None:
        return [undecidable(at.text)]
    operand, entries = found
    condition = one_of_tests(operand, [test for test, dummy in entries], at.text, negated=False)
    return [*needs_in(at.table.family, operand.needs), condition]


def _vmap(dummy: str, body: Body, at: StatementContext) -> list[Statement]:
    found = map_entries(body.get("key"), body.get("data"), at.table)
    if found is None:
        return _undecidable_vmap(body, at)
    operand, pairs = found
    entries = at.table.sets.results(pairs, "verdict", verdict_of)
    if entries is None:
        return [Unpredictable(at.text)]
    return [*needs_in(at.table.family, operand.needs), VerdictMap(operand.fields, entries, at.text)]


def _undecidable_vmap(body: Body, at: StatementContext) -> list[Statement]:
    """Any of the verdicts, or none, where it is not known what is looked up."""
    elements = set_elements(body.get("data"), at.table)
    pairs = [pair for pair in elements or () if isinstance(pair, list) and len(pair) == 2]
    verdicts = list(dict.fromkeys(verdict_of(pair[1]) for pair in pairs))
    if elements is None or len(pairs) != len(elements) or None in verdicts:
        return [Unpredictable(at.text)]
    entries = tuple((Undecidable(at.text), verdict) for verdict in verdicts if verdict is not None)
    return [VerdictMap((), entries, at.text)]


def _dynamic_set(dummy: str, body: Body, at: StatementContext) -> list[Statement]:
    """A rule that writes to a set: later packets may find it there, and so may this one, in another rule."""
    if not at.last and at.table.version < _PRINTS_CONDITIONS_OF_SETS:
        return [undecidable(at.text)]
    conditions = body.get("stmt", [])
    if not isinstance(conditions, list) or any(_is_condition(node) for node in conditions):
        return [undecidable(at.text)]
    name = str(body.get("set", body.get("map", ""))).lstrip("@")
    if at.table.sets.is_looked_up(at.table.family, at.table.name, name):
        return [Unpredictable(f"{at.text}, and other rules ask for what is in that set")]
    return _needs_of_set(body, at)


def _needs_of_set(body: Body, at: StatementContext) -> list[Statement]:
    """What a packet must have to be written down: the rule ends for any other, and nft does not print that."""
    needs: dict[Match, None] = {}
    for node in (_written(body), body.get("data")):
        if isinstance(node, dict):
            operand = operand_of(node)
            if operand is None:
                return [undecidable(at.text)]
            needs.update(dict.fromkeys(operand.needs))
    return [*needs_in(at.table.family, tuple(needs))]


def _written(body: Body) -> object:
    """The element, without its timeout and comment."""
    element = body.get("elem")
    wrapped = element.get("elem") if isinstance(element, dict) else None
    return wrapped.get("val") if isinstance(wrapped, dict) else element


def _is_condition(node: object) -> bool:
    return not (isinstance(node, dict) and all(kind in _COUNTING for kind in node))


def _flow(dummy: str, __: Body, at: StatementContext) -> list[Statement]:
    """Offloading: it ends the rule for what is no established connection (nft_flow_offload_eval: NFT_BREAK).

    Connections that it takes have come this way already, in both directions, so that it changes nothing for them.
    """
    if at.last:
        return []
    established = Match(("ct_state",), AnyBit(CT_ESTABLISHED | CT_RELATED), text="established")
    return [established, undecidable(at.text)]


_READERS: dict[str, Callable[[str, Body, StatementContext], list[Statement]]] = {
    "match": _match,
    "vmap": _vmap,
    "mangle": _mangle,
    "dnat": _translation,
    "snat": _translation,
    "masquerade": _translation,
    "redirect": _translation,
    "notrack": _notrack,
    "reject": _reject,
    "xt": _xt,
    "counter": _counter,
    "set": _dynamic_set,
    "map": _dynamic_set,
    "flow": _flow,
}
