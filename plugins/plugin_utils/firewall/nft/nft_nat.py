# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Address translation in nft (nft(8), NAT STATEMENTS; libnftables-json(5), NETWORK ADDRESS TRANSLATION)."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_value import IPV4, IPV6, PORT, span_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_match import Table, map_entries
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_operand import family_need, needs_in
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_value import Datatype, Span
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    NETMAP,
    Nat,
    NatMap,
    Statement,
    Unpredictable,
)

Ends = Optional[tuple[int, int]]


def nat_statements(kind: str, body: dict[str, object], table: Table, text: str) -> list[Statement]:
    """A translation, with the address family that it applies to; unpredictable where it is not understood."""
    flags = _words(body.get("flags"))
    if "netmap" in flags or "prefix" in _words(body.get("type_flags")):
        kind = NETMAP
    random_port = bool({"random", "fully-random"} & flags)
    family = str(body.get("family", table.family))
    address, port = body.get("addr"), body.get("port")
    needs = needs_in(table.family, family_need(family if address is not None else ""))
    statements: Optional[list[Statement]]
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
) -> Optional[list[Statement]]:
    if _is_map(address) and _is_map(port):
        return None
    node = address if _is_map(address) else port
    body = node["map"] if isinstance(node, dict) else None
    found = map_entries(body.get("key"), body.get("data"), table) if isinstance(body, dict) else None
    if found is None:
        return None
    operand, pairs = found

    def nat_of(data: object) -> Optional[Nat]:
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


def _nat(kind: str, address: object, port: object, family: str, *, random_port: bool) -> Optional[Nat]:
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
