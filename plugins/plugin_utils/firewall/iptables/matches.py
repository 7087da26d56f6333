# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the matches of iptables-extensions(8) ask of a packet. Pure.

How each compares was read in the kernel's net/netfilter/xt_*.c and net/ipv4/netfilter, its print form in extensions/ of
iptables. A ValueError says what is wrong with a value; such a match, and one of what the running kernel alone knows,
becomes a condition that cannot be decided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import ACK, FIN, PSH, RST, SYN, URG
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save_format import (
    NEVER,
    address_range,
    device,
    in_ranges,
    masked,
    network,
    number,
    number_range,
    ports,
    protocol,
    quoted,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
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
    AnyOf,
    InElements,
    InRanges,
    Masked,
    Match,
    OneOf,
    Test,
    Undecidable,
)

Condition = Match | AnyOf


class GivenOption(NamedTuple):
    """One option of a match."""

    option: str
    values: tuple[str, ...]
    negated: bool

    @property
    def text(self) -> str:
        """As iptables-save prints it."""
        return " ".join((*("!" * self.negated), self.option, *self.values))


class Single(NamedTuple):
    """An option that is a condition of its own."""

    arguments: int
    condition: Callable[[tuple[str, ...], int], tuple[tuple[str, ...], Test]]
    """Fields and test, from its values and the family (4 or 6)."""


class Together(NamedTuple):
    """A match whose options have to be read together."""

    arguments: dict[str, int]
    """How many values each option has."""
    conditions: Callable[[Sequence[GivenOption], int], list[Condition]]


def single(option: Single, given: GivenOption, family: int, name: str) -> Match:
    """The condition of an option of match ``name`` by itself."""
    fields, test = option.condition(given.values, family)
    return Match(fields, test, given.negated, f"-m {name} {given.text}")


def undecidable(why: str, text: str) -> Match:
    """A condition that is neither true nor false here."""
    return Match((), Undecidable(why), text=text)


def bits_of(words: str, known: dict[str, int]) -> int:
    """The bits that words between commas stand for."""
    bits = 0
    for word in words.split(","):
        if word not in known:
            raise ValueError(f"{quoted(word)} is none of {', '.join(known)}")
        bits |= known[word]
    return bits


def port(field: str) -> Single:
    """A list of ports and ranges."""
    return Single(1, lambda values, dummy: ((field,), ports(values[0])))


def network_of(field: str) -> Single:
    """An address, with a mask or without."""
    return Single(1, lambda values, family: ((field,), network(values[0], family)))


def range_of(field: str) -> Single:
    """First and last address."""
    return Single(1, lambda values, family: ((field,), in_ranges([address_range(values[0], family)])))


def any_bit(field: str, known: dict[str, int]) -> Single:
    """Words of which one must hold."""
    return Single(1, lambda values, dummy: ((field,), AnyBit(bits_of(values[0], known))))


def identity(field: str) -> Single:
    """A number of a user or group, or a range."""
    return Single(1, lambda values, dummy: ((field,), in_ranges([number_range(values[0], 0xFFFFFFFF, "-")])))


def unknown(arguments: int, why: str) -> Single:
    """A condition that cannot be decided."""
    return Single(arguments, lambda _values, _family: ((), Undecidable(why)))


def mark(field: str) -> Single:
    """A mark, with a mask or without."""
    return Single(1, lambda values, dummy: ((field,), masked(values[0])))


# Of IPv6: multicast addresses, what ipv6_addr_type() does not count as unicast, and types that the route decides.
_MULTICAST = InRanges(((0xFF << 120, (1 << 128) - 1),))
_NOT_UNICAST = InRanges(((0, 0), (0xFFFF << 32, (0xFFFF << 32) + 0xFFFFFFFF), *_MULTICAST.ranges))
_ROUTED_TYPES = frozenset(("local", "anycast", "unreachable"))
_LOOPBACK = OneOf(frozenset(("lo",)))


def address_types(given: Sequence[GivenOption], family: int) -> list[Condition]:
    """Conditions of ``-m addrtype``."""
    options = {each.option for each in given}
    limits = [option for option in ("--limit-iface-in", "--limit-iface-out") if option in options]
    suffix = {"--limit-iface-in": "_iif", "--limit-iface-out": "_oif"}[limits[0]] if limits else ""
    conditions: list[Condition] = []
    for each in given:
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


