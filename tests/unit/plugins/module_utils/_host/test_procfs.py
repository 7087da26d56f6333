"""/proc, looked at from the process that is tested."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs, socket_owners

GONE = 2**22 + 1  # above the largest process id


def test_own_process() -> None:
    own = procfs.read_process(os.getpid())
    assert own is not None
    assert own.ppid == os.getppid()
    assert own in procfs.processes()
    assert 0 <= time.time() - procfs.started_at(own) < 86400
    assert procfs.argv(own.pid)
    assert procfs.uid(own.pid) == os.getuid()
    assert procfs.namespace(own.pid, "net") == os.stat("/proc/self/ns/net").st_ino
    assert os.path.basename(procfs.program(own.pid) or "").startswith("python")
    assert not procfs.is_nested(own.pid)


def test_what_a_process_is_limited_to_and_holds() -> None:
    with open("/proc/self/status", encoding="ascii") as status:
        (shown,) = (line.split()[1] for line in status if line.startswith("CapBnd:"))
    assert procfs.bounding_set(os.getpid()) == int(shown, 16)
    with socket.socket(socket.AF_UNIX) as held:
        inode = os.fstat(held.fileno()).st_ino
        assert inode in procfs.sockets(os.getpid())
    assert inode not in procfs.sockets(os.getpid())


def test_a_process_that_is_gone() -> None:
    assert procfs.bounding_set(GONE) is None
    assert procfs.sockets(GONE) == set()
    assert procfs.read_process(GONE) is None
    assert procfs.argv(GONE) == []
    assert procfs.environment(GONE) == {}
    assert procfs.namespace(GONE, "net") is None
    assert procfs.program(GONE) is None
    assert procfs.uid(GONE) is None
    assert not procfs.is_nested(GONE)


def test_a_name_may_hold_blanks_and_parentheses() -> None:
    code = "open('/proc/self/comm', 'w').write('a) R 1 (b'); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        process = procfs.read_process(child.pid)
        child.communicate(b"\n")
    assert process is not None
    assert (process.name, process.ppid) == ("a) R 1 (b", os.getpid())


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_a_name_that_ends_a_line_for_some_is_no_line_of_the_kernel(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """prctl(PR_SET_NAME) takes 15 bytes of anything; status shows them as they are, but for a newline."""
    status = f"Name:\t{end}Uid: 0 0\nUid:\t65534\t65534\nNSpid:\t7\t1\nCapBnd:\t0000000000000001\n"
    monkeypatch.setattr(procfs, "read_bytes", lambda *dummy: status.encode())
    assert procfs.uid(7) == 65534
    monkeypatch.setattr(procfs, "read_bytes", lambda *dummy: status.replace("Uid: 0", "NSpid: 7").encode())
    assert procfs.is_nested(7)


LIES = """
import ctypes, os, sys
name = sys.argv[1].encode("latin-1")
os.setuid(65534)
ctypes.CDLL(None).prctl(15, name, 0, 0, 0)
print("named", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["\x1cUid:\t0", "\x85Uid:\t0\t0", "\x0bNSpid:\t1", "\nUid:\t0", "a) R 1 1"])
def test_a_name_writes_no_line_into_what_the_kernel_says_of_a_process(name: str) -> None:
    unshared = ["unshare", "--fork", "--pid", "--kill-child"]
    program = [*unshared, sys.executable, "-c", LIES, name]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as outer:
        assert outer.stdin is not None
        assert outer.stdout is not None
        try:
            assert outer.stdout.readline() == b"named\n"
            (inner,) = [item for item in procfs.processes() if item.ppid == outer.pid]
            assert procfs.uid(inner.pid) == 65534
            assert procfs.is_nested(inner.pid)
        finally:
            outer.stdin.close()


def test_a_file_that_has_no_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs, "_LARGEST", 100)
    with pytest.raises(OSError, match="more than 100 bytes"):
        procfs.read_whole("/dev/zero")
    assert procfs.environment(os.getpid()) == {}


def test_of_somebody_who_has_very_many_files_open_only_so_many_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        mine = next(item for item in socket_owners.read_listeners({}) if item.port == port)
        assert mine.pid == os.getpid()
        # As if this process were in another namespace than the one that is asked.
        monkeypatch.setattr(socket_owners, "_namespace", lambda pid: pid == "self")
        monkeypatch.setattr(socket_owners, "_MOST_OPEN_FILES", 1)
        mine = next(item for item in socket_owners.read_listeners({}) if item.port == port)
        assert mine.pid is None
