"""An audit of forty hosts, or as many as are asked for, beside ansible.builtin.ping over the same in the same run.

Takes root. The names in the inventory take turns on the hosts of the lab, which do the work of all of them: what counts
is the processor time of the controller, and its memory.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import yaml

from benchmarks.audit import NETCHECK, PING, ansible_environment
from benchmarks.end_state import AUDIT
from benchmarks.lab_hosts import Load, fill
from benchmarks.measuring import here, table
from benchmarks.memory import MemoryWatch
from tests.lab.host import Host
from tests.lab.lab import Lab

NAMES = 40
FORKS = 10
"""For each host of the lab: a connection of ssh takes ten sessions (MaxSessions)."""
LOAD = Load(containers=20, networks=4)
ROUNDS = 3
LARGE = 200
"""Names from which one round counts and none goes ahead but over a few names, of ping and the playbook alone."""


def inventory_of(hosts: Sequence[Host], count: int) -> Path:
    """An inventory in which those hosts have so many names, in turn: sshd does not let all forks in at one."""
    first = hosts[0]
    own = yaml.safe_load(first.identity.inventory.read_text(encoding="utf-8"))["lab"]
    names = {f"{host.name}-{number:04}": own["hosts"][host.name] for number, host in zip(range(count), cycle(hosts))}
    path = first.identity.inventory.with_name(f"fleet-{count}.yml")
    path.write_text(yaml.safe_dump({"lab": {"vars": own["vars"], "hosts": names}}, sort_keys=False), encoding="utf-8")
    return path


def programs_over(inventory: Path, forks: int, names: Sequence[str]) -> dict[str, list[str]]:
    """What is compared, by name."""
    where = ["--inventory", str(inventory), "--forks", str(forks)]
    programs = {
        PING: ["ansible", "all", *where, "--module-name", PING],
        NETCHECK: ["ansible", "all", *where, "--module-name", NETCHECK],
        AUDIT: ["ansible-playbook", AUDIT, *where],
    }
    return {name: programs[name] for name in names}


def main() -> None:
    """Compare over the hosts of the lab that the environment names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="debian13", help="hosts of the lab, with blanks between them")
    parser.add_argument("--names", type=int, default=NAMES, help="how many names they have together")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    lab = Lab.open()
    hosts = [lab.host(name) for name in arguments.host.split()]
    is_large = arguments.names >= LARGE
    names = (PING, AUDIT) if is_large else (PING, NETCHECK, AUDIT)
    rounds, forks = 1 if is_large else arguments.rounds, FORKS * len(hosts)
    for host in hosts:
        host.reset()
    try:
        for host in hosts:
            fill(host, LOAD)
        environments = dict.fromkeys(names, ansible_environment())
        if is_large:
            here(programs_over(inventory_of(hosts, len(hosts)), forks, names), environments, 1, ahead=0)
        programs = programs_over(inventory_of(hosts, arguments.names), forks, names)
        memory: dict[str, MemoryWatch] = {}

        def watch(name: str, pid: int) -> MemoryWatch:
            memory[name] = MemoryWatch(pid)
            return memory[name]

        print(f"{arguments.names} names of {len(hosts)} hosts, {forks} forks, {LOAD}; medians of {rounds} runs in turn")
        took = here(programs, environments, rounds, ahead=0 if is_large else 1, watch=watch)
        table("over SSH, cpu of the controller", took, PING)
        for name, found in memory.items():
            print(f"  memory of {name}: {found}")
    finally:
        for host in hosts:
            host.reset()


if __name__ == "__main__":
    main()
