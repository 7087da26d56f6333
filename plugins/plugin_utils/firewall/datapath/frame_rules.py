# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Rules that see frames: those of the family bridge on the way of a frame, and those that are not evaluated.

At the bridge's hooks a frame is between ports: what is for the host has no outgoing one in INPUT, and POSTROUTING names
none that it came in by (br_pass_frame_up(), __br_forward(), br_forward_finish()). Bridge netfilter hands a frame to the
hooks of IP in the middle of those of the bridge (br_nf_ops of br_netfilter_hooks.c).

Messages of neighbour discovery (RFC 4861) pass the rules of the host as any packet does (net/ipv6/ndisc.c).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS, INGRESS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import decision_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.bridge import (
    Bridge,
    BridgeNode,
    Port,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.ipsec import IpsecPolicies
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    UNICAST,
    Fib,
    route_query,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    ARP,
    ARP_REPLY,
    ARP_REQUEST,
    Ends,
    Flight,
    FrameFlight,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.fields import NO_SOCKET
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import ALL, Traverser
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    ICMPV6,
    is_link_local,
    is_multicast,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    CT_INVALID,
    DROP,
    FORWARD,
    INPUT,
    OUTPUT,
    POSTROUTING,
    PREROUTING,
    Chain,
    RuleBook,
)


class FrameRules:
    """Says where rules for frames could decide, so that nothing is claimed there."""

    def __init__(self, book: RuleBook, foreign: Iterable[str]) -> None:
        """Take the ruleset, and the ports of bridges that lead to no container."""
        foreign = list(foreign)
        self.on_bridges = ""
        """What is not known of a frame that passes any bridge; empty when nothing interferes."""
        self._devices: dict[tuple[str, str], str] = {}
        self._any_device: dict[str, str] = {}
        for chain in book.chains.values():
            if not chain.hook or not _decides(chain):
                continue
            what = f"what the rules of chain {chain.name} ({chain.table_name}) do with its frames"
            if chain.family == "arp":
                self.on_bridges = self.on_bridges or what
            for device in foreign if chain.family == "bridge" else ():
                for direction in (INGRESS, EGRESS):
                    self._devices.setdefault((direction, device), what)
            for device in chain.devices:
                self._devices.setdefault((chain.hook, device), what)
            if chain.hook in (INGRESS, EGRESS) and not chain.devices:
                # The JSON of nft 1.0.6 lacks them (seen on Debian 12).
                self._any_device.setdefault(chain.hook, f"{what}; nft does not show of which devices")

    def doubt(self, direction: str, *devices: str) -> str:
        """What is not known of a frame that comes in by devices (``ingress``), or leaves by them (``egress``)."""
        keys = ((direction, device) for device in devices)
        found = next((self._devices[key] for key in keys if key in self._devices), "")
        return found or self._any_device.get(direction, "")


def _decides(chain: Chain) -> bool:
    return bool(chain.unreadable) or chain.policy != ACCEPT or any(rule.statements for rule in chain.rules)


HOPS = 255
"""Hop limit of neighbour discovery; with another one it is not listened to (RFC 4861, 7.1)."""
_SOLICITATION, _ADVERTISEMENT = 135, 136
_SOLICITED_NODE = 0xFF02_0000_0000_0000_0000_0001_FF00_0000


def solicitation(requester: int, target: int) -> Flight:
    """A question of neighbour discovery."""
    flight = _message(requester, _SOLICITED_NODE | (target & 0xFFFFFF), _SOLICITATION)
    flight.pkttype = "multicast"
    return flight


def advertisement(target: int, requester: int) -> Flight:
    """The answer."""
    return _message(target, requester, _ADVERTISEMENT)


def _message(source: int, destination: int, kind: int) -> Flight:
    flight = Flight(6, ICMPV6, source, None, destination, None)
    flight.icmp_type, flight.icmp_code = kind, 0
    flight.state = CT_INVALID
    flight.ttl = HOPS
    return flight


# NF_BR_PRI_BRNF is 0, and of equal ones the latest comes first; FORWARD of IP is one before it.
_BROADCAST = "ff:ff:ff:ff:ff:ff"


