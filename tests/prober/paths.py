"""The ways to a published port, and a steady stream of connections on all of them at once."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.proc import LabError
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.vantage import Vantage

KNOCK = Path(__file__).with_name("knock.py")
PER_SECOND = 50
MOST_SECONDS = 90
SLACK_SECONDS = 120
PORT = 8080
STRANGER = "a container of another network"
SHOP = Scenario(
    networks=[NetworkSpec("shop"), NetworkSpec("other")],
    containers=[
        Workload("web", ["shop"], publish=[f"0.0.0.0:{PORT}:80"]),
        Workload("neighbour", ["shop"]),
        Workload("stranger", ["other"]),
    ],
)


@dataclass(frozen=True)
class Way:
    """From where, and to which address of the host."""

    name: str
    vantage: Vantage
    address: str


@dataclass(frozen=True)
class Count:
    """How the connections of one way ended."""

    outcomes: dict[str, int]
    losses: list[tuple[float, str]]
    late: int

    @property
    def sent(self) -> int:
        return sum(self.outcomes.values())

    @property
    def lost(self) -> int:
        return self.sent - self.outcomes.get("answered", 0)


def ways(lab: Lab, host: Host) -> list[Way]:
    """The ways to the port of SHOP's container web."""
    return [
        Way("another machine", lab.outside, host.address),
        Way("a container of the same network", host.container("neighbour"), host.address),
        Way(STRANGER, host.container("stranger"), host.address),
        Way("the host itself, 127.0.0.1", host, "127.0.0.1"),
    ]


@contextlib.contextmanager
def knocking(chosen: list[Way]) -> Iterator[dict[str, Count]]:
    """Connections on all ways while the body runs; their counts, by name, are there afterwards."""
    counts: dict[str, Count] = {}
    with contextlib.ExitStack() as stack:
        running = [(way.name, stack.enter_context(_started(way))) for way in chosen]
        yield counts
        for dummy, program in running:
            assert program.stdin is not None
            program.stdin.close()
        for name, program in running:
            assert program.stdout is not None
            said = program.stdout.read()
            if program.wait(SLACK_SECONDS) != 0:
                raise LabError(f"the prober from {name} failed")
            counts[name] = Count(**json.loads(said))


@contextlib.contextmanager
def _started(way: Way) -> Iterator[subprocess.Popen[bytes]]:
    words = [way.address, str(PORT), str(PER_SECOND), str(MOST_SECONDS)]
    command = ["nsenter", f"--net={way.vantage.path}", "--", sys.executable, "-I", "-S", str(KNOCK), *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        try:
            yield program
        finally:
            if program.poll() is None:
                program.kill()
