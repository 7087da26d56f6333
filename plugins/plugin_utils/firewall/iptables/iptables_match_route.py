# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Matches of iptables-extensions(8) that ask the routing tables: addrtype and rpfilter. Pure.

Read in the kernel: xt_addrtype.c, ipt_rpfilter.c and ip6t_rpfilter.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.iptables_option import (
    Asked,
    Condition,
    undecidable,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import AnyOf, Match
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import InRanges, OneOf

# Of IPv6: multicast addresses, what ipv6_addr_type() does not count as unicast, and types that the route decides.
_MULTICAST = InRanges(((0xFF << 120, (1 << 128) - 1),))
_NOT_UNICAST = InRanges(((0, 0), (0xFFFF << 32, (0xFFFF << 32) + 0xFFFFFFFF), *_MULTICAST.ranges))
_ROUTED_TYPES = frozenset(("local", "anycast", "unreachable"))
_LOOPBACK = OneOf(frozenset(("lo",)))


def address_types(asked: Sequence[Asked], family: int) -> list[Condition]:
    """Conditions of ``-m addrtype``."""
    options = {each.option for each in asked}
    limits = [option for option in ("--limit-iface-in", "--limit-iface-out") if option in options]
    suffix = {"--limit-iface-in": "_iif", "--limit-iface-out": "_oif"}[limits[0]] if limits else ""
    conditions: list[Condition] = []
    for each in asked:
        if each.option in limits:
            continue
        text = " ".join(("-m addrtype", each.text, *limits))
        address = "saddr" if each.option == "--src-type" else "daddr"
        types = frozenset(each.values[0].lower().split(","))
        if family == 4:
            conditions.append(Match((f"{address}_type{suffix}",), OneOf(types), each.negated, text))
            continue
        all_of = _address_types_of_version_6(address, suffix, types, text)
        if each.negated:
            conditions.append(AnyOf(tuple(replace(match, negated=not match.negated) for match in all_of), text=text))
        else:
            conditions += all_of
    return conditions


def _address_types_of_version_6(address: str, suffix: str, types: frozenset[str], text: str) -> list[Match]:
    """xt_addrtype.c, match_type6(): what the address says and what its route says have to hold together."""
    conditions = []
    if "multicast" in types:
        conditions.append(Match((address,), _MULTICAST, text=text))
    if "unicast" in types:
        conditions.append(Match((address,), _NOT_UNICAST, negated=True, text=text))
    if "unspec" in types:
        conditions.append(Match((address,), OneOf(frozenset((0,))), text=text))
    routed = types & _ROUTED_TYPES
    if routed:
        conditions.append(Match((f"{address}_type{suffix}",), OneOf(routed), text=text))
    return conditions


def reverse_path(asked: Sequence[Asked], _family: int) -> list[Condition]:
    """Conditions of ``-m rpfilter``: what comes by loopback has passed; with --validmark the mark chooses the route."""
    options = {each.option for each in asked}
    text = " ".join(("-m rpfilter", *(each.text for each in asked)))
    if options & {"--loose", "--accept-local"}:
        return [undecidable("depends on a route that is asked in a way which is not modelled", text)]
    field = "saddr_route_iif_mark" if "--validmark" in options else "saddr_route_iif"
    lost = Match((field,), OneOf(frozenset(("",))), text=text)
    loopback = Match(("iif",), _LOOPBACK, text=text)
    inverted = "--invert" in options
    answer = (lost,) if inverted else (replace(lost, negated=True), loopback)
    conditions: list[Condition] = [replace(loopback, negated=True)] if inverted else []
    return [*conditions, AnyOf(answer, text=text)]
