# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the targets of iptables-extensions(8) do with a packet. Pure.

Read in the kernel's net/netfilter/xt_*.c and net/ipv4/netfilter. A target that cannot change where the packet goes is
no statement at all; one that can, in a way which is not modelled, is unpredictable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save_format import (
    ALL_BITS,
    address_range,
    network_range,
    number,
    number_range,
    quoted,
    value_and_mask,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    DNAT,
    DROP,
    MASQUERADE,
    NETMAP,
    REDIRECT,
    REJECT,
    RETURN,
    SNAT,
    Nat,
    Notrack,
    SetHops,
    SetMark,
    Statement,
    Unpredictable,
    Verdict,
)

# They log, count, or change bytes which decide nothing on the way.
HARMLESS = frozenset(
    (
        "AUDIT",
        "CHECKSUM",
        "CLASSIFY",
        "CONNSECMARK",
        "DSCP",
        "ECN",
        "IDLETIMER",
        "LED",
        "LOG",
        "NFLOG",
        "RATEEST",
        "SECMARK",
        "TCPMSS",
        "TCPOPTSTRIP",
        "TEE",
        "TOS",
        "TRACE",
        "ULOG",
    )
)

# To the words of nft(8), REJECT STATEMENT; names of libipt_REJECT.c and libip6t_REJECT.c.
_REJECTIONS = {
    "icmp-net-unreachable": "net-unreachable",
    "icmp-host-unreachable": "host-unreachable",
    "icmp-proto-unreachable": "prot-unreachable",
    "icmp-port-unreachable": "port-unreachable",
    "icmp-net-prohibited": "net-prohibited",
    "icmp-host-prohibited": "host-prohibited",
    "icmp-admin-prohibited": "admin-prohibited",
    "tcp-reset": "tcp reset",
    "icmp6-no-route": "no-route",
    "icmp6-adm-prohibited": "admin-prohibited",
    "icmp6-addr-unreachable": "addr-unreachable",
    "icmp6-port-unreachable": "port-unreachable",
    "icmp6-policy-fail": "policy-fail",
    "icmp6-reject-route": "reject-route",
}


class Options:
    """The options of a target: each with its values, in the order in which they stand."""

    def __init__(self, words: Sequence[str]) -> None:
        self.values: dict[str, list[str]] = {}
        last: list[str] = []
        for word in words:
            if word.startswith("--"):
                last = self.values.setdefault(word, [])
            else:
                last.append(word)

    def value(self, name: str) -> str | None:
        """The value of an option, None where it does not stand there."""
        found = self.values.get(name)
        return found[0] if found else None

    def have(self, name: str) -> bool:
        """Whether the option stands there."""
        return name in self.values


def _reject(options: Options, family: int) -> Statement | None:
    said = options.value("--reject-with") or ("icmp-port-unreachable" if family == 4 else "icmp6-port-unreachable")
    if said not in _REJECTIONS:
        return Unpredictable(f"REJECT --reject-with {quoted(said)}")
    return Verdict(REJECT, reject_with=_REJECTIONS[said])


def _split_destination(text: str, family: int) -> tuple[str, str]:
    """ADDRESSES and PORTS of ``[ADDRESSES][:PORTS]``; IPv6 has its addresses in brackets when ports follow."""
    if family == 4:
        addresses, __, ports = text.partition(":")
        return addresses, ports
    if text.startswith("["):
        addresses, __, ports = text[1:].partition("]")
        # A range is printed as [FIRST-LAST]:PORTS or [FIRST]-[LAST]:PORTS.
        if ports.startswith("-["):
            last, __, ports = ports[2:].partition("]")
            addresses = f"{addresses}-{last}"
        return addresses, ports[1:]
    if text.startswith(":") and not text.startswith("::"):
        return "", text[1:]
    return text, ""


def _translation(kind: str, option: str) -> Callable[[Options, int], Statement | None]:
    def read(options: Options, family: int) -> Statement | None:
        values = options.values.get(option, [])
        if len(values) > 1:
            return Unpredictable(f"{kind} to several ranges")
        addresses, ports = _split_destination(values[0], family) if values else ("", "")
        if "/" in ports:
            return Unpredictable(f"{kind} to ports that are shifted: {quoted(ports)}")
        return Nat(
            kind,
            address_range(addresses, family) if addresses else None,
            number_range(ports, 65535, "-") if ports else None,
            options.have("--random") or options.have("--random-fully"),
        )

    return read


