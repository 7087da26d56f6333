# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Packets of a network's containers that do not get where they are meant to: one verdict a network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import UNKNOWN, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Verdict, failed, unknown
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.fates import remedy_of

_NAMED = 5


@dataclass
class Trouble:
    """Packets of one network that do not get there, all for one reason."""

    network: Network
    packet: Packet
    """One of them."""
    path: Path
    reason: str
    """Why not, or what it depends on."""
    members: dict[str, None] = field(default_factory=dict)
    """Whose packets they are."""

    @property
    def untold(self) -> bool:
        """Whether it is merely not known that they get there."""
        return self.path.verdict == UNKNOWN and self.reason == self.path.because


@dataclass(frozen=True)
class Words:
    """How a check says it."""

    who: str
    """What the members are, in the evidence: ``containers``."""
    number: str
    """What their number is called there."""
    deed: str
    """What containers are meant to do: ``reach the outside``."""
    impact: str


def told_by_network(troubles: Iterable[Trouble], words: Words) -> list[Verdict]:
    """One verdict a network: what is sure of some of its containers comes before what is open of others."""
    by_network: dict[str, list[Trouble]] = {}
    for item in troubles:
        by_network.setdefault(item.network.id, []).append(item)
    return [_verdict(items, words) for items in by_network.values()]


def _verdict(troubles: list[Trouble], words: Words) -> Verdict:
    sure = [item for item in troubles if not item.untold]
    told = sure or troubles
    members = list(dict.fromkeys(name for item in told for name in item.members))
    who = listed(members, _NAMED)
    network, reason = told[0].network, told[0].reason
    resource = resources.network(network)
    packets = {str(item.packet): item.reason for item in told[:_NAMED]}
    evidence = {words.who: who, words.number: len(members), "packets": packets}
    if not sure:
        return unknown(resource, f"whether containers of {network.name} {words.deed} depends: {reason}", evidence)
    return failed(
        resource,
        f"Containers of {network.name} do not {words.deed} ({who}): {reason}",
        evidence,
        words.impact,
        remedy_of(told[0].path),
    )
