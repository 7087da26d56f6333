# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether the host is a router for anyone between its outer interfaces.

Judged by packets: a neighbour on one interface sends to a neighbour on another. What a rule lets through, or
translates, somebody wanted, so only what passes by no more than the policy of chains counts. A host with one outer
interface gives nobody more than they have on its link already. Asked are the ways from and to the interface of the
default route, and round all interfaces, so the cost grows with their number only.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._checks import resources
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.interfaces import outer_links
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.bad_packet import BadPacketError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import OUTSIDE, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DELIVERED,
    NO_ANSWER,
    REQUEST,
    UNKNOWN,
    Hop,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LINKS,
    POLICY_RULES,
    ROUTES,
    RULESET,
    SYSCTL,
    HostSnapshot,
)

# Discard (RFC 863): no rule of a working network is about it, so it fares as all do that nobody thought of.
_PORT = 9
_SHOWN = 6
_TRANSLATES = ("dnat", "snat", "masquerade", "netmap", "redirect")
# Words of iptables and nft by which a rule says whom it is about.
_ABOUT = re.compile(
    r"(?<!\S)(-[iosd]|--(match-set|mark|physdev-\S+|mac-source|src-range|dst-range|[sd]ports?))(?!\S)"
    r"|\b[io]if(name|group|type)?\b|\b[sd]addr\b|\bmark\b|@"
)


@dataclass(frozen=True)
class _Way:
    """A packet between two outer interfaces, and what becomes of it."""

    version: int
    start: str
    end: str
    path: Path

    def __str__(self) -> str:
        return f"from {self.start} to {self.end} (IPv{self.version})"

    @property
    def is_open(self) -> bool:
        """Whether it leaves by the other interface, and no rule that is about the two of them says so."""
        return self.path.verdict in (DELIVERED, NO_ANSWER) and self._left_by == self.end and not self._is_wanted

    @property
    def rules(self) -> list[str]:
        """The rules that let everything through."""
        return [hop.rule for hop in self._accepted if hop.rule]

    @property
    def _asked(self) -> list[Hop]:
        return [hop for hop in self.path.hops if hop.leg == REQUEST]

    @property
    def _left_by(self) -> str:
        sent = [hop.outgoing for hop in self._asked if (hop.place, hop.action) == ("wire", "send")]
        return sent[-1] if sent else ""

    @property
    def _accepted(self) -> list[Hop]:
        return [hop for hop in self._asked if (hop.place, hop.action) == ("forward", "accept")]

    @property
    def _is_wanted(self) -> bool:
        translated = any(hop.rule and hop.action in _TRANSLATES for hop in self._asked)
        return translated or any(_ABOUT.search(hop.rule) for hop in self._accepted)


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    resource = resources.host(snapshot)
    pairs = [(version, *pair) for version in (4, 6) for pair in _pairs(examined, version)]
    if not pairs:
        names = sorted({link.name for version in (4, 6) for link in outer_links(snapshot, version)})
        return [not_applicable(resource, f"The host has one outer interface at most ({', '.join(names) or 'none'})")]
    if examined.view.problems:
        return [unknown(resource, "; ".join(examined.view.problems))]
    ways = [way for pair in pairs for way in [_way(examined, *pair)] if way is not None]
    found = [way for way in ways if way.is_open]
    if found:
        return [_open(snapshot, found)]
    doubted = [way for way in ways if way.path.verdict == UNKNOWN]
    if doubted or not ways:
        reason = f"{doubted[0].path.reason}, {doubted[0]}" if doubted else "no neighbour could be made out on any link"
        return [unknown(resource, reason, {str(way): way.path.doubts for way in doubted[:_SHOWN]})]
    evidence = {str(way): way.path.reason for way in ways[:_SHOWN]}
    return [passed(resource, "The host routes for nobody between its outer interfaces", evidence)]


