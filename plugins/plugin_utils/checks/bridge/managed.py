# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether a network manager takes care of what dockerd takes care of."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import NETWORKD, ManagedLink
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LINKS,
    MANAGED_LINKS,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    resource = resources.host(snapshot)
    if not snapshot.managed_links:
        return [not_applicable(resource, "Neither systemd-networkd nor NetworkManager runs")]
    own = _own(snapshot)
    listed = [item for item in snapshot.managed_links if item.interface in own]
    found = [_managed(item, own[item.interface]) for item in listed if item.managed]
    evidence: dict[str, Any] = {f"{item.manager} on {item.interface}": item.state for item in listed}
    names = " and ".join(sorted({item.manager for item in snapshot.managed_links}))
    return found or [passed(resource, f"{names} leaves the interfaces of networks alone", evidence)]


def _own(snapshot: HostSnapshot) -> dict[str, str]:
    """Interfaces of dockerd: bridges and their ports that lead into containers, by name, with what they are."""
    bridges = {network.bridge: network.name for network in snapshot.networks if network.bridge is not None}
    indices = {link.index: link.name for link in snapshot.links if link.name in bridges}
    own = {name: f"the bridge of network {network}" for name, network in bridges.items()}
    for link in snapshot.links:
        if link.kind == "veth" and link.master in indices:
            own[link.name] = f"a port of {indices[link.master]}"
    return own


def _managed(item: ManagedLink, what: str) -> Verdict:
    by = f" by {safe(item.by)}" if item.by else ""
    summary = f"{item.manager} manages {item.interface}, {what}"
    evidence = {f"{item.manager} on {item.interface}": f"{item.state}{by}"}
    impact = (
        f"{item.manager} can take its address, set another one, or take it out of the bridge when it starts, is "
        "reloaded, or sees a container come. Containers then lose their network without a word in Docker's journal."
    )
    return failed(resources.interface(item.interface), summary, evidence, impact, _remedy(item))


def _remedy(item: ManagedLink) -> Remedy:
    if item.manager == NETWORKD:
        return Remedy(
            "A human decides. Narrow the [Match] section of the file that takes it, or put a file before it in "
            "/etc/systemd/network with [Match] Name=docker0 br-* veth* and [Link] Unmanaged=yes; then networkctl reload"
        )
    return Remedy(
        "A human decides. Put [keyfile] unmanaged-devices=interface-name:docker0;interface-name:br-*;"
        "interface-name:veth* into a file of /etc/NetworkManager/conf.d; then nmcli general reload"
    )


MANAGED = Check(
    id="bridge.managed",
    severity=MEDIUM,
    title="No network manager takes care of the interfaces of networks",
    rationale=(
        "dockerd makes bridges and veths and configures them once. A network manager whose rule matches all "
        "interfaces configures them again: by DHCP, with its own addresses, or with none."
    ),
    needs=(ENGINE, LINKS, MANAGED_LINKS),
    judge=_judge,
)
