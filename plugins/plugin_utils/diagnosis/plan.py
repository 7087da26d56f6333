# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What is to be probed for a question, once the host was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    address_in,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.case import (
    Case,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.step_causes import inner_port
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import family_of

ALL_LAYERS = "all"
TARGET_LAYER = "target"
_LOOPBACK = {4: "127.0.0.1", 6: "::1"}


@dataclass(frozen=True)
class ProbeTask:
    """One call of container_probe."""

    origin: str
    """As its option ``from`` takes it."""
    probes: list[dict[str, Any]] = field(default_factory=list)
    """``to``, ``port`` and ``protocol`` of each."""
    layers: str = ALL_LAYERS
    tells_process: bool = False
    """Whether the state of its processes is that of the container which is asked."""


def probe_tasks(case: Case, service: str) -> list[ProbeTask]:
    """What to probe from where: the question itself, then the container that is asked from the host and from inside.

    service: ``http`` or ``https`` where one is to answer; empty for none in particular.
    """
    packet = case.packet
    tasks = []
    if packet.origin.kind != OUTSIDE:
        protocol = service or packet.protocol
        wanted = [_probe(to, packet.port, protocol) for to in (packet.destination, *_names(case))]
        tasks.append(ProbeTask(_sender(packet.origin), wanted, tells_process=case.asked is None))
    asked = case.asked
    address = address_of_asked(case)
    if asked is None or not address or packet.protocol == "icmp" or asked == case.asking:
        return tasks
    port = inner_port(case)
    if packet.origin.kind == OUTSIDE:
        tasks.append(ProbeTask(HOST, [_probe(address, port, packet.protocol)]))
    inside = [_probe(place, port, packet.protocol) for place in (address, _LOOPBACK[family_of(address)])]
    tasks.append(ProbeTask(_sender(Origin(CONTAINER, asked.name)), inside, TARGET_LAYER, tells_process=True))
    return tasks


def _names(case: Case) -> list[str]:
    """The name of the container that is asked, where Docker's resolver knows it: on a network that both are on.

    Programs ask for each other by name, and a name that is not resolved is as bad as an address that does not answer.
    """
    asking, asked = case.asking, case.container(case.wanted)
    if asking is None or asked is None or asking == asked or case.packet.protocol == "icmp":
        return []
    shared = {end.network_id for end in asking.endpoints} & {
        end.network_id for end in asked.endpoints if case.packet.destination in (end.address, end.address6)
    }
    # On the default network there is no such resolver.
    named = [item for item in case.snapshot.networks if item.id in shared and not item.is_default_bridge]
    return [asked.name] if named else []


def address_of_asked(case: Case) -> str:
    """An address of the container that is asked: the one on the path, or the first of the family; empty for none."""
    asked = case.asked
    if asked is None:
        return ""
    own = [end.address if case.family == 4 else end.address6 for end in asked.endpoints]
    texts = [text for text in own if text]
    on_path = {address_in(step.destination) for step in case.path.steps if step.leg.endswith("request")}
    return next((text for text in texts if text in on_path), texts[0] if texts else "")


def _probe(to: str, port: int, protocol: str) -> dict[str, Any]:
    return {"to": to, "port": port, "protocol": protocol} if port else {"to": to, "protocol": protocol}


def _sender(origin: Origin) -> str:
    return HOST if origin.kind == HOST else f"{CONTAINER} {origin.name}"
