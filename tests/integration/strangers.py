# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of a user who is nobody, by the names of Docker's programs, on a lab host."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.lab.host import Host

NOBODY = 65534
PLACE = "/srv/strangers"
# What root would run if it ran what such a process names: it says so here.
MARK = "/run/stranger-ran"
TRAP = f'#!/bin/sh\necho "$0 $*" >>{MARK}\nid >>{MARK}\n'
LISTEN = """
import socket, sys, threading
port = int(dict(zip(sys.argv, sys.argv[1:])).get("-host-port", 0))
if port:
    server = socket.create_server(("", port))
    while True:
        server.accept()[0].close()
threading.Event().wait()
"""


class Stranger:
    """One such process, in a unit of its own."""

    def __init__(self, host: Host, unit: str, program: str) -> None:
        self._host = host
        self.unit = unit
        self.program = program

    @property
    def pid(self) -> int:
        """Its process id on the host; 0 when it does not run."""
        return int(self._host.run(["systemctl", "show", self.unit, "--property=MainPID", "--value"]).out)


@contextmanager
def strangers(host: Host) -> Iterator[None]:
    """A place for them, and the end of all of them."""
    host.write(f"{PLACE}/listen.py", LISTEN)
    host.run(["rm", "-f", MARK])
    try:
        yield
    finally:
        host.run(f"systemctl stop 'stranger-*.service'; rm -rf {PLACE} {MARK}", check=False)


def start_stranger(
    host: Host, key: str, name: str, words: Sequence[str], *, own_mounts: bool = False, trap: bool = True
) -> Stranger:
    """Start a process of nobody's with that name, program and command line, and wait until it is that program.

    trap: whether another program then takes the place of the one that it runs.
    """
    program = f"{PLACE}/{key}/{name}"
    host.run(f'mkdir -p {PLACE}/{key} && cp "$(readlink -f /usr/bin/python3)" {program}')
    unit = f"stranger-{key}.service"
    properties = [f"--property=User={NOBODY}", *(["--property=PrivateMounts=yes"] if own_mounts else [])]
    host.run(["systemd-run", f"--unit={unit}", *properties, program, f"{PLACE}/listen.py", *words])
    stranger = Stranger(host, unit, program)
    comm = f'test "$(cat /proc/$(systemctl show {unit} --property=MainPID --value)/comm)" = {shlex.quote(name[:15])}'
    host.wait_for(lambda: host.run(comm, check=False).rc == 0, 120, f"{unit} to run {program}")
    if trap:
        host.write(f"{program}.new", TRAP, 0o755)
        host.run(["mv", f"{program}.new", program])
    return stranger


def traps_that_ran(host: Host) -> str:
    """What the programs of strangers left when they were run; empty when nobody ran one."""
    return host.read(MARK) if host.exists(MARK) else ""
