# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What dockerd itself does about forwarding and the FORWARD chain. Pure.

dockerd closes FORWARD (policy DROP) only when it is dockerd that turns forwarding on: moby, setup_ip_forwarding.go.
For IPv6, engines before 28 close it at every start, whatever turned forwarding on.
"""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import NAMES
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_orders import obstacle_at_start
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import (
    filters_with_nftables,
    next_values,
    would_close_forward,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import capabilities_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import parse_table
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, HostSnapshot

VERSIONS = {"ipv4": 4, "ipv6": 6}
_KEYS = {"ipv4": "iptables", "ipv6": "ip6tables"}


def open_router_warnings(
    snapshot: HostSnapshot, policies: dict[str, str], opened_now: set[str], opened_at_boot: set[str]
) -> list[str]:
    """Return a sentence for each family in which the host begins to route for others because of the change.

    policies: that of FORWARD now, by family.
    """
    engine = snapshot.engine
    if engine is None:
        return _unasked(snapshot) if opened_now | opened_at_boot else []
    warnings: list[str] = []
    for family in sorted(opened_now | opened_at_boot):
        if filters_with_nftables(snapshot):
            since = "as of now" if family in opened_now else "from the next boot on"
            warnings.append(_open_with_nftables(family, since))
            continue
        if not would_close_forward(snapshot, engine, family):
            continue
        if family in opened_now and policies.get(family) == "ACCEPT":
            warnings.append(
                f"the host forwards {NAMES[family]} as of now, and the policy of the FORWARD chain is ACCEPT: it "
                "routes between its own interfaces for any machine that uses it as a gateway. dockerd sets DROP only "
                "when it turns forwarding on itself; forward_policy: drop closes the chain now and at boot"
            )
        if family in opened_at_boot:
            warnings.append(
                f"from the next boot on, {NAMES[family]} forwarding is on before dockerd {engine.version} starts, so "
                "dockerd no longer sets the policy of the FORWARD chain to DROP: the host will route between its own "
                "interfaces for any machine that uses it as a gateway, unless the host's firewall closes FORWARD"
            )
    return warnings


def unstarted_warnings(snapshot: HostSnapshot, closed_at_boot: set[str]) -> list[str]:
    """Return a sentence for each family that boot no longer turns on where dockerd needs that done.

    With nftables dockerd asks for forwarding and does not turn it on: moby, setup_ip_forwarding.go, checkIPv4Forwarding
    and checkIPv6Forwarding, for each network of the family.
    """
    if not filters_with_nftables(snapshot) or next_values(snapshot).get("ip-forward") is False:
        return []
    served = {"ipv4"} | {"ipv6" for network in snapshot.networks if network.bridge and network.ipv6}
    return [
        f"from the next boot on nothing turns {NAMES[family]} forwarding on: dockerd, which filters with nftables, "
        f"does not do it, and refuses its networks with {NAMES[family]} while it is off; where the default bridge is "
        "one of them, dockerd does not start"
        for family in sorted(closed_at_boot & served)
    ]


def manages_rules(snapshot: HostSnapshot, save: str, family: str) -> bool:
    """Whether dockerd makes rules of a family: not unless its file and flags say so, and its chains are in save.

    save: the output of the save command, empty where only the settings are asked.
    """
    engine = snapshot.engine
    default = family == "ipv4" or capabilities_of(engine).ip6tables_by_default
    if next_values(snapshot).get(_KEYS[family], default) is not True:
        return False
    chains = parse_table(save, "filter").chains
    return not save or engine is None or any(chain.startswith("DOCKER") for chain in chains)


def leaves_forward_open(snapshot: HostSnapshot) -> bool:
    """Whether dockerd is told never to close FORWARD."""
    return next_values(snapshot).get("ip-forward-no-drop") is True


def closes_at_boot(snapshot: HostSnapshot, family: str, turned_on: set[str]) -> bool:
    """Whether dockerd closes FORWARD of a family when the host boots, with forwarding of turned_on set by files."""
    if not manages_rules(snapshot, "", family) or leaves_forward_open(snapshot):
        return False
    if next_values(snapshot).get("ip-forward") is False:
        return False
    if closes_at_every_start(snapshot, family):
        return True
    if family == "ipv6" and not capabilities_of(snapshot.engine).forwards_for_networks:
        return False
    return family not in turned_on and obstacle_at_start(snapshot, VERSIONS[family]) is None


def closes_at_every_start(snapshot: HostSnapshot, family: str) -> bool:
    """Whether dockerd sets the policy DROP at every start, whatever turned forwarding on."""
    engine = snapshot.engine
    return (
        family == "ipv6"
        and engine is not None
        and not capabilities_of(engine).forwards_for_networks
        and manages_rules(snapshot, "", family)
        and not leaves_forward_open(snapshot)
    )


def _unasked(snapshot: HostSnapshot) -> list[str]:
    source = snapshot.sources.get(ENGINE)
    if source is None or source.kind == "absent":
        return []
    return [f"whether dockerd still closes the FORWARD chain at the next boot could not be determined: {source.reason}"]


def _open_with_nftables(family: str, since: str) -> str:
    """There dockerd closes nothing for others, whatever turns forwarding on (moby, bridge_linux.go)."""
    return (
        f"the host forwards {NAMES[family]} {since}, and dockerd, which filters with nftables, drops nothing that "
        "others forward through it: the host routes between its own interfaces for any machine that uses it as a "
        "gateway, unless a chain at the hook forward drops that"
    )
