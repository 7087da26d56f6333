"""Runs of ansible-playbook, each a fork of one process for each environment: see playbook_server.py."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

from tests.lab import playbook_server
from tests.lab.identity import ROOT
from tests.lab.proc import DEFAULT_TIMEOUT, CommandError, LabError, Result

END_LIMIT = 10.0


def run_playbook(
    arguments: Sequence[str], environment: Mapping[str, str], further: Mapping[str, str], timeout: float
) -> Result:
    """Run ansible-playbook and wait for it; never raises for its exit status.

    environment: all of it but the variables that only this run has, `further`. Raises CommandError when it does not end
    within `timeout` seconds.
    """
    server = _server(tuple(sorted(environment.items())))
    request = json.dumps({"argv": ["ansible-playbook", *arguments], "environment": dict(further)}).encode()
    if len(request) > playbook_server.MAX_REQUEST:
        raise LabError(f"too much for a run of ansible-playbook: {len(request)} bytes of arguments")
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with theirs:
            socket.send_fds(server.requests, [request], [out.fileno(), err.fileno(), theirs.fileno()])
        status = _status(ours, timeout)
        result = Result(124 if status is None else status, _text(out), _text(err))
    if status is None:
        raise CommandError(f"no end within {timeout:g} s: ansible-playbook {' '.join(arguments)}"[:300], result)
    return result


class _Server:
    """The process that forks."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = [sys.executable, "-P", str(Path(playbook_server.__file__))]
        with theirs:
            self._process = subprocess.Popen(program, stdin=theirs.fileno(), env=dict(environment), cwd=ROOT)

    def close(self) -> None:
        self.requests.close()
        try:
            self._process.wait(END_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@cache
def _server(environment: tuple[tuple[str, str], ...]) -> _Server:
    server = _Server(dict(environment))
    atexit.register(server.close)
    return server


def _status(told: socket.socket, limit: float) -> int | None:
    """The exit status of a run. None: it took too long, and was killed."""
    # The first run waits until Ansible is imported.
    told.settimeout(DEFAULT_TIMEOUT)
    with told.makefile() as lines:
        pid = lines.readline()
        told.settimeout(limit)
        try:
            status = lines.readline()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
            return None
    if not status:
        raise LabError("ansible-playbook ended without an exit status: it was killed")
    return int(status)


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")
