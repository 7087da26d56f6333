"""Sockets of the test itself, as sock_diag shows them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import listeners, procfs, socket_owners
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_listener_and_who_holds_it(port: int) -> None:
    found = socket_owners.read_listeners({})
    program = os.path.basename(os.path.realpath("/proc/self/exe"))
    assert Listener("tcp", "127.0.0.1", port, owner=program, pid=os.getpid()) in found


def test_an_owner_that_cannot_be_seen(port: int) -> None:
    gone = procfs.Process(2**22 + 1, "gone", 1, 10**9)
    assert Listener("tcp", "127.0.0.1", port) in socket_owners.read_listeners({}, lambda: [gone])


def test_udp_waits_until_it_is_connected(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        wanted = Listener("udp", "127.0.0.1", bound.getsockname()[1])
        assert wanted in [item.listener for item in listeners.listening_sockets({})]
        bound.connect(("127.0.0.1", port))
        assert wanted not in [item.listener for item in listeners.listening_sockets({})]


def test_a_kernel_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(links: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(socket_owners, "listening_sockets", refuse)
    with pytest.raises(UnreadableError, match="the listening sockets"):
        socket_owners.read_listeners({})


@pytest.mark.parametrize(
    ("program", "uid", "nested", "name"),
    [
        ("/usr/bin/docker-proxy", 0, False, "docker-proxy"),
        ("/usr/sbin/dockerd", 0, False, "dockerd"),
        ("/tmp/docker-proxy", 65534, False, "docker-proxy of user 65534"),
        ("/tmp/dockerd", 65534, False, "dockerd of user 65534"),
        ("/usr/bin/dockerd", 0, True, "dockerd in a container"),
        ("/usr/sbin/nginx", 65534, True, "nginx"),
        (None, 65534, False, "docker-proxy of user 65534"),
    ],
)
def test_a_stranger_by_a_name_of_dockers_is_told_from_it(
    port: int, monkeypatch: pytest.MonkeyPatch, program: str | None, uid: int, name: str, *, nested: bool
) -> None:
    own = procfs.Process(os.getpid(), "docker-proxy", 1, 10**9)
    monkeypatch.setattr(procfs, "program", lambda dummy: program)
    monkeypatch.setattr(procfs, "read_process", lambda dummy: own)
    monkeypatch.setattr(procfs, "uid", lambda *dummy: uid)
    monkeypatch.setattr(procfs, "is_nested", lambda *dummy: nested)
    found = socket_owners.read_listeners({}, lambda: [own])
    assert Listener("tcp", "127.0.0.1", port, owner=name, pid=own.pid) in found
