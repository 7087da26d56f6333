# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Published ports on paper: bindings, and who holds the port of the host, docker-proxy or dockerd itself. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    ANYWHERE,
    Container,
    Endpoint,
    PublishedPort,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import (
    NEEDS_BRIDGE_NETFILTER,
    PUBLISHES_ON_IPV6,
    has,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Link,
    Listener,
    ProxyProcess,
    sysctl_key,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import KEY, proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.changes import (
    BadChangeError,
    Publish,
    Unpublish,
    UserlandProxy,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.dockerd_rules import (
    address_in,
    version_of,
    way_out,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_rules import UndeterminedError

CONFIG_PATH = "/etc/docker/daemon.json"
PROXY, DOCKERD = "docker-proxy", "dockerd"
_HOST_BINDING = "com.docker.network.bridge.host_binding_ipv4"
BRIDGE_NETFILTER = "net.bridge.bridge-nf-call-iptables"
_NAMED = 10


def container_named(snapshot: HostSnapshot, name: str) -> Container:
    """Return a running container that has a network namespace of its own. Raises BadChangeError for others."""
    running = [item for item in snapshot.containers if item.running]
    found = next((item for item in running if item.name == name), None)
    if found is None:
        names = listed(sorted(item.name for item in running), _NAMED) or "none"
        raise BadChangeError(f"no container {name} runs on this host; running: {names}")
    if found.network_mode in ("host", "none") or found.network_mode.startswith("container:"):
        raise BadChangeError(
            f"container {name} has the network mode {found.network_mode}: it is on no network of its own"
        )
    return found


def proxy_of(snapshot: HostSnapshot) -> bool:
    """Return whether docker-proxy is on. Raises UndeterminedError where that is not known."""
    state = proxy_in_force(snapshot)
    if state.value is None or snapshot.daemon is None:
        raise UndeterminedError(f"whether docker-proxy is on is not known: {state.evidence}")
    return state.value


def published(snapshot: HostSnapshot, change: Publish) -> HostSnapshot:
    """The host with a port published. Raises BadChangeError, UndeterminedError."""
    container = container_named(snapshot, change.container)
    gateway = way_out(snapshot, container)
    if gateway is None:
        raise BadChangeError(f"container {container.name} is on no network on which ports are published")
    network, end = gateway
    given = change.host_ip or network.options.get(_HOST_BINDING) or ""
    if given in ("", ANYWHERE[4]) and not change.host_ip:
        addresses = [ANYWHERE[4], *([ANYWHERE[6]] if _publishes_on_ipv6(snapshot, end) else [])]
    else:
        addresses = [str(ipaddress.ip_address(given.strip("[]")))]
    bindings = [PublishedPort(change.protocol, change.port, address, change.host_port) for address in addresses]
    for binding in bindings:
        _require_free(snapshot, binding)
    changed = replace(container, published=[*container.published, *bindings])
    ends = [(binding, end) for binding in bindings]
    return _holding(_with_container(snapshot, changed), ends, proxy=proxy_of(snapshot))


def unpublished(snapshot: HostSnapshot, change: Unpublish) -> HostSnapshot:
    """The host without a published port. Raises BadChangeError."""
    container = container_named(snapshot, change.container)
    gone = [
        item for item in container.published if (item.protocol, item.host_port) == (change.protocol, change.host_port)
    ]
    if not gone:
        there = listed([str(item) for item in container.published], _NAMED) or "none"
        raise BadChangeError(
            f"container {container.name} publishes nothing on port {change.host_port}/{change.protocol} of the host; "
            f"published: {there}"
        )
    kept = [item for item in container.published if item not in gone]
    return _released(_with_container(snapshot, replace(container, published=kept)), gone)


def _with_container(snapshot: HostSnapshot, changed: Container) -> HostSnapshot:
    return replace(snapshot, containers=[changed if item.id == changed.id else item for item in snapshot.containers])


def _publishes_on_ipv6(snapshot: HostSnapshot, end: Endpoint) -> bool:
    """Whether a port that is published at no address in particular is published on :: as well."""
    engine = snapshot.engine
    if engine is None or engine.full_release < PUBLISHES_ON_IPV6:
        return False
    has_ipv6 = any(text.startswith("::1/") for link in snapshot.links for text in link.addresses)
    return has_ipv6 and (bool(end.address6) or proxy_in_force(snapshot).value is True)


def _require_free(snapshot: HostSnapshot, binding: PublishedPort) -> None:
    version, port = version_of(binding), f"{binding.host_port}/{binding.protocol}"
    own = {text.partition("/")[0] for link in snapshot.links for text in link.addresses}
    is_local = binding.address == ANYWHERE[version] or ipaddress.ip_address(binding.address).is_loopback
    if not is_local and binding.address not in own:
        raise BadChangeError(
            f"host_ip: {binding.address} is no address of this host, so that no engine publishes on it"
        )
    for listener in snapshot.listeners:
        if (listener.protocol, listener.port) != (binding.protocol, binding.host_port):
            continue
        if _overlap(listener, binding.address, version):
            who = listener.owner or "another program"
            raise BadChangeError(f"port {port} of the host is taken by {who} at {listener.address}")


def _overlap(listener: Listener, address: str, version: int) -> bool:
    there = 6 if ":" in listener.address else 4
    if there != version:
        return there == 6 and listener.address == ANYWHERE[6] and not listener.only_ipv6
    return address in (listener.address, ANYWHERE[version]) or listener.address == ANYWHERE[version]


def _holding(snapshot: HostSnapshot, bindings: list[tuple[PublishedPort, Endpoint]], *, proxy: bool) -> HostSnapshot:
    """The host with the process that holds the ports of bindings: docker-proxy where that is on, else dockerd."""
    dockerd = snapshot.daemon.pid if snapshot.daemon is not None else 0
    proxies, listeners = list(snapshot.proxies), list(snapshot.listeners)
    for binding, end in bindings:
        version = version_of(binding)
        inner = address_in(end, version)
        if not proxy and not inner:
            continue
        where = (binding.protocol, binding.address, binding.host_port)
        pid = 1 + max([dockerd, *_pids(snapshot), *(item.pid for item in proxies)]) if proxy else dockerd
        if proxy:
            inner = inner or address_in(end, 10 - version)
            proxies.append(ProxyProcess(pid, dockerd, *where, inner, binding.container_port))
        owner = PROXY if proxy else DOCKERD
        listeners.append(Listener(*where, only_ipv6=version == 6, owner=owner, pid=pid))
    return replace(snapshot, proxies=proxies, listeners=listeners)


def _pids(snapshot: HostSnapshot) -> Iterator[int]:
    yield from (item.pid for item in snapshot.containers if item.pid is not None)
    yield from (item.pid for item in snapshot.listeners if item.pid is not None)


def _released(snapshot: HostSnapshot, bindings: list[PublishedPort]) -> HostSnapshot:
    """The host without those who held the ports of bindings."""
    gone = {(item.protocol, item.address, item.host_port) for item in bindings}
    return replace(
        snapshot,
        proxies=[item for item in snapshot.proxies if (item.protocol, item.host_ip, item.host_port) not in gone],
        listeners=[
            item
            for item in snapshot.listeners
            if item.owner not in (PROXY, DOCKERD) or (item.protocol, item.address, item.port) not in gone
        ],
    )


def with_userland_proxy(snapshot: HostSnapshot, change: UserlandProxy) -> HostSnapshot:
    """The host with docker-proxy on or off, as it is once its containers were started again.

    The module userland_proxy leaves a host so, too, without a restart of containers.
    """
    if proxy_of(snapshot) == change.enabled:
        evidence = proxy_in_force(snapshot).evidence
        raise BadChangeError(f"docker-proxy is {'on' if change.enabled else 'off'} already: {evidence}")
    every = [
        (binding, gateway[1])
        for container in snapshot.containers
        if container.running and (gateway := way_out(snapshot, container)) is not None
        for binding in container.published
        if binding.host_port
    ]
    bare = _released(snapshot, [binding for binding, dummy in every])
    bare = _told(bare, enabled=change.enabled)
    return _forced(bare, every, enabled=change.enabled)


def _told(snapshot: HostSnapshot, *, enabled: bool) -> HostSnapshot:
    """The host with a daemon.json and a dockerd that say so."""
    config = snapshot.daemon_config or DaemonConfig(CONFIG_PATH, exists=True)
    values = {**config.values, KEY: enabled}
    if enabled:
        del values[KEY]
    written = snapshot.daemon.started_at - 1 if snapshot.daemon is not None else None
    daemon, service, engine = snapshot.daemon, snapshot.service, snapshot.engine
    words = f"--{KEY}"
    return replace(
        snapshot,
        daemon_config=replace(config, values=values, exists=True, mtime=written, ctime=written),
        daemon=daemon and replace(daemon, argv=[word for word in daemon.argv if not word.startswith(words)]),
        service=service and replace(service, argv=[word for word in service.argv if not word.startswith(words)]),
        engine=engine and (replace(engine, userland_proxy=enabled) if engine.userland_proxy is not None else engine),
    )


def _forced(snapshot: HostSnapshot, bindings: list[tuple[PublishedPort, Endpoint]], *, enabled: bool) -> HostSnapshot:
    """The host with the processes, sockets and settings of that mode."""
    networks = [item.bridge for item in snapshot.networks if item.bridge is not None]
    bridges = {link.index for link in snapshot.links if link.name in networks}
    links = [_port(link, hairpin=not enabled) if link.master in bridges else link for link in snapshot.links]
    localnet = {sysctl_key(4, bridge, "route_localnet"): "0" if enabled else "1" for bridge in networks}
    sysctls = {**snapshot.sysctls, **localnet}
    if not enabled and has(snapshot.engine, NEEDS_BRIDGE_NETFILTER):
        sysctls[BRIDGE_NETFILTER] = "1"
    changed = replace(snapshot, links=links, sysctls=sysctls)
    if enabled:
        return _holding(changed, bindings, proxy=True)
    # What docker-proxy alone served, an address of IPv6 of a container without one, is not published any more.
    gone = {id(binding) for binding, end in bindings if not address_in(end, version_of(binding))}
    containers = [
        replace(item, published=[binding for binding in item.published if id(binding) not in gone])
        for item in changed.containers
    ]
    return _holding(replace(changed, containers=containers), bindings, proxy=False)


def _port(link: Link, *, hairpin: bool) -> Link:
    return replace(link, hairpin=hairpin) if link.hairpin is not None else link
