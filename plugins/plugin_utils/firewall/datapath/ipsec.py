# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What IPsec policies do to a packet that is none of IPsec (ip-xfrm(8)).

The kernel's side of it is net/xfrm/xfrm_policy.c. Policies of ``out`` are asked with the route: for what the host sends
ahead of OUTPUT, for what it sends on ahead of FORWARD, and once more with the new addresses where address translation
changes them (nf_xfrm_me_harder()), for frames on a bridge, too. Those of ``fwd`` come ahead of FORWARD, those of ``in``
behind INPUT, and both see a packet as it came in, before its translation (nf_nat_decode_session()). What becomes of a
packet that a policy sends as IPsec depends on its state and on another machine, so that nothing is claimed of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    BLOCK,
    FORWARDED,
    IN,
    OUT,
    Ipsec,
    IpsecPolicy,
    Link,
    sysctl_key,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.conntrack_nat import ICMP_ERRORS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.fields import tracked_connection
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_prefix, same_prefix

# Kinds of links whose packets come out of IPsec, so that policies ask what they were.
_TUNNELS = ("xfrm", "vti", "vti6")
_ALL_BITS = 0xFFFF


class PolicyEffect(NamedTuple):
    """That a packet does not simply go on."""

    text: str
    """Why it is lost, or what is not known of it."""
    is_certain: bool


_UNREAD = PolicyEffect("whether an IPsec policy takes it: none could be read", False)


class _PolicyQuery(NamedTuple):
    """What policies are asked with (struct flowi)."""

    family: int
    protocol: int
    source: int
    source_port: int | None
    destination: int
    destination_port: int | None
    mark: int | None


class _Selector(NamedTuple):
    """A policy, its prefixes as numbers."""

    policy: IpsecPolicy
    source: tuple[int, int]
    destination: tuple[int, int]


class IpsecPolicies:
    """The IPsec policies of the host."""

    def __init__(self, ipsec: Ipsec | None, links: Mapping[str, Link]) -> None:
        """Take what was read, None when it was not; and the host's links by name."""
        self._read = ipsec is not None
        found = ipsec or Ipsec()
        self._links = links
        self._blocked = frozenset(found.blocked)
        self._exempt = frozenset(found.exempt)
        self._selectors: dict[tuple[str, int], list[_Selector]] = {}
        for policy in found.policies:
            # Nothing but what goes through an interface of the kind xfrm has such a number.
            if not policy.if_id:
                selector = _Selector(policy, parse_prefix(policy.source)[1:], parse_prefix(policy.destination)[1:])
                self._selectors.setdefault((policy.direction, policy.family), []).append(selector)
        self.are_there = bool(found.policies or found.blocked) or not self._read

    def sending(self, flight: Flight, device: str) -> PolicyEffect | None:
        """What becomes of a packet that is about to leave by a device; ``lo`` for what the host sends to itself."""
        if not self.are_there:
            return None
        if self._read and self._is_exempt(flight.family, device, "disable_xfrm"):
            return self._default(OUT)
        return self._judged(OUT, _policy_query(flight))

    def forwarding(self, flight: Flight, device: str) -> PolicyEffect | None:
        """What becomes of a packet that came in by a device, and is not for the host."""
        if not self.are_there or (flight.family == 4 and self._is_exempt(4, device, "disable_policy")):
            return None
        return self._came_in(FORWARDED, flight, device)

    def delivering(self, flight: Flight, device: str) -> PolicyEffect | None:
        """What becomes of a packet that came in by a device and is for the host."""
        if not self.are_there or self._is_exempt(flight.family, device, "disable_policy"):
            return None
        return self._came_in(IN, flight, device)

    def _is_exempt(self, family: int, device: str, setting: str) -> bool:
        return any(sysctl_key(family, name, setting) in self._exempt for name in ("all", device))

    def _came_in(self, direction: str, flight: Flight, device: str) -> PolicyEffect | None:
        found = self._judged(direction, _as_it_came(flight))
        link = self._links.get(device)
        if found is not None and found.is_certain and link is not None and link.kind in _TUNNELS:
            return PolicyEffect(f"whether packets from {device} match what IPsec policies require: {found.text}", False)
        return found

    def _judged(self, direction: str, query: _PolicyQuery) -> PolicyEffect | None:
        if not self._read:
            return _UNREAD
        found = self._first_match(direction, query)
        for selector in self._selectors.get((direction, query.family), ()):
            if _may_take_error(selector, query) and _effect(selector.policy) != found:
                what = f"whether {_words(selector.policy)} takes it as an ICMP error about one of its packets"
                return PolicyEffect(f"{what}; see ip xfrm policy", False)
        return found

    def _default(self, direction: str) -> PolicyEffect | None:
        """What becomes of what no policy matches; which packets the kernel blocks by default is not followed."""
        if direction not in self._blocked:
            return None
        what = f"whether IPsec blocks it, as all of direction {direction} that no policy matches"
        return PolicyEffect(f"{what}; see ip xfrm policy getdefault", False)

    def _first_match(self, direction: str, query: _PolicyQuery) -> PolicyEffect | None:
        default = self._default(direction)
        first: PolicyEffect | None = None
        possible: list[PolicyEffect | None] = []
        for selector in self._selectors.get((direction, query.family), ()):
            matches = _matches(selector, query)
            if matches is False:
                continue
            effect = _effect(selector.policy)
            if matches:
                default = effect
                break
            possible.append(effect)
            first = first or PolicyEffect(f"whether {_words(selector.policy)} takes it", False)
        return default if all(effect == default for effect in possible) else first


