"""The engine which runs the lab's hosts: the one that runs already, or one of the lab's own.

The lab's own engine has its socket, data and processes in places of its own, no bridge and no firewall rules: the lab's
network is made elsewhere (network.py), so nothing of the machine's network changes. It keeps its containers when it is
restarted (live-restore). Once it exists it is always preferred, so that labs do not move from one engine to another.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.lab import packages
from tests.lab.machine_lock import MACHINE_STATE, machine_lock
from tests.lab.proc import DEFAULT_TIMEOUT, LabError, Result, has_ended, run, spawn, wait_for

RUN = Path("/run/dockernet-lab")
SOCKET = RUN / "docker.sock"
PID_FILE = RUN / "docker.pid"
EXEC_ROOT = RUN / "docker"
DATA = MACHINE_STATE / "docker"
LOG = MACHINE_STATE / "dockerd.log"
CONFIG = MACHINE_STATE / "daemon.json"

START_LIMIT = 300.0
ANSWER_LIMIT = 60.0


class Engine:
    """The engine at one address, spoken to by the docker client."""

    def __init__(self, address: str) -> None:
        self.address = address

    def docker(
        self, *argv: str, check: bool = True, stdin: str | bytes | None = None, timeout: float = DEFAULT_TIMEOUT
    ) -> Result:
        return run(["docker", "--host", self.address, *argv], check=check, stdin=stdin, timeout=timeout)

    def inspect(self, containers: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What the engine says about each container that exists, by name."""
        if not containers:
            return {}
        found = self.docker("container", "inspect", *containers, check=False)
        if not found.out.strip():
            raise LabError(f"the engine does not answer: {found.err.strip()}")
        return {entry["Name"].lstrip("/"): entry for entry in json.loads(found.out)}

    def labelled(self, label: str) -> list[str]:
        """Names of all containers with that label, running or not."""
        listed = self.docker("ps", "--all", "--no-trunc", "--filter", f"label={label}", "--format", "{{.Names}}")
        return listed.out.split()


def ensure(say: Callable[[str], None]) -> Engine:
    """The engine to use, started (and installed) where there is none."""
    with machine_lock():
        packages.install_missing(say)
        engine = running()
        if engine:
            return engine
        if _systemd_runs() and not DATA.exists():
            say("starting docker.service")
            run(["systemctl", "start", "docker.service"], timeout=START_LIMIT)
            return Engine("unix:///var/run/docker.sock")
        return _start_own(say)


def running() -> Engine | None:
    """The engine which ensure() would use, if it answers now."""
    named = os.environ.get("DOCKER_HOST")
    own = f"unix://{SOCKET}"
    for address in [named] if named else [own] if DATA.exists() else ["unix:///var/run/docker.sock"]:
        if address and shutil.which("docker") and _answers(address):
            return Engine(address)
    if named:
        raise LabError(f"DOCKER_HOST is {named}, but no engine answers there; unset it to let the lab choose")
    return None


def revive(say: Callable[[str], None]) -> Engine | None:
    """The engine that labs were made with, started if it is the lab's own and was killed; None if there is none."""
    with machine_lock():
        return running() or (_start_own(say) if DATA.exists() else None)


def stop_own(say: Callable[[str], None]) -> None:
    """Stop the lab's own engine. Refused while any lab has containers on it."""
    with machine_lock():
        pid = _own_pid()
        if pid is None:
            say("the lab's own engine does not run")
            return
        left = Engine(f"unix://{SOCKET}").labelled("dockernet.lab")
        if left:
            raise LabError(f"the engine still has containers of labs: {', '.join(sorted(left))}")
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not _is_dockerd(pid), START_LIMIT, "the lab's own engine to stop")
        say("the lab's own engine is stopped (images are kept)")


def _answers(address: str) -> bool:
    try:
        return (
            run(["docker", "--host", address, "version", "--format", "ok"], check=False, timeout=ANSWER_LIMIT).rc == 0
        )
    except LabError:
        return False


def _systemd_runs() -> bool:
    return Path("/run/systemd/system").is_dir()


def _start_own(say: Callable[[str], None]) -> Engine:
    hung = _own_pid()
    if hung is not None:
        say(f"the lab's own engine (pid {hung}) does not answer; it is replaced")
        os.kill(hung, signal.SIGKILL)
        wait_for(lambda: not _is_dockerd(hung), 120, "the old engine to end")
    for folder in (RUN, DATA):
        folder.mkdir(parents=True, exist_ok=True)
    PID_FILE.unlink(missing_ok=True)
    SOCKET.unlink(missing_ok=True)
    _end_orphaned_containerd()
    CONFIG.write_text("{}\n")
    say(f"starting an engine for labs (log: {LOG})")
    daemon = spawn(_own_command(), LOG)
    address = f"unix://{SOCKET}"

    def up() -> bool:
        if has_ended(daemon):
            raise LabError(f"dockerd ended at once; its log ends:\n{_log_end()}")
        return SOCKET.exists() and _answers(address)

    wait_for(up, START_LIMIT, f"the engine to answer (log: {LOG})")
    return Engine(address)


def _own_command() -> list[str]:
    return [
        "dockerd",
        *("--config-file", str(CONFIG)),
        *("--data-root", str(DATA)),
        *("--exec-root", str(EXEC_ROOT)),
        *("--host", f"unix://{SOCKET}"),
        *("--pidfile", str(PID_FILE)),
        "--live-restore",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        "--ip-forward=false",
        "--ip-masq=false",
    ]


def _own_pid() -> int | None:
    """The process of the lab's own engine; a pid file left over from another process does not count."""
    try:
        pid = int(PID_FILE.read_text())
    except (OSError, ValueError):
        return None
    return pid if _is_dockerd(pid) else None


def _is_dockerd(pid: int) -> bool:
    return _command_has(pid, b"dockerd", str(SOCKET).encode())


def _end_orphaned_containerd() -> None:
    """End the containerd of a killed engine, lest the new one find its socket taken; containers live on."""
    pid_file = EXEC_ROOT / "containerd" / "containerd.pid"
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return
    if _command_has(pid, b"containerd", str(EXEC_ROOT).encode()):
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not Path(f"/proc/{pid}").exists(), 120, "the old containerd to end")
    pid_file.unlink(missing_ok=True)


def _command_has(pid: int, program: bytes, part: bytes) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return program in command.split(b"\0")[0] and part in command


def _log_end() -> str:
    try:
        return "\n".join(LOG.read_text(errors="replace").splitlines()[-8:])
    except OSError:
        return "(no log)"
