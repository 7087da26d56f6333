"""How many packets a second go through the rules of a Docker host, and how that grows with the rules.

A packet passes PREROUTING, FORWARD and POSTROUTING, as the first of a connection: half of them come from outside for a
published port, a quarter goes from a container to the outside, a quarter from one container to another.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from random import Random

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.read import read_rulebook
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.traverse import Traverser
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset

from benchmarks.docker_rules import Published, bridge, number, published_ports, rule_count, save_text

SIZES = (100, 300, 1_000, 3_000, 10_000)
PACKETS = 10_000
UPLINK, HOST = "eth0", number("198.51.100.1")
TCP = 6

Way = tuple[Flight, str]
"""A packet, and the device that the route leads it to."""


class DockerHost:
    """What rules ask of the host around them."""

    def address_type(self, family: int, address: int, device: str) -> str | None:
        return "local" if address == HOST else "unicast"

    def device_towards(self, family: int, address: int, incoming: str) -> str | None:
        return UPLINK

    def own_address(self, family: int, device: str, towards: int) -> int | None:
        return HOST


def packets(ports: list[Published], count: int) -> list[Way]:
    """Packets drawn at random, the same in every run."""
    random = Random(1)  # noqa: S311  # to be the same each time is the point
    drawn: list[Way] = []
    for place in range(count):
        port, other = random.choices(ports, k=2)
        stranger = random.getrandbits(32)
        source_port = random.randrange(32768, 61000)
        if place % 4 < 2:
            flight, outgoing = Flight(4, TCP, stranger, source_port, HOST, port.host_port), port.bridge
            flight.iif = UPLINK
        elif place % 4 == 2:
            flight, outgoing = Flight(4, TCP, number(port.address), source_port, stranger, 443), UPLINK
            flight.iif = port.bridge
        else:
            flight = Flight(4, TCP, number(port.address), source_port, number(other.address), 80)
            flight.iif, outgoing = port.bridge, other.bridge
        drawn.append((flight, outgoing))
    return drawn


def pass_all(traverser: Traverser, ways: list[Way]) -> dict[str, int]:
    """Send all packets through; how many came to which end."""
    ends: dict[str, int] = {}
    for flight, outgoing in ways:
        verdict = "accept"
        under_way = flight
        for hook in ("prerouting", "forward", "postrouting"):
            passage = traverser.pass_hook(hook, under_way)[0]
            verdict, under_way = passage.verdict, passage.flight
            if verdict != "accept":
                break
            under_way.oif = outgoing
        ends[verdict] = ends.get(verdict, 0) + 1
    return ends


def timed(action: Callable[[], object]) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started


def measure(rules: int) -> float:
    """Print one line; packets a second once the rules that packets come by are indexed."""
    ports = published_ports(rules)
    text = save_text(ports)
    ways = packets(ports, PACKETS)
    started = time.process_time()
    book = read_rulebook(Ruleset(save={"iptables-nft-save": text}))
    parsed = time.process_time() - started
    traverser = Traverser(book, DockerHost())
    first = timed(lambda: pass_all(traverser, ways))
    again = min(timed(lambda: pass_all(traverser, ways)) for dummy in range(3))
    tracemalloc.start()
    ends = pass_all(Traverser(book, DockerHost()), ways)
    memory = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    speed = PACKETS / again
    outcome = ", ".join(f"{count} {verdict}" for verdict, count in sorted(ends.items()))
    print(
        f"{rule_count(text):>7,} {len({port.network for port in ports}):>8} {parsed * 1000:>9.0f} "
        f"{PACKETS / first:>12,.0f} {speed:>9,.0f} {1e6 / speed:>10.1f} {memory:>10.1f}  {outcome}"
    )
    return speed


def main() -> None:
    print(f"{PACKETS:,} packets through three hooks each, bridges like {bridge(1)}")
    print("  rules networks  parse ms  packets/s 1st       2nd  us/packet  index MiB  ends")
    speeds = {rules: measure(rules) for rules in SIZES}
    longer = speeds[SIZES[0]] / speeds[SIZES[-1]]
    print(f"From {SIZES[0]:,} to {SIZES[-1]:,} rules a packet takes {longer:.2f} times as long.")


if __name__ == "__main__":
    main()
