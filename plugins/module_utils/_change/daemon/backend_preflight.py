# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What must be known before dockerd makes its rules with nftables: what its rules cannot do there. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.iptables_save import parse_table
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Disruption
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import NFTABLES
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import KEY, proxy_default
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running

BACKEND = "firewall-backend"


def closed_forward(snapshot: HostSnapshot, settings: dict[str, Any]) -> list[Disruption]:
    """Return that nothing is forwarded any more where iptables have the policy of FORWARD at DROP.

    dockerd with iptables set it, and with nftables leaves it (moby iptabler/cleaner.go); what a chain of nftables
    accepts another one still drops.

    settings: what the next start of dockerd will use, file and flags together.
    """
    if settings.get(BACKEND) != NFTABLES or snapshot.ruleset is None or not running(snapshot):
        return []
    closed = {
        6 if command.startswith("ip6") else 4
        for command, text in snapshot.ruleset.save.items()
        if parse_table(text, "filter").policies.get("FORWARD") == "DROP"
    }
    concerned = [4, 6] if any(network.bridge and network.ipv6 for network in snapshot.networks) else [4]
    return [
        Disruption(
            "all bridge networks",
            f"neither publish ports nor reach the outside any more by IPv{version}: the policy of FORWARD is DROP, and "
            "nothing that nftables accept overrules it, only rules of iptables; settle what else it keeps closed, then "
            f"{'iptables' if version == 4 else 'ip6tables'} -P FORWARD ACCEPT",
        )
        for version in concerned
        if version in closed
    ]


def refused_bindings(snapshot: HostSnapshot, settings: dict[str, Any]) -> list[Disruption]:
    """Return who publishes a port twice, which dockerd refuses with nftables and without docker-proxy.

    Its rule "MASQ TO OWN PORT" is the same for both (moby nftabler/port.go, setPerPortHairpinMasq(); 29.0 to 29.7 at
    least): a start with live-restore leaves out all rules of the container's ports, and the container's next start
    fails.

    settings: what the next start of dockerd will use, file and flags together.
    """
    if settings.get(BACKEND) != NFTABLES or settings.get(KEY, proxy_default()):
        return []
    return [
        Disruption(
            container.name,
            "is no longer reached at its published ports, and does not start any more: with nftables and without "
            f"docker-proxy dockerd refuses two ports of the host for one of a container ({', '.join(twice)})",
        )
        for container in running(snapshot)
        for twice in [_published_twice(container)]
        if twice
    ]


def _published_twice(container: Container) -> list[str]:
    """Ports with more than one binding that is translated, of one family."""
    has_address6 = any(endpoint.address6 for endpoint in container.endpoints)
    counted = Counter(
        (f"{port.container_port}/{port.protocol}", ":" in port.host_ip)
        for port in container.published
        if port.host_port and (has_address6 or ":" not in port.host_ip)
    )
    return list(dict.fromkeys(name for (name, dummy), number in counted.items() if number > 1))
