# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether published ports lead to their containers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, HIGH, Remedy, Resource
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import PUBLISHED
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import ANYWHERE, PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import HOST, OUTSIDE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import DELIVERED, UNKNOWN, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import outer_links, routed_addresses
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.evaluation import PACKETS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.fates import (
    reached,
    remedy_of,
    unfollowed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.routed import routed_ports
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_address
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import (
    Asked,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import (
    FROM_HOST,
    FROM_OUTSIDE,
    Answer,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import TRANSPORTS

_LED, _LOST, _UNTOLD, _MEANT = "led", "lost", "untold", "meant"

_Port = tuple[str, int, str]
"""Name of the container, port inside, protocol."""


@dataclass
class _Outcome:
    """What became of the packets to one port of a container."""

    asked: Asked
    texts: dict[str, dict[str, None]] = field(default_factory=dict)
    """By how they ended, where they were sent to and why."""
    lost: list[Path] = field(default_factory=list)
    """Of those that did not get there."""

    def add(self, fate: str, text: str) -> None:
        self.texts.setdefault(fate, {})[text] = None

    def told(self, fate: str) -> list[str]:
        return list(self.texts.get(fate, ()))


class _Judge:
    """Sorts answers by the ports that they are about."""

    def __init__(self, examined: Examined) -> None:
        self._examined = examined
        self._asked: set[Asked] = set()
        self._outer = {
            (link.name, version): routed_addresses(link, version)
            for version in (4, 6)
            for link in outer_links(examined.snapshot, version)
        }
        self.outcomes: dict[_Port, _Outcome] = {}
        published = [answer for answer in examined.answers.answers if answer.wanted.kind == PUBLISHED]
        for answer in published:
            if answer.source.kind == OUTSIDE and self._is_meant_for_outside(answer):
                self._add(answer, answer.ports)
        outside = set(self._asked)
        for answer in published:
            if answer.source.kind == HOST and _is_meant_for_host(answer):
                self._add(answer, [asked for asked in answer.ports if asked not in outside])

    def _is_meant_for_outside(self, answer: Answer) -> bool:
        """Whether the port is published for machines beyond this uplink at this address."""
        own = self._outer.get((answer.source.uplink, answer.wanted.family), [])
        return answer.at in own and answer.wanted.host_ip in (*ANYWHERE.values(), answer.at)

    def _add(self, answer: Answer, ports: Iterable[Asked]) -> None:
        fate, reason = self._fate(answer)
        who = "this host" if answer.source.kind == HOST else f"outside by {answer.source.uplink}"
        example = answer.wanted.first
        for asked in ports:
            self._asked.add(asked)
            like = "" if asked.label == example.label else f" (as told for {example.label}, which is treated alike)"
            key = (asked.station.name, asked.port, asked.protocol)
            outcome = self.outcomes.setdefault(key, _Outcome(asked))
            at = f"[{answer.at}]" if ":" in answer.at else answer.at
            outcome.add(fate, f"{at}:{asked.host_port} from {who}: {reason}{like}")
            if fate == _LOST:
                outcome.lost.append(self._examined.path(answer.packet))

    def _fate(self, answer: Answer) -> tuple[str, str]:
        """The same for all ports of the answer, told by the one that its packet is for."""
        path, station = answer.path, answer.wanted.first.station
        if path.verdict == UNKNOWN:
            return _UNTOLD, path.because
        if path.verdict == DELIVERED:
            return (_LOST, f"{answer.instead} answers instead") if answer.instead else (_LED, path.reason)
        whole = self._examined.path(answer.packet)
        door = reached(whole, station.addresses, answer.wanted.first.port)
        if door is not None and door.action != "deliver":
            return _LED, path.reason
        meant = self._examined.purposes.kept_off(whole)
        return (_MEANT, meant) if meant else (_LOST, path.reason)


def _is_meant_for_host(answer: Answer) -> bool:
    """Whether the host itself is asked for a port that no machine outside can be: at its own address, or at 127.0.0.1.

    At ::1 a port that is published on all addresses is not served without docker-proxy, whatever the rules say.
    """
    host_ip, at = answer.wanted.host_ip, answer.at
    return at == host_ip or (host_ip == ANYWHERE[4] and at.startswith("127."))


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    host = resources.host(snapshot)
    bindings = sum(bool(port.host_port) for item in running(snapshot) for port in item.published)
    bindings += sum(len(item.routed) for item in running(snapshot))
    if not bindings:
        return [not_applicable(host, "No running container publishes a port")]
    outcomes = _Judge(examined).outcomes
    found = [verdict for outcome in outcomes.values() for verdict in _verdicts(outcome)]
    doubts = unfollowed(examined.answers, host, FROM_OUTSIDE, FROM_HOST)
    told = {verdict.resource for verdict in found}
    unheard = [verdict for item in running(snapshot) for verdict in _unasked(examined, item, outcomes)]
    # Where packets were left out, that a port was not asked has that reason.
    found += [item for item in routed_ports(examined) if item.resource not in told]
    found += [item for item in unheard if item.resource not in told and (item.outcome == FAIL or not doubts)]
    found += doubts
    if found:
        return found
    kept_off = [text for outcome in outcomes.values() for text in outcome.told(_MEANT)]
    evidence = {"published ports": bindings, "kept off on purpose": kept_off[:5]}
    if not kept_off:
        del evidence["kept off on purpose"]
    return [passed(host, "Every published port leads to its container", evidence)]


def _verdicts(outcome: _Outcome) -> list[Verdict]:
    asked = outcome.asked
    resource = resources.port(asked.station.containers[0], asked.port, asked.protocol)
    lost, untold = outcome.told(_LOST), outcome.told(_UNTOLD)
    evidence = {"bindings": _bindings(asked), "does not lead there": lost}
    if lost:
        summary = f"Port {asked.port}/{asked.protocol} of {asked.station.name} is published, and not reached: {lost[0]}"
        impact = f"Whoever connects to {lost[0].partition(' ')[0]} does not get to {asked.station.name}."
        return [failed(resource, summary, evidence, impact, remedy_of(outcome.lost[0]))]
    return [unknown(resource, text, {"bindings": _bindings(asked)}) for text in untold[:1]]


def _bindings(asked: Asked) -> list[str]:
    return [
        str(port)
        for item in asked.station.containers
        for port in item.published
        if (port.container_port, port.protocol) == (asked.port, asked.protocol)
    ]


def _unasked(examined: Examined, item: Container, outcomes: dict[_Port, _Outcome]) -> list[Verdict]:
    """On ports of a container with a binding to which no packet was sent."""
    found: dict[_Port, Verdict] = {}
    for port in item.published:
        key = (item.name, port.container_port, port.protocol)
        resource = resources.port(item, port.container_port, port.protocol)
        if port.host_port and _is_absent(examined, port.address):
            found[key] = _absent(resource, item, port)
        elif port.host_port and key not in outcomes:
            known = port.protocol in TRANSPORTS
            where = f"{port.address or port.host_ip} is no address of this host that is asked"
            reason = where if known else f"packets of {port.protocol} are not followed"
            found.setdefault(key, unknown(resource, f"{port}: {reason}"))
    return list(found.values())


def _is_absent(examined: Examined, address: str) -> bool:
    """Whether the host neither has an address on a link nor takes packets for it by a route."""
    if not address or address in ANYWHERE.values():
        return False
    family, number = parse_address(address)
    stack = examined.view.host
    return number not in stack.numbers(family) and not stack.has_address(family, number)


def _absent(resource: Resource, item: Container, port: PublishedPort) -> Verdict:
    return failed(
        resource,
        f"Port {port.container_port}/{port.protocol} of {item.name} is published on {port.host_ip}, "
        "which is no address of this host",
        {"binding": str(port)},
        f"Nobody reaches {item.name} there: packets for {port.host_ip} do not come to this host, or are sent on.",
        Remedy(
            f"Give the host the address {port.host_ip} again, or publish the port on one that it has. Where hosts take "
            "turns at the address, this is so on all but one of them: waive it there"
        ),
    )


PUBLISH = Check(
    id="firewall.publish",
    severity=HIGH,
    title="Published ports lead to their containers",
    rationale=(
        "That a port is published is what dockerd remembers. Whether a connection to it comes to the container is for "
        "the rules, the routes and docker-proxy to say, so a packet is followed from outside to the container and "
        "back. Ports that people keep off on purpose, in DOCKER-USER or INPUT, count as led."
    ),
    needs=PACKETS,
    judge=_judge,
)
