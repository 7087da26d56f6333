"""Hosts that were recorded with the system's own programs, as snapshots; see the README of the fixtures."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import parse_argv
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine import (
    parse_container,
    parse_engine,
    parse_network,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import dotted
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, DaemonProcess, Endpoint
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    ContainerNamespace,
    Link,
    Listener,
    PolicyRule,
    ProxyProcess,
    Route,
    Ruleset,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source

from tests.unit.synthetic_host import HOST_NETNS, SOURCES

RECORDINGS = Path(__file__).parent / "fixtures/engine-29-hosts"
NAMES = tuple(sorted(path.name for path in RECORDINGS.iterdir() if path.is_dir()))

_TABLES = {"local": 255, "main": 254, "default": 253}
_PROTOCOLS = {"kernel": 2, "boot": 3, "static": 4}
_RULES = [
    PolicyRule(0, 4, table=255),
    PolicyRule(32766, 4, table=254),
    PolicyRule(32767, 4, table=253),
    PolicyRule(0, 6, table=255),
    PolicyRule(32766, 6, table=254),
]
# In every namespace: the addresses of lo.
_LOOPBACK = Link(1, "lo", up=True, operstate="UNKNOWN", mtu=65536, addresses=["127.0.0.1/8", "::1/128"])
_LOOPBACK_ROUTES = [
    Route("127.0.0.0/8", 255, "local", interfaces=[1], protocol=2, source="127.0.0.1"),
    Route("127.0.0.1/32", 255, "local", interfaces=[1], protocol=2, source="127.0.0.1"),
    Route("::1/128", 255, "local", interfaces=[1], protocol=2),
]
_FIRST_INODE = 4026532000
_WEB = "web"
"""The one container in which something listens."""


@cache
def recorded_host(name: str) -> HostSnapshot:
    """The host as snapshot. What was not recorded, the inside of the containers, follows from their endpoints."""
    folder = RECORDINGS / name
    networks = [parse_network(item) for item in _json(folder, "networks.json")]
    links = _links(_json(folder, "links.json"))
    containers = _placed([parse_container(item) for item in _json(folder, "containers.json")])
    processes = [line.split() for line in (folder / "processes.txt").read_text().splitlines()]
    proxies = [proxy for pid, ppid, *argv in processes if (proxy := parse_argv(argv, int(pid), int(ppid)))]
    internal = {network.name for network in networks if network.internal}
    return HostSnapshot(
        hostname="recorded",
        taken_at="2026-11-24T07:18:06+00:00",
        sources={source: Source(read=True) for source in SOURCES},
        engine=parse_engine(_json(folder, "version.json"), _json(folder, "info.json")),
        daemon=DaemonProcess(int(processes[0][0]), processes[0][2:], 0.0, HOST_NETNS),
        networks=networks,
        containers=containers,
        links=links,
        routes=_routes(_json(folder, "routes.json"), {link.name: link.index for link in links}),
        policy_rules=_RULES,
        listeners=_listeners(containers, proxies, int(processes[0][0])),
        container_namespaces=_inner(containers, links, internal),
        sysctls=_sysctls((folder / "sysctl.txt").read_text()),
        proxies=proxies,
        ruleset=_ruleset(folder),
    )


def observed(name: str) -> dict[str, Any]:
    """Addresses of the containers and gateways of a recording, and what connections were seen to do."""
    found: dict[str, Any] = _json(RECORDINGS / name, "observed-reachability.json")
    return found


def _json(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def _links(items: list[dict[str, Any]]) -> list[Link]:
    indices = {item["ifname"]: item["ifindex"] for item in items}
    found = []
    for item in items:
        info = item["linkinfo"]
        port, bridge = info.get("info_slave_data", {}), info.get("info_data", {})
        called = {
            key: bool(bridge[key]) if key in bridge else None for key in ("nf_call_iptables", "nf_call_ip6tables")
        }
        found.append(
            Link(
                item["ifindex"],
                item["ifname"],
                info.get("info_kind", ""),
                up="UP" in item["flags"],
                operstate=item["operstate"],
                mtu=item["mtu"],
                mac=item["address"],
                master=indices.get(item.get("master")),
                peer_index=item.get("link_index"),
                peer_nsid=item.get("link_netnsid"),
                hairpin=port.get("hairpin"),
                isolated=port.get("isolated"),
                calls_iptables=called["nf_call_iptables"],
                calls_ip6tables=called["nf_call_ip6tables"],
                addresses=[f"{address['local']}/{address['prefixlen']}" for address in item["addr_info"]],
            )
        )
    return found


def _routes(items: list[dict[str, Any]], indices: dict[str, int]) -> list[Route]:
    found = []
    for item in items:
        destination = item["dst"]
        if destination == "default":
            destination = "0.0.0.0/0"
        elif "/" not in destination:
            destination += "/128" if ":" in destination else "/32"
        found.append(
            Route(
                destination,
                _TABLES[item.get("table", "main")],
                item.get("type", "unicast"),
                gateways=[item["gateway"]] if "gateway" in item else [],
                interfaces=[indices[item["dev"]]],
                protocol=_PROTOCOLS[item.get("protocol", "boot")],
                source=item.get("prefsrc"),
                metric=item.get("metric", 0),
            )
        )
    return found


def _sysctls(text: str) -> dict[str, str]:
    pairs = (line.split(" = ") for line in text.splitlines())
    # sysctl(8) leaves the dots of interface names; here no interface has one.
    return {dotted(key.replace(".", "/")): value for key, value in pairs}


def _ruleset(folder: Path) -> Ruleset:
    save = {}
    for program, name in (("iptables-nft-save", "iptables-save.txt"), ("ip6tables-nft-save", "ip6tables-save.txt")):
        if (folder / name).exists():
            save[program] = (folder / name).read_text()
    text = (folder / "nft-ruleset.json").read_text()
    tables = [item["table"] for item in json.loads(text)["nftables"] if "table" in item]
    return Ruleset(save, text, nft_tables=[f"{table['family']} {table['name']}" for table in tables], generation=1)


def _placed(containers: list[Container]) -> list[Container]:
    """Containers with their namespaces. The kernel numbered those that have a veth in the order of their start."""
    placed = []
    nsid = 0
    for number, container in enumerate(containers):
        if container.network_mode == "host":
            placed.append(replace(container, netns=HOST_NETNS))
        elif container.network_mode.startswith("container:"):
            owner = next(item for item in placed if container.network_mode == f"container:{item.id}")
            placed.append(replace(container, netns=owner.netns, nsid=owner.nsid))
        elif container.network_mode == "none":
            placed.append(replace(container, netns=_FIRST_INODE + number))
        else:
            nsid += 1
            placed.append(replace(container, netns=_FIRST_INODE + number, nsid=nsid))
    return placed


def _listeners(containers: list[Container], proxies: list[ProxyProcess], dockerd: int) -> list[Listener]:
    """Sockets of docker-proxy; without it dockerd itself holds the ports, so that nobody else takes them."""
    if proxies:
        return [
            Listener(item.protocol, item.host_ip, item.host_port, ":" in item.host_ip, "", "docker-proxy", item.pid)
            for item in proxies
        ]
    ports = [port for container in containers for port in container.published if ":" not in port.host_ip]
    return [Listener(port.protocol, port.host_ip, port.host_port, owner="dockerd", pid=dockerd) for port in ports]


def _inner(containers: list[Container], links: list[Link], internal: set[str]) -> list[ContainerNamespace]:
    found = []
    for container in containers:
        shares = container.network_mode == "host" or container.network_mode.startswith("container:")
        if shares or container.netns is None:
            continue
        ends = [link for link in links if container.nsid is not None and link.peer_nsid == container.nsid]
        endpoints = [endpoint for endpoint in container.endpoints if endpoint.address]
        inside = [_LOOPBACK]
        routes = list(_LOOPBACK_ROUTES)
        for endpoint in endpoints:
            link, owns = _inside(endpoint, ends, links)
            inside.append(link)
            routes.extend(owns)
        gateways = [item for item in endpoints if item.gateway and item.network not in internal]
        if gateways:
            # Among networks of equal priority the engine takes the gateway of the first by name.
            first = min(gateways, key=lambda item: item.network)
            gateway = first.gateway or ""
            device = _inside(first, ends, links)[0].index
            routes.append(Route("0.0.0.0/0", 254, gateways=[gateway], interfaces=[device], protocol=3))
        named = any(endpoint.network != "bridge" for endpoint in endpoints)
        found.append(
            ContainerNamespace(
                container.netns,
                links=inside,
                routes=routes,
                listeners=[Listener("tcp", "0.0.0.0", 80)] if container.name == _WEB else [],  # noqa: S104
                # Of dockerd's name server, which it has on all networks but the default one.
                tables=["ip nat"] if named else [],
            )
        )
    return found


def _inside(endpoint: Endpoint, ends: list[Link], links: list[Link]) -> tuple[Link, list[Route]]:
    """The container's end of the veth that an endpoint is, and the routes that its address brings along."""
    address = endpoint.address or ""
    # All networks of the recording have subnets of their own bridge's address.
    by_bridge = {link.index: item for link in links if link.kind == "bridge" for item in link.addresses if "." in item}
    end = next(item for item in ends if _shares_subnet(address, by_bridge[item.master or 0]))
    length = by_bridge[end.master or 0].partition("/")[2]
    subnet = _subnet(address, length)
    index = end.peer_index or 0
    link = Link(index, f"eth{index - 2}", "veth", up=True, operstate="UP", mtu=1500, mac=endpoint.mac or "")
    routes = [
        Route(subnet, 254, interfaces=[index], protocol=2, source=address),
        Route(f"{address}/32", 255, "local", interfaces=[index], protocol=2, source=address),
    ]
    return replace(link, addresses=[f"{address}/{length}"]), routes


def _shares_subnet(address: str, bridge: str) -> bool:
    gateway, length = bridge.split("/")
    return _subnet(address, length) == _subnet(gateway, length)


def _subnet(address: str, length: str) -> str:
    return str(ip_interface(f"{address}/{length}").network)