def reverse_path(given: Sequence[GivenOption], _family: int) -> list[Condition]:
    """Conditions of ``-m rpfilter``: what comes by loopback has passed; with --validmark the mark chooses the route."""
    options = {each.option for each in given}
    text = " ".join(("-m rpfilter", *(each.text for each in given)))
    if options & {"--loose", "--accept-local"}:
        return [undecidable("depends on a route that is asked in a way which is not modelled", text)]
    field = "saddr_route_iif_mark" if "--validmark" in options else "saddr_route_iif"
    lost = Match((field,), OneOf(frozenset(("",))), text=text)
    loopback = Match(("iif",), _LOOPBACK, text=text)
    inverted = "--invert" in options
    answer = (lost,) if inverted else (replace(lost, negated=True), loopback)
    conditions: list[Condition] = [replace(loopback, negated=True)] if inverted else []
    return [*conditions, AnyOf(answer, text=text)]


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


def _conntrack(given: Sequence[GivenOption], family: int) -> list[Condition]:
    """xt_conntrack.c, conntrack_mt(): a packet without a connection is judged by its state if that is asked for.

    Where it is not, nothing holds for such a packet, not even what is negated.
    """
    conditions: list[Condition] = []
    by_state = any(each.option == "--ctstate" for each in given)
    for each in given:
        match = single(_CONNTRACK[each.option], each, family, "conntrack")
        if each.option == "--ctstate":
            conditions.append(match)
        elif by_state:
            conditions.append(AnyOf((Match(("ct_state",), _NO_CONNECTION), match), text=match.text))
        else:
            conditions += [_has_connection(match.text), match]
    return conditions


def _connmark(given: Sequence[GivenOption], family: int) -> list[Condition]:
    matches = [single(_CONNMARK[each.option], each, family, "connmark") for each in given]
    return [condition for match in matches for condition in (_has_connection(match.text), match)]


def _has_connection(text: str) -> Match:
    return Match(("ct_state",), _NO_CONNECTION, negated=True, text=text)


def _ports(given: Sequence[GivenOption], _family: int) -> list[Condition]:
    conditions: list[Condition] = []
    for each in given:
        test = ports(each.values[0])
        text = f"-m multiport {each.text}"
        if each.option == "--ports":
            conditions.append(AnyOf((Match(("sport",), test), Match(("dport",), test)), each.negated, text))
        else:
            conditions.append(Match((each.option[2:-1],), test, each.negated, text))
    return conditions


def _ports_of_bridge(given: Sequence[GivenOption], _family: int) -> list[Condition]:
    """xt_physdev.c: without a bridge port a name is the empty one, and ``is-bridged`` means that it leaves by one."""
    conditions: list[Condition] = []
    for each in given:
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


_FLAGS = {"FIN": FIN, "SYN": SYN, "RST": RST, "PSH": PSH, "ACK": ACK, "URG": URG, "ALL": 63, "NONE": 0}
# The kernel's PACKET_HOST and so on, by the names of libxt_pkttype.c.
_MOST_HOPS = 255
_PACKET_TYPES = {"unicast": "host", "broadcast": "broadcast", "multicast": "multicast", "otherhost": "other"}


def _tcp_flags(values: tuple[str, ...], _family: int) -> tuple[tuple[str, ...], Test]:
    return ("tcp_flags",), Masked(bits_of(values[0], _FLAGS), bits_of(values[1], _FLAGS))


def _icmp_type(values: tuple[str, ...], _family: int) -> tuple[tuple[str, ...], Test]:
    kind, slash, code = values[0].partition("/")
    if kind == "any":
        return ("icmp_type",), InRanges(((0, 255),))
    wanted = number(kind, 255)
    if not slash:
        return ("icmp_type",), OneOf(frozenset((wanted,)))
    return ("icmp_type", "icmp_code"), InElements((), frozenset(((wanted, number(code, 255)),)))


