"""/proc, looked at from the process that is tested."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs

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
