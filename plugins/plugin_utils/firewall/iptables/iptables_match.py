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

from collections.abc import Callable

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.iptables_match_groups import STATES
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.iptables_option import (
    Single,
    any_bit,
    bits_of,
    identity,
    mark,
    port,
    range_of,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save_values import NEVER, number
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import ACK, FIN, PSH, RST, SYN, URG
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import (
    InElements,
    InRanges,
    Masked,
    OneOf,
    Test,
)

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
        raise ValueError(f"{values[0][:60]!r} is none of {', '.join(_PACKET_TYPES)}")
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
