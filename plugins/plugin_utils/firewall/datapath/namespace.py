# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A network namespace as its own small host: links, addresses, routes, sockets, and what the kernel has set for it.

With its settings for routing (and the kernel's rules for combining those of all interfaces with those of one), the
permanent entries of its neighbour tables, and what tc(8) and XDP do at its devices. The latter is not evaluated: only
what cannot keep a frame is let pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    CONTINUE,
    EGRESS,
    FILTER,
    INGRESS,
    MIRROR,
    PASS,
    QDISC,
    Link,
    Listener,
    Neighbour,
    PolicyRule,
    Route,
    TrafficControl,
    sysctl_key,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    LOCAL,
    Decision,
    Fib,
    RouteQuery,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import TRAFFIC_CONTROL, Doubt
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    BITS,
    ICMP,
    ICMPV6,
    TCP,
    UDP,
    address_text,
    is_link_local,
    is_loopback,
    parse_address,
    parse_prefix,
    same_prefix,
)

EPHEMERAL = (32768, 60999)  # net.ipv4.ip_local_port_range as every namespace begins with it
FOREIGN_EPHEMERAL = (32768, 65535)  # what machines with other systems choose from, too (RFC 6335: 49152 and up)

FIRST_HOPS = 64  # as every namespace begins with it, both families

_KEEP_MARKS = ("net.ipv4.fwmark_reflect", "net.ipv6.fwmark_reflect", "net.ipv4.tcp_fwmark_accept")

_CONNTRACK = "net.netfilter.nf_conntrack_"
# The timeouts (in seconds) of the states that a connection is in until data was exchanged, but for SYN_RECV: with 0
# there nothing was seen to be lost.
_TIMEOUTS = {
    TCP: ("tcp_timeout_syn_sent", "tcp_timeout_established", "tcp_timeout_unacknowledged", "tcp_timeout_max_retrans"),
    UDP: ("udp_timeout",),
    ICMP: ("icmp_timeout",),
    ICMPV6: ("icmpv6_timeout",),
}