def _packet_type(values: tuple[str, ...], _family: int) -> tuple[tuple[str, ...], Test]:
    if values[0] not in _PACKET_TYPES:
        raise ValueError(f"{quoted(values[0])} is none of {', '.join(_PACKET_TYPES)}")
    return ("pkttype",), OneOf(frozenset((_PACKET_TYPES[values[0]],)))


def _hops(first: int, last: int) -> Callable[[tuple[str, ...], int], tuple[tuple[str, ...], Test]]:
    """A TTL or hop limit; first and last are what is added to the value, or the end of the scale."""

    def test(values: tuple[str, ...], _family: int) -> tuple[tuple[str, ...], Test]:
        wanted = number(values[0], _MOST_HOPS)
        low, high = max(wanted + first, 0), min(wanted + last, _MOST_HOPS)
        return ("ttl",), InRanges(((low, high),)) if low <= high else NEVER

    return test


def _hop_limit(prefix: str) -> dict[str, Single]:
    ranges = {"eq": (0, 0), "lt": (-_MOST_HOPS - 1, -1), "gt": (1, _MOST_HOPS + 1)}
    return {f"--{prefix}-{word}": Single(1, _hops(*ends)) for word, ends in ranges.items()}


_TRANSPORT = {
    "--sport": port("sport"),
    "--dport": port("dport"),
    "--chunk-types": unknown(2, "depends on the chunks of the packet"),
    "--dccp-types": unknown(1, "depends on the type of the DCCP packet"),
    "--dccp-option": unknown(1, "depends on an option of the packet"),
}
_ICMP = {"--icmp-type": Single(1, _icmp_type), "--icmpv6-type": Single(1, _icmp_type)}

SINGLES: dict[str, dict[str, Single]] = {
    "tcp": {
        **_TRANSPORT,
        "--tcp-flags": Single(2, _tcp_flags),
        "--tcp-option": unknown(1, "depends on the options of the packet"),
    },
    "udp": _TRANSPORT,
    "udplite": _TRANSPORT,
    "sctp": _TRANSPORT,
    "dccp": _TRANSPORT,
    "icmp": _ICMP,
    "icmp6": _ICMP,
    "icmpv6": _ICMP,
    "ipv6-icmp": _ICMP,
    "ttl": _hop_limit("ttl"),
    "hl": _hop_limit("hl"),
    "state": {"--state": any_bit("ct_state", STATES)},
    "mark": {"--mark": mark("mark")},
    "iprange": {"--src-range": range_of("saddr"), "--dst-range": range_of("daddr")},
    "pkttype": {"--pkt-type": Single(1, _packet_type)},
    "owner": {
        "--uid-owner": identity("skuid"),
        "--gid-owner": identity("skgid"),
        "--socket-exists": Single(0, lambda _values, _family: (("skuid",), InRanges(((0, 0xFFFFFFFF),)))),
        "--suppl-groups": unknown(0, "depends on the groups of the sender"),
    },
    # A connection has a helper's connection above it only when a helper expected it: never one that is asked about.
    "helper": {"--helper": Single(1, lambda _values, _family: (("protocol",), NEVER))},
}


# Headers that no packet which is asked about has; a match on one that is absent fails, negated or not.
ABSENT_HEADERS = frozenset(("ah", "dst", "esp", "frag", "hbh", "mh", "rt", "srh"))

# Options whose value can look like the next option.
FREE_TEXT = frozenset(("--string", "--hex-string", "--name", "--hashlimit-name", "--object-pinned", "--path"))

WHY_UNDECIDABLE = {
    "bpf": "depends on a BPF program",
    "connbytes": "depends on what the connection carried before",
    "connlimit": "depends on how many connections there are",
    "dscp": "depends on the DSCP of the packet",
    "hashlimit": "depends on how many packets came before",
    "length": "depends on the length of the packet",
    "limit": "depends on how many packets came before",
    "mac": "depends on the MAC address of the sender",
    "policy": "depends on IPsec",
    "quota": "depends on how many bytes came before",
    "recent": "depends on which addresses were seen before",
    "socket": "depends on a socket that would take the packet",
    "statistic": "depends on chance",
    "string": "depends on the content of the packet",
    "time": "depends on the time",
    "tos": "depends on the TOS of the packet",
    "u32": "depends on the content of the packet",
}
