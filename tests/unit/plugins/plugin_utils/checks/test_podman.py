"""Podman at the socket is recognised, read as far as it means the same, and never started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import engine, procfs, read, service
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import Dockerds
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_whole import read_whole
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.unit.plugins.module_utils._host.podman import ANSWERS, serving


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


def test_podman_that_serves_the_socket_is_asked_and_no_check_passes(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = os.getpid()
    own = procfs.program(me)
    monkeypatch.setattr(procfs, "program", lambda pid: "/usr/bin/podman" if pid == me else own)
    with serving(bare / "docker.sock") as address:
        snapshot = read_whole(nothing, docker_host=address)
    assert snapshot.engine is not None
    assert (snapshot.engine.flavor, snapshot.engine.version) == ("podman", "4.9.3")
    assert snapshot.networks == []
    context = AuditContext(snapshot, Settings("disabled"))
    (finding,) = run_checks(context)
    assert (finding.check, finding.outcome) == ("audit.engine", "not_applicable")
    assert f"Podman 4.9.3 answers at {address}" in finding.summary
    assert "Podman 4.9.3" in context.matrix.problems[0]


def test_podman_that_answers_with_an_error_is_podman(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As 5.4.2 does to GET /version where it fails to describe its runtime."""
    me = os.getpid()
    monkeypatch.setattr(procfs, "program", lambda pid: "/usr/bin/podman" if pid == me else None)
    monkeypatch.delitem(ANSWERS, "version")
    with serving(bare / "docker.sock") as address:
        snapshot = read_whole(nothing, docker_host=address)
    assert snapshot.sources["engine"].kind == "podman"
    assert "refused" in snapshot.sources["engine"].reason
    (finding,) = run_checks(AuditContext(snapshot, Settings()))
    assert finding.outcome == "not_applicable"


def test_a_socket_of_podman_that_nobody_serves_is_left_alone(bare: Path) -> None:
    folder = bare / "podman"
    folder.mkdir()
    (folder / "podman.sock").touch()
    (bare / "docker.sock").symlink_to(folder / "podman.sock")
    snapshot = read_whole(nothing, docker_host=f"unix://{bare}/docker.sock")
    assert snapshot.sources["engine"].kind == "podman"