class NamespaceSettings:
    """Running values of sysctls (Documentation/networking/ip-sysctl.rst, include/linux/inetdevice.h)."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """Take values by dotted key."""
        self._values = values
        self._pairs: dict[tuple[str, str], tuple[int, int]] = {}
        self._forwards: dict[str, bool] = {}
        self._strictness: dict[str, int] = {}

    def number(self, key: str) -> int:
        """A value as a number; 0, the kernel's own default for all that is asked here, when it does not exist."""
        return self._number(key) or 0

    def forwards(self, family: int, device: str) -> bool:
        """Whether packets that come in by a device are sent on.

        IPv4 asks that device alone (IN_DEV_FORWARD), IPv6 the setting for all (ip6_forward() of ip6_output.c).
        """
        if family == 6:
            return self.number("net.ipv6.conf.all.forwarding") != 0
        known = self._forwards.get(device)
        if known is None:
            own = self._number(sysctl_key(4, device, "forwarding"))
            known = self._forwards[device] = (self.number("net.ipv4.ip_forward") if own is None else own) != 0
        return known

    def forwarding_key(self, family: int, device: str) -> str:
        """The setting that forwards() asks."""
        return "net.ipv6.conf.all.forwarding" if family == 6 else sysctl_key(4, device, "forwarding")

    def reverse_path(self, device: str) -> int:
        """rp_filter in force on a device: the larger one (IN_DEV_RPFILTER)."""
        known = self._strictness.get(device)
        if known is None:
            known = self._strictness[device] = max(self._both(device, "rp_filter"))
        return known

    def larger(self, device: str, name: str) -> int:
        """A setting of IPv4 of which the larger one of all and the device is in force (IN_DEV_MAXCONF)."""
        return max(self._both(device, name))

    def either(self, device: str, name: str) -> bool:
        """A setting of IPv4 that is on when it is on for all or for the device (IN_DEV_ORCONF)."""
        return any(self._both(device, name))

    def solicits(self, family: int, device: str) -> bool:
        """Whether all on a device's link are asked for a neighbour that is not known (__neigh_event_send()).

        Without such a question the packet is dropped, unless app_solicit is more than 0: then a program is asked, and
        the kernel gives up after that. The other settings for neighbours delay at most.
        """
        return self._number(self.solicits_key(family, device)) != 0

    def solicits_key(self, family: int, device: str) -> str:
        """The setting that solicits() asks."""
        return sysctl_key(family, device, "mcast_solicit", "neigh")

    def ignores_echo(self, family: int) -> bool:
        """Whether the host itself answers no echo requests."""
        return self.number(self.echo_key(family)) != 0

    def echo_key(self, family: int) -> str:
        """The setting that ignores_echo() asks."""
        return "net.ipv6.icmp.echo_ignore_all" if family == 6 else "net.ipv4.icmp_echo_ignore_all"

    @property
    def keeps_marks(self) -> bool:
        """Whether anything that is sent in reply has the mark of what it replies to."""
        return any(self.number(key) for key in _KEEP_MARKS)

    def mark_of_reply(self, mark: int | None) -> int | None:
        """Mark of what is sent in reply to a packet with a mark: which replies keep it is not followed."""
        return None if mark != 0 and self.keeps_marks else 0

    def cannot_track(self, protocol: int) -> str:
        """Why connection tracking may not know a new connection when its answer comes; empty where it will.

        An entry ends at once where the timeout of its state is 0; where the table is full, entries of connections
        without an answer make room or the packet is dropped (__nf_conntrack_alloc() of nf_conntrack_core.c).
        """
        return self.forgets_at_once(protocol) or self.tracks_no_more()

    def forgets_at_once(self, protocol: int) -> str:
        """The timeout of connection tracking that is 0 for a new connection; empty where none is."""
        names = (f"{_CONNTRACK}{name}" for name in _TIMEOUTS.get(protocol, ()))
        return next((f"{name} is 0" for name in names if self._number(name) == 0), "")

    def tracks_no_more(self) -> str:
        """How full the table of connection tracking is; empty while it has room."""
        most, used = self.number(f"{_CONNTRACK}max"), self.number(f"{_CONNTRACK}count")
        return f"{used} of {most} entries are in use ({_CONNTRACK}max)" if 0 < most <= used else ""

    def first_hops(self, family: int, device: str) -> int:
        """TTL of what is sent (ip_select_ttl()), or its hop limit (ip6_dst_hoplimit())."""
        key = sysctl_key(6, device, "hop_limit") if family == 6 else "net.ipv4.ip_default_ttl"
        return self._number(key) or FIRST_HOPS

    def ephemeral_ports(self) -> tuple[int, int]:
        """First and last of the source ports that the kernel chooses from."""
        words = self._values.get("net.ipv4.ip_local_port_range", "").split()
        return (int(words[0]), int(words[1])) if len(words) == 2 else EPHEMERAL

    def _both(self, device: str, name: str) -> tuple[int, int]:
        known = self._pairs.get((device, name))
        if known is None:
            pair = (self.number(sysctl_key(4, "all", name)), self.number(sysctl_key(4, device, name)))
            known = self._pairs[device, name] = pair
        return known

    def _number(self, key: str) -> int | None:
        try:
            return int(self._values[key])
        except (KeyError, ValueError):
            return None


class Sockets:
    """The sockets of one network namespace that wait."""

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self._by_port: dict[tuple[str, int], list[tuple[Listener, int, int]]] = {}
        for listener in listeners:
            family, number = parse_address(listener.address)
            key = (listener.protocol, listener.port)
            self._by_port.setdefault(key, []).append((listener, family, number))

    def beside(self, listener: Listener) -> list[Listener]:
        """Those that wait at the same port, itself among them."""
        return [item for item, dummy, dummy2 in self._by_port.get((listener.protocol, listener.port), ())]

    def find(self, protocol: str, family: int, address: int, port: int, device: str) -> Listener | None:
        """The one that a packet to this address and port gets, which came in by device; None when no one waits.

        One that is bound to the address goes before one that takes every address, then one bound to the device.
        """
        best, best_score = None, -1
        for listener, own_family, number in self._by_port.get((protocol, port), ()):
            if listener.device not in ("", device):
                continue
            score = 1 if listener.device else 0
            if number:
                if own_family != family or number != address:
                    continue
                score += 4
            elif own_family != family:
                if own_family == 4 or listener.only_ipv6:
                    continue
            else:
                score += 2 if family == 4 else 0
            # Of those with the same binding one that is halted is shown: it gets some of the connections.
            if score > best_score or (score == best_score and listener.halt is not None):
                best, best_score = listener, score
        return best


