# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of how containers are attached to networks, and of what they may do there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, LOW, Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.linux_capabilities import (
    BITS,
    BY_DEFAULT,
    allowed,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LINKS,
    NAMESPACES,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import Attachment, attachments, running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BROKEN,
    HYGIENE,
    NAMES,
    OPEN,
    TO_KNOW,
    WEAKNESS,
    Check,
    Grade,
    Parameter,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import Verdict, failed, passed, unknown


@dataclass(frozen=True)
class Mode:
    """How a container is attached."""

    declared: str
    """``bridge``, ``host``, ``none``, ``container:NAME``, or the driver of another network (``macvlan``...)."""
    proved: str | None
    """The same, as the kernel shows it; None when its namespace could not be read."""
    detail: str
    """What proves it, or why nothing could."""


def sharers(snapshot: HostSnapshot) -> list[list[Container]]:
    """Groups of two or more running containers that are in one network namespace, the host's left out."""
    groups: dict[int, list[Container]] = {}
    host = snapshot.daemon.netns if snapshot.daemon else None
    for container in running(snapshot):
        if container.netns is not None and container.netns != host:
            groups.setdefault(container.netns, []).append(container)
    return [group for group in groups.values() if len(group) > 1]


def modes(snapshot: HostSnapshot) -> dict[str, Mode]:
    """The mode that each container was given and the one that its namespace shows, by its id."""
    ports: dict[str, list[Attachment]] = {}
    for item in attachments(snapshot):
        ports.setdefault(item.container.id, []).append(item)
    return {container.id: _mode(snapshot, container, ports.get(container.id, [])) for container in snapshot.containers}


def _mode(snapshot: HostSnapshot, container: Container, own: list[Attachment]) -> Mode:
    declared = _declared_mode(snapshot, container)
    if container.netns is None:
        reason = "it is not running" if not container.running else "its network namespace could not be read"
        return Mode(declared, None, reason)
    if snapshot.daemon is None or snapshot.daemon.netns is None:
        return Mode(declared, None, "the network namespace of dockerd could not be read")
    if container.netns == snapshot.daemon.netns:
        return Mode(declared, "host", f"it is in dockerd's own network namespace, net:[{container.netns}]")
    if declared.startswith("container:"):
        return _proved_sharing(snapshot, container, declared)
    names = ", ".join(f"{item.port.name} on {item.bridge}" for item in own if item.port is not None)
    if names:
        return Mode(declared, "bridge", f"net:[{container.netns}] is connected to {names}")
    return _proved_elsewhere(snapshot, container, declared)


def _declared_mode(snapshot: HostSnapshot, container: Container) -> str:
    mode = container.network_mode
    if mode in ("host", "none"):
        return mode
    if mode.startswith("container:"):
        wanted = mode.partition(":")[2]
        target = next((other for other in snapshot.containers if wanted in (other.id, other.name)), None)
        return f"container:{target.name if target else wanted}"
    drivers = {network.id: network.driver for network in snapshot.networks}
    found = {drivers[endpoint.network_id] for endpoint in container.endpoints if endpoint.network_id in drivers}
    others = sorted(found - {"bridge", "null"})
    return others[0] if others and "bridge" not in found else "bridge"


def _proved_sharing(snapshot: HostSnapshot, container: Container, declared: str) -> Mode:
    partner = declared.partition(":")[2]
    for other in running(snapshot):
        if other.name == partner and other.netns == container.netns:
            return Mode(declared, declared, f"both are in net:[{container.netns}]")
    return Mode(declared, "own", f"net:[{container.netns}] is not the namespace of {partner}")


def _proved_elsewhere(snapshot: HostSnapshot, container: Container, declared: str) -> Mode:
    where = f"net:[{container.netns}]"
    unread = [source for source in (LINKS, NAMESPACES) if not snapshot.was_read(source)]
    if unread:
        return Mode(declared, None, f"could not be read: {', '.join(unread)}")
    joined = [link for link in snapshot.links if container.nsid is not None and link.peer_nsid == container.nsid]
    if joined and declared in ("none", "bridge"):
        names = ", ".join(link.name for link in joined)
        return Mode(declared, "bridge", f"{where} is connected to the host by {names}")
    if declared in ("none", "bridge"):
        return Mode(declared, "none", f"no link of the host leads into {where}")
    return Mode(declared, declared, f"{where} is its own; {declared} keeps no port on a bridge of this host")


@dataclass(frozen=True)
class _Kind:
    """One way of being attached that a check looks for."""

    name: str
    """As Mode says it; ``container`` for container:X."""
    none_found: str
    impact: str
    remediation: str

    def is_in(self, mode: str) -> bool:
        """Whether a mode is of this kind."""
        return mode.partition(":")[0] == self.name

    def is_fault(self, mode: Mode) -> bool:
        """Whether a difference puts a container into the host's network, or takes the one that it was to share.

        One that is to share with a container of the host's is no fault, nor is what other software plugs into a
        container without network, as Kubernetes does.
        """
        shares = mode.declared.startswith("container:")
        return (self.name, mode.proved, shares) in (("host", "host", False), ("container", "own", True))


