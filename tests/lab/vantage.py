"""Places on the lab's network from which something can be reached: the outside client, a host, a container."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.proc import DEFAULT_TIMEOUT, Result, run

PROBE = Path(__file__).with_name("probe.py")
SECONDS = 10.0
"""Enough for an answer on a busy machine. Who expects none says how long to wait for it: ``PATIENCE``."""
PATIENCE = 1.5
SLACK = 120.0
LISTEN = "0A"


def enough(expected: str) -> float:
    """How many seconds to wait for an outcome that is expected."""
    return PATIENCE if expected == "timed out" else SECONDS


@dataclass(frozen=True)
class Answer:
    """How an attempt ended (outcomes: see probe.py), the error's text, and what came back."""

    outcome: str
    detail: str = ""
    body: str = ""


class Vantage:
    """A network namespace, known by a path that leads to it. Its probes need no program inside it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def tcp(self, address: str, port: int, seconds: float = SECONDS) -> str:
        """The outcome of a TCP connection and a short HTTP request."""
        return self.http(address, port, seconds).outcome

    def udp(self, address: str, port: int, seconds: float = SECONDS) -> str:
        """The outcome of one datagram."""
        return self.probe([("udp", address, port, seconds)])[0].outcome

    def http(self, address: str, port: int, seconds: float = SECONDS) -> Answer:
        """Like tcp(), with what was answered."""
        return self.probe([("tcp", address, port, seconds)])[0]

    def probe(self, targets: Iterable[tuple[str, str, int, float]]) -> list[Answer]:
        """Many attempts at once: (protocol, address, port, seconds) each."""
        wanted = list(targets)
        limit = sum(seconds for *dummy, seconds in wanted) + SLACK
        done = self._inside([sys.executable, "-I", "-S", str(PROBE)], stdin=json.dumps(wanted), timeout=limit)
        return [Answer(*entry) for entry in json.loads(done.out)]

    def net(self, argv: Sequence[str], *, check: bool = True, timeout: float = DEFAULT_TIMEOUT) -> Result:
        """Run one of the controller's own programs inside this namespace (ip, ping, nft, ...)."""
        return self._inside(argv, check=check, timeout=timeout)

    def listening(self) -> set[int]:
        """The TCP ports somebody listens on here, of both families."""
        rows = (line.split() for line in self.net(["cat", "/proc/net/tcp", "/proc/net/tcp6"]).out.splitlines())
        return {int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] == LISTEN}

    def _inside(
        self, argv: Sequence[str], *, check: bool = True, stdin: str | None = None, timeout: float = DEFAULT_TIMEOUT
    ) -> Result:
        return run(["nsenter", f"--net={self.path}", "--", *argv], check=check, stdin=stdin, timeout=timeout)