class StaticNeighbours:
    """Hardware addresses by the link and the address of the neighbour."""

    def __init__(self, links: Iterable[Link], entries: Iterable[Neighbour] | None) -> None:
        """Take what was read; entries is None when they were not."""
        by_index = {link.index: link for link in links}
        self.read = entries is not None
        self._by_neighbour: dict[tuple[str, int, int], str] = {
            (by_index[item.interface].name, *parse_address(item.address)): item.mac
            for item in entries or ()
            if item.interface in by_index and not _is_of_kernel(by_index[item.interface], item)
        }

    def mac(self, device: str, family: int, number: int) -> str:
        """The hardware address that a neighbour is fixed to; empty where the kernel asks for it."""
        return self._by_neighbour.get((device, family, number), "")

    def on(self, device: str) -> Iterator[tuple[int, int, str]]:
        """Family, address and hardware address of each neighbour on a link."""
        for (link, family, number), mac in self._by_neighbour.items():
            if link == device:
                yield family, number, mac

    def words(self, device: str, family: int, number: int, owner: str = "") -> str:
        """An entry for people; owner: whose table it is in, empty for the host."""
        where = f"{device} of {owner}" if owner else device
        return f"neighbour {address_text(family, number)} on {where} is permanently {self.mac(device, family, number)}"


def _is_of_kernel(link: Link, entry: Neighbour) -> bool:
    """Whether it is one that the kernel makes of whomever it sends to where ARP is off (arp_constructor())."""
    return link.without_arp and entry.mac == link.mac


# After these a frame goes on as it was (tcf_action_exec() of net/sched/act_api.c, sch_handle_ingress() of
# net/core/dev.c); a filter without actions only says which class a frame is of.
_HARMLESS = frozenset({PASS, CONTINUE, MIRROR})
# Families of frames: IPv4, IPv6, and ARP, without which IPv4 does not find its neighbours. Those that a filter sees by
# its Ethernet type (linux/if_ether.h).
_ARP = 0
_FAMILIES = {0x0800: (4,), 0x0806: (_ARP,), 0x86DD: (6,)}
_ALL = (4, 6, _ARP)
# By which frames neighbours are asked for: neighbour discovery is a part of IPv6.
_QUESTIONS = {4: _ARP, 6: 6}
# Kinds of links whose IFLA_LINK is their other end, not what they stand upon.
_PAIRS = ("veth", "netkit", "vxcan")


class _Control(NamedTuple):
    device: str
    """Where it is, which can be below the device that is asked about."""
    entry: TrafficControl | None
    """None for an XDP program."""


class DeviceControls:
    """Says of which devices of a namespace it cannot be known whether they let a packet pass."""

    def __init__(self, links: Sequence[Link], entries: Iterable[TrafficControl] | None) -> None:
        """Take what was read; entries is None when they were not."""
        self._read = entries is not None
        self._found: dict[tuple[str, str, int], _Control] = {}
        by_index = {link.index: link for link in links}
        above = _Above(links, by_index)
        for link in links:
            if link.xdp:
                self._add(above, link, INGRESS, _ALL, None)
        for entry in entries or ():
            place = by_index.get(entry.interface)
            if place is not None and not _is_harmless(entry):
                direction = INGRESS if entry.direction == INGRESS else EGRESS
                self._add(above, place, direction, _FAMILIES.get(entry.protocol, _ALL), entry)

    def doubt(self, family: int, direction: str, owner: str, *devices: str) -> str:
        """What is not known of a packet that comes in by devices, or leaves by them; empty when nothing interferes.

        owner: whose the devices are, empty for the host.
        """
        if not self._read:
            where = _where(devices[0], owner, devices[0])
            text = f"whether a tc filter or a queueing discipline drops it on {where}: none could be read"
            return Doubt.about(TRAFFIC_CONTROL, text)
        if not self._found:
            return ""
        keys = [(device, direction, family) for device in devices]
        return self._first(keys, owner) or self.doubt_about_questions(family, owner, *devices)

    def doubt_about_questions(self, family: int, owner: str, *devices: str) -> str:
        """The same of questions for hardware addresses and the answers to them, of which one goes either way."""
        question = _QUESTIONS[family]
        return self._first([(device, way, question) for device in devices for way in (INGRESS, EGRESS)], owner)

    def _first(self, keys: list[tuple[str, str, int]], owner: str) -> str:
        found = next(((key[0], self._found[key]) for key in keys if key in self._found), None)
        return "" if found is None else Doubt.about(TRAFFIC_CONTROL, _words(found[1], owner, found[0]))

    def _add(
        self, above: _Above, link: Link, direction: str, families: tuple[int, ...], entry: TrafficControl | None
    ) -> None:
        control = _Control(link.name, entry)
        for family in families:
            self._found.setdefault((link.name, direction, family), control)
        # Frames of a VLAN say so in place of their protocol, so of those it is not known which a filter sees.
        for upper in above.of(link):
            for family in _ALL:
                self._found.setdefault((upper, direction, family), control)


