"""Whole Docker hosts of any size, with the rules that dockerd writes; they exist nowhere.

Layouts as in moby: 27 is that of 20.10 to 27 (a block of rules of FORWARD for each network), 28 that of 28.0.1 to 28.5
(chains DOCKER-FORWARD, DOCKER-CT, DOCKER-BRIDGE, and drops in raw). Networks are added first, then containers in turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    ICC,
    Container,
    DaemonProcess,
    Endpoint,
    Engine,
    Network,
    PublishedPort,
    Subnet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Conntrack,
    ContainerNamespace,
    Ipsec,
    Link,
    Listener,
    Neighbour,
    PolicyRule,
    ProxyProcess,
    Route,
    Ruleset,
    TrafficControl,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONNTRACK,
    CONTAINER_NAMESPACES,
    ENGINE,
    IPSEC,
    LINKS,
    LISTENERS,
    NAMESPACES,
    NEIGHBOURS,
    POLICY_RULES,
    PROCESSES,
    ROUTES,
    RULESET,
    SYSCTL,
    TRAFFIC_CONTROL,
    HostSnapshot,
    Source,
)

SOURCES = (
    ENGINE, NAMESPACES, LINKS, ROUTES, POLICY_RULES, NEIGHBOURS, TRAFFIC_CONTROL, LISTENERS, CONTAINER_NAMESPACES,
    PROCESSES,
    SYSCTL, RULESET, CONNTRACK, IPSEC,
)  # fmt: skip
ADDRESS = "192.0.2.10"
UPLINK = "eth0"
WILDCARD = "0.0.0.0"  # noqa: S104
_HOST_NETNS = 4026531840
_RULES = [(0, 255), (32766, 254), (32767, 253)]
_CHAINS = {
    27: ("DOCKER", "DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2", "DOCKER-USER"),
    28: (
        "DOCKER", "DOCKER-BRIDGE", "DOCKER-CT", "DOCKER-FORWARD", "DOCKER-ISOLATION-STAGE-1",
        "DOCKER-ISOLATION-STAGE-2", "DOCKER-USER",
    ),
}  # fmt: skip


def mac_of(address: str) -> str:
    """The hardware address of the interface with this IPv4 address, as dockerd makes it."""
    return "02:42:" + ip_address(address).packed.hex(":")


@dataclass(frozen=True)
class Bridge:
    """A bridge network."""

    number: int
    icc: bool = True
    internal: bool = False

    @property
    def name(self) -> str:
        return f"net{self.number}"

    @property
    def device(self) -> str:
        return f"br-{self.number:012x}"

    @property
    def index(self) -> int:
        return 10 + self.number

    @property
    def mac(self) -> str:
        return f"02:42:ff:00:{self.number >> 8:02x}:{self.number & 255:02x}"

    def address(self, place: int) -> str:
        return f"172.{18 + self.number // 16}.{self.number % 16 * 16 + place // 250}.{1 + place % 250}"

    @property
    def subnet(self) -> str:
        return f"172.{18 + self.number // 16}.{self.number % 16 * 16}.0/20"


@dataclass
class DockerHost:
    """Collects networks and containers, then gives the snapshot."""

    layout: int = 27
    proxy: bool = True
    bridge_netfilter: bool = True
    forward_policy: str = "DROP"
    networks: list[Bridge] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    container_namespaces: list[ContainerNamespace] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    proxies: list[ProxyProcess] = field(default_factory=list)
    own_rules: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Rules of the administrator that stand first, by table and chain."""
    further: list[str] = field(default_factory=list)
    """More addresses of the uplink."""
    sysctls: dict[str, str] = field(default_factory=dict)
    neighbours: list[Neighbour] = field(default_factory=list)
    """Fixed entries of the host's own."""
    traffic_control: list[TrafficControl] = field(default_factory=list)
    ipsec: Ipsec = field(default_factory=Ipsec)
    """On the host's links."""
    _places: dict[int, int] = field(default_factory=dict)
    _rules: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.links += [
            Link(1, "lo", up=True, addresses=["127.0.0.1/8"]),
            Link(2, UPLINK, up=True, addresses=[f"{address}/24" for address in (ADDRESS, *self.further)]),
        ]
        self.listeners.append(Listener("tcp", WILDCARD, 22, owner="sshd", pid=50))
        flag = "1" if self.bridge_netfilter else "0"
        self.sysctls.update({"net.ipv4.ip_forward": "1", "net.bridge.bridge-nf-call-iptables": flag})

    def network(self, *, icc: bool = True, internal: bool = False) -> Bridge:
        """Add a bridge network."""
        bridge = Bridge(len(self.networks), icc, internal)
        self.networks.append(bridge)
        length = bridge.subnet.partition("/")[2]
        self.links.append(
            Link(
                bridge.index,
                bridge.device,
                "bridge",
                up=True,
                mac=bridge.mac,
                addresses=[f"{bridge.address(0)}/{length}"],
            )
        )
        if not self.proxy:
            self.sysctls[f"net.ipv4.conf.{bridge.device}.route_localnet"] = "1"
        self._network_rules(bridge)
        return bridge

    def container(
        self,
        name: str,
        bridges: Iterable[Bridge],
        publish: Iterable[PublishedPort] = (),
        listen: Iterable[tuple[str, int]] = (),
        *,
        isolated: bool = False,
    ) -> Container:
        """Add a running container; it listens on what it publishes only if listen says so."""
        number = len(self.containers)
        endpoints = []
        inside = [Link(1, "lo", up=True, addresses=["127.0.0.1/8"])]
        routes: list[Route] = []
        for place, bridge in enumerate(bridges):
            endpoints.append(self._plug(bridge, number, place, inside, routes, isolated=isolated))
        container = Container(
            hashlib.sha256(name.encode()).hexdigest(),
            name,
            pid=1000 + number,
            network_mode=endpoints[0].network if endpoints else "none",
            netns=4026540000 + number,
            nsid=number,
            endpoints=endpoints,
            published=list(publish),
            bounding=0xA80425FB,
        )
        self.containers.append(container)
        waiting = [Listener(protocol, WILDCARD, port) for protocol, port in listen]
        self.container_namespaces.append(ContainerNamespace(4026540000 + number, inside, routes, [], waiting, []))
        for binding in container.published:
            self._publish(binding, next(iter(bridges)), str(endpoints[0].address))
        if self.layout == 28:
            for bridge, endpoint in zip(bridges, endpoints):
                self._add("raw", "PREROUTING", f"-d {endpoint.address}/32 ! -i {bridge.device} -j DROP")
        return container

    def publish(self, container: Container, binding: PublishedPort) -> None:
        """Publish one port more of a container that was added."""
        container.published.append(binding)
        (bridge,) = (item for item in self.networks if item.name == container.endpoints[0].network)
        self._publish(binding, bridge, str(container.endpoints[0].address))

    def _plug(
        self, bridge: Bridge, number: int, place: int, inside: list[Link], routes: list[Route], *, isolated: bool
    ) -> Endpoint:
        slot = self._places[bridge.number] = self._places.get(bridge.number, 0) + 1
        address = bridge.address(slot)
        index = 100_000 + 10 * number + place
        veth = Link(
            index, f"veth{index}", "veth", up=True, master=bridge.index, peer_index=2 + place, peer_nsid=number,
            hairpin=not self.proxy, isolated=isolated,
        )  # fmt: skip
        self.links.append(veth)
        length = bridge.subnet.partition("/")[2]
        inside.append(
            Link(
                2 + place,
                f"eth{place}",
                "veth",
                up=True,
                peer_index=index,
                mac=mac_of(address),
                addresses=[f"{address}/{length}"],
            )
        )
        routes += [
            Route(bridge.subnet, 254, interfaces=[2 + place], source=address),
            Route(f"{address}/32", 255, "local", interfaces=[2 + place], source=address),
        ]
        if place == 0:
            routes += [
                Route("0.0.0.0/0", 254, gateways=[bridge.address(0)], interfaces=[2]),
                Route("127.0.0.0/8", 255, "local", interfaces=[1], source="127.0.0.1"),
            ]
        return Endpoint(bridge.name, f"{bridge.number:012x}" + "0" * 52, address, gateway=bridge.address(0))

    def _publish(self, binding: PublishedPort, bridge: Bridge, address: str) -> None:
        number, device = len(self.proxies), bridge.device
        owner = "docker-proxy" if self.proxy else "dockerd"
        pid = 200_000 + number if self.proxy else 700
        self.listeners.append(Listener(binding.protocol, binding.host_ip, binding.host_port, owner=owner, pid=pid))
        if self.proxy:
            self.proxies.append(
                ProxyProcess(
                    pid, 700, binding.protocol, binding.host_ip, binding.host_port, address, binding.container_port
                )
            )
        match = f"-p {binding.protocol} -m {binding.protocol} --dport"
        where = "" if binding.host_ip == WILDCARD else f"-d {binding.host_ip}/32 "
        skip = f"! -i {device} " if self.proxy else ""
        self._add(
            "nat",
            "DOCKER",
            f"{where}{skip}{match} {binding.host_port} -j DNAT --to-destination {address}:{binding.container_port}",
        )
        accept = f"-d {address}/32 ! -i {device} -o {device} {match} {binding.container_port} -j ACCEPT"
        if self.layout == 27:
            self._add("filter", "DOCKER", accept)
        else:
            self._insert("filter", "DOCKER", accept)
        if self.layout == 27 or not self.proxy:
            self._add(
                "nat", "POSTROUTING", f"-s {address}/32 -d {address}/32 {match} {binding.container_port} -j MASQUERADE"
            )
        if self.layout == 28 and binding.host_ip.startswith("127."):
            self._add("raw", "PREROUTING", f"-d {binding.host_ip}/32 ! -i lo {match} {binding.host_port} -j DROP")

    def _network_rules(self, bridge: Bridge) -> None:
        device = bridge.device
        if not bridge.internal:
            self._insert("nat", "POSTROUTING", f"-s {bridge.subnet} ! -o {device} -j MASQUERADE")
            if self.proxy:
                self._insert("nat", "DOCKER", f"-i {device} -j RETURN")
            else:
                self._insert("nat", "POSTROUTING", f"-o {device} -m addrtype --src-type LOCAL -j MASQUERADE")
            self._insert("filter", "DOCKER-ISOLATION-STAGE-1", f"-i {device} ! -o {device} -j DOCKER-ISOLATION-STAGE-2")
            self._insert("filter", "DOCKER-ISOLATION-STAGE-2", f"-o {device} -j DROP")
        else:
            self._insert("filter", "DOCKER-ISOLATION-STAGE-1", f"! -s {bridge.subnet} -o {device} -j DROP")
            self._insert("filter", "DOCKER-ISOLATION-STAGE-1", f"! -d {bridge.subnet} -i {device} -j DROP")
        inner = f"-i {device} -o {device} -j {'ACCEPT' if bridge.icc else 'DROP'}"
        established = f"-o {device} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        if self.layout == 27:
            if bridge.icc:
                self._insert("filter", "FORWARD", inner)
            else:
                self._add("filter", "FORWARD", inner)
            if not bridge.internal:
                self._insert("filter", "FORWARD", f"-i {device} ! -o {device} -j ACCEPT")
                self._insert("filter", "FORWARD", f"-o {device} -j DOCKER")
                self._insert("filter", "FORWARD", established)
        else:
            if not bridge.internal:
                self._add("filter", "DOCKER-CT", established)
                self._add("filter", "DOCKER-BRIDGE", f"-o {device} -j DOCKER")
                self._add("filter", "DOCKER", f"! -i {device} -o {device} -j DROP")
            if not bridge.icc or bridge.internal:
                self._add("filter", "DOCKER-FORWARD", inner)
            if not bridge.internal:
                rest = f"-i {device} -j ACCEPT" if bridge.icc else f"-i {device} ! -o {device} -j ACCEPT"
                self._add("filter", "DOCKER-FORWARD", rest)

    def _add(self, table: str, chain: str, rule: str) -> None:
        self._rules.setdefault((table, chain), []).append(rule)

    def _insert(self, table: str, chain: str, rule: str) -> None:
        self._rules.setdefault((table, chain), []).insert(0, rule)

    def save_text(self) -> str:
        """What iptables-nft-save prints."""
        local = "-m addrtype --dst-type LOCAL -j DOCKER"
        first = {
            ("nat", "PREROUTING"): [local],
            ("nat", "OUTPUT"): [f"! -d 127.0.0.0/8 {local}" if self.proxy else local],
        }
        last = {("filter", chain): ["-j RETURN"] for chain in _CHAINS[27] if chain not in ("DOCKER",)}
        if self.layout == 27:
            first["filter", "FORWARD"] = ["-j DOCKER-USER", "-j DOCKER-ISOLATION-STAGE-1"]
        else:
            first["filter", "FORWARD"] = ["-j DOCKER-USER", "-j DOCKER-FORWARD"]
            jumps = ("DOCKER-CT", "DOCKER-ISOLATION-STAGE-1", "DOCKER-BRIDGE")
            first["filter", "DOCKER-FORWARD"] = [f"-j {chain}" for chain in jumps]
        hooks = {
            "raw": ("PREROUTING", "OUTPUT"),
            "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
            "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
            "filter": ("INPUT", "FORWARD", "OUTPUT"),
        }
        lines = []
        for table, names in hooks.items():
            policies = {"FORWARD": self.forward_policy} if table == "filter" else {}
            lines += [f"*{table}", *(f":{name} {policies.get(name, 'ACCEPT')} [0:0]" for name in names)]
            users = {"nat": ("DOCKER",), "filter": _CHAINS[self.layout]}.get(table, ())
            lines += [f":{name} - [0:0]" for name in users]
            for chain in (*names, *users):
                key = (table, chain)
                parts = (self.own_rules, first, self._rules, last)
                lines += [f"-A {chain} {rule}" for part in parts for rule in part.get(key, ())]
            lines.append("COMMIT")
        return "\n".join(lines) + "\n"

    def snapshot(self) -> HostSnapshot:
        """The host as it would be read."""
        return HostSnapshot(
            hostname="made-up",
            taken_at="2026-01-01T00:00:00+00:00",
            sources={name: Source(read=True) for name in SOURCES},
            engine=Engine("27.5.1" if self.layout == 27 else "28.5.2", "1.47"),
            daemon=DaemonProcess(700, ["/usr/bin/dockerd"], 1.0, _HOST_NETNS),
            networks=[self.described(bridge) for bridge in self.networks],
            containers=self.containers,
            links=self.links,
            routes=self._routes(),
            policy_rules=[PolicyRule(priority, 4, table=table) for priority, table in _RULES],
            neighbours=self.neighbours,
            traffic_control=self.traffic_control,
            ipsec=self.ipsec,
            listeners=self.listeners,
            container_namespaces=self.container_namespaces,
            sysctls=self.sysctls,
            proxies=self.proxies,
            ruleset=Ruleset({"iptables-nft-save": self.save_text()}),
            conntrack=Conntrack(),
        )

    def described(self, bridge: Bridge) -> Network:
        """As the engine shows it."""
        return Network(
            f"{bridge.number:012x}" + "0" * 52, bridge.name, "bridge", internal=bridge.internal,
            subnets=[Subnet(bridge.subnet, bridge.address(0))], options={} if bridge.icc else {ICC: "false"},
        )  # fmt: skip

    def _routes(self) -> list[Route]:
        routes = [
            Route("0.0.0.0/0", 254, gateways=["192.0.2.1"], interfaces=[2]),
            Route("192.0.2.0/24", 254, interfaces=[2], source=ADDRESS),
            Route("127.0.0.0/8", 255, "local", interfaces=[1], source="127.0.0.1"),
            *(
                Route(f"{address}/32", 255, "local", interfaces=[2], source=ADDRESS)
                for address in (ADDRESS, *self.further)
            ),
        ]
        for bridge in self.networks:
            gateway = bridge.address(0)
            routes += [
                Route(bridge.subnet, 254, interfaces=[bridge.index], source=gateway),
                Route(f"{gateway}/32", 255, "local", interfaces=[bridge.index], source=gateway),
            ]
        return sorted(routes, key=lambda route: (route.table, int(ip_address(route.destination.partition("/")[0]))))


def big_host(networks: int, containers: int, *, layout: int = 27, proxy: bool = True) -> DockerHost:
    """Containers dealt out to networks in turn, each with two published ports that it listens on."""
    host = DockerHost(layout=layout, proxy=proxy)
    bridges = [host.network() for number in range(networks)]
    for number in range(containers):
        first = 10_000 + 2 * number
        host.container(
            f"app{number}",
            [bridges[number % networks]],
            [PublishedPort("tcp", 80, WILDCARD, first), PublishedPort("tcp", 443, WILDCARD, first + 1)],
            [("tcp", 80), ("tcp", 443)],
        )
    return host
