# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The unit of systemd that closes FORWARD at boot, and keeps in its text what the policies were before. Pure."""

from __future__ import annotations

import re

from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import UnitState, firewall_unit
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.dockerd_forwarding import NAMES
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import Firewall

UNIT = "dockernet-forward-policy.service"
_KEPT = re.compile(r"^# Policy of FORWARD before: (?P<before>.*)$", re.MULTILINE)
_USUAL = {"ipv4": "/usr/sbin/iptables", "ipv6": "/usr/sbin/ip6tables"}


def is_own(unit: UnitState) -> bool:
    """Whether the file is as this module writes it, or there is none."""
    return unit.text is None or _KEPT.search(unit.text) is not None


def recorded_policies(unit: UnitState) -> dict[str, str]:
    """Policies by family that the unit file says were there before; empty for a file that is not ours."""
    found = _KEPT.search(unit.text or "")
    pairs = [item.split() for item in found["before"].split(",")] if found else []
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[0] in NAMES and pair[1] in ("ACCEPT", "DROP")}


def unit_text(firewall: Firewall, before: dict[str, str]) -> str:
    """The unit that closes FORWARD for the families of before, whose values it keeps. Raises Refusal.

    The program is the link of update-alternatives: after a switch of the backend the unit follows, as dockerd does.
    """
    families = sorted(before)
    note = f"Policy of FORWARD before: {', '.join(f'{family} {before[family]}' for family in families)}"
    programs = [firewall.programs.get(family, _USUAL[family]) for family in families]
    return firewall_unit(
        note,
        "Keep the chain FORWARD closed for whatever no rule accepts",
        [f"ExecStart={program} -w 60 -P FORWARD DROP" for program in programs],
        firewall.boot_order,
    )
