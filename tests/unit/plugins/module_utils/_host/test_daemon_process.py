"""Which dockerd serves which address."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import daemon_process, procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import describe_daemon, serves


@pytest.mark.parametrize(
    ("hosts", "wanted", "yes"),
    [
        (["unix:///var/run/docker.sock"], "unix:///var/run/docker.sock", True),
        (["fd://"], "unix:///var/run/docker.sock", True),
        (["unix:///run/other.sock"], "unix:///var/run/docker.sock", False),
        (["tcp://0.0.0.0:2375"], "tcp://127.0.0.1:2375", True),
        (["tcp://0.0.0.0:2375"], "tcp://127.0.0.1:2376", False),
        (["unix:///run/docker.sock"], "tcp://127.0.0.1:2375", False),
        (["tcp://0.0.0.0:2375", "unix:///a"], "http+unix:///a", True),
        ([], "unix:///a", False),
        (["tcp://[::1"], "tcp://[::1", False),
    ],
)
def test_addresses(hosts: list[str], wanted: str, yes: bool) -> None:
    assert serves(hosts, wanted) is yes


def test_links_in_a_path_are_followed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "var-run").symlink_to("run")
    assert serves([f"unix://{tmp_path}/var-run/d.sock"], f"unix://{tmp_path}/run/d.sock")


def test_a_process_by_that_name_is_no_dockerd() -> None:
    own = procfs.read_process(os.getpid())
    assert own is not None
    pretender = procfs.Process(own.pid, "dockerd", own.ppid, own.start_ticks)
    assert daemon_process.find_daemons([own, pretender]) == []


def test_sockets_that_the_service_manager_handed_over_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    own = procfs.read_process(os.getpid())
    assert own is not None
    for words, count in (({"LISTEN_FDS": "2", "SECRET": "x"}, 2), ({"LISTEN_FDS": "many"}, 0), ({}, 0)):
        monkeypatch.setattr(procfs, "environment", lambda pid, words=words: words)
        daemon = describe_daemon(own)
        assert (daemon.sockets_handed, daemon.uid, daemon.pid) == (count, os.getuid(), os.getpid())
