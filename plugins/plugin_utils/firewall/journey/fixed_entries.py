# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The fixed entries of the neighbour tables of one namespace: whom it knows without asking, rightly or wrongly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Neighbour
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text, parse_address


class FixedEntries:
    """Hardware addresses by the link and the address of the neighbour."""

    def __init__(self, links: Iterable[Link], entries: Optional[Iterable[Neighbour]]) -> None:
        """Take what was read; entries is None when they were not."""
        names = {link.index: link.name for link in links}
        self.read = entries is not None
        self._by_neighbour: dict[tuple[str, int, int], str] = {
            (names[item.interface], *parse_address(item.address)): item.mac
            for item in entries or ()
            if item.interface in names
        }

    def mac(self, device: str, family: int, number: int) -> str:
        """The hardware address that a neighbour is fixed to; empty where the kernel asks for it."""
        return self._by_neighbour.get((device, family, number), "")

    def words(self, device: str, family: int, number: int, owner: str = "") -> str:
        """An entry for people; owner: whose table it is in, empty for the host."""
        where = f"{device} of {owner}" if owner else device
        return f"neighbour {address_text(family, number)} on {where} is fixed to {self.mac(device, family, number)}"
