# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which rules of a host are dockerd's."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import RuleBook

_FAMILIES = {4: "ip", 6: "ip6"}
_NFT_TABLE = "docker-bridges"
"""Of the nftables backend, one for each family (moby, drivers/bridge/internal/nftabler)."""


def is_managed(book: RuleBook, family: int) -> bool:
    """Whether dockerd has chains of its own for an IP version, 4 or 6."""
    return any(
        chain.family == _FAMILIES[family]
        and (chain.table == _NFT_TABLE or (chain.table == "nat" and chain.name == "DOCKER"))
        for chain in book.chains.values()
    )