def _ports_only(kind: str) -> Callable[[Options, int], Statement | None]:
    def read(options: Options, _family: int) -> Statement | None:
        ports = options.value("--to-ports")
        return Nat(
            kind,
            None,
            number_range(ports, 65535, "-") if ports else None,
            options.have("--random") or options.have("--random-fully"),
        )

    return read


def _netmap(options: Options, family: int) -> Statement | None:
    return Nat(NETMAP, network_range(options.value("--to") or "", family))


def _mark(options: Options, _family: int) -> Statement | None:
    for option, read in _MARKINGS.items():
        value = options.value(option)
        if value is not None:
            keep, flip = read(*value_and_mask(value))
            return SetMark("mark", keep, flip)
    return Unpredictable("MARK without a value")


# xt_MARK.c: mark = (mark & ~mask) ^ value; the others are printed by old versions only.
_MARKINGS: dict[str, Callable[[int, int], tuple[int, int]]] = {
    "--set-xmark": lambda value, mask: (ALL_BITS ^ mask, value),
    "--set-mark": lambda value, mask: (ALL_BITS ^ (mask | value), value),
    "--and-mark": lambda value, _mask: (value, 0),
    "--or-mark": lambda value, _mask: (ALL_BITS ^ value, value),
    "--xor-mark": lambda value, _mask: (ALL_BITS, value),
}


def _connection_mark(options: Options, family: int) -> Statement | None:
    """xt_CONNMARK.c: connmark_tg_shift()."""
    if options.have("--left-shift-mark") or options.have("--right-shift-mark"):
        return Unpredictable("CONNMARK with a shift")
    both = options.value("--mask")
    packet = number(options.value("--nfmask") or both or hex(ALL_BITS), ALL_BITS)
    connection = number(options.value("--ctmask") or both or hex(ALL_BITS), ALL_BITS)
    if options.have("--save-mark"):
        return SetMark("ct_mark", packet, 0, copied_from="mark", own=ALL_BITS ^ connection)
    if options.have("--restore-mark"):
        return SetMark("mark", connection, 0, copied_from="ct_mark", own=ALL_BITS ^ packet)
    marked = _mark(options, family)
    return SetMark("ct_mark", marked.keep, marked.flip) if isinstance(marked, SetMark) else marked


def _connection_tracking(options: Options, _family: int) -> Statement | None:
    if options.have("--notrack"):
        return Notrack()
    if any(option.startswith("--zone") for option in options.values):
        return Unpredictable("CT --zone")
    return None


def _hops(kind: str, prefix: str) -> Callable[[Options, int], Statement | None]:
    def read(options: Options, _family: int) -> Statement | None:
        fixed, more, less = (options.value(f"--{prefix}-{word}") for word in ("set", "inc", "dec"))
        if fixed is not None:
            return SetHops(number(fixed, 255))
        if more is not None or less is not None:
            return SetHops(added=number(more or "0", 255) - number(less or "0", 255))
        return Unpredictable(f"{kind} without a number")

    return read


def _set(options: Options, _family: int) -> Statement | None:
    """Adding to a set is for packets to come: a rule that asks for such a set is undecidable, see ipset_save."""
    return Unpredictable("SET --map-set") if options.have("--map-set") else None


TARGETS: dict[str, Callable[[Options, int], Statement | None]] = {
    "ACCEPT": lambda _options, _family: Verdict(ACCEPT),
    "DROP": lambda _options, _family: Verdict(DROP),
    "RETURN": lambda _options, _family: Verdict(RETURN),
    "REJECT": _reject,
    "DNAT": _translation(DNAT, "--to-destination"),
    "SNAT": _translation(SNAT, "--to-source"),
    "MASQUERADE": _ports_only(MASQUERADE),
    "REDIRECT": _ports_only(REDIRECT),
    "NETMAP": _netmap,
    "MARK": _mark,
    "CONNMARK": _connection_mark,
    "CT": _connection_tracking,
    "NOTRACK": lambda _options, _family: Notrack(),
    "TTL": _hops("TTL", "ttl"),
    "HL": _hops("HL", "hl"),
    "SET": _set,
}


def read_target(name: str, words: Sequence[str], family: int) -> Statement | None:
    """What a target with its options does; None when it decides and changes nothing that counts.

    Raises ValueError for a value that is not one.
    """
    if name in HARMLESS:
        return None
    if name in TARGETS:
        return TARGETS[name](Options(words), family)
    return Unpredictable(f"target {quoted(name)}")
