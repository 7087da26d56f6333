"""The values that generated rules and probes are made of: few, so that rules often match."""

from __future__ import annotations

import ipaddress
import random

from tests.differential.rules_lab import BRIDGE, LEGS, LOOPBACK, ROUTER, ROUTER_ADDRESSES, address
from tests.differential.rules_probe import FIRST_PORT, LAST_PORT, Probe
from tests.differential.rules_servers import PORTS

DEVICES = ("cli0", "srv0", BRIDGE)
MARKS = (0x1, 0x2, 0x10, 0x11)
NOWHERE = {4: "10.9.9.9", 6: "fd00:9::9"}
"""An address that the router knows no way to."""


class Words(random.Random):
    """A source of values that has a seed."""

    def some(self, chance: float) -> bool:
        return self.random() < chance

    def host(self, family: int) -> str:
        """A single address."""
        machines = [one for leg in LEGS for one in leg.addresses[family]]
        return self.choice([*machines, *ROUTER_ADDRESSES[family], self.choice(machines)])

    def prefix(self, family: int) -> str:
        """An address, or a network that some of them are in."""
        host = self.host(family)
        if self.some(0.5):
            return host
        length = self.choice((8, 16, 24, 30, 31, 32) if family == 4 else (16, 32, 64, 126, 127, 128))
        return str(ipaddress.ip_network(f"{host}/{length}", strict=False))

    def span(self, family: int) -> tuple[str, str]:
        """Two addresses, the smaller one first."""
        one, other = sorted(int(ipaddress.ip_address(self.host(family))) for dummy in range(2))
        return str(ipaddress.ip_address(one)), str(ipaddress.ip_address(other))

    def port(self) -> int:
        return self.choice(PORTS)

    def ports(self) -> tuple[int, int]:
        """The first and last of a range."""
        one, other = sorted(self.port() for dummy in range(2))
        return one, other

    def source_ports(self) -> tuple[int, int]:
        """A range that holds about half of the probes' own ports."""
        middle = (FIRST_PORT + LAST_PORT) // 2
        return self.choice(((FIRST_PORT, middle), (middle, LAST_PORT), (FIRST_PORT, LAST_PORT)))

    def device(self) -> str:
        return self.choice(DEVICES)

    def mark(self) -> int:
        return self.choice(MARKS)

    def hops(self, less: str, more: str) -> str:
        """A comparison of the hops that are left, among them those of what was sent on, with some number."""
        return f"{self.choice(('eq', less, more))} {self.choice((1, 33, 63, 64, 64, 65))}"

    def target(self, family: int) -> str:
        """Where a destination is translated to."""
        return NOWHERE[family] if family == 6 and self.some(0.05) else self.host(family)

    def source(self, family: int) -> str:
        """What a source is translated to: the router's, so that answers come back."""
        return self.choice(ROUTER_ADDRESSES[family])


def some_probes(words: Words, count: int) -> list[Probe]:
    """Probes from every machine to every other, of all protocols."""
    return [_probe(words) for dummy in range(count)]


def own_echoes(words: Words) -> list[Probe]:
    """The router asks itself; each question twice, for the two kinds of sockets of a ping (rules_probe.py)."""
    own = [address for family in (4, 6) for address in (LOOPBACK[family], words.choice(ROUTER_ADDRESSES[family]))]
    return [Probe(ROUTER, address, "icmp", address) for address in own for dummy in range(2)]


def _probe(words: Words) -> Probe:
    family = 4 if words.some(0.6) else 6
    protocol = words.choice(("tcp", "tcp", "udp", "udp", "icmp"))
    port = 0 if protocol == "icmp" else words.port()
    if words.some(0.25):
        own = words.choice(ROUTER_ADDRESSES[family])
        loopback = LOOPBACK[family]
        others = [words.host(family), words.host(family), loopback, NOWHERE[family]]
        destination = words.choice(others)
        source = "" if words.some(0.7) else own
        return Probe(ROUTER, loopback if destination == loopback else source, protocol, destination, port)
    leg = words.choice(LEGS)
    foreign = [words.host(family) for dummy in range(8)]
    reachable = [host for host in foreign if host not in leg.addresses[family]] or [address(family, leg.network, 1)]
    return Probe(leg.machine, words.choice(leg.addresses[family]), protocol, words.choice(reachable), port)
