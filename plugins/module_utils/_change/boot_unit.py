# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A small unit of systemd that keeps at boot what a module set: read, written, enabled, removed.

The file lies in /etc/systemd/system, is replaced atomically, and says in itself what was there before.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import (
    FileState,
    encoded,
    read_file,
    replace_file,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Diff, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._host.boot_order import in_a_cycle
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import BootOrder

FOLDER = "/etc/systemd/system"
ABSENT = "absent"
ENABLED = "enabled"
DISABLED = "disabled"
# Iptables of both kinds: raw sockets and the modules of the kernel are for the legacy one (measured with 1.8.7 and
# 1.8.11; libxtables runs modprobe itself where ip_tables is not loaded). Its lock lies in /run.
_TEMPLATE = """\
# Written by the Ansible collection dockernet.baseline.
# {note}
[Unit]
Description={description}
DefaultDependencies=no
Conflicts=shutdown.target
{wants}After={after}
Before={before} shutdown.target

[Service]
Type=oneshot
TimeoutStartSec=150
TimeoutStopSec=90
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_MODULE
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=/run
ProtectHome=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
{commands}

[Install]
WantedBy=multi-user.target
"""
_NETWORK = "network-pre.target"


@dataclass(frozen=True)
class UnitState:
    """A unit file of ours as it was found."""

    name: str
    text: str | None = None
    """None: there is no such file."""
    state: str = ABSENT
    """``absent``, or UnitFileState as systemd has it: ``enabled``, ``disabled``, ``masked``..."""


@dataclass(frozen=True)
class UnitChange:
    """What becomes of a unit."""

    before: UnitState
    after: UnitState

    def record(self) -> dict[str, str]:
        """What the journal keeps of it, beside the file itself."""
        return {"name": self.before.name, "before": self.before.state, "after": self.after.state}


def unit_path(name: str) -> str:
    """Where the file of a unit of ours lies."""
    return f"{FOLDER}/{name}"


def firewall_unit(note: str, description: str, service: list[str], order: Optional[BootOrder]) -> str:
    """Text of a unit that touches the packet filter behind what loads rulesets, before the network and dockerd start.

    note: what people, and this collection, must be able to read in it; service: lines of the section Service.
    Raises Refusal where systemd did not tell the order of boot.
    """
    if order is None:
        raise Refusal(
            "nothing was changed: systemd does not tell what comes before what at boot, so there is no place for the "
            "unit that sets this again at boot"
        )
    return _TEMPLATE.format(
        note=note,
        description=description,
        # It is passive: somebody has to ask for it, or nothing comes before the network.
        wants=f"Wants={_NETWORK}\n" if _NETWORK in order.before else "",
        after=" ".join(order.after),
        before=" ".join(order.before),
        commands="\n".join(service),
    ).replace("Before= ", "Before=")


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


def unit_actions(change: UnitChange, purpose: str) -> list[str]:
    """Sentences for what is done; purpose says what the unit is good for."""
    before, after = change.before, change.after
    if after.text is None:
        return [f"disable and remove {unit_path(after.name)}"] if before.text is not None else []
    actions = []
    if before.text != after.text:
        actions.append(f"write {unit_path(after.name)}, {purpose}")
    if before.state != after.state:
        actions.append(f"enable {after.name}")
    return actions


def unit_diff(change: UnitChange) -> list[Diff]:
    """The file before and after."""
    before, after = change.before, change.after
    shown = []
    if before.text != after.text:
        shown.append(Diff(unit_path(after.name), before.text or "", after.text or ""))
    if before.state != after.state:
        shown.append(Diff(f"state of {after.name}", f"{before.state}\n", f"{after.state}\n"))
    return shown


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
        raise ChangeFailed(f"{name} should be {wanted.state}, and systemd says {found.state}")


def _refuse_a_cycle(run: Run, name: str) -> None:
    """At boot systemd would delete a job of the cycle, maybe one of somebody else."""
    cycle = in_a_cycle(run, name)
    if cycle is None:
        raise ChangeFailed(f"systemd does not tell what comes before {name} at boot")
    if cycle:
        raise ChangeFailed(f"systemd would have {name} start after itself at boot (systemd-analyze verify {name})")


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
