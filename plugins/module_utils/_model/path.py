# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A packet that is asked about, and the path that it takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

OUTSIDE = "outside"
HOST = "host"
CONTAINER = "container"

ANY_PORT = 9
"""Stands for all ports, where rules about single ones are the affair of who made them."""
BEYOND_ADDRESSES = {4: "203.0.113.9", 6: "2001:db8:ffff::9"}
"""Stand for any machine on the internet (RFC 5737, RFC 3849)."""
BEYOND_PORT = 443


@dataclass(frozen=True)
class Origin:
    """Where a connection starts."""

    kind: str
    """``outside`` (a machine beyond an uplink), ``host`` (a program in the host's namespace), or ``container``."""
    name: str = ""
    """The uplink's name for ``outside``, empty for that of the default route; a container's name."""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.name)))


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection."""

    origin: Origin
    destination: str
    """An IPv4 or IPv6 address."""
    protocol: str = "tcp"
    """``tcp``, ``udp`` or ``icmp`` (an echo request; for IPv6 ICMPv6)."""
    port: int = 0
    """Destination port, 0 for icmp."""
    source: str = ""
    """Source address; empty for the one that the origin would choose."""
    source_port: Optional[int] = None
    """None for a port that the kernel chooses."""

    def __str__(self) -> str:
        address = f"[{self.destination}]" if ":" in self.destination else self.destination
        port = "" if self.protocol == "icmp" else f":{self.port}"
        return f"{self.origin} to {address}{port}/{self.protocol}"


# Verdicts.
DELIVERED = "delivered"
DROPPED = "dropped"
REFUSED = "refused"
UNREACHABLE = "unreachable"
NO_ANSWER = "no answer"
UNKNOWN = "unknown"

# What the sender would see, in the words of a connection attempt.
ANSWERED = "answered"
TIMED_OUT = "timed out"
CLOSED = "closed"

MISROUTED_STEP = "misrouted"
"""Action of a step: it left the host for an address that is local on it."""

BLOCKED_BY_BRIDGE = "blocked_by_bridge"
"""Action of a step: a setting or a table of a bridge kept back the frame, or the question who its receiver is."""

IPSEC = "ipsec"
"""Place of a step: an IPsec policy of the host kept the packet."""

# Legs of a path.
REQUEST = "request"
REPLY = "reply"
PROXY_REQUEST = "proxy request"
PROXY_REPLY = "proxy reply"


@dataclass(frozen=True)
class NullRoute:
    """A route or a policy rule that refuses or discards packets."""

    sort: str
    """``route`` or ``rule``, as ip(8) calls it."""
    kind: str
    """``prohibit``, ``unreachable`` or ``blackhole``."""
    name: str
    """In words: ``policy rule 10``, say."""
    selector: str
    """What chooses it alone behind ``ip route delete`` or ``ip rule delete``."""
    family: int
    """4 or 6."""
    container: str = ""
    """Name of the one in whose namespace it is; empty for the host."""


@dataclass(frozen=True)
class Subject:
    """What a step without a rule is about; its note says it in words."""

    process: Optional[int] = None
    """Id, as the host counts, of the process that is halted."""
    container: str = ""
    """Name of the one in which nothing listens, or which has no route; empty for the host."""
    neighbour: str = ""
    """Address whose hardware address is not learnt."""
    null_route: Optional[NullRoute] = None
    """What ended the packet, or was the only way back to its sender."""


@dataclass(frozen=True)
class PathStep:
    """One thing that happened to a packet."""

    leg: str
    """``request``, ``reply``; for the second connection that docker-proxy makes ``proxy request``, ``proxy reply``."""
    place: str
    """``container``, ``bridge``, ``prerouting``, ``input``, ``forward``, ``output``, ``postrouting``, ``routing``,
    ``ipsec``, ``socket``, ``proxy``, ``wire``."""
    action: str
    """What was done: ``accept``, ``drop``, ``reject``, ``jump``, ``return``, ``dnat``, ``snat``, ``masquerade``,
    ``mark``, ``policy``, ``route``, ``switch``, ``deliver``, ``refuse``, ``answer``..."""
    source: str
    """Source address (and port, where it is known) after it."""
    destination: str
    """Destination address and port after it."""
    incoming: str = ""
    """Device that it came in by, as the hook sees it."""
    outgoing: str = ""
    """Device that it leaves by, as the hook sees it."""
    table: str = ""
    """Family and name of the table, ``ip filter`` say; ``legacy ip filter`` for those of iptables-legacy."""
    chain: str = ""
    rule: str = ""
    """The rule in the words of the program that shows it; empty for a chain's policy."""
    number: Optional[int] = None
    """Place of the rule in its chain, from 1."""
    handle: Optional[int] = None
    """Handle of the rule where nftables gives one."""
    note: str = ""
    """In words, for people: which setting decided (``net.ipv4.ip_forward is 0``), or what is meant."""
    fields: tuple[str, ...] = ()
    """What the rule asks of a packet (``iif``, ``daddr``, ``mark``, ``ct_state``...), sorted."""
    mechanism: str = ""
    """What of the host decided, where no rule did: see plugin_utils/firewall/flight.py."""
    subject: Optional[Subject] = None
    """None where the other fields say all."""


