"""A synthetic host for the planners: one container that publishes a port, docker-proxy on, systemd."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    Container,
    DaemonProcess,
    Endpoint,
    Engine,
    Network,
    PublishedPort,
    ServiceUnit,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    BootSysctls,
    Link,
    ProxyProcess,
    Ruleset,
    SysctlAssignment,
    SysctlFile,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source

CONFIG_PATH = "/etc/docker/daemon.json"
STARTED = 1000.0
ALL_SOURCES = (
    "engine",
    "namespaces",
    "links",
    "routes",
    "nameservers",
    "sysctl",
    "boot",
    "processes",
    "daemon_config",
    "service",
    "ruleset",
)
SHOP = Network(id="a" * 64, name="shop", driver="bridge")
BRIDGE = SHOP.bridge or ""
WEB = Container(
    id="1" * 64,
    name="web",
    pid=100,
    started_at="2026-01-01T00:00:00Z",
    network_mode="shop",
    netns=10,
    nsid=0,
    endpoints=[Endpoint("shop", SHOP.id, "10.0.1.2")],
    published=[PublishedPort("tcp", 80, "0.0.0.0", 8080), PublishedPort("tcp", 80, "::", 8080)],  # noqa: S104
)
HOST = HostSnapshot(
    hostname="host",
    taken_at="2026-01-01T00:00:00Z",
    sources={name: Source(read=True) for name in ALL_SOURCES},
    engine=Engine("26.1.5", "1.45"),
    daemon=DaemonProcess(pid=7, argv=["/usr/sbin/dockerd", "-H", "fd://"], started_at=STARTED, netns=1),
    service=ServiceUnit("systemd", "docker.service", "active", ["/usr/sbin/dockerd", "-H", "fd://"]),
    networks=[SHOP],
    containers=[WEB],
    links=[
        Link(index=3, name=BRIDGE, kind="bridge"),
        Link(index=6, name="veth1", kind="veth", master=3, peer_index=5, peer_nsid=0, hairpin=False),
    ],
    sysctls={
        "net.ipv4.ip_forward": "1",
        "net.ipv4.conf.all.forwarding": "1",
        "net.ipv4.conf.default.forwarding": "1",
        "net.ipv4.conf.eth0.forwarding": "1",
        f"net.ipv4.conf.{BRIDGE}.forwarding": "1",
        f"net.ipv4.conf.{BRIDGE}.route_localnet": "0",
        "net.ipv6.conf.all.forwarding": "0",
        "net.ipv6.conf.default.forwarding": "0",
        "net.ipv6.conf.eth0.forwarding": "0",
    },
    boot=BootSysctls("systemd-sysctl"),
    daemon_config=DaemonConfig(CONFIG_PATH, exists=False),
    ruleset=Ruleset({"iptables-nft-save": "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n"}),
    proxies=[ProxyProcess(9, 7, "tcp", "0.0.0.0", 8080, "10.0.1.2", 80)],  # noqa: S104
)


def with_sysctls(values: dict[str, str], host: HostSnapshot = HOST) -> HostSnapshot:
    """The host with other running values."""
    return replace(host, sysctls={**host.sysctls, **values})


def with_boot(*files: tuple[str, dict[str, str]], loader: str = "systemd-sysctl") -> HostSnapshot:
    """The host with these sysctl files, in this order."""
    made = [
        SysctlFile(path, [SysctlAssignment(key, value, line) for line, (key, value) in enumerate(lines.items(), 1)])
        for path, lines in files
    ]
    return replace(HOST, boot=BootSysctls(loader, made))


def with_engine(host: HostSnapshot = HOST, **changes: Any) -> HostSnapshot:
    """The host with another engine."""
    assert host.engine is not None
    return replace(host, engine=replace(host.engine, **changes))


def with_proxy_off(host: HostSnapshot = HOST) -> HostSnapshot:
    """The host as it is once docker-proxy is off."""
    rule = "*nat\n-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER\nCOMMIT\n"
    return replace(host, proxies=[], ruleset=Ruleset({"iptables-nft-save": rule}))


def unread(source: str, reason: str = "no permission") -> HostSnapshot:
    """The host with one source that could not be read."""
    return replace(HOST, sources={**HOST.sources, source: Source(read=False, kind="denied", reason=reason)})
