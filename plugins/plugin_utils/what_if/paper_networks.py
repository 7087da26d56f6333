# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Networks on paper: bridges, who is connected to them, whether their containers reach each other. Pure."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import taken_on_host
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import start_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    ICC,
    ConfiguredPool,
    Container,
    Endpoint,
    Network,
    Subnet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import capabilities_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    DEFAULT_ROUTE,
    LOCAL_TABLE,
    MAIN_TABLE,
    ContainerNamespace,
    Link,
    Route,
    sysctl_key,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.changes import (
    AddNetwork,
    BadChangeError,
    Connect,
    Disconnect,
    Icc,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.dockerd_rules import way_out
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_ports import (
    BRIDGE_NETFILTER,
    container_named,
    proxy_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_rules import UndeterminedError

_POOLS = [
    *(ConfiguredPool(f"172.{number}.0.0/16", 16) for number in range(17, 32)),
    ConfiguredPool("192.168.0.0/16", 20),
]
"""Those of dockerd where none are configured (moby daemon/libnetwork/ipamutils)."""
_NAMED = 10
_PER_LINK = ("conf", "neigh")


def network_named(snapshot: HostSnapshot, name: str) -> Network:
    """Return a bridge network. Raises BadChangeError."""
    bridged = [item for item in snapshot.networks if item.bridge is not None]
    found = next((item for item in bridged if item.name == name), None)
    if found is None:
        names = listed(sorted(item.name for item in bridged), _NAMED) or "none"
        raise BadChangeError(f"no bridge network {name} on this host; there are: {names}")
    return found


def with_network(snapshot: HostSnapshot, change: AddNetwork) -> HostSnapshot:
    """The host with a bridge network more. Raises BadChangeError, UndeterminedError."""
    if any(item.name == change.name for item in snapshot.networks):
        raise BadChangeError(f"there is a network {change.name} on this host already")
    if capabilities_of(snapshot.engine).forwards_for_networks and snapshot.sysctls.get("net.ipv4.ip_forward") == "0":
        raise UndeterminedError(
            "the engine would turn on IPv4 forwarding for a new network, and close FORWARD: turn it on first, see "
            "forwarding.ipv4 of its audit"
        )
    subnet = ipaddress.IPv4Network(change.subnet) if change.subnet else _free_subnet(snapshot)
    clash = next((item for item in taken_on_host(snapshot, ()) if _overlaps(item.cidr, subnet)), None)
    if clash is not None and change.subnet:
        raise BadChangeError(f"subnet: {subnet} overlaps with {clash.owner}")
    gateway = str(subnet.network_address + 1)
    wanted = start_values(snapshot).get("default-network-opts")
    options = dict(wanted.get("bridge") or {}) if isinstance(wanted, dict) else {}
    if not change.icc:
        options[ICC] = "false"
    digest = hashlib.sha256(f"network {change.name}".encode()).hexdigest()
    network = Network(
        digest,
        change.name,
        "bridge",
        internal=change.internal,
        subnets=[Subnet(str(subnet), gateway)],
        options={str(key): str(value) for key, value in options.items()},
    )
    changed = _with_bridge(snapshot, network, f"{gateway}/{subnet.prefixlen}", str(subnet))
    changed = replace(changed, networks=[*changed.networks, network])
    return changed if network.icc else _with_bridge_netfilter(changed)


def _overlaps(one: ipaddress.IPv4Network | ipaddress.IPv6Network, other: ipaddress.IPv4Network) -> bool:
    # What leads everywhere, as a default route does, is no obstacle.
    return isinstance(one, ipaddress.IPv4Network) and one.prefixlen > 0 and one.overlaps(other)


def _free_subnet(snapshot: HostSnapshot) -> ipaddress.IPv4Network:
    """The first subnet of the engine's pools that is free."""
    taken = [item.cidr for item in taken_on_host(snapshot, ())]
    configured = snapshot.engine.address_pools if snapshot.engine is not None else []
    for pool in configured or _POOLS:
        base = ipaddress.ip_network(pool.base)
        for block in base.subnets(new_prefix=pool.size) if isinstance(base, ipaddress.IPv4Network) else ():
            if not any(_overlaps(cidr, block) for cidr in taken):
                return block
    raise BadChangeError("the engine's address pools have no free subnet: name one as subnet")


def _with_bridge(snapshot: HostSnapshot, network: Network, address: str, subnet: str) -> HostSnapshot:
    """The host with the bridge of a network: like another one of the engine, where there is one."""
    bridges = {item.bridge for item in snapshot.networks}
    like = next((link for link in snapshot.links if link.kind == "bridge" and link.name in bridges), None)
    name = str(network.bridge)
    index = _next_index(snapshot)
    mac = _mac(name)
    link = Link(index, name, "bridge", up=True, operstate="UP", mtu=1500, mac=mac, addresses=[address])
    if like is not None:
        link = replace(like, index=index, name=name, mac=mac, addresses=[address], operstate="UP", tentative=[])
    own = address.partition("/")[0]
    routes = [
        Route(subnet, MAIN_TABLE, interfaces=[index], protocol=2, source=own),
        Route(f"{own}/32", LOCAL_TABLE, "local", interfaces=[index], protocol=2, source=own),
    ]
    sysctls = {**snapshot.sysctls, **_settings_like(snapshot, like.name if like is not None else "default", name)}
    if not proxy_of(snapshot):
        sysctls[sysctl_key(4, name, "route_localnet")] = "1"
    return replace(snapshot, links=[*snapshot.links, link], routes=[*snapshot.routes, *routes], sysctls=sysctls)


def _settings_like(snapshot: HostSnapshot, model: str, name: str) -> dict[str, str]:
    """The settings that an interface has, for another one."""
    found = {}
    for key, value in snapshot.sysctls.items():
        parts = key.split(".")
        if len(parts) == 5 and parts[2] in _PER_LINK and parts[3] == model.replace(".", "/"):
            found[".".join([*parts[:3], name.replace(".", "/"), parts[4]])] = value
    return found


def _next_index(snapshot: HostSnapshot) -> int:
    return 1 + max((link.index for link in snapshot.links), default=0)


def _mac(name: str) -> str:
    digest = hashlib.sha256(name.encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x42, *digest[:4]))


def _with_bridge_netfilter(snapshot: HostSnapshot) -> HostSnapshot:
    """The host on which bridged packets meet the rules of iptables: dockerd turns that on for icc=false."""
    return replace(snapshot, sysctls={**snapshot.sysctls, BRIDGE_NETFILTER: "1"})


def with_icc(snapshot: HostSnapshot, change: Icc) -> HostSnapshot:
    """The host with connections between the containers of a network accepted, or dropped. Raises BadChangeError."""
    network = network_named(snapshot, change.network)
    if network.icc == change.enabled:
        raise BadChangeError(f"icc of network {network.name} is {'on' if network.icc else 'off'} already")
    options = {**network.options, ICC: "true" if change.enabled else "false"}
    networks = [replace(item, options=options) if item.id == network.id else item for item in snapshot.networks]
    changed = replace(snapshot, networks=networks)
    return changed if change.enabled else _with_bridge_netfilter(changed)


def connected(snapshot: HostSnapshot, change: Connect) -> HostSnapshot:
    """The host with a container connected to a network. Raises BadChangeError, UndeterminedError."""
    network = network_named(snapshot, change.network)
    container = container_named(snapshot, change.container)
    if any(end.network_id == network.id for end in container.endpoints):
        raise BadChangeError(f"container {container.name} is connected to {network.name} already")
    _require_same_way_out(snapshot, container, network)
    space = _namespace_of(snapshot, container)
    bridge = next((link for link in snapshot.links if link.name == network.bridge), None)
    subnet = next((item for item in network.subnets if ":" not in item.subnet), None)
    if bridge is None or subnet is None or any(":" in item.subnet for item in network.subnets):
        raise UndeterminedError(
            f"addresses of network {network.name} cannot be given out on paper: it is not IPv4 alone"
        )
    block = ipaddress.IPv4Network(subnet.subnet, strict=False)
    address = _free_address(snapshot, block)
    inner = 1 + max((link.index for link in space.links), default=1)
    outer = _next_index(snapshot)
    name = f"veth{_mac(f'{container.id} {network.id}').replace(':', '')[5:]}"
    ports = {link.index: link for link in snapshot.links if link.hairpin is not None}
    like = next((link for link in ports.values() if link.peer_nsid == container.nsid), next(iter(ports.values()), None))
    veth = Link(
        outer,
        name,
        "veth",
        up=True,
        operstate="UP",
        mtu=1500,
        mac=_mac(name),
        master=bridge.index,
        peer_index=inner,
        peer_nsid=container.nsid,
        hairpin=not proxy_of(snapshot),
        isolated=False,
    )
    inside = Link(
        inner,
        f"eth{len(space.links)}",
        "veth",
        up=True,
        operstate="UP",
        mtu=1500,
        mac=_mac(address),
        peer_index=outer,
        addresses=[f"{address}/{block.prefixlen}"],
    )
    end = Endpoint(
        network.name, network.id, address, gateway="" if network.internal else subnet.gateway, mac=inside.mac
    )
    routes = [*space.routes, *_routes_inside(space, network, subnet, inside)]
    spaces = [
        replace(item, links=[*item.links, inside], routes=routes) if item.inode == space.inode else item
        for item in snapshot.container_namespaces
    ]
    changed = replace(container, endpoints=[*container.endpoints, end])
    return replace(
        snapshot,
        links=[
            *(replace(link, operstate="UP", tentative=[]) if link is bridge else link for link in snapshot.links),
            veth,
        ],
        routes=[_in_use(route, bridge.index) for route in snapshot.routes],
        container_namespaces=spaces,
        containers=[changed if item.id == container.id else item for item in snapshot.containers],
        sysctls={**snapshot.sysctls, **_settings_like(snapshot, like.name if like is not None else "default", name)},
    )


def _in_use(route: Route, bridge: int) -> Route:
    """A bridge without a container has no carrier, and its routes may not count before."""
    return replace(route, usable=True) if route.interfaces == [bridge] else route


def _require_same_way_out(snapshot: HostSnapshot, container: Container, network: Network) -> None:
    """Raise UndeterminedError where the engine would move the default route, which it gives by names of networks."""
    current = way_out(snapshot, container)
    if current is not None and not network.internal and network.name < current[0].name:
        raise UndeterminedError(
            f"whether container {container.name} would leave the host by {current[0].name} or {network.name}, and have "
            "its ports published there, cannot be told on paper: connect it, and compare two audits"
        )


def _routes_inside(space: ContainerNamespace, network: Network, subnet: Subnet, link: Link) -> Iterator[Route]:
    address = link.addresses[0].partition("/")[0]
    block = str(ipaddress.IPv4Network(subnet.subnet, strict=False))
    yield Route(block, MAIN_TABLE, interfaces=[link.index], protocol=2, source=address)
    yield Route(f"{address}/32", LOCAL_TABLE, "local", interfaces=[link.index], protocol=2, source=address)
    has_default = any(route.destination == DEFAULT_ROUTE[4] for route in space.routes)
    if not network.internal and not has_default and subnet.gateway:
        yield Route(DEFAULT_ROUTE[4], MAIN_TABLE, gateways=[subnet.gateway], interfaces=[link.index])


def _namespace_of(snapshot: HostSnapshot, container: Container) -> ContainerNamespace:
    found = next((item for item in snapshot.container_namespaces if item.inode == container.netns), None)
    if found is None or container.nsid is None:
        raise UndeterminedError(f"the network namespace of container {container.name} was not read: see its audit")
    return found


def _free_address(snapshot: HostSnapshot, block: ipaddress.IPv4Network) -> str:
    """The first free address of a subnet, as dockerd gives them out."""
    taken = {text.partition("/")[0] for link in snapshot.links for text in link.addresses}
    taken.update(end.address for container in snapshot.containers for end in container.endpoints if end.address)
    found = next((address for address in block.hosts() if str(address) not in taken), None)
    if found is None:
        raise BadChangeError(f"no address is free in {block}")
    return str(found)


def disconnected(snapshot: HostSnapshot, change: Disconnect) -> HostSnapshot:
    """The host with a container taken off a network. Raises BadChangeError, UndeterminedError."""
    network = network_named(snapshot, change.network)
    container = container_named(snapshot, change.container)
    if all(end.network_id != network.id for end in container.endpoints):
        names = listed([end.network for end in container.endpoints], _NAMED) or "none"
        raise BadChangeError(f"container {container.name} is not connected to {network.name}; its networks: {names}")
    current = way_out(snapshot, container)
    if current is not None and current[0].id == network.id and len(container.endpoints) > 1:
        raise UndeterminedError(
            f"container {container.name} leaves the host by {network.name}, and by which network it would then cannot "
            "be told on paper: disconnect it, and compare two audits"
        )
    space = _namespace_of(snapshot, container)
    bridge = next((link.index for link in snapshot.links if link.name == network.bridge), None)
    gone = {
        link.index: link.peer_index
        for link in snapshot.links
        if link.master == bridge and link.peer_nsid == container.nsid
    }
    inner = set(gone.values())
    kept = replace(
        space,
        links=[link for link in space.links if link.index not in inner],
        routes=[route for route in space.routes if inner.isdisjoint(route.interfaces)],
    )
    ends = [end for end in container.endpoints if end.network_id != network.id]
    changed = replace(container, endpoints=ends, published=container.published if ends else [])
    return replace(
        snapshot,
        links=[link for link in snapshot.links if link.index not in gone],
        container_namespaces=[kept if item.inode == kept.inode else item for item in snapshot.container_namespaces],
        containers=[changed if item.id == container.id else item for item in snapshot.containers],
    )
