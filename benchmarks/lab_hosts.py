"""Lab hosts full of containers, made by a script on the host: one by one from here takes three times as long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.lab import workload
from tests.lab.host import Host

MAKING_LIMIT = 1800.0
SHELL = "set -e\n"
# What keeps compiled modules on hosts of the lab (tests/lab/compiled_modules.py), which other hosts do not have.
NOTHING_COMPILED = "rm -f /usr/local/lib/python3*/dist-packages/dockernet_lab_*.pth\n"


@dataclass(frozen=True)
class Load:
    """How much there is on a host: containers, networks, how many networks each is on, and its published ports."""

    containers: int
    networks: int
    each: int = 1
    ports: int = 2

    @property
    def endpoints(self) -> int:
        return self.containers * self.each

    @property
    def published(self) -> int:
        return self.containers * self.ports

    def __str__(self) -> str:
        return f"{self.containers} containers, {self.endpoints:,} endpoints, {self.published:,} published ports"


def fill(host: Host, load: Load) -> None:
    """Bring a fresh host to that load. Its Python keeps no compiled modules then, until the host is started again."""
    networks = [_network(number) for number in range(load.networks)]
    host.run("".join([SHELL, NOTHING_COMPILED, *networks]), timeout=MAKING_LIMIT)
    add(host, load, 0)


def add(host: Host, load: Load, there: int) -> None:
    """Bring a host that has the first containers of that load already to all of it."""
    containers = range(there, load.containers)
    host.run(SHELL + "".join(_container(number, load) for number in containers), timeout=MAKING_LIMIT)


def _network(number: int) -> str:
    return f"docker network create --subnet 10.{100 + number // 16}.{number % 16 * 16}.0/20 net{number} >/dev/null\n"


def _container(number: int, load: Load) -> str:
    """Its servers listen on two ports; whatever else is published leads to the first."""
    nets = [f"net{(number + place) % load.networks}" for place in range(load.each)]
    first = 20_000 + number * load.ports
    ports = " ".join(f"-p {first + place}:{80 + place % 2}" for place in range(load.ports))
    run = (
        f"docker run -d --name c{number} --network {nets[0]} --restart always {ports} {workload.IMAGE} /bin/serve 80 81"
    )
    return "".join([f"{run} >/dev/null\n", *_connections(nets[1:], number)])


def _connections(nets: Sequence[str], number: int) -> list[str]:
    return [f"docker network connect {net} c{number}\n" for net in nets]
