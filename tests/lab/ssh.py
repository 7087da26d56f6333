"""The way into the hosts over SSH, and the inventory that describes it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.lab.connections import control_sockets
from tests.lab.host import Host
from tests.lab.identity import Identity
from tests.lab.kinds import CONTROLLER, GATEWAY, OUTSIDE, Subnet
from tests.lab.proc import LabError, run, wait_for

INTERNET, INTERNET6 = "203.0.113.9", "2001:db8:ffff::9"
ANSWER_LIMIT = 180.0


def ensure_key(identity: Identity) -> str:
    """The lab's own pair of keys, made anew when it is missing or damaged; returns the public one."""
    if identity.key.exists():
        identity.key.chmod(0o600)
        read = run(["ssh-keygen", "-y", "-P", "", "-f", str(identity.key)], check=False)
        if read.rc == 0:
            return read.out
    for path in (identity.key, identity.key.with_suffix(".pub")):
        path.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"dockernet-lab {identity.tag}", "-f", str(identity.key)])
    return identity.key.with_suffix(".pub").read_text()


def authorize(host: Host, public_key: str) -> str:
    """Let the lab's key in; returns the host's line for known_hosts."""
    script = "umask 077; mkdir -p /root/.ssh; cat > /root/.ssh/authorized_keys && cat /etc/ssh/ssh_host_ed25519_key.pub"
    host_key = host.run(["sh", "-c", script], stdin=public_key).out.split()
    return f"{host.address},{host.address6} {host_key[0]} {host_key[1]}\n"


def await_answer(identity: Identity, host: Host) -> None:
    """Until the host lets us in by SSH."""
    options = ["-i", str(identity.key), *common_arguments(identity), "-o", "ConnectTimeout=30"]
    argv = ["ssh", *options, f"root@{host.address}"]

    def answers() -> bool:
        return run([*argv, "true"], check=False, timeout=60).rc == 0

    try:
        wait_for(answers, ANSWER_LIMIT, f"SSH on {host.name}")
    except LabError as error:
        said = run([*argv, "true"], check=False, timeout=60).err.strip()
        raise LabError(f"{error}: {said}") from error


def common_arguments(identity: Identity) -> list[str]:
    """Only the lab's key and host keys; nothing of the user's configuration, agent or known hosts."""
    options = (
        f"UserKnownHostsFile={identity.known_hosts}",
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "BatchMode=yes",
        "ServerAliveInterval=5",
    )
    return ["-F", "/dev/null", *(word for option in options for word in ("-o", option))]


def write_inventory(identity: Identity, subnet: Subnet, hosts: Sequence[Host]) -> None:
    """The inventory of all hosts that run, in one step."""
    variables: dict[str, Any] = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(identity.key),
        "ansible_ssh_common_args": " ".join(common_arguments(identity)),
        "ansible_python_interpreter": "/usr/bin/python3",
        "lab_name": identity.name,
        "lab_outside": subnet.ipv4(OUTSIDE),
        "lab_outside6": subnet.ipv6(OUTSIDE),
        "lab_gateway": subnet.ipv4(GATEWAY),
        "lab_controller": subnet.ipv4(CONTROLLER),
        "lab_internet": INTERNET,
        "lab_internet6": INTERNET6,
    }
    groups: dict[str, dict[str, Any]] = {"lab": {"hosts": {}, "vars": variables}}
    for host in hosts:
        groups["lab"]["hosts"][host.name] = {
            "ansible_host": host.address,
            "ansible_control_path_dir": str(control_sockets(identity, host.name)),
            "lab_kind": host.kind,
            "lab_engine": host.release,
            "lab_address6": host.address6,
        }
        groups.setdefault(f"engine_{host.release.split('.')[0]}", {"hosts": {}})["hosts"][host.name] = {}
    text = yaml.safe_dump(groups, sort_keys=False, default_flow_style=False, width=1000)
    write_whole(identity.inventory, f"# Written by `make lab`; gone with `make lab-down`.\n{text}")


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is either the old or the new one."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text)
    part.rename(path)