def _effect(policy: IpsecPolicy) -> PolicyEffect | None:
    if policy.action == BLOCK:
        return PolicyEffect(f"{_words(policy)} blocks it; see ip -s xfrm policy", True)
    if not policy.templates:
        return None
    if policy.direction == OUT:
        what = f"what happens to it as IPsec, by {_words(policy)}"
        return PolicyEffect(f"{what}; see ip -s xfrm policy and ip xfrm state", False)
    if all(template.optional for template in policy.templates):
        return None
    return PolicyEffect(f"{_words(policy)} requires IPsec, which it does not use; see ip -s xfrm policy", True)


def _words(policy: IpsecPolicy) -> str:
    """The policy in the words of ip-xfrm(8)."""
    modes = ", ".join(f"tmpl mode {template.mode}" for template in policy.templates)
    parts = [f"src {policy.source} dst {policy.destination}"]
    parts += [f"proto {policy.protocol}"] if policy.protocol else []
    parts += [f"sport {policy.source_port}"] if policy.source_port_mask else []
    parts += [f"dport {policy.destination_port}"] if policy.destination_port_mask else []
    parts += [f"mark {policy.mark:#x}/{policy.mask:#x}"] if policy.mask else []
    parts += [f"dir {policy.direction} priority {policy.priority}"]
    parts += ["flag icmp"] if policy.icmp else []
    parts += ["action block"] if policy.action == BLOCK else [modes] if modes else []
    return f"the IPsec policy {' '.join(parts)}"


def _policy_query(flight: Flight) -> _PolicyQuery:
    ports = (flight.sport, flight.dport) if flight.icmp_type is None else (flight.icmp_type, flight.icmp_code)
    addresses = (flight.saddr, ports[0], flight.daddr, ports[1])
    return _PolicyQuery(flight.family, flight.protocol, *addresses, flight.mark)


def _as_it_came(flight: Flight) -> _PolicyQuery:
    """The packet before its own translation, as connection tracking knows it."""
    query, connection = _policy_query(flight), tracked_connection(flight)
    if connection is None:
        return query
    came = connection.reply if flight.reply else connection.original
    source, source_port, destination, destination_port = came
    by_ports = flight.icmp_type is None
    if connection.snat if flight.reply else connection.dnat:
        query = query._replace(destination=destination)
        query = query._replace(destination_port=destination_port) if by_ports else query
    if connection.dnat if flight.reply else connection.snat:
        query = query._replace(source=source)
        query = query._replace(source_port=source_port) if by_ports else query
    return query


def _matches(selector: _Selector, query: _PolicyQuery) -> bool | None:
    """xfrm_policy_match() and xfrm_selector_match(); None where it cannot be told."""
    policy = selector.policy
    answers: Iterable[bool | None] = (
        _in_prefix(query.family, selector.source, query.source),
        _in_prefix(query.family, selector.destination, query.destination),
        not policy.protocol or policy.protocol == query.protocol,
        _on_port(policy.source_port, policy.source_port_mask, query.source_port),
        _on_port(policy.destination_port, policy.destination_port_mask, query.destination_port),
        _marked(policy, query.mark),
        # Which device counts differs between directions and kernels.
        None if policy.interface else True,
    )
    found = tuple(answers)
    return False if False in found else None if None in found else True


def _may_take_error(selector: _Selector, query: _PolicyQuery) -> bool:
    """Whether the policy is asked with what an ICMP error quotes, the other way round (icmp_route_lookup()).

    That has the error's destination. The rest is not modelled, nor is which kernels do so for errors on their way
    through (6.9 and later).
    """
    policy = selector.policy
    is_error = query.source_port in ICMP_ERRORS.get(query.protocol, ())
    return policy.icmp and is_error and _in_prefix(query.family, selector.destination, query.destination)


def _in_prefix(family: int, prefix: tuple[int, int], address: int) -> bool:
    number, length = prefix
    return length == 0 or same_prefix(family, number, address, length)


def _on_port(wanted: int, mask: int, port: int | None) -> bool | None:
    if not mask:
        return True
    return None if port is None or mask != _ALL_BITS else port == wanted


def _marked(policy: IpsecPolicy, mark: int | None) -> bool | None:
    if not policy.mask:
        return True
    return None if mark is None else mark & policy.mask == policy.mark


def policy_prefixes(ipsec: Ipsec) -> Iterator[str]:
    """The prefixes that policies ask for."""
    for policy in ipsec.policies:
        yield policy.source
        yield policy.destination


def policy_ports(ipsec: Ipsec) -> Iterator[int]:
    """The ports that policies ask for."""
    for policy in ipsec.policies:
        if policy.source_port_mask:
            yield policy.source_port
        if policy.destination_port_mask:
            yield policy.destination_port
