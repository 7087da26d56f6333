# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Finds the dockerd of this host.

A host can hold more engines than its own: those in containers (nested engines, CI runners). Their processes are
visible here as well, so a process counts only if it is in this PID namespace and, where there is a choice, in this
mount namespace. Its name alone proves nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional
from urllib.parse import SplitResult, urlsplit

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_config import config_path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import parse
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import DaemonProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_argv

DEFAULT_SOCKET = "unix:///var/run/docker.sock"
PID_FILE = Path("/run/docker.pid")


def find_daemons(processes: list[procfs.Process]) -> list[procfs.Process]:
    """Return the dockerd processes of this host, whichever sockets they serve."""
    found = {process.pid: process for process in processes if _is_dockerd(process)}
    # dockerd forks before it runs a helper: for a moment that child looks like its parent.
    return [process for process in found.values() if process.ppid not in found]


def choose_daemon(daemons: list[procfs.Process], docker_host: str) -> Optional[procfs.Process]:
    """Return the dockerd that serves docker_host, None when none of them does."""
    serving = [process for process in daemons if serves(listens_at(process), docker_host)]
    named = _from_pid_file() if len(serving) > 1 else None
    return min(serving, key=lambda process: _distance(process, named), default=None)


def listens_at(process: procfs.Process) -> list[str]:
    """Addresses that a dockerd was told to listen at: by flag, else in its daemon.json, else the default."""
    hosts = parse_flags(procfs.argv(process.pid)).get("hosts")
    if not hosts:
        try:
            content = Path(config_path(process, [])).read_bytes()
        except OSError:
            content = b"{}"
        hosts = parse(content, "").values.get("hosts")
    if isinstance(hosts, list) and hosts:
        return [str(host) for host in hosts]
    runtime = procfs.environment(process.pid).get("XDG_RUNTIME_DIR")
    return [f"unix://{runtime}/docker.sock" if runtime and procfs.uid(process.pid) else DEFAULT_SOCKET]


def serves(hosts: list[str], docker_host: str) -> bool:
    """Whether one of the addresses a dockerd listens at leads to where docker_host says.

    ``fd://`` is a socket that systemd holds for it: which, its command line does not say.
    """
    return any(_leads_to(_split(host), _split(docker_host)) for host in hosts)


def describe_daemon(process: procfs.Process) -> DaemonProcess:
    """Return what the snapshot keeps of dockerd's process; its namespace is None where it is not ours to see."""
    try:
        netns = procfs.namespace(process.pid, "net")
    except PermissionError:
        netns = None
    handed = procfs.environment(process.pid).get("LISTEN_FDS", "")
    return DaemonProcess(
        process.pid,
        mask_argv(procfs.argv(process.pid)),
        procfs.started_at(process),
        netns,
        procfs.uid(process.pid),
        int(handed) if handed.isdigit() else 0,
    )


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", address, "", "", "")


def _leads_to(host: SplitResult, wanted: SplitResult) -> bool:
    if host.scheme == "tcp":
        return wanted.scheme == "tcp" and host.netloc.rpartition(":")[2] == wanted.netloc.rpartition(":")[2]
    # /var/run is a link to /run.
    same_path = os.path.realpath(host.path) == os.path.realpath(wanted.path)
    return host.scheme == "fd" or (host.scheme == "unix" and wanted.scheme.endswith("unix") and same_path)


def _is_dockerd(process: procfs.Process) -> bool:
    if process.name != "dockerd" or procfs.is_nested(process.pid):
        return False
    words = procfs.argv(process.pid)
    if not words or Path(words[0]).name != "dockerd":
        # dockerd runs itself under other names for single tasks ("docker-untar").
        return False
    program = procfs.program(process.pid)
    return program is None or Path(program).name == "dockerd"


def _distance(process: procfs.Process, named: Optional[int]) -> tuple[bool, bool, int]:
    """How unlikely a dockerd is to be the one, the least likely trait first; the last word has the older one."""
    try:
        elsewhere = procfs.namespace(process.pid, "mnt") != procfs.namespace("self", "mnt")
    except PermissionError:
        elsewhere = False
    return elsewhere, process.pid != named, process.start_ticks


def _from_pid_file() -> Optional[int]:
    try:
        text = PID_FILE.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isdigit() else None
