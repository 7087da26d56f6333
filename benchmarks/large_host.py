"""The audit of a real host with up to 1,000 endpoints and 2,000 published ports: time, memory, and how both grow.

The host has 10 networks; each container is on all of them and publishes 20 ports; docker-proxy is off. Measured is the
module as Ansible runs it there, with Python's start and the loading of all code. To make the host takes some minutes,
for dockerd writes its rules one by one. Takes root. Budget for all of it: 3 s and 150 MB.
"""

from __future__ import annotations

import argparse
import json

from benchmarks.audit import NETCHECK, module_on
from benchmarks.lab_hosts import Load, add, fill
from benchmarks.measuring import on_host
from tests.lab.breaks import DAEMON_JSON
from tests.lab.host import Host
from tests.lab.lab import Lab

NETWORKS = 10
CONTAINERS = (25, 50, 100)
ROUNDS = 3


def load_of(containers: int) -> Load:
    """That many containers."""
    return Load(containers, NETWORKS, each=NETWORKS, ports=20)


def measure(host: Host, rounds: int) -> None:
    """Make the host larger and larger, and print a line for each size."""
    host.write(DAEMON_JSON, json.dumps({"userland-proxy": False, "live-restore": True}))
    host.restart_docker()
    fill(host, load_of(0))
    program = {"audit": module_on(host, NETCHECK, "audit")}
    empty = on_host(host, program, rounds)["audit"]
    print(f"{host.name}, engine {host.engine_version}; an empty host: {empty.wall:.2f} s, cpu {empty.cpu:.2f} s")
    print(
        f"{'endpoints':>10}{'ports':>8}{'wall':>10}{'cpu':>10}{'daemons':>10}{'peak':>10}   cpu for 100 endpoints more"
    )
    there = 0
    for containers in CONTAINERS:
        load = load_of(containers)
        add(host, load, there)
        there = containers
        took = on_host(host, program, rounds)["audit"]
        each = (took.cpu - empty.cpu) * 100 / load.endpoints
        print(
            f"{load.endpoints:>10,}{load.published:>8,}{took.wall:>8.2f} s{took.cpu:>8.2f} s{took.daemons:>8.2f} s"
            f"{took.peak:>7.0f} MB{each:>11.3f} s"
        )


def main() -> None:
    """Measure on one host of the lab that the environment names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="debian13")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    host = Lab.open().host(arguments.host)
    host.reset()
    # To reset it afterwards would take dockerd minutes: the host is for the lab to remove.
    measure(host, arguments.rounds)


if __name__ == "__main__":
    main()