def _pairs(examined: Examined, version: int) -> list[tuple[Link, Link]]:
    """Star and ring: each interface with that of the default route, both ways, and with the next one."""
    links = outer_links(examined.snapshot, version)
    if len(links) < 2:
        return []
    name = examined.view.uplink(version)
    hub = next((link for link in links if link.name == name), links[0])
    star = [pair for link in links if link is not hub for pair in ((hub, link), (link, hub))]
    return list({(start.index, end.index): (start, end) for start, end in [*star, *zip(links, links[1:])]}.values())


def _way(examined: Examined, version: int, start: Link, end: Link) -> Optional[_Way]:
    """The question and its answer; None where there is nobody to ask for on one of the links."""
    target = _neighbour(examined, end, version)
    if target is None:
        return None
    try:
        path = examined.path(Packet(Origin(OUTSIDE, start.name), target, "tcp", _PORT))
    except BadPacketError:
        return None
    return _Way(version, start.name, end.name, path)


def _neighbour(examined: Examined, link: Link, version: int) -> Optional[str]:
    """An address of somebody else on a link; where its subnet has no room, the next router by it."""
    is_own = examined.view.host.has_address
    for text in link.addresses:
        address = ipaddress.ip_interface(text)
        if address.version != version or address.ip.is_link_local or address.network.num_addresses < 4:
            continue
        return next((str(other) for other in address.network.hosts() if not is_own(version, int(other))), None)
    routers = [
        router for route in examined.snapshot.routes if link.index in route.interfaces for router in route.gateways
    ]
    parsed = [ipaddress.ip_address(router) for router in routers]
    return next((str(item) for item in parsed if item.version == version and not item.is_link_local), None)


def _open(snapshot: HostSnapshot, ways: list[_Way]) -> Verdict:
    names = ", ".join(map(str, ways[:_SHOWN]))
    more = f" and {len(ways) - _SHOWN} more ways" if len(ways) > _SHOWN else ""
    summary = f"The host routes for anyone between its own interfaces: {names}{more}"
    rules = list(dict.fromkeys(rule for way in ways for rule in way.rules))
    evidence: dict[str, Any] = {str(way): _told(way) for way in ways[:_SHOWN]}
    impact = (
        "Whoever is on one of these networks and names this host as gateway reaches the other one, past whatever "
        "else separates the two. Forwarding that is on before dockerd starts is the usual cause: dockerd then leaves "
        "the policy of the chain FORWARD at ACCEPT."
    )
    return failed(resources.host(snapshot), summary, evidence, impact, _remedy(snapshot, ways, rules))


def _told(way: _Way) -> str:
    return f"{way.path.reason}; let through by {'; '.join(way.rules) or 'the policy of the chains'}"


def _remedy(snapshot: HostSnapshot, ways: list[_Way], rules: list[str]) -> Remedy:
    driver = (snapshot.engine.firewall_driver or "") if snapshot.engine else ""
    if rules:
        return Remedy(f"A human decides. Replace the rule that lets everything through: {'; '.join(rules)}")
    if driver.startswith("nftables") or "firewalld" in driver:
        return Remedy(
            "A human decides. Let a chain of the host's own firewall at the hook forward drop what comes in by one "
            f"outer interface and leaves by another ({driver} decides here, not the policy of FORWARD)"
        )
    args: dict[str, Any] = {"state": "present", "families": sorted({f"ipv{way.version}" for way in ways})}
    text = "Close the chain FORWARD, now and at boot; rules of dockerd accept what containers send and get"
    return Remedy(text, "ip_forward", args)


OPEN_ROUTER = Check(
    id="forwarding.open-router",
    severity=HIGH,
    title="The host routes for nobody but its containers and whom rules name",
    rationale=(
        "Containers need forwarding, and forwarding makes a router of the host, for everybody and between all of its "
        "interfaces, unless the rules at the hook forward close it again."
    ),
    needs=(ENGINE, LINKS, ROUTES, POLICY_RULES, SYSCTL, RULESET),
    judge=_judge,
    mended_by=("ip_forward",),
)
