# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""One connection as its sender sees it: the packets there and back, who is reached, and what becomes of the answer.

The one who is reached is the host, a container, docker-proxy (which makes a second connection to a container), or a
machine outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import (
    DROPS_FOR_HELD_PORTS,
    PROXY_KEEPS_ADDRESS,
    has,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener, ProxyProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CLOSED,
    CONTAINER,
    DELIVERED,
    DROPPED,
    HOST,
    NO_ANSWER,
    PROXY_REPLY,
    PROXY_REQUEST,
    REFUSED,
    REPLY,
    REQUEST,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
    Responder,
    Subject,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import (
    ARRIVED,
    OUTSIDE,
    REJECTED,
    UNDETERMINED,
    Branch,
    Branches,
    Ending,
    LegResult,
    ending_of_request,
    is_reset,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.halted import (
    halted_in_words,
    is_shared,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import (
    DOCKER_PROXY,
    HostView,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.leg import Leg
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Sockets, Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.reply_path import (
    ReplyPath,
    Start,
    datagram_source,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import RouteQuery
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import HALTED, Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    ACK,
    PSH,
    RST,
    TRANSPORTS,
    address_text,
    is_loopback,
    is_private,
    parse_address,
)

_LOOPBACK6 = 1


_MACHINE_OUTSIDE = Responder("outside")


class Exchange:
    """One connection. docker-proxy makes a second one, which is an exchange of its own."""

    def __init__(self, conversation: Conversation) -> None:
        """Take what the two ends can send each other."""
        self._conversation = conversation
        self._view = conversation.view
        self._protocol = conversation.protocol

    def run(self, before: Branch) -> list[Ending]:
        """All ways in which it can end, each with its branch; before is what happened until now."""
        first, sender = self._conversation.first, self._conversation.start.stack
        branch = before._replace(flight=first, tracked=None)
        if sender:
            hindrance = self._view.slice_hindrance(first.family, first.daddr)
            if hindrance:
                return [self._conversation.unknown(branch, f"whether the {sender.label} sends packets: {hindrance}")]
        return [ending for result in self._conversation.send(branch) for ending in self._reached(result)]

    def _reached(self, result: LegResult) -> list[Ending]:
        if result.disposition == OUTSIDE:
            return reached_outside(self._conversation, result)
        if result.disposition == REJECTED:
            return self._conversation.reply_path.send_error(result, self._protocol)
        if result.disposition != ARRIVED or result.stack is None:
            return [ending_of_request(result, self._protocol)]
        if self._protocol == "icmp":
            settings = result.stack.settings
            if settings.ignores_echo(result.branch.flight.family):
                key = settings.echo_key(result.branch.flight.family)
                after = result.branch.note(self._conversation.there.name, "socket", "drop", f"{key} is 1")
                return [
                    Ending(DROPPED, TIMED_OUT, f"{key} is 1: the {result.stack.label} answers no echo requests", after)
                ]
            return self._conversation.answered(
                result, _responder(result.stack), self._conversation.reply_path.answer_to(result)
            )
        stack = result.stack
        if stack.sockets is None:
            return [self._conversation.unknown(result.branch, f"which ports {stack.label} listens on")]
        flight = result.branch.flight
        port = flight.dport or 0
        listener = stack.sockets.find(self._protocol, flight.family, flight.daddr, port, result.device)
        if listener is None:
            return self._refused(result)
        if self._view.is_asleep(stack):
            return [self._conversation.unread(result, f"{stack.label} is paused, so nothing answers")]
        if listener.halt is not None:
            return [self._halted(result, listener, stack.sockets)]
        return self._host_socket(result, listener) if stack is self._view.host else self._served(result, listener)

    def _halted(self, result: LegResult, listener: Listener, sockets: Sockets) -> Ending:
        """The process that should accept does not run."""
        what = halted_in_words(listener)
        if is_shared(listener, sockets.beside(listener)):
            return self._conversation.unknown(result.branch, f"whether another process answers: {what}")
        reason = f"{what}, so nothing answers on port {listener.port}"
        return self._conversation.unread(result, reason, HALTED, Subject(process=listener.pid))

    def _host_socket(self, result: LegResult, listener: Listener) -> list[Ending]:
        proxy = self._view.socket_owners.proxy_behind(listener)
        if proxy is not None:
            flight = result.branch.flight
            sender = address_text(flight.family, flight.saddr)
            hindrance = self._view.dockerd_filters.hindrance(sender, proxy.container_ip)
            if hindrance:
                what = f"whether docker-proxy on port {listener.port} gets packets: {hindrance}"
                return [self._conversation.unknown(result.branch, what)]
            return proxied(self._conversation, result, listener, proxy, lambda branch: self._dial(branch, proxy))
        if listener.owner == DOCKER_PROXY:
            return [
                self._conversation.unknown(result.branch, (f"where docker-proxy on port {listener.port} forwards to"))
            ]
        reason = self._view.socket_owners.only_held(listener)
        if not reason:
            return self._served(result, listener)
        if has(self._view.snapshot.engine, DROPS_FOR_HELD_PORTS):
            return [self._conversation.silent(result, reason)]
        return [self._conversation.unread(result, reason)]

    def _served(self, result: LegResult, listener: Listener) -> list[Ending]:
        """Somebody listens, and answers."""
        if result.stack is None:
            raise AssertionError("only what came to a stack can be answered by one")
        flight = result.branch.flight
        # What leaves the host's processes may have been translated on its way.
        peers = (
            [flight.saddr] if self._conversation.start.stack is not self._view.host else [flight.saddr, flight.daddr]
        )
        hindrance = self._view.slice_hindrance(flight.family, *peers)
        if hindrance:
            what = f"whether port {listener.port} of the {result.stack.label} gets packets: {hindrance}"
            return [self._conversation.unknown(result.branch, what)]
        reply = self._conversation.reply_path.answer_to(result)
        if self._protocol == "udp":
            chosen = datagram_source(result.stack, listener, reply)
            if chosen != reply.saddr:
                wanted, used = (address_text(reply.family, number) for number in (reply.saddr, chosen))
                who = f"the program on UDP port {listener.port} of {result.stack.label}"
                return [self._conversation.unknown(result.branch, f"whether {who} answers from {wanted}, not {used}")]
        return self._conversation.answered(result, _responder(result.stack, listener.owner), reply)

    def _refused(self, result: LegResult) -> list[Ending]:
        """No one listens: TCP sends a reset, UDP an ICMP error, which have to come back, too."""
        if result.stack is None:
            raise AssertionError("only what came to a stack can be answered by one")
        flight = result.branch.flight
        reason = f"nothing listens on {self._protocol.upper()} port {flight.dport} of {result.stack.label}"
        if self._protocol == "tcp" and flight.family == 6 and flight.saddr == _LOOPBACK6 != flight.daddr:
            # The kernel looks for a way to ::1 by the device that has the address (rt6_need_strict()).
            return [self._conversation.unknown(result.branch, "whether a reset from another address finds ::1")]
        subject = Subject(container=result.stack.container or "")
        branch = result.branch.note(self._conversation.there.name, "socket", "refuse", reason, subject=subject)
        reply = self._conversation.reply_path.refusal_of(result)
        endings = []
        for outcome in self._conversation.reply_path.send(result, branch, reply):
            if isinstance(outcome, Branch):
                endings.append(Ending(REFUSED, REFUSED, reason, outcome))
            else:
                endings.append(outcome._replace(reason=f"{reason}, and {outcome.reason}"))
        return endings

    def _dial(self, branch: Branch, proxy: ProxyProcess) -> list[Ending]:
        """The connection of docker-proxy to its container."""
        family, address = parse_address(proxy.container_ip)
        host = self._view.host
        query = RouteQuery(family, address, 0, "lo", 0, TRANSPORTS[self._protocol], 0, proxy.container_port)
        source = host.source_for(query, host.fib.lookup(query)) or 0
        port = self._view.free_port(*self._view.settings.ephemeral_ports())
        flight = Flight(family, TRANSPORTS[self._protocol], source, port, address, proxy.container_port)
        flight.skuid = flight.skgid = ROOT
        conversation = Conversation(
            self._view, Start(host), flight, self._protocol, self._conversation.branches, by_proxy=True
        )
        return Exchange(conversation).run(branch)


def _responder(stack: Stack, program: str = "") -> Responder:
    kind = HOST if stack.container is None else CONTAINER
    return Responder(kind, stack.container or "", program)


class Conversation:
    """What the two ends of one connection send each other."""

    def __init__(
        self,
        view: HostView,
        start: Start,
        first: Flight,
        protocol: str,
        branches: Branches,
        *,
        by_proxy: bool = False,
    ) -> None:
        """Take the first packet; by_proxy only names the legs, branches are those of the whole prediction."""
        self.branches = branches
        self.view = view
        self.start = start
        self.first = first
        self.protocol = protocol
        self.there = Leg(view, PROXY_REQUEST if by_proxy else REQUEST, branches)
        self.reply_path = ReplyPath(view, start, first, Leg(view, PROXY_REPLY if by_proxy else REPLY, branches))

    def send(self, branch: Branch) -> list[LegResult]:
        """Send a packet from where the connection begins."""
        if self.start.stack is not None:
            return self.there.from_stack(self.start.stack, branch)
        return self.there.from_outside(self.start.device, branch)

    def answered(self, result: LegResult, who: Responder, reply: Flight) -> list[Ending]:
        """Somebody answers: the endings, by what becomes of the answer and of the data that follows."""
        source = address_text(reply.family, reply.daddr)
        delivered = result.branch.note(self.there.name, "socket", "deliver", str(who))
        return [
            Ending(DELIVERED, ANSWERED, f"{who} answers, and the answer comes back", outcome, who, source)
            if isinstance(outcome, Branch)
            else outcome
            for outcome in self.round_trip(result, delivered, reply)
        ]

    def silent(self, result: LegResult, reason: str, mechanism: str = "", subject: Subject | None = None) -> Ending:
        """It arrived, and no one answers; mechanism and subject as of PathStep."""
        after = result.branch.note(self.there.name, "socket", "hold", reason, mechanism, subject)
        return Ending(NO_ANSWER, TIMED_OUT, reason, after)

    def unread(self, result: LegResult, reason: str, mechanism: str = "", subject: Subject | None = None) -> Ending:
        """It arrived where the kernel makes connections, and no program reads what comes.

        The kernel acknowledges that all the same, and where this goes to can make a difference to what is seen.
        """
        end = self.silent(result, reason, mechanism, subject)
        if self.protocol != "tcp":
            return end
        for outcome in self.opened(result, result.branch, self.reply_path.answer_to(result)):
            for last in self.first_back(result, outcome, ACK) if isinstance(outcome, Branch) else (outcome,):
                if isinstance(last, Ending) and last.observed != TIMED_OUT:
                    return end._replace(observed=UNKNOWN, reason=f"{reason}; {last.reason}")
        return end

    def unknown(self, branch: Branch, what: str) -> Ending:
        """It cannot be known how it ends."""
        return Ending(UNKNOWN, UNKNOWN, f"it is not known {what}", branch.perhaps(what))

    def round_trip(self, result: LegResult, branch: Branch, reply: Flight) -> Iterator[Branch | Ending]:
        """The answer's reply path, and for TCP that of the data that follows."""
        for outcome in self.opened(result, branch, reply):
            if isinstance(outcome, Branch) and self.protocol == "tcp":
                yield from self.first_back(result, outcome, ACK | PSH)
            else:
                yield outcome

    def opened(self, result: LegResult, branch: Branch, reply: Flight) -> Iterator[Branch | Ending]:
        """The answer's reply path, and for TCP the way of the first data there."""
        for outcome in self.reply_path.send(result, branch, reply):
            if not isinstance(outcome, Branch):
                yield from self._sent_again(outcome)
                continue
            if self.protocol != "tcp":
                yield outcome
                continue
            yield from self.data_there(result, outcome)

    def _sent_again(self, lost: Ending) -> Iterator[Ending]:
        """An answer to a SYN is lost, so its sender sends it again.

        Once connection tracking has seen an answer it is of an established connection to rules (resolve_normal_ct()),
        which can refuse it now: what is seen of that is left open.
        """
        connection = lost.branch.flight.connection
        is_silent = self.protocol == "tcp" and lost.observed in (TIMED_OUT, NO_ANSWER)
        if not is_silent or connection is None or not connection.seen_reply:
            yield lost
            return
        for end in self.send(lost.branch._replace(flight=self.first, tracked=connection)):
            seen = UNKNOWN if end.disposition in (REJECTED, UNDETERMINED) else lost.observed
            undetermined = end.branch.undetermined
            yield lost._replace(observed=seen, branch=lost.branch._replace(undetermined=undetermined))

    def data_there(self, result: LegResult, branch: Branch) -> Iterator[Branch | Ending]:
        """For TCP the first packet with data, of a connection that is established by now."""
        if self.protocol != "tcp":
            yield branch
            return
        flight = self.first.copy()
        flight.tcp_flags = ACK | PSH
        for end in self.send(branch.carrying(flight)):
            if end.disposition == result.disposition == OUTSIDE and end.device != result.device:
                # Routers there may keep states of their own, and what MASQUERADE took from one device does not leave by
                # another (nf_nat_oif_changed()).
                what = (
                    f"whether a connection opened through {result.device} continues through {end.device}, where its "
                    "data leaves"
                )
                yield self.unknown(end.branch, what)
            elif _socket_of(end) == _socket_of(result):
                # It takes the same way again; only what decides is worth showing.
                yield branch._replace(undetermined=end.branch.undetermined, tracked=end.branch.tracked)
            else:
                yield from self._data_lost(end)

    def first_back(self, result: LegResult, branch: Branch, flags: int) -> Iterator[Branch | Ending]:
        """What comes back first over an open connection, by its TCP flags.

        Data may be what connection tracking sees first (nf_conntrack_tcp_loose), a reset is not.
        """
        reply = self.reply_path.answer_to(result)
        reply.tcp_flags = flags
        for outcome in self.reply_path.send(result, branch, reply):
            if isinstance(outcome, Branch):
                yield branch._replace(undetermined=outcome.undetermined, tracked=outcome.tracked)
            else:
                yield outcome

    def _data_lost(self, end: LegResult) -> Iterator[Ending]:
        """A reset ends an established connection, other errors do not (tcp_v4_err())."""
        if end.disposition in (ARRIVED, OUTSIDE):
            # Who gets it resets it, if there is anybody.
            where = end.stack.label if end.stack is not None else f"the wire behind {end.device}"
            reason = f"the connection opens, then its data reaches another socket: {where}"
            yield Ending(DROPPED, UNKNOWN, reason, end.branch)
            return
        resets = end.disposition == REJECTED and is_reset(end.error)
        endings = self.reply_path.send_error(end, self.protocol) if resets else [ending_of_request(end, self.protocol)]
        for ending in endings:
            if ending.verdict == UNKNOWN:
                yield ending
                continue
            seen = CLOSED if resets and ending.observed == REFUSED else TIMED_OUT
            reason = f"the connection opens, then its data is lost: {ending.reason}"
            yield ending._replace(verdict=DROPPED, observed=seen, reason=reason)


def _socket_of(result: LegResult) -> tuple[str, Stack | None, int, int | None]:
    """Which socket a packet came to, if it did."""
    return result.disposition, result.stack, result.branch.flight.daddr, result.branch.flight.dport


def reached_outside(conversation: Conversation, result: LegResult) -> list[Ending]:
    """Machines outside are taken to answer, if they can know the reply path."""
    flight = result.branch.flight
    if is_loopback(flight.family, flight.saddr):
        source = address_text(flight.family, flight.saddr)
        reason = f"it leaves with the source {source}, which machines outside discard"
        return [Ending(NO_ANSWER, TIMED_OUT, reason, result.branch, translated_source=source)]
    if conversation.start.stack is not None and not _is_known(conversation, flight, result.device):
        source = address_text(flight.family, flight.saddr)
        if is_private(flight.family, flight.saddr):
            reason = f"it leaves with the source {source}, to which machines outside have no return route"
            return [Ending(NO_ANSWER, TIMED_OUT, reason, result.branch, translated_source=source)]
        return [conversation.unknown(result.branch, f"whether machines outside have a return route to {source}")]
    if conversation.start == Start(None, result.device) and _is_known(conversation, flight, result.device):
        return _between_neighbours(conversation, result)
    return conversation.answered(result, _MACHINE_OUTSIDE, conversation.reply_path.answer_to(result))


def _between_neighbours(conversation: Conversation, result: LegResult) -> list[Ending]:
    """Sent on to where it came from: the answer goes straight back, past this host."""
    reply = conversation.reply_path.answer_to(result)
    source = address_text(reply.family, reply.daddr)
    branch = result.branch
    if reply.daddr == conversation.first.saddr and (reply.saddr, reply.sport) == (
        conversation.first.daddr,
        conversation.first.dport,
    ):
        return [
            Ending(DELIVERED, ANSWERED, "the reply from outside bypasses this host", outcome, _MACHINE_OUTSIDE, source)
            if isinstance(outcome, Branch)
            else outcome
            for outcome in conversation.data_there(result, branch)
        ]
    if conversation.view.host.has_address(reply.family, reply.daddr):
        return conversation.answered(result, _MACHINE_OUTSIDE, reply)
    reason = f"the reply goes directly back through {result.device} and bypasses the address translation of this host"
    return [Ending(NO_ANSWER, TIMED_OUT, reason, branch, translated_source=source)]


def _is_known(conversation: Conversation, flight: Flight, device: str) -> bool:
    host, source = conversation.view.host, flight.saddr
    return host.is_on_link(flight.family, source, device) or host.has_address(flight.family, source)


ROOT = 0

Dial = Callable[[Branch], list[Ending]]


def proxied(
    conversation: Conversation, result: LegResult, listener: Listener, proxy: ProxyProcess, dial: Dial
) -> list[Ending]:
    """A connection to docker-proxy; dial is the one that it makes to its container, after a course of events."""
    branch = result.branch.note(conversation.there.name, "proxy", "deliver", f"docker-proxy, process {proxy.pid}")
    reply = conversation.reply_path.answer_to(result)
    reply.skuid = reply.skgid = ROOT
    if conversation.protocol == "udp":
        if not has(conversation.view.snapshot.engine, PROXY_KEEPS_ADDRESS):
            if result.stack is None:
                raise AssertionError("only what came to a stack can be answered by one")
            reply.saddr = datagram_source(result.stack, listener, reply)
        return _relayed(conversation, result, branch, reply, dial(branch))
    endings: list[Ending] = []
    for outcome in conversation.opened(result, branch, reply):
        if isinstance(outcome, Branch):
            endings += [shown for inner in dial(outcome) for shown in _shown(conversation, result, outcome, inner)]
        else:
            endings.append(outcome)
    return endings


def _relayed(
    conversation: Conversation, result: LegResult, branch: Branch, reply: Flight, inner: list[Ending]
) -> list[Ending]:
    """A datagram's answer goes back once the container's came to docker-proxy."""
    endings = []
    for ending in inner:
        if ending.observed != ANSWERED:
            endings.append(ending if ending.verdict == UNKNOWN else ending._replace(observed=TIMED_OUT))
            continue
        tracked = ending.branch._replace(tracked=branch.tracked)
        endings += [
            ending._replace(branch=outcome) if isinstance(outcome, Branch) else outcome
            for outcome in conversation.reply_path.send(result, tracked, reply)
        ]
    return endings


def _shown(conversation: Conversation, result: LegResult, opened: Branch, inner: Ending) -> list[Ending]:
    """What comes back of docker-proxy's own connection: data, or, where it was refused, the end of the one it accepted.

    It closes with the request unread, which is a reset (tcp_close()).
    """
    closes = inner.observed in (REFUSED, UNREACHABLE)
    ending = inner._replace(observed=CLOSED) if closes else inner
    if ending.verdict == UNKNOWN or ending.observed not in (ANSWERED, CLOSED):
        return [ending]
    branch = inner.branch._replace(tracked=opened.tracked)
    return [
        ending._replace(branch=outcome) if isinstance(outcome, Branch) else outcome
        for outcome in conversation.first_back(result, branch, RST | ACK if closes else ACK | PSH)
    ]
