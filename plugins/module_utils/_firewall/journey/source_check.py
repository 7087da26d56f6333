# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Packets whose source or destination address the kernel does not believe.

net/ipv4/route.c (ip_route_input_slow()) and net/ipv4/fib_frontend.c (fib_validate_source()). IPv6 has no such check.
"""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.ip_numbers import (
    address_text,
    is_loopback,
    is_multicast,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.policy import Asked
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.routing import (
    LOCAL,
    UNICAST,
    Decision,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.stack import Stack
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctl_keys import sysctl_key


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
    if decision.kind not in (LOCAL, UNICAST) or (decision.kind == UNICAST and not settings.forwards(4, device)):
        return ""
    return _reverse_path(stack, flight, device, decision)


def _reverse_path(stack: Stack, flight: Flight, device: str, decision: Decision) -> str:
    settings, fib = stack.settings, stack.fib
    strictness = settings.reverse_path(device)
    source = address_text(4, flight.saddr)
    if not strictness and not fib.has_custom_rules(4):
        if not settings.either(device, "accept_local") and stack.has_address(4, flight.saddr):
            return f"martian source {source}: it is an address of the {stack.label} itself"
        return ""
    mark = flight.mark if settings.either(device, "src_valid_mark") else 0
    incoming = decision.device if decision.kind == UNICAST else "lo"
    back = fib.lookup(Asked(4, flight.saddr, flight.daddr, incoming, mark, flight.protocol, flight.dport, flight.sport))
    if back.kind == LOCAL and not settings.either(device, "accept_local"):
        return f"martian source {source}: it is an address of the {stack.label} itself"
    key = f"rp_filter of {device} is {strictness}"
    if back.kind not in (LOCAL, UNICAST):
        if back.kind == "no route":
            return f"{key} and the {stack.label} has no route back to {source}" if strictness else ""
        return f"martian source {source}: the route back is of the kind {back.kind}"
    if back.device == device or (back.kind == LOCAL and device == "lo"):
        return ""
    has_addresses = bool(stack.addresses(4, device))
    if strictness == 1 or (strictness and not has_addresses):
        return f"{key} and the route back to {source} leads to {back.device}"
    return ""
