"""Hosts that meet the baseline already: harden, beside the same end state written with others' modules. Takes root.

The other playbook is end_state.yml: community.docker and ansible.posix of the package ansible, which is put into
.build/bench-peers the first time, and ansible.builtin. harden judges by all checks besides, before and for proof.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.audit import PING, ad_hoc, ansible_environment
from benchmarks.lab_hosts import Load, fill
from benchmarks.measuring import here, table
from tests.lab.breaks import DAEMON_JSON
from tests.lab.host import Host
from tests.lab.identity import ROOT
from tests.lab.lab import Lab

PEERS = ROOT / ".build" / "bench-peers"
PACKAGE = "ansible==14.5.0"
PLAYBOOK = Path(__file__).with_name("end_state.yml")
HARDEN = "dockernet.baseline.harden_docker_net"
AUDIT = "dockernet.baseline.audit_docker_net"
LOAD = Load(containers=20, networks=4)
ROUNDS = 3
# dockerd of Debian 13 and older turns IPv6 forwarding on by itself; both are to keep it.
WISHES = {"harden_userland_proxy": "disabled", "harden_ip_forward_families": ["ipv4", "ipv6"]}


def install_peers() -> None:
    """Get the collections of others; a minute, once."""
    if (PEERS / "ansible_collections" / "community" / "docker").is_dir():
        return
    print(f"getting {PACKAGE} from the package index, once")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    subprocess.run([*pip, "--target", str(PEERS), PACKAGE], check=True)


def playbook(host: Host, book: str, *options: str) -> list[str]:
    """The command that runs a playbook on one host."""
    return ["ansible-playbook", "--inventory", str(host.identity.inventory), "--limit", host.name, book, *options]


def prepare(host: Host, books: Sequence[Sequence[str]], environments: Sequence[dict[str, str]]) -> None:
    """Bring a fresh host with the load on it to the end state, so that no playbook finds anything to do."""
    host.write(DAEMON_JSON, json.dumps({"live-restore": True, "userland-proxy": False}))
    host.restart_docker()
    fill(host, LOAD)
    for dummy in range(2):
        for argv, environment in zip(books, environments, strict=True):
            done = subprocess.run(argv, env=environment, check=False, stdout=subprocess.PIPE, text=True)
            if done.returncode:
                raise SystemExit(done.stdout)
    print(done.stdout.splitlines()[-1] if done.stdout else "")


def main() -> None:
    """Compare on one host of the lab that the environment names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="debian13")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    install_peers()
    host = Lab.open().host(arguments.host)
    own = ansible_environment()
    others = {**own, "ANSIBLE_COLLECTIONS_PATH": str(PEERS)}
    harden, audit = "harden_docker_net, nothing to do", "audit_docker_net"
    peer = "the same end state with community.docker and ansible.posix"
    programs = {
        PING: ad_hoc(host, PING),
        audit: playbook(host, AUDIT),
        harden: playbook(host, HARDEN, "--extra-vars", json.dumps(WISHES)),
        peer: playbook(host, str(PLAYBOOK)),
    }
    environments = {PING: own, audit: own, harden: own, peer: others}
    host.reset()
    try:
        prepare(host, [programs[harden], programs[peer]], [own, others])
        print(f"{host.name}, engine {host.engine_version}: {LOAD}; medians of {arguments.rounds} runs in turn")
        table("over SSH, cpu of the controller", here(programs, environments, arguments.rounds), harden)
    finally:
        host.reset()


if __name__ == "__main__":
    main()
