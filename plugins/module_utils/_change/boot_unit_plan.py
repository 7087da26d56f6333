# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small unit of systemd that keeps at boot what a module set: what becomes of it, and its text. Pure.

The file lies in /etc/systemd/system, and says in itself what was there before. boot_unit.py reads and writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    Diff,
    Refusal,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import BootOrder

FOLDER = "/etc/systemd/system"
ABSENT = "absent"
ENABLED = "enabled"

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
            "nothing was changed: systemd does not show the order of units at boot, so the unit that sets this again "
            "at boot cannot be placed"
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
