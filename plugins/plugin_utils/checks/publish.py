# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of ports that containers publish, and of what machines outside reach besides."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, Engine, PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import ISOLATION, layout_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    HIGH,
    MEDIUM,
    Remediation,
    Resource,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import (
    DENIED_BY_HOST,
    LOOPBACK_LEAK,
    NOT_PUBLISHED,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import OUTSIDE, UNKNOWN, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONTAINER_NAMESPACES,
    ENGINE,
    LISTENERS,
    NAMESPACES,
    RULESET,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BROKEN,
    HYGIENE,
    INTEGER,
    PORTS,
    TO_KNOW,
    WEAKNESS,
    Check,
    Grade,
    Parameter,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import PACKETS, AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.dispositions import (
    place_of_own_rules,
    unfollowed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.resources import bound_address, socket_name
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    NotJudgedError,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.halted import (
    continuing,
    halted_in_words,
    is_shared,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import DOCKER_PROXY
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Sockets
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    address_of,
    is_loopback_text,
    parse_address,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.exposure import exposure_if_reached
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import TargetPort
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import FROM_OUTSIDE

_PortKey = tuple[str, int, str]
"""A container by its name, and a port inside with its protocol."""


def _published_ports(snapshot: HostSnapshot) -> list[tuple[Container, list[PublishedPort]]]:
    """Each published port of a running container with its bindings, both families together."""
    return [(container, ports) for container in running(snapshot) for ports in _by_container_port(container)]


def _by_container_port(container: Container) -> list[list[PublishedPort]]:
    groups: dict[tuple[int, str], list[PublishedPort]] = {}
    for port in container.published:
        groups.setdefault((port.container_port, port.protocol), []).append(port)
    return list(groups.values())


def _places_of(ports: list[PublishedPort]) -> str:
    """Where they are published, for people: ``0.0.0.0:80 and [::]:80``."""
    return " and ".join(socket_name(port.host_ip, port.host_port) for port in ports)


def _counted(snapshot: HostSnapshot) -> dict[str, int]:
    """Evidence of a pass: how many there are."""
    return {"published ports of running containers": sum(len(item.published) for item in running(snapshot))}


# moby, libnetwork/service_linux.go, programIngress().
_CHAIN = "DOCKER-INGRESS"
_ANYWHERE = "0.0.0.0"  # noqa: S104 (named, not bound)
_PUBLISHED = re.compile(r"-p (\w+)\b.* --dport (\d+)\b.* -j DNAT\b")


def _swarm_ports(context: AuditContext, sensitive: list[int]) -> list[Verdict]:
    """One finding for each such port of this node; none outside a swarm, unknown where the rules were not read.

    What listens behind it, the port itself has to tell.
    """
    snapshot = context.snapshot
    if snapshot.engine is None or not snapshot.engine.swarm:
        return []
    if not snapshot.was_read(RULESET):
        reason = "the node is in a swarm, and the rules that show which ports its services publish were not read"
        return [unknown(resources.host(snapshot), reason)]
    found: dict[tuple[int, str], str] = {}
    for chain in context.view.book.chains.values():
        if chain.name == _CHAIN and chain.table == "nat":
            for rule in chain.rules:
                shown = _PUBLISHED.search(rule.text)
                if shown:
                    found.setdefault((int(shown.group(2)), shown.group(1)), rule.text)
    return [
        _on_mesh(number, protocol, text, _SENSITIVE if number in sensitive else "")
        for (number, protocol), text in sorted(found.items())
    ]


def _on_mesh(number: int, protocol: str, rule: str, why: str) -> Verdict:
    return failed(
        resources.host_port(socket_name(_ANYWHERE, number), protocol),
        f"A swarm service publishes {number}/{protocol}{why} on all addresses of every node of the swarm",
        {f"rule of {_CHAIN}": rule},
        "Every machine that reaches any address of any node reaches the service. Rules of a host firewall for inbound "
        "traffic (ufw, chain INPUT) do not apply to forwarded packets.",
        Remediation(
            "Decide who needs the service. The routing mesh cannot bind to one address: filter in DOCKER-USER, or "
            "publish in mode host on the nodes that should answer"
        ),
        MEDIUM if why else "",
    )


SENSITIVE = "sensitive"
_SENSITIVE = ", a port of databases or admin interfaces,"
_DENIED = ", which the host's own firewall denies,"


def _judge_wildcard(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    sensitive = list(WILDCARD.parameter(context, SENSITIVE))
    published = _published_ports(snapshot)
    denied = _denied_by_host(context) if published else set()
    found = []
    for container, ports in published:
        number, protocol = ports[0].container_port, ports[0].protocol
        is_denied = (container.name, number, protocol) in denied
        why = _SENSITIVE if number in sensitive else _DENIED if is_denied else ""
        found += _judge_wildcard_port(container, ports, place_of_own_rules(snapshot.engine), why)
    found += _swarm_ports(context, sensitive)
    return found or [
        passed(resources.host(snapshot), "No port is published on all addresses of the host", _counted(snapshot))
    ]


def _denied_by_host(context: AuditContext) -> set[_PortKey]:
    """Ports that firewall.bypass is about; none where no packet can be followed, which that check says."""
    if not all(context.snapshot.was_read(source) for source in PACKETS):
        return set()

    def followed() -> set[_PortKey]:
        try:
            return set(_open_ports(context, DENIED_BY_HOST))
        except NotJudgedError:
            return set()

    # That a port is published on all addresses is known whatever goes wrong here.
    return context.attempt("the severity of publish.wildcard", followed, lambda defect: set())


def _judge_wildcard_port(container: Container, ports: list[PublishedPort], place: str, why: str) -> list[Verdict]:
    """why: what makes it a weakness, in words of the summary; empty where nothing does."""
    resource = resources.port(container, ports[0].container_port, ports[0].protocol)
    try:
        wide = [port for port in ports if bound_address(port).is_unspecified]
    except ValueError as error:
        evidence = {"bindings": [str(port) for port in ports]}
        return [unknown(resource, f"the address of a binding cannot be read: {error}", evidence)]
    if not wide:
        return []
    port = f"{ports[0].container_port}/{ports[0].protocol}"
    summary = f"{container.name} publishes {port}{why} on all addresses: {_places_of(wide)}"
    impact = (
        "Every machine that reaches any address of this host reaches the service. Rules of a host firewall for inbound "
        "traffic (ufw, chain INPUT) do not apply to packets forwarded to the container."
    )
    remediation = Remediation(
        "Decide who needs the service. Publish on one address of the host (-p ADDRESS:PORT:PORT), or make that the "
        "default (key ip of daemon.json for the default network, option com.docker.network.bridge.host_binding_ipv4 "
        f"for others), or filter in {place}"
    )
    # What there is to show for it, the bindings, the resource has already.
    return [failed(resource, summary, {}, impact, remediation, MEDIUM if why else "")]


_SERVICES = {
    23: "Telnet",
    1433: "Microsoft SQL Server",
    1521: "Oracle",
    2181: "ZooKeeper",
    2375: "Docker Engine",
    2376: "Docker Engine",
    2379: "etcd",
    2380: "etcd",
    3306: "MySQL, MariaDB",
    3389: "Remote Desktop",
    5432: "PostgreSQL",
    5601: "Kibana",
    5900: "VNC",
    5984: "CouchDB",
    6379: "Redis, Valkey",
    7474: "Neo4j",
    7687: "Neo4j",
    8086: "InfluxDB",
    8500: "Consul",
    9042: "Cassandra",
    9200: "Elasticsearch, OpenSearch",
    9300: "Elasticsearch, OpenSearch",
    9443: "Portainer",
    10000: "Webmin",
    11211: "memcached",
    15672: "RabbitMQ, its management",
    26257: "CockroachDB",
    27017: "MongoDB",
    27018: "MongoDB",
    27019: "MongoDB",
    28015: "RethinkDB",
}
"""What listens there by default: it holds data, or runs commands for those who may connect."""


WILDCARD = Check(
    id="publish.wildcard",
    grades=(
        Grade(HYGIENE, "all addresses are the default of -p, and often intended"),
        Grade(WEAKNESS, "a port of databases or admin interfaces (parameter sensitive), or one of firewall.bypass"),
    ),
    title="Ports are published on chosen addresses",
    rationale=(
        "Without an address, -p publishes on every address that the host has or will get, for IPv4 and IPv6, and "
        "bypasses the host firewall."
    ),
    needs=(ENGINE,),
    judge=_judge_wildcard,
    cis=cis.BOUND_TO_INTERFACE,
    parameters=(
        Parameter(
            SENSITIVE,
            PORTS,
            list(_SERVICES),
            "Ports of containers (for swarm services, the published ports) for which the severity is medium: "
            "databases and admin interfaces.",
        ),
    ),
)


BELOW = "below"
ALLOWED = "allowed"


def _judge_privileged(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    limit = int(PRIVILEGED.parameter(context, BELOW))
    allowed = list(PRIVILEGED.parameter(context, ALLOWED))
    found = []
    for container, ports in _published_ports(snapshot):
        low = [port for port in ports if port.host_port < limit and port.host_port not in allowed]
        if low:
            found.append(_on_low_port(container, low, limit))
    besides = f" but {', '.join(map(str, allowed))}" if allowed else ""
    summary = f"No port of the host below {limit}{besides} is published"
    return found or [passed(resources.host(snapshot), summary, _counted(snapshot))]


def _on_low_port(container: Container, ports: list[PublishedPort], limit: int) -> Verdict:
    port = ports[0]
    return failed(
        resources.port(container, port.container_port, port.protocol),
        f"{container.name} publishes {port.container_port}/{port.protocol} on a port below {limit}: "
        f"{_places_of(ports)}",
        {"bindings": [str(item) for item in ports], BELOW: limit},
        "Clients assume that root of this host set up the service on such a port. dockerd opens it for every user who "
        "may start a container.",
        Remediation(
            f"Decide whether the service belongs there. If so, add {port.host_port} to the parameter {ALLOWED}; if "
            f"not, publish on port {limit} or above (-p ADDRESS:PORT:{port.container_port})"
        ),
    )


PRIVILEGED = Check(
    id="publish.privileged",
    grades=(Grade(TO_KNOW, "the port is as open as any other"),),
    title="Containers publish no privileged ports of the host",
    rationale=(
        "Only root can open ports below 1024 (ip(7), net.ipv4.ip_unprivileged_port_start); dockerd opens them for any "
        "container. Port 1024 itself is not one of them."
    ),
    needs=(ENGINE,),
    judge=_judge_privileged,
    cis=cis.PRIVILEGED_PORTS,
    parameters=(
        Parameter(BELOW, INTEGER, 1024, "The lowest port of the host that containers may publish.", 1, 65536),
        Parameter(ALLOWED, PORTS, [80, 443], "Ports below it that they may publish."),
    ),
)


_PROTOCOLS = ("tcp", "udp")
"""Those whose sockets are read."""


def _judge_no_listener(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    published = _published_ports(snapshot)
    if not published:
        return [not_applicable(resources.host(snapshot), "No running container publishes a port")]
    waiting: dict[int, dict[tuple[str, int], list[Listener]]] = {}
    for space in snapshot.container_namespaces:
        ports = waiting.setdefault(space.inode, {})
        for listener in space.listeners:
            ports.setdefault((listener.protocol, listener.port), []).append(listener)
    sockets = Sockets(snapshot.listeners)
    found = []
    for container, ports_of_it in published:
        inside = waiting.get(container.netns) if container.netns is not None else None
        found += _judge_listener(snapshot, sockets, container, ports_of_it, inside)
    return found or [
        passed(resources.host(snapshot), "A process that runs listens behind every published port", _counted(snapshot))
    ]


def _judge_listener(
    snapshot: HostSnapshot,
    sockets: Sockets,
    container: Container,
    ports: list[PublishedPort],
    inside: dict[tuple[str, int], list[Listener]] | None,
) -> list[Verdict]:
    number, protocol = ports[0].container_port, ports[0].protocol
    resource = resources.port(container, number, protocol)
    evidence: dict[str, Any] = {
        "bindings": [str(port) for port in ports],
        "state of the container": f"{container.status}, started at {container.started_at}",
    }
    if protocol not in _PROTOCOLS:
        return [unknown(resource, f"{protocol} sockets are not read", evidence)]
    if container.paused:
        return [unknown(resource, f"{container.name} is paused, so nothing in it answers for now", evidence)]
    if inside is None:
        return [unknown(resource, f"the network namespace of {container.name} was not read", evidence)]
    listeners = inside.get((protocol, number), [])
    reached = [item for item in listeners if not address_of(item.address).is_loopback]
    if not reached:
        return [_unanswered(container, ports, listeners, evidence)]
    return _judge_halted(snapshot, sockets, container, ports, reached, evidence)


def _judge_halted(
    snapshot: HostSnapshot,
    sockets: Sockets,
    container: Container,
    ports: list[PublishedPort],
    inside: list[Listener],
    evidence: dict[str, Any],
) -> list[Verdict]:
    """A verdict where a process that connections come to does not run: in the container, or docker-proxy."""
    container_port = resources.port(container, ports[0].container_port, ports[0].protocol)
    what = f"{container.name} publishes {ports[0].container_port}/{ports[0].protocol} on"
    served = {port: _served(container, port, inside) for port in ports}
    unanswered = {port: found for port, found in served.items() if all(_is_halted(item, inside) for item in found)}
    sure = list(dict.fromkeys(item for found in unanswered.values() for item in found))
    halted = [item for found in served.values() for item in found if item.halt is not None]
    silent = _halted_proxies(snapshot, sockets, ports)
    proxies = list(silent.values())
    if unanswered:
        summary, impact = f"{what} {_places_of(list(unanswered))}, but nothing answers", _SILENT
        evidence["bindings"] = [str(port) for port in unanswered]
    elif halted:
        reason = f"{halted_in_words(halted[0])}; it is not known whether another process answers instead"
        return [unknown(container_port, reason, evidence)]
    elif proxies:
        summary = f"{what} {_places_of(list(silent))}, but docker-proxy forwards nothing"
        impact, evidence["bindings"] = _impact_of_proxies(list(silent)), [str(port) for port in silent]
    else:
        return []
    words = " and ".join(dict.fromkeys(map(halted_in_words, sure + proxies)))
    remediation = continuing(sure + proxies, snapshot.containers)
    return [failed(container_port, f"{summary}: {words}", evidence, impact, remediation, HIGH)]


def _served(container: Container, port: PublishedPort, inside: list[Listener]) -> list[Listener]:
    """The sockets inside that connections to a binding come to, those of each network: one family has its own.

    docker-proxy leads those of a family that the container has no address of to the other one.
    """
    by_family = [[end.address for end in container.endpoints], [end.address6 for end in container.endpoints]]
    asked = by_family[::-1] if ":" in (port.address or port.host_ip) else by_family
    addresses = next(filter(None, ([text for text in texts if text] for texts in asked)), [])
    sockets, devices = Sockets(inside), {"", *(item.device for item in inside)}
    found = [
        sockets.find(port.protocol, *parse_address(address), port.container_port, device)
        for address in addresses
        for device in devices
    ]
    return [item for item in found if item is not None] or inside


def _is_halted(listener: Listener, inside: list[Listener]) -> bool:
    """Whether it surely accepts nothing: no other process could."""
    return listener.halt is not None and not is_shared(listener, inside)


def _halted_proxies(
    snapshot: HostSnapshot, sockets: Sockets, ports: list[PublishedPort]
) -> dict[PublishedPort, Listener]:
    """Those of the bindings whose docker-proxy does not run, with its socket."""
    pids = {item.pid for item in snapshot.proxies}
    found = {}
    for port in ports:
        listener = (
            sockets.find(port.protocol, *parse_address(port.address), port.host_port, "") if port.address else None
        )
        if listener is None or listener.halt is None:
            continue
        if listener.pid in pids or listener.owner == DOCKER_PROXY:
            found[port] = listener
    return found


_SILENT = "The kernel takes connections for the process, and nothing reads them: clients wait until they give up."
_LOOPBACKS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (what is published on all addresses)


def _impact_of_proxies(ports: list[PublishedPort]) -> str:
    """Who waits where docker-proxy does not run at these bindings."""
    at = dict.fromkeys(_LOOPBACKS.get(port.address, port.address) for port in ports)
    own = [text for text in at if is_loopback_text(text)]
    wider = [port for port in ports if not is_loopback_text(port.address)]
    who = [f"the host itself at {' and '.join(own)}"] if own else []
    if wider:
        who.append("containers of the same network")
    if any(":" in port.address for port in wider):
        who.append("IPv6 clients of a container without IPv6")
    return f"Clients that no rule of the kernel forwards wait until they give up: {', '.join(who)}."


def _unanswered(
    container: Container, ports: list[PublishedPort], listeners: list[Listener], evidence: dict[str, Any]
) -> Verdict:
    number, protocol = ports[0].container_port, ports[0].protocol
    evidence["sockets inside"] = [f"{item.address} {item.port}/{item.protocol}" for item in listeners]
    if listeners:
        why = f"the program inside listens only on {listeners[0].address}, which published ports do not reach"
        text = f"Configure the program in {container.name} to listen on all its addresses, or stop publishing the port"
    else:
        why = "nothing inside listens on it"
        text = (
            f"Decide whether {number}/{protocol} of {container.name} is needed. If so, correct the number or start the "
            "program that should listen; if not, stop publishing it"
        )
    return failed(
        resources.port(container, number, protocol),
        f"{container.name} publishes {number}/{protocol} on {_places_of(ports)}, but {why}",
        evidence,
        "Clients get no answer there. A program that listens on that port later is at once open to everyone who "
        "reaches the host.",
        Remediation(text),
    )


NO_LISTENER = Check(
    id="publish.no-listener",
    grades=(
        Grade(HYGIENE, "clients reach nothing there"),
        Grade(BROKEN, "a process that listens there, or docker-proxy, is stopped or frozen: clients wait in vain"),
    ),
    title="Something listens behind every published port",
    rationale=(
        "A published port without a listener is usually a wrong number, or a service that died or was moved. "
        "docker-proxy still accepts connections to it, so a port scan from outside does not show it. Nor does it show "
        "a process that is stopped (kill -STOP, a debugger) or frozen with its control group: the kernel takes "
        "connections for it, and docker inspect says running."
    ),
    needs=(ENGINE, NAMESPACES, CONTAINER_NAMESPACES, LISTENERS),
    judge=_judge_no_listener,
)


@dataclass
class _OpenPort:
    """A port of a container that machines outside reach."""

    container: Container
    number: int
    protocol: str
    ways: dict[str, str] = field(default_factory=dict)
    """What reaches it, by the uplink."""

    @property
    def resource(self) -> Resource:
        """What a finding is about."""
        return resources.port(self.container, self.number, self.protocol)


def _place_of(target: TargetPort) -> _PortKey:
    """Tells a port from all others of a host."""
    return (target.namespace.name, target.port, target.protocol)


def _without_uplink(context: AuditContext) -> list[Verdict]:
    """The verdict where no machine outside can ask; empty where one can. Raises NotJudgedError."""
    if any(source.kind == OUTSIDE for source in context.answers.sources):
        return []
    return [
        not_applicable(
            resources.host(context.snapshot), "This host has no interface through which others could reach it"
        )
    ]


def _exposed_ports(context: AuditContext, kind: str, verdict_of: Callable[[_OpenPort], Verdict]) -> list[Verdict]:
    """What is told of each port that is exposed in a way, see _model.matrix; unknown for those that perhaps are.

    Raises NotJudgedError.
    """
    found = _open_ports(context, kind)
    doubtful = {place: verdict for place, verdict in _undecided(context, kind).items() if place not in found}
    doubts = unfollowed(context.answers, resources.host(context.snapshot), FROM_OUTSIDE)
    return [*map(verdict_of, found.values()), *doubtful.values(), *doubts]


def _open_ports(context: AuditContext, kind: str) -> dict[_PortKey, _OpenPort]:
    """Each once."""
    found: dict[_PortKey, _OpenPort] = {}
    for exposed in context.exposed:
        if exposed.kind != kind:
            continue
        for target in exposed.ports:
            port = _OpenPort(target.namespace.containers[0], target.port, target.protocol)
            ways = found.setdefault(_place_of(target), port).ways
            ways.setdefault(f"from outside through {exposed.uplink}", _way(target, exposed.example))
    return found


def _way(target: TargetPort, example: Packet) -> str:
    if target.host_port:
        at = socket_name(example.destination, target.host_port)
        return f"at {at}, by machines that route packets for it to this host"
    return f"at the container's own address {target.address}, by machines that route packets for it to this host"


def _undecided(context: AuditContext, kind: str) -> dict[_PortKey, Verdict]:
    """An unknown for each port that would be exposed so if machines outside reached it, where that cannot be told."""
    found: dict[_PortKey, Verdict] = {}
    for answer in context.answers.answers:
        if answer.source.kind != OUTSIDE or answer.path.verdict != UNKNOWN:
            continue
        for target in answer.ports:
            if exposure_if_reached(target) == kind:
                resource = resources.port(target.namespace.containers[0], target.port, target.protocol)
                reason = (
                    f"whether machines outside reach it through {answer.source.uplink} is not known: "
                    f"{answer.path.because}"
                )
                found.setdefault(_place_of(target), unknown(resource, reason, {"asked": str(answer.packet)}))
    return found


def _judge_loopback_leak(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    local = sum(is_loopback_text(port.address) for container in running(snapshot) for port in container.published)
    if not local:
        return [not_applicable(resources.host(snapshot), "No running container publishes a port on a loopback address")]
    found = _without_uplink(context) or _exposed_ports(context, LOOPBACK_LEAK, partial(_leak, context))
    return found or [
        passed(
            resources.host(snapshot),
            "Packets from outside reach no port that is published on a loopback address",
            {"bindings on loopback addresses": local},
        )
    ]


def _leak(context: AuditContext, port: _OpenPort) -> Verdict:
    bindings = [
        str(item)
        for item in port.container.published
        if (item.container_port, item.protocol) == (port.number, port.protocol) and is_loopback_text(item.address)
    ]
    ways = "; ".join(f"{uplink} {way}" for uplink, way in port.ways.items())
    return failed(
        port.resource,
        f"{port.resource.name} is published on a loopback address, but reached {ways}",
        {"bindings": bindings, **port.ways},
        "The port is published for this host only, but open to machines on its links. They send packets for the "
        "loopback or the container's address to this host, which accepts or forwards them.",
        Remediation(_text(context, port)),
    )


def _text(context: AuditContext, port: _OpenPort) -> str:
    guard = (
        "in table raw, chain PREROUTING: -d 127.0.0.0/8 ! -i lo -j DROP, and -d CONTAINER-ADDRESS ! -i BRIDGE -j DROP"
    )
    if context.capabilities.guards_loopback_ports:
        return (
            "Restart dockerd, which recreates its rules in the raw table (chain PREROUTING, or raw-PREROUTING of the "
            "nftables backend); with live-restore, containers keep running. If they are still missing, check "
            f"DOCKER_INSECURE_NO_IPTABLES_RAW and allow-direct-routing. Or add the rules manually, {guard}"
        )
    return (
        f"Upgrade Docker Engine to 28.0 or later, which closes such ports. Until then, add rules of your own, {guard}. "
        f"Or publish nothing from {port.container.name}, and use its own address"
    )


LEAK = Check(
    id="publish.loopback-leak",
    grades=(Grade(WEAKNESS, "machines on the same link that set a route reach the port"),),
    title="Ports published on a loopback address are not reached from outside",
    rationale=(
        "Before Docker Engine 28, a port published on 127.0.0.1 is open to machines on the same link that send packets "
        "for the loopback's or the container's own address to the host (moby PR 49325). Later engines protect it by "
        "rules, which can get lost. No module adds such rules: they name the address of a container, which can be "
        "another's after the next start, and only the engine changes them in time."
    ),
    needs=PACKETS,
    judge=_judge_loopback_leak,
)


def _judge_direct_access(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    on_bridges = _on_bridges(snapshot)
    if not on_bridges:
        return [not_applicable(resources.host(snapshot), "No running container is on a bridge network")]
    found = _without_uplink(context) or [
        *_exposed_ports(context, NOT_PUBLISHED, partial(_reached, snapshot.engine)),
        *_unread(snapshot, on_bridges),
    ]
    return found or [
        passed(
            resources.host(snapshot),
            "Packets from outside reach no port of a container that is not published",
            {"containers on bridge networks": len(on_bridges)},
        )
    ]


def _on_bridges(snapshot: HostSnapshot) -> list[Container]:
    bridged = {network.id for network in snapshot.networks if network.bridge is not None}
    return [item for item in running(snapshot) if any(end.network_id in bridged for end in item.endpoints)]


def _unread(snapshot: HostSnapshot, containers: list[Container]) -> list[Verdict]:
    """An unknown for each container whose listening ports were not read."""
    seen = {space.inode for space in snapshot.container_namespaces}
    return [
        unknown(resources.container(item), f"the listening ports of {item.name} were not read")
        for item in containers
        if item.netns not in seen
    ]


def _reached(engine: Engine | None, port: _OpenPort) -> Verdict:
    ways = "; ".join(f"{uplink} {way}" for uplink, way in port.ways.items())
    return failed(
        port.resource,
        f"{port.resource.name} is not published, but reached {ways}",
        {"published": [str(item) for item in port.container.published], **port.ways},
        "Machines on the same link, or with a route to the container's subnet through this host, can use the service "
        "as if it were published. docker ps does not show it.",
        Remediation(f"Decide whether they may reach it. {_way_to_close(engine)}"),
    )


def _way_to_close(engine: Engine | None) -> str:
    place = place_of_own_rules(engine)
    if layout_of(engine) == ISOLATION:
        return (
            f"If not, set the policy of FORWARD to DROP (module ip_forward, forward_policy), or filter in {place}; "
            "Docker Engine 28.0 and later drops such packets itself"
        )
    return (
        "If not, find out why the engine does not drop these packets: allow-direct-routing, the gateway mode "
        "nat-unprotected, a trusted interface or DOCKER_INSECURE_NO_IPTABLES_RAW accepts them, or its rules were "
        f"flushed (a restart of dockerd recreates them). In addition, filter in {place}"
    )


DIRECT_ACCESS = Check(
    id="publish.direct-access",
    grades=(Grade(WEAKNESS, "machines that set a route to the network reach the port"),),
    title="Only published ports are reached from outside",
    rationale=(
        "A host that forwards is a router to its containers. Unless its rules drop packets for unpublished ports, "
        "every listening port of a container is open to all machines that can send packets for it to the host."
    ),
    needs=PACKETS,
    judge=_judge_direct_access,
)

CHECKS: tuple[Check, ...] = (
    WILDCARD,
    PRIVILEGED,
    NO_LISTENER,
    LEAK,
    DIRECT_ACCESS,
)
"""In the order in which reports show them."""
