# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Rules that see frames before IP does and are not evaluated: of the families netdev and arp.

Those of the family bridge are, but for ports of bridges that lead to no container: of these it is not known by which a
frame comes.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS, INGRESS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import ACCEPT, Chain, RuleBook


class FrameRules:
    """Says where rules for frames could decide, so that nothing is claimed there."""

    def __init__(self, book: RuleBook, foreign: Iterable[str]) -> None:
        """Take the ruleset, and the ports of bridges that lead to no container."""
        foreign = list(foreign)
        self.on_bridges = ""
        """What is not known of a frame that passes any bridge; empty when nothing interferes."""
        self._devices: dict[tuple[str, str], str] = {}
        self._any_device: dict[str, str] = {}
        for chain in book.chains.values():
            if not chain.hook or not _decides(chain):
                continue
            what = f"what the rules of {chain.table_name}, chain {chain.name}, do with its frames"
            if chain.family == "arp":
                self.on_bridges = self.on_bridges or what
            for device in foreign if chain.family == "bridge" else ():
                for direction in (INGRESS, EGRESS):
                    self._devices.setdefault((direction, device), what)
            for device in chain.devices:
                self._devices.setdefault((chain.hook, device), what)
            if chain.hook in (INGRESS, EGRESS) and not chain.devices:
                # The JSON of nft 1.0.6 lacks them (seen on Debian 12).
                self._any_device.setdefault(chain.hook, f"{what}; nft does not show of which devices")

    def doubt(self, direction: str, *devices: str) -> str:
        """What is not known of a frame that comes in by devices (``ingress``), or leaves by them (``egress``)."""
        keys = ((direction, device) for device in devices)
        found = next((self._devices[key] for key in keys if key in self._devices), "")
        return found or self._any_device.get(direction, "")


def _decides(chain: Chain) -> bool:
    return bool(chain.unreadable) or chain.policy != ACCEPT or any(rule.statements for rule in chain.rules)
