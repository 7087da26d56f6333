"""A container on a lab host, as tests use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tests.lab.proc import LabError, Result
from tests.lab.vantage import Vantage

if TYPE_CHECKING:
    from tests.lab.host import Host


class Container(Vantage):
    """As a Vantage it probes from the container's network namespace, whatever the container has in it."""

    def __init__(self, host: Host, name: str) -> None:
        self.host = host
        self.name = name

    def __repr__(self) -> str:
        return f"Container({self.name} on {self.host.name})"

    @property
    def pid(self) -> int:
        """Its process 1 as its host sees it."""
        pid = int(self.inspect()["State"]["Pid"])
        if not pid:
            raise LabError(f"container {self.name} on {self.host.name} does not run")
        return pid

    @property
    def path(self) -> str:  # type: ignore[override]
        """Its network namespace, through the host's own procfs."""
        return f"/proc/{self.host.pid}/root/proc/{self.pid}/ns/net"

    @property
    def running(self) -> bool:
        return bool(self.inspect()["State"]["Running"])

    @property
    def started_at(self) -> str:
        """Changes whenever the container is restarted."""
        return str(self.inspect()["State"]["StartedAt"])

    def address(self, network: str = "bridge") -> str:
        """Its IPv4 address on one of the host's networks."""
        return str(self.inspect()["NetworkSettings"]["Networks"][network]["IPAddress"])

    def address6(self, network: str = "bridge") -> str:
        return str(self.inspect()["NetworkSettings"]["Networks"][network]["GlobalIPv6Address"])

    def run(self, argv: Sequence[str], *, check: bool = True) -> Result:
        """Run a program of the container inside it."""
        return self.host.docker("exec", self.name, *argv, check=check)

    def inspect(self) -> dict[str, Any]:
        return self.host.inspect(self.name)
