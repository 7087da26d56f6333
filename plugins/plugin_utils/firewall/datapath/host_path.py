# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A packet in the IP stack of the host: hooks, routing, what leaves by which device, and what is kept from going on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import TABLE_NAMES
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS, INGRESS, sysctl_key
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    IPSEC,
    MISROUTED_STEP,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import (
    ARRIVED,
    LOST,
    MISROUTED,
    NOT_SENT,
    OUTSIDE,
    REJECTED,
    Branch,
    HostError,
    LegResult,
    remembered,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.bridge import Bridge
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.context import LegContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.ipsec import PolicyEffect
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.neighbour_resolution import (
    resolve_outside,
    source_rejected,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    LOCAL,
    UNCERTAIN,
    UNICAST,
    Decision,
    route_query,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    FORWARDING,
    IPSEC_POLICY,
    POLICY_RULE,
    Doubt,
    Flight,
    Passage,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import (
    must_route_again,
    routed_by_mark,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    ICMP,
    TCP,
    UDP,
    address_text,
    is_loopback,
    parse_address,
    parse_prefix,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    FORWARD,
    INPUT,
    OUTPUT,
    POSTROUTING,
    PREROUTING,
)


class HostPath:
    """The host's part of a leg."""

    def __init__(self, leg: LegContext, onto_bridge: Callable[[Branch, Bridge, int], list[LegResult]]) -> None:
        """Take the leg that it is part of, and what follows a packet to a neighbour on a bridge."""
        self._leg = leg
        self._onto_bridge = onto_bridge
        self._view = leg.view

    def send(self, branch: Branch) -> list[LegResult]:
        """A packet that the host itself sends (__ip_local_out(), ip6_local_out())."""
        flight = self._leg.fresh(branch)
        return self._output(branch, flight, self._outgoing_route(flight))

    def send_error(self, branch: Branch, error: HostError) -> list[LegResult]:
        """An error that the host sends about a packet; it has its connection already."""
        return self._output(branch, error.flight.copy(), self._view.host.fib.lookup(error.route_query))

    def _output(self, branch: Branch, flight: Flight, decision: Decision) -> list[LegResult]:
        if decision.kind not in (UNICAST, LOCAL):
            return [self._leg.unroutable(branch, decision, self._view.host)]
        flight.oif = outgoing_device(decision)
        flight.ttl = self._view.host.first_hops(flight.family, flight.oif)
        branch = self._routed(branch.carrying(flight), decision)
        unsent = unsent_by_ipsec(self._leg, branch, flight.oif)
        if unsent is not None:
            return [unsent]
        results: list[LegResult] = []
        for passage, after in self._leg.hook(OUTPUT, branch, flight):
            lost = self._lost_by_mark(branch, flight, passage, after) or self._lost_in_translation(
                branch, flight, passage, after
            )
            if lost is not None:
                results.append(lost)
                continue
            results += self._leg.ended(passage, after, "EPERM") or self._sent(flight, passage, after, decision)
        return results

    def _sent(self, flight: Flight, passage: Passage, after: Branch, decision: Decision) -> list[LegResult]:
        """What OUTPUT let pass; flight: as it came there."""
        if must_route_again(flight, passage):
            return self._send_elsewhere(after)
        return self.leave(after, decision)

    def _outgoing_route(self, flight: Flight) -> Decision:
        """The route of what the host itself sends.

        That of a new connection of IPv6 is the one that its source was chosen for, without a source
        (ip6_dst_lookup_tail()), unless its socket was bound to one; IPv4 asks once more with it, if there is one at all
        (ip_route_connect(); an echo request has none before, ping_v4_sendmsg()).
        """
        fib = self._view.host.fib
        if self._leg.is_request and not flight.bound and flight.protocol in (TCP, UDP, ICMP):
            found = fib.lookup(route_query(flight)._replace(source=0))
            if (found.kind in (UNICAST, LOCAL, UNCERTAIN)) == (flight.family == 6):
                return found
        return fib.lookup(route_query(flight))

    def _lost_by_mark(self, before: Branch, flight: Flight, passage: Passage, after: Branch) -> LegResult | None:
        """A new mark without a way ends the packet behind the chain that set it (nf_route_table_hook4()).

        So does an IPsec policy that takes what has the mark. No later chain of OUTPUT sees it, so none rejects or
        translates it.
        """
        marked = routed_by_mark(flight, passage)
        if marked is None:
            return None
        sent = flight.copy()
        sent.mark = passage.flight.mark
        decision = self._route_again(sent)
        if decision.kind == UNCERTAIN:
            return None
        seen = passage._replace(steps=passage.steps[:marked])
        branch = before.passed(self._leg.name, flight, seen).carrying(sent)
        return self._not_sent_again(branch._replace(undetermined=after.undetermined), decision)

    def _lost_in_translation(self, before: Branch, flight: Flight, passage: Passage, after: Branch) -> LegResult | None:
        """A new destination without a way ends the packet there and then (nf_nat_ipv4_local_fn() of nf_nat_proto.c).

        So does an IPsec policy that takes what has the new destination, or a new port alone, for which no route is
        looked for. No later chain of OUTPUT sees it, so none rejects it.
        """
        translated = passage.flight
        if not _is_translated(flight, translated):
            return None
        ends = translated.daddr, translated.dport
        place = next(place for place, step in enumerate(passage.steps, 1) if (step.daddr, step.dport) == ends)
        seen = passage._replace(steps=passage.steps[:place])
        branch = before.passed(self._leg.name, flight, seen)._replace(undetermined=after.undetermined)
        if translated.daddr == flight.daddr:
            return lost_to_ipsec(self._leg, branch, flight.oif)
        return self._not_sent_again(branch, self._route_again(translated))

    def _not_sent_again(self, branch: Branch, decision: Decision) -> LegResult | None:
        """The end of a packet where OUTPUT has the kernel look for a route again (ip_route_me_harder())."""
        return (
            self._without_route(branch, decision)
            or kept_by_loopback(self._leg, branch, decision)
            or lost_to_ipsec(self._leg, branch, outgoing_device(decision))
        )

    def receive(self, branch: Branch, device: str) -> list[LegResult]:
        """A packet that came in by a device (ip_rcv(), ipv6_rcv())."""
        controlled = self._leg.controlled(branch, self._view.host, INGRESS, device)
        if controlled is not None:
            return [controlled]
        flight = self._leg.fresh(branch)
        flight.iif = device
        if flight.family == 6 and (is_loopback(6, flight.saddr) or is_loopback(6, flight.daddr)):
            return [self._dropped(branch, "the kernel accepts packets with the address ::1 only from the loopback")]
        results: list[LegResult] = []
        for passage, after in self._leg.hook(PREROUTING, branch, flight):
            results += self._leg.ended(passage, after) or self.route(after, device)
        return results

    def route(self, branch: Branch, device: str) -> list[LegResult]:
        """After PREROUTING: for the host itself, or to be sent on (ip_route_input_slow(), ip6_route_input())."""
        flight = branch.flight
        decision = self.incoming_route(flight, device)
        if decision.kind == UNCERTAIN:
            return [self._leg.undetermined(branch, decision.why)]
        rejected = source_rejected(self._leg, branch, self._view.host, device, decision, "routing")
        if rejected is not None:
            return [rejected]
        if decision.kind == LOCAL:
            return self.deliver(self._routed(branch, decision), device)
        forwards = self._view.settings.forwards(flight.family, device)
        # Whether it forwards is asked before the error of an IPv4 route is sent, not of an IPv6 one (ip_error(),
        # ip6_pkt_drop()).
        if decision.kind != UNICAST and (forwards or flight.family == 6):
            return [rejected_by_route(self._leg, branch, decision)]
        if not forwards:
            key = self._view.settings.forwarding_key(flight.family, device)
            reason = f"{key}=0: the host forwards nothing that arrives on {device}"
            return [self._dropped(branch, reason, mechanism=FORWARDING)]
        return self._forward(self._routed(branch, decision), device, decision)

    def incoming_route(self, flight: Flight, device: str) -> Decision:
        """The route of what came in by a device; to ::1 only one by that device (rt6_need_strict() of ip6_route.h)."""
        only = device if flight.family == 6 and is_loopback(6, flight.daddr) else ""
        return self._view.host.fib.lookup(route_query(flight, device), only)

    def deliver(self, branch: Branch, device: str) -> list[LegResult]:
        """To the host's own sockets (ip_local_deliver())."""
        flight = branch.flight.copy()
        flight.iif, flight.oif = device, ""
        results: list[LegResult] = []
        for passage, after in self._leg.hook(INPUT, branch, flight):
            results += self._leg.ended(passage, after) or (
                not_delivered(self._leg, after, device)
                or LegResult(ARRIVED, remembered(after), stack=self._view.host, device=device),
            )
        return results

    def leave(self, branch: Branch, decision: Decision) -> list[LegResult]:
        """POSTROUTING, and out by a device."""
        own_call = "" if branch.flight.iif else "EPERM"
        results: list[LegResult] = []
        for passage, after in self._postrouting(branch, decision):
            lost = lost_once_translated(self._leg, branch.flight, after, outgoing_device(decision))
            results += self._leg.ended(passage, after, own_call) or (
                self._emit(after, decision) if lost is None else [lost]
            )
        return results

    def _send_elsewhere(self, branch: Branch) -> list[LegResult]:
        """OUTPUT changed the destination or the mark, and the packet was not lost there."""
        flight = branch.flight
        decision = self._route_again(flight)
        if decision.kind == UNCERTAIN:
            return [self._leg.undetermined(branch, decision.why)]
        routed = self._routed(branch, decision)
        if flight.family == 6 and decision.kind != LOCAL and is_loopback(6, flight.saddr):
            return self._leave_as_loopback(routed, decision)
        return self.leave(routed, decision)

    def _route_again(self, flight: Flight) -> Decision:
        fib = self._view.host.fib
        return fib.lookup(fib.as_read(route_query(flight)))

    def _without_route(self, branch: Branch, decision: Decision) -> LegResult | None:
        if decision.kind == UNCERTAIN:
            return self._leg.undetermined(branch, decision.why)
        if decision.kind in (UNICAST, LOCAL):
            return None
        noted, reason = self._leg.without_way(branch, decision, self._view.host, "drop", "after OUTPUT ")
        return LegResult(LOST, noted, reason, error="EHOSTUNREACH")

    def _leave_as_loopback(self, branch: Branch, decision: Decision) -> list[LegResult]:
        """IPv6 has no such setting: it passes POSTROUTING, and who gets what still comes from ::1 drops it."""
        source = address_text(6, branch.flight.saddr)
        results: list[LegResult] = []
        for passage, after in self._postrouting(branch, decision):
            ended = self._leg.ended(passage, after, "EPERM")
            if ended or not is_loopback(6, after.flight.saddr):
                results += ended or self._emit(after, decision)
            else:
                results.append(self._dropped(after, f"IPv6 lets nothing from {source} leave the host"))
        return results

    def _postrouting(self, branch: Branch, decision: Decision) -> Iterator[tuple[Passage, Branch]]:
        flight = branch.flight.copy()
        flight.oif = outgoing_device(decision)
        if flight.family == 4:
            flight.next_hop = next_hop(flight, decision)
        return self._leg.hook(POSTROUTING, branch, flight)

    def _forward(self, branch: Branch, device: str, decision: Decision) -> list[LegResult]:
        kept = not_sent_on(self._leg, branch, device, decision.device)
        if kept is not None:
            return [kept]
        flight = branch.flight.copy()
        flight.iif, flight.oif = device, decision.device
        if flight.ttl is not None:
            flight.ttl -= 1
            if flight.ttl < 1:
                return [
                    self._leg.undetermined(branch, f"who is notified: its TTL expires on the way to {decision.device}")
                ]
        results: list[LegResult] = []
        for passage, after in self._leg.hook(FORWARD, branch, flight):
            ended = [ended_misrouted(self._leg, branch, end, decision) for end in self._leg.ended(passage, after)]
            results += ended or self.leave(after, decision)
        return results

    def _emit(self, branch: Branch, decision: Decision) -> list[LegResult]:
        """It has left the IP stack by a device."""
        if decision.kind == LOCAL:
            return self._loop(branch)
        flight, device = branch.flight, decision.device
        bridge = self._view.bridges.get(device)
        if bridge is not None:
            return self._onto_bridge(branch, bridge, next_hop(flight, decision))
        return egress(self._leg, branch, decision, next_hop(flight, decision))

    def _loop(self, branch: Branch) -> list[LegResult]:
        """To the host itself by the loopback; the route of OUTPUT stays (skb_valid_dst() in ip_rcv_finish_core())."""
        controlled = self._leg.controlled_loop(branch, self._view.host)
        if controlled is not None:
            return [controlled]
        flight = branch.flight.copy()
        flight.iif, flight.oif = "lo", ""
        results: list[LegResult] = []
        for passage, after in self._leg.hook(PREROUTING, branch, flight):
            results += self._leg.ended(passage, after) or self.deliver(after, "lo")
        return results

    def _routed(self, branch: Branch, decision: Decision) -> Branch:
        what = "to the host itself" if decision.kind == LOCAL else f"dev {decision.device}"
        if decision.gateway:
            what = f"via {decision.gateway} {what}"
        return branch.note(
            self._leg.name, "routing", "route", f"{decision.destination} in table {_table(decision)}: {what}"
        )

    def _dropped(self, branch: Branch, reason: str, own_call: str = "", mechanism: str = "") -> LegResult:
        noted = branch.note(self._leg.name, "routing", "drop", reason, mechanism)
        return LegResult(LOST, noted, reason, error=own_call)


def next_hop(flight: Flight, decision: Decision) -> int:
    """The neighbour that it goes to on the device."""
    return parse_address(decision.gateway)[1] if decision.gateway else flight.daddr


def outgoing_device(decision: Decision) -> str:
    """The device that a packet of the host leaves by."""
    return "lo" if decision.kind == LOCAL else decision.device


# Kinds of links whose other end is in another namespace, where nothing is known of it but for ports of bridges.
_ELSEWHERE = ("veth", "netkit")
_ENOUGH_HOPS = 30
"""Ways over the internet have hardly more routers (traceroute(8) tries no more)."""
_NOWHERE = ("dummy", "blackhole", "nlmon", "ifb")


def egress(leg: LegContext, branch: Branch, decision: Decision, neighbour: int) -> list[LegResult]:
    """The ends of a packet that the host sends to a neighbour on a device, for a machine outside as far as is known."""
    view, flight, device = leg.view, branch.flight, decision.device
    link = view.host.links.get(device)
    kind = link.kind if link else ""
    if kind in _NOWHERE:
        reason = f"{device} is a {kind} device, which discards packets"
        return [LegResult(LOST, branch.note(leg.name, "routing", "drop", reason), reason)]
    if kind in _ELSEWHERE and link is not None and link.peer_nsid in view.namespaces:
        return [leg.undetermined(branch, f"what is behind {device}, a {kind} device without a bridge")]
    controlled = leg.controlled(branch, view.host, EGRESS, device)
    if controlled is not None:
        return [controlled]
    # Who has which hardware address outside cannot be known, so a static entry is taken to be right.
    if view.host.static_neighbours.mac(device, flight.family, neighbour):
        entry = view.host.static_neighbours.words(device, flight.family, neighbour)
        return [_sent(leg, branch.note(leg.name, "wire", "send", entry), decision, neighbour)]
    found = resolve_outside(leg, branch, device, neighbour)
    return found.then(lambda known: [_sent(leg, known.note(leg.name, "wire", "send"), decision, neighbour)])


def _sent(leg: LegContext, branch: Branch, decision: Decision, neighbour: int) -> LegResult:
    flight, sent = branch.flight, remembered(branch)
    by_router = neighbour != flight.daddr
    if by_router and flight.ttl is not None and flight.ttl < _ENOUGH_HOPS:
        return leg.undetermined(sent, f"how many routers are on its way: its TTL is {flight.ttl}")
    if by_router and not leg.is_request and is_loopback(flight.family, flight.saddr):
        source = address_text(flight.family, flight.saddr)
        # RFC 1812, 5.3.7; Linux takes it for martian (ip_route_input_slow()).
        return LegResult(LOST, sent, f"a router, {decision.gateway}, does not forward packets from {source}")
    kept = misrouted(leg, sent, decision)
    if kept is None and by_router and leg.is_request and neighbour == flight.saddr:
        # IPv4 of Linux drops what comes from an address of its own (fib_validate_source()), IPv6 sends it on.
        sender = address_text(flight.family, neighbour)
        return leg.undetermined(sent, f"what {sender} does with its own packet, which this host sends back to it")
    return kept or LegResult(OUTSIDE, sent, device=decision.device)


def rejected_by_route(leg: LegContext, branch: Branch, decision: Decision) -> LegResult:
    """What came in and has no way on: ip_error() of net/ipv4/route.c and ip6_pkt_drop() of net/ipv6/route.c."""
    host = leg.view.host
    if decision.kind == "blackhole":
        noted, reason = leg.without_way(branch, decision, host, "drop")
        return LegResult(LOST, noted, reason)
    family = branch.flight.family
    errors = {"prohibit": "admin-prohibited"}
    if family == 4:
        errors["unreachable"] = "host-unreachable"
    error = errors.get(decision.kind, "net-unreachable" if family == 4 else "no-route")
    noted, reason = leg.without_way(branch, decision, host, decision.kind)
    return LegResult(REJECTED, noted, reason, error=error)


def kept_by_loopback(leg: LegContext, branch: Branch, decision: Decision) -> LegResult | None:
    """A loopback address as its source keeps it from leaving (__mkroute_output() of net/ipv4/route.c)."""
    flight = branch.flight
    if flight.family != 4 or decision.kind == LOCAL or not is_loopback(4, flight.saddr):
        return None
    if leg.view.settings.either(decision.device, "route_localnet"):
        return None
    key = sysctl_key(4, decision.device, "route_localnet")
    reason = f"{key} is 0: nothing from {address_text(4, flight.saddr)} leaves by {decision.device}"
    return LegResult(LOST, branch.note(leg.name, "routing", "drop", reason), reason, error="EINVAL")


def misrouted(leg: LegContext, branch: Branch, decision: Decision) -> LegResult | None:
    """The end of a packet that was sent out by a device though its destination is local here; None for all others.

    A route to that very subnet or a part of it says that it is elsewhere, so it is taken for that.
    """
    reason = _words(leg.view, branch, decision)
    if not reason:
        return None
    if _can_come_back(leg.view, branch, decision.device):
        return leg.undetermined(branch, f"whether what {decision.device} leads to sends it back: {reason}")
    noted = branch.note(leg.name, "wire", MISROUTED_STEP, reason, _misrouting(leg.view, branch))
    return LegResult(MISROUTED, noted, reason, device=decision.device)


def ended_misrouted(leg: LegContext, before: Branch, end: LegResult, decision: Decision) -> LegResult:
    """The end that rules made of a packet on its way out, with what brought it there if it was misrouted.

    before: the branch up to those rules.
    """
    words = _words(leg.view, before, decision)
    if not words:
        return end
    since = end.branch.trace[len(before.trace) :]
    noted = before.note(leg.name, "routing", MISROUTED_STEP, words, _misrouting(leg.view, before))
    trace = (*noted.trace, *since)
    return end._replace(branch=end.branch._replace(trace=trace), reason=f"{words}, where {end.reason}")


def _misrouting(view: HostView, branch: Branch) -> str:
    """The mechanism that brings a packet to a wrong device."""
    return POLICY_RULE if view.host.fib.has_custom_rules(branch.flight.family) else ""


def _table(decision: Decision) -> str:
    """The table of the route, by the name that iproute2 has for it."""
    return str(TABLE_NAMES.get(decision.table, decision.table))


def _words(view: HostView, branch: Branch, decision: Decision) -> str:
    """How a packet is sent out by a device though its destination is local here; empty for all others."""
    family, number = branch.flight.family, branch.flight.daddr
    subnet = view.local_subnets.of(family, number)
    if subnet is None or view.host.is_on_link(family, number, decision.device):
        return ""
    if parse_prefix(decision.destination)[2] >= subnet.length:
        return ""
    address = address_text(family, number)
    way = f"the route {decision.destination} in table {_table(decision)}"
    if decision.rule is not None and view.host.fib.has_custom_rules(family):
        way = f"policy rule {decision.rule.priority}, by {way},"
    towards = f" to {decision.gateway}" if decision.gateway else ""
    bridge = view.bridges.get(subnet.bridge)
    down = f", whose bridge {subnet.bridge} is down" if bridge is not None and not bridge.link.up else ""
    return (
        f"{address} is an address of {subnet.name} of this host{down}, but {way} sends it out through "
        f"{decision.device}{towards}"
    )


def _can_come_back(view: HostView, branch: Branch, device: str) -> bool:
    """Whether a router could send it back to this host, and the host would send it home then.

    IPv4 believes no packet that comes with an address of its own (fib_validate_source()).
    """
    flight = branch.flight
    if flight.family == 4 and view.host.has_address(4, flight.saddr):
        return False
    again = view.host.fib.lookup(route_query(flight, device)._replace(mark=0))
    return again.device != device


def unsent_by_ipsec(leg: LegContext, branch: Branch, device: str) -> LegResult | None:
    """The end of what the host itself is about to send; the call that asks for its route fails."""
    found = leg.view.ipsec.sending(branch.flight, device)
    return _end(leg, branch, found, NOT_SENT, "EPERM")


def lost_to_ipsec(leg: LegContext, branch: Branch, device: str) -> LegResult | None:
    """The end of what is about to leave by a device."""
    own_call = "" if branch.flight.iif else "EPERM"
    return _end(leg, branch, leg.view.ipsec.sending(branch.flight, device), LOST, own_call)


def lost_once_translated(leg: LegContext, before: Flight, branch: Branch, device: str) -> LegResult | None:
    """The same of what a hook translated, for only then the policies are asked again."""
    return lost_to_ipsec(leg, branch, device) if _is_translated(before, branch.flight) else None


def undetermined_on_bridge(leg: LegContext, before: Flight, branch: Branch, bridge: str) -> LegResult | None:
    """The end of a translated frame from one port of a bridge to another that IPsec policies could take.

    They are asked where PREROUTING gave it a new destination, and so a route of IP (br_nf_pre_routing_finish()), and
    the default always.
    """
    found = leg.view.ipsec.sending(branch.flight, bridge) if _is_translated(before, branch.flight) else None
    if found is None:
        return None
    return leg.undetermined(branch, Doubt.about(IPSEC_POLICY, f"of the frame on {bridge}: {found.text}"))


def _is_translated(before: Flight, after: Flight) -> bool:
    by_port = after.icmp_type is None and (before.sport, before.dport) != (after.sport, after.dport)
    return (before.saddr, before.daddr) != (after.saddr, after.daddr) or by_port


def not_sent_on(leg: LegContext, branch: Branch, device: str, outgoing: str) -> LegResult | None:
    """The end of what came in by a device and would be sent on by another one (ip_forward(), ip6_forward())."""
    came = _end(leg, branch, leg.view.ipsec.forwarding(branch.flight, device), LOST, "")
    return came or _end(leg, branch, leg.view.ipsec.sending(branch.flight, outgoing), LOST, "")


def not_delivered(leg: LegContext, branch: Branch, device: str) -> LegResult | None:
    """The end of what came in by a device and passed INPUT."""
    return _end(leg, branch, leg.view.ipsec.delivering(branch.flight, device), LOST, "")


def _end(leg: LegContext, branch: Branch, found: PolicyEffect | None, kind: str, own_call: str) -> LegResult | None:
    if found is None:
        return None
    if not found.is_certain:
        return leg.undetermined(branch, Doubt.about(IPSEC_POLICY, found.text))
    return LegResult(kind, branch.note(leg.name, IPSEC, "drop", found.text), found.text, error=own_call)
