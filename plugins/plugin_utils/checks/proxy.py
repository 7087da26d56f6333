# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of docker-proxy: wanted or not, in force as configured, its processes and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener, ProxyProcess, to_measure
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import (
    KEY,
    proxy_configured,
    proxy_default,
    proxy_in_force,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONTAINER_NAMESPACES,
    DAEMON_CONFIG,
    ENGINE,
    LISTENERS,
    NAMESPACES,
    PROCESSES,
    SERVICE,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BREAKS,
    HYGIENE,
    TO_KNOW,
    Check,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.resources import bound_address, socket_name
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import DISABLED, KEEP


def _judge_enabled(context: AuditContext) -> list[Verdict]:
    snapshot, settings = context.snapshot, context.settings
    if settings.userland_proxy == KEEP:
        return [not_applicable(resources.daemon(), "Not configured: the baseline accepts docker-proxy as it is")]
    proxy = proxy_in_force(snapshot)
    evidence = {"userland proxy": proxy.evidence}
    if proxy.value is None:
        return [unknown(resources.daemon(), f"it is not known whether docker-proxy is enabled: {proxy.evidence}")]
    state = "on" if proxy.value else "off"
    wanted = "off" if settings.userland_proxy == DISABLED else "on"
    if state == wanted:
        return [passed(resources.daemon(), f"docker-proxy is {state}, as the baseline requires", evidence)]
    if proxy.value:
        impact = (
            "Each published port needs a process, and where the proxy serves a connection (from the host itself, or "
            "from IPv6 to a container without IPv6), the service sees the bridge's address instead of the client's."
        )
    else:
        impact = (
            "Connections that need the proxy get no answer: those to [::1] on the host, and those of IPv6 clients to "
            "containers without IPv6."
        )
    remediation = Remediation(
        f"Turn docker-proxy {wanted}. This restarts dockerd; the module does so only if it stops no container",
        "userland_proxy",
        {"state": settings.userland_proxy},
    )
    return [
        failed(
            resources.daemon(),
            f"docker-proxy is {state}, but the baseline requires it {wanted}",
            evidence,
            impact,
            remediation,
        )
    ]


ENABLED = Check(
    id="proxy.enabled",
    grades=(Grade(HYGIENE, "published ports work either way; the baseline decides which"),),
    title="docker-proxy is as the baseline requires",
    rationale=(
        "The kernel's NAT serves published ports without a process for each. CIS recommends the proxy off; before "
        "Docker Engine 29, containers then no longer reach ports published by containers of other networks."
    ),
    needs=(ENGINE,),
    judge=_judge_enabled,
    cis=cis.USERLAND_PROXY,
    remediated_by=("userland_proxy",),
    daemon_only=True,
)


def _judge_pending(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    configured, force = proxy_configured(snapshot), proxy_in_force(snapshot)
    evidence = {"effective": force.evidence, "configured": _configured_by(snapshot)}
    if force.value is None:
        reason = f"it is not known whether docker-proxy is enabled: {force.evidence}"
        return [unknown(resources.daemon(), reason, evidence)]
    if configured is None:
        return [
            unknown(
                resources.daemon(),
                f"it is not known what the next start will use: {_configured_by(snapshot)}",
                evidence,
            )
        ]
    state = {True: "on", False: "off"}
    if configured == force.value:
        return [passed(resources.daemon(), f"docker-proxy is {state[configured]}, as configured", evidence)]
    summary = f"docker-proxy is configured {state[configured]}, but this is not effective: it is {state[force.value]}"
    impact = (
        f"The next restart of dockerd turns docker-proxy {state[configured]}, which changes which paths to published "
        "ports work."
    )
    remediation = Remediation(
        f"Restart dockerd in a maintenance window, or revert the setting. The module turns it {state[configured]} "
        "now, if that stops no container",
        "userland_proxy",
        {"state": "enabled" if configured else "disabled"},
    )
    return [failed(resources.daemon(), summary, evidence, impact, remediation)]


def _configured_by(snapshot: HostSnapshot) -> str:
    """Where the value of the next start comes from, or why there is none."""
    config = snapshot.daemon_config
    if config is None:
        return "daemon.json was not read"
    broken = next((problem for problem in config.problems if problem.accepted_from is None), None)
    if broken is not None:
        return f"{config.path}:{broken.line}:{broken.column}: {broken.message}"
    if KEY in config.values:
        place = config.positions.get(KEY)
        return f"{config.path}:{place.line if place else 0}: {KEY}: {config.values[KEY]}"
    if snapshot.service is not None:
        flags = [word for word in snapshot.service.argv if word.startswith(f"--{KEY}")]
        if flags:
            return f"{snapshot.service.name}: {flags[-1]}"
    return f"neither {config.path} nor dockerd's flags set it, so it is {'on' if proxy_default() else 'off'} by default"


PENDING = Check(
    id="proxy.pending",
    grades=(Grade(BREAKS, "the next restart changes which paths to published ports work"),),
    title="docker-proxy's configuration is effective",
    rationale="A pending setting takes effect unnoticed, with an upgrade or a reboot.",
    needs=(ENGINE, DAEMON_CONFIG, SERVICE),
    judge=_judge_pending,
    remediated_by=("userland_proxy",),
    daemon_only=True,
)


_Binding = tuple[str, str, int, int]


def _judge_orphan(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    targets = dict(_targets(snapshot))
    listening = {item.pid for item in snapshot.listeners}
    # Listeners were read after the containers: a docker-proxy that went with its container has none.
    live = [proxy for proxy in snapshot.proxies if proxy.pid in listening or proxy.protocol == "sctp"]
    verdicts = [verdict for proxy in live for verdict in _judge_process(snapshot, proxy, targets)]
    if verdicts:
        return verdicts
    count = len(live)
    words = f"Each of {count} docker-proxy processes serves a published port" if count else "No docker-proxy runs"
    return [passed(resources.daemon(), words, {"processes": count})]


def _targets(snapshot: HostSnapshot) -> Iterator[tuple[_Binding, set[str]]]:
    """Where the published ports of running containers lead, by what docker-proxy is given of them."""
    for container in running(snapshot):
        addresses = {text for item in container.endpoints for text in (item.address, item.address6) if text}
        for port in container.published:
            yield _binding(port), addresses


def _binding(port: PublishedPort) -> _Binding:
    """What dockerd shows of a port is what it hands to docker-proxy, but for an address left empty."""
    return port.protocol, port.address or port.host_ip, port.host_port, port.container_port


def _judge_process(snapshot: HostSnapshot, proxy: ProxyProcess, targets: dict[_Binding, set[str]]) -> list[Verdict]:
    outside = socket_name(proxy.host_ip, proxy.host_port)
    inside = socket_name(proxy.container_ip, proxy.container_port)
    addresses = targets.get(
        _binding(PublishedPort(proxy.protocol, proxy.container_port, proxy.host_ip, proxy.host_port))
    )
    dockerd = snapshot.daemon.pid if snapshot.daemon else None
    if addresses is None:
        what = "no running container publishes that"
    elif proxy.container_ip not in addresses and not _in_swarm(snapshot):
        what = f"the container that publishes it has {', '.join(sorted(addresses)) or 'no address'}"
    elif dockerd is not None and proxy.ppid != dockerd:
        what = f"dockerd (process {dockerd}) did not start it"
    else:
        return []
    evidence = {
        f"process {proxy.pid}": f"docker-proxy {outside} -> {inside}/{proxy.protocol}, child of {proxy.ppid}",
        "dockerd": dockerd,
    }
    return [
        failed(
            resources.host_port(outside, proxy.protocol),
            f"docker-proxy (process {proxy.pid}) forwards {outside} to {inside}, but {what}",
            evidence,
            "It occupies the port, so no container can publish it (port is already allocated, address already in "
            "use), and clients are forwarded to an address that may belong to another container now.",
            Remediation(
                f"Decide whether its connections are still needed; if not, end it (kill {proxy.pid}). If the port is "
                "still allocated, restart dockerd with live-restore effective"
            ),
        )
    ]


def _in_swarm(snapshot: HostSnapshot) -> bool:
    """Ports of tasks lead to addresses on docker_gwbridge, which the Engine API does not show."""
    return snapshot.engine is not None and snapshot.engine.swarm


ORPHAN = Check(
    id="proxy.orphan",
    grades=(Grade(BREAKS, "the next container that publishes the port does not start"),),
    title="Each docker-proxy serves a published port",
    rationale=(
        "A docker-proxy that outlives its container, or the dockerd that started it, occupies its port and reaches "
        "nothing."
    ),
    needs=(ENGINE, PROCESSES, LISTENERS),
    judge=_judge_orphan,
    finds_orphans=True,
)


_Sockets = dict[tuple[str, str, int], list[Listener]]

_SEEN = ("tcp", "udp")
"""Listeners of SCTP are not read."""


def _judge_missing(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    # Namespaces were looked into last: a container whose namespace was not there any more ended meanwhile.
    lasting = {namespace.inode for namespace in snapshot.container_namespaces}
    published = [
        (container, [port for port in container.published if port.protocol in _SEEN and port.host_port])
        for container in running(snapshot)
        if container.netns in lasting
    ]
    count = sum(len(ports) for dummy, ports in published)
    if not count:
        return [not_applicable(resources.host(snapshot), "No running container publishes a port")]
    sockets = _sockets(snapshot)
    ours = _holders(snapshot)
    verdicts = [
        verdict for container, ports in published for verdict in _judge_container(container, ports, sockets, ours)
    ]
    words = f"Each of {count} bindings is held on the host, by docker-proxy or by dockerd itself"
    return verdicts or [passed(resources.host(snapshot), words, {"bindings": count})]


def _sockets(snapshot: HostSnapshot) -> _Sockets:
    found: _Sockets = {}
    for item in snapshot.listeners:
        found.setdefault((item.protocol, item.address, item.port), []).append(item)
    return found


def _holders(snapshot: HostSnapshot) -> set[int]:
    """Processes that hold ports for containers: dockerd's own docker-proxy, and without it dockerd itself."""
    dockerd = snapshot.daemon.pid if snapshot.daemon else None
    return {item.pid for item in snapshot.proxies if item.ppid == dockerd} | ({dockerd} if dockerd else set())


def _judge_container(
    container: Container, ports: list[PublishedPort], sockets: _Sockets, ours: set[int]
) -> list[Verdict]:
    missing: dict[tuple[int, str], list[str]] = {}
    for port in ports:
        held = _held(port, sockets)
        if any(item.pid is None or item.pid in ours for item in held):
            continue
        by = f" (held by {held[0].owner}, process {held[0].pid})" if held else ""
        where = socket_name(port.address or port.host_ip, port.host_port)
        missing.setdefault((port.container_port, port.protocol), []).append(f"{where}{by}")
    return [
        failed(
            resources.port(container, number, protocol),
            f"{container.name} publishes {number}/{protocol} on {', '.join(places)}, but neither docker-proxy nor "
            "dockerd listens there",
            {"published on": places, "listening on the host": False},
            "Clients that no rule of the kernel forwards are refused: the host itself at 127.0.0.1 and ::1, "
            "containers of the same network, IPv6 clients of a container without IPv6. Any program can take the port.",
            Remediation(f"Restart the container ({container.name}): dockerd then opens its ports again"),
        )
        for (number, protocol), places in missing.items()
    ]


def _held(port: PublishedPort, sockets: _Sockets) -> list[Listener]:
    try:
        address = str(bound_address(port))
    except ValueError:
        return []
    held = sockets.get((port.protocol, address, port.host_port), [])
    if ":" not in address:
        both = sockets.get((port.protocol, "::", port.host_port), [])
        held = held + [item for item in both if not item.only_ipv6]
    return held


MISSING = Check(
    id="proxy.missing",
    grades=(Grade(BREAKS, "any program can take the port, and the container then does not start again"),),
    title="Each published port is held on the host",
    rationale=(
        "For each binding, docker-proxy listens, or dockerd itself if docker-proxy is off. The kernel's rules serve "
        "most clients without it, so only some notice its absence."
    ),
    needs=(ENGINE, NAMESPACES, PROCESSES, LISTENERS, CONTAINER_NAMESPACES),
    judge=_judge_missing,
)


@dataclass(frozen=True)
class ProxyMemory:
    """What the docker-proxy processes of a host take."""

    total: int | None
    """Bytes, of all; reckoned from those that were measured. None where one of these could not be read."""
    measured: int
    """Processes."""
    unread: int
    """Processes that were to be measured and could not be read."""


def memory_of(proxies: list[ProxyProcess]) -> ProxyMemory:
    """Return the memory of all, by those that were to be measured."""
    sizes = [proxy.pss for proxy in to_measure(proxies)]
    known = [size for size in sizes if size is not None]
    total = sum(known) * len(proxies) // len(sizes) if sizes else 0
    return ProxyMemory(total if len(known) == len(sizes) else None, len(known), len(sizes) - len(known))


_NAMED = 5
"""How many processes are named; what all of them publish is to be seen at the containers."""


def _judge_memory(context: AuditContext) -> list[Verdict]:
    snapshot, settings = context.snapshot, context.settings
    proxies = snapshot.proxies
    if not proxies:
        return [passed(resources.daemon(), "No docker-proxy runs", {"processes": 0})]
    memory = memory_of(proxies)
    largest = sorted(proxies, key=lambda proxy: (-(proxy.pss or 0), proxy.pid))[:_NAMED]
    evidence: dict[str, Any] = {
        "processes": len(proxies),
        "PSS in bytes": memory.total,
        "processes measured": memory.measured,
        "largest processes": {f"{proxy.pid}": _process(proxy) for proxy in largest},
    }
    if memory.total is None:
        reason = f"the memory of {memory.unread} of {len(proxies)} docker-proxy processes could not be read"
        return [unknown(resources.daemon(), reason, evidence)]
    about, of_some = ("", "") if memory.measured == len(proxies) else ("about ", f" ({memory.measured} were measured)")
    summary = (
        f"{_count(len(proxies))} of docker-proxy, {about}{_mebibytes(memory.total)} in all, "
        f"{_mebibytes(memory.total // len(proxies))} each{of_some}"
    )
    impact = (
        "This is their own memory (PSS: shared memory is divided among them; the RSS that ps shows counts it for each "
        "of them)."
    )
    if settings.userland_proxy == DISABLED:
        remediation = Remediation(
            "Turn docker-proxy off, as the baseline requires (check proxy.required)",
            "userland_proxy",
            {"state": DISABLED},
        )
    else:
        remediation = Remediation(
            "Decide whether the memory matters. If so, publish fewer ports, or turn docker-proxy off"
        )
    return [failed(resources.daemon(), summary, evidence, impact, remediation)]


def _process(proxy: ProxyProcess) -> str:
    outside = socket_name(proxy.host_ip, proxy.host_port)
    inside = socket_name(proxy.container_ip, proxy.container_port)
    size = "not measured" if proxy.pss is None else _mebibytes(proxy.pss)
    return f"{outside} -> {inside}/{proxy.protocol}, {size}"


def _count(number: int) -> str:
    return "1 process" if number == 1 else f"{number} processes"


def _mebibytes(size: int) -> str:
    return f"{size / 1048576:.1f} MiB"


MEMORY = Check(
    id="proxy.memory",
    grades=(Grade(TO_KNOW, "docker-proxy, on by default, needs this memory"),),
    title="docker-proxy uses no memory",
    rationale="Each published port and address family has its process. It uses less memory than ps shows.",
    needs=(PROCESSES,),
    judge=_judge_memory,
    remediated_by=("userland_proxy",),
)

CHECKS: tuple[Check, ...] = (
    ENABLED,
    PENDING,
    ORPHAN,
    MISSING,
    MEMORY,
)
"""In the order in which reports show them."""
