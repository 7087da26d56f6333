# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What is wanted of forwarding, and which settings that means. Pure.

``net.ipv4.ip_forward`` and ``net.ipv4.conf.all.forwarding`` are one knob: changing it sets every interface (kernel,
Documentation/networking/ip-sysctl.rst); ``net.ipv6.conf.all.forwarding`` does the same for its family.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.dockerd_forwarding import VERSIONS
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import sysctl_key

# When boot is to turn forwarding on by a file.
AUTO = "auto"
"""Where it would lack it otherwise."""
ALWAYS = "true"
NEVER = "false"

KNOBS = {
    "ipv4": ["net.ipv4.ip_forward"],
    "ipv6": ["net.ipv6.conf.all.forwarding", "net.ipv6.conf.default.forwarding"],
}


@dataclass(frozen=True)
class ForwardingWish:
    """What the caller wants."""

    present: bool
    families: list[str]
    persistent: str = AUTO
    """AUTO, ALWAYS or NEVER."""
    interfaces: list[str] = field(default_factory=list)
    """Opened one by one where they were closed by themselves; bridges of Docker always are."""
    keep_advertised_routes: bool = False
    """Consent to accept_ra=2 on uplinks that live on router advertisements."""


def wanted_interfaces(snapshot: HostSnapshot, wish: ForwardingWish, family: str) -> list[str]:
    """Those that must forward by themselves as well; ``default`` stands for bridges that are yet to be made."""
    return ["default", *sorted(_docker_bridges(snapshot, family) | set(wish.interfaces))]


def _docker_bridges(snapshot: HostSnapshot, family: str) -> set[str]:
    # The kernel asks the interface that a packet comes in by, so a closed bridge cuts its containers off.
    networks = [network for network in snapshot.networks if family == "ipv4" or network.ipv6]
    return {network.bridge for network in networks if network.bridge is not None and not network.internal}


def interface_key(family: str, interface: str) -> str:
    """The setting of one interface, ``all`` or ``default``."""
    return sysctl_key(VERSIONS[family], interface, "forwarding")
