# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether containers on one network reach each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import INNER_PORT, SAME_NETWORK
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import CONTAINER, Origin
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import DELIVERED, UNKNOWN, Path
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    not_applicable,
    passed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.evaluation import PACKETS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.fates import (
    reached,
    unfollowed,
    unread_inside,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.troubles import (
    Trouble,
    Words,
    told_by_network,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import Asked, Station, family_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import BETWEEN, Answer, Key

_WORDS = Words(
    who="from and to",
    number="number of ports",
    deed="reach each other",
    impact="They were put on one network to talk to each other, and what they ask gets no answer.",
)


def _judge(examined: Examined) -> list[Verdict]:
    host = resources.host(examined.snapshot)
    asked, rifts = _followed(examined)
    doubts = [*unfollowed(examined.answers, host, BETWEEN), *unread_inside(examined.snapshot)]
    found = [*told_by_network(rifts, _WORDS), *doubts]
    if found:
        return found
    if not asked:
        return [not_applicable(host, "No container listens on a network that lets another one ask")]
    return [passed(host, "Containers of a network reach each other", {"ports that were asked from beside": asked})]


def _followed(examined: Examined) -> tuple[int, list[Trouble]]:
    """How many ports were asked, and what went wrong."""
    asked = 0
    rifts: dict[tuple[str, Key], Optional[Trouble]] = {}
    for answer in examined.answers.answers:
        if answer.source.kind != CONTAINER or answer.wanted.kind != INNER_PORT or answer.relation != SAME_NETWORK:
            continue
        for station, port, network in _beside(answer):
            asked += 1
            if _fares_well(answer):
                continue
            key = (network.id, answer.key)
            if key not in rifts:
                rifts[key] = _rift(examined, answer, station, port, network)
            rift = rifts[key]
            if rift is not None:
                rift.members[f"{station.name} to {port.label}"] = None
    return asked, [rift for rift in rifts.values() if rift is not None]


def _beside(answer: Answer) -> Iterator[tuple[Station, Asked, Network]]:
    """Ports with one of those that ask for them on a network which both are on, and which lets them."""
    for stations, ports in answer.pairs():
        given: dict[tuple[int, int], list[Station]] = {}
        for port in ports:
            net, family = port.net, family_of(port.address)
            if net is None or net.number not in stations[0].nets or not net.network.icc:
                continue
            key = (net.number, family)
            if key not in given:
                given[key] = [item for item in stations if item.is_given(net, family)]
            other = next((item for item in given[key] if item.number != port.station.number), None)
            if other is not None:
                yield other, port, net.network


def _fares_well(answer: Answer) -> bool:
    return answer.path.verdict == DELIVERED and answer.path.answered_by.startswith("container ")


def _rift(examined: Examined, answer: Answer, station: Station, port: Asked, network: Network) -> Optional[Trouble]:
    """Told by a packet of these two, which fares like that of its class; None where nobody is to blame."""
    packet = replace(answer.packet, origin=Origin(CONTAINER, station.name), destination=port.address, port=port.port)
    path = examined.path(packet)
    return Trouble(network, packet, path, path.because) if _is_fault(examined, path, port) else None


def _is_fault(examined: Examined, path: Path, port: Asked) -> bool:
    """Whether it is not what people want, nor for the program that listens to say."""
    if path.verdict == UNKNOWN:
        return True
    door = reached(path, (port.address,), port.port)
    at_its_door = door is not None and door.action != "deliver"
    return path.verdict != DELIVERED and not at_its_door and not examined.purposes.kept_off(path)


DIVIDED = Check(
    id="network.divided",
    severity=HIGH,
    title="Containers of a network reach each other",
    rationale=(
        "Traffic between the ports of a bridge passes the rules of FORWARD where bridge netfilter is on, so that a "
        "policy or a rule that is meant for routed traffic divides a network as well; so do ports that are isolated. "
        "Networks with icc off are meant to be divided."
    ),
    needs=PACKETS,
    judge=_judge,
)