class Stopped(NamedTuple):
    """That a question for a hardware address, or the answer, is stopped."""

    text: str
    is_certain: bool


def ends_of(
    bridge: Bridge, port: Port | None, target: Port | None, *, incoming: bool = False, outgoing: bool = False
) -> Ends:
    """What a frame is between; port and target: those that it comes in by and goes out by, None for the host."""
    return Ends(
        port.link.name if incoming and port is not None else "",
        target.link.name if outgoing and target is not None else "",
        bridge.link.mac if port is None else port.mac,
        bridge.link.mac if target is None else target.mac,
    )


def stopped_question(
    traverser: Traverser,
    bridge: Bridge,
    requester: BridgeNode,
    target: BridgeNode,
    family: int,
    numbers: tuple[int, int],
) -> Stopped | None:
    """What rules for frames do to the question for a hardware address or its answer; None where both pass.

    numbers: the address that is asked from, and the one that is asked for.
    """
    if not traverser.has_frame_rules:
        return None
    source, wanted = numbers
    found = _stopped(traverser, bridge, requester, target, _question(family, source, wanted)) or _stopped(
        traverser, bridge, target, requester, _answer(family, source=wanted, wanted=source)
    )
    if found is None:
        return None
    # It can learn it from a question of the other one.
    other = _stopped(traverser, bridge, target, requester, _question(family, source=wanted, wanted=source))
    return found._replace(is_certain=found.is_certain and other is not None and other.is_certain)


class _Message(NamedTuple):
    """A question for a hardware address, or an answer."""

    flight: Flight
    group: str = ""
    """Hardware address of a question, which is for many."""
    operation: int | None = None
    """Of ARP."""


def _question(family: int, source: int, wanted: int) -> _Message:
    if family == 6:
        return _Message(solicitation(source, wanted), f"33:33:ff:{(wanted & 0xFFFFFF).to_bytes(3, 'big').hex(':')}")
    return _Message(Flight(ARP, 0, source, 0, wanted, 0), _BROADCAST, ARP_REQUEST)


def _answer(family: int, source: int, wanted: int) -> _Message:
    if family == 6:
        return _Message(advertisement(source, wanted))
    return _Message(Flight(ARP, 0, source, 0, wanted, 0), operation=ARP_REPLY)


def _stopped(
    traverser: Traverser, bridge: Bridge, sender: BridgeNode, receiver: BridgeNode, message: _Message
) -> Stopped | None:
    for hook, ends in _hooks_between(bridge, sender, receiver):
        frame = FrameFlight(message.flight, ends, bridge.name)
        frame.dmac = message.group or frame.dmac
        frame.arp_operation = message.operation
        passages = traverser.pass_frame(hook, frame, ALL)
        stopping = [passage for passage in passages if passage.verdict != ACCEPT]
        if stopping:
            return Stopped(decision_text(stopping[0]), all(passage.verdict == DROP for passage in passages))
    return None


def _hooks_between(bridge: Bridge, sender: BridgeNode, receiver: BridgeNode) -> Iterator[tuple[str, Ends]]:
    port, target = sender.port, receiver.port
    both = ends_of(bridge, port, target, incoming=True, outgoing=True)
    if port is None:
        yield from ((OUTPUT, both), (POSTROUTING, both))
        return
    yield PREROUTING, both._replace(outgoing="")
    if target is None:
        yield INPUT, both
        return
    yield from ((FORWARD, both), (POSTROUTING, both._replace(incoming="")))


_IN, _OUT, _ACROSS = (PREROUTING, INPUT), (OUTPUT, POSTROUTING), (PREROUTING, FORWARD, POSTROUTING)