def _judge_attachment(snapshot: HostSnapshot, kind: _Kind) -> list[Verdict]:
    found = modes(snapshot)
    groups = {container.id: group for group in sharers(snapshot) for container in group}
    verdicts = []
    for container in running(snapshot):
        verdicts += _judge_attachment_container(container, found[container.id], kind, groups.get(container.id, []))
    return verdicts or [
        passed(resources.host(snapshot), kind.none_found, {"running containers": len(running(snapshot))})
    ]


def _judge_attachment_container(container: Container, mode: Mode, kind: _Kind, group: list[Container]) -> list[Verdict]:
    resource = resources.container(container)
    evidence: dict[str, Any] = {"declared": mode.declared, "proved": mode.proved, "proof": mode.detail}
    if mode.proved is None:
        return [
            unknown(resource, f"the network mode of {container.name} could not be verified: {mode.detail}", evidence)
        ]
    declared, proved = kind.is_in(mode.declared), kind.is_in(mode.proved)
    if not declared and not proved:
        return []
    others = sorted(other.name for other in group if other.id != container.id)
    if others:
        evidence["shares its network namespace with"] = others
    if container.privileged or container.cap_add:
        evidence["capabilities"] = ["privileged"] if container.privileged else container.cap_add
    remediation = Remediation(kind.remediation)
    if declared and proved:
        return [failed(resource, f"{container.name} runs in {_named(mode.proved)}", evidence, kind.impact, remediation)]
    summary = f"{container.name} is configured with {_named(mode.declared)}, but the kernel shows {_named(mode.proved)}"
    severity = HIGH if kind.is_fault(mode) else ""
    impact = f"What docker inspect shows of its network is wrong. {kind.impact if proved else ''}".rstrip()
    remediation = Remediation("Restart the container, which then gets its configured network. Find out what moved it")
    return [failed(resource, summary, evidence, impact, remediation, severity)]


def _named(mode: str) -> str:
    names = {
        "host": "the host's network namespace",
        "none": "a namespace without a network",
        "own": "a namespace of its own",
        "bridge": "a namespace on a bridge",
    }
    if mode.startswith("container:"):
        return f"the network namespace of {mode.partition(':')[2]}"
    return names.get(mode, f"a namespace on a {mode} network")


def _judging(kind: _Kind) -> Callable[[AuditContext], list[Verdict]]:
    return lambda context: _judge_attachment(context.snapshot, kind)


_NEEDS = (ENGINE, NAMESPACES)

HOST = Check(
    id="mode.host",
    grades=(
        Grade(HYGIENE, "the container is configured with the host's network, which some software needs"),
        Grade(OPEN, "the container is configured with another network, but is in the host's"),
    ),
    title="No container is in the host's network namespace",
    rationale=(
        "Nothing isolates such a container from the host's network. The configured mode can be wrong: the network "
        "namespace of its first process decides."
    ),
    needs=_NEEDS,
    judge=_judging(
        _Kind(
            "host",
            "No running container is in the host's network namespace",
            "It reaches every service on the host's loopback addresses, sees all interfaces and their traffic, and "
            "opens ports of the host without publishing them. Isolation between networks does not apply to it.",
            "Decide whether the container needs the host's network. If not, connect it to a network of its own and "
            "publish its ports",
        )
    ),
    cis=cis.HOST_NETWORK,
)

CONTAINER = Check(
    id="mode.container",
    grades=(
        Grade(TO_KNOW, "containers that belong together share a namespace"),
        Grade(BROKEN, "it is configured with the namespace of another container, but is not in it"),
    ),
    title="No container shares the network namespace of another",
    rationale=(
        "Containers that share a namespace share addresses, ports and the loopback; one loses its network when the "
        "other restarts."
    ),
    needs=_NEEDS,
    judge=_judging(
        _Kind(
            "container",
            "No running container uses the network namespace of another",
            "Both share one loopback and one set of ports: each reaches what the other serves on 127.0.0.1. When the "
            "owner of the namespace restarts, this container loses its network.",
            "Decide whether they belong together. If so, nothing needs to be done",
        )
    ),
)

NONE = Check(
    id="mode.none",
    grades=(Grade(TO_KNOW, "a container without a network is well isolated"),),
    title="No container is without a network",
    rationale=("A container without a network is well isolated. This finding shows that it is configured so."),
    needs=_NEEDS,
    judge=_judging(
        _Kind(
            "none",
            "No running container is without a network",
            "It reaches nothing, and nothing reaches it.",
            "Decide whether it needs a network. If not, nothing needs to be done",
        )
    ),
)


