# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small unit of systemd that keeps at boot what a module set: read, written, enabled, removed, proved."""

from __future__ import annotations

import os

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file, replace_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import (
    ENABLED,
    UnitState,
    unit_path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    ChangeFailed,
    FileState,
    Refusal,
    encoded,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.firewall import in_a_cycle

DISABLED = "disabled"


def read_unit(run: Run, name: str) -> UnitState:
    """Return the unit as file and systemd show it. Raises OSError when the file cannot be read."""
    path = unit_path(name)
    if os.path.islink(path):
        # A mask, or somebody's own link: nothing to write through.
        return UnitState(name, None, "masked" if os.path.realpath(path) == "/dev/null" else "linked")
    data = read_file(path).data
    if data is None:
        return UnitState(name)
    code, out, dummy = run(["systemctl", "is-enabled", name])
    # The words are printed with status 1 as well, for a disabled unit; without systemd there is no answer.
    state = out.strip() or (ENABLED if code == 0 else DISABLED)
    return UnitState(name, data.decode("utf-8", "replace"), DISABLED if state == "not-found" else state)


def read_unit_to_plan(run: Run, name: str) -> UnitState:
    """Return the unit as read_unit does. Raises Refusal when its file cannot be read."""
    try:
        return read_unit(run, name)
    except OSError as error:
        raise Refusal(f"nothing was changed: {unit_path(name)} could not be read: {error}") from error


def put_unit(run: Run, file: FileState, wanted: UnitState) -> None:
    """Bring the unit, whose file was read as file, to wanted and verify that with systemd. Raises ChangeFailed."""
    name = wanted.name
    if wanted.state != ENABLED and file.data is not None:
        # Stopped as well: a unit with ExecStop= takes back what it did.
        _systemctl(run, "disable", "--now", name)
    if wanted.text is None or file.data != wanted.text.encode():
        replace_file(file, encoded(wanted.text))
        _systemctl(run, "daemon-reload")
    if wanted.state == ENABLED:
        _refuse_a_cycle(run, name)
        _systemctl(run, "enable", name)
    found = read_unit(run, name)
    if found != wanted:
        raise ChangeFailed(f"{name} should be {wanted.state}, but systemd reports {found.state}")


def _refuse_a_cycle(run: Run, name: str) -> None:
    """At boot systemd would delete a job of the cycle, maybe one of somebody else."""
    cycle = in_a_cycle(run, name)
    if cycle is None:
        raise ChangeFailed(f"systemd does not show which units start before {name} at boot")
    if cycle:
        raise ChangeFailed(f"systemd finds an ordering cycle for {name} at boot (systemd-analyze verify {name})")


def prove_unit(run: Run, name: str) -> None:
    """Let the unit do now what it will do at boot. Raises ChangeFailed with its last lines when it fails."""
    code, dummy, err = run(["systemctl", "restart", name])
    if code != 0:
        dummy2, lines, dummy3 = run(["journalctl", "-u", name, "-o", "cat", "--no-pager", "-q", "-n", "5"])
        run(["systemctl", "reset-failed", name])
        said = err.strip().splitlines()[:1]
        raise ChangeFailed(f"{name} fails: {' '.join(said) or code}", lines.splitlines())


def _systemctl(run: Run, *words: str) -> None:
    code, dummy, err = run(["systemctl", *words])
    if code != 0:
        raise ChangeFailed(f"systemctl {' '.join(words)} failed: {err.strip() or code}")