class Neighbours:
    """What rules of the host do to its neighbour discovery."""

    def __init__(self, traverser: Traverser, ipsec: IpsecPolicies, fib: Fib) -> None:
        """Take the rules of the host, its IPsec policies and its routes."""
        self._traverser = traverser
        self._ipsec = ipsec
        self._fib = fib
        self._known: dict[tuple[str, str, int, int], str] = {}

    def obstacle_to_host(self, device: str, port: str, requester: int, target: int) -> str:
        """What stops that somebody on a link finds an address of the host; empty when nothing does.

        port: the bridge port that the question comes in by, where bridge netfilter shows it to the rules.
        """
        key = (device, port, requester, target)
        if key not in self._known:
            self._known[key] = self._obstacle(_IN, solicitation(requester, target), device, port) or self._obstacle(
                _OUT, advertisement(target, requester), device, ""
            )
        return self._known[key]

    def obstacle_from_host(self, device: str, port: str, requester: int, target: int) -> str:
        """What stops that the host, asking from an address of its own, finds somebody on a link; else empty."""
        key = (device, port, requester, target)
        if key not in self._known:
            self._known[key] = self._obstacle(_OUT, solicitation(requester, target), device, "") or self._obstacle(
                _IN, advertisement(target, requester), device, port
            )
        return self._known[key]

    def obstacle_between(self, bridge: str, ports: tuple[str, str], requester: int, target: int) -> str:
        """What stops that somebody behind the first port of a bridge finds somebody behind the second one.

        Only where bridge netfilter shows the frames to the rules.
        """
        key = (bridge, " ".join(ports), requester, target)
        if key not in self._known:
            self._known[key] = self._across(solicitation(requester, target), bridge, ports) or self._across(
                advertisement(target, requester), bridge, ports[::-1]
            )
        return self._known[key]

    def stopped_as_frames(
        self, bridge: Bridge, requester: BridgeNode, target: BridgeNode, family: int, numbers: tuple[int, int]
    ) -> Stopped | None:
        """What rules for frames do to a question on a bridge or its answer, of ARP as well; see stopped_question()."""
        return stopped_question(self._traverser, bridge, requester, target, family, numbers)

    def _across(self, flight: Flight, bridge: str, ports: tuple[str, str]) -> str:
        flight.iif, flight.physin = bridge, ports[0]
        for hook in _ACROSS:
            if hook == FORWARD:
                flight.oif, flight.physout = bridge, ports[1]
            passages = self._traverser.pass_hook(hook, flight)
            stopped = [passage for passage in passages if passage.verdict != ACCEPT]
            if stopped:
                return decision_text(stopped[0])
            flight = passages[0].flight.copy()
        return _unheard(flight)

    def _obstacle(self, hooks: tuple[str, str], flight: Flight, device: str, port: str) -> str:
        if hooks is _IN:
            flight.iif, flight.physin = device, port
        else:
            flight.oif = device
            flight.skuid = flight.skgid = NO_SOCKET
            unsent = self._ipsec.sending(flight, device)
            if unsent is not None:
                return unsent.text
        for hook in hooks:
            passages = self._traverser.pass_hook(hook, flight)
            stopped = [passage for passage in passages if passage.verdict != ACCEPT]
            if stopped:
                return decision_text(stopped[0])
            mark, flight = flight.mark, passages[0].flight
            elsewhere = self._sent_elsewhere(flight, device) if hook == OUTPUT and flight.mark != mark else ""
            if elsewhere:
                return elsewhere
        if flight.ttl != HOPS:
            return _unheard(flight)
        undelivered = self._ipsec.delivering(flight, device) if hooks is _IN else None
        return "" if undelivered is None else undelivered.text

    def _sent_elsewhere(self, flight: Flight, device: str) -> str:
        """Whether the host looks for another route as rules of OUTPUT change the mark (ip6_route_me_harder()).

        What is for many, or for a link-local address, stays on its link (rt6_need_strict()).
        """
        if is_multicast(6, flight.daddr) or is_link_local(6, flight.daddr):
            return ""
        decision = self._fib.lookup(route_query(flight))
        if (decision.kind, decision.device) == (UNICAST, device):
            return ""
        way = f"by {decision.device}" if decision.device else f"nowhere ({decision.why or decision.kind})"
        return f"a rule of OUTPUT gives it a mark, by which its route leads {way}"


def _unheard(flight: Flight) -> str:
    return "" if flight.ttl == HOPS else f"a rule sets its hop limit, which has to be {HOPS}, to {flight.ttl}"
