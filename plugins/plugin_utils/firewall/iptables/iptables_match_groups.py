# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Matches of iptables-extensions(8) whose options have to be read together. Pure.

How each compares was read in the kernel's net/netfilter/xt_*.c.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.iptables_match_route import (
    address_types,
    reverse_path,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.iptables_option import (
    Asked,
    Condition,
    Single,
    Together,
    any_bit,
    bits_of,
    mark,
    network_of,
    port,
    single,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save_values import (
    device,
    ports,
    protocol,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import AnyOf, Match
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import (
    CT_ESTABLISHED,
    CT_INVALID,
    CT_NEW,
    CT_RELATED,
    CT_STATE_DNAT,
    CT_STATE_SNAT,
    CT_STATUS_ASSURED,
    CT_STATUS_CONFIRMED,
    CT_STATUS_EXPECTED,
    CT_STATUS_SEEN_REPLY,
    CT_UNTRACKED,
    AnyBit,
    OneOf,
    Test,
)

STATES = {
    "INVALID": CT_INVALID,
    "ESTABLISHED": CT_ESTABLISHED,
    "RELATED": CT_RELATED,
    "NEW": CT_NEW,
    "UNTRACKED": CT_UNTRACKED,
    "SNAT": CT_STATE_SNAT,
    "DNAT": CT_STATE_DNAT,
}
_STATUSES = {
    "NONE": 0,
    "EXPECTED": CT_STATUS_EXPECTED,
    "SEEN_REPLY": CT_STATUS_SEEN_REPLY,
    "ASSURED": CT_STATUS_ASSURED,
    "CONFIRMED": CT_STATUS_CONFIRMED,
}


def _direction(values: tuple[str, ...], _family: int) -> tuple[tuple[str, ...], Test]:
    return ("ct_direction",), OneOf(frozenset((bits_of(values[0], {"ORIGINAL": 0, "REPLY": 1}),)))


_CONNTRACK = {
    "--ctstate": any_bit("ct_state", STATES),
    "--ctstatus": any_bit("ct_status", _STATUSES),
    "--ctproto": Single(1, lambda values, dummy: (("ct_protocol",), OneOf(frozenset((protocol(values[0]),))))),
    "--ctorigsrc": network_of("ct_orig_saddr"),
    "--ctorigdst": network_of("ct_orig_daddr"),
    "--ctreplsrc": network_of("ct_reply_saddr"),
    "--ctrepldst": network_of("ct_reply_daddr"),
    "--ctorigsrcport": port("ct_orig_sport"),
    "--ctorigdstport": port("ct_orig_dport"),
    "--ctreplsrcport": port("ct_reply_sport"),
    "--ctrepldstport": port("ct_reply_dport"),
    "--ctdir": Single(1, _direction),
    "--ctexpire": unknown(1, "depends on the age of the connection"),
}
_CONNMARK = {"--mark": mark("ct_mark")}
# Without a connection a packet is in one of these states.
_NO_CONNECTION = AnyBit(CT_INVALID | CT_UNTRACKED)


def _arguments(options: dict[str, Single]) -> dict[str, int]:
    return {option: each.arguments for option, each in options.items()}


def _conntrack(asked: Sequence[Asked], family: int) -> list[Condition]:
    """xt_conntrack.c, conntrack_mt(): a packet without a connection is judged by its state if that is asked for.

    Where it is not, nothing holds for such a packet, not even what is negated.
    """
    conditions: list[Condition] = []
    by_state = any(each.option == "--ctstate" for each in asked)
    for each in asked:
        match = single(_CONNTRACK[each.option], each, family, "conntrack")
        if each.option == "--ctstate":
            conditions.append(match)
        elif by_state:
            conditions.append(AnyOf((Match(("ct_state",), _NO_CONNECTION), match), text=match.text))
        else:
            conditions += [_has_connection(match.text), match]
    return conditions


def _connmark(asked: Sequence[Asked], family: int) -> list[Condition]:
    matches = [single(_CONNMARK[each.option], each, family, "connmark") for each in asked]
    return [condition for match in matches for condition in (_has_connection(match.text), match)]


def _has_connection(text: str) -> Match:
    return Match(("ct_state",), _NO_CONNECTION, negated=True, text=text)


def _ports(asked: Sequence[Asked], _family: int) -> list[Condition]:
    conditions: list[Condition] = []
    for each in asked:
        test = ports(each.values[0])
        text = f"-m multiport {each.text}"
        if each.option == "--ports":
            conditions.append(AnyOf((Match(("sport",), test), Match(("dport",), test)), each.negated, text))
        else:
            conditions.append(Match((each.option[2:-1],), test, each.negated, text))
    return conditions


def _ports_of_bridge(asked: Sequence[Asked], _family: int) -> list[Condition]:
    """xt_physdev.c: without a bridge port a name is the empty one, and ``is-bridged`` means that it leaves by one."""
    conditions: list[Condition] = []
    for each in asked:
        text = f"-m physdev {each.text}"
        if each.option in ("--physdev-in", "--physdev-out"):
            field = "physin" if each.option == "--physdev-in" else "physout"
            conditions.append(Match((field,), device(each.values[0]), each.negated, text))
        else:
            field = "physin" if each.option == "--physdev-is-in" else "physout"
            conditions.append(Match((field,), OneOf(frozenset(("",))), not each.negated, text))
    return conditions


TOGETHER: dict[str, Together] = {
    "connmark": Together(_arguments(_CONNMARK), _connmark),
    "conntrack": Together(_arguments(_CONNTRACK), _conntrack),
    "multiport": Together({"--sports": 1, "--dports": 1, "--ports": 1}, _ports),
    "addrtype": Together(
        {"--src-type": 1, "--dst-type": 1, "--limit-iface-in": 0, "--limit-iface-out": 0}, address_types
    ),
    "physdev": Together(
        {
            "--physdev-in": 1,
            "--physdev-out": 1,
            "--physdev-is-in": 0,
            "--physdev-is-out": 0,
            "--physdev-is-bridged": 0,
        },
        _ports_of_bridge,
    ),
    "rpfilter": Together({"--loose": 0, "--validmark": 0, "--accept-local": 0, "--invert": 0}, reverse_path),
}
