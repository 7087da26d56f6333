# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the elements of a set of ipset(8) ask of a packet, for the directions that a rule names. Pure.

Which fields each type asks was read in the kernel's net/netfilter/ipset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple, Union

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.ipset_save import IpSet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save_values import (
    ALL_BITS,
    address_range,
    network_range,
    number,
    number_range,
    protocol,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import ICMP, ICMPS, ICMPV6

Part = tuple[Union[int, str], Union[int, str]]
"""First and last of what one field can hold."""
Ways = list[tuple[tuple[str, ...], tuple[Part, ...]]]
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
    parts: tuple[Part, ...]
    matches: bool
    """False for ``nomatch``: an exception to elements with shorter prefixes."""


def read_elements(of: IpSet, directions: Sequence[str], family: int) -> Iterator[Element]:
    """The elements of a set that is no list. Raises ValueError for what cannot be told."""
    for direction in directions:
        if direction not in _DIRECTIONS:
            raise ValueError(f"asks a set for {direction[:60]!r}")
    for text, words in of.elements:
        values = text.split(",")
        if len(values) != len(of.dimensions) or "wildcard" in words:
            raise ValueError(f"depends on a set with the element {text[:60]!r}")
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