class _Above:
    """Finds the links that send and receive by others: those of VLANs, bonds, macvlan..."""

    def __init__(self, links: Iterable[Link], by_index: dict[int, Link]) -> None:
        self._by_index = by_index
        self._standing: dict[int, list[Link]] = {}
        for link in links:
            if link.peer_index is not None and link.peer_nsid is None and link.kind not in _PAIRS:
                self._standing.setdefault(link.peer_index, []).append(link)

    def of(self, link: Link) -> list[str]:
        """Names of the links above one, but for the bridge it is a port of: not all frames of that are its own."""
        found: list[str] = []
        pending, seen = [link], {link.index}
        while pending:
            lower = pending.pop()
            uppers = list(self._standing.get(lower.index, ()))
            master = self._by_index.get(lower.master or 0)
            if master is not None and (master.kind != "bridge" or lower.kind not in _PAIRS):
                uppers.append(master)
            fresh = [item for item in uppers if item.index not in seen]
            seen.update(item.index for item in fresh)
            found += [item.name for item in fresh if item is not master or item.kind != "bridge"]
            pending += fresh
        return found


def _is_harmless(entry: TrafficControl) -> bool:
    return entry.sort == FILTER and entry.actions is not None and _HARMLESS.issuperset(entry.actions)


def _words(control: _Control, owner: str, queried: str) -> str:
    where = _where(control.device, owner, queried)
    inside = "nsenter -n -t PID " if owner else ""
    entry = control.entry
    if entry is None:
        return f"what an XDP program on {where} does with its frames; see {inside}ip -d link show dev {control.device}"
    if entry.sort == QDISC:
        show = f"{inside}tc -s qdisc show dev {control.device}"
        return f"what the queueing discipline {entry.kind} on {where} lets pass; see {show}"
    if entry.sort != FILTER:
        show = f"{inside}bpftool net show dev {control.device}"
        return f"what a {entry.kind} program on {where} ({entry.direction}) does with its frames; see {show}"
    actions = f", action {', '.join(entry.actions)}" if entry.actions else ""
    show = f"{inside}tc filter show dev {control.device} {entry.direction}"
    return f"what a tc filter on {where} ({entry.direction}, {entry.kind}{actions}) does with its frames; see {show}"


def _where(device: str, owner: str, queried: str) -> str:
    place = f"{device} of {owner}" if owner else device
    return place if device == queried else f"{place} below {queried}"


class Address(NamedTuple):
    """An address of a link."""

    number: int
    length: int


