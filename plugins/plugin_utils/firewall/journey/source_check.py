# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Packets whose source or destination address the kernel does not believe.

net/ipv4/route.c (ip_route_input_slow()) and net/ipv4/fib_frontend.c (fib_validate_source()). IPv6 has no such check.
"""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import sysctl_key
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    address_text,
    is_loopback,
    is_multicast,
    same_prefix,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.policy import Asked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.routing import (
    LOCAL,
    NO_ROUTE,
    UNCERTAIN,
    UNICAST,
    UNREACHABLE,
    Decision,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.stack import Stack

# fib_lookup() fails with each of them, so that rp_filter alone decides (last_resort in __fib_validate_source()).
_NOWHERE = (NO_ROUTE, "blackhole", UNREACHABLE, "prohibit")


def source_doubt(stack: Stack, flight: Flight, device: str, decision: Decision) -> str:
    """Why it cannot be told what source_problem() would; empty where it can."""
    if flight.family == 6 or not _is_checked(stack, device, decision) or not _is_looked_up(stack, device):
        return ""
    back = _back(stack, flight, device, decision)
    return back.why if back.kind == UNCERTAIN else ""


def source_problem(stack: Stack, flight: Flight, device: str, decision: Decision) -> str:
    """Why a stack drops a packet that came in by device and has this route; empty when it does not."""
    if flight.family == 6:
        return ""
    settings = stack.settings
    for role, address in (("source", flight.saddr), ("destination", flight.daddr)):
        if is_loopback(4, address) and not settings.either(device, "route_localnet"):
            key = sysctl_key(4, device, "route_localnet")
            return f"martian {role} {address_text(4, address)}: {key} is 0"
    if is_multicast(4, flight.saddr) or flight.saddr >> 24 == 0:
        return f"martian source {address_text(4, flight.saddr)}"
    return _reverse_path(stack, flight, device, decision) if _is_checked(stack, device, decision) else ""


def arp_problem(stack: Stack, device: str, source: int, asked: int) -> str:
    """Why a stack does not answer, or perhaps does not, who asks from an address for one of its own (arp_process()).

    The kernel routes the question as a packet from the one to the other. Empty where it answers.
    """
    decision = stack.fib.lookup(Asked(4, asked, source, device))
    if decision.kind != LOCAL:
        return decision.why or f"the {stack.label} has no route to {address_text(4, asked)} for who asks"
    question = Flight(4, 0, source, 0, asked, 0)
    return (
        source_doubt(stack, question, device, decision)
        or source_problem(stack, question, device, decision)
        or _ignored(stack, device, source, asked)
        or _filtered(stack, device, source, asked)
    )


def _ignored(stack: Stack, device: str, source: int, asked: int) -> str:
    """Why arp_ignore keeps a stack from answering (arp_ignore() of net/ipv4/arp.c)."""
    level = stack.settings.larger(device, "arp_ignore")
    own = [item for item in stack.addresses(4, device) if item.number == asked]
    if level == 2:
        own = [item for item in own if same_prefix(4, item.number, source, item.length)]
    if level == 8 or (level in (1, 2) and not own) or (level == 3 and is_loopback(4, asked)):
        address = address_text(4, asked)
        return f"arp_ignore of {device} is {level}: the {stack.label} does not answer there for {address}"
    return ""


def _filtered(stack: Stack, device: str, source: int, asked: int) -> str:
    """Why arp_filter keeps a stack from answering: its own packets to who asks leave elsewhere (arp_filter())."""
    if not stack.settings.either(device, "arp_filter"):
        return ""
    back = stack.fib.lookup(Asked(4, source, asked))
    if back.kind == UNCERTAIN:
        return back.why
    if back.device == device:
        return ""
    ways = f"by {back.device}" if back.device else "nowhere"
    return f"arp_filter of {device} is 1 and packets of the {stack.label} to {address_text(4, source)} leave {ways}"


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
    asked = Asked(4, flight.saddr, flight.daddr, incoming, mark, flight.protocol, port, source_port)
    return stack.fib.lookup(stack.fib.as_read(asked))


def _own_source(stack: Stack, flight: Flight) -> str:
    return f"martian source {address_text(4, flight.saddr)}: it is an address of the {stack.label} itself"


def _reverse_path(stack: Stack, flight: Flight, device: str, decision: Decision) -> str:
    if not _is_looked_up(stack, device):
        accepts = stack.settings.either(device, "accept_local") or not stack.has_address(4, flight.saddr)
        return "" if accepts else _own_source(stack, flight)
    back = _back(stack, flight, device, decision)
    if back.kind == LOCAL and not stack.settings.either(device, "accept_local"):
        return _own_source(stack, flight)
    if back.kind in (LOCAL, UNICAST) and (back.device == device or (back.kind == LOCAL and device == "lo")):
        return ""
    strictness = stack.settings.reverse_path(device)
    source = address_text(4, flight.saddr)
    key = f"rp_filter of {device} is {strictness}"
    if back.kind in _NOWHERE:
        words = "no route" if back.kind == NO_ROUTE else f"only a route of the kind {back.kind}"
        return f"{key} and the {stack.label} has {words} back to {source}" if strictness else ""
    if back.kind not in (LOCAL, UNICAST):
        return f"martian source {source}: the route back is of the kind {back.kind}"
    has_addresses = bool(stack.addresses(4, device))
    if strictness == 1 or (strictness and not has_addresses):
        return f"{key} and the route back to {source} leads to {back.device}"
    return ""
