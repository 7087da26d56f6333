# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether the next boot turns forwarding on: by a file of sysctls, or because dockerd does it at its start.

dockerd up to 27 sets net.ipv4.ip_forward when it starts, from 28 on for each network that it brings back; IPv6's for
each network with an IPv6 subnet (moby, setup_ip_forwarding.go and setup_ipv6_linux.go; seen after a boot with 20.10,
26.1 and 28.5). With nftables it does not, and refuses to start instead (checkIPv4Forwarding).
"""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PODMAN
from ansible_collections.dockernet.baseline.plugins.module_utils._model.next_start import next_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    SERVICE,
    HostSnapshot,
)

# Why dockerd does not.
UNTOLD = "untold"
"""What it would be told could not be read."""
NO_DOCKERD = "no dockerd"
NOT_STARTED = "not started"
"""Boot does not start it."""
LEFT_ALONE = "left alone"
"""``ip-forward`` is false."""
NFTABLES = "nftables"
NO_NETWORK = "no network"
"""No network of this IP version makes it."""


def filters_with_nftables(snapshot: HostSnapshot) -> bool:
    """Whether dockerd would filter with nftables once it is started: as it is told, or else as it does now."""
    told = next_values(snapshot).get("firewall-backend")
    if told:
        return bool(told == "nftables")
    engine = snapshot.engine
    return engine is not None and (engine.firewall_driver or "").startswith("nftables")


def obstacle_at_start(snapshot: HostSnapshot, version: int) -> Optional[str]:
    """Why dockerd does not turn forwarding of an IP version on when the host boots; None where it does."""
    engine = snapshot.engine
    if engine is None or engine.flavor == PODMAN:
        return NO_DOCKERD
    if snapshot.service is not None and snapshot.service.starts_at_boot is False:
        return NOT_STARTED
    if next_values(snapshot).get("ip-forward") is False:
        return LEFT_ALONE
    if filters_with_nftables(snapshot):
        return NFTABLES
    if not (snapshot.was_read(DAEMON_CONFIG) and snapshot.was_read(SERVICE)):
        return UNTOLD
    networks = [network for network in snapshot.networks if network.bridge is not None]
    if version == 6:
        networks = [network for network in networks if network.ipv6]
    return None if networks else NO_NETWORK
