# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the matches of iptables-extensions(8) ask of a packet. Pure.

How each compares was read in the kernel's net/netfilter/xt_*.c and net/ipv4/netfilter, its print form in extensions/ of
iptables. What the running kernel alone knows becomes a condition that cannot be decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, NamedTuple, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import (
    AnyOf,
    Match,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.save_values import (
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
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.values import (
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
    InElements,
    InRanges,
    Masked,
    OneOf,
    Test,
    Undecidable,
)

Condition = Union[Match, AnyOf]


class Asked(NamedTuple):
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
    conditions: Callable[[Sequence[Asked], int], list[Condition]]


def undecidable(why: str, text: str) -> Match:
    """A condition that is neither true nor false here."""
    return Match((), Undecidable(why), text=text)


_STATES = {
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
_FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ALL": 63, "NONE": 0}
# The kernel's PACKET_HOST and so on, by the names of libxt_pkttype.c.
_PACKET_TYPES = {"unicast": "host", "broadcast": "broadcast", "multicast": "multicast", "otherhost": "other"}


def _bits(words: str, known: dict[str, int]) -> int:
    bits = 0
    for word in words.split(","):
        if word not in known:
            raise ValueError(f"{word[:60]!r} is none of {', '.join(known)}")
        bits |= known[word]
    return bits


def _port(field: str) -> Single:
    return Single(1, lambda values, _: ((field,), ports(values[0])))


def _network(field: str) -> Single:
    return Single(1, lambda values, family: ((field,), network(values[0], family)))


def _range(field: str) -> Single:
    return Single(1, lambda values, family: ((field,), in_ranges([address_range(values[0], family)])))


def _device(field: str) -> Single:
    return Single(1, lambda values, _: ((field,), device(values[0])))


def _bit_words(field: str, known: dict[str, int]) -> Single:
    return Single(1, lambda values, _: ((field,), AnyBit(_bits(values[0], known))))


def _identity(field: str) -> Single:
    return Single(1, lambda values, _: ((field,), in_ranges([number_range(values[0], 0xFFFFFFFF, "-")])))


def _unknown(arguments: int, why: str) -> Single:
    return Single(arguments, lambda _values, _family: ((), Undecidable(why)))


def _tcp_flags(values: tuple[str, ...], _family: int) -> tuple[tuple[str, ...], Test]:
    return ("tcp_flags",), Masked(_bits(values[0], _FLAGS), _bits(values[1], _FLAGS))


def _icmp_type(values: tuple[str, ...], _family: int) -> tuple[tuple[str, ...], Test]:
    kind, slash, code = values[0].partition("/")
    if kind == "any":
        return ("icmp_type",), InRanges(((0, 255),))
    wanted = number(kind, 255)
    if not slash:
        return ("icmp_type",), OneOf(frozenset((wanted,)))
    return ("icmp_type", "icmp_code"), InElements((), frozenset(((wanted, number(code, 255)),)))


def _direction(values: tuple[str, ...], _family: int) -> tuple[tuple[str, ...], Test]:
    return ("ct_direction",), OneOf(frozenset((_bits(values[0], {"ORIGINAL": 0, "REPLY": 1}),)))


def _packet_type(values: tuple[str, ...], _family: int) -> tuple[tuple[str, ...], Test]:
    if values[0] not in _PACKET_TYPES:
        raise ValueError(f"{values[0][:60]!r} is none of {', '.join(_PACKET_TYPES)}")
    return ("pkttype",), OneOf(frozenset((_PACKET_TYPES[values[0]],)))


def _mark(field: str) -> Single:
    return Single(1, lambda values, _: ((field,), masked(values[0])))


_TRANSPORT = {
    "--sport": _port("sport"),
    "--dport": _port("dport"),
    "--chunk-types": _unknown(2, "depends on the chunks of the packet"),
    "--dccp-types": _unknown(1, "depends on the type of the DCCP packet"),
    "--dccp-option": _unknown(1, "depends on an option of the packet"),
}
_ICMP = {"--icmp-type": Single(1, _icmp_type), "--icmpv6-type": Single(1, _icmp_type)}

SINGLES: dict[str, dict[str, Single]] = {
    "tcp": {
        **_TRANSPORT,
        "--tcp-flags": Single(2, _tcp_flags),
        "--tcp-option": _unknown(1, "depends on the options of the packet"),
    },
    "udp": _TRANSPORT,
    "udplite": _TRANSPORT,
    "sctp": _TRANSPORT,
    "dccp": _TRANSPORT,
    "icmp": _ICMP,
    "icmp6": _ICMP,
    "icmpv6": _ICMP,
    "ipv6-icmp": _ICMP,
    "state": {"--state": _bit_words("ct_state", _STATES)},
    "conntrack": {
        "--ctstate": _bit_words("ct_state", _STATES),
        "--ctstatus": _bit_words("ct_status", _STATUSES),
        "--ctproto": Single(1, lambda values, _: (("ct_protocol",), OneOf(frozenset((protocol(values[0]),))))),
        "--ctorigsrc": _network("ct_orig_saddr"),
        "--ctorigdst": _network("ct_orig_daddr"),
        "--ctreplsrc": _network("ct_reply_saddr"),
        "--ctrepldst": _network("ct_reply_daddr"),
        "--ctorigsrcport": _port("ct_orig_sport"),
        "--ctorigdstport": _port("ct_orig_dport"),
        "--ctreplsrcport": _port("ct_reply_sport"),
        "--ctrepldstport": _port("ct_reply_dport"),
        "--ctdir": Single(1, _direction),
        "--ctexpire": _unknown(1, "depends on the age of the connection"),
    },
    "mark": {"--mark": _mark("mark")},
    "connmark": {"--mark": _mark("ct_mark")},
    "iprange": {"--src-range": _range("saddr"), "--dst-range": _range("daddr")},
    "pkttype": {"--pkt-type": Single(1, _packet_type)},
    "owner": {
        "--uid-owner": _identity("skuid"),
        "--gid-owner": _identity("skgid"),
        "--socket-exists": _unknown(0, "depends on whether a socket sends the packet"),
        "--suppl-groups": _unknown(0, "depends on the groups of the sender"),
    },
    # A connection has a helper's connection above it only when a helper expected it: never one that is asked about.
    "helper": {"--helper": Single(1, lambda _values, _family: (("protocol",), NEVER))},
}


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


def _address_types(asked: Sequence[Asked], _family: int) -> list[Condition]:
    options = {each.option for each in asked}
    suffix = "_iif" if "--limit-iface-in" in options else "_oif" if "--limit-iface-out" in options else ""
    limit = f" --limit-iface-{'in' if suffix == '_iif' else 'out'}" if suffix else ""
    return [
        Match(
            (("saddr_type" if each.option == "--src-type" else "daddr_type") + suffix,),
            OneOf(frozenset(word.lower() for word in each.values[0].split(","))),
            each.negated,
            f"-m addrtype {each.text}{limit}",
        )
        for each in asked
        if each.option in ("--src-type", "--dst-type")
    ]


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


def _reverse_path(asked: Sequence[Asked], _family: int) -> list[Condition]:
    options = {each.option for each in asked}
    text = " ".join(("-m rpfilter", *(each.text for each in asked)))
    if options & {"--loose", "--accept-local"}:
        return [undecidable("depends on a route that is asked in a way which is not modelled", text)]
    found = Match(("saddr_route_iif",), OneOf(frozenset(("",))), "--invert" not in options, text)
    if "--validmark" not in options:
        return [found]
    # With a mark another route can be asked for: (found or marked) and (not marked or undecided).
    unmarked = Match(("mark",), OneOf(frozenset((0,))))
    return [
        AnyOf((found, Match(("mark",), OneOf(frozenset((0,))), negated=True)), text=text),
        AnyOf((unmarked, undecidable("depends on the route for the packet's mark", text)), text=text),
    ]


TOGETHER: dict[str, Together] = {
    "multiport": Together({"--sports": 1, "--dports": 1, "--ports": 1}, _ports),
    "addrtype": Together(
        {"--src-type": 1, "--dst-type": 1, "--limit-iface-in": 0, "--limit-iface-out": 0}, _address_types
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
    "rpfilter": Together({"--loose": 0, "--validmark": 0, "--accept-local": 0, "--invert": 0}, _reverse_path),
}

# Headers that no packet which is asked about has; a match on one that is absent fails, negated or not.
ABSENT_HEADERS = frozenset(("ah", "dst", "esp", "frag", "hbh", "mh", "rt", "srh"))

# How many values those options have which can look like the next option.
FREE_TEXT = frozenset(("--string", "--hex-string", "--name", "--hashlimit-name", "--object-pinned", "--path"))

WHY_UNDECIDABLE = {
    "bpf": "depends on a BPF program",
    "connbytes": "depends on what the connection carried before",
    "connlimit": "depends on how many connections there are",
    "dscp": "depends on the DSCP of the packet",
    "hashlimit": "depends on how many packets came before",
    "hl": "depends on the hop limit of the packet",
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
    "ttl": "depends on the TTL of the packet",
    "u32": "depends on the content of the packet",
}
