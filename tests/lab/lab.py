"""A lab that is up, as tests use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.lab import ansible_runs, lifecycle, machines
from tests.lab import engine as engines
from tests.lab.ansible_runs import PlaybookResult
from tests.lab.engine import Engine
from tests.lab.host import Host
from tests.lab.identity import Identity
from tests.lab.kinds import GATEWAY, OUTSIDE, HostName, Subnet
from tests.lab.network import Space
from tests.lab.proc import LabError
from tests.lab.ssh import INTERNET, INTERNET6
from tests.lab.vantage import Vantage


class Machine(Vantage):
    """One of the two machines on the hosts' LAN which are no Docker hosts."""

    def __init__(self, space: Space, address: str, address6: str) -> None:
        super().__init__(space.path)
        self.address = address
        self.address6 = address6


class Lab:
    """The machines of one lab."""

    def __init__(self, identity: Identity, engine: Engine, subnet: Subnet) -> None:
        self.identity = identity
        self.engine = engine
        self.subnet = subnet
        # The machine's own addresses on the LAN; what plays the internet is lab.internet_address.
        self.outside = Machine(Space(identity.thing("outside")), subnet.ipv4(OUTSIDE), subnet.ipv6(OUTSIDE))
        self.internet = Machine(Space(identity.thing("internet")), subnet.ipv4(GATEWAY), subnet.ipv6(GATEWAY))
        self.internet_address = INTERNET
        self.internet_address6 = INTERNET6

    @classmethod
    def open(cls, name: str | None = None) -> Lab:
        """The lab of that name (default: environment LAB). Raises LabError when it is not up."""
        identity = Identity.of(name)
        engine, numbers = engines.running(), lifecycle.remembered_numbers(identity)
        if engine is None or not numbers or not identity.inventory.exists():
            make = "make lab" if identity.name == "lab" else f"LAB={identity.name} make lab"
            raise LabError(f"lab {identity.name!r} is not up; start it with `{make}`")
        return cls(identity, engine, Subnet(numbers[0]))

    def host(self, name: str) -> Host:
        """A running host. Raises LabError when the lab has none of that name."""
        if name not in self.hosts:
            have = ", ".join(self.hosts) or "none"
            raise LabError(f"lab {self.identity.name!r} has no running host {name!r}; it has: {have}")
        return Host(self.engine, self.identity, HostName.parse(name), self.subnet)

    @property
    def hosts(self) -> list[str]:
        """The names of all hosts that run, in the order of their addresses."""
        entries = machines.of_lab(self.engine, self.identity)
        running = (name for name, entry in entries.items() if entry["State"]["Running"])
        return sorted(running, key=lambda name: HostName.parse(name).place)

    @property
    def fleet(self) -> list[Host]:
        """The hosts that run, by their names, without those that a test has started beside them and may work on."""
        return [self.host(name) for name in sorted(self.hosts) if not HostName.parse(name).layout]

    def ansible_playbook(
        self,
        book: str,
        *,
        limit: Sequence[str] = (),
        extra_vars: Mapping[str, Any] | None = None,
        check: bool = False,
        diff: bool = False,
    ) -> PlaybookResult:
        """Run a playbook over this lab's inventory: see ansible_runs.ansible_playbook()."""
        return ansible_runs.ansible_playbook(
            book, self.identity, limit=limit, extra_vars=extra_vars, check=check, diff=diff
        )
