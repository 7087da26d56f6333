"""How many packets a second go through the rules of a Docker host, and how that grows with the rules.

A packet passes PREROUTING, FORWARD and POSTROUTING, as the first of a connection: half of them come from outside for a
published port, a quarter goes from a container to the outside, a quarter from one container to another. A journey is
all of what predict() follows for the same question: routing, the bridge, that packet, the answer, the packet after it,
with the path as text. Times are those of the processor.
"""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from random import Random

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, OUTSIDE, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight

from tests.unit.docker_host import ADDRESS, UPLINK, big_host

# Networks and containers, for about 100, 300, 1,000, 3,000 and 10,000 rules. Each container publishes two ports.
SIZES = ((1, 16), (3, 48), (10, 155), (30, 465), (100, 1550))
LAYOUTS = (27, 28)
PACKETS = 10_000
JOURNEYS = 1_000
HOOKS = ("prerouting", "forward", "postrouting")
TCP = 6
ELSEWHERE = "203.0.113.9"

Way = tuple[Flight, str]
"""A packet, and the device that the route leads it to."""


def number(address: str) -> int:
    return int(ip_address(address))


class Traffic:
    """Packets drawn at random, the same in every run."""

    def __init__(self, snapshot: HostSnapshot) -> None:
        self.random = Random(1)  # noqa: S311  # to be the same each time is the point
        self.containers = snapshot.containers
        self.bridges = {network.name: network.bridge or "" for network in snapshot.networks}

    def question(self, place: int) -> tuple[Container, Packet]:
        one, other = self.random.choices(self.containers, k=2)
        source_port = self.random.randrange(32768, 61000)
        if place % 4 < 2:
            port = self.random.choice(other.published).host_port
            return other, Packet(Origin(OUTSIDE), ADDRESS, "tcp", port, source_port=source_port)
        origin = Origin(CONTAINER, one.name)
        if place % 4 == 2:
            return other, Packet(origin, ELSEWHERE, "tcp", 443, source_port=source_port)
        return other, Packet(origin, other.endpoints[0].address or "", "tcp", 80, source_port=source_port)

    def way(self, place: int) -> Way:
        other, packet = self.question(place)
        to = UPLINK if packet.destination == ELSEWHERE else self.bridges[other.endpoints[0].network]
        source, incoming = number("198.51.100.0") + self.random.randrange(256), UPLINK
        if packet.origin.kind == CONTAINER:
            sender = next(one for one in self.containers if one.name == packet.origin.name).endpoints[0]
            source, incoming = number(sender.address or ""), self.bridges[sender.network]
        flight = Flight(4, TCP, source, packet.source_port, number(packet.destination), packet.port)
        flight.iif = incoming
        return flight, to


def pass_all(view: HostView, ways: list[Way]) -> Counter[str]:
    """Send all packets through; how many came to which end."""
    ends: Counter[str] = Counter()
    for flight, outgoing in ways:
        verdict, under_way = "accept", flight
        for hook in HOOKS:
            passage = view.traverser.pass_hook(hook, under_way)[0]
            verdict, under_way = passage.verdict, passage.flight
            if verdict != "accept":
                break
            under_way.oif = outgoing
        ends[verdict] += 1
    return ends


def timed(action: Callable[[], object]) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started


def measure(networks: int, containers: int, layout: int) -> float:
    """Print one line; the time of a packet in seconds once the rules that packets come by are compiled."""
    snapshot = big_host(networks, containers, layout=layout).snapshot()
    traffic = Traffic(snapshot)
    ways = [traffic.way(place) for place in range(PACKETS)]
    questions = [traffic.question(place)[1] for place in range(JOURNEYS)]
    read_in = timed(lambda: HostView.of(snapshot))
    view = HostView.of(snapshot)
    first = timed(lambda: pass_all(view, ways)) / PACKETS
    again = min(timed(lambda: pass_all(view, ways)) for dummy in range(3)) / PACKETS
    journey = min(timed(lambda: [predict(view, packet) for packet in questions]) for dummy in range(2)) / JOURNEYS
    fresh = HostView.of(snapshot)
    tracemalloc.start()
    ends = pass_all(fresh, ways)
    memory = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    rules = sum(len(chain.rules) for chain in view.book.chains.values())
    packets = f"{1 / first:>9,.0f}/s {1 / again:>9,.0f}/s {again * 1e6:>8.1f} us"
    outcome = ", ".join(f"{ends[end]} {end}" for end in sorted(ends))
    print(
        f"{layout:>6} {rules:>7,} {read_in * 1000:>8.0f} ms {packets}"
        f" {1 / journey:>9,.0f}/s {memory:>8.1f} MiB   {outcome}"
    )
    return again


def main() -> None:
    print(f"{PACKETS:,} packets, each through {', '.join(HOOKS)}; {JOURNEYS:,} journeys with their answers")
    print("layout   rules     read in   packets: first       then      each    journeys        index   ends")
    for layout in LAYOUTS:
        times = [measure(networks, containers, layout) for networks, containers in SIZES]
        print(f"A packet takes {times[-1] / times[0]:.2f} times as long on the largest host as on the smallest.")


if __name__ == "__main__":
    main()
