"""An audit of forty hosts, beside ansible.builtin.ping over the same hosts in the same run. Takes root.

Forty names in the inventory are one host of the lab, which does the work of all of them: what counts is the
processor time of the controller.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import yaml

from benchmarks.audit import NETCHECK, PING, ansible_environment
from benchmarks.end_state import AUDIT
from benchmarks.lab_hosts import Load, fill
from benchmarks.measuring import here, table
from tests.lab.host import Host
from tests.lab.lab import Lab

HOSTS = 40
FORKS = 10
LOAD = Load(containers=20, networks=4)
ROUNDS = 3


def inventory_of(host: Host) -> Path:
    """An inventory in which that host has forty names."""
    own = yaml.safe_load(host.identity.inventory.read_text(encoding="utf-8"))["lab"]
    names = {f"{host.name}-{number:02}": own["hosts"][host.name] for number in range(HOSTS)}
    path = host.identity.inventory.with_name("fleet.yml")
    path.write_text(yaml.safe_dump({"lab": {"vars": own["vars"], "hosts": names}}), encoding="utf-8")
    return path


def main() -> None:
    """Compare over one host of the lab that the environment names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="debian13")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    host = Lab.open().host(arguments.host)
    host.reset()
    try:
        fill(host, LOAD)
        where = ["--inventory", str(inventory_of(host)), "--forks", str(FORKS)]
        programs = {
            PING: ["ansible", "all", *where, "--module-name", PING],
            "docker_netcheck": ["ansible", "all", *where, "--module-name", NETCHECK],
            "audit_docker_net": ["ansible-playbook", AUDIT, *where],
        }
        print(f"{HOSTS} hosts, {FORKS} forks, {LOAD}; medians of {arguments.rounds} runs in turn")
        environments = dict.fromkeys(programs, ansible_environment())
        table("over SSH, cpu of the controller", here(programs, environments, arguments.rounds), PING)
    finally:
        host.reset()


if __name__ == "__main__":
    main()
