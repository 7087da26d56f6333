# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel said of a packet on its way through the rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

DRY = "dry"
"""The probe is dropped before it leaves the host or reaches a socket; no entry of connection tracking stays."""
LIVE = "live"
"""The probe goes all its way, and its answer is followed as well."""

# How the packet came to be.
FROM_SOCKET = "socket"
INJECTED = "injected"
WAITED = "waited"

# Where a trace ends.
LEFT = "left"
TO_HOST = "to_host"
DROPPED_BY_RULE = "dropped_by_rule"
LOST = "lost"
NOT_SEEN = "not_seen"


@dataclass(frozen=True)
class TraceEvent:
    """One rule that matched, or one policy that applied."""

    leg: str
    """``request``, ``reply``, ``proxy request`` or ``proxy reply``, as of a PathStep."""
    backend: str
    """``nft`` or ``legacy`` (iptables-legacy, by NFLOG)."""
    hook: str
    """``prerouting``, ``input``, ``forward``, ``output``, ``postrouting``; empty where it cannot be known."""
    table: str
    """Family and name, as of a PathStep: ``ip filter``, ``bridge filter``, ``legacy ip filter``."""
    chain: str
    kind: str
    """``rule`` or ``policy``."""
    verdict: str
    """``accept``, ``drop``, ``jump``, ``goto``, ``return``, ``continue``, ``queue``, ``stolen``; for legacy rules,
    whose verdict the kernel does not say, empty."""
    jump_to: str = ""
    """The chain of a jump or goto."""
    handle: Optional[int] = None
    """Of a rule of nftables."""
    number: Optional[int] = None
    """Place in its chain from 1, of a legacy rule. One behind the last rule are a policy, and the end of a chain that
    was jumped to."""
    source: str = ""
    """Address and port as the rule saw them, as of a PathStep (``172.18.0.2:40312``, ``[fd00::2]:80``)."""
    destination: str = ""
    incoming: str = ""
    """Device."""
    outgoing: str = ""
    """Device."""
    mark: Optional[int] = None
    connection: Optional[int] = None
    """Id of the entry of connection tracking, where the kernel says it."""


@dataclass(frozen=True)
class KernelTrace:
    """All that the kernel said of one probe."""

    mode: str
    """``dry`` or ``live``."""
    sent: str
    """``socket`` (from the namespace of its origin), ``injected`` (on the uplink, as if received there), ``waited``
    (no packet could be made: real traffic that matches was followed)."""
    end: str
    """``left`` (it would leave, or left, by ``end_device``), ``to_host`` (it comes to a socket of the host),
    ``dropped_by_rule``, ``lost`` (between two hooks, without a rule: a route, rp_filter, forwarding off, a neighbour
    that does not answer), ``not_seen`` (no event at all)."""
    complete: bool
    """False where events were lost, or the time was over."""
    events: list[TraceEvent] = field(default_factory=list)
    problem: str = ""
    """What was lost, or could not be done, in one sentence; empty if nothing."""
    end_source: str = ""
    """Addresses and ports at the end, after all translation."""
    end_destination: str = ""
    end_device: str = ""
    observed: str = ""
    """Live alone: what the sender saw, in the words of Path.observed."""
    source: str = ""
    """Address and port that the probe had when it set out."""
    others: int = 0
    """Events of other packets that were seen and left out."""
    left_behind: list[str] = field(default_factory=list)
    """Settings that were changed for the trace and could not be set back."""
    generation: Optional[int] = None
    """Of the ruleset of nftables before the trace added its own tables, as of Ruleset; None where it is not known."""
