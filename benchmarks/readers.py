"""What it costs to look into the network namespaces of containers and at many links, and how that grows. Takes root.

Namespaces are those of processes that this benchmark starts: a veth pair, an IPv4 and an IPv6 address, a default route
and a listening socket in each. Links are a bridge and its ports, in a namespace of their own. pyroute2 reads the same
links, addresses, routes and rules in the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._host.container_namespaces import (
    read_container_namespaces,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import read_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import read_policy_rules, read_routes
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container

NAMESPACES = (50, 100, 200, 400)
LINKS = (100, 300, 1_000)
CLONE_NEWNET = 0x40000000
SETUP = """
link set lo up
link add eth0 type veth peer name peer0
link set peer0 up
link set eth0 up
address add 10.0.0.2/24 dev eth0
address add 2001:db8::2/64 dev eth0 nodad
route add default via 10.0.0.1
"""


def enter_new_namespace() -> None:
    """Move this process into an empty network namespace."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise PermissionError("network namespaces take root")


def ip(lines: str) -> None:
    """Make links, addresses and routes by lines of arguments."""
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)


@contextlib.contextmanager
def containers(count: int) -> Iterator[list[Container]]:
    """As many processes, each in a namespace of its own."""
    ready, tell = os.pipe()
    over, stay = os.pipe()
    pids = [_child(tell, over, stay) for dummy in range(count)]
    os.close(tell)
    os.close(over)
    try:
        heard = 0
        while heard < count:
            heard += len(os.read(ready, count)) or sys.exit("a namespace could not be set up")
        yield [Container(str(pid), str(pid), pid=pid, netns=os.stat(f"/proc/{pid}/ns/net").st_ino) for pid in pids]
    finally:
        # The end of the pipe is what they wait for.
        os.close(stay)
        os.close(ready)
        for pid in pids:
            os.waitpid(pid, 0)


def _child(tell: int, over: int, stay: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.close(stay)
        enter_new_namespace()
        ip(SETUP)
        with socket.create_server(("10.0.0.2", 80)):
            os.write(tell, b"x")
            os.close(tell)
            os.read(over, 1)
        status = 0
    finally:
        os._exit(status)


def processor_time(work: Callable[[], object]) -> float:
    """Seconds of the processor, the better of two."""
    times = []
    for dummy in range(2):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def by_pyroute2() -> None:
    """The same with the library."""
    from pyroute2 import IPRoute

    with IPRoute() as route:
        for listed in (route.get_links, route.get_addr):
            list(listed())
        for family in (socket.AF_INET, socket.AF_INET6):
            list(route.get_routes(family=family))
            list(route.get_rules(family=family))


def by_readers() -> None:
    """Links, addresses, routes and rules of this namespace."""
    read_links()
    read_routes()
    read_policy_rules()


def links(count: int, reader: str) -> None:
    """Print seconds and peak memory of one reader at that many links; to be run in a process of its own."""
    enter_new_namespace()
    pairs = count // 2
    ports = "".join(f"link add v{n} type veth peer name c{n}\nlink set v{n} master br0\n" for n in range(pairs))
    ip(f"link set lo up\nlink add br0 type bridge\naddress add 10.0.0.1/16 dev br0\n{ports}")
    took = processor_time(by_pyroute2 if reader == "pyroute2" else by_readers)
    print(json.dumps([took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--links", nargs=2, metavar=("COUNT", "READER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.links:
        links(int(arguments.links[0]), arguments.links[1])
        return
    print("namespaces of containers     s   ms for each")
    for count in NAMESPACES:
        with containers(count) as listed:
            took = processor_time(lambda listed=listed: read_container_namespaces(listed))  # type: ignore[misc]
        print(f"{count:24,} {took:5.2f} {1000 * took / count:13.2f}")
    print("links of a host       s     MB   pyroute2: s     MB   times as long")
    for count in LINKS:
        own, library = (_in_a_process(count, reader) for reader in ("readers", "pyroute2"))
        ratio = library[0] / own[0]
        print(f"{count:15,} {own[0]:7.3f} {own[1]:6.0f} {library[0]:13.3f} {library[1]:6.0f} {ratio:15.1f}")


def _in_a_process(count: int, reader: str) -> tuple[float, float]:
    program = [sys.executable, "-m", "benchmarks.readers", "--links", str(count), reader]
    done = subprocess.run(program, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    took, peak = json.loads(done.stdout)
    return took, peak


if __name__ == "__main__":
    main()
