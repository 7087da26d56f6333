# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the Engine API says of the engine, its networks and its containers, and what the host says of dockerd."""

from __future__ import annotations

import functools
import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import GO_TRUE

DOCKER = "docker"
SNAP = "snap"
PODMAN = "podman"


@dataclass(frozen=True)
class ConfiguredPool:
    """One of default-address-pools."""

    base: str
    size: int
    """Length of the prefix of a subnet."""


@dataclass(frozen=True)
class Engine:
    """What GET /version and GET /info say. ``/info`` caches forwarding, so nothing about sysctls is taken from it."""

    version: str
    api_version: str
    operating_system: str = ""
    live_restore: bool = False
    swarm: bool = False
    rootless: bool = False
    root_dir: str = ""
    flavor: str = ""
    """``docker``, ``snap``, or ``podman`` for Podman's imitation of the Engine API; empty in older snapshots."""
    firewall_driver: Optional[str] = None
    """``iptables``, ``nftables``, with ``+firewalld`` where it is used; engines from 28.1 report it."""
    userland_proxy: Optional[bool] = None
    """The proxy setting as the daemon reports it; only engines from 29.5 do."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Effective ones (GET /info), by keys of daemon.json, secrets masked; only what compares with them."""
    address_pools: list[ConfiguredPool] = field(default_factory=list)
    """The effective pools for new networks (GET /info); empty where none is configured."""

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor number of the version, (0, 0) where it does not begin with numbers."""
        return self.full_release[:2]

    @property
    def full_release(self) -> tuple[int, int, int]:
        """All three numbers of the version, zeros where it does not begin with numbers."""
        found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", self.version)
        return (int(found.group(1)), int(found.group(2)), int(found.group(3) or 0)) if found else (0, 0, 0)


@dataclass(frozen=True)
class DaemonProcess:
    """The running dockerd."""

    pid: int
    argv: list[str]
    started_at: float
    """Seconds since the epoch."""
    netns: Optional[int] = None
    """Inode number of its network namespace: what ``host`` means for this engine's containers."""
    uid: Optional[int] = None
    """Real user id that it runs under."""
    sockets_handed: int = 0
    """How many sockets the service manager gave it at its start (LISTEN_FDS, see sd_listen_fds(3))."""
    start_ticks: int = 0
    """When it was started, in clock ticks since boot (proc_pid_stat(5), 22); 0 where that was not read."""


@dataclass(frozen=True)
class ServiceUnit:
    """How dockerd is started, as the service manager has it loaded."""

    manager: str
    """``systemd``, ``sysvinit`` or ``none``."""
    name: str = ""
    active: str = ""
    """systemd's ActiveState; empty if unread."""
    argv: list[str] = field(default_factory=list)
    """The command line that the next start will use, variables expanded where that can be known."""
    fragment: str = ""
    drop_ins: list[str] = field(default_factory=list)
    starts_at_boot: Optional[bool] = None
    """Whether boot starts it, be it by its own unit or for another; None where that was not asked."""
    filters: dict[str, list[str]] = field(default_factory=dict)
    """Words of settings such as IPAddressDeny, by name."""
    slices: Optional[dict[str, dict[str, list[str]]]] = None
    """The same of each slice above that has some; None where they were not read."""


# Options of the driver (moby, drivers/bridge, networkConfiguration.fromLabels()).
ICC = "com.docker.network.bridge.enable_icc"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
INHIBIT_IPV4 = "com.docker.network.bridge.inhibit_ipv4"
GATEWAY_MODES = {4: "com.docker.network.bridge.gateway_mode_ipv4", 6: "com.docker.network.bridge.gateway_mode_ipv6"}

ANYWHERE = {4: "0.0.0.0", 6: "::"}  # noqa: S104 (compared, not bound)
"""The address of a binding to all addresses of the host, by IP version."""


@dataclass(frozen=True)
class Subnet:
    """One IPAM entry of a network."""

    subnet: str
    gateway: Optional[str] = None
    ip_range: Optional[str] = None


@dataclass(frozen=True)
class Network:
    """A Docker network as the Engine API describes it."""

    id: str
    name: str
    driver: str
    scope: str = "local"
    internal: bool = False
    ipv6: bool = False
    subnets: list[Subnet] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def is_default_bridge(self) -> bool:
        """Whether this is the daemon's default network (docker0 unless it was renamed)."""
        return self.options.get("com.docker.network.bridge.default_bridge") == "true"

    @property
    def bridge(self) -> Optional[str]:
        """Name of the bridge on the host, None for other drivers (moby names it ``br-`` and 12 digits of the id)."""
        if self.driver != "bridge":
            return None
        return self.options.get("com.docker.network.bridge.name") or f"br-{self.id[:12]}"

    @property
    def icc(self) -> bool:
        """Whether containers on the network may reach each other."""
        return (self.options.get(ICC) or "true") in GO_TRUE

    @property
    def masquerades(self) -> bool:
        """Whether what leaves the network is to get an address of the host, where its gateway mode translates."""
        return (self.options.get(MASQUERADE) or "true") in GO_TRUE

    def gateway_mode(self, version: int) -> str:
        """``nat``, ``nat-unprotected``, ``routed`` or ``isolated``, by IP version (4 or 6)."""
        return self.options.get(GATEWAY_MODES[version]) or "nat"


