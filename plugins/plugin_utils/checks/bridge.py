# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of bridges and their links."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import GO_TRUE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import INHIBIT_IPV4, Network, Subnet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    NETWORKD,
    Link,
    ManagedLink,
    sysctl_key,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DROPPED,
    OUTSIDE,
    UNKNOWN,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import ProxyState, proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONTAINER_NAMESPACES,
    ENGINE,
    LINKS,
    MANAGED_LINKS,
    NAMESPACES,
    POLICY_RULES,
    ROUTES,
    RULESET,
    SYSCTL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed, safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import Attachment, attachments
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BREAKS,
    BROKEN,
    INTEGER,
    OPEN,
    TO_KNOW,
    WEAKNESS,
    Check,
    Grade,
    Parameter,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, outward_networks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import BadPacketError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import RouteQuery
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import interface_of, parse_address

_KEYS = {4: "net.bridge.bridge-nf-call-iptables", 6: "net.bridge.bridge-nf-call-ip6tables"}


def _judge_netfilter(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    resource = resources.host(snapshot)
    proxy = proxy_in_force(snapshot)
    networks = [item for item in snapshot.networks if item.bridge is not None]
    closed = [item for item in networks if not item.icc]
    publishing = [item for item in networks if not item.internal]
    evidence: dict[str, Any] = {
        "userland proxy": proxy.evidence,
        "networks with icc=false": [item.name for item in closed],
        **{key: snapshot.sysctls.get(key) for key in _KEYS.values()},
    }
    links = {link.name: link for link in snapshot.links}
    unseen_closed = _unseen(snapshot, closed, links)
    unseen_published = _unseen(snapshot, publishing, links)
    if proxy.value is None and unseen_published and not unseen_closed:
        return [unknown(resource, f"it is not known whether docker-proxy is enabled: {proxy.evidence}", evidence)]
    unseen_published = unseen_published if proxy.value is False else []
    if unseen_closed or unseen_published:
        return [_netfilter_failed(snapshot, unseen_closed, unseen_published, evidence)]
    if proxy.value and not closed:
        reason = "docker-proxy is enabled, and no network sets icc=false"
        return [not_applicable(resource, reason, evidence)]
    return [passed(resource, "Firewall rules apply to traffic between ports of a bridge", evidence)]


def _unseen(snapshot: HostSnapshot, networks: list[Network], links: dict[str, Link]) -> list[tuple[str, str]]:
    """Names of networks whose packets do not meet the rules, each with the setting that says so."""
    return [
        (network.name, _KEYS[version])
        for network in networks
        for version in (4, 6)
        if (version == 4 or network.ipv6)
        and snapshot.sysctls.get(_KEYS[version]) != "1"
        and not _by_itself(links.get(network.bridge or ""), version)
    ]


def _by_itself(link: Link | None, version: int) -> bool:
    """Whether the bridge has the setting for itself."""
    return link is not None and bool(link.calls_iptables if version == 4 else link.calls_ip6tables)


def _netfilter_failed(
    snapshot: HostSnapshot, closed: list[tuple[str, str]], published: list[tuple[str, str]], evidence: dict[str, Any]
) -> Verdict:
    keys = list(dict.fromkeys(key for dummy, key in [*closed, *published]))
    values = {key: snapshot.sysctls.get(key) for key in keys}
    state = ", ".join(f"{key}={value or 'absent'}" for key, value in values.items())
    summary = f"{state}: firewall rules do not apply to traffic between containers of one network"
    impacts = []
    if closed:
        names = ", ".join(dict.fromkeys(name for name, dummy in closed))
        impacts.append(f"Containers of {names} reach each other, although icc=false forbids it.")
    if published:
        names = ", ".join(dict.fromkeys(name for name, dummy in published))
        impacts.append(
            f"Without docker-proxy, containers of {names} time out when they connect to a port published by another "
            "container of their network through an address of the host: the reply is not translated back."
        )
    return failed(resources.host(snapshot), summary, evidence, " ".join(impacts), _netfilter_remediation(values))


def _netfilter_remediation(values: dict[str, str | None]) -> Remediation:
    if None in values.values():
        return Remediation(
            "Load the kernel module br_netfilter (modprobe br_netfilter), and name it in a file in /etc/modules-load.d "
            "for boot. Firewall rules then apply to all bridges of the host"
        )
    return Remediation(f"Set {', '.join(values)} to 1, now and at boot", "bridge_hairpin", {"state": "auto"})


NETFILTER = Check(
    id="bridge.netfilter",
    grades=(
        Grade(OPEN, "icc=false on a network, and its containers still reach each other"),
        Grade(BROKEN, "docker-proxy is off, and containers do not reach ports published by others of their network"),
    ),
    title="Firewall rules apply to traffic within a network, where they must",
    rationale=(
        "By default, packets between the ports of a bridge bypass iptables. icc=false, and published ports without "
        "docker-proxy, work only where the kernel passes these packets to iptables (net.bridge.bridge-nf-call-*)."
    ),
    needs=(ENGINE, LINKS, SYSCTL),
    judge=_judge_netfilter,
    remediated_by=("bridge_hairpin",),
)


_FOR_ALL = sysctl_key(4, "all", "route_localnet")
_LOOPBACK = "127.0.0.1"
# Discard (RFC 863): a port that nothing publishes or listens on, so only rules about 127.0.0.0/8 as a whole decide.
_PORT = 9


def _judge_localnet(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    resource = resources.host(snapshot)
    present = {link.name for link in snapshot.links}
    bridges = {item.bridge: item.name for item in snapshot.networks if item.bridge is not None}
    bridges = {bridge: name for bridge, name in bridges.items() if bridge in present}
    if not bridges:
        return [not_applicable(resource, "There is no bridge of a network")]
    keys = {bridge: sysctl_key(4, bridge, "route_localnet") for bridge in bridges}
    unread = [key for key in keys.values() if key not in snapshot.sysctls]
    if unread:
        return [unknown(resource, f"the kernel shows no {', '.join(unread)}")]
    for_all = snapshot.sysctls.get(_FOR_ALL, "0")
    routing = [bridge for bridge in bridges if "1" in (snapshot.sysctls[keys[bridge]], for_all)]
    evidence: dict[str, Any] = {_FOR_ALL: for_all, **{key: snapshot.sysctls[key] for key in keys.values()}}
    if not routing:
        return [passed(resource, "No bridge of a network has route_localnet=1", evidence)]
    proxy = proxy_in_force(snapshot)
    found = []
    for bridge in routing:
        own = {key: evidence[key] for key in (_FOR_ALL, keys[bridge])}
        verdict = _judge_bridge_localnet(context, bridge, bridges[bridge], own, proxy)
        found += [verdict] if verdict is not None else []
    summary = f"A rule drops packets that arrive on {', '.join(routing)} for the host's {_LOOPBACK}"
    return found or [passed(resource, summary, {**evidence, "userland proxy": proxy.evidence})]


def _judge_bridge_localnet(
    context: AuditContext, bridge: str, network: str, settings: dict[str, Any], proxy: ProxyState
) -> Verdict | None:
    """The verdict on a bridge that routes 127.0.0.0/8, None when it is as it should be."""
    resource = resources.interface(bridge)
    path = _path(context, bridge)
    if path is None or path.verdict == UNKNOWN:
        reason = path.reason if path is not None else f"{bridge} has no subnet"
        doubts = {"undetermined": path.undetermined if path is not None else [], **settings}
        return unknown(resource, f"whether {_LOOPBACK} is reached through {bridge}: {reason}", doubts)
    evidence = {
        **settings,
        "userland proxy": proxy.evidence,
        f"a packet that arrives on {bridge} for {_LOOPBACK}": path.reason,
    }
    is_own = settings[sysctl_key(4, bridge, "route_localnet")] == "1"
    left_over = proxy.value is True and is_own
    if path.verdict == DROPPED and proxy.value is None and is_own:
        return unknown(resource, f"it is not known whether docker-proxy is enabled: {proxy.evidence}", evidence)
    if path.verdict == DROPPED and not left_over:
        return None
    why = "although docker-proxy is enabled and nothing needs it" if left_over else "and no rule protects it"
    summary = f"{bridge} (bridge of network {network}): route_localnet=1, {why}"
    return failed(resource, summary, evidence, _impact(network, path), _localnet_remediation(settings, proxy))


def _path(context: AuditContext, bridge: str) -> Path | None:
    """What becomes of a packet for the loopback that comes in by a bridge."""
    try:
        return context.path(Packet(Origin(OUTSIDE, bridge), _LOOPBACK, "tcp", _PORT))
    except BadPacketError:
        return None


def _impact(network: str, path: Path) -> str:
    if path.verdict == DROPPED:
        return (
            f"A rule still protects {_LOOPBACK}. Without it, containers of {network} reach the services that listen "
            "there."
        )
    return (
        f"A container of {network} that can change its routes (NET_ADMIN) reaches services that listen on {_LOOPBACK} "
        "of the host: databases, agents, development servers."
    )


def _localnet_remediation(settings: dict[str, Any], proxy: ProxyState) -> Remediation:
    if settings[_FOR_ALL] == "1" and proxy.value is not False:
        return Remediation(
            f"Set {_FOR_ALL} to 0 (dockerd does not set it; kube-proxy does), or drop packets for 127.0.0.0/8 that "
            "arrive on any interface but lo, in PREROUTING of the table raw"
        )
    if proxy.value is None:
        return Remediation(
            "Decide whether to disable route_localnet or to add a rule: it is not known whether docker-proxy is "
            f"enabled: {proxy.evidence}"
        )
    if proxy.value:
        text = "Disable route_localnet on the bridges: with docker-proxy, nothing needs it"
    else:
        text = (
            "Add a rule that protects 127.0.0.0/8, now and at boot: without docker-proxy, the bridges need "
            "route_localnet"
        )
    return Remediation(text, "bridge_hairpin", {"state": "auto"})


ROUTE_LOCALNET = Check(
    id="bridge.route-localnet",
    grades=(Grade(WEAKNESS, "a container with NET_ADMIN reaches services on 127.0.0.1 of the host"),),
    title="Containers do not reach the host's loopback",
    rationale=(
        "Services on 127.0.0.1 rely on no other machine reaching them. route_localnet, which ports published on "
        "127.0.0.1 need without docker-proxy, breaks that, and it stays set after docker-proxy is enabled again."
    ),
    needs=(ENGINE, LINKS, ROUTES, POLICY_RULES, SYSCTL, RULESET),
    judge=_judge_localnet,
    remediated_by=("bridge_hairpin",),
)


_ANEW = (
    "Restart dockerd (systemctl restart docker), which recreates the bridge; containers stop unless live-restore is "
    "effective. Then restart the containers of the network, which attaches them"
)


def _judge_link(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    resource = resources.host(snapshot)
    networks = [item for item in snapshot.networks if item.bridge is not None and item.scope == "local"]
    if not networks:
        return [not_applicable(resource, "There is no bridge network")]
    links = {link.name: link for link in snapshot.links}
    broken = [
        verdict for network in networks for verdict in _judge_bridge_link(network, links.get(network.bridge or ""))
    ]
    bridges = {network.bridge for network in networks}
    evidence = {link.name: link.addresses for link in snapshot.links if link.name in bridges}
    return broken or [passed(resource, "Every bridge exists, is up, and has its gateway addresses", evidence)]


def _judge_bridge_link(network: Network, link: Link | None) -> list[Verdict]:
    """What is wrong with one bridge, the first of it."""
    if link is None:
        summary = f"Network {network.name}: its bridge {network.bridge} does not exist"
        evidence: dict[str, Any] = {"bridge of the network": network.bridge, "interface": None}
        return [_link_failed(network, summary, evidence, Remediation(_ANEW))]
    evidence = {"up": link.up, "operational state": link.operstate, "addresses": link.addresses}
    if link.kind != "bridge":
        summary = (
            f"{link.name} (bridge of network {network.name}): the interface is not a bridge but "
            f"{link.kind or 'hardware'}"
        )
        return [_link_failed(network, summary, {**evidence, "kind": link.kind}, Remediation(_ANEW))]
    if not link.up:
        summary = f"{link.name} (bridge of network {network.name}): the interface is down"
        remediation = Remediation(f"Bring the bridge up: ip link set {link.name} up. Find out what took it down")
        return [_link_failed(network, summary, evidence, remediation)]
    missing = [wanted for subnet in network.subnets for wanted in _missing(network, subnet, link)]
    if not missing:
        return []
    summary = f"{link.name} (bridge of network {network.name}): the gateway address {', '.join(missing)} is missing"
    commands = "; ".join(f"ip address add {wanted} dev {link.name}" for wanted in missing)
    remediation = Remediation(f"Restore the address: {commands}. Find out what removed it")
    return [_link_failed(network, summary, {**evidence, "missing": missing}, remediation)]


def _inhibits_address(network: Network, version: int) -> bool:
    """Whether the bridge is given no address of that IP version."""
    inhibited = version == 4 and network.options.get(INHIBIT_IPV4) in GO_TRUE
    return inhibited or network.gateway_mode(version) == "isolated"


def _missing(network: Network, subnet: Subnet, link: Link) -> list[str]:
    """The gateway's address of a subnet, with prefix length, if the bridge should have it and has not.

    The engine does not show a gateway that it chose itself for a subnet that was asked for: any address in it will do.
    """
    if not subnet.subnet:
        return []
    block = interface_of(subnet.subnet).network
    if (block.version == 6 and not network.ipv6) or _inhibits_address(network, block.version):
        return []
    own = {interface_of(text).ip for text in link.addresses}
    if subnet.gateway:
        # Some releases show it with a prefix length.
        gateway = interface_of(subnet.gateway).ip
        return [] if gateway in own else [f"{gateway}/{block.prefixlen}"]
    return [] if any(address in block for address in own) else [f"{block[1]}/{block.prefixlen}"]


def _link_failed(network: Network, summary: str, evidence: dict[str, Any], remediation: Remediation) -> Verdict:
    impact = (
        f"Containers of network {network.name} reach nothing outside it, and no client reaches their published ports. "
        "Without the bridge itself, they do not reach each other either."
    )
    return failed(resources.network(network), summary, evidence, impact, remediation)


LINK = Check(
    id="bridge.link",
    grades=(Grade(BROKEN, "containers of the network reach nothing outside it"),),
    title="Every network has its bridge, up and with its gateway address",
    rationale=(
        "The bridge is the switch and the gateway of its containers. Other programs that configure interfaces can take "
        "it down, remove its address or delete it, and the engine does not notice. A bridge without containers has no "
        "carrier; that is normal."
    ),
    needs=(ENGINE, LINKS),
    judge=_judge_link,
)


def _judge_managed(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    resource = resources.host(snapshot)
    if not snapshot.managed_links:
        return [not_applicable(resource, "Neither systemd-networkd nor NetworkManager runs")]
    own = _own(snapshot)
    listed = [item for item in snapshot.managed_links if item.interface in own]
    found = [_managed(item, own[item.interface]) for item in listed if item.managed]
    evidence: dict[str, Any] = {f"{item.manager} on {item.interface}": item.state for item in listed}
    names = " and ".join(sorted({item.manager for item in snapshot.managed_links}))
    return found or [passed(resource, f"{names} does not manage the interfaces of networks", evidence)]


def _own(snapshot: HostSnapshot) -> dict[str, str]:
    """Interfaces of dockerd: bridges and their ports that lead into containers, by name, with what they are."""
    bridges = {network.bridge: network.name for network in snapshot.networks if network.bridge is not None}
    indices = {link.index: link.name for link in snapshot.links if link.name in bridges}
    own = {name: f"the bridge of network {network}" for name, network in bridges.items()}
    for link in snapshot.links:
        if link.kind == "veth" and link.master in indices:
            own[link.name] = f"a port of {indices[link.master]}"
    return own


def _managed(item: ManagedLink, what: str) -> Verdict:
    by = f" by {safe(item.by)}" if item.by else ""
    summary = f"{item.interface} ({what}): managed by {item.manager}"
    evidence = {f"{item.manager} on {item.interface}": f"{item.state}{by}"}
    impact = (
        f"{item.manager} can remove its address, set another one, or detach it from the bridge: at its start, at a "
        "reload, or when a container starts. Containers then lose their network, and Docker logs nothing."
    )
    return failed(resources.interface(item.interface), summary, evidence, impact, _managed_remediation(item))


def _managed_remediation(item: ManagedLink) -> Remediation:
    if item.manager == NETWORKD:
        return Remediation(
            "Narrow the [Match] section of the file that matches it, or add an earlier file in /etc/systemd/network "
            "with [Match] Name=docker0 br-* veth* and [Link] Unmanaged=yes; then networkctl reload"
        )
    return Remediation(
        "Add [keyfile] unmanaged-devices=interface-name:docker0;interface-name:br-*;interface-name:veth* to a file in "
        "/etc/NetworkManager/conf.d; then nmcli general reload"
    )


MANAGED = Check(
    id="bridge.managed",
    grades=(
        Grade(BREAKS, "the network manager removes the address or the port when it configures the interface again"),
    ),
    title="No network manager manages the interfaces of networks",
    rationale=(
        "dockerd creates bridges and veths and configures them once. A network manager that matches all interfaces "
        "configures them again: by DHCP, with its own addresses, or with none."
    ),
    needs=(ENGINE, LINKS, MANAGED_LINKS),
    judge=_judge_managed,
)


# A root name server (a.root-servers.net): an address that is everybody's to reach, by the way to all others.
_FAR = {4: "198.41.0.4", 6: "2001:503:ba3e::2:30"}
_TCP = 6
_HTTPS = 443
_SHOWN = 5


@dataclass(frozen=True)
class _Widest:
    """The largest MTU among the endpoints of a network, and the link with the least MTU that its packets cross."""

    network: Network
    mtu: int
    containers: list[str]
    """Those that have it."""
    link: Link
    """The uplink, or the bridge where that was set to less than its ports have."""

    @property
    def is_bridge(self) -> bool:
        """The link is the bridge of the network."""
        return self.link.name == self.network.bridge


def _judge_mtu(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    resource = resources.host(snapshot)
    endpoints = _endpoints(snapshot)
    networks = [item for item in outward_networks(snapshot, 4) if item.id in endpoints]
    networks += [item for item in outward_networks(snapshot, 6) if item.id in endpoints and item not in networks]
    narrow = [
        _narrow_port(item, item.port, size)
        for items in endpoints.values()
        for item, size in items
        if item.port is not None and item.port.mtu < size
    ]
    small = [
        _too_small(item, item.port, size)
        for items in endpoints.values()
        for item, size in items
        if item.port and 0 < size < _least(item)
    ]
    broken = narrow + small
    if not networks and not broken:
        return [not_applicable(resource, "No running container is on a bridge network that is not internal")]
    found = [item for network in networks for item in [_widest(context, network, endpoints[network.id])] if item]
    if not found and not broken:
        return [not_applicable(resource, "The host has no route to the outside")]
    evidence = {item.network.name: f"endpoints {item.mtu}, {item.link.name} {item.link.mtu}" for item in found}
    too_wide = [_too_wide(item) for item in found if item.mtu > item.link.mtu]
    return broken + too_wide or [
        passed(resource, "No endpoint has a larger MTU than its bridge and its uplink", evidence)
    ]


def _endpoints(snapshot: HostSnapshot) -> dict[str, list[tuple[Attachment, int]]]:
    """Endpoints with their MTU, by the id of their network. Inside it counts; outside stands in where it is hidden."""
    inside = {(space.inode, link.index): link.mtu for space in snapshot.container_namespaces for link in space.links}
    found: dict[str, list[tuple[Attachment, int]]] = {}
    for item in attachments(snapshot):
        if item.port is None:
            continue
        mtu = inside.get((item.container.netns or 0, item.port.peer_index or 0)) or item.port.mtu
        found.setdefault(item.network.id, []).append((item, mtu))
    return found


def _narrow_port(item: Attachment, port: Link, mtu: int) -> Verdict:
    """The host's end of a pair takes less than the container's end sends.

    The receiving end drops it without an ICMP message (``is_skb_forwardable()`` in net/core/dev.c). The bridge takes
    over the smallest MTU of its ports (``br_mtu_auto_adjust()`` in net/bridge/br_if.c).
    """
    summary = (
        f"Container {item.container.name}, network {item.network.name}: {port.name}, the host's end of its link, has "
        f"an MTU of {port.mtu} bytes, the container's end {mtu}: larger packets are dropped without an ICMP message"
    )
    evidence: dict[str, Any] = {f"MTU of {port.name}": port.mtu, "MTU inside the container": mtu}
    impact = f"Connections of {item.container.name} open, then hang at the first packet of more than {port.mtu} bytes."
    remediation = Remediation(f"Set the MTU on the host: ip link set dev {port.name} mtu {mtu}")
    return failed(resources.container(item.container), summary, evidence, impact, remediation, BROKEN.severity)


_LEAST = {4: 576, 6: 1280}
"""Bytes of a packet that every host must take, by IP version (RFC 791, section 3.1; RFC 8200, section 5)."""


def _least(item: Attachment) -> int:
    return _LEAST[6 if item.endpoint.address6 else 4]


def _too_small(item: Attachment, port: Link, mtu: int) -> Verdict:
    """The container's end of a pair takes less than others may send, or than IPv6 needs.

    The kernel turns IPv6 off on a link below 1,280 bytes (``addrconf_notify()`` in net/ipv6/addrconf.c). What is larger
    is dropped as at the host's end.
    """
    name, least = item.container.name, _least(item)
    lost = "larger packets are dropped without an ICMP message"
    impact = f"Datagrams of more than {mtu} bytes do not reach {name}, and TCP is slow or hangs."
    if item.endpoint.address6:
        lost = f"below {least} the kernel turns IPv6 off"
        impact = f"{name} is not reached at {item.endpoint.address6}, and reaches no one by IPv6 on this network."
    summary = f"Container {name}, network {item.network.name}: its link has an MTU of {mtu} bytes: {lost}"
    evidence: dict[str, Any] = {f"MTU of {port.name}": port.mtu, "MTU inside the container": mtu}
    text = f"Restart container {name}: dockerd recreates its link with an MTU of {port.mtu} bytes"
    if port.mtu < least:
        text = f"Recreate network {item.network.name} with an MTU of {least} bytes or more"
    return failed(resources.container(item.container), summary, evidence, impact, Remediation(text), BROKEN.severity)


def _widest(context: AuditContext, network: Network, endpoints: list[tuple[Attachment, int]]) -> _Widest | None:
    mtu = max(size for dummy, size in endpoints)
    containers = [item.container.name for item, size in endpoints if size == mtu]
    links = [link for version in (4, 6) for link in [_uplink(context, version, endpoints[0][0])] if link is not None]
    if not links:
        return None
    bridge = context.view.host.links.get(network.bridge or "")
    ports = [item.port.mtu for item, dummy in endpoints if item.port is not None]
    if bridge is not None and 0 < bridge.mtu < min(ports, default=mtu):
        links.append(bridge)
    return _Widest(network, mtu, containers, min(links, key=lambda link: link.mtu))


def _uplink(context: AuditContext, version: int, endpoint: Attachment) -> Link | None:
    """The link that the host sends an endpoint's packets to the outside by; None without a way."""
    address = endpoint.endpoint.address if version == 4 else endpoint.endpoint.address6
    if not address:
        return None
    family, source = parse_address(address)
    destination = parse_address(_FAR[version])[1]
    asked = RouteQuery(family, destination, source, endpoint.bridge or "", 0, _TCP, None, _HTTPS)
    decision = context.view.host.fib.lookup(asked)
    return context.view.host.links.get(decision.device) if decision.kind == "unicast" else None


def _too_wide(item: _Widest) -> Verdict:
    summary = (
        f"Network {item.network.name}: its endpoints have an MTU of {item.mtu} bytes, their "
        f"{'bridge' if item.is_bridge else 'uplink'} {item.link.name} one of {item.link.mtu}: large packets can be lost"
    )
    evidence: dict[str, Any] = {
        f"MTU of endpoints on {item.network.bridge}": item.mtu,
        f"MTU of {item.link.name}": item.link.mtu,
        "containers": item.containers,
    }
    impact = (
        f"{listed(item.containers, _SHOWN)}: connections open, then hang at the first large packet wherever the ICMP "
        "message about its size is lost (TLS, image downloads, large answers of a database)."
    )
    return failed(resources.network(item.network), summary, evidence, impact, _mtu_remediation(item))


def _mtu_remediation(item: _Widest) -> Remediation:
    size = item.link.mtu
    if item.is_bridge:
        return Remediation(f"Set the MTU on the host: ip link set dev {item.link.name} mtu {item.mtu}")
    if item.network.is_default_bridge:
        return Remediation(
            f"Set mtu to {size} in daemon.json and restart dockerd while no container runs (with live-restore, running "
            "containers keep the old MTU). It applies to containers started after that"
        )
    text = f"Recreate the network with an MTU of {size} bytes; its containers are disconnected for a moment"
    return Remediation(text, "bridge_network", {"networks": [{"name": item.network.name, "mtu": size}]})


MTU = Check(
    id="bridge.mtu",
    grades=(
        Grade(BREAKS, "large packets arrive only where every router on the path answers by ICMP"),
        Grade(BROKEN, "the host's end of a container's link drops large packets without an ICMP message"),
        Grade(BROKEN, "the container's end has fewer bytes than IP requires: packets are dropped, or IPv6 is off"),
    ),
    title="Endpoints send no larger packets than their link, bridge and uplink carry",
    rationale=(
        "dockerd gives endpoints an MTU of 1,500 bytes, whatever the uplink has. On VPNs, overlays and many clouds "
        "that is too much, and the ICMP messages that report it are often filtered."
    ),
    needs=(ENGINE, NAMESPACES, LINKS, ROUTES, POLICY_RULES, CONTAINER_NAMESPACES),
    judge=_judge_mtu,
    remediated_by=("bridge_network",),
)


MOST = 1023
_USUAL = 900


def _judge_capacity(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    resource = resources.host(snapshot)
    indices = {link.name: link.index for link in snapshot.links}
    ports = Counter(link.master for link in snapshot.links)
    networks = [item for item in snapshot.networks if item.bridge in indices]
    counts = [(network, ports[indices[network.bridge or ""]]) for network in networks]
    if not counts:
        return [not_applicable(resource, "There is no bridge of a network")]
    limit = int(CAPACITY.parameter(context, "warn_at"))
    full = [_full(network, count) for network, count in counts if count >= limit]
    fullest, most = max(counts, key=lambda item: item[1])
    evidence = {f"ports of {fullest.bridge}": most, "warn_at": limit}
    return full or [passed(resource, f"The fullest bridge, of {fullest.name}, has {most} of {MOST} ports", evidence)]


def _full(network: Network, count: int) -> Verdict:
    summary = f"{network.bridge} (bridge of network {network.name}): {count} of {MOST} ports are in use"
    impact = f"Once all {MOST} are in use, no further container of network {network.name} starts."
    remediation = Remediation("Spread the containers over several networks")
    return failed(resources.network(network), summary, {f"ports of {network.bridge}": count}, impact, remediation)


CAPACITY = Check(
    id="bridge.capacity",
    grades=(Grade(TO_KNOW, "every container still has a port"),),
    title="Bridges have free ports for further containers",
    rationale=f"A kernel bridge has {MOST} ports, one for each container, and the error at the limit is obscure.",
    needs=(ENGINE, LINKS),
    judge=_judge_capacity,
    parameters=(
        Parameter("warn_at", INTEGER, _USUAL, "Number of ports in use on one bridge at which the check fails", 1, MOST),
    ),
)

CHECKS: tuple[Check, ...] = (
    NETFILTER,
    ROUTE_LOCALNET,
    LINK,
    MANAGED,
    MTU,
    CAPACITY,
)
"""In the order in which reports show them."""