@dataclass(frozen=True)
class Responder:
    """Who answers a packet."""

    kind: str
    """``host``, ``container`` or ``outside``, as of an origin."""
    name: str = ""
    """Of the container."""
    program: str = ""
    """The one that listens, where it is known."""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.name, f"({self.program})" if self.program else "")))


@dataclass(frozen=True)
class Path:
    """The whole path. The last step of the leg that ended it is what decided."""

    verdict: str
    """``delivered``, ``dropped``, ``refused``, ``unreachable``, ``no answer`` (it arrived, the answer is lost) or
    ``unknown``."""
    observed: str
    """What the sender sees: ``answered``, ``refused``, ``closed``, ``timed out``, ``unreachable``, ``no answer``
    (one of the last two, as somebody remembers a neighbour or does not), or unknown."""
    reason: str
    """One sentence: what decided."""
    steps: list[PathStep] = field(default_factory=list)
    answered_by: str = ""
    """The responder in words: ``container NAME``, ``host`` (with the program where it is known) or ``outside``."""
    translated_source: str = ""
    """Source address that the one who answers sees; empty when nobody was reached or it is not known."""
    undetermined: list[str] = field(default_factory=list)
    """For ``unknown``: each thing that would have to be known, with the rule it stands in."""
    undetermined_mechanisms: list[str] = field(default_factory=list)
    """As ``mechanism`` of a step; empty for rules."""
    decided_at: Optional[int] = None
    """Index of the deciding step in ``steps``; None when there is none."""
    responder: Optional[Responder] = None
    """Who that is that answers; None if nobody was reached."""

    @property
    def because(self) -> str:
        """What decided, or all that it hangs on where that is not known."""
        return "; ".join(self.undetermined) or self.reason

    @property
    def answering_container(self) -> str:
        """Name of the container that answers; empty where none does."""
        return self.responder.name if self.responder is not None else ""

    @property
    def arrives(self) -> bool:
        """Whether the request comes to a socket or to where there is none, whatever becomes of the answer."""
        return any(step.leg == REQUEST and step.place == "socket" for step in self.steps)

    @property
    def first_source(self) -> str:
        """The source address with which the packet set out."""
        return address_in(self.steps[0].source) if self.steps else ""

    @property
    def sent_as(self) -> str:
        """The source address with which the request left the host; empty if it did not."""
        sent = [step for step in self.steps if step.leg == REQUEST and step.place == "wire" and step.action == "send"]
        return address_in(sent[-1].source) if sent else ""


def split_end(end: str) -> tuple[str, Optional[int]]:
    """Address and port of a packet's end as steps and events have it: ``192.0.2.1:80``, ``[2001:db8::1]:80``."""
    if end.startswith("["):
        address, dummy, port = end[1:].partition("]")
    elif end.count(":") == 1:
        address, dummy, port = end.partition(":")
    else:
        address, port = end, ""
    port = port.lstrip(":")
    return address, int(port) if port.isdecimal() else None


def address_in(end: str) -> str:
    """The address alone."""
    return split_end(end)[0]
