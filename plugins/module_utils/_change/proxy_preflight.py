# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What must be known before docker-proxy is switched: what would not work at all, and whose paths change. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.restart_impact import LIVE_RESTORE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import KEY
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import attachments, running

# From this release on dockerd does not start without docker-proxy where br_netfilter is missing (moby #48676).
NEEDS_BRIDGE_NETFILTER = (27, 4)
# From this release on one bridge network reaches what another one publishes without docker-proxy (moby #49981).
CROSSES_NETWORKS = (29, 0)
# process start times are known to a second only.
_CLOCK_SLACK = 1.0


def refuse_impossible(
    snapshot: HostSnapshot,
    settings: dict[str, Any],
    *,
    bridge_netfilter: bool,
    disruption_allowed: bool,
) -> None:
    """Raise Refusal where dockerd would not start without docker-proxy, or nothing would be published any more.

    settings: what the next start of dockerd will use, file and flags together. bridge_netfilter: whether the kernel has
    the module, loaded or to be loaded.
    """
    engine = snapshot.engine
    if engine is not None and engine.release >= NEEDS_BRIDGE_NETFILTER and not bridge_netfilter:
        raise Refusal(
            f"docker-proxy was not switched off: Docker Engine {engine.version} does not start without it on a kernel "
            "without br_netfilter, and this one has no such module (in a container, load it on the machine below)"
        )
    if settings.get("iptables") is False and not disruption_allowed:
        raise Refusal(
            "docker-proxy was not switched off: with iptables set to false it is all that leads to published ports. "
            "Consent with on_disruption: allow"
        )


def proxy_warnings(snapshot: HostSnapshot, kept: list[Container], *, enabled: bool) -> list[str]:
    """Return what the operator should know, one sentence each, only what is true of this host."""
    if snapshot.engine is None:
        return []
    found = list(_pending(snapshot))
    found += _turned_on(kept) if enabled else _turned_off(snapshot, snapshot.engine)
    return found


def _pending(snapshot: HostSnapshot) -> Iterator[str]:
    config, daemon = snapshot.daemon_config, snapshot.daemon
    if config is None or daemon is None or config.mtime is None or config.mtime <= daemon.started_at + _CLOCK_SLACK:
        return
    others = sorted(key for key in config.values if key not in (KEY, LIVE_RESTORE))
    if others:
        yield (
            f"{config.path} was changed after dockerd had started: the restart also brings into force what else was "
            f"changed in it since (keys in it: {', '.join(others)})"
        )


def _turned_off(snapshot: HostSnapshot, engine: Engine) -> Iterator[str]:
    publishing = sorted({item.network.name for item in attachments(snapshot) if item.container.published})
    populated = {item.network.name for item in attachments(snapshot)}
    if engine.release < CROSSES_NETWORKS and publishing and len(populated) > 1:
        yield (
            f"before Docker Engine 29, without docker-proxy a container reaches no port published by a container of "
            f"another bridge network, by whatever address of the host; networks that publish: {', '.join(publishing)}"
        )
    six = sorted({container.name for container in running(snapshot) if _needs_proxy_for_ipv6(container)})
    if six:
        yield (
            "without docker-proxy the host's IPv6 addresses, [::1] among them, no longer lead to containers that have "
            f"IPv4 only: {', '.join(six)}"
        )
    closed = {network.name for network in snapshot.networks if _no_icc(network.options)}
    if closed & set(publishing):
        yield (
            "without docker-proxy, containers of a network that forbids traffic between its containers reach each "
            f"other's published ports no more: {', '.join(sorted(closed & set(publishing)))}"
        )
    if engine.release < NEEDS_BRIDGE_NETFILTER and snapshot.sysctls.get("net.bridge.bridge-nf-call-iptables") == "0":
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


def _no_icc(options: dict[str, str]) -> bool:
    return options.get("com.docker.network.bridge.enable_icc") == "false"
