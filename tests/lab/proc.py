"""Programs run by the lab: argument lists only, always with a time limit."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

DEFAULT_TIMEOUT = 300.0
"""As all limits of the lab it says when something hangs: a machine may be ten times slower than another."""
POLL_SECONDS = 0.05


class LabError(Exception):
    """The lab cannot go on; the message says why in words for the person at the terminal."""


class CommandError(LabError):
    """A program ended with another status than 0, or did not end in time."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result


@dataclass(frozen=True)
class Result:
    """What a program left behind. `rc` is its exit status."""

    rc: int
    out: str
    err: str


def run(
    argv: Sequence[str],
    *,
    check: bool = True,
    stdin: str | bytes | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    env: dict[str, str] | None = None,
) -> Result:
    """Run a program and wait for it.

    Raises CommandError when it does not end within `timeout` seconds, or with `check` when its status is not 0.
    """
    data = stdin.encode() if isinstance(stdin, str) else stdin
    stream = subprocess.DEVNULL if data is None else None
    try:
        done = subprocess.run(
            list(argv), stdin=stream, input=data, capture_output=True, timeout=timeout, check=False, env=env
        )
    except subprocess.TimeoutExpired as error:
        result = Result(124, _text(error.stdout), _text(error.stderr))
        raise CommandError(f"no end within {timeout:g} s: {_shown(argv)}", result) from error
    except FileNotFoundError as error:
        raise LabError(f"program not found: {argv[0]}") from error
    result = Result(done.returncode, _text(done.stdout), _text(done.stderr))
    if check and result.rc != 0:
        said = (result.err.strip() or result.out.strip())[-2000:]
        raise CommandError(f"status {result.rc} from: {_shown(argv)}\n{said}", result)
    return result


def spawn(argv: Sequence[str], output: Path = Path(os.devnull)) -> int:
    """Start a program that outlives this one, in a session of its own; returns its process id."""
    program = shutil.which(argv[0])
    if program is None:
        raise LabError(f"program not found: {argv[0]}")
    to_output = (os.POSIX_SPAWN_OPEN, 1, str(output), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    files = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), to_output, (os.POSIX_SPAWN_DUP2, 1, 2)]
    return os.posix_spawn(program, list(argv), dict(os.environ), file_actions=files, setsid=True)


def has_ended(pid: int) -> bool:
    """Whether a program started by spawn() is gone."""
    return os.waitpid(pid, os.WNOHANG)[0] == pid


def wait_for(condition: Callable[[], T], limit: float, what: str) -> T:
    """Ask `condition` again and again until it answers something true, and return that.

    Raises LabError, naming `what`, when `limit` seconds have passed.
    """
    end = time.monotonic() + limit
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= end:
            raise LabError(f"waited {limit:g} s in vain for {what}")
        time.sleep(POLL_SECONDS)


def _text(data: bytes | str | None) -> str:
    if data is None:
        return ""
    return data if isinstance(data, str) else data.decode("utf-8", "replace")


def _shown(argv: Sequence[str]) -> str:
    line = " ".join(argv)
    return line if len(line) <= 300 else line[:300] + " ..."
