"""The audit of a host with 50 containers as a whole, beside what others do on that host in the same run. Takes root.

On the host, as programs: the module as Ansible runs it there, which reads, with Python's start and the loading of all
code; ansible.builtin.ping in the same way, which is what no module can avoid; and the nine checks of
docker-bench-security that are about the network. From the controller, over SSH: the audit, ansible.builtin.ping, and
docker-bench-security. There the audit judges by all checks and works out who reaches what.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.lab_hosts import Load, fill
from benchmarks.measuring import here, on_host, table
from tests.lab.host import Host
from tests.lab.identity import ROOT
from tests.lab.lab import Lab

LOAD = Load(containers=50, networks=5)
ROUNDS = 5
NETCHECK = "dockernet.baseline.docker_netcheck"
PING = "ansible.builtin.ping"
SCRIPT = "docker-bench-security.sh"
# Of CIS 1.6.0, which that script goes by.
CHECKS = ("2_1", "2_3", "2_15", "2_16", "5_8", "5_9", "5_10", "5_14", "5_30")
PLACE = "/run/dockernet-bench"


def ansible_environment() -> dict[str, str]:
    """Of an Ansible with the staged collection, over SSH with pipelining; the rest is as users have it."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("ANSIBLE_") and key != "PYTHONDONTWRITEBYTECODE"
    }
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(ROOT / ".build" / "ansible-home"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
    }


def ad_hoc(host: Host, module: str, arguments: str = "") -> list[str]:
    """One task on one host."""
    words = ["ansible", "--inventory", str(host.identity.inventory), host.name, "--module-name", module]
    return [*words, *(["--args", arguments] if arguments else [])]


def module_on(host: Host, module: str, place: str, arguments: str = "", *, fails: bool = False) -> list[str]:
    """Leave a module on the host as Ansible sends it; returns the command that Ansible runs there."""
    left = f"{PLACE}/{place}"
    environment = {
        **ansible_environment(),
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_PIPELINING": "0",
        "ANSIBLE_REMOTE_TMP": left,
    }
    done = subprocess.run(ad_hoc(host, module, arguments), env=environment, check=False, stdout=subprocess.PIPE)
    if bool(done.returncode) != fails:
        raise SystemExit(done.stdout.decode())
    (program,) = host.run(f"ls {left}/*/AnsiballZ_*.py").out.split()
    return ["sh", "-c", f"/usr/bin/python3 {program} || {'true' if fails else 'exit 1'}"]


def docker_bench_on(host: Host, path: Path) -> list[str]:
    """Copy docker-bench-security to the host; returns the command that runs its checks of the network."""
    if not (path / SCRIPT).is_file():
        raise SystemExit(f"{path} is no checkout of docker-bench-security: it has no {SCRIPT}")
    packed = subprocess.run(["tar", "-C", str(path), "--exclude=.git", "-c", "."], check=True, stdout=subprocess.PIPE)
    host.run(f"mkdir -p {PLACE}/peer && tar -C {PLACE}/peer -x", stdin=packed.stdout)
    checks = ",".join(f"check_{number}" for number in CHECKS)
    return ["bash", "-c", f"cd {PLACE}/peer && exec bash {SCRIPT} -b -l {PLACE}/peer.log -c {checks}"]


@contextmanager
def bench_host(name: str) -> Iterator[Host]:
    """A host of the lab with the load on it; it is reset behind."""
    host = Lab.open().host(name)
    host.reset()
    try:
        fill(host, LOAD)
        yield host
    finally:
        host.run(["rm", "-rf", PLACE])
        host.reset()


def compare(host: Host, docker_bench: Path | None, rounds: int) -> None:
    """Print both tables."""
    audit, peer = "docker_netcheck", "docker-bench-security, nine checks"
    loading = "of that, the start: Python, Ansible's code and ours"
    ping = "ansible.builtin.ping: Python and Ansible's code"
    programs = {
        audit: module_on(host, NETCHECK, "audit"),
        # It finds out that it cannot save a snapshot before it reads anything.
        loading: module_on(host, NETCHECK, "loading", "snapshot_path=/no/such/directory/file", fails=True),
        ping: module_on(host, PING, "ping"),
    }
    if docker_bench is None:
        print("docker-bench-security is left out: DOCKER_BENCH=PATH names a checkout of it")
    else:
        programs[peer] = docker_bench_on(host, docker_bench)
    print(f"{host.name}, engine {host.engine_version}: {LOAD}; medians of {rounds} runs in turn")
    took = on_host(host, programs, rounds)
    took = {
        "docker_netcheck, reading alone": took[audit].without(took[loading]),
        "docker_netcheck, all but what ping takes, too": took[audit].without(took[ping]),
        **took,
    }
    table("on the host", took, audit)
    if docker_bench is not None:
        table("on the host, the start of docker_netcheck left out", took, next(iter(took)))
    remote: dict[str, list[str]] = {PING: ad_hoc(host, PING), audit: ad_hoc(host, NETCHECK)}
    if docker_bench is not None:
        remote[peer] = ad_hoc(host, "ansible.builtin.command", json.dumps({"argv": programs[peer]}))
    environments: Mapping[str, Mapping[str, str]] = dict.fromkeys(remote, ansible_environment())
    table("from the controller, cpu of the controller", here(remote, environments, rounds), audit)


def main() -> None:
    """Compare on one host of the lab that the environment names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docker-bench", type=Path, metavar="PATH", help="a checkout of docker-bench-security")
    parser.add_argument("--host", default="debian13")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    with bench_host(arguments.host) as host:
        compare(host, arguments.docker_bench, arguments.rounds)


if __name__ == "__main__":
    main()
