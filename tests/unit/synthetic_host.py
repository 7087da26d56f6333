"""Builds snapshots of hosts that exist nowhere, consistent in themselves.

A new SyntheticHost is healthy: each method adds something or breaks something, and snapshot() gives the result.
"""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig, parse
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    Container,
    DaemonProcess,
    Endpoint,
    Engine,
    Network,
    PublishedPort,
    ServiceUnit,
    Subnet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    BootSysctls,
    Conntrack,
    ContainerNamespace,
    Link,
    Listener,
    ProxyProcess,
    Route,
    Ruleset,
    SysctlAssignment,
    SysctlFile,
    TrackedFlow,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    BOOT,
    CONNTRACK,
    CONTAINER_NAMESPACES,
    DAEMON_CONFIG,
    ENGINE,
    IPSEC,
    LINKS,
    LISTENERS,
    MANAGED_LINKS,
    NAMESERVERS,
    NAMESPACES,
    NEIGHBOURS,
    POLICY_RULES,
    PROCESSES,
    ROUTES,
    RULESET,
    SERVICE,
    SYSCTL,
    TRAFFIC_CONTROL,
    HostSnapshot,
    Source,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import SOURCES as ALL_SOURCES

SOURCES = tuple(name for name in ALL_SOURCES if name not in (NEIGHBOURS, TRAFFIC_CONTROL, IPSEC))
"""What is read of such a host."""
HOST_ADDRESS = "192.0.2.10"
HOST_NETNS = 4026531840
DOCKERD = 700
CONFIG_PATH = "/etc/docker/daemon.json"
_BRIDGE = "com.docker.network.bridge"
CHAINS = "*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]"
BOUNDING = 0xA80425FB
"""What dockerd gives a container by default: NET_RAW is in it, NET_ADMIN is not."""
JUMP = "-A OUTPUT {}-m addrtype --dst-type LOCAL -j DOCKER"


def identity(name: str) -> str:
    """An id of 64 hexadecimal digits, always the same for a name."""
    return hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()


