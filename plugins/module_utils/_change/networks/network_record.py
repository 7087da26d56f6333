# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a network was and is to be, with its endpoints: kept in the journal until the network is made anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import Endpoint
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain


@dataclass(frozen=True)
class Record:
    """All that is needed to have everything as before, or as wanted, whatever state it is in; plain data."""

    name: str
    old_id: str
    old: dict[str, Any]
    """The body that makes the network as it was."""
    new: dict[str, Any]
    """The body that makes it as wanted."""
    before: list[Endpoint]
    """All endpoints that are touched, in the order in which they must be connected to be as they were."""
    after: list[Endpoint]
    """The same endpoints as they will be, in the order in which they are connected."""
    started: dict[str, str] = field(default_factory=dict)
    """When each container was started, by its id."""
    orders: dict[str, list[str]] = field(default_factory=dict)
    """By container id: its networks in the order of the interfaces."""
    gateways: dict[str, str] = field(default_factory=dict)
    """By container id: the network of the IPv4 default route."""
    ports: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """By container id: published ports, and the host's ports that they were published as."""

    def to_plain(self) -> dict[str, Any]:
        """For the journal."""
        plain: dict[str, Any] = to_plain(self)
        return plain
