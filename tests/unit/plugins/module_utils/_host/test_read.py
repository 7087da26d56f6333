"""A host without Docker is still read as far as it goes."""

from __future__ import annotations

import re
import socket
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import engine, read, read_for_packets, service
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import Dockerds, SocketHolders
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import Churn, SourceReadings
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_whole import read_whole
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import SOURCES

from tests.unit.plugins.module_utils._change.hosts import HOST


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No dockerd, no unit, no script that would start one."""
    monkeypatch.setattr(service, "SYSTEMD_RUNS", tmp_path / "none")
    monkeypatch.setattr(service, "INIT_SCRIPT", tmp_path / "none")
    monkeypatch.setattr(engine, "PROGRAM_PATH", str(tmp_path))
    monkeypatch.setattr(read, "find_dockerds", lambda *dummy: Dockerds())
    return tmp_path


def nothing(argv: list[str]) -> tuple[int, str, str]:
    return 127, "", f"{argv[0]}: not found"


def test_no_docker_at_all(bare: Path) -> None:
    snapshot = read_whole(nothing, docker_host=f"unix://{bare}/docker.sock", config_path=str(bare / "daemon.json"))
    reason = f"no Docker Engine: nothing serves unix://{bare}/docker.sock, and no dockerd is installed"
    for source in ("engine", "namespaces"):
        assert (snapshot.sources[source].kind, snapshot.sources[source].reason) == ("absent", reason)
    assert snapshot.was_read("sysctl")
    assert snapshot.sysctls["net.ipv4.ip_forward"] in ("0", "1")
    assert snapshot.daemon_config is not None
    assert not snapshot.daemon_config.exists
    assert load_snapshot(snapshot.to_json()) == snapshot


def test_the_socket_that_a_removed_engine_left_is_no_docker(bare: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(bare / "docker.sock"))
    source = read_whole(nothing, docker_host=f"unix://{bare}/docker.sock").sources["engine"]
    assert source.kind == "absent"


@pytest.mark.parametrize(
    ("program", "kind"),
    [
        # The kernel keeps fifteen characters of a name.
        ("docker-desktop-", "desktop"),
        ("docker-desktop-user-distro", "desktop"),
        ("com.docker.backend", "desktop"),
        ("lima-guestagent", "error"),
        ("", "error"),
    ],
)
def test_a_socket_that_something_else_serves_is_unknown(
    bare: Path, monkeypatch: pytest.MonkeyPatch, program: str, kind: str
) -> None:
    programs = {program} if program else set()
    monkeypatch.setattr(SocketHolders, "programs", lambda dummy: programs)
    if not program:
        # As from inside a container that was given the socket of the machine around it.
        monkeypatch.setattr(engine, "listening", lambda dummy: set())
    with socket.socket(socket.AF_UNIX) as served:
        served.bind(str(bare / "docker.sock"))
        served.listen()
        source = read_whole(nothing, docker_host=f"unix://{bare}/docker.sock").sources["engine"]
    assert source.kind == kind
    assert f"served by {program or 'a process that is not visible'}" in source.reason


def test_a_socket_in_a_folder_for_others_is_no_missing_one(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*dummy: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(engine, "connected", refused)
    source = read_whole(nothing, docker_host=f"unix://{bare}/docker.sock").sources["engine"]
    assert source.kind == "denied"
    assert "permission denied" in source.reason


def test_podman_without_docker_is_named(bare: Path) -> None:
    (bare / "podman").touch(mode=0o755)
    source = read_whole(nothing, docker_host=f"unix://{bare}/docker.sock").sources["engine"]
    assert source.kind == "podman"


def test_a_snap_that_does_not_run_is_stopped(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.isdir", lambda path: path == "/var/snap/docker/current")
    assert read_whole(nothing, docker_host=f"unix://{bare}/docker.sock").sources["engine"].kind == "stopped"


def test_docker_desktop_is_no_host_without_docker(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.isdir", lambda path: path == "/opt/docker-desktop")
    source = read_whole(nothing, docker_host=f"unix://{bare}/docker.sock").sources["engine"]
    assert source.kind == "desktop"
    assert source.reason.startswith("docker-desktop is installed")


def test_a_rootless_engine_at_another_socket_is_no_host_without_docker(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "addresses_served", lambda dummy: ["unix:///run/user/1000/docker.sock for user 1000"])
    source = read_whole(nothing, docker_host=f"unix://{bare}/docker.sock").sources["engine"]
    assert source.kind == "error"
    assert "/run/user/1000/docker.sock" in source.reason


def test_a_change_reads_no_more_than_its_plan_asks(bare: Path) -> None:
    snapshot = read.read_snapshot(nothing, docker_host=f"unix://{bare}/docker.sock")
    left = {"routes", "policy_rules", "neighbours", "traffic_control", "ipsec", "listeners", "container_namespaces"}
    left |= {"nameservers", "conntrack", "managed_links"}
    assert set(SOURCES) - set(snapshot.sources) == left
    assert set(read_whole(nothing, docker_host=f"unix://{bare}/docker.sock").sources) == set(SOURCES)


def test_a_dockerd_that_is_installed_and_does_not_run(bare: Path) -> None:
    program = bare / "dockerd"
    program.touch(mode=0o755)
    snapshot = read_whole(nothing, docker_host=f"unix://{bare}/docker.sock")
    assert snapshot.sources["engine"].kind == "stopped"


@pytest.mark.parametrize(
    ("holders", "end"),
    [
        ({"systemd"}, "start it. A connection to its socket would start it, so none was made"),
        ({"dockerd"}, "start it"),
        (set(), "start it"),
    ],
    ids=["socket of systemd", "socket of another", "no socket"],
)
def test_an_engine_that_a_connection_would_start_is_not_asked(
    bare: Path, monkeypatch: pytest.MonkeyPatch, holders: set[str], end: str
) -> None:
    (bare / "dockerd").touch(mode=0o755)
    monkeypatch.setattr(service, "SYSTEMD_RUNS", bare)
    monkeypatch.setattr(SocketHolders, "programs", lambda dummy: holders)
    snapshot = read_whole(
        lambda argv: (0, "LoadState=loaded\nActiveState=inactive\n", ""), docker_host=f"unix://{bare}/docker.sock"
    )
    source = snapshot.sources["engine"]
    assert source.kind == "stopped"
    assert source.reason == f"dockerd does not run (docker.service is inactive); {end}"


def test_a_unit_that_is_active_while_its_process_is_hidden(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SYSTEMD_RUNS", bare)
    snapshot = read_whole(
        lambda argv: (0, "LoadState=loaded\nActiveState=active\n", ""), docker_host=f"unix://{bare}/docker.sock"
    )
    assert snapshot.sources["processes"].kind == "denied"
    assert snapshot.sources["engine"].kind == "error"


@pytest.mark.parametrize(
    ("answers", "states", "read_at"),
    [
        (True, ["active"], "active"),
        (True, ["activating", "active"], "active"),
        (True, ["activating"] * 3, "activating"),
        # One that does not come up is unknown, and stays so.
        (False, ["activating", "active"], "activating"),
    ],
)
def test_a_host_whose_dockerd_was_starting_is_read_again(
    monkeypatch: pytest.MonkeyPatch, *, answers: bool, states: list[str], read_at: str
) -> None:
    left = iter(states)

    def reading(dummy: Any, ledger: SourceReadings) -> None:
        assert HOST.service is not None
        service = replace(HOST.service, active=next(left))
        ledger.take("service", lambda: service, lambda value: {"service": value})
        ledger.take("engine", answer, lambda dummy: {})

    def answer() -> None:
        if not answers:
            raise OSError("no answer")

    monkeypatch.setattr(read, "_read", reading)
    monkeypatch.setattr(read, "churn_of", lambda *dummy: Churn())
    taken = read_whole(nothing)
    assert taken.service is not None
    assert taken.service.active == read_at


@pytest.mark.parametrize("error", [ZeroDivisionError, MemoryError, RecursionError, struct.error])
@pytest.mark.parametrize(
    ("reader", "source"),
    [(f"{read.__name__}.with_namespaces", "namespaces"), (f"{read_for_packets.__name__}.read_routes", "routes")],
)
def test_an_error_in_a_reader_costs_that_source_alone(
    bare: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception], reader: str, source: str
) -> None:
    def broken(*dummy: object) -> None:
        raise error("words\nof a \x1b[31mstranger")

    monkeypatch.setattr(read, "read_declared", lambda *dummy, **dummy2: engine.Declared())
    monkeypatch.setattr(reader, broken)
    snapshot = read_whole(nothing, docker_host=f"unix://{bare}/docker.sock")
    assert snapshot.sources[source].kind == "defect"
    (defect,) = snapshot.defects
    assert (defect.part, defect.error) == (f"source {source}", f"{error.__name__}: words\\x0aof a \\x1b[31mstranger")
    assert snapshot.sources[source].reason == str(defect)
    assert re.fullmatch(r"module_utils/_host/\w+\.py:\d+", defect.place)
    assert snapshot.was_read("links")
    assert snapshot.was_read("sysctl")
    assert load_snapshot(snapshot.to_json()) == snapshot


def test_where_dockerd_could_not_be_looked_for_nobody_says_that_there_is_none(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*dummy: object) -> None:
        raise ValueError("²")

    monkeypatch.setattr(read, "find_dockerds", broken)
    snapshot = read_whole(nothing, docker_host=f"unix://{bare}/docker.sock")
    assert snapshot.sources["processes"].kind == snapshot.sources["engine"].kind == "defect"
    assert snapshot.was_read("links")