_FORBIDDEN = "forbidden"

_MEANS = {
    "NET_ADMIN": "can change addresses, routes and firewall rules of its network namespace",
    "NET_RAW": "can forge packets: answer for its neighbours' addresses (ARP) and bypass icc=false",
}

_NAMED = 5


def _means(held: Iterable[str], where: str) -> list[str]:
    """What a process in a container can do with each capability."""
    found = [f"With {name}, a process in {where} {_MEANS[name]}." for name in held if name in _MEANS]
    others = ", ".join(name for name in held if name not in _MEANS)
    return [*found, f"A process in {where} that runs as root, or becomes root, has {others}."] if others else found


def _judge_capabilities(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    forbidden = CAPABILITIES.parameter(context, _FORBIDDEN)
    host = snapshot.daemon.netns if snapshot.daemon else None
    given = [name for name in forbidden if name not in BY_DEFAULT]
    verdicts = [
        verdict for item in running(snapshot) for verdict in _judge_capabilities_container(item, given, host_netns=host)
    ]
    verdicts += _kept_from_default(snapshot, [name for name in forbidden if name in BY_DEFAULT])
    if verdicts:
        return verdicts
    words = f"No running container can have {', '.join(forbidden)}" if forbidden else "No capability is forbidden"
    return [passed(resources.host(snapshot), words, {"running containers": len(running(snapshot))})]


def _kept_from_default(snapshot: HostSnapshot, forbidden: list[str]) -> list[Verdict]:
    """One finding for the host: Docker gives it to each of its containers by default."""
    held: dict[str, list[str]] = {}
    for item in running(snapshot):
        for name in forbidden:
            if item.bounding is not None and allowed(item.bounding, name):
                held.setdefault(name, []).append(item.name)
    if not held:
        return []
    containers = sorted({name for names in held.values() for name in names})
    return [
        failed(
            resources.host(snapshot),
            f"{', '.join(held)}: {len(containers)} running containers have it, which is Docker's default: "
            f"{listed(containers, _NAMED)}",
            {f"containers with {name}": sorted(names) for name, names in held.items()},
            " ".join(_means(held, "one of them")),
            Remediation(
                f"Start containers without it (--cap-drop {' --cap-drop '.join(held)}) where they do not need it; "
                "ping, for one, needs NET_RAW"
            ),
            LOW,
        )
    ]


def _judge_capabilities_container(item: Container, forbidden: list[str], *, host_netns: int | None) -> list[Verdict]:
    resource = resources.container(item)
    if item.bounding is None:
        return [unknown(resource, f"the capability bounding set of {item.name} (process {item.pid}) was not readable")]
    held = [name for name in forbidden if allowed(item.bounding, name)]
    if not held:
        return []
    evidence: dict[str, Any] = {f"CapBnd of process {item.pid}": f"{item.bounding:016x}"}
    if item.privileged:
        evidence["HostConfig.Privileged"] = True
    evidence.update({"HostConfig.CapAdd": item.cap_add, "HostConfig.CapDrop": item.cap_drop})
    means = _means(held, "it")
    if host_netns is not None and item.netns == host_netns:
        means.append("It is in the host's network namespace: all this applies to the host's network.")
    names = ", ".join(held)
    return [
        failed(
            resource,
            f"{item.name} can have {names}{' (privileged)' if item.privileged else ''}",
            evidence,
            " ".join(means),
            Remediation(
                "Decide whether it needs them. If not, run it without --privileged and with --cap-drop "
                f"{' --cap-drop '.join(held)}; if so, waive this finding with the reason"
            ),
        )
    ]


CAPABILITIES = Check(
    id="mode.capabilities",
    grades=(
        Grade(WEAKNESS, "it was added to the container, which can thereby change its network"),
        Grade(HYGIENE, "Docker gives it to every container (NET_RAW): one finding for the host"),
    ),
    title="No container has network capabilities that the baseline forbids",
    rationale=(
        "Network isolation holds only for a container that cannot change its own network. The kernel's bounding set of "
        "its first process shows which capabilities it can have, whatever its configuration says."
    ),
    needs=(ENGINE, NAMESPACES),
    judge=_judge_capabilities,
    cis=cis.CAPABILITIES,
    parameters=(
        Parameter(
            _FORBIDDEN,
            NAMES,
            ["NET_ADMIN"],
            "Capabilities that no container may have, by their names without CAP_ (capabilities(7)).",
            choices=tuple(BITS),
        ),
    ),
)

CHECKS: tuple[Check, ...] = (
    HOST,
    CONTAINER,
    NONE,
    CAPABILITIES,
)
"""In the order in which reports show them."""
