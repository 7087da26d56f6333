"""Brings a lab up from whatever is left of it, takes it down, and tells its state."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab import engine as engines
from tests.lab import limits, machines, network, servers, ssh, workload
from tests.lab.connections import end_connections
from tests.lab.engine import Engine
from tests.lab.host import Host
from tests.lab.identity import Identity
from tests.lab.kinds import HostName, Subnet
from tests.lab.machine_lock import file_lock
from tests.lab.network import Space
from tests.lab.own_engine import OwnEngine
from tests.lab.proc import LabError

Say = Callable[[str], None]
AT_ONCE = 4
SERVING = ("internet", "outside")
"""The lab's machines that are no hosts and serve something."""


def up(identity: Identity, names: Sequence[HostName], say: Say) -> list[Host]:
    """All hosts named run afterwards and are in the inventory, beside those that ran already."""
    limits.require_root()
    own = OwnEngine.asked()
    with file_lock(_lock(identity), lambda: say("waiting for another command on this lab")):
        identity.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = engines.ensure(say)
        subnet = network.ensure(identity, remembered_numbers(identity))
        ssh.write_whole(_record(identity), json.dumps({"number": subnet.number}) + "\n")
        for machine in SERVING:
            servers.ensure(Space(identity.thing(machine)), machine)
        workload.tarball()
        return _ensure_hosts(engine, identity, _with_running(engine, identity, names), subnet, own, say)


def _ensure_hosts(
    engine: Engine, identity: Identity, names: Sequence[HostName], subnet: Subnet, own: OwnEngine | None, say: Say
) -> list[Host]:
    public_key = ssh.ensure_key(identity)

    def one(name: HostName) -> tuple[Host, str]:
        host = machines.ensure(engine, identity, name, subnet, own, say)
        return host, ssh.authorize(host, public_key)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = list(pool.map(one, names))
        hosts = [host for host, dummy in made]
        ssh.write_whole(identity.known_hosts, "".join(line for dummy, line in made))
        ssh.write_inventory(identity, subnet, hosts)
        list(pool.map(lambda host: ssh.await_answer(identity, host), hosts))
    return hosts


def add(identity: Identity, name: HostName, say: Say) -> Host:
    """A host beside those of a lab that is up, which are left alone: tests may be at work on them."""
    engine, numbers = engines.running(), remembered_numbers(identity)
    if engine is None or not numbers:
        raise LabError(f"lab {identity.name!r} is not up")
    subnet = Subnet(numbers[0])
    with file_lock(_lock(identity)):
        names = _with_running(engine, identity, [name])
        host = machines.ensure(engine, identity, name, subnet, OwnEngine.asked(), say)
        line = ssh.authorize(host, ssh.ensure_key(identity))
        known = identity.known_hosts.read_text()
        ssh.write_whole(identity.known_hosts, known if line in known else known + line)
        ssh.write_inventory(identity, subnet, [Host(engine, identity, each, subnet) for each in names])
        ssh.await_answer(identity, host)
    return host


def _with_running(engine: Engine, identity: Identity, names: Sequence[HostName]) -> list[HostName]:
    running = [
        HostName.parse(name) for name, entry in machines.of_lab(engine, identity).items() if entry["State"]["Running"]
    ]
    return sorted({*names, *running}, key=lambda name: name.place)


def down(identity: Identity, say: Say) -> None:
    """Remove what this lab made, and nothing else."""
    limits.require_root()
    began = time.monotonic()
    with file_lock(_lock(identity)):
        engine = engines.revive(say)
        removed = machines.remove(engine, identity) if engine else []
        end_connections(identity)
        for machine in SERVING:
            servers.end(Space(identity.thing(machine)))
        network.remove(identity)
        shutil.rmtree(identity.state, ignore_errors=True)
    say(f"lab {identity.name} is gone ({len(removed)} hosts, {time.monotonic() - began:.1f} s)")
    if engine is None:
        say("no engine answers; if it still has hosts of this lab, start it and say `down` again")


def prune(say: Say) -> None:
    """Take down the labs of checkouts that are no longer there."""
    limits.require_root()
    engine = engines.revive(say)
    for identity in machines.labs(engine) if engine else []:
        if not identity.root.is_dir():
            down(identity, say)


def remembered_numbers(identity: Identity) -> list[int]:
    """The number in the lab's state, where there is one."""
    try:
        return [int(json.loads(_record(identity).read_text())["number"])]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def status(identity: Identity) -> list[tuple[str, str, str, str]]:
    """A row for each host: name, state, address, engine."""
    limits.require_root()
    engine = engines.running()
    numbers = remembered_numbers(identity)
    if engine is None or not numbers:
        return []
    subnet = Subnet(numbers[0])
    rows = []
    for name, entry in machines.of_lab(engine, identity).items():
        host = Host(engine, identity, HostName.parse(name), subnet)
        rows.append((name, entry["State"]["Status"], host.address, _engine_state(host)))
    return sorted(rows, key=lambda row: HostName.parse(row[0]).place)


def _engine_state(host: Host) -> str:
    try:
        return host.engine_version
    except LabError:
        return "does not answer"


def _record(identity: Identity) -> Path:
    return identity.state / "state.json"


def _lock(identity: Identity) -> Path:
    return engines.RUN / "locks" / identity.tag
