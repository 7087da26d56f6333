# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Rules that see frames before IP does: tables of the families bridge, netdev and arp. They are not evaluated."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import ACCEPT, Chain, RuleBook


class FrameRules:
    """Says where rules for frames could decide, so that nothing is claimed there."""

    def __init__(self, book: RuleBook) -> None:
        """Take the ruleset."""
        self._bridge = ""
        self._devices: dict[str, str] = {}
        for chain in book.chains.values():
            if not chain.hook or not _decides(chain):
                continue
            what = f"what the rules of {chain.table_name}, chain {chain.name}, do with its frames"
            if chain.family in ("bridge", "arp"):
                self._bridge = self._bridge or what
            for device in chain.devices:
                self._devices.setdefault(device, what)

    def on_bridge(self, *devices: str) -> str:
        """What is not known of a frame that passes a bridge and these devices; empty when nothing interferes."""
        return self._bridge or self.on_device(*devices)

    def on_device(self, *devices: str) -> str:
        """The same for devices alone."""
        return next((self._devices[device] for device in devices if device in self._devices), "")


def _decides(chain: Chain) -> bool:
    return bool(chain.unreadable) or chain.policy != ACCEPT or any(rule.statements for rule in chain.rules)
