# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether the host's own firewall is passed by."""

from __future__ import annotations

from collections.abc import Collection
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import DENIED_BY_HOST, PUBLISHED
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import OUTSIDE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import UNKNOWN
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
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
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.fates import unfollowed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.own_rules import (
    match_of_published_port,
    place_of_own_rules,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.exposure import Exposed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import Asked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import FROM_OUTSIDE, Answer

_NAMED = 3


def _judge(examined: Examined) -> list[Verdict]:
    host = resources.host(examined.snapshot)
    outside = [
        answer
        for answer in examined.answers.answers
        if answer.source.kind == OUTSIDE and answer.wanted.kind == PUBLISHED
    ]
    doubts = unfollowed(examined.answers, host, FROM_OUTSIDE)
    if not outside and not doubts:
        return [not_applicable(host, "No port is published that machines outside could ask for")]
    ports: dict[str, list[tuple[Asked, Exposed]]] = {}
    for exposed in examined.exposed:
        if exposed.kind == DENIED_BY_HOST:
            for asked in exposed.ports:
                ports.setdefault(asked.label, []).append((asked, exposed))
    found = [_failed(members, examined.snapshot.engine) for members in ports.values()]
    found += [*_untold(outside, ports), *doubts]
    if found:
        return found
    number = len({asked.label for answer in outside for asked in answer.ports})
    return [passed(host, "No rule of the host denies a port that Docker publishes all the same", {"ports": number})]


def _untold(outside: list[Answer], known: Collection[str]) -> list[Verdict]:
    found: dict[str, Verdict] = {}
    for answer in outside:
        if answer.path.verdict != UNKNOWN:
            continue
        for asked in answer.ports:
            if asked.label not in known:
                resource = resources.port(asked.station.containers[0], asked.port, asked.protocol)
                verdict = unknown(
                    resource, f"whether machines outside reach {asked.label} depends: {answer.path.because}"
                )
                found.setdefault(asked.label, verdict)
    return list(found.values())


def _failed(members: list[tuple[Asked, Exposed]], engine: Optional[Engine]) -> Verdict:
    asked, exposed = members[0]
    uplinks = list(dict.fromkeys(item.uplink for dummy, item in members))
    at = list(dict.fromkeys(text for dummy, item in members for text in item.at))
    let_in = [text for text in dict.fromkeys(text for dummy, item in members for text in item.not_at) if text not in at]
    besides = f". At {listed(let_in, _NAMED)} they do not" if let_in else ""
    evidence = {
        "example": str(exposed.example),
        "uplinks": uplinks,
        "denied": exposed.reason,
        "addresses": at,
        "addresses where they do not deny it": let_in,
    }
    return failed(
        resources.port(asked.station.containers[0], asked.port, asked.protocol),
        f"{asked.label} is open to machines outside by {', '.join(uplinks)} at {listed(at, _NAMED)} though the host's "
        f"own rules deny it: {exposed.reason}{besides}",
        evidence,
        "Whoever set up that firewall believes the port to be closed. Docker translates the address before chain INPUT "
        "is asked, so that rule never sees the packet.",
        Remedy(
            "A human decides who may reach it: publish it on an address that only those reach (-p ADDRESS:PORT:PORT), "
            f"or put the rule into {place_of_own_rules(engine)}, where the original port is matched by "
            f"{match_of_published_port(engine)}"
        ),
    )


BYPASS = Check(
    id="firewall.bypass",
    severity=HIGH,
    title="Docker publishes nothing that the host's firewall denies",
    rationale=(
        "ufw, firewalld and plain rules in INPUT guard the host's own programs. What Docker publishes takes another "
        "way, so a rule that denies a port from outside says one thing, and the network does another."
    ),
    needs=PACKETS,
    judge=_judge,
)
