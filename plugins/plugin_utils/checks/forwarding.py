# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of forwarding by the kernel: on for containers, after the next boot as well, and for nothing else.

IPv4 asks the interface that a packet comes in by (IN_DEV_FORWARD in ip_route_input_slow() of net/ipv4/route.c), so
every such interface is judged; ``default`` is what the bridge of the next network begins with. For IPv6 one setting
decides for all interfaces: net.ipv6.conf.all.forwarding (ip6_forward() of net/ipv6/ip6_output.c). The settings of
single interfaces only say whether the host behaves as a router there, towards router advertisements say
(Documentation/networking/ip-sysctl.rst); they are shown, and not judged.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_orders import (
    LEFT_ALONE,
    NFTABLES,
    NO_DOCKERD,
    NO_NETWORK,
    NOT_STARTED,
    UNTOLD,
    obstacle_at_start,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import would_close_forward
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import BootSysctls, sysctl_key
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DELIVERED,
    NO_ANSWER,
    OUTSIDE,
    REQUEST,
    UNKNOWN,
    Origin,
    Packet,
    Path,
    PathStep,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    BOOT,
    ENGINE,
    LINKS,
    POLICY_RULES,
    ROUTES,
    RULESET,
    SYSCTL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import BootValue, boot_value
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import (
    AdvertisedUplink,
    advertised_uplinks,
    default_device,
    outer_links,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BREAKS,
    BROKEN,
    OPEN,
    TO_KNOW,
    Check,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, outward_networks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import interface_of

_IPV4_SYSCTL = "net.ipv4.ip_forward"
_NEXT = "default"
_CUT_OFF = (
    "Containers reach only the host and their own network, and no other machine reaches their published ports: the "
    "kernel drops these packets."
)


def _judge_ipv4(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    networks = outward_networks(snapshot, 4)
    if not networks:
        return [not_applicable(resources.host(snapshot), "There is no IPv4 bridge network that is not internal")]
    present = {link.name for link in snapshot.links}
    # The engine lists its networks in another order each time.
    ordered = sorted(networks, key=lambda network: network.name)
    bridges = {network.bridge or "": network.name for network in ordered if network.bridge in present}
    uplinks = [link.name for link in outer_links(snapshot, 4)]
    keys = {name: sysctl_key(4, name, "forwarding") for name in [*uplinks, *bridges]}
    read = {key: snapshot.sysctls[key] for key in [_IPV4_SYSCTL, *keys.values()] if key in snapshot.sysctls}
    unread = [key for key in [_IPV4_SYSCTL, *keys.values()] if key not in read]
    if unread:
        return [unknown(resources.host(snapshot), f"the kernel does not show {', '.join(unread)}", read)]
    closed = [name for name, key in keys.items() if read[key] == "0"]
    if closed and read[_IPV4_SYSCTL] == "0":
        return [_closed_host(snapshot, closed, read)]
    found = [_closed_interface(name, keys[name], bridges.get(name)) for name in closed]
    if snapshot.sysctls.get(sysctl_key(4, _NEXT, "forwarding")) == "0" and read[_IPV4_SYSCTL] != "0":
        found.append(_closed_default())
    names = ", ".join(keys) or "no interface yet"
    return found or [passed(resources.host(snapshot), f"The kernel forwards IPv4 on {names}", read)]


def _closed_host(snapshot: HostSnapshot, closed: list[str], read: dict[str, Any]) -> Verdict:
    summary = f"{_IPV4_SYSCTL}=0: the host forwards no IPv4 that arrives on {', '.join(closed)}"
    return failed(resources.host(snapshot), summary, read, _CUT_OFF, _ipv4_remediation())


def _closed_interface(name: str, key: str, network: str | None) -> Verdict:
    resource = resources.interface(name)
    summary = f"{key}=0: the host forwards no IPv4 that arrives on {name}, although {_IPV4_SYSCTL}=1"
    evidence = {_IPV4_SYSCTL: "1", key: "0"}
    if network is not None:
        impact = f"Containers of network {network} reach only the host and each other."
        return failed(resource, f"{summary} (bridge of network {network})", evidence, impact, _ipv4_remediation())
    impact = (
        f"Published ports cannot be reached through {name}, and containers get no replies through it. If no traffic of "
        f"containers should use {name}, waive this finding."
    )
    remediation = Remediation(f"Turn IPv4 forwarding on for {name}: module ip_forward with interfaces: [{name}]")
    return failed(resource, summary, evidence, impact, remediation)


def _closed_default() -> Verdict:
    key = sysctl_key(4, _NEXT, "forwarding")
    summary = f"{key}=0, although {_IPV4_SYSCTL}=1: the bridge of the next network will not forward"
    impact = (
        "Existing networks are not affected. Containers of networks created from now on reach only the host and each "
        "other, until forwarding is turned on for the bridge."
    )
    evidence = {_IPV4_SYSCTL: "1", key: "0"}
    return failed(resources.interface(_NEXT), summary, evidence, impact, _ipv4_remediation(), MEDIUM)


def _ipv4_remediation() -> Remediation:
    args: dict[str, Any] = {"state": "present", "families": ["ipv4"]}
    return Remediation("Turn IPv4 forwarding on, now and at boot", "ip_forward", args)


IPV4 = Check(
    id="forwarding.ipv4",
    grades=(
        Grade(BROKEN, "containers reach nothing outside the host, and no other machine reaches their ports"),
        Grade(BREAKS, "only net.ipv4.conf.default.forwarding=0: the next network will not forward"),
    ),
    title="The kernel forwards IPv4 on every interface that containers use",
    rationale=(
        "Outbound traffic of containers and inbound traffic to published ports are routed by the host. The kernel "
        "decides by the interface that a packet arrives on, so ip_forward alone is not enough."
    ),
    needs=(ENGINE, LINKS, SYSCTL),
    judge=_judge_ipv4,
    remediated_by=("ip_forward",),
)


_IPV6_SYSCTL = "net.ipv6.conf.all.forwarding"


def _judge_ipv6(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    resource = resources.host(snapshot)
    networks = outward_networks(snapshot, 6)
    if not networks:
        return [not_applicable(resource, "There is no IPv6 bridge network that is not internal")]
    value = snapshot.sysctls.get(_IPV6_SYSCTL)
    if value is None:
        return [unknown(resource, f"the kernel does not show {_IPV6_SYSCTL}")]
    interfaces = [link.name for link in outer_links(snapshot, 6)] + [network.bridge or "" for network in networks]
    keys = [_IPV6_SYSCTL, *(sysctl_key(6, name, "forwarding") for name in interfaces)]
    evidence: dict[str, Any] = {key: snapshot.sysctls[key] for key in keys if key in snapshot.sysctls}
    names = ", ".join(network.name for network in networks)
    if value != "0":
        return [passed(resource, f"The kernel forwards IPv6, for {names}", evidence)]
    impact = (
        "The kernel drops IPv6 packets from containers to other machines, and from other machines to published ports. "
        "Programs that try IPv6 first wait for a timeout before they try IPv4."
    )
    args: dict[str, Any] = {"state": "present", "families": ["ipv6"]}
    remediation = Remediation("Turn IPv6 forwarding on, now and at boot", "ip_forward", args)
    return [
        failed(
            resource,
            f"{_IPV6_SYSCTL}=0: the host forwards no IPv6, which is needed by {names}",
            evidence,
            impact,
            remediation,
        )
    ]


IPV6 = Check(
    id="forwarding.ipv6",
    grades=(Grade(BROKEN, "IPv6 of containers ends at the host"),),
    title="The kernel forwards IPv6 where networks have it",
    rationale=(
        "Containers of a network with IPv6 subnets reach nothing outside the host by IPv6 while the kernel does not "
        "forward it. dockerd turns forwarding on once, and does not notice when it is turned off later."
    ),
    needs=(ENGINE, LINKS, SYSCTL),
    judge=_judge_ipv6,
    remediated_by=("ip_forward",),
)


_KNOBS = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
_OBSTACLES = {
    LEFT_ALONE: (
        "After boot nothing forwards: dockerd is configured not to turn it on (ip-forward: false), so containers reach "
        "nothing outside this host."
    ),
    NFTABLES: (
        "After boot dockerd does not start: with the nftables backend it requires {name} and does not turn it on "
        "itself."
    ),
    NOT_STARTED: "After boot nothing forwards until dockerd is started, and boot does not start it.",
    NO_DOCKERD: "After boot nothing forwards: no dockerd turns {name} on at its start.",
    NO_NETWORK: "After boot nothing forwards: dockerd turns {name} on only for networks that use it.",
    UNTOLD: "Whether dockerd turns {name} on at its start is not known.",
}


@dataclass(frozen=True)
class _Kept:
    """Forwarding of one IP version, now and after boot."""

    version: int
    running: str
    boot: BootValue
    obstacle: str | None
    """Why dockerd does not turn it on at its start (forwarding_at_boot); None where it does."""

    @property
    def name(self) -> str:
        return f"IPv{self.version} forwarding"

    @property
    def is_kept(self) -> bool:
        """A file that says 0 is overruled by dockerd until the files are applied again: that counts as lost.

        That it is off now, though boot turns it on, is for forwarding.ipv4 and forwarding.ipv6 to say.
        """
        return self.obstacle is None if self.boot.value is None else self.boot.value != "0"

    @property
    def is_untold(self) -> bool:
        return self.boot.value is None and self.obstacle == UNTOLD


def _judge_persistent(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    resource = resources.host(snapshot)
    versions = [version for version in _KNOBS if outward_networks(snapshot, version)]
    if not versions:
        return [not_applicable(resource, "There is no bridge network that is not internal")]
    unread = [_KNOBS[version] for version in versions if _KNOBS[version] not in snapshot.sysctls]
    if unread:
        return [unknown(resource, f"the kernel does not show {', '.join(unread)}")]
    if snapshot.boot is None:
        return [unknown(resource, "the sysctl files applied at boot were not read")]
    files = snapshot.boot
    kept = [_kept(snapshot, files, version) for version in versions]
    evidence: dict[str, Any] = {_KNOBS[item.version]: item.running for item in kept}
    for item in kept:
        evidence.update(_shown(files, item.boot))
    lost = [item for item in kept if not item.is_kept and not item.is_untold]
    if lost:
        return [_lost(snapshot, lost, evidence)]
    if any(item.is_untold for item in kept):
        reason = "no sysctl file sets it, and dockerd's configuration for its next start could not be read"
        return [unknown(resource, reason, evidence)]
    said = " and ".join(f"{item.name} {_by_whom(item)}" for item in kept)
    return [passed(resource, f"The next boot turns {said}", evidence)]


def _kept(snapshot: HostSnapshot, files: BootSysctls, version: int) -> _Kept:
    knob = _KNOBS[version]
    return _Kept(version, snapshot.sysctls[knob], boot_value(files, knob), obstacle_at_start(snapshot, version))


def _lost(snapshot: HostSnapshot, lost: list[_Kept], evidence: dict[str, Any]) -> Verdict:
    summary = "; ".join(_difference(item) for item in lost)
    impact = " ".join(dict.fromkeys(_impact(snapshot, item) for item in lost))
    args: dict[str, Any] = {"state": "present", "families": [f"ipv{item.version}" for item in lost]}
    remediation = Remediation(
        "Turn forwarding on at boot as well. dockerd sets the policy of FORWARD to DROP only if it turns forwarding on "
        "itself, so the module sets that policy at boot",
        "ip_forward",
        args,
    )
    return failed(resources.host(snapshot), summary, evidence, impact, remediation)


def _by_whom(item: _Kept) -> str:
    if item.boot.value is None:
        return "on: dockerd does, when it starts"
    return f"on ({item.boot.path} line {item.boot.line})"


def _difference(item: _Kept) -> str:
    place = f"{item.boot.path} line {item.boot.line}"
    state = "off, and" if item.running == "0" else "on, but"
    if item.boot.value is None:
        return f"{item.name} is {state} nothing turns it on at the next boot"
    return f"{item.name} is {state} the next boot turns it off ({place})"


def _impact(snapshot: HostSnapshot, item: _Kept) -> str:
    after_boot = _what_dockerd_does(snapshot, item)
    if item.boot.value is None:
        return after_boot
    return f"{after_boot} Applying these files later ('sysctl --system') turns it off."


def _shown(files: BootSysctls, boot: BootValue) -> dict[str, Any]:
    """The line that decides at boot, as it stands; or the files that were read in vain."""
    if boot.value is None:
        return {"files applied at boot that do not set it": [file.path for file in files.files]}
    return {
        f"{file.path}:{item.line}": f"{item.key} = {item.value}"
        for file in files.files
        for item in file.assignments
        if (file.path, item.line) == (boot.path, boot.line)
    }


def _what_dockerd_does(snapshot: HostSnapshot, item: _Kept) -> str:
    """Say what the next boot brings."""
    if item.obstacle is not None:
        return _OBSTACLES[item.obstacle].format(name=item.name)
    turned_on = f"After boot, {item.name} is off until dockerd starts and turns it on."
    engine = snapshot.engine
    if engine is None or not would_close_forward(snapshot, engine, f"ipv{item.version}"):
        return turned_on
    return (
        f"{turned_on} It then sets the policy of the IPv{item.version} chain FORWARD to DROP, which also blocks what "
        "this host forwards for others (virtual machines, VPN)."
    )


PERSISTENT = Check(
    id="forwarding.persistent",
    grades=(Grade(BREAKS, "after the next boot, or the next sysctl --system, containers have no outbound access"),),
    title="Forwarding is on again after the next boot",
    rationale=(
        "dockerd turns forwarding on at its start, unless it filters with nftables, is configured not to, or is not "
        "started at boot. A file that turns forwarding off takes effect whenever it is applied, as by sysctl --system."
    ),
    needs=(ENGINE, SYSCTL, BOOT),
    judge=_judge_persistent,
    remediated_by=("ip_forward",),
)


# Discard (RFC 863): no rule of a working network is about it, so it fares as any packet without a rule.
_PORT = 9
_UNICAST = "unicast"
_TRANSLATES = ("dnat", "snat", "masquerade", "netmap", "redirect")
# Fields by which a rule says whom it is about.
_ABOUT = frozenset(
    ("iif", "oif", "physin", "physout", "saddr", "daddr", "sport", "dport", "mark", "ct_mark", "smac", "dmac")
)


@dataclass(frozen=True)
class _UplinkPair:
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
        arrived = self.path.verdict in (DELIVERED, NO_ANSWER)
        return arrived and self._asked[-1].outgoing == self.end and not self._is_wanted

    @property
    def rules(self) -> list[str]:
        """The rules that let everything through."""
        return [step.rule for step in self._accepted if step.rule]

    @property
    def _asked(self) -> list[PathStep]:
        return [step for step in self.path.steps if step.leg == REQUEST]

    @property
    def _accepted(self) -> list[PathStep]:
        return [step for step in self._asked if (step.place, step.action) == ("forward", "accept")]

    @property
    def _is_wanted(self) -> bool:
        translated = any(step.rule and step.action in _TRANSLATES for step in self._asked)
        return translated or any(_ABOUT.intersection(step.fields) for step in self._accepted)


@dataclass(frozen=True)
class _Neighbour:
    """A machine on an uplink."""

    interface: str
    version: int
    address: str


def _neighbours(context: AuditContext, version: int) -> list[_Neighbour]:
    """A neighbour on each uplink that leads to any by an IP version."""
    routed: dict[int, list[str]] = {}
    for route in context.snapshot.routes:
        if route.kind == _UNICAST:
            for index in route.interfaces:
                routed.setdefault(index, []).append(route.destination)
    found = []
    for link in outer_links(context.snapshot, version):
        address = _neighbour_address(context, version, [*link.addresses, *routed.get(link.index, [])])
        found += [_Neighbour(link.name, version, address)] if address else []
    return found


_TRIED = 1000
"""Addresses of a subnet: all of a large one can be the host's (``ip route add local 10.0.0.0/8 dev lo``)."""


def _neighbour_address(context: AuditContext, version: int, subnets: list[str]) -> str | None:
    """The first address in one of the subnets that is none of the host's."""
    is_own = context.view.host.has_address
    for text in subnets:
        subnet = interface_of(text).network
        is_default = subnet.prefixlen == 0
        if subnet.version != version or subnet.is_link_local or subnet.is_multicast or is_default:
            continue
        tried = itertools.islice(subnet.hosts(), _TRIED)
        other = next((str(item) for item in tried if not is_own(version, int(item))), None)
        if other is not None:
            return other
    return None


def _uplink_pairs(context: AuditContext, known: list[_Neighbour]) -> list[_UplinkPair]:
    """What becomes of a packet from one to another of the neighbours, which are of one IP version."""
    hub = next((item for item in known if item.interface == default_device(context.snapshot, item.version)), known[0])
    star = [pair for item in known if item is not hub for pair in ((hub, item), (item, hub))]
    return [_uplink_pair(context, start, end) for start, end in dict.fromkeys([*star, *itertools.pairwise(known)])]


def _uplink_pair(context: AuditContext, start: _Neighbour, end: _Neighbour) -> _UplinkPair:
    packet = Packet(Origin(OUTSIDE, start.interface), end.address, "tcp", _PORT, start.address)
    return _UplinkPair(start.version, start.interface, end.interface, context.path(packet))


_SHOWN = 6


def _judge_router(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    resource = resources.host(snapshot)
    known = [found for version in (4, 6) for found in [_neighbours(context, version)] if len(found) > 1]
    if not known:
        names = sorted({link.name for version in (4, 6) for link in outer_links(snapshot, version)})
        reason = f"The host has at most one outer interface ({', '.join(names) or 'none'})"
        return [not_applicable(resource, reason)]
    context.require_whole_view()
    asked = [way for found in known for way in _uplink_pairs(context, found)]
    found = [way for way in asked if way.is_open]
    if found:
        return [_open(snapshot, found)]
    doubted = [way for way in asked if way.path.verdict == UNKNOWN]
    if doubted:
        doubts = {str(way): way.path.undetermined for way in doubted[:_SHOWN]}
        return [unknown(resource, f"{doubted[0].path.reason}, {doubted[0]}", doubts)]
    evidence = {str(way): way.path.reason for way in asked[:_SHOWN]}
    return [passed(resource, "Between its uplinks, the host forwards only what rules name", evidence)]


def _open(snapshot: HostSnapshot, found: list[_UplinkPair]) -> Verdict:
    names = ", ".join(map(str, found[:_SHOWN]))
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    summary = f"Forwarding between the host's interfaces is open to any machine: {names}{more}"
    rules = list(dict.fromkeys(rule for way in found for rule in way.rules))
    evidence: dict[str, Any] = {str(way): _shown_path(way) for way in found[:_SHOWN]}
    impact = (
        "A machine on one of these networks that uses this host as its gateway reaches the other one and bypasses what "
        "separates them. Usual cause: forwarding was on before dockerd started, which then leaves the policy of "
        "FORWARD at ACCEPT."
    )
    return failed(resources.host(snapshot), summary, evidence, impact, _router_remediation(snapshot, found, rules))


def _shown_path(way: _UplinkPair) -> str:
    return f"{way.path.reason}; accepted by {'; '.join(way.rules) or 'the policy of the chains'}"


def _router_remediation(snapshot: HostSnapshot, found: list[_UplinkPair], rules: list[str]) -> Remediation:
    driver = (snapshot.engine.firewall_driver or "") if snapshot.engine else ""
    if rules:
        return Remediation(f"Replace the rule that accepts everything: {'; '.join(rules)}")
    if driver.startswith("nftables") or "firewalld" in driver:
        return Remediation(
            "Drop, in a chain of the host's own firewall at the hook forward, what arrives on one outer interface and "
            f"leaves through another ({driver} decides here, not the policy of FORWARD)"
        )
    args: dict[str, Any] = {"state": "present", "families": sorted({f"ipv{way.version}" for way in found})}
    text = (
        "Set the policy of FORWARD to DROP, now and at boot; dockerd's rules accept the traffic of containers. If the "
        "host may be meant to route, the module needs consent (on_disruption: allow) and names what it would cut off"
    )
    return Remediation(text, "ip_forward", args)


OPEN_ROUTER = Check(
    id="forwarding.open-router",
    grades=(Grade(OPEN, "the host is meant to forward only for its containers, and any machine can route through it"),),
    title="The host forwards only for its containers and what rules name",
    rationale=(
        "Containers need forwarding, and forwarding makes the host a router between all its interfaces, for every "
        "machine, unless rules at the hook forward prevent it."
    ),
    needs=(ENGINE, LINKS, ROUTES, POLICY_RULES, SYSCTL, RULESET),
    judge=_judge_router,
    remediated_by=("ip_forward",),
)


def _judge_accept_ra(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    resource = resources.host(snapshot)
    if snapshot.sysctls.get(_IPV6_SYSCTL, "0") == "0":
        return [not_applicable(resource, "The host does not forward IPv6, so it accepts router advertisements")]
    uplinks = advertised_uplinks(snapshot)
    if not uplinks:
        return [not_applicable(resource, "The kernel takes no IPv6 route from router advertisements")]
    unheard = [_unheard(uplink) for uplink in uplinks if not uplink.is_heard]
    evidence = {key: value for uplink in uplinks for key, value in _evidence(uplink).items()}
    names = ", ".join(uplink.interface for uplink in uplinks)
    return unheard or [
        passed(resource, f"The kernel accepts router advertisements on {names} while it forwards", evidence)
    ]


def _unheard(uplink: AdvertisedUplink) -> Verdict:
    name = uplink.interface
    if uplink.has_route:
        state = "its default route from the last one expires, usually after 30 minutes"
    else:
        state = "it still has an IPv6 address from one, but no default route"
    summary = f"{name} forwards IPv6 and ignores router advertisements (accept_ra={uplink.accept_ra}): {state}"
    impact = (
        f"The host and its containers lose outbound IPv6 through {name}, and later the address itself. Programs that "
        "try IPv6 first then wait for timeouts."
    )
    args: dict[str, Any] = {"state": "present", "families": ["ipv6"], "accept_ra": "allow"}
    remediation = Remediation(f"Set accept_ra to 2 on {name}, now and at boot", "ip_forward", args)
    return failed(resources.interface(name), summary, _evidence(uplink), impact, remediation)


def _evidence(uplink: AdvertisedUplink) -> dict[str, Any]:
    return {
        _IPV6_SYSCTL: "1",
        uplink.forwarding_key: uplink.forwarding,
        uplink.accept_ra_key: uplink.accept_ra,
        f"default route of {uplink.interface} by a router advertisement": uplink.has_route,
    }


ACCEPT_RA = Check(
    id="forwarding.accept-ra",
    grades=(Grade(BREAKS, "the IPv6 default route expires"),),
    title="Uplinks that need router advertisements accept them",
    rationale=(
        "An interface that forwards IPv6 ignores router advertisements unless accept_ra=2. dockerd turns forwarding on "
        "for a network with IPv6, and the host then loses its own default route."
    ),
    needs=(ENGINE, LINKS, ROUTES, SYSCTL),
    judge=_judge_accept_ra,
    remediated_by=("ip_forward",),
)


_FOR_ALL = sysctl_key(4, "all", "rp_filter")
_STRICT = 1


def _judge_rp_filter(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    resource = resources.host(snapshot)
    names = [link.name for link in outer_links(snapshot, 4)]
    if len(names) < 2:
        return [not_applicable(resource, f"The host has at most one IPv4 uplink ({', '.join(names) or 'none'})")]
    keys = {name: sysctl_key(4, name, "rp_filter") for name in names}
    read = {key: snapshot.sysctls[key] for key in [_FOR_ALL, *keys.values()] if key in snapshot.sysctls}
    unread = [key for key in [_FOR_ALL, *keys.values()] if key not in read]
    if unread:
        return [unknown(resource, f"the kernel does not show {', '.join(unread)}", read)]
    strict = [name for name, key in keys.items() if max(int(read[_FOR_ALL]), int(read[key])) == _STRICT]
    if not strict:
        return [passed(resource, f"No uplink of {', '.join(names)} uses strict reverse-path filtering", read)]
    return [_strict(name, names, {key: read[key] for key in (_FOR_ALL, keys[name])}) for name in strict]


def _strict(name: str, names: list[str], evidence: dict[str, str]) -> Verdict:
    others = ", ".join(other for other in names if other != name)
    summary = (
        f"{name}: strict reverse-path filtering (rp_filter=1) drops packets whose reply would leave through another "
        f"uplink ({others})"
    )
    impact = (
        f"Clients that reach this host through {name} while their return route leads through {others} get no answer, "
        "neither from the host nor from published ports. Nothing is logged unless log_martians is on."
    )
    remediation = Remediation(
        f"Decide whether routes are symmetric. If not, set net.ipv4.conf.{name}.rp_filter to 2 (loose, RFC 3704); the "
        "larger of this and net.ipv4.conf.all.rp_filter is effective"
    )
    return failed(resources.interface(name), summary, dict(evidence), impact, remediation)


RP_FILTER = Check(
    id="forwarding.rp-filter",
    grades=(
        Grade(
            TO_KNOW,
            "strict filtering is right where every reply leaves through the interface that the request arrived on",
        ),
    ),
    title="A host with several uplinks does not use strict reverse-path filtering",
    rationale=(
        "With rp_filter=1, the kernel drops packets that arrive on another interface than their reply would leave "
        "through. On a host with several uplinks, that is a common reason why a published port answers on one address "
        "only."
    ),
    needs=(ENGINE, LINKS, SYSCTL),
    judge=_judge_rp_filter,
)

CHECKS: tuple[Check, ...] = (
    IPV4,
    IPV6,
    PERSISTENT,
    OPEN_ROUTER,
    ACCEPT_RA,
    RP_FILTER,
)
"""In the order in which reports show them."""
