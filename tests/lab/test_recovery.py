"""`up` from whatever is left of a lab: each test breaks a lab of its own in one way and starts it again."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import lifecycle, machines
from tests.lab.ansible_runs import ansible_module
from tests.lab.identity import Identity
from tests.lab.kinds import HostName
from tests.lab.lab import Lab
from tests.lab.network import MAIN, Space
from tests.lab.proc import LabError, run, wait_for
from tests.lab.scenario import Scenario, Workload

HOST = HostName.parse("debian13")

pytestmark = [pytest.mark.xdist_group("recovery"), pytest.mark.long]


def start(identity: Identity) -> Lab:
    lifecycle.up(identity, [HOST], print)
    return Lab.open(identity.name)


@pytest.fixture(scope="module")
def own_identity() -> Iterator[Identity]:
    identity = Identity.of("recovery")
    yield identity
    lifecycle.down(identity, print)


@pytest.fixture
def own_lab(own_identity: Identity) -> Lab:
    return start(own_identity)


def assert_whole(lab: Lab) -> None:
    host = lab.host(HOST.name)
    assert "internet saw " + host.address in host.http(lab.internet_address, 80).body
    assert "outside saw " + host.address6 in host.http(lab.outside.address6, 80).body
    assert host.docker("image", "ls", "--quiet").out.strip()
    assert ansible_module(host, "ansible.builtin.ping")["ping"] == "pong"


def lives(pid: str) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not, and has no command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def test_up_again_leaves_everything_as_it_is(own_lab: Lab) -> None:
    before = own_lab.host(HOST.name).pid
    assert start(own_lab.identity).host(HOST.name).pid == before
    assert_whole(own_lab)


def test_host_killed(own_lab: Lab) -> None:
    host = own_lab.host(HOST.name)
    own_lab.engine.docker("kill", host.container_name)
    with pytest.raises(LabError, match="has no running host"):
        own_lab.host(HOST.name)
    assert_whole(start(own_lab.identity))


def test_host_whose_engine_lost_sight_of_it(own_lab: Lab) -> None:
    """Its shim is killed; what runs in the container lives on until somebody ends it."""
    host = own_lab.host(HOST.name)
    container = own_lab.engine.inspect([host.container_name])[host.container_name]["Id"]
    shim = int(run(["ps", "-o", "ppid=", "-p", str(host.pid)]).out)
    assert container in Path(f"/proc/{shim}/cmdline").read_text()
    os.kill(shim, signal.SIGKILL)
    wait_for(lambda: HOST.name not in own_lab.hosts, 120, "the engine to notice")
    assert_whole(start(own_lab.identity))


def test_host_paused(own_lab: Lab) -> None:
    own_lab.engine.docker("pause", own_lab.host(HOST.name).container_name)
    assert_whole(start(own_lab.identity))


def test_host_with_a_container_that_is_paused(own_lab: Lab) -> None:
    host = own_lab.host(HOST.name)
    host.deploy(Scenario(containers=[Workload("web", serve=[80])]))
    host.docker("pause", "web")
    machines.remove(own_lab.engine, own_lab.identity)
    assert not own_lab.engine.inspect([host.container_name])
    assert_whole(start(own_lab.identity))


def test_host_removed(own_lab: Lab) -> None:
    own_lab.engine.docker("rm", "--force", "--volumes", own_lab.host(HOST.name).container_name)
    assert_whole(start(own_lab.identity))


def test_host_made_but_never_started(own_lab: Lab) -> None:
    container = own_lab.host(HOST.name).container_name
    image = own_lab.engine.inspect([container])[container]["Config"]["Image"]
    own_lab.engine.docker("rm", "--force", "--volumes", container)
    machines.create(own_lab.engine, own_lab.identity, HOST, image)
    assert_whole(start(own_lab.identity))


def test_docker_on_the_host_stopped_or_unable_to_start(own_lab: Lab) -> None:
    host = own_lab.host(HOST.name)
    host.break_("daemon-json-trailing-comma")
    host.break_("daemon-stopped")
    assert_whole(start(own_lab.identity))


@pytest.mark.parametrize("machine", ["lan", "internet", "outside"])
def test_namespace_gone(own_lab: Lab, machine: str) -> None:
    space = Space(own_lab.identity.thing(machine))
    run(["ip", "netns", "delete", space.name])
    assert_whole(start(own_lab.identity))


def test_namespace_file_without_a_namespace(own_lab: Lab) -> None:
    space = Space(own_lab.identity.thing("outside"))
    run(["umount", space.path])
    assert_whole(start(own_lab.identity))


def test_servers_of_a_lost_namespace_end_with_the_lab(own_lab: Lab) -> None:
    space = Space(own_lab.identity.thing("outside"))
    lost = run(["ip", "netns", "pids", space.name]).out.split()
    run(["umount", space.path])
    lifecycle.down(own_lab.identity, print)
    wait_for(lambda: not any(lives(pid) for pid in lost), 120, "the servers to end")
    assert lost


def test_servers_killed(own_lab: Lab) -> None:
    for pid in run(["ip", "netns", "pids", own_lab.identity.thing("internet")]).out.split():
        os.kill(int(pid), signal.SIGKILL)
    assert_whole(start(own_lab.identity))


def test_host_unplugged(own_lab: Lab) -> None:
    own_lab.host(HOST.name).net(["ip", "link", "delete", "eth0"])
    assert_whole(start(own_lab.identity))


def test_controller_leg_gone(own_lab: Lab) -> None:
    MAIN.ip("link", "delete", own_lab.subnet.leg)
    assert_whole(start(own_lab.identity))


def test_state_deleted(own_lab: Lab) -> None:
    shutil.rmtree(own_lab.identity.state)
    with pytest.raises(LabError, match="is not up"):
        Lab.open(own_lab.identity.name)
    assert_whole(start(own_lab.identity))


def test_state_of_nonsense(own_lab: Lab) -> None:
    for name in ("state.json", "known_hosts", "id_ed25519", "inventory.yml"):
        (own_lab.identity.state / name).write_text("\0nonsense")
    assert_whole(start(own_lab.identity))


def test_labs_of_a_checkout_that_is_gone_are_pruned(own_lab: Lab, tmp_path: Path) -> None:
    gone = Identity("orphan", tmp_path / "clone" / ".build" / "lab-orphan")
    lifecycle.up(gone, [HOST], print)
    shutil.rmtree(tmp_path / "clone")
    lifecycle.prune(print)
    assert not own_lab.engine.labelled(f"dockernet.lab={gone.tag}")
    assert gone.tag not in run(["ip", "netns", "list"]).out
    assert_whole(own_lab)


def test_everything_down_leaves_nothing(own_lab: Lab) -> None:
    identity, engine = own_lab.identity, own_lab.engine
    volumes = set(engine.docker("volume", "ls", "--quiet").out.split())
    lifecycle.down(identity, print)
    assert not engine.labelled(f"dockernet.lab={identity.tag}")
    assert len(volumes - set(engine.docker("volume", "ls", "--quiet").out.split())) == 1
    assert identity.tag not in run(["ip", "netns", "list"]).out
    assert own_lab.subnet.leg not in MAIN.links()
    assert own_lab.subnet.leg not in run(["ip", "rule", "show"]).out
    assert not identity.state.exists()
    lifecycle.down(identity, print)  # nothing to remove is no error
