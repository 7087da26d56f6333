"""Print as JSON what reading this host takes, and what the raw reads beneath it take; runs on a lab host as root.

The only argument is the folder that ansible_collections lies in. Raw reads are done as plainly as possible: the bytes
of each answer are taken and forgotten. They are the engine's answers, the kernel's lists by netlink of the host and of
each container's namespace, what nft and the save commands of iptables print, the state of dockerd's unit, and files of
/proc. Each kind is a list of seconds of the processor, that of programs it started among them, and of the clock.
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable

ROUNDS = 12
SOCKET = "/var/run/docker.sock"
PROGRAMS = (
    ("nft", "-j", "list", "ruleset"),
    ("iptables-nft-save",),
    ("ip6tables-nft-save",),
    ("systemctl", "show", "docker.service"),
)
ROUTE, SOCK_DIAG, XFRM, NETFILTER = 0, 4, 6, 12
EXT_MASK_SKIP_STATS = struct.pack("=HHI", 8, 29, 8)
# Type of the question and its body: links, addresses, routes, rules, neighbours, queueing disciplines.
LISTS = (
    (ROUTE, 18, bytes(16) + EXT_MASK_SKIP_STATS),
    (ROUTE, 22, bytes(8)),
    (ROUTE, 26, bytes(12)),
    (ROUTE, 34, bytes(12)),
    (ROUTE, 30, bytes(12)),
    (ROUTE, 38, bytes(20)),
    # TCP that listens and UDP that is not connected, of both families.
    *(
        (SOCK_DIAG, 20, struct.pack("=BBBxI48x", family, *kind))
        for kind in ((6, 0, 1 << 10), (17, 0, 1 << 7))
        for family in (2, 10)
    ),
    (XFRM, 21, b""),
    # Tables, chains and rules of nftables.
    *((NETFILTER, 10 << 8 | kind, bytes(4)) for kind in (1, 4, 7)),
)
OF_THE_HOST = (
    # Forwarding databases of bridges, flows of connection tracking.
    (ROUTE, 30, bytes([7]) + bytes(11)),
    (NETFILTER, 1 << 8 | 1, bytes(4)),
)
SETTINGS = {
    "net/ipv4/conf": (
        *("accept_local", "forwarding", "route_localnet", "rp_filter", "src_valid_mark"),
        *("arp_announce", "arp_filter", "arp_ignore"),
    ),
    "net/ipv6/conf": ("forwarding", "accept_ra", "disable_ipv6", "hop_limit"),
    "net/ipv4/neigh": ("mcast_solicit",),
    "net/ipv6/neigh": ("mcast_solicit",),
}
INSIDE = {
    "net/ipv4/conf": (
        *("accept_local", "forwarding", "route_localnet", "rp_filter"),
        *("arp_announce", "arp_filter", "arp_ignore"),
    ),
    "net/ipv6/conf": ("hop_limit",),
    "net/ipv4/neigh": ("mcast_solicit",),
    "net/ipv6/neigh": ("mcast_solicit",),
}


def dump(lists: Iterable[tuple[int, int, bytes]]) -> None:
    """Take all messages of the kernel's lists."""
    sockets: dict[int, socket.socket] = {}
    for protocol, kind, body in lists:
        if protocol not in sockets:
            sockets[protocol] = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        sockets[protocol].send(struct.pack("=IHHII", 16 + len(body), kind, 0x301, 1, 0) + body)
        while True:
            data = sockets[protocol].recv(1 << 17)
            # NLMSG_ERROR and NLMSG_DONE, which stand alone or at the end.
            if struct.unpack_from("=H", data, 4)[0] in (2, 3) or data[-16:-14] == b"\x03\x00":
                break
    for one in sockets.values():
        one.close()


def take(path: str) -> bytes:
    """Take a file of /proc; empty where it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def settings(wanted: dict[str, tuple[str, ...]]) -> None:
    """Take settings of all interfaces of this thread's namespace."""
    for folder, names in wanted.items():
        for interface in os.listdir(f"/proc/sys/{folder}"):
            for name in names:
                take(f"/proc/sys/{folder}/{interface}/{name}")


class Engine(http.client.HTTPConnection):
    """HTTP over the engine's socket."""

    def connect(self) -> None:
        """Connect to it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(SOCKET)

    def take(self, path: str) -> bytes:
        """Take an answer."""
        self.request("GET", path)
        return self.getresponse().read()


def engine() -> list[int]:
    """Take the engine's answers; return the processes of containers."""
    connection = Engine("docker")
    for path in ("/version", "/info", "/networks"):
        connection.take(path)
    pids = []
    for item in json.loads(connection.take("/containers/json?all=1")):
        answer = connection.take(f"/containers/{item['Id']}/json")
        pids.append(int(answer.partition(b'"Pid":')[2].partition(b",")[0]))
    connection.close()
    return pids


def programs() -> None:
    """Take what programs print."""
    for argv in PROGRAMS:
        subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def kernel() -> None:
    """Take the kernel's lists of the host."""
    dump((*LISTS[:-2], *OF_THE_HOST))


def namespaces(pids: Iterable[int]) -> None:
    """Take the kernel's lists of containers, and their settings."""
    libc = ctypes.CDLL(None)

    def visit() -> None:
        for pid in pids:
            descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
            libc.setns(descriptor, 0x40000000)
            os.close(descriptor)
            dump(LISTS)
            settings(INSIDE)
            take("/proc/thread-self/net/ip_tables_names")
            take("/proc/thread-self/net/ip6_tables_names")

    visitor = threading.Thread(target=visit)
    visitor.start()
    visitor.join()


def processes(pids: Iterable[int]) -> None:
    """Take what /proc says: of all processes the state, of docker-proxy more, of those of the host their files."""
    own = os.stat("/proc/self/ns/net").st_ino
    inside = set(pids)
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        state = take(f"/proc/{name}/stat")
        if int(name) in inside:
            take(f"/proc/{name}/status")
        if b"(docker-proxy)" in state:
            for file in ("cmdline", "status", "smaps_rollup"):
                take(f"/proc/{name}/{file}")
        try:
            if os.stat(f"/proc/{name}/ns/net").st_ino == own:
                for entry in os.listdir(f"/proc/{name}/fd"):
                    os.readlink(f"/proc/{name}/fd/{entry}")
        except OSError:
            continue
    settings(SETTINGS)


def processor() -> float:
    """Seconds that this process and those that it waited for have spent."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the processor and of the clock."""
    before, began = processor(), time.monotonic()
    work()
    return processor() - before, time.monotonic() - began


def main() -> None:
    """Measure both in turn."""
    sys.path.insert(0, sys.argv[1])
    from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_whole import read_whole

    pids = [pid for pid in engine() if pid]
    kinds: dict[str, Callable[[], object]] = {
        "reading the host": read_whole,
        "engine": engine,
        "programs": programs,
        "kernel, host": kernel,
        "kernel, containers": lambda: namespaces(pids),
        "processes": lambda: processes(pids),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for number in range(ROUNDS + 1):
        for name, work in kinds.items():
            took = measured(work)
            if number:
                found[name].append(took)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