class Stack:
    """The IP stack of one namespace. Two are the same if they are one object."""

    def __init__(
        self,
        label: str,
        links: Sequence[Link],
        routes: Iterable[Route],
        rules: Sequence[PolicyRule],
        listeners: Iterable[Listener] | None,
        doubt: str = "",
        settings: NamespaceSettings | None = None,
        neighbours: Sequence[Neighbour] | None = (),
        controls: Sequence[TrafficControl] | None = (),
        *,
        container: str | None = None,
    ) -> None:
        """Take what was read of it; listeners, neighbours and controls are None when they were not read.

        doubt: what else is not known of it; container: the name of one that is in it, None for the host.
        """
        self.label = label
        self.container = container
        self.doubt = doubt
        self.settings = settings or NamespaceSettings({})
        self.links = {link.name: link for link in links}
        self.static_neighbours = StaticNeighbours(links, neighbours)
        self.controls = DeviceControls(links, controls)
        self.fib = Fib(routes, rules, links)
        self.sockets = None if listeners is None else Sockets(listeners)
        self._addresses: dict[tuple[int, str], list[Address]] = {}
        self._numbers: dict[int, set[int]] = {4: set(), 6: set()}
        self._broadcasts: set[int] = set()
        for link in links:
            for text in link.addresses:
                family, number, length = parse_prefix(text)
                self._addresses.setdefault((family, link.name), []).append(Address(number, length))
                self._numbers[family].add(number)
                if family == 4 and length < 31:
                    self._broadcasts.add(number | (1 << (BITS[4] - length)) - 1)

    def addresses(self, family: int, device: str) -> list[Address]:
        """The addresses of a link, in the kernel's order."""
        return self._addresses.get((family, device), [])

    def numbers(self, family: int) -> set[int]:
        """The addresses of all its links."""
        return self._numbers[family]

    def has_address(self, family: int, number: int) -> bool:
        """Whether it takes packets for this address."""
        return self.fib.local_kind(family, number) == LOCAL

    def link_towards(self, family: int, number: int) -> Link | None:
        """The link by which its own packets for an address leave; None where it has no way there."""
        return self.links.get(self.fib.lookup(RouteQuery(family, number)).device)

    def is_broadcast(self, family: int, number: int) -> bool:
        """Whether an address is the broadcast address of a subnet of its links (fib_add_ifaddr())."""
        return family == 4 and (number in self._broadcasts or number == (1 << 32) - 1)

    def is_on_link(self, family: int, number: int, device: str) -> bool:
        """Whether an address is on a subnet that a link has an address on."""
        own = self.addresses(family, device)
        return any(same_prefix(family, item.number, number, item.length) for item in own)

    def first_hops(self, family: int, device: str) -> int:
        """The TTL, or the hop limit, of what it sends by a device, unless a program or a route names another one."""
        return self.settings.first_hops(family, device)

    def source_for(self, query: RouteQuery, decision: Decision) -> int | None:
        """The source address that the kernel chooses for what the namespace itself sends; None when there is none."""
        if decision.source:
            return parse_address(decision.source)[1]
        if decision.kind == LOCAL:
            return query.destination
        by_router = query.family == 4 and decision.gateway
        towards = parse_address(decision.gateway)[1] if by_router else query.destination
        return self.select_source(query.family, towards, decision.device)

    def select_source(self, family: int, towards: int, device: str) -> int | None:
        """The address for what leaves by a device; one of another device stands in when it has none.

        IPv4 looks for one on the subnet of the next hop (inet_select_addr()), IPv6 at the destination alone
        (ipv6_dev_get_saddr()).
        """
        if family == 6:
            own = self._global(6, device, towards)
            others = (item for name in self.links for item in self._global(6, name, towards))
            return _best6(own or list(others), towards)
        for name in (device, *self.links):
            found = self._global(4, name, towards)
            if found:
                near = (item for item in found if same_prefix(4, item.number, towards, item.length))
                return next(near, found[0]).number
        return None

    def solicits_from(self, family: int, device: str, source: int, neighbour: int) -> int:
        """The address from which it asks for a neighbour's hardware address, 0 without one.

        That is the source of the packet that waits for it, where it is the stack's own and arp_announce allows it
        (arp_solicit()); for IPv6 one of the device, and the device's link-local address otherwise (ndisc_solicit(),
        ndisc_send_ns()).
        """
        if family == 6:
            own = [item.number for item in self.addresses(6, device)]
            return source if source in own else next((number for number in own if is_link_local(6, number)), 0)
        is_allowed = self.has_address(4, source) and self._announces(device, source, neighbour)
        return source if is_allowed else self.select_source(4, neighbour, device) or 0

    def _announces(self, device: str, source: int, neighbour: int) -> bool:
        level = self.settings.larger(device, "arp_announce")
        if level != 1:
            return level != 2
        own = (item for item in self.addresses(4, device) if same_prefix(4, item.number, neighbour, item.length))
        return any(same_prefix(4, item.number, source, item.length) for item in own)

    def _global(self, family: int, device: str, towards: int) -> list[Address]:
        found = [item for item in self.addresses(family, device) if not is_loopback(family, item.number)]
        if family == 4:
            return found
        # One that is tentative has no local route yet, and is no source (ipv6_dev_get_saddr()).
        found = [item for item in found if self.has_address(6, item.number)]
        if is_link_local(family, towards):
            return found
        return [item for item in found if not is_link_local(family, item.number)]


def _best6(addresses: list[Address], destination: int) -> int | None:
    """RFC 6724: the same label (of which only that of unique local addresses matters here), then the longest prefix.

    No more than the prefix of the address counts (ipv6_get_saddr_eval()); of equal ones the first is chosen.
    """

    def merit(item: Address) -> tuple[bool, int]:
        common = BITS[6] - (item.number ^ destination).bit_length()
        return _is_unique_local(item.number) == _is_unique_local(destination), min(common, item.length)

    return max(addresses, key=merit).number if addresses else None


def _is_unique_local(number: int) -> bool:
    return number >> 121 == 0x7E
