# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds of every diagnosis, whatever host, question, probes and traces there are."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    DROPPED_BY_RULE,
    DRY,
    LEFT,
    LIVE,
    LOST,
    NOT_SEEN,
    TO_HOST,
    KernelTrace,
    TraceEvent,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CLOSED,
    CONTAINER,
    HOST,
    OUTSIDE,
    REFUSED,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
    Origin,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import (
    FAILED,
    LAYERS,
    PASSED,
    SKIPPED,
    Probe,
    ProbeLayer,
    ProcessState,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.case import Case
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnose import diagnose
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import (
    CERTAIN,
    FAULT,
    LIKELY,
    NO_FAULT,
    POSSIBLE,
    PROBE,
    TRACE,
    UNDETERMINED,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis_text import listing_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.unit.docker_host import ADDRESS
from tests.unit.plugins.plugin_utils.diagnosis.cases import findings_of
from tests.unit.random_docker_host import random_docker_host

_OBSERVED = (ANSWERED, REFUSED, CLOSED, TIMED_OUT, UNREACHABLE, UNKNOWN)
_ERRORS = ("", "TIMEOUT", "ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "SERVFAIL", "NXDOMAIN", "EPERM")
_RANKS = (CERTAIN, LIKELY, POSSIBLE)
_QUESTIONS = 12


def cases(seed: int) -> list[Case]:
    """Questions about the host of a seed, each with what could be seen of it."""
    dice = random.Random(seed)  # noqa: S311
    snapshot = random_docker_host(seed).snapshot()
    findings, view = findings_of(snapshot), HostView.of(snapshot)
    found = []
    for dummy in range(_QUESTIONS):
        packet = _packet(dice, snapshot)
        path = predict(view, packet)
        found.append(Case(snapshot, packet, path, findings, **_seen(dice, packet, snapshot)))
    return found


def _packet(dice: random.Random, snapshot: HostSnapshot) -> Packet:
    names = [item.name for item in snapshot.containers if item.running]
    addresses = [end.address for item in snapshot.containers for end in item.endpoints if end.address]
    origin = dice.choice([Origin(HOST), Origin(OUTSIDE), *(Origin(CONTAINER, name) for name in names)])
    protocol = dice.choice(("tcp", "tcp", "udp", "icmp"))
    port = 0 if protocol == "icmp" else dice.choice((80, 443, 5432, 8080, 10_000, 53))
    return Packet(origin, dice.choice(["203.0.113.9", ADDRESS, *addresses]), protocol, port)


def _seen(dice: random.Random, packet: Packet, snapshot: HostSnapshot) -> dict[str, Any]:
    places = [packet.origin.name or packet.origin.kind, HOST, *(item.name for item in snapshot.containers)]
    targets = [
        packet.destination,
        "127.0.0.1",
        *(end.address or "" for item in snapshot.containers for end in item.endpoints),
    ]
    probes = [_probe(dice, packet, dice.choice(places), dice.choice(targets)) for dummy in range(dice.randint(0, 3))]
    if packet.origin.kind != OUTSIDE and dice.random() < 0.7:
        probes.append(_probe(dice, packet, places[0], packet.destination))
    state = dice.choice(("running", "running", "paused", "stopped", "traced", "exited", "unknown"))
    return {
        "probes": probes,
        "process": ProcessState(state, 9) if dice.random() < 0.5 else None,
        "trace": _trace(dice, packet) if dice.random() < 0.7 else None,
    }


def _probe(dice: random.Random, packet: Packet, origin: str, address: str) -> Probe:
    layers = [
        ProbeLayer(name, address, dice.choice((PASSED, PASSED, FAILED, SKIPPED)), dice.choice(_ERRORS), "\x1b[2J")
        for name in LAYERS
        if dice.random() < 0.5
    ]
    return Probe(origin, address, packet.protocol, packet.port, address, dice.choice(_OBSERVED), layers)


def _trace(dice: random.Random, packet: Packet) -> KernelTrace:
    chains = (("ip filter", "FORWARD"), ("ip filter", "DOCKER-USER"), ("ip nat", "DOCKER"), ("bridge x", "y"))
    events = [
        TraceEvent(
            dice.choice(("request", "reply", "proxy request")), dice.choice(("nft", "legacy")),
            dice.choice(("", "forward", "input")), *dice.choice(chains), dice.choice(("rule", "policy")),
            dice.choice(("accept", "drop", "jump", "")), handle=dice.choice((None, 3)), number=dice.choice((None, 1)),
            destination=dice.choice(("", f"{packet.destination}:80")),
        )
        for dummy in range(dice.randint(0, 4))
    ]  # fmt: skip
    end = dice.choice((LEFT, TO_HOST, DROPPED_BY_RULE, LOST, NOT_SEEN))
    observed = dice.choice(("", "", ANSWERED, TIMED_OUT))
    mode = LIVE if observed else DRY
    return KernelTrace(mode, "socket", end, complete=dice.random() < 0.8, events=events, observed=observed)


@pytest.mark.parametrize("seed", range(6))
def test_no_evidence_makes_more_of_a_cause_than_it_is(seed: int) -> None:
    for case in cases(seed):
        found = diagnose(case)
        ranks = [_RANKS.index(item.certainty) for item in found.causes]
        assert ranks == sorted(ranks)
        assert len({item.cause for item in found.causes}) == len(found.causes)
        for cause in found.causes:
            kinds = {item.kind for item in cause.evidence}
            assert kinds, cause
            assert cause.certainty != CERTAIN or kinds & {PROBE, TRACE}, cause
            assert cause.summary[:1] == cause.summary[:1].strip() != "", cause
        assert (found.verdict == FAULT) == bool(found.causes)
        failed = case.own_probe is not None and case.own_probe.observed not in (ANSWERED, UNKNOWN)
        assert not (found.verdict == NO_FAULT and failed and not case.was_answered), case
        assert found.verdict != UNDETERMINED or found.undetermined
        assert "\x1b" not in "\n".join(listing_of(found))


@pytest.mark.parametrize("seed", range(6, 10))
def test_without_probe_and_trace_nothing_is_certain_and_what_is_predicted_well_has_no_fault(seed: int) -> None:
    for case in cases(seed):
        bare = diagnose(replace(case, probes=(), trace=None, process=None))
        assert CERTAIN not in [item.certainty for item in bare.causes]
        if not case.is_predicted_well:
            assert bare.verdict in (FAULT, UNDETERMINED)
