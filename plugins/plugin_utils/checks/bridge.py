# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of bridges and their links."""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import NETWORKD, Link, ManagedLink
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network, Subnet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import OUTSIDE, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import DROPPED, UNKNOWN, Path
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
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctl_files import sysctl_key
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed, safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import Attachment, attachments
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import INTEGER, Check, Parameter
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, outward_networks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.grades import (
    BREAKS,
    BROKEN,
    OPEN,
    TO_KNOW,
    WEAKNESS,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import BadPacketError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import RouteQuery
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_address

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
        "networks without traffic between containers": [item.name for item in closed],
        **{key: snapshot.sysctls.get(key) for key in _KEYS.values()},
    }
    links = {link.name: link for link in snapshot.links}
    unseen_closed = _unseen(snapshot, closed, links)
    unseen_published = _unseen(snapshot, publishing, links)
    if proxy.value is None and unseen_published and not unseen_closed:
        return [unknown(resource, f"it is not known whether docker-proxy is in force: {proxy.evidence}", evidence)]
    unseen_published = unseen_published if proxy.value is False else []
    if unseen_closed or unseen_published:
        return [_netfilter_failed(snapshot, unseen_closed, unseen_published, evidence)]
    if proxy.value and not closed:
        reason = "docker-proxy is in force, and no network forbids traffic between its containers"
        return [not_applicable(resource, reason, evidence)]
    return [passed(resource, "The rules see what passes between ports of a bridge", evidence)]


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
    state = ", ".join(f"{key} is {value or 'absent'}" for key, value in values.items())
    summary = f"{state}: the rules do not see what passes between containers of one network"
    impacts = []
    if closed:
        names = ", ".join(dict.fromkeys(name for name, dummy in closed))
        impacts.append(f"Containers of {names} reach each other, though that is forbidden there.")
    if published:
        names = ", ".join(dict.fromkeys(name for name, dummy in published))
        impacts.append(
            f"Without docker-proxy, containers of {names} do not reach a port that another one on their network "
            "publishes, by any address of the host: the answer comes back past the translation, and they time out."
        )
    return failed(resources.host(snapshot), summary, evidence, " ".join(impacts), _netfilter_remediation(values))


def _netfilter_remediation(values: dict[str, str | None]) -> Remediation:
    if None in values.values():
        return Remediation(
            "The kernel module br_netfilter is not loaded: modprobe br_netfilter, and its name in a "
            "file of /etc/modules-load.d for boot. What passes any other bridge of the host then meets the rules, too"
        )
    return Remediation(f"Set {', '.join(values)} to 1, now and for the next boot", "bridge_hairpin", {"state": "auto"})


