# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What must be known before docker-proxy is switched: what would not work at all, and whose paths change. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Disruption, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import attachments, running

# From this release on dockerd does not start without docker-proxy where br_netfilter is missing (moby #48676).
NEEDS_BRIDGE_NETFILTER = (27, 4)
# From this release on one bridge network reaches what another one publishes without docker-proxy (moby #49981).
CROSSES_NETWORKS = (29, 0)


def refuse_impossible(snapshot: HostSnapshot, *, bridge_netfilter: bool) -> None:
    """Raise Refusal where dockerd would not start without docker-proxy.

    bridge_netfilter: whether the kernel has the module, loaded or to be loaded.
    """
    engine = snapshot.engine
    if engine is not None and engine.release >= NEEDS_BRIDGE_NETFILTER and not bridge_netfilter:
        raise Refusal(
            f"docker-proxy was not switched off: Docker Engine {engine.version} does not start without it on a kernel "
            "without br_netfilter, and this one has no such module (in a container, load it on the machine below)"
        )


def cut_off(snapshot: HostSnapshot, settings: dict[str, Any]) -> list[Disruption]:
    """Return whose published ports lose a way in without docker-proxy, so that switching it off takes consent.

    settings: what the next start of dockerd will use, file and flags together.
    """
    publishing = [container for container in running(snapshot) if container.published]
    if settings.get("iptables") is False:
        how = "lead nowhere any more: with iptables set to false, docker-proxy is all that serves them"
        return [Disruption("all published ports", how)]
    return [*_other_networks(snapshot), *_ipv6_clients(publishing)]


def proxy_warnings(snapshot: HostSnapshot, kept: list[Container], *, enabled: bool) -> list[str]:
    """Return what the operator should know, one sentence each, only what is true of this host."""
    return list(_turned_on(kept) if enabled else _turned_off(snapshot))


def _other_networks(snapshot: HostSnapshot) -> Iterator[Disruption]:
    """Publishers that a container of another bridge network may reach by an address of the host, and then does not."""
    if snapshot.engine is not None and snapshot.engine.release >= CROSSES_NETWORKS:
        return
    joined: dict[str, set[str]] = {}
    for item in attachments(snapshot):
        joined.setdefault(item.container.name, set()).add(item.network.name)
    everywhere = {network for networks in joined.values() for network in networks}
    for container in running(snapshot):
        others = sorted(everywhere - joined.get(container.name, everywhere))
        if container.published and others:
            yield Disruption(
                container.name,
                "is no longer reached at its published ports, by whatever address of the host, from the containers of "
                f"other bridge networks ({', '.join(others)}); Docker Engine 29 and later let them through",
            )


def _ipv6_clients(publishing: list[Container]) -> Iterator[Disruption]:
    for container in publishing:
        if _needs_proxy_for_ipv6(container):
            yield Disruption(
                container.name,
                "is no longer reached at the host's IPv6 addresses, [::1] among them, since it has IPv4 only",
            )


def _turned_off(snapshot: HostSnapshot) -> Iterator[str]:
    publishing = {item.network.name for item in attachments(snapshot) if item.container.published}
    closed = {network.name for network in snapshot.networks if not network.icc}
    if closed & publishing:
        yield (
            "without docker-proxy, containers of a network that forbids traffic between its containers reach each "
            f"other's published ports no more: {', '.join(sorted(closed & publishing))}"
        )
    old = snapshot.engine is not None and snapshot.engine.release < NEEDS_BRIDGE_NETFILTER
    if old and snapshot.sysctls.get("net.bridge.bridge-nf-call-iptables") == "0":
        yield (
            "net.bridge.bridge-nf-call-iptables is 0: without docker-proxy, containers of one network reach each "
            "other's published ports by the host's address only when it is 1"
        )


def _turned_on(kept: list[Container]) -> Iterator[str]:
    names = sorted(container.name for container in kept if _lost_ipv6_listener(container))
    if names:
        yield (
            "docker-proxy listens on [::] for these containers only after they were restarted once, since dockerd "
            f"remembers their bindings without it: {', '.join(names)}"
        )


def _needs_proxy_for_ipv6(container: Container) -> bool:
    has_address = any(endpoint.address6 for endpoint in container.endpoints)
    return not has_address and any(":" in port.host_ip for port in container.published)


def _lost_ipv6_listener(container: Container) -> bool:
    hosts = {port.host_ip for port in container.published}
    return "0.0.0.0" in hosts and "::" not in hosts  # noqa: S104
