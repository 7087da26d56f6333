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

import ipaddress
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
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import next_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import BootSysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import OUTSIDE, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DELIVERED,
    NO_ANSWER,
    REQUEST,
    UNKNOWN,
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
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctl_files import sysctl_key
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import BootValue, boot_value
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import (
    AdvertisedUplink,
    advertised_uplinks,
    default_device,
    outer_links,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, outward_networks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.grades import (
    BREAKS,
    BROKEN,
    OPEN,
    TO_KNOW,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)

_IPV4_SYSCTL = "net.ipv4.ip_forward"
_NEXT = "default"
_CUT_OFF = (
    "The kernel drops what containers send beyond this host, and what comes from outside for a published port: "
    "containers reach nothing but the host and their own network, and no other machine reaches them."
)


def _judge_ipv4(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    networks = outward_networks(snapshot, 4)
    if not networks:
        return [not_applicable(resources.host(snapshot), "There is no bridge network that leads outside by IPv4")]
    present = {link.name for link in snapshot.links}
    bridges = {network.bridge or "": network.name for network in networks if network.bridge in present}
    uplinks = [link.name for link in outer_links(snapshot, 4)]
    keys = {name: sysctl_key(4, name, "forwarding") for name in [*uplinks, *bridges]}
    read = {key: snapshot.sysctls[key] for key in [_IPV4_SYSCTL, *keys.values()] if key in snapshot.sysctls}
    unread = [key for key in [_IPV4_SYSCTL, *keys.values()] if key not in read]
    if unread:
        return [unknown(resources.host(snapshot), f"the kernel shows no {', '.join(unread)}", read)]
    closed = [name for name, key in keys.items() if read[key] == "0"]
    if closed and read[_IPV4_SYSCTL] == "0":
        return [_closed_host(snapshot, closed, read)]
    found = [_closed_interface(name, keys[name], bridges.get(name)) for name in closed]
    if snapshot.sysctls.get(sysctl_key(4, _NEXT, "forwarding")) == "0" and read[_IPV4_SYSCTL] != "0":
        found.append(_closed_default())
    names = ", ".join(keys) or "no interface so far"
    return found or [passed(resources.host(snapshot), f"The kernel forwards IPv4 on {names}", read)]


def _closed_host(snapshot: HostSnapshot, closed: list[str], read: dict[str, Any]) -> Verdict:
    summary = f"{_IPV4_SYSCTL} is 0: the kernel forwards no IPv4 from {', '.join(closed)}"
    return failed(resources.host(snapshot), summary, read, _CUT_OFF, _ipv4_remediation())


def _closed_interface(name: str, key: str, network: str | None) -> Verdict:
    resource = resources.interface(name)
    summary = f"The kernel forwards nothing that comes in by {name}, though {_IPV4_SYSCTL} is 1"
    evidence = {_IPV4_SYSCTL: "1", key: "0"}
    if network is not None:
        impact = f"Containers of network {network} reach nothing but the host and each other."
        return failed(resource, f"{summary} (bridge of network {network})", evidence, impact, _ipv4_remediation())
    impact = (
        f"Published ports cannot be reached through {name}, and containers get no answers through it. If nothing of "
        "theirs should pass there, leave it so."
    )
    remediation = Remediation(f"To open it: module ip_forward with interfaces: [{name}]")
    return failed(resource, summary, evidence, impact, remediation)


def _closed_default() -> Verdict:
    key = sysctl_key(4, _NEXT, "forwarding")
    summary = f"{key} is 0, though {_IPV4_SYSCTL} is 1: the bridge of the next network will not forward"
    impact = (
        "Networks that exist are not concerned. Containers of a network that is made from now on reach nothing but "
        "the host and each other, until its bridge is opened."
    )
    evidence = {_IPV4_SYSCTL: "1", key: "0"}
    return failed(resources.interface(_NEXT), summary, evidence, impact, _ipv4_remediation(), MEDIUM)


def _ipv4_remediation() -> Remediation:
    args: dict[str, Any] = {"state": "present", "families": ["ipv4"]}
    return Remediation("Turn IPv4 forwarding on, now and for the next boot", "ip_forward", args)


IPV4 = Check(
    id="forwarding.ipv4",
    grades=(
        Grade(BROKEN, "containers reach nothing beyond the host, and no other machine reaches their ports"),
        Grade(BREAKS, "only net.ipv4.conf.default.forwarding is 0: the next network will not forward"),
    ),
    title="The kernel forwards IPv4 wherever packets of containers come in",
    rationale=(
        "A container's way out and the way in to a published port both lead through the host's routing. The kernel "
        "decides by the interface a packet comes in by, so ip_forward alone does not tell."
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
        return [not_applicable(resource, "There is no bridge network that leads outside by IPv6")]
    value = snapshot.sysctls.get(_IPV6_SYSCTL)
    if value is None:
        return [unknown(resource, f"the kernel shows no {_IPV6_SYSCTL}")]
    interfaces = [link.name for link in outer_links(snapshot, 6)] + [network.bridge or "" for network in networks]
    keys = [_IPV6_SYSCTL, *(sysctl_key(6, name, "forwarding") for name in interfaces)]
    evidence: dict[str, Any] = {key: snapshot.sysctls[key] for key in keys if key in snapshot.sysctls}
    names = ", ".join(network.name for network in networks)
    if value != "0":
        return [passed(resource, f"The kernel forwards IPv6, for {names}", evidence)]
    impact = (
        "The kernel drops the IPv6 packets that containers send beyond this host, and those from outside for a "
        "published port. What tries IPv6 first waits for a time-out before it tries IPv4."
    )
    args: dict[str, Any] = {"state": "present", "families": ["ipv6"]}
    remediation = Remediation("Turn IPv6 forwarding on, now and for the next boot", "ip_forward", args)
    return [
        failed(
            resource, f"{_IPV6_SYSCTL} is 0: the kernel forwards no IPv6, for {names}", evidence, impact, remediation
        )
    ]


IPV6 = Check(
    id="forwarding.ipv6",
    grades=(Grade(BROKEN, "IPv6 of containers ends at the host"),),
    title="The kernel forwards IPv6 where networks have it",
    rationale=(
        "A network with IPv6 subnets is no use beyond the host while the kernel does not forward IPv6. dockerd turns "
        "it on for such a network once, and does not notice when it is turned off later."
    ),
    needs=(ENGINE, LINKS, SYSCTL),
    judge=_judge_ipv6,
    remediated_by=("ip_forward",),
)


_KNOBS = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
_OBSTACLES = {
    LEFT_ALONE: "After boot nothing forwards: dockerd is configured to leave it alone (ip-forward: false), so "
    "containers have no network beyond this host.",
    NFTABLES: "After boot dockerd does not start: with the nftables backend it wants {name} on and does not turn it on "
    "itself.",
    NOT_STARTED: "After boot nothing forwards until dockerd is started, which boot does not do.",
    NO_DOCKERD: "After boot nothing forwards: there is no dockerd here that turns {name} on when it starts.",
    NO_NETWORK: "After boot nothing forwards: dockerd turns {name} on for networks that have it alone.",
    UNTOLD: "It is not known what dockerd does about {name} when it starts.",
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
        return [not_applicable(resource, "There is no bridge network that leads outside")]
    unread = [_KNOBS[version] for version in versions if _KNOBS[version] not in snapshot.sysctls]
    if unread:
        return [unknown(resource, f"the kernel shows no {', '.join(unread)}")]
    if snapshot.boot is None:
        return [unknown(resource, "what boot sets was not read")]
    files = snapshot.boot
    kept = [_kept(snapshot, files, version) for version in versions]
    evidence: dict[str, Any] = {_KNOBS[item.version]: item.running for item in kept}
    for item in kept:
        evidence.update(_shown(files, item.boot))
    lost = [item for item in kept if not item.is_kept and not item.is_untold]
    if lost:
        return [_lost(snapshot, lost, evidence)]
    if any(item.is_untold for item in kept):
        reason = "no file sets it at boot, and dockerd's configuration for its next start could not be read"
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
        "Turn forwarding on for the next boot as well. dockerd then finds it on and does not close the chain FORWARD, "
        "so the module keeps that closed",
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
    state = "off" if item.running == "0" else "on"
    if item.boot.value is None:
        return f"{item.name} is {state}, and nothing turns it on at boot"
    return f"{item.name} is {state}, and boot turns it off ({place})"


def _impact(snapshot: HostSnapshot, item: _Kept) -> str:
    after_boot = _what_dockerd_does(snapshot, item)
    if item.boot.value is None:
        return after_boot
    return f"{after_boot} Applying these files later ('sysctl --system') turns it off."


def _shown(files: BootSysctls, boot: BootValue) -> dict[str, Any]:
    """The line that decides at boot, as it stands; or the files that were read in vain."""
    if boot.value is None:
        return {"files read at boot that do not set it": [file.path for file in files.files]}
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
    values = next_values(snapshot)
    if item.version == 6 or values.get("iptables") is False or values.get("ip-forward-no-drop") is True:
        return f"After boot there is no {item.name} until dockerd starts and turns it on."
    return (
        "After boot nothing forwards until dockerd starts and turns it on itself; having done so, it sets the "
        "policy of the chain FORWARD to DROP, which also stops what this host forwards for others (virtual "
        "machines, VPN)."
    )


PERSISTENT = Check(
    id="forwarding.persistent",
    grades=(Grade(BREAKS, "the next boot, or the next sysctl --system, leaves containers without a way out"),),
    title="The next boot brings forwarding back",
    rationale=(
        "dockerd turns forwarding on when it starts, unless it filters with nftables, is configured not to, or boot "
        "does not start it. A file that turns forwarding off wins whenever it is applied, as sysctl --system does."
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
        return self.path.verdict in (DELIVERED, NO_ANSWER) and self._left_by == self.end and not self._is_wanted

    @property
    def rules(self) -> list[str]:
        """The rules that let everything through."""
        return [step.rule for step in self._accepted if step.rule]

    @property
    def _asked(self) -> list[PathStep]:
        return [step for step in self.path.steps if step.leg == REQUEST]

    @property
    def _left_by(self) -> str:
        sent = [step.outgoing for step in self._asked if (step.place, step.action) == ("wire", "send")]
        return sent[-1] if sent else ""

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


def _neighbour_address(context: AuditContext, version: int, subnets: list[str]) -> str | None:
    """The first address in one of the subnets that is none of the host's."""
    is_own = context.view.host.has_address
    for text in subnets:
        subnet = ipaddress.ip_interface(text).network
        is_default = subnet.prefixlen == 0
        if subnet.version != version or subnet.is_link_local or subnet.is_multicast or is_default:
            continue
        other = next((str(item) for item in subnet.hosts() if not is_own(version, int(item))), None)
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
        reason = f"The host leads to others by one outer interface at most ({', '.join(names) or 'none'})"
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
    return [passed(resource, "Between its uplinks the host forwards only what rules name", evidence)]


def _open(snapshot: HostSnapshot, found: list[_UplinkPair]) -> Verdict:
    names = ", ".join(map(str, found[:_SHOWN]))
    more = f" and {len(found) - _SHOWN} more ways" if len(found) > _SHOWN else ""
    summary = f"The host routes for anyone between its own interfaces: {names}{more}"
    rules = list(dict.fromkeys(rule for way in found for rule in way.rules))
    evidence: dict[str, Any] = {str(way): _shown_path(way) for way in found[:_SHOWN]}
    impact = (
        "A machine on one of these networks that names this host as gateway reaches the other one, past whatever "
        "else separates the two. Forwarding that is on before dockerd starts is the usual cause: dockerd then leaves "
        "the policy of the chain FORWARD at ACCEPT."
    )
    return failed(resources.host(snapshot), summary, evidence, impact, _router_remediation(snapshot, found, rules))


def _shown_path(way: _UplinkPair) -> str:
    return f"{way.path.reason}; let through by {'; '.join(way.rules) or 'the policy of the chains'}"


def _router_remediation(snapshot: HostSnapshot, found: list[_UplinkPair], rules: list[str]) -> Remediation:
    driver = (snapshot.engine.firewall_driver or "") if snapshot.engine else ""
    if rules:
        return Remediation(f"Replace the rule that lets everything through: {'; '.join(rules)}")
    if driver.startswith("nftables") or "firewalld" in driver:
        return Remediation(
            "Let a chain of the host's own firewall at the hook forward drop what comes in by one "
            f"outer interface and leaves by another ({driver} decides here, not the policy of FORWARD)"
        )
    args: dict[str, Any] = {"state": "present", "families": sorted({f"ipv{way.version}" for way in found})}
    text = (
        "Close the chain FORWARD, now and at boot; rules of dockerd accept what containers send and get. The module "
        "asks for consent (on_disruption: allow) where the host may be meant to route, and names whom it would cut off"
    )
    return Remediation(text, "ip_forward", args)


OPEN_ROUTER = Check(
    id="forwarding.open-router",
    grades=(Grade(OPEN, "the host is to forward for its containers, and any machine routes through it"),),
    title="The host forwards only for its containers and as rules name it",
    rationale=(
        "Containers need forwarding, and forwarding makes a router of the host, for everybody and between all of its "
        "interfaces, unless the rules at the hook forward close it again."
    ),
    needs=(ENGINE, LINKS, ROUTES, POLICY_RULES, SYSCTL, RULESET),
    judge=_judge_router,
    remediated_by=("ip_forward",),
)


def _judge_accept_ra(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    resource = resources.host(snapshot)
    if snapshot.sysctls.get(_IPV6_SYSCTL, "0") == "0":
        return [not_applicable(resource, "The host does not forward IPv6, so it hears router advertisements")]
    uplinks = advertised_uplinks(snapshot)
    if not uplinks:
        return [not_applicable(resource, "The kernel takes no IPv6 route from router advertisements")]
    unheard = [_unheard(uplink) for uplink in uplinks if not uplink.is_heard]
    evidence = {key: value for uplink in uplinks for key, value in _evidence(uplink).items()}
    names = ", ".join(uplink.interface for uplink in uplinks)
    return unheard or [
        passed(resource, f"The kernel hears router advertisements on {names} while it forwards", evidence)
    ]


def _unheard(uplink: AdvertisedUplink) -> Verdict:
    name = uplink.interface
    if uplink.has_route:
        state = "its default route from the last one ends with its lifetime, 30 minutes as a rule"
    else:
        state = "it has an IPv6 address from one, and no default route any more"
    summary = f"{name} forwards IPv6 and hears no router advertisements (accept_ra is {uplink.accept_ra}): {state}"
    impact = (
        f"The host and its containers lose their way out by IPv6 through {name}, and later the address itself. What "
        "tries IPv6 first then waits for time-outs."
    )
    args: dict[str, Any] = {"state": "present", "families": ["ipv6"], "router_advertisements": "keep"}
    remediation = Remediation(f"Set accept_ra to 2 on {name}, now and for the next boot", "ip_forward", args)
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
    grades=(Grade(BREAKS, "the default route by IPv6 ends with its lifetime"),),
    title="Uplinks that live on router advertisements still hear them",
    rationale=(
        "An interface that forwards IPv6 ignores router advertisements unless accept_ra is 2. dockerd turns "
        "forwarding on for a network with IPv6, and the host's own default route goes with it."
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
        return [not_applicable(resource, f"The host has one way out by IPv4 at most ({', '.join(names) or 'none'})")]
    keys = {name: sysctl_key(4, name, "rp_filter") for name in names}
    read = {key: snapshot.sysctls[key] for key in [_FOR_ALL, *keys.values()] if key in snapshot.sysctls}
    unread = [key for key in [_FOR_ALL, *keys.values()] if key not in read]
    if unread:
        return [unknown(resource, f"the kernel shows no {', '.join(unread)}", read)]
    strict = [name for name, key in keys.items() if max(int(read[_FOR_ALL]), int(read[key])) == _STRICT]
    if not strict:
        return [passed(resource, f"No uplink of {', '.join(names)} checks sources strictly", read)]
    return [_strict(name, names, {key: read[key] for key in (_FOR_ALL, keys[name])}) for name in strict]


def _strict(name: str, names: list[str], evidence: dict[str, str]) -> Verdict:
    others = ", ".join(other for other in names if other != name)
    summary = f"{name} takes only packets whose answer would leave by {name} (rp_filter 1), beside {others}"
    impact = (
        f"Who reaches this host through {name} while the route back to them leads through {others} gets no answer: "
        "neither from the host nor from published ports. Nothing is logged unless log_martians is on."
    )
    remediation = Remediation(
        f"Where routes are not symmetric, set net.ipv4.conf.{name}.rp_filter to 2 (loose, RFC 3704); "
        "the larger of this and net.ipv4.conf.all.rp_filter holds"
    )
    return failed(resources.interface(name), summary, dict(evidence), impact, remediation)


RP_FILTER = Check(
    id="forwarding.rp-filter",
    grades=(Grade(TO_KNOW, "strict filtering is right where every answer leaves by the way the question came"),),
    title="A host with several uplinks does not check sources strictly",
    rationale=(
        "With rp_filter 1 the kernel drops what comes in by another interface than its answer would leave by. On a "
        "host with several uplinks that is a common reason why a published port answers on one address only."
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
