# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a probe from inside a network namespace found, layer by layer, nearest first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

# States of a container's processes.
RUNNING = "running"
PAUSED = "paused"
STOPPED = "stopped"
TRACED = "traced"
EXITED = "exited"

# Outcomes of a layer.
PASSED = "passed"
FAILED = "failed"
SKIPPED = "skipped"

# Layers, in the order in which they are tried.
PROCESS = "process"
INTERFACE = "interface"
ADDRESS = "address"
ROUTE = "route"
NEIGHBOUR = "neighbour"
GATEWAY = "gateway"
CONTAINER = "container"
HOST_ADDRESS = "host_address"
NEXT_HOP = "next_hop"
NAME = "name"
TARGET = "target"
PATH_MTU = "path_mtu"
SERVICE = "service"
LAYERS = (
    PROCESS, INTERFACE, ADDRESS, ROUTE, NEIGHBOUR, GATEWAY, CONTAINER, HOST_ADDRESS, NEXT_HOP, NAME, TARGET, PATH_MTU,
    SERVICE,
)  # fmt: skip


@dataclass(frozen=True)
class ProbeLayer:
    """One layer of a probe."""

    layer: str
    """One of LAYERS. ``process``: whether the container's processes run; ``interface``: its link is up and has a
    carrier; ``address``: it has one of the family; ``route``: the kernel has a route to the target; ``neighbour``: the
    gateway's hardware address; ``gateway``: an echo of the gateway, which is the bridge; ``container``: an echo of
    another container of the same network; ``host_address``: an echo of the host's address on its uplink; ``next_hop``:
    an echo of the uplink's next hop; ``name``: the resolver; ``target``: the transport to the target by address;
    ``path_mtu``: the largest packet that comes through; ``service``: what answered is the service that was meant."""
    target: str
    """The address, device, name or process that was asked."""
    outcome: str
    """``passed``, ``failed`` or ``skipped``."""
    error: str = ""
    """Name of the errno (``ECONNREFUSED``), ``TIMEOUT``, a DNS answer's code (``SERVFAIL``), or a process's state
    (``PAUSED``); empty if it passed."""
    detail: str = ""
    """One sentence: what was found, or why it was skipped."""
    milliseconds: Optional[float] = None
    """From the question to the answer."""


@dataclass(frozen=True)
class NameserverAnswer:
    """What one nameserver said to one question."""

    server: str
    """Its address."""
    role: str
    """``resolver`` (of the sender's resolv.conf) or ``upstream`` (asked by Docker's own resolver at 127.0.0.11)."""
    place: str
    """Where it was asked from: ``host``, or the name of the container."""
    question: str
    """Name and type, as ``db. A``."""
    outcome: str
    """``passed`` (it answered, be it that there is no such name) or ``failed``."""
    error: str = ""
    """As of a layer; ``NXDOMAIN`` and ``NODATA`` with ``passed``."""
    addresses: list[str] = field(default_factory=list)
    milliseconds: Optional[float] = None


@dataclass(frozen=True)
class Probe:
    """One target asked from one place."""

    origin: str
    """``host``, or the name of the container."""
    target: str
    """As it was asked for, without the port; of ``host``, ``gateway`` and ``dns`` with the address in parentheses."""
    protocol: str
    """``tcp``, ``udp``, ``icmp``, ``dns``, ``http`` or ``https``."""
    port: int
    """0 for ``icmp``."""
    address: str
    """The address that was asked; empty where the name had none."""
    observed: str
    """What the sender saw, in the words of Path.observed: ``answered``, ``refused``, ``closed``, ``timed out``,
    ``unreachable`` or ``unknown``. A UDP port that says nothing is ``unknown``."""
    layers: list[ProbeLayer] = field(default_factory=list)
    source: str = ""
    """Address and port that the sender had (``172.18.0.2:40312``); empty where it sent nothing."""
    nameservers: list[NameserverAnswer] = field(default_factory=list)
    """Those that were asked for a name."""
    container: str = ""
    """Name of the container of this host that the address belongs to, or whose published port it is; empty for none."""

    @property
    def first_failed(self) -> Optional[ProbeLayer]:
        """The nearest layer that failed."""
        return next((layer for layer in self.layers if layer.outcome == FAILED), None)


@dataclass(frozen=True)
class ListeningSocket:
    """A socket that listens."""

    protocol: str
    """``tcp`` or ``udp``."""
    address: str
    port: int

    def __str__(self) -> str:
        """As ``tcp 0.0.0.0:80``."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.protocol} {address}:{self.port}"


@dataclass(frozen=True)
class ProcessState:
    """The processes of a container, as the engine and the kernel have them."""

    state: str
    """``running``, ``paused`` (frozen by the engine or a cgroup), ``stopped`` (SIGSTOP), ``traced`` (stopped by a
    debugger), ``exited``."""
    pid: int = 0
    container: str = ""
    """Its name."""
    reason: str = ""
    """One sentence: which process stands still and what stopped it; empty where it runs."""
    listening: list[str] = field(default_factory=list)
    """Sockets of its namespace that listen, as ``tcp 0.0.0.0:80``."""
    queue_full: list[ListeningSocket] = field(default_factory=list)
    """Those whose queue of connections is full."""
    halted: Optional[int] = None
    """Process that is stopped or traced, as the host counts; it is the first one, or holds such a socket."""
