# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What became of packets that did not get where they are meant to: what is said of them, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, Engine, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import NFTABLES, layout_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation, Resource
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    BLOCKED_BY_BRIDGE,
    IPSEC,
    MISROUTED_STEP,
    OUTSIDE,
    PROXY_REPLY,
    PROXY_REQUEST,
    REPLY,
    REQUEST,
    Packet,
    Path,
    PathStep,
    address_in,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONTAINER_NAMESPACES,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import Verdict, failed, unknown
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.null_routes import (
    restoring_route,
    without,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    HALTED,
    NEIGHBOUR_ARP_OFF,
    NEIGHBOUR_ARP_OFF_IN_CONTAINER,
    ROUTE_KIND,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import Answers

_NAMED = 5
_FIREWALLD = "firewalld"


def reached(path: Path, addresses: tuple[str, ...], port: int) -> PathStep | None:
    """The step at which a request came to a port of a container; None if it did not."""
    sockets = {f"[{text}]:{port}" if ":" in text else f"{text}:{port}" for text in addresses}
    return next(
        (
            step
            for step in path.steps
            if step.leg in (REQUEST, PROXY_REQUEST)
            and step.place == "socket"
            and step.destination in sockets
            # Without its bridge, a container's address is looked for outside.
            and step.note != OUTSIDE
        ),
        None,
    )


def remediation_of(path: Path, containers: Iterable[Container]) -> Remediation:
    """What to do about the rule or setting that ended a packet; containers: those of the host."""
    step = None if path.decided_at is None else path.steps[path.decided_at]
    of_route = _of_route(step, containers) if step is not None else None
    if of_route is not None:
        return of_route
    if any(passed.action == MISROUTED_STEP for passed in path.steps):
        return Remediation(
            "Correct the routing: a route or a policy rule (ip rule) diverts packets for the named network. Look its "
            "addresses up in the table of its route first (ip rule add to SUBNET priority LOWER lookup main; ip -6 for "
            "IPv6), or narrow the rule. If the network has no route of its own, its bridge is missing, down or without "
            "an address: restart dockerd, which recreates it"
        )
    if step is not None and step.mechanism == HALTED:
        return Remediation("Have the named process run again: the finding of publish.no-listener says how")
    if step is not None and step.mechanism in (NEIGHBOUR_ARP_OFF, NEIGHBOUR_ARP_OFF_IN_CONTAINER):
        return Remediation("Turn ARP on at the named interface: the finding of network.endpoint says how")
    if step is not None and step.action == BLOCKED_BY_BRIDGE:
        return Remediation(
            "Find out what set the named setting on the bridge port (bridge -d link shows it). Restart the container: "
            "it gets a new port with the kernel's defaults"
        )
    if step is not None and step.place == IPSEC:
        return Remediation(
            "Exclude the network from the host's IPsec policy, which takes its packets whatever the rules say (ip -s "
            "xfrm policy shows it with its counters). Do so in the IPsec manager that created it (strongSwan, "
            "libreswan, a script): narrow the selector, or add a policy with a lower priority number that passes the "
            "network's packets unchanged (a passthrough connection; ip xfrm policy add ... action allow)"
        )
    by_rule = step is not None and step.action in ("drop", "reject") and bool(step.rule)
    if step is not None and by_rule and step.table.rpartition(" ")[2] == _FIREWALLD:
        # dockerd puts its bridges into a zone of firewalld when it starts, and when firewalld says that it reloaded.
        return Remediation(
            "Restart dockerd, which adds its bridges to firewalld's zone docker, or add the bridge manually "
            "(firewall-cmd --zone=docker --add-interface=BRIDGE): firewalld rejects traffic of a bridge in no zone"
        )
    if step is not None and by_rule and step.leg in (REPLY, PROXY_REPLY):
        return Remediation(
            "Accept replies ahead of the named rule, which drops them: -m conntrack --ctstate RELATED,ESTABLISHED -j "
            "RETURN, or ct state established,related accept in an nftables table"
        )
    if step is not None and step.action == "drop" and not step.rule and step.chain == "FORWARD":
        # dockerd that changes to nftables leaves the policy that it set with iptables (moby iptabler/cleaner.go).
        return Remediation(
            "If dockerd uses iptables, restart it: it recreates the missing rules, which accept ahead of that policy. "
            "If it uses nftables, its accept does not override the policy, which an earlier start with iptables left: "
            "iptables -P FORWARD ACCEPT (ip6tables for IPv6), and isolate the host's own interfaces in a table of your "
            "own"
        )
    return Remediation(
        "Check the named rule or setting. If rules of dockerd are missing, restart dockerd, which recreates them; if "
        "another rule blocks the traffic, decide with its owner"
    )


def _of_route(step: PathStep, containers: Iterable[Container]) -> Remediation | None:
    """What to do about a stack that has no way for a packet; None where it has one."""
    subject = step.subject
    if subject is not None and subject.null_route is not None:
        return without(subject.null_route, containers)
    if subject is None or step.mechanism != ROUTE_KIND:
        return None
    return restoring_route(subject.container, address_in(step.destination))


def unfollowed(answers: Answers, host: Resource, *parts: str) -> list[Verdict]:
    """That not all packets of one of these parts of the questions about a host were followed; empty where all were."""
    reason = answers.missing(*parts)
    return [unknown(host, reason)] if reason else []


def unread_inside(snapshot: HostSnapshot) -> list[Verdict]:
    """That there are running containers whose namespace was not found, beside others; empty where there are none.

    For one that was found and could not be read, the runner says why.
    """
    reported = {gap.name for gap in snapshot.gaps if gap.source == CONTAINER_NAMESPACES}
    unread = [item.name for item in without_namespace(snapshot) if item.name not in reported]
    if not unread:
        return []
    reason = f"the network namespace of {listed(unread, _NAMED)} was not read"
    return [unknown(resources.host(snapshot), reason, {"number of containers": len(unread)})]


def without_namespace(snapshot: HostSnapshot) -> list[Container]:
    """Running containers of which nothing is known inside: their namespace was not found, or could not be read."""
    host = snapshot.daemon.netns if snapshot.daemon is not None else None
    known = {host, *(space.inode for space in snapshot.container_namespaces)}
    return [item for item in running(snapshot) if item.netns is None or item.netns not in known]


@dataclass
class Failure:
    """Packets of one network that do not get there, all for one reason."""

    network: Network
    packet: Packet
    """One of them."""
    path: Path
    reason: str
    """Why not, or what it depends on."""
    undetermined: bool
    """Whether it is merely not known that they get there."""
    members: dict[str, None] = field(default_factory=dict)
    """Whose packets they are."""


@dataclass(frozen=True)
class Wording:
    """How a check says it."""

    who: str
    """What the members are, in the evidence: ``containers``."""
    number: str
    """What their number is called there."""
    deed: str
    """What containers are meant to do: ``reach the outside``."""
    impact: str


def verdicts_by_network(failures: Iterable[Failure], words: Wording, containers: Sequence[Container]) -> list[Verdict]:
    """One verdict a network: what is sure of some of its containers comes before what is open of others."""
    by_network: dict[str, list[Failure]] = {}
    for item in failures:
        by_network.setdefault(item.network.id, []).append(item)
    return [_verdict(items, words, containers) for items in by_network.values()]


def _verdict(failures: list[Failure], words: Wording, containers: Sequence[Container]) -> Verdict:
    sure = [item for item in failures if not item.undetermined]
    reported = sure or failures
    members = list(dict.fromkeys(name for item in reported for name in item.members))
    who = listed(members, _NAMED)
    network, reason = reported[0].network, reported[0].reason
    resource = resources.network(network)
    packets = {str(item.packet): item.reason for item in reported[:_NAMED]}
    evidence = {words.who: who, words.number: len(members), "packets": packets}
    if not sure:
        return unknown(resource, f"whether containers of {network.name} {words.deed} is not known: {reason}", evidence)
    return failed(
        resource,
        f"Network {network.name}: its containers ({who}) do not {words.deed}: {reason}",
        evidence,
        words.impact,
        remediation_of(reported[0].path, containers),
    )


def place_of_own_rules(engine: Engine | None) -> str:
    """The end of a sentence: dockerd leaves a chain to people with iptables, and none with nftables.

    Docker's documentation of both: packet-filtering-firewalls, firewall-nftables.
    """
    if layout_of(engine) == NFTABLES:
        return "a chain at the hook forward of a table of your own (dockerd's tables docker-bridges are its own)"
    return "DOCKER-USER"


def match_of_published_port(engine: Engine | None) -> str:
    """What matches, in such a place, the port of the host that a packet was sent to."""
    return "ct original proto-dst" if layout_of(engine) == NFTABLES else "-m conntrack --ctorigdstport"
