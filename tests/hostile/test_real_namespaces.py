"""What strangers do to real network namespaces: the one beside theirs is read as ever."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.container_namespaces import (
    NamespaceReadings,
    read_container_namespaces,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ContainerNamespace

SECONDS = 120.0
MARK = "192.0.2.77"
LINK = "link add d0 type bridge\nlink set d0 up\naddress add 198.18.0.1/16 dev d0\n"
MANY = 5000

HOSTILITIES = {
    "routes": LINK + "".join(f"route add 100.64.{n >> 8}.{n & 255} dev d0\n" for n in range(MANY)),
    # Each is appended to one route, which takes longer the more there are; a message too large is in tests/integration.
    "next hops": LINK + "".join(f"route append 2001:db8::/32 via fe80::1:{n:x} dev d0\n" for n in range(400)),
    "addresses": LINK + "".join(f"address add 198.19.{n >> 8}.{n & 255}/32 dev d0\n" for n in range(MANY)),
    "neighbours": LINK
    + "".join(f"neighbour add 198.18.{1 + (n >> 8)}.{n & 255} lladdr 02:00:00:00:00:01 dev d0\n" for n in range(MANY)),
    "policy rules": "".join(f"rule add from 198.18.{n >> 8}.{n & 255} lookup 7\n" for n in range(MANY)),
    "names": "".join(f"link add name {name} type bridge\n" for name in ("bré", "\x1b[31mx", "{{7*7}}", "$(id)", "a'b")),
    "links": "".join(f"link add x{n} type bridge\n" for n in range(400)),
}


@pytest.fixture
def place() -> Iterator[Callable[[str], int]]:
    """Makes a network namespace by a batch for ip(8), and returns the process that is in it."""
    found: list[subprocess.Popen[bytes]] = []

    def make(batch: str) -> int:
        process = subprocess.Popen(["unshare", "--net", "sleep", "600"])
        found.append(process)
        own, until = os.stat("/proc/self/ns/net").st_ino, time.monotonic() + SECONDS
        while os.stat(f"/proc/{process.pid}/ns/net").st_ino == own:
            assert time.monotonic() < until
            time.sleep(0.01)
        inside = ["nsenter", "--net", "--target", str(process.pid), "ip", "-batch", "-"]
        subprocess.run(inside, input=batch.encode(), check=True, timeout=10 * SECONDS)
        return process.pid

    yield make
    for process in found:
        process.kill()
        process.wait()


def read(pids: dict[str, int]) -> tuple[NamespaceReadings, dict[str, ContainerNamespace]]:
    """What is read of the namespaces, and those that were, by the names given to them."""
    inodes = {name: os.stat(f"/proc/{pid}/ns/net").st_ino for name, pid in pids.items()}
    inside = read_container_namespaces(
        [Container(name, name, pid=pid, netns=inodes[name]) for name, pid in pids.items()]
    )
    by_inode = {space.inode: space for space in inside.namespaces}
    return inside, {name: by_inode[inode] for name, inode in inodes.items() if inode in by_inode}


@pytest.mark.parametrize("name", HOSTILITIES)
def test_one_namespace_blinds_no_view_into_another(name: str, place: Callable[[str], int]) -> None:
    stranger, neighbour = place(HOSTILITIES[name]), place(f"link set lo up\naddress add {MARK}/32 dev lo\n")
    inside, found = read({"stranger": stranger, "neighbour": neighbour})
    assert inside.defects == []
    assert f"{MARK}/32" in found["neighbour"].links[0].addresses
    # Whatever became of the other one is told by its name.
    assert ("stranger" in found) != ("stranger" in {gap.name for gap in inside.gaps})