@dataclass
class SyntheticHost:
    """A Docker host with an uplink eth0 and the networks bridge, front (10.88.1.0/24), host and none; no containers."""

    version: str = "26.1.5"
    proxy: bool = True
    networks: list[Network] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    nameservers: list[str] = field(default_factory=lambda: ["192.0.2.53"])
    sysctls: dict[str, str] = field(default_factory=dict)
    proxies: list[ProxyProcess] = field(default_factory=list)
    container_namespaces: list[ContainerNamespace] = field(default_factory=list)
    """In each container something listens on what is published."""
    flows: list[TrackedFlow] = field(default_factory=list)
    listeners: list[Listener] = field(default_factory=list)
    boot: list[SysctlFile] = field(default_factory=list)
    config: DaemonConfig = field(default_factory=lambda: DaemonConfig(CONFIG_PATH, exists=False))
    argv: list[str] = field(default_factory=lambda: ["/usr/sbin/dockerd", "-H", "fd://"])
    engine: dict[str, Any] = field(default_factory=lambda: {"live_restore": True})
    sources: dict[str, Source] = field(default_factory=lambda: {name: Source(read=True) for name in SOURCES})

    def __post_init__(self) -> None:
        self.boot.append(SysctlFile("/etc/sysctl.d/50-forward.conf", [SysctlAssignment("net.ipv4.ip_forward", "1", 2)]))
        self.sysctls["net.ipv4.ip_forward"] = "1"
        self.sysctls["net.bridge.bridge-nf-call-iptables"] = "1"
        self.sysctls["net.ipv4.conf.all.rp_filter"] = "0"
        self.link(Link(1, "lo", up=True, addresses=["127.0.0.1/8", "::1/128"]))
        self.link(Link(2, "eth0", up=True, addresses=[f"{HOST_ADDRESS}/24", "2001:db8::10/64", "fe80::10/64"]))
        self.network("bridge", "172.18.0.0/16", default=True)
        self.network("front", "10.88.1.0/24")
        self.networks.append(Network(identity("host"), "host", "host"))
        self.networks.append(Network(identity("none"), "none", "null"))
        self.daemon_json(b'{"live-restore": true}\n')

    def link(self, link: Link) -> SyntheticHost:
        """Add an interface that forwards."""
        self.links.append(link)
        for setting, value in (("forwarding", "1"), ("route_localnet", "0"), ("rp_filter", "2")):
            self.sysctls[f"net.ipv4.conf.{link.name.replace('.', '/')}.{setting}"] = value
        return self

    def network(self, name: str, subnet: str, *, default: bool = False, internal: bool = False) -> SyntheticHost:
        """Add a bridge network with its bridge."""
        options = {f"{_BRIDGE}.default_bridge": "true"} if default else {}
        bridge = "docker0" if default else f"br-{identity(name)[:12]}"
        options[f"{_BRIDGE}.name"] = bridge
        gateway, slash, length = subnet.replace(".0/", ".1/").partition("/")
        self.networks.append(
            Network(
                identity(name), name, "bridge", internal=internal, subnets=[Subnet(subnet, gateway)], options=options
            )
        )
        return self.link(Link(len(self.links) + 1, bridge, "bridge", up=True, addresses=[gateway + slash + length]))

    def container(
        self,
        name: str,
        *,
        networks: tuple[str, ...] = ("front",),
        publish: tuple[str, ...] = (),
        hairpin: bool | None = None,
        mode: str | None = None,
        **changes: Any,
    ) -> SyntheticHost:
        """Add a running container; publish as ``ADDRESS|PORT|CONTAINER_PORT/PROTOCOL``."""
        number = len(self.containers)
        ports = [_port(text) for text in publish]
        address = ipaddress.ip_address("10.88.1.2") + number
        endpoints = [Endpoint(net, identity(net), str(address)) for net in networks]
        container = Container(
            identity(name),
            name,
            pid=1000 + number,
            network_mode=mode or networks[0],
            netns=4026540000 + number,
            nsid=number,
            endpoints=endpoints,
            published=ports,
            bounding=BOUNDING,
        )
        self.containers.append(replace(container, **changes))
        hairpins = (not self.proxy) if hairpin is None else hairpin
        inside = [self._veth(item, number, hairpins) for item in endpoints]
        if "netns" not in changes:
            waiting = dict.fromkeys((port.protocol, port.container_port) for port in ports)
            listeners = [Listener(protocol, "0.0.0.0", number) for protocol, number in waiting]  # noqa: S104
            self.container_namespaces.append(ContainerNamespace(4026540000 + number, links=inside, listeners=listeners))
        for port in ports if self.proxy else []:
            self.proxies.append(self._docker_proxy(port, endpoints[0]))
        self.listeners += [self._holder(port) for port in ports]
        return self

    def _veth(self, endpoint: Endpoint, number: int, hairpin: bool) -> Link:
        """The end inside, after the other one is plugged into the bridge."""
        bridge = next(item.bridge for item in self.networks if item.name == endpoint.network)
        master = next(link.index for link in self.links if link.name == bridge)
        index = len(self.links) + 1
        self.link(
            Link(
                index,
                f"veth{index}",
                "veth",
                up=True,
                master=master,
                peer_index=index + 1000,
                peer_nsid=number,
                hairpin=hairpin,
            )
        )
        return Link(
            index + 1000, "eth0", "veth", up=True, peer_index=index, peer_nsid=0, addresses=[f"{endpoint.address}/24"]
        )

    def _holder(self, port: PublishedPort) -> Listener:
        """The socket that docker-proxy, or without it dockerd, keeps open for a port."""
        pids = {(item.protocol, item.host_ip, item.host_port): item.pid for item in self.proxies}
        pid = pids.get((port.protocol, port.host_ip, port.host_port), DOCKERD)
        return Listener(port.protocol, port.host_ip, port.host_port, only_ipv6=":" in port.host_ip, pid=pid)

    def _docker_proxy(self, port: PublishedPort, endpoint: Endpoint) -> ProxyProcess:
        pid = 2000 + len(self.proxies)
        address = endpoint.address or ""
        return ProxyProcess(
            pid, DOCKERD, port.protocol, port.host_ip, port.host_port, address, port.container_port, 1048576, 4194304
        )

    def daemon_json(self, text: bytes) -> SyntheticHost:
        """Write daemon.json."""
        parsed = parse(text, CONFIG_PATH)
        self.config = DaemonConfig(
            CONFIG_PATH,
            exists=True,
            values=parsed.values,
            positions=parsed.positions,
            problems=parsed.problems,
            mode=0o644,
            uid=0,
            gid=0,
            mtime=1.0,
        )
        return self

    def boot_file(self, path: str, text: str) -> SyntheticHost:
        """Add a file that is read last at boot, of lines ``key = value``."""
        lines = [line.split("=") for line in text.splitlines()]
        assignments = [SysctlAssignment(key.strip(), value.strip(), at) for at, (key, value) in enumerate(lines, 1)]
        self.boot.append(SysctlFile(path, assignments))
        return self

    def unread(self, *names: str, kind: str = "denied", reason: str = "run with become") -> SyntheticHost:
        """Let sources be unreadable."""
        for name in names:
            self.sources[name] = Source(read=False, kind=kind, reason=reason)
        return self

    def snapshot(self) -> HostSnapshot:
        """The host as it was read: what is in no source that was read is not in it."""
        taken = HostSnapshot(
            hostname="lab",
            taken_at="2026-01-01T00:00:00+00:00",
            sources=self.sources,
            engine=Engine(self.version, "1.45", **self.engine),
            daemon=DaemonProcess(DOCKERD, self.argv, 1000.0, HOST_NETNS),
            service=ServiceUnit("systemd", "docker.service", "active", self.argv, slices={}),
            networks=self.networks,
            containers=self.containers,
            links=self.links,
            routes=self.routes,
            container_namespaces=self.container_namespaces,
            nameservers=self.nameservers,
            sysctls=self.sysctls,
            boot=BootSysctls("systemd-sysctl", self.boot),
            proxies=self.proxies,
            daemon_config=self.config,
            conntrack=Conntrack(self.flows),
            listeners=self.listeners,
            ruleset=Ruleset(
                {"iptables-nft-save": f"{CHAINS}\n{JUMP.format('! -d 127.0.0.0/8 ' if self.proxy else '')}\nCOMMIT\n"}
            ),
        )
        return self._without_unread(taken)

    def _without_unread(self, taken: HostSnapshot) -> HostSnapshot:
        empty: dict[str, dict[str, Any]] = {
            ENGINE: {"engine": None, "networks": [], "containers": []},
            NAMESPACES: {"containers": [replace(item, netns=None, nsid=None) for item in taken.containers]},
            LINKS: {"links": []},
            ROUTES: {"routes": []},
            POLICY_RULES: {"policy_rules": []},
            LISTENERS: {"listeners": []},
            CONTAINER_NAMESPACES: {"container_namespaces": []},
            NAMESERVERS: {"nameservers": []},
            SYSCTL: {"sysctls": {}},
            BOOT: {"boot": None},
            PROCESSES: {"proxies": []},
            DAEMON_CONFIG: {"daemon_config": None},
            SERVICE: {"service": None},
            RULESET: {"ruleset": None},
            CONNTRACK: {"conntrack": None},
            MANAGED_LINKS: {"managed_links": []},
        }
        for name in (NAMESPACES, *(name for name in SOURCES if name != NAMESPACES)):
            if not taken.was_read(name):
                taken = replace(taken, **empty[name])
        return taken


def _port(text: str) -> PublishedPort:
    address, host_port, rest = text.split("|")
    container_port, protocol = rest.split("/")
    return PublishedPort(protocol, int(container_port), address, int(host_port))