@dataclass(frozen=True)
class Endpoint:
    """A container's place on one network."""

    network: str
    """Name of the network."""
    network_id: str
    address: Optional[str] = None
    address6: Optional[str] = None
    gateway: Optional[str] = None
    mac: Optional[str] = None


# Asked for each port by each question, of a few addresses.
@functools.lru_cache(maxsize=1024)
def _canonical(host_ip: str) -> str:
    try:
        address = ipaddress.ip_address(host_ip.strip("[]") or ANYWHERE[4])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


@dataclass(frozen=True)
class PublishedPort:
    """One binding of a container's port to an address and port of the host."""

    protocol: str
    container_port: int
    host_ip: str
    """As the engine shows it."""
    host_port: int

    @property
    def address(self) -> str:
        """The address in its canonical spelling, an empty one being 0.0.0.0, and one of IPv4 in IPv6 one of IPv4.

        Empty for what is no address.
        """
        return _canonical(self.host_ip)

    def __str__(self) -> str:
        host = f"[{self.host_ip}]" if ":" in self.host_ip else self.host_ip
        return f"{host}:{self.host_port}->{self.container_port}/{self.protocol}"


@dataclass(frozen=True)
class RoutedPort:
    """A port that is published without one of the host.

    On networks with gateway mode ``routed`` (from Docker Engine 27.0 on) machines outside ask for it at the container's
    own address (moby port_mapping_linux.go).
    """

    protocol: str
    container_port: int

    def __str__(self) -> str:
        return f"{self.container_port}/{self.protocol}"


_LARGEST_PID = (1 << 31) - 1
_LARGEST_PORT = (1 << 16) - 1


@dataclass(frozen=True)
class Container:
    """What GET /containers/ID/json says, with the namespace that the kernel says its first process is in."""

    id: str
    name: str
    image: str = ""
    status: str = ""
    pid: Optional[int] = None
    """Process id on the host; None when it does not run."""
    started_at: str = ""
    restart_policy: str = "no"
    auto_remove: bool = False
    network_mode: str = ""
    """As declared: ``default``, ``bridge``, ``host``, ``none``, ``container:ID`` or the name of a network."""
    netns: Optional[int] = None
    """Inode number of its network namespace (/proc/PID/ns/net); None if unread."""
    nsid: Optional[int] = None
    """Its id as seen from the host's (RTM_GETNSID); None where there is none, as for host mode."""
    endpoints: list[Endpoint] = field(default_factory=list)
    published: list[PublishedPort] = field(default_factory=list)
    """Bindings (NetworkSettings.Ports)."""
    routed: list[RoutedPort] = field(default_factory=list)
    """Those of them that take no port of the host."""
    labels: dict[str, str] = field(default_factory=dict)
    privileged: bool = False
    cap_add: list[str] = field(default_factory=list)
    cap_drop: list[str] = field(default_factory=list)
    bounding: Optional[int] = None
    """Capabilities that its first process can have (CapBnd of /proc/PID/status); None if unread."""

    @property
    def running(self) -> bool:
        """Whether it has a process, as a paused one has."""
        return self.pid is not None

    @property
    def paused(self) -> bool:
        """Whether the engine froze its processes."""
        return self.status == "paused"


def require_sense(item: Union[Network, Container]) -> None:
    """Raise ValueError for what is no address or number of its kind. Empty texts say that there is none."""
    if isinstance(item, Network):
        # Some releases show a gateway with a prefix length.
        for text in (text for subnet in item.subnets for text in (subnet.subnet, subnet.gateway, subnet.ip_range)):
            if text:
                ipaddress.ip_interface(text)
        return
    for text in (text for end in item.endpoints for text in (end.address, end.address6, end.gateway)):
        if text:
            ipaddress.ip_address(text)
    if item.pid is not None and not 0 < item.pid <= _LARGEST_PID:
        raise ValueError(f"process {item.pid}")
    for port in item.published:
        if not port.address or port.host_port > _LARGEST_PORT or port.container_port > _LARGEST_PORT:
            raise ValueError(f"published as {port}")
