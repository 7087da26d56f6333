# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""dockerd as a service of systemd, asked, restarted, reloaded; and as a process that nobody but its starter manages.

Jobs are queued with --no-block and watched: docker.service has TimeoutStartSec=0, so a dockerd that hangs would hold
systemctl for ever.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Protocol

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.restart_impact import ServiceTraits
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.procfs import read_process

JOURNAL_LINES = 15


@dataclass(frozen=True)
class ServiceState:
    """What systemd says of a unit at one moment."""

    active: str
    """ActiveState: ``active``, ``activating``, ``failed``..."""
    main_pid: int
    """Process id of dockerd, 0 when it does not run."""
    has_job: bool
    """Whether systemd still has something to do about it: a start or stop that is queued or under way."""


class Daemon(Protocol):
    """How dockerd is told something, and what it says: a service of systemd, or a process alone."""

    def cursor(self) -> str:
        """Where its journal ends now; empty where there is none to be read."""

    def journal_since(self, cursor: str) -> list[str]:
        """What it logged behind the cursor, its last lines."""

    def reload(self) -> None:
        """Have it read its file again. Raises ChangeFailed."""

    def restart(self) -> None:
        """Begin to start it anew. Raises ChangeFailed."""

    def state(self) -> ServiceState:
        """What systemd says of it at one moment."""


class DockerService:
    """A systemd unit by its name."""

    def __init__(self, run: Run, unit: str) -> None:
        self._run = run
        self._unit = unit

    def traits(self) -> ServiceTraits:
        """Read what a restart would take along."""
        shown = self._show(self._unit, "KillMode", "RequiredBy", "BoundBy", "ConsistsOf")
        names = {name for key in ("RequiredBy", "BoundBy", "ConsistsOf") for name in shown.get(key, "").split()}
        # A socket unit only listens; targets have no processes.
        services = sorted(name for name in names if name.endswith((".service", ".scope")))
        active = [name for name in services if self._show(name, "ActiveState").get("ActiveState") == "active"]
        return ServiceTraits(shown.get("KillMode", ""), active)

    def state(self) -> ServiceState:
        """Return what systemd says now, in one answer: asked one by one they would be of different moments."""
        shown = self._show(self._unit, "ActiveState", "MainPID", "Job")
        return ServiceState(
            shown.get("ActiveState", ""), int(shown.get("MainPID") or 0), shown.get("Job", "") not in ("", "0")
        )

    def restart(self) -> None:
        """Queue a restart, with the counter of failed starts set to zero before."""
        self._do("reset-failed", self._unit)
        self._do("restart", "--no-block", self._unit)

    def reload(self) -> None:
        """Have dockerd read its file again (SIGHUP). Success says nothing: dockerd only logs what it rejects."""
        self._do("reload", self._unit)

    def cursor(self) -> str:
        """Where the service's journal ends now; empty where there is none to be read."""
        dummy, out, dummy2 = self._run(["journalctl", "-u", self._unit, "-n", "0", "--show-cursor", "--no-pager", "-q"])
        return next((line.partition("-- cursor: ")[2] for line in out.splitlines() if "-- cursor: " in line), "")

    def journal_since(self, cursor: str) -> list[str]:
        """Return what the service logged behind the cursor, its last lines."""
        command = ["journalctl", "-u", self._unit, "-o", "cat", "--no-pager", "-q", "-n", str(JOURNAL_LINES)]
        dummy, out, dummy2 = self._run(command + ([f"--after-cursor={cursor}"] if cursor else []))
        return [line for line in out.splitlines() if line.strip()]

    def _show(self, unit: str, *properties: str) -> dict[str, str]:
        code, out, err = self._run(["systemctl", "show", unit, f"--property={','.join(properties)}"])
        if code != 0:
            raise ChangeFailed(f"systemctl show {unit} failed: {err.strip() or code}")
        return dict(line.partition("=")[::2] for line in out.splitlines() if "=" in line)

    def _do(self, *words: str) -> None:
        code, dummy, err = self._run(["systemctl", *words])
        if code != 0:
            raise ChangeFailed(f"systemctl {' '.join(words)} failed: {err.strip() or code}")


class BareDaemon:
    """A dockerd that no unit of systemd runs: it can be told to read its file again, and no more."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def cursor(self) -> str:
        """Nobody knows where its log goes."""
        return ""

    def journal_since(self, dummy: str) -> list[str]:
        """Return nothing, see cursor()."""
        return []

    def reload(self) -> None:
        """Send SIGHUP to the process, if it is dockerd still."""
        try:
            # With a descriptor, the signal cannot reach another process that has got the same number meanwhile.
            descriptor = os.pidfd_open(self._pid)
            try:
                process = read_process(self._pid)
                if process is None or process.name != "dockerd":
                    raise ChangeFailed(f"process {self._pid} is not dockerd any more")
                signal.pidfd_send_signal(descriptor, signal.SIGHUP)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ChangeFailed(f"process {self._pid} could not be sent SIGHUP: {error}") from error

    def restart(self) -> None:
        """Refuse: only who started it knows how."""
        raise ChangeFailed("dockerd is not run by systemd, and was not restarted")

    def state(self) -> ServiceState:
        """Whether it runs, in systemd's words; nobody is at it."""
        active = "active" if read_process(self._pid) is not None else "inactive"
        return ServiceState(active, self._pid, has_job=False)