NETFILTER = Check(
    id="bridge.netfilter",
    grades=(
        Grade(OPEN, "icc is off on a network, and its containers reach each other"),
        Grade(BROKEN, "docker-proxy is off, and containers of a network do not reach ports that others on it publish"),
    ),
    title="Rules see what passes between containers of one network, where they must",
    rationale=(
        "A bridge passes packets between its ports past the rules of iptables unless the kernel is set otherwise. "
        "Forbidden traffic between containers (icc) and published ports without docker-proxy depend on that."
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
        return [passed(resource, "No bridge of a network routes 127.0.0.0/8", evidence)]
    proxy = proxy_in_force(snapshot)
    found = []
    for bridge in routing:
        own = {key: evidence[key] for key in (_FOR_ALL, keys[bridge])}
        verdict = _judge_bridge_localnet(context, bridge, bridges[bridge], own, proxy)
        found += [verdict] if verdict is not None else []
    summary = f"A rule keeps what comes in by {', '.join(routing)} from the host's {_LOOPBACK}"
    return found or [passed(resource, summary, {**evidence, "userland proxy": proxy.evidence})]


def _judge_bridge_localnet(
    context: AuditContext, bridge: str, network: str, settings: dict[str, Any], proxy: ProxyState
) -> Verdict | None:
    """The verdict on a bridge that routes 127.0.0.0/8, None when it is as it should be."""
    resource = resources.interface(bridge)
    path = _path(context, bridge)
    if path is None or path.verdict == UNKNOWN:
        reason = path.reason if path is not None else f"{bridge} has no subnet to send a packet from"
        doubts = {"undetermined": path.undetermined if path is not None else [], **settings}
        return unknown(resource, f"whether {_LOOPBACK} is reached through {bridge}: {reason}", doubts)
    evidence = {
        **settings,
        "userland proxy": proxy.evidence,
        f"a packet that comes in by {bridge} for {_LOOPBACK}": path.reason,
    }
    is_own = settings[sysctl_key(4, bridge, "route_localnet")] == "1"
    left_over = proxy.value is True and is_own
    if path.verdict == DROPPED and proxy.value is None and is_own:
        return unknown(resource, f"it is not known whether docker-proxy is in force: {proxy.evidence}", evidence)
    if path.verdict == DROPPED and not left_over:
        return None
    why = "though docker-proxy is in force and nothing needs it" if left_over else "and no rule guards it"
    summary = f"{bridge}, the bridge of network {network}, routes 127.0.0.0/8, {why}"
    return failed(resource, summary, evidence, _impact(network, path), _localnet_remediation(settings, proxy))


def _path(context: AuditContext, bridge: str) -> Path | None:
    """What becomes of a packet for the loopback that comes in by a bridge."""
    try:
        return context.path(Packet(Origin(OUTSIDE, bridge), _LOOPBACK, "tcp", _PORT))
    except BadPacketError:
        return None


def _impact(network: str, path: Path) -> str:
    if path.verdict == DROPPED:
        return f"A rule still guards {_LOOPBACK}; should it go, containers of {network} reach what listens there."
    return (
        f"A container of {network} that may change its routes (NET_ADMIN) reaches services that listen on {_LOOPBACK} "
        "of the host and take that for safe: databases, agents, development servers."
    )


def _localnet_remediation(settings: dict[str, Any], proxy: ProxyState) -> Remediation:
    if settings[_FOR_ALL] == "1" and proxy.value is not False:
        return Remediation(
            f"{_FOR_ALL} is 1, which is not dockerd's doing (kube-proxy sets it): set it to 0, or "
            "drop what comes in for 127.0.0.0/8 by any other interface than lo in PREROUTING of the table raw"
        )
    if proxy.value is None:
        return Remediation(f"Decide by hand, since it is not known whether docker-proxy is in force: {proxy.evidence}")
    if proxy.value:
        text = "Turn it off on the bridges: with docker-proxy nothing needs it"
    else:
        text = "Guard 127.0.0.0/8 by a rule, now and at boot: without docker-proxy the bridges need the setting"
    return Remediation(text, "bridge_hairpin", {"state": "auto"})


ROUTE_LOCALNET = Check(
    id="bridge.route-localnet",
    grades=(Grade(WEAKNESS, "a container with NET_ADMIN reaches what listens on 127.0.0.1 of the host"),),
    title="Containers do not reach the host's loopback",
    rationale=(
        "Services on 127.0.0.1 rely on no other host reaching it. The setting that lets ports published on 127.0.0.1 "
        "work without docker-proxy takes that away, and stays when docker-proxy is back."
    ),
    needs=(ENGINE, LINKS, ROUTES, POLICY_RULES, SYSCTL, RULESET),
    judge=_judge_localnet,
    remediated_by=("bridge_hairpin",),
)


_ANEW = (
    "dockerd makes the bridge again when it starts (systemctl restart docker; containers stop "
    "unless live-restore is in force), and containers of the network join it when they are started again"
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
    return broken or [passed(resource, "Every bridge is there, up, and has the addresses of its gateways", evidence)]


def _judge_bridge_link(network: Network, link: Link | None) -> list[Verdict]:
    """What is wrong with one bridge, the first of it."""
    if link is None:
        summary = f"Network {network.name} has no bridge: there is no interface {network.bridge}"
        evidence: dict[str, Any] = {"bridge of the network": network.bridge, "interface": None}
        return [_link_failed(network, summary, evidence, Remediation(_ANEW))]
    evidence = {"up": link.up, "operational state": link.operstate, "addresses": link.addresses}
    if link.kind != "bridge":
        summary = f"{link.name}, the bridge of network {network.name}, is no bridge but {link.kind or 'hardware'}"
        return [_link_failed(network, summary, {**evidence, "kind": link.kind}, Remediation(_ANEW))]
    if not link.up:
        summary = f"{link.name}, the bridge of network {network.name}, is down"
        remediation = Remediation(f"To bring it up: ip link set {link.name} up; find out who took it down")
        return [_link_failed(network, summary, evidence, remediation)]
    missing = [wanted for subnet in network.subnets for wanted in _missing(network, subnet, link)]
    if not missing:
        return []
    summary = f"{link.name}, the bridge of network {network.name}, lacks its address {', '.join(missing)}"
    commands = "; ".join(f"ip address add {wanted} dev {link.name}" for wanted in missing)
    remediation = Remediation(f"To put it back: {commands}; find out who took it away")
    return [_link_failed(network, summary, {**evidence, "missing": missing}, remediation)]


def _missing(network: Network, subnet: Subnet, link: Link) -> list[str]:
    """The gateway's address of a subnet, with prefix length, if the bridge should have it and has not.

    The engine does not show a gateway that it chose itself for a subnet that was asked for: any address in it will do.
    """
    if not subnet.subnet:
        return []
    block = ipaddress.ip_network(subnet.subnet, strict=False)
    if (block.version == 6 and not network.ipv6) or network.inhibits_address(block.version):
        return []
    own = {ipaddress.ip_interface(text).ip for text in link.addresses}
    if subnet.gateway:
        # Some releases show it with a prefix length.
        gateway = ipaddress.ip_interface(subnet.gateway).ip
        return [] if gateway in own else [f"{gateway}/{block.prefixlen}"]
    return [] if any(address in block for address in own) else [f"{block[1]}/{block.prefixlen}"]


def _link_failed(network: Network, summary: str, evidence: dict[str, Any], remediation: Remediation) -> Verdict:
    impact = (
        f"Containers of network {network.name} reach nothing beyond it, no client reaches their published ports, and "
        "without the bridge itself they do not reach each other."
    )
    return failed(resources.network(network), summary, evidence, impact, remediation)


LINK = Check(
    id="bridge.link",
    grades=(Grade(BROKEN, "containers of the network reach nothing beyond it"),),
    title="Every network has its bridge, up and with its gateway's address",
    rationale=(
        "The bridge is the containers' switch and their gateway. What else configures interfaces can take it down, "
        "take its address or delete it, and the engine does not notice. A bridge without containers has no carrier; "
        "that is as it should be."
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
    return found or [passed(resource, f"{names} leaves the interfaces of networks alone", evidence)]


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
    summary = f"{item.manager} manages {item.interface}, {what}"
    evidence = {f"{item.manager} on {item.interface}": f"{item.state}{by}"}
    impact = (
        f"{item.manager} can take its address, set another one, or take it out of the bridge when it starts, is "
        "reloaded, or sees a container come. Containers then lose their network without a word in Docker's journal."
    )
    return failed(resources.interface(item.interface), summary, evidence, impact, _managed_remediation(item))


def _managed_remediation(item: ManagedLink) -> Remediation:
    if item.manager == NETWORKD:
        return Remediation(
            "Narrow the [Match] section of the file that takes it, or put a file before it in "
            "/etc/systemd/network with [Match] Name=docker0 br-* veth* and [Link] Unmanaged=yes; then networkctl reload"
        )
    return Remediation(
        "Put [keyfile] unmanaged-devices=interface-name:docker0;interface-name:br-*;"
        "interface-name:veth* into a file of /etc/NetworkManager/conf.d; then nmcli general reload"
    )


MANAGED = Check(
    id="bridge.managed",
    grades=(Grade(BREAKS, "the network manager takes the addresses or the port away when it configures anew"),),
    title="No network manager takes care of the interfaces of networks",
    rationale=(
        "dockerd makes bridges and veths and configures them once. A network manager whose rule matches all "
        "interfaces configures them again: by DHCP, with its own addresses, or with none."
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
    """The largest MTU among the endpoints of a network, and the link that its packets leave by."""

    network: Network
    mtu: int
    containers: list[str]
    """Those that have it."""
    uplink: Link


def _judge_mtu(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    resource = resources.host(snapshot)
    endpoints = _endpoints(snapshot)
    networks = [item for item in outward_networks(snapshot, 4) if item.id in endpoints]
    networks += [item for item in outward_networks(snapshot, 6) if item.id in endpoints and item not in networks]
    if not networks:
        return [not_applicable(resource, "No running container is on a bridge network that leads outside")]
    found = [item for network in networks for item in [_widest(context, network, endpoints[network.id])] if item]
    if not found:
        return [not_applicable(resource, "The host has no route to the outside")]
    evidence = {item.network.name: f"endpoints {item.mtu}, {item.uplink.name} {item.uplink.mtu}" for item in found}
    too_wide = [_too_wide(item) for item in found if item.mtu > item.uplink.mtu]
    return too_wide or [passed(resource, "No endpoint has a larger MTU than the uplink it sends by", evidence)]


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


def _widest(context: AuditContext, network: Network, endpoints: list[tuple[Attachment, int]]) -> _Widest | None:
    mtu = max(size for dummy, size in endpoints)
    containers = [item.container.name for item, size in endpoints if size == mtu]
    links = [link for version in (4, 6) for link in [_uplink(context, version, endpoints[0][0])] if link is not None]
    return _Widest(network, mtu, containers, min(links, key=lambda link: link.mtu)) if links else None


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
        f"Endpoints of network {item.network.name} have an MTU of {item.mtu} bytes, and {item.uplink.name}, which they "
        f"send by, one of {item.uplink.mtu}"
    )
    evidence: dict[str, Any] = {
        f"MTU of endpoints on {item.network.bridge}": item.mtu,
        f"MTU of {item.uplink.name}": item.uplink.mtu,
        "containers": item.containers,
    }
    impact = (
        f"{listed(item.containers, _SHOWN)}: connections are made, and then hang at the first large packet wherever an "
        "ICMP message about its size is lost, as with TLS, downloads of images, or large answers of a database."
    )
    return failed(resources.network(item.network), summary, evidence, impact, _mtu_remediation(item))


def _mtu_remediation(item: _Widest) -> Remediation:
    size = item.uplink.mtu
    if item.network.is_default_bridge:
        return Remediation(
            f"Set mtu to {size} in daemon.json and restart dockerd; it holds for containers that are "
            "started after that, and not while live-restore keeps some running"
        )
    text = f"Make the network anew with an MTU of {size} bytes, which takes its containers off it for a moment"
    return Remediation(text, "bridge_network", {"networks": [{"name": item.network.name, "mtu": size}]})


MTU = Check(
    id="bridge.mtu",
    grades=(Grade(BREAKS, "large packets arrive only as long as every router on the way answers by ICMP"),),
    title="Endpoints send no larger packets than their uplink carries",
    rationale=(
        "dockerd gives endpoints 1,500 bytes whatever the uplink has. On VPNs, overlays and many clouds that is too "
        "much, and what tells the sender so is often filtered on the way."
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
    summary = f"Bridge {network.bridge} of network {network.name} has {count} of {MOST} ports"
    impact = f"Once all {MOST} are taken, no further container of network {network.name} starts."
    remediation = Remediation("Spread the containers over several networks")
    return failed(resources.network(network), summary, {f"ports of {network.bridge}": count}, impact, remediation)


CAPACITY = Check(
    id="bridge.capacity",
    grades=(Grade(TO_KNOW, "every container still has its port"),),
    title="Bridges have room for further containers",
    rationale=f"A bridge of the kernel has {MOST} ports, one for each container, and the error that tells is obscure.",
    needs=(ENGINE, LINKS),
    judge=_judge_capacity,
    parameters=(
        Parameter("warn_at", INTEGER, _USUAL, "Number of ports of one bridge from which on it fails", 1, MOST),
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
