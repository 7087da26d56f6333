"""Keeps server.py running on the lab's internet machine and on the outside client."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import sys
from pathlib import Path

from tests.lab.network import Space, end_processes
from tests.lab.proc import run, spawn, wait_for

PROGRAM = Path(__file__).with_name("server.py")
TCP_PORTS = (53, 80, 443, 8080)
UDP_PORTS = (7, 53, 443)
START_LIMIT = 120.0


def ensure(space: Space, name: str) -> None:
    """Start the servers of a machine, unless this very version of them runs already."""
    version = f"DOCKERNET_LAB_SERVER={hashlib.sha256(PROGRAM.read_bytes()).hexdigest()[:12]}"
    if _listening(space) and _runs(space, version):
        return
    end_processes(space)
    end(space)
    ports = [*map(str, TCP_PORTS), "--", *map(str, UDP_PORTS)]
    spawn([*space.argv, "env", "-i", version, _mark(space), sys.executable, "-I", "-S", str(PROGRAM), name, *ports])
    wait_for(lambda: _listening(space), START_LIMIT, f"the servers of the lab machine {name}")


def end(space: Space) -> None:
    """End the servers of a machine, those in a namespace that has lost its name included."""
    mark = _mark(space).encode()
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and mark in _environment(process.name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process.name), signal.SIGKILL)


def _mark(space: Space) -> str:
    return f"DOCKERNET_LAB_MACHINE={space.name}"


def _listening(space: Space) -> bool:
    """Whether all ports are open, read from the kernel: a connection would be seen by who watches the network."""
    sockets = run([*space.argv, "cat", "/proc/net/tcp6", "/proc/net/udp6"]).out
    addresses = (line.split()[1] for line in sockets.splitlines())
    open_ports = {int(address.rsplit(":", 1)[1], 16) for address in addresses if ":" in address}
    return {*TCP_PORTS, *UDP_PORTS} <= open_ports


def _runs(space: Space, version: str) -> bool:
    pids = run(["ip", "netns", "pids", space.name]).out.split()
    return any(version.encode() in _environment(pid) for pid in pids)


def _environment(pid: str) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
