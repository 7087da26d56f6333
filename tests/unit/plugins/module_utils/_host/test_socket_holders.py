# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens at an address, as the kernel tells it, whatever names are about."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import daemon_process, procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import SocketHolders
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_api import (
    EngineAddress,
    parse_engine_address,
)

OWN = os.getpid()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A socket that this process listens at."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "a.sock"))
        listening.listen()
        yield tmp_path / "a.sock"


def test_who_listens_holds_it_by_any_name_of_the_file(path: Path) -> None:
    link = path.parent / "link.sock"
    link.symlink_to(path)
    other = path.parent / "hard.sock"
    os.link(path, other)
    for name in (path, link, other):
        assert SocketHolders(EngineAddress(str(name))).holds(OWN) is True
    own = {Path(procfs.program(OWN) or "").name}
    assert SocketHolders(EngineAddress(str(path))).programs() == own


def test_processes_of_containers_are_not_looked_into(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs, "is_nested", lambda dummy: True)
    monkeypatch.setattr(procfs, "sockets", None)
    assert SocketHolders(EngineAddress(str(path))).programs() == set()


def test_others_do_not(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path.parent / "b.sock"))
        assert SocketHolders(EngineAddress(str(path.parent / "b.sock"))).holds(OWN) is False
        assert SocketHolders(EngineAddress(str(path.parent / "b.sock"))).programs() == set()
    assert SocketHolders(EngineAddress(str(path.parent / "none.sock"))).holds(OWN) is False
    (path.parent / "file").touch()
    assert SocketHolders(EngineAddress(str(path.parent / "file"))).holds(OWN) is False


CLIENT = """
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
print("connected", flush=True)
sys.stdin.read()
"""


def test_a_client_is_no_server(path: Path) -> None:
    command = [sys.executable, "-c", CLIENT, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"connected\n"
        assert SocketHolders(EngineAddress(str(path))).holds(client.pid) is False
        client.communicate()


def test_a_name_that_lies_about_other_sockets_is_only_a_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc/net/unix shows the bytes as they are: this one looks there like a line of its own."""
    inode = next(iter(procfs.sockets(OWN)))
    monkeypatch.chdir(path.parent)
    lie = f"\0x\n0: 00000002 00000000 00010000 0001 01 {inode} other.sock"
    (path.parent / "other.sock").touch()
    with socket.socket(socket.AF_UNIX) as lying:
        lying.bind(lie)
        lying.listen()
        assert SocketHolders(EngineAddress(str(path.parent / "other.sock"))).holds(OWN) is False
        assert SocketHolders(EngineAddress(str(path))).holds(OWN) is True


def test_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert SocketHolders(parse_engine_address(f"tcp://localhost:{port}")).holds(OWN) is True
    assert SocketHolders(parse_engine_address(f"tcp://localhost:{port}")).holds(OWN) is not True


def test_only_root_and_the_owner_may_serve(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users = {1: 0, 2: 1000, 3: 65534, 4: None}
    monkeypatch.setattr(procfs, "uid", users.get)
    monkeypatch.setattr(daemon_process, "_owner", lambda dummy: 1000)
    assert [pid for pid in users if SocketHolders(EngineAddress(str(path))).may_serve(pid)] == [1, 2]
    monkeypatch.setattr(daemon_process, "_owner", lambda dummy: 0)
    assert [pid for pid in users if SocketHolders(EngineAddress(str(path))).may_serve(pid)] == [1]
    monkeypatch.setattr(daemon_process, "_owner", lambda dummy: None)
    assert [pid for pid in users if SocketHolders(EngineAddress(str(path))).may_serve(pid)] == [1]
    assert [pid for pid in users if SocketHolders(EngineAddress(host="127.0.0.1", port=1)).may_serve(pid)] == [1]


def test_a_kernel_that_does_not_tell(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(dummy: int) -> None:
        raise FileNotFoundError(2, "no such kind of socket")

    monkeypatch.setattr(daemon_process, "Netlink", refuses)
    assert SocketHolders(EngineAddress(str(path))).holds(OWN) is None
    monkeypatch.setattr(procfs, "sockets", lambda dummy: set())
    assert SocketHolders(EngineAddress(str(path))).holds(OWN) is None
