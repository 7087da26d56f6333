# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Neighbour discovery of IPv6, which passes the rules of the host as any packet does (RFC 4861, net/ipv6/ndisc.c).

Where rules stop it, a neighbour is reached only as long as the kernel remembers its hardware address. IPv4 is not
concerned: ARP does not pass the hooks of IP.
"""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.fields import NO_SOCKET
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import Traverser
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bridging import Bridge
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.discovery import (
    HOPS,
    advertisement,
    solicitation,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.frame_path import (
    Stopped,
    stopped_question,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.ipsec_policies import IpsecPolicies
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.misled import End
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.rule_text import decision_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    FORWARD,
    INPUT,
    OUTPUT,
    POSTROUTING,
    PREROUTING,
)

_IN, _OUT, _ACROSS = (PREROUTING, INPUT), (OUTPUT, POSTROUTING), (PREROUTING, FORWARD, POSTROUTING)


class Neighbours:
    """What rules of the host do to its neighbour discovery."""

    def __init__(self, traverser: Traverser, ipsec: IpsecPolicies) -> None:
        """Take the rules of the host and its IPsec policies."""
        self._traverser = traverser
        self._ipsec = ipsec
        self._known: dict[tuple[str, str, int, int], str] = {}

    def obstacle_to_host(self, device: str, port: str, asking: int, asked: int) -> str:
        """What stops that somebody on a link finds an address of the host; empty when nothing does.

        port: the bridge port that the question comes in by, where bridge netfilter shows it to the rules.
        """
        key = (device, port, asking, asked)
        if key not in self._known:
            self._known[key] = self._obstacle(_IN, solicitation(asking, asked), device, port) or self._obstacle(
                _OUT, advertisement(asked, asking), device, ""
            )
        return self._known[key]

    def obstacle_from_host(self, device: str, port: str, asking: int, asked: int) -> str:
        """What stops that the host, asking from an address of its own, finds somebody on a link; else empty."""
        key = (device, port, asking, asked)
        if key not in self._known:
            self._known[key] = self._obstacle(_OUT, solicitation(asking, asked), device, "") or self._obstacle(
                _IN, advertisement(asked, asking), device, port
            )
        return self._known[key]

    def obstacle_between(self, bridge: str, ports: tuple[str, str], asking: int, asked: int) -> str:
        """What stops that somebody behind the first port of a bridge finds somebody behind the second one.

        Only where bridge netfilter shows the frames to the rules.
        """
        key = (bridge, " ".join(ports), asking, asked)
        if key not in self._known:
            self._known[key] = self._across(solicitation(asking, asked), bridge, ports) or self._across(
                advertisement(asked, asking), bridge, ports[::-1]
            )
        return self._known[key]

    def stopped_as_frames(
        self, bridge: Bridge, asking: End, asked: End, family: int, numbers: tuple[int, int]
    ) -> Optional[Stopped]:
        """What rules for frames do to a question on a bridge or its answer, of ARP as well; see stopped_question()."""
        return stopped_question(self._traverser, bridge, asking, asked, family, numbers)

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
            flight = passages[0].flight
        if flight.ttl != HOPS:
            return _unheard(flight)
        undelivered = self._ipsec.delivering(flight, device) if hooks is _IN else None
        return "" if undelivered is None else undelivered.text


def _unheard(flight: Flight) -> str:
    return "" if flight.ttl == HOPS else f"a rule sets its hop limit, which has to be {HOPS}, to {flight.ttl}"
