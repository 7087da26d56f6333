# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which chains a trace has: where packets are marked, where they are noticed, and where they are dropped. Pure.

Every hook has a chain at its beginning, whose event says whose packet came to which hook, and input and postrouting one
at their end. Dropped there, the probe has passed all rules, and no entry of connection tracking is made of it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._trace import owner_table as nft
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.following import END, LATER
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.identity import (
    Identity,
    Wanted,
    of_version,
    protocol_number,
)

BEFORE_RAW, AFTER_CONNTRACK = -301, -199
"""Priorities of where packets are marked: before all rules of iptables, and where their connection is known."""
_LOOPBACK = 1
_REPLY, _ORIGINAL = 1, 0
MOST_WANTED = 10
"""Packets a second that are followed where real traffic is waited for."""


@dataclass(frozen=True)
class Plan:
    """What a trace is to do."""

    identity: Optional[Identity] = None
    """Of the probe; None where real traffic is waited for."""
    wanted: Optional[Wanted] = None
    """That traffic."""
    expected: Sequence[Wanted] = ()
    drop: bool = False
    """The probe, at its end."""
    drop_bridged: bool = False
    """Also where a bridge sends it on and asks no rules of IP."""
    follow_reply: bool = False
    """For real traffic only where connections are tracked."""
    drop_reply: bool = False
    """Since it would go to a machine that asked for nothing."""
    ports: Optional[tuple[int, int]] = None
    """Source and destination of the probe's connection, of an echo its identifier twice; None where its connection
    must not be asked for."""


def chains_of(plan: Plan) -> list[nft.Chain]:
    """Return the chains of a plan, those of IP first."""
    return [*_of_ip(plan), *_of_bridges(plan)]


def _marks(plan: Plan, family: int) -> list[bytes]:
    """Rules that mark what is followed."""
    rules = []
    if plan.identity is not None:
        rules.append(plan.identity.matches_request(family) + nft.traced())
        reply = plan.identity.matches_reply(family)
        if plan.follow_reply and reply is not None:
            rules.append(reply + nft.traced())
    elif plan.wanted is not None:
        rules.append(plan.wanted.matches(family) + nft.limited(MOST_WANTED) + nft.traced())
    return rules


def _of_ip(plan: Plan) -> list[nft.Chain]:
    marks = _marks(plan, nft.INET)
    further = [item.matches(nft.INET) + nft.limited(MOST_WANTED) + nft.traced() for item in plan.expected]
    chains = [
        nft.Chain(nft.INET, "prerouting", nft.PREROUTING, BEFORE_RAW, marks),
        nft.Chain(nft.INET, "output", nft.OUTPUT, BEFORE_RAW, [*marks, *further]),
    ]
    replies = [item + nft.traced() for item in _of_connections(plan)]
    if replies:
        chains.append(nft.Chain(nft.INET, f"prerouting{LATER}", nft.PREROUTING, AFTER_CONNTRACK, replies))
        chains.append(nft.Chain(nft.INET, f"output{LATER}", nft.OUTPUT, AFTER_CONNTRACK, replies))
    for name, hook in (("input", nft.INPUT), ("forward", nft.FORWARD), ("postrouting", nft.POSTROUTING)):
        chains.append(nft.Chain(nft.INET, name, hook, nft.FIRST, [nft.noticed()]))
    # What is sent to an address of the host comes in again by its loopback device.
    leaving = nft.meta_is_not(nft.OIF, struct.pack("=I", _LOOPBACK))
    chains.append(nft.Chain(nft.INET, f"input{END}", nft.INPUT, nft.LAST, [*_drops(plan, b""), nft.noticed()]))
    chains.append(
        nft.Chain(nft.INET, f"postrouting{END}", nft.POSTROUTING, nft.LAST, [*_drops(plan, leaving), nft.noticed()])
    )
    return chains


def _drops(plan: Plan, where: bytes) -> list[bytes]:
    """Rules that drop; where stands before what they match."""
    if plan.identity is None:
        return []
    rules = []
    if plan.drop:
        rules.append(where + plan.identity.matches_request(nft.INET) + nft.dropped())
    if plan.drop_reply:
        reply = plan.identity.matches_reply(nft.INET)
        rules += [where + match + nft.dropped() for match in [reply, *_of_own_connection(plan)] if match is not None]
    return rules


def _of_own_connection(plan: Plan) -> list[bytes]:
    """What matches all that comes back on the probe's connection: what an answer says is not known before."""
    if plan.identity is None or plan.ports is None or not plan.follow_reply:
        return []
    source, destination = (struct.pack(">H", port) for port in plan.ports)
    number = bytes([protocol_number(plan.identity.protocol, plan.identity.version)])
    return [
        of_version(plan.identity.version, nft.INET)
        + nft.ct_is(nft.CT_DIRECTION, bytes([_REPLY]))
        + nft.ct_is(nft.CT_PROTOCOL, number)
        + nft.ct_is(nft.CT_SOURCE_PORT, source, _ORIGINAL)
        + nft.ct_is(nft.CT_DESTINATION_PORT, destination, _ORIGINAL)
    ]


def _of_connections(plan: Plan) -> list[bytes]:
    """What matches answers by their connection, of the probe's and of docker-proxy's."""
    further = [*plan.expected] if plan.ports is not None else []
    if plan.wanted is not None and plan.follow_reply:
        further.append(plan.wanted)
    return _of_own_connection(plan) + [
        of_version(item.version, nft.INET)
        + nft.ct_is(nft.CT_DIRECTION, bytes([_REPLY]))
        + nft.ct_is(nft.CT_PROTOCOL, bytes([protocol_number(item.protocol, item.version)]))
        + nft.ct_is(nft.CT_DESTINATION_PORT, struct.pack(">H", item.port), _ORIGINAL)
        + nft.limited(MOST_WANTED)
        for item in further
    ]


def _of_bridges(plan: Plan) -> list[nft.Chain]:
    drops = []
    if plan.drop_bridged and plan.identity is not None:
        drops.append(plan.identity.matches_request(nft.BRIDGE) + nft.dropped())
    chains = [nft.Chain(nft.BRIDGE, "prerouting", nft.PREROUTING, nft.FIRST, _marks(plan, nft.BRIDGE))]
    for name, hook in (
        ("input", nft.INPUT),
        ("forward", nft.FORWARD),
        ("output", nft.OUTPUT),
        ("postrouting", nft.POSTROUTING),
    ):
        chains.append(nft.Chain(nft.BRIDGE, name, hook, nft.FIRST, [nft.noticed()]))
    chains.append(nft.Chain(nft.BRIDGE, f"postrouting{END}", nft.POSTROUTING, nft.LAST, [*drops, nft.noticed()]))
    return chains
