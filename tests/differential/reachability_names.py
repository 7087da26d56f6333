"""What the drawn firewall rules of reachability_iptables.py and reachability_nft.py can be about."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

DISCOVERED = 0.97
"""On how many hosts rules of IPv6 let neighbour discovery through.

On the others IPv6 works for as long as the kernel remembers its neighbours: it cannot be known what happens, and
who runs such a host sees it soon.
"""
OWNED = 0.3
"""How many rules that could ask for a user may do so: it cannot be known which user will send."""


class Bridge(NamedTuple):
    """A network of containers, for one family."""

    device: str
    subnet: str
    gateway: str
    """The host's address on it."""


@dataclass(frozen=True)
class Names:
    """What rules can be about on one host, for one family."""

    family: int
    networks: Sequence[str]
    """Subnets."""
    bridges: Sequence[str]
    containers: Sequence[str]
    """Addresses."""
    host: str
    outside: str
    ports: Sequence[int]
    """Published and inner ports."""
    uplinks: Sequence[tuple[str, str]]
    """Devices with the next hop on each."""
    own: Sequence[str] = ()
    """Further addresses of the host."""
    others: Sequence[str] = ()
    """Those of further machines outside."""
    links: Sequence[Bridge] = ()

    @property
    def devices(self) -> list[str]:
        """Names of the uplinks."""
        return list(dict.fromkeys(device for device, dummy in self.uplinks))


def first_hops(draw: random.Random) -> tuple[str, int]:
    """How a rule compares the TTL, or the hop limit, in the words of iptables, and with what.

    Most ask whether it is about to end. Numbers near that of the sender ask whether there was a router on the way, as
    who looks for shared connections does; of what comes from outside it cannot be known.
    """
    ending = [("eq", 1), ("lt", 5), ("lt", 10), ("gt", 10)]
    return draw.choice([*ending, draw.choice([("eq", 64), ("eq", 63), ("lt", 64), ("gt", 63)])])
