"""What is tried on a host that was broken: connections that work on the healthy one, and some that must not."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
)

from tests.integration.catalogue.scenario import PORT, make_healthy
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import Scenario, Workload, wait_for_ipv6
from tests.lab.vantage import Vantage

SECONDS = 1.5
OPEN_PORT, SIX_PORT = 8081, 8086
MORE = (
    Workload("open", ["back"], publish=[f"{OPEN_PORT}:80"], restart="always"),
    Workload("six2", ["dual"], publish=[f"{SIX_PORT}:80"], restart="always"),
)
NETWORKS = {
    "web": ["front"],
    "api": ["front", "back"],
    "db": ["back"],
    "open": ["back"],
    "six": ["dual"],
    "six2": ["dual"],
    "vault": ["inner"],
}

EGRESS, PUBLISHED, BETWEEN, APART = "egress", "published", "between", "apart"


@dataclass(frozen=True)
class Probe:
    """One connection."""

    kind: str
    """``egress``, ``published`` (from outside or from the host), ``between`` (containers of one network), ``apart``."""
    packet: Packet
    subjects: tuple[str, ...]
    """What a finding about it would name: containers, and networks."""

    @property
    def works(self) -> bool:
        """Whether it is answered on the healthy host."""
        return self.kind != APART

    def __str__(self) -> str:
        return f"{self.kind}: {self.packet}"


def build(host: Host) -> None:
    """Make the healthy host of one that was reset."""
    make_healthy(host)
    host.deploy(Scenario(containers=list(MORE)))
    wait_for_ipv6(host, "six", "six2")


def probes(host: Host, lab: Lab) -> list[Probe]:
    """All that is tried; asked of the healthy host, whose addresses may be gone later."""
    address = {name: host.container(name).address(NETWORKS[name][-1]) for name in NETWORKS}
    six = {name: host.container(name).address6("dual") for name in ("six", "six2")}
    found = []
    for name, networks in NETWORKS.items():
        inside = networks == ["inner"]
        subjects = (name, *networks)
        found.append(Probe(APART if inside else EGRESS, _from(name, lab.internet_address, 80), subjects))
        if not inside:
            found.append(Probe(EGRESS, Packet(Origin(CONTAINER, name), lab.internet_address, "udp", 53), subjects))
        if "dual" in networks:
            found.append(Probe(EGRESS, _from(name, lab.internet_address6, 80), subjects))
    outside, own = Origin(OUTSIDE), Origin(HOST)
    for at, port, name in (
        (host.address, PORT, "web"),
        (host.address, OPEN_PORT, "open"),
        (host.address6, OPEN_PORT, "open"),
        (host.address, SIX_PORT, "six2"),
        (host.address6, SIX_PORT, "six2"),
    ):
        source = lab.outside.address6 if ":" in at else lab.outside.address
        packet = Packet(outside, at, "tcp", port, source)
        found.append(Probe(PUBLISHED, packet, (name, *NETWORKS[name])))
    found.append(Probe(PUBLISHED, Packet(own, "127.0.0.1", "tcp", OPEN_PORT), ("open", "back")))
    for one, other, at, network in (
        ("web", "api", host.container("api").address("front"), "front"),
        ("api", "web", address["web"], "front"),
        ("db", "open", address["open"], "back"),
        ("api", "db", address["db"], "back"),
        ("six", "six2", address["six2"], "dual"),
        ("six", "six2", six["six2"], "dual"),
        ("six2", "six", six["six"], "dual"),
    ):
        found.append(Probe(BETWEEN, _from(one, at, 80), (one, other, network)))
    for one, at, other in (
        ("web", address["db"], "db"),
        ("db", address["web"], "web"),
        ("vault", address["db"], "db"),
        ("six", address["db"], "db"),
        ("db", address["vault"], "vault"),
    ):
        found.append(Probe(APART, _from(one, at, 80), (one, other, *NETWORKS[one], *NETWORKS[other])))
    return found


def _from(container: str, address: str, port: int) -> Packet:
    return Packet(Origin(CONTAINER, container), address, "tcp", port)


def outcomes(host: Host, lab: Lab, wanted: Sequence[Probe]) -> dict[Probe, str]:
    """What is seen of each, in the words of tests/lab/probe.py."""
    by_origin: dict[Origin, list[Probe]] = {}
    for probe in wanted:
        by_origin.setdefault(probe.packet.origin, []).append(probe)

    def ask(origin: Origin, mine: list[Probe]) -> list[tuple[Probe, str]]:
        place = _place(host, lab, origin)
        targets = [(item.packet.protocol, item.packet.destination, item.packet.port, SECONDS) for item in mine]
        return [(probe, answer.outcome) for probe, answer in zip(mine, place.probe(targets))]

    with ThreadPoolExecutor(len(by_origin)) as pool:
        answers = pool.map(ask, by_origin, by_origin.values())
        return dict(pair for some in answers for pair in some)


def _place(host: Host, lab: Lab, origin: Origin) -> Vantage:
    if origin.kind == OUTSIDE:
        return lab.outside
    return host if origin.kind == HOST else host.container(origin.name)
