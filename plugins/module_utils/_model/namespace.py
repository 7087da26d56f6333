# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What is inside the network namespace of a container, read from the kernel without a program in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Link,
    Neighbour,
    PolicyRule,
    Route,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sockets import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.traffic_control import TrafficControl


@dataclass(frozen=True)
class InnerNamespace:
    """A network namespace other than the host's; several containers can share it."""

    inode: int
    """Number of /proc/PID/ns/net, which Container.netns refers to."""
    links: list[Link] = field(default_factory=list)
    """A link's index is the ``peer_index`` of the veth on the host that has the namespace's ``peer_nsid``."""
    routes: list[Route] = field(default_factory=list)
    rules: list[PolicyRule] = field(default_factory=list)
    """Only where they differ from the three that every namespace has."""
    listeners: list[Listener] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    """Tables of nftables and ip_tables in it that have a rule or a policy of DROP, ``ip nat`` say; dockerd itself makes
    one for its name server."""
    sysctls: dict[str, str] = field(default_factory=dict)
    """Its own settings for what it takes in and sends on, under the keys of HostSnapshot.sysctls; 0 is left out."""
    chains: dict[str, int] = field(default_factory=dict)
    """How many rules each chain of these tables has, by ``ip nat OUTPUT`` say; of a table of ip_tables all its entries,
    by ``ip nat``."""
    neighbours: Optional[list[Neighbour]] = field(default_factory=list)
    """The fixed entries of its neighbour tables; None where there are too many to be read."""
    traffic_control: list[TrafficControl] = field(default_factory=list)
    """What tc(8) has put on its links, without what the kernel puts there by itself."""
    ipsec: bool = False
    """Whether it has IPsec policies of its own."""
