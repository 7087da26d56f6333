# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether who sends a packet on learns the hardware address of its neighbour, and whether the kernel believes a source.

Who is asked learns that of who asks, from the question, and confirms it some seconds later by a question of its own to
that one alone. Where a question or its answer is stopped, it hangs on what the kernel remembers whether the packet goes
on, so that both is followed. A permanent entry of the neighbour table is used without asking; a wrong one leaves open
where packets go. Where ARP is off on an interface, what it sends has its own hardware address, and who asks it gets no
answer; on a bridge port of the host that changes nothing, since the bridge takes its frames before.

Sources are checked by net/ipv4/route.c (ip_route_input_slow()) and net/ipv4/fib_frontend.c (fib_validate_source());
IPv6 has no such check.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS, sysctl_key
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    BLOCKED_BY_BRIDGE,
    NullRoute,
    Subject,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import (
    LOST,
    NEIGHBOUR_UNREACHABLE,
    OUTSIDE,
    Branch,
    LegResult,
    remembered,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.bridge import (
    Bridge,
    BridgeNode,
    Obstacle,
    Port,
    obstacle_to_solicitation,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.context import LegContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.frame_rules import Stopped
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.null_routes import (
    null_route_in_words,
    null_route_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    LOCAL,
    NO_ROUTE,
    NULL_KINDS,
    UNCERTAIN,
    UNICAST,
    Decision,
    RouteQuery,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    BRIDGE_PORT,
    HAIRPIN,
    MARTIAN,
    NEIGHBOUR,
    NEIGHBOUR_ARP_OFF,
    NEIGHBOUR_ARP_OFF_IN_CONTAINER,
    NEIGHBOUR_BRIDGE_PORT,
    NEIGHBOUR_BRIDGE_RULE,
    NEIGHBOUR_IN_CONTAINER,
    NEIGHBOUR_RP_FILTER,
    RP_FILTER,
    Doubt,
    Flight,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    address_text,
    is_loopback,
    is_multicast,
    same_prefix,
)

# fib_lookup() fails with each of them, so that rp_filter alone decides (last_resort in __fib_validate_source()).
_NOWHERE = (NO_ROUTE, *NULL_KINDS)


def source_rejected(
    leg: LegContext, branch: Branch, stack: Stack, device: str, decision: Decision, place: str
) -> LegResult | None:
    """The end of a packet whose source a stack does not believe, or perhaps does not; None for all others."""
    doubt = source_doubt(stack, branch.flight, device, decision)
    if doubt:
        return leg.undetermined(branch, doubt)
    problem = source_problem(stack, branch.flight, device, decision)
    if problem is None:
        return None
    subject = Subject(null_route=problem.null_route) if problem.null_route is not None else None
    noted = branch.note(leg.name, place, "drop", problem.text, problem.mechanism, subject)
    return LegResult(LOST, noted, problem.text)


class Problem(NamedTuple):
    """Why a stack drops a packet for its source, or does not answer a question for a hardware address."""

    text: str
    mechanism: str
    """As of PathStep."""
    null_route: NullRoute | None = None
    """As of Subject."""


def source_doubt(stack: Stack, flight: Flight, device: str, decision: Decision) -> str:
    """Why it cannot be told what source_problem() would; empty where it can."""
    if flight.family == 6 or not _is_checked(stack, device, decision) or not _is_looked_up(stack, device):
        return ""
    back = _back(stack, flight, device, decision)
    return back.why if back.kind == UNCERTAIN else ""


def source_problem(stack: Stack, flight: Flight, device: str, decision: Decision) -> Problem | None:
    """Why a stack drops a packet that came in by device and has this route; None when it does not."""
    if flight.family == 6:
        return None
    settings = stack.settings
    for role, address in (("source", flight.saddr), ("destination", flight.daddr)):
        if is_loopback(4, address) and not settings.either(device, "route_localnet"):
            key = sysctl_key(4, device, "route_localnet")
            return Problem(f"martian {role} {address_text(4, address)}: {key} is 0", MARTIAN)
    if is_multicast(4, flight.saddr) or flight.saddr >> 24 == 0:
        return Problem(f"martian source {address_text(4, flight.saddr)}", MARTIAN)
    return _reverse_path(stack, flight, device, decision) if _is_checked(stack, device, decision) else None


def arp_problem(stack: Stack, device: str, source: int, target: int) -> Problem | None:
    """Why a stack does not answer, or perhaps does not, who asks from an address for one of its own (arp_process()).

    The kernel routes the question as a packet from the one to the other. None where it answers.
    """
    decision = stack.fib.lookup(RouteQuery(4, target, source, device))
    if decision.kind != LOCAL:
        text = decision.why or f"the {stack.label} has no route to {address_text(4, target)} for the asking machine"
        null_route = null_route_of(stack, decision, 4)
        if null_route is not None:
            text = null_route_in_words(null_route, f"to {address_text(4, target)}")
        return Problem(text, NEIGHBOUR, null_route)
    question = Flight(4, 0, source, 0, target, 0)
    doubt = source_doubt(stack, question, device, decision)
    if doubt:
        return Problem(doubt, NEIGHBOUR)
    problem = source_problem(stack, question, device, decision)
    if problem is not None:
        return problem._replace(mechanism=NEIGHBOUR_RP_FILTER if problem.mechanism == RP_FILTER else NEIGHBOUR)
    ignored = _ignored(stack, device, source, target)
    if ignored:
        return Problem(ignored, NEIGHBOUR if stack.container is None else NEIGHBOUR_IN_CONTAINER)
    filtered = _filtered(stack, device, source, target)
    return Problem(filtered, NEIGHBOUR) if filtered else None


def _ignored(stack: Stack, device: str, source: int, target: int) -> str:
    """Why arp_ignore keeps a stack from answering (arp_ignore() of net/ipv4/arp.c)."""
    level = stack.settings.larger(device, "arp_ignore")
    own = [item for item in stack.addresses(4, device) if item.number == target]
    if level == 2:
        own = [item for item in own if same_prefix(4, item.number, source, item.length)]
    if level == 8 or (level in (1, 2) and not own) or (level == 3 and is_loopback(4, target)):
        address = address_text(4, target)
        return f"arp_ignore of {device} is {level}: the {stack.label} does not answer there for {address}"
    return ""


def _filtered(stack: Stack, device: str, source: int, target: int) -> str:
    """Why arp_filter keeps a stack from answering: its own packets to who asks leave elsewhere (arp_filter())."""
    if not stack.settings.either(device, "arp_filter"):
        return ""
    back = stack.fib.lookup(RouteQuery(4, source, target))
    if back.kind == UNCERTAIN:
        return back.why
    if back.device == device:
        return ""
    ways = f"by {back.device}" if back.device else "nowhere"
    return f"arp_filter of {device} is 1 and packets of the {stack.label} to {address_text(4, source)} leave {ways}"


def _unasked(stack: Stack, family: int, device: str) -> str:
    """Why a stack asks for no neighbour that it does not know; empty where it asks."""
    if stack.settings.solicits(family, device):
        return ""
    return f"{stack.settings.solicits_key(family, device)} of the {stack.label} is 0: it does not ask"


def _is_checked(stack: Stack, device: str, decision: Decision) -> bool:
    return decision.kind == LOCAL or (decision.kind == UNICAST and stack.settings.forwards(4, device))


def _is_looked_up(stack: Stack, device: str) -> bool:
    """Whether the route back is looked up; without need only the host's own addresses are (fib_validate_source())."""
    return bool(stack.settings.reverse_path(device)) or stack.fib.has_custom_rules(4)


def _back(stack: Stack, flight: Flight, device: str, decision: Decision) -> Decision:
    """The route of a packet back (__fib_validate_source())."""
    mark = flight.mark if stack.settings.either(device, "src_valid_mark") else 0
    incoming = decision.device if decision.kind == UNICAST else "lo"
    source_port, port = flight.ports
    query = RouteQuery(4, flight.saddr, flight.daddr, incoming, mark, flight.protocol, port, source_port)
    return stack.fib.lookup(stack.fib.as_read(query))


def _own_source(stack: Stack, flight: Flight) -> Problem:
    text = f"martian source {address_text(4, flight.saddr)}: it is an address of the {stack.label} itself"
    return Problem(text, MARTIAN)


def _reverse_path(stack: Stack, flight: Flight, device: str, decision: Decision) -> Problem | None:
    if not _is_looked_up(stack, device):
        accepts = stack.settings.either(device, "accept_local") or not stack.has_address(4, flight.saddr)
        return None if accepts else _own_source(stack, flight)
    back = _back(stack, flight, device, decision)
    if back.kind == LOCAL and not stack.settings.either(device, "accept_local"):
        return _own_source(stack, flight)
    if back.kind in (LOCAL, UNICAST) and (back.device == device or (back.kind == LOCAL and device == "lo")):
        return None
    strictness = stack.settings.reverse_path(device)
    source = address_text(4, flight.saddr)
    key = f"rp_filter of {device} is {strictness}"
    if back.kind in _NOWHERE:
        if not strictness:
            return None
        null_route = null_route_of(stack, back, 4)
        if null_route is not None:
            return Problem(f"{key} and {null_route_in_words(null_route, f'back to {source}')}", RP_FILTER, null_route)
        return Problem(f"{key} and the {stack.label} has no route back to {source}", RP_FILTER)
    if back.kind not in (LOCAL, UNICAST):
        return Problem(f"martian source {source}: the route back is of the kind {back.kind}", MARTIAN)
    has_addresses = bool(stack.addresses(4, device))
    if strictness == 1 or (strictness and not has_addresses):
        return Problem(f"{key} and the route back to {source} leads to {back.device}", RP_FILTER)
    return None


NOT_FOUND = "unreachable"
"""Action of a hop: who sends it on asked for its neighbour in vain."""


def dropped_by_bridge(leg: LegContext, branch: Branch, obstacle: Obstacle | None) -> LegResult | None:
    """A frame that the bridge does not let pass, or of which it is not known; None where nothing is in its way."""
    if obstacle is None:
        return None
    if not obstacle.is_certain:
        return leg.undetermined(branch, f"whether the frame passes: {obstacle.text}")
    noted = branch.note(leg.name, "bridge", BLOCKED_BY_BRIDGE, obstacle.text, obstacle.mechanism)
    return LegResult(LOST, noted, obstacle.text)


def solicitation_undetermined(leg: LegContext, branch: Branch, bridge: Bridge, target: Port | None) -> LegResult | None:
    """A frame for a port, or the host, of which it is not known whether it hears the question for its hardware address.

    None for all others. The frame itself can be stopped before it comes to these devices.
    """
    family, host = branch.flight.family, leg.view.host
    if target is None:
        doubt = host.controls.doubt_about_questions(family, "", bridge.name)
    else:
        doubt = host.controls.doubt_about_questions(family, "", target.link.name)
        doubt = doubt or target.stack.controls.doubt_about_questions(family, target.stack.label, target.device)
    return leg.undetermined(branch, doubt) if doubt else None


def sent_to_itself(leg: LegContext, branch: Branch, sender: BridgeNode, towards: int) -> LegResult:
    """The end of what strays() says of: the bridge drops a frame for the hardware address that it comes from."""
    family = branch.flight.family
    doubt = sender.doubt_about(family, towards)
    if doubt:
        return leg.undetermined(branch, doubt)
    reason = _not_learnt(sender.stack.label, family, towards, sender.arp_off)
    subject = Subject(neighbour=address_text(family, towards))
    noted = branch.note(leg.name, "bridge", NOT_FOUND, reason, _of_interface(sender), subject)
    return LegResult(LOST, noted, reason)


def _of_interface(node: BridgeNode) -> str:
    return NEIGHBOUR_ARP_OFF if node.port is None else NEIGHBOUR_ARP_OFF_IN_CONTAINER


def _not_learnt(who: str, family: int, neighbour: int, why: str) -> str:
    return f"{who} does not learn the hardware address of {address_text(family, neighbour)}: {why}"


def not_attached(leg: LegContext, branch: Branch, bridge: Bridge, requester: BridgeNode, towards: int) -> LegResult:
    """No container on the bridge has the address that one of its ends sends to."""
    if bridge.ways_out:
        sent = remembered(branch.note(leg.name, "wire", "send"))
        controlled = leg.controlled(branch, leg.view.host, EGRESS, *bridge.ways_out)
        return controlled or LegResult(OUTSIDE, sent, device=bridge.name)
    if bridge.foreign:
        return leg.undetermined(branch, f"who is behind {', '.join(sorted(bridge.foreign))} on {bridge.name}")
    doubt = requester.doubt_about(branch.flight.family, towards)
    if doubt:
        return leg.undetermined(branch, doubt)
    text = address_text(branch.flight.family, towards)
    return neighbour_unreachable(leg, branch, towards, NOT_FOUND, f"no neighbour on {bridge.name} answers for {text}")


def neighbour_unreachable(
    leg: LegContext,
    branch: Branch,
    neighbour: int,
    action: str,
    reason: str,
    mechanism: str = "",
    null_route: NullRoute | None = None,
) -> LegResult:
    """Who sends it on does not learn the hardware address of its neighbour; mechanism as of PathStep."""
    subject = Subject(neighbour=address_text(branch.flight.family, neighbour), null_route=null_route)
    return LegResult(NEIGHBOUR_UNREACHABLE, branch.note(leg.name, "bridge", action, reason, mechanism, subject), reason)


class Resolution(NamedTuple):
    """How it goes on for a packet that needs a neighbour."""

    branch: Branch | None
    """On which the neighbour is known; None where it surely is not."""
    lost: tuple[LegResult, ...] = ()
    """How it ends where it is not known."""
    remembered: Branch | None = None
    """Where a question is certainly not answered: the branch on which the neighbour is known from before."""

    def with_question(self, who: str, source: int) -> Resolution:
        """The same after somebody was asked from an address."""
        return self if self.branch is None else self._replace(branch=self.branch.learning(who, source))

    def then(self, go_on: Callable[[Branch], list[LegResult]]) -> list[LegResult]:
        """All ends, given what becomes of it where the neighbour is known."""
        return [*self.lost, *([] if self.branch is None else go_on(self.branch))]


class _Stop(NamedTuple):
    text: str
    is_certain: bool = False
    action: str = NOT_FOUND
    mechanism: str = NEIGHBOUR
    null_route: NullRoute | None = None


def resolve_on_bridge(
    leg: LegContext, branch: Branch, bridge: Bridge, requester: BridgeNode, target: BridgeNode, neighbour: int
) -> Resolution:
    """One end of a bridge sends to an address of another end."""
    family, who = branch.flight.family, requester.stack.label
    if requester.knows(family, neighbour, target.mac_on(bridge)):
        return Resolution(branch)
    is_told = (who, neighbour) in branch.learnt
    source = requester.stack.solicits_from(family, requester.device, branch.flight.saddr, neighbour)
    # What is kept from all is not kept from the one that is known.
    obstacle = None if is_told else obstacle_to_solicitation(bridge, requester.port, target.port)
    doubt = _who_takes_it(bridge, requester, target, family, source, neighbour)
    if not doubt and obstacle is not None and not obstacle.is_certain and not obstacle.is_loss_at_worst:
        what = f"whether {who} learns the hardware address of {address_text(family, neighbour)}: {obstacle.text}"
        doubt = Doubt.about(_mechanism_behind(obstacle), what)
    if doubt:
        return Resolution(None, (leg.undetermined(branch, doubt),))
    stop = None
    if obstacle is not None and obstacle.is_certain:
        stop = _Stop(obstacle.text, is_certain=True, action=BLOCKED_BY_BRIDGE, mechanism=_mechanism_behind(obstacle))
    stop = stop or _unanswered(leg, branch.flight, bridge, requester, target, source)
    stop = stop or _by_frame_rules(
        leg.view.neighbours.stopped_as_frames(bridge, requester, target, family, (source, neighbour))
    )
    if stop is None and family == 4:
        stop = _by_arp(target.stack, target.device, source, neighbour)
    elif stop is None:
        stop = _by_rules(leg, bridge, requester, target, source, neighbour)
    if stop is None and not is_told:
        stop = _stop(_unasked(requester.stack, family, requester.device))
    if stop is None and obstacle is not None:
        stop = _Stop(obstacle.text, mechanism=_mechanism_behind(obstacle))
    if stop is not None and is_told:
        stop = stop._replace(is_certain=False)
    return _found(leg, branch, stop, who, neighbour).with_question(target.stack.label, source)


def _who_takes_it(
    bridge: Bridge, requester: BridgeNode, target: BridgeNode, family: int, source: int, neighbour: int
) -> str:
    """Why it is not known where frames of one end to another go, by their fixed entries."""
    doubt = requester.doubt_about(family, neighbour)
    # An advertisement goes by the table to the address that was asked from, as any packet does; answers to ARP do not
    # (ndisc_send_na(), arp_process()).
    if not doubt and family == 6 and not target.knows(6, source, requester.mac_on(bridge)):
        doubt = target.doubt_about(6, source)
    return doubt


def _unanswered(
    leg: LegContext, flight: Flight, bridge: Bridge, requester: BridgeNode, target: BridgeNode, source: int
) -> _Stop | None:
    """Why an end with ARP off on its interface does not tell another one where it is; None where it does.

    Neighbour discovery answers by the entry for who asks, if there is one (ndisc_send_na()). Where there is none for
    the other end, a request whose sender remembers where to send it has no answer either, unless bridge netfilter
    translates that back: by SNAT, which is still to come of what it switches. Of a frame that it has not seen yet
    BridgePath finds that out.
    """
    family, mac = flight.family, requester.mac_on(bridge)
    if not target.without_arp or (family == 6 and target.knows(6, source, mac)):
        return None
    connection = flight.connection
    has_snat = connection is not None and (connection.snat or flight.oif != bridge.name)
    is_rescued = bridge.calls[family] and has_snat
    is_certain = leg.is_request and not is_rescued and not target.knows_any(family, mac)
    return _Stop(target.arp_off, is_certain, mechanism=_of_interface(target))


def resolve_outside(leg: LegContext, branch: Branch, device: str, neighbour: int) -> Resolution:
    """The host sends to a machine on an uplink, which it has no static entry for."""
    host, flight = leg.view.host, branch.flight
    doubt = _doubt_about_uplink(host, device)
    if doubt:
        return Resolution(None, (leg.undetermined(branch, doubt),))
    stop = _stop(_unasked(host, flight.family, device))
    if stop is None and flight.family == 6:
        source = host.solicits_from(6, device, flight.saddr, neighbour)
        stop = _stop(_words(leg.view.neighbours.obstacle_from_host(device, "", source, neighbour)))
    return _found(leg, branch, stop, host.label, neighbour)


def resolve_host(leg: LegContext, branch: Branch, device: str) -> Resolution:
    """A machine on an uplink sends to the host, for itself or as the way to others."""
    host, flight = leg.view.host, branch.flight
    doubt = _doubt_about_uplink(host, device)
    if doubt:
        return Resolution(None, (leg.undetermined(branch, doubt),))
    neighbour = _asked_outside(host, flight, device)
    if flight.family == 6:
        stop = _stop(_words(leg.view.neighbours.obstacle_to_host(device, "", flight.saddr, neighbour)))
    elif host.is_on_link(4, flight.saddr, device):
        stop = _by_arp(host, device, flight.saddr, neighbour)
    else:
        # Of what a router hands on it is not known from which address it asks.
        stop = None
    return _found(leg, branch, stop, address_text(flight.family, flight.saddr), neighbour)


# Kinds of links with hardware addresses on which ARP is on unless it is turned off.
_WITH_ARP = ("", "bond", "bridge", "macvlan", "team", "veth", "vlan")
_MAC_LENGTH = len("00:00:00:00:00:00")


def _doubt_about_uplink(host: Stack, device: str) -> Doubt | None:
    """Why it is not known whether the host and machines on an uplink find each other."""
    link = host.links.get(device)
    if link is None or not link.without_arp or link.kind not in _WITH_ARP or len(link.mac) != _MAC_LENGTH:
        return None
    what = f"whether machines on {device} have fixed entries for the host, and it for them: ARP is off on {device}"
    return Doubt.about(NEIGHBOUR, f"{what}; see ip -d link show dev {device}")


def _asked_outside(host: Stack, flight: Flight, device: str) -> int:
    """The address of the host that a machine outside asks for: one on their link, or the host as the way to others."""
    own = host.addresses(flight.family, device)
    if host.has_address(flight.family, flight.daddr) and host.is_on_link(flight.family, flight.daddr, device):
        return flight.daddr
    return own[0].number if own else flight.daddr


def _found(leg: LegContext, branch: Branch, stop: _Stop | None, who: str, neighbour: int) -> Resolution:
    if stop is None:
        return Resolution(branch)
    reason = _not_learnt(who, branch.flight.family, neighbour, stop.text)
    text = address_text(branch.flight.family, neighbour)
    doubt = Doubt.about(stop.mechanism, f"whether {who} knows the hardware address of {text}: {stop.text}")
    perhaps = branch.perhaps(doubt)
    if stop.is_certain:
        return Resolution(None, (_unreached(leg, branch, neighbour, stop, reason),), perhaps)
    return Resolution(perhaps, (_unreached(leg, perhaps, neighbour, stop, reason),))


def _unreached(leg: LegContext, branch: Branch, neighbour: int, stop: _Stop, reason: str) -> LegResult:
    return neighbour_unreachable(leg, branch, neighbour, stop.action, reason, stop.mechanism, stop.null_route)


def _mechanism_behind(obstacle: Obstacle) -> str:
    """What keeps a neighbour from being learnt where a bridge has this in the way."""
    return NEIGHBOUR_BRIDGE_PORT if obstacle.mechanism in (BRIDGE_PORT, HAIRPIN) else NEIGHBOUR


def _by_arp(stack: Stack, device: str, source: int, target: int) -> _Stop | None:
    problem = arp_problem(stack, device, source, target)
    return None if problem is None else _Stop(problem.text, mechanism=problem.mechanism, null_route=problem.null_route)


def _by_frame_rules(stopped: Stopped | None) -> _Stop | None:
    if stopped is None:
        return None
    text = f"the question or its answer is stopped, {stopped.text}"
    return _Stop(text, stopped.is_certain, mechanism=NEIGHBOUR_BRIDGE_RULE)


def _by_rules(
    leg: LegContext, bridge: Bridge, requester: BridgeNode, target: BridgeNode, source: int, neighbour: int
) -> _Stop | None:
    """What the host's rules do to neighbour discovery on a bridge."""
    neighbours, shows = leg.view.neighbours, bridge.calls[6]
    if requester.port is None and target.port is not None:
        shown = target.port.link.name if shows else ""
        return _stop(_words(neighbours.obstacle_from_host(bridge.name, shown, source, neighbour)))
    if requester.port is not None and target.port is None:
        shown = requester.port.link.name if shows else ""
        return _stop(_words(neighbours.obstacle_to_host(bridge.name, shown, source, neighbour)))
    if requester.port is None or target.port is None or not shows:
        return None
    ends = (requester.port.link.name, target.port.link.name)
    obstacle = neighbours.obstacle_between(bridge.name, ends, source, neighbour)
    if not obstacle:
        return None
    # It can learn it from a question of the other one, unless that is stopped as well.
    is_certain = bool(neighbours.obstacle_between(bridge.name, ends[::-1], neighbour, source))
    return _Stop(_words(obstacle), is_certain)


def _stop(text: str) -> _Stop | None:
    return _Stop(text) if text else None


def _words(obstacle: str) -> str:
    return f"neighbour discovery is stopped, {obstacle}" if obstacle else ""
