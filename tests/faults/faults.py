"""Ways in which a host can fail a change, each for the time of a with statement."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.lab.host import Host
from tests.lab.proc import run

DROP_IN = "/etc/systemd/system/docker.service.d/zz-fault.conf"
WRAPPER = "/usr/local/sbin/faulty-dockerd"
FILLED = 'head -c 1M /dev/zero > "$1/filling" 2>/dev/null; test -s "$1/filling"'

# What it does in place of dockerd when daemon.json has the word; --validate is always dockerd's own.
SCRIPT = """#!/bin/sh
case " $* " in *" --validate "*) exec {dockerd} "$@";; esac
if grep -q '{word}' /etc/docker/daemon.json; then {instead}; fi
exec {dockerd} "$@"
"""


@contextlib.contextmanager
def full(host: Host, folder: str) -> Iterator[None]:
    """A folder on a file system of its own, with what it had, on which no byte is left."""
    host.run(
        [
            "sh",
            "-c",
            'mkdir -p "$1" && cp -a "$1" /tmp/kept && mount -t tmpfs -o size=64k,mode=755 tmpfs "$1"',
            "sh",
            folder,
        ]
    )
    try:
        host.run(["sh", "-c", f'cp -a /tmp/kept/. "$1"/ && {FILLED}', "sh", folder])
        yield
    finally:
        host.run(["sh", "-c", 'umount "$1" && rm -r /tmp/kept', "sh", folder])


@contextlib.contextmanager
def read_only(host: Host, path: str) -> Iterator[None]:
    """A folder, or a single file, that is mounted there by itself and cannot be written."""
    host.run(["mount", "--bind", path, path])
    try:
        host.run(["mount", "-o", "remount,bind,ro", path])
        yield
    finally:
        host.run(["umount", path])


@contextlib.contextmanager
def immutable(host: Host, path: str) -> Iterator[None]:
    """By the controller's chattr, as hosts have none."""
    seen = f"/proc/{host.pid}/root{path}"
    run(["chattr", "+i", seen])
    try:
        yield
    finally:
        run(["chattr", "-i", seen])


@contextlib.contextmanager
def unit_with(host: Host, *lines: str) -> Iterator[None]:
    """docker.service with further lines."""
    host.write(DROP_IN, "\n".join(("[Service]", *lines, "")))
    host.run(["systemctl", "daemon-reload"])
    try:
        yield
    finally:
        host.run(["rm", DROP_IN])
        host.run(["systemctl", "daemon-reload"])


@contextlib.contextmanager
def instead_of_dockerd(host: Host, word: str, instead: str) -> Iterator[None]:
    """A dockerd that does something else at its start when daemon.json has the word."""
    start = host.run(["systemctl", "show", "docker.service", "--property=ExecStart"]).out
    words = start.partition("argv[]=")[2].partition(" ;")[0].split()
    host.write(WRAPPER, SCRIPT.format(dockerd=words[0], word=word, instead=instead), 0o755)
    with unit_with(host, "ExecStart=", " ".join(["ExecStart=" + WRAPPER, *words[1:]])):
        yield
