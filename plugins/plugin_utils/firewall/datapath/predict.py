# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Where a packet starts, where it goes, and whether its answer comes back."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    DROPPED,
    HOST,
    NO_ANSWER,
    OUTSIDE,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
    Packet,
    Path,
    PathStep,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import default_device, outer_links
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import (
    Branch,
    Branches,
    Ending,
    StepGroup,
    TooManyBranchesError,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.exchange import (
    Conversation,
    Exchange,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import (
    EPHEMERAL,
    FOREIGN_EPHEMERAL,
    Stack,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.reply_path import Start
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import RouteQuery
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight, Step, mechanism_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    BITS,
    ICMP,
    ICMPV6,
    TRANSPORTS,
    address_text,
    is_link_local,
    is_multicast,
    parse_address,
)

__all__ = ["SOURCE", "BadPacketError", "end_of", "predict"]

SOURCE = "source"
"""The part of a packet that is wrong where no address could be chosen to send it from."""


def predict(view: HostView, packet: Packet) -> Path:
    """Follow a packet from its origin to its end, and its answer back.

    Machines outside are taken to send whatever they are asked for to this host, to answer on every port, and to have no
    way back to private addresses other than those of their own network. Programs that listen are taken to answer.
    Raises BadPacketError for a packet that no one can send; never for a host that is in disorder.
    """
    endings = _endings(view, packet)
    path = _agreed(endings, view.problems)
    if not endings:
        return path
    nameless = view.synthetic_ports if packet.source_port is None else set()
    trace = _surest(endings).branch.trace
    steps = [_path_step(group, step, nameless) for group in trace for step in group.steps]
    return replace(path, steps=steps, decided_at=len(steps) - 1 if steps else None)


def end_of(view: HostView, packet: Packet) -> Path:
    """What predict() says without the steps, which take time when very many packets are followed."""
    return _agreed(_endings(view, packet), view.problems)


def _endings(view: HostView, packet: Packet) -> list[Ending]:
    """All ends that the packet can come to; none where there are too many."""
    start, first = departure(view, packet)
    try:
        conversation = Conversation(view, start, first, packet.protocol, Branches())
        return Exchange(conversation).run(Branch(first))
    except TooManyBranchesError:
        return []


def _surest(endings: list[Ending]) -> Ending:
    return min(endings, key=lambda ending: (ending.verdict == UNKNOWN, len(ending.branch.undetermined)))


def _agreed(endings: list[Ending], problems: list[str]) -> Path:
    """One path of all branches: what they agree on is so, whichever is the real one."""
    if not endings:
        why = "too many conditions that cannot be decided"
        return Path(UNKNOWN, UNKNOWN, f"it depends on {why}", undetermined=[why])
    endings = _levelled(endings)
    first = _surest(endings)
    known = {(ending.verdict, ending.observed, ending.responder) for ending in endings}
    undetermined = list(dict.fromkeys(doubt for ending in endings for doubt in ending.branch.undetermined))
    # What was not read of the rules could have ended any branch that passed a hook.
    if len(known) == 1 and first.verdict != UNKNOWN and not set(problems).intersection(undetermined):
        sources = {ending.translated_source for ending in endings}
        source = first.translated_source if len(sources) == 1 else ""
        words = str(first.responder or "")
        return Path(first.verdict, first.observed, first.reason, [], words, source, responder=first.responder)
    seen = {ending.observed for ending in endings} if not problems else set()
    reason = f"it depends on {undetermined[0]}" if undetermined else first.reason
    return Path(
        UNKNOWN,
        first.observed if len(seen) == 1 else UNKNOWN,
        reason,
        # As plain texts: they go into results, and to other processes.
        undetermined=[str(doubt) for doubt in undetermined],
        undetermined_mechanisms=[mechanism_of(doubt) for doubt in undetermined],
    )


def _levelled(endings: list[Ending]) -> list[Ending]:
    """Without what only tells silence from an error, where that hangs on whom somebody remembers as its neighbour."""
    seen = {ending.observed for ending in endings}
    if NO_ANSWER not in seen or not seen <= {NO_ANSWER, TIMED_OUT, UNREACHABLE}:
        return endings
    ends_before = {ending.verdict for ending in endings} <= {DROPPED, UNREACHABLE}
    verdict = _surest(endings).verdict
    return [
        ending._replace(observed=NO_ANSWER, verdict=verdict if ends_before else ending.verdict) for ending in endings
    ]


def _path_step(group: StepGroup, step: Step, nameless: set[int | None]) -> PathStep:
    chain, rule = step.chain, step.rule
    return PathStep(
        group.leg,
        step.place,
        step.action,
        _endpoint(group.family, step.saddr, None if step.sport in nameless else step.sport),
        _endpoint(group.family, step.daddr, None if step.dport in nameless else step.dport),
        group.incoming,
        group.outgoing,
        chain.table_name if chain else "",
        chain.name if chain else "",
        rule.text if rule else "",
        rule.number if rule else None,
        rule.handle if rule else None,
        step.note,
        rule.fields if rule else (),
        step.mechanism,
        step.subject,
    )


def _endpoint(family: int, address: int, port: int | None) -> str:
    text = address_text(family, address)
    if not port:
        return text
    return f"[{text}]:{port}" if family == 6 else f"{text}:{port}"


_TRIED = 1000
_ECHO_REQUEST = {ICMP: 8, ICMPV6: 128}


def departure(view: HostView, packet: Packet) -> tuple[Start, Flight]:
    """The place and the first packet. Raises BadPacketError."""
    family, destination = _address("destination", packet.destination)
    if is_multicast(family, destination) or view.host.is_broadcast(family, destination) or not destination:
        raise BadPacketError("destination", f"{packet.destination} is not the address of a single machine")
    number = _protocol(packet, family)
    start = _start(view, packet, family)
    source = _source(view, packet, start, family, destination, number)
    flight = Flight(family, number, source, source_port(view, packet, start), destination, packet.port)
    flight.bound = bool(packet.source)
    if packet.protocol == "icmp":
        # What `th dport` of nft reads there is the checksum.
        flight.sport = flight.dport = None
        flight.icmp_type, flight.icmp_code = _ECHO_REQUEST[number], 0
    return start, flight


def _address(name: str, text: str) -> tuple[int, int]:
    try:
        return parse_address(text)
    except ValueError:
        raise BadPacketError(name, f"{text!r} is no IPv4 or IPv6 address") from None


def _protocol(packet: Packet, family: int) -> int:
    if packet.protocol == "icmp":
        if packet.port:
            raise BadPacketError("port", f"icmp has none, found {packet.port}")
        return ICMP if family == 4 else ICMPV6
    if packet.protocol not in TRANSPORTS:
        raise BadPacketError("protocol", f"{packet.protocol!r} is not one of tcp, udp, icmp")
    for name, port in (("port", packet.port), ("source_port", packet.source_port)):
        if port is not None and not 1 <= port <= 65535:
            raise BadPacketError(name, f"{port} is not from 1 to 65535")
    return TRANSPORTS[packet.protocol]


def _start(view: HostView, packet: Packet, family: int) -> Start:
    origin = packet.origin
    if origin.kind == HOST:
        return Start(view.host)
    if origin.kind == OUTSIDE:
        return Start(None, _uplink(view, origin.name, family))
    if origin.kind != CONTAINER:
        raise BadPacketError("origin", f"{origin.kind!r} is not one of outside, host, container")
    container = view.containers.get(origin.name)
    if container is None:
        raise BadPacketError("origin", f"there is no container {origin.name!r}")
    if not container.running:
        raise BadPacketError("origin", f"container {origin.name} is not running")
    stack = view.stack_of(container)
    return Start(stack if stack is not None else view.unseen(container))


def _uplink(view: HostView, name: str, family: int) -> str:
    if name and name != "lo" and name in view.host.links:
        return name
    if name:
        allowed = ", ".join(link.name for link in outer_links(view.snapshot, 4, 6)) or "not known"
        if name == "lo":
            raise BadPacketError("origin", f"no machine outside is behind {name}; the host's uplinks are {allowed}")
        raise BadPacketError("origin", f"the host has no interface {name!r}; its uplinks are {allowed}")
    found = default_device(view.snapshot, family) or next(
        (link.name for link in outer_links(view.snapshot, family)), ""
    )
    if not found:
        raise BadPacketError("origin", f"the host has no uplink for IPv{family}; name one")
    return found


def _source(view: HostView, packet: Packet, start: Start, family: int, destination: int, number: int) -> int:
    if packet.source:
        own_family, source = _address(SOURCE, packet.source)
        if own_family != family:
            raise BadPacketError(SOURCE, f"{packet.source} is not of the family of {packet.destination}")
        if start.stack is not None and not start.stack.doubt and not start.stack.has_address(family, source):
            raise BadPacketError(SOURCE, f"{start.stack.label} has no address {packet.source}")
        return source
    if start.stack is None:
        return _neighbour(view, start.device, family, destination)
    # The kernel chooses the source before the port (ip_route_connect()).
    query = RouteQuery(family, destination, 0, "lo", 0, number, packet.source_port or 0, packet.port or 0)
    return chosen_source(start.stack, query)


def source_port(view: HostView, packet: Packet, start: Start) -> int | None:
    """The one that is asked for, or one that stands for all that the origin could choose."""
    if packet.source_port is not None:
        return packet.source_port
    if start.stack is None:
        return view.free_port(*FOREIGN_EPHEMERAL)
    return view.free_port(*(view.settings.ephemeral_ports() if start.stack is view.host else EPHEMERAL))


def chosen_source(stack: Stack, query: RouteQuery) -> int:
    """The source that a namespace gives its packet; 0 where it has no way to send it at all."""
    return stack.source_for(query, stack.fib.lookup(query)) or 0


def _neighbour(view: HostView, device: str, family: int, destination: int) -> int:
    """An address on the uplink's link that is no one's of this host: of the last ones, which are rarely given out.

    Where the uplink has an address of its own alone (as in many clouds) the next router stands in.
    """
    routers = [parse_address(gateway)[1] for gateway in _routers(view, device, family)]
    taken = {*view.host.numbers(family), *routers, destination}
    own = view.host.addresses(family, device)
    for address in sorted(own, key=lambda item: is_link_local(family, item.number)):
        last = address.number | (1 << BITS[family] - address.length) - 1
        first = last - (1 << BITS[family] - address.length) + 2
        lowest = max(first, last - _TRIED)
        found = next((number for number in range(last - 1, lowest - 1, -1) if number not in taken), None)
        if found is not None:
            return found
    if routers:
        return routers[0]
    raise BadPacketError(SOURCE, f"none could be chosen, {device} has no IPv{family} subnet; give one")


def _routers(view: HostView, device: str, family: int) -> list[str]:
    """The next hops of routes by a device."""
    link = view.host.links[device]
    routes = (route for route in view.snapshot.routes if link.index in route.interfaces)
    return [gateway for route in routes for gateway in route.gateways if parse_address(gateway)[0] == family]


class BadPacketError(ValueError):
    """The message names the part of the packet, its value, and what is allowed."""

    def __init__(self, part: str, problem: str) -> None:
        """Take the name of the packet's field, and what is wrong with it."""
        super().__init__(f"{part}: {problem}")
        self.part = part
        self.problem = problem
