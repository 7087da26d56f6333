# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel holds: links, routes, neighbours, sockets, processes of docker-proxy, sysctls, rules as text.

Keys and files of sysctls are as sysctl.d(5) has them; procps' sysctl(8) reads the same syntax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Optional


@dataclass(frozen=True)
class BridgeSetting:
    """A setting of a bridge port, by its name and value in bridge(8)."""

    name: str
    """``state``, ``learning``, ``flood``..."""
    value: str
    """``on`` or ``off``, the name of a state (its number where it has none)."""

    def __str__(self) -> str:
        return f"{self.name} {self.value}"


@dataclass(frozen=True)
class Link:
    """A network interface of the host's namespace (rtnetlink(7), RTM_GETLINK)."""

    index: int
    name: str
    kind: str = ""
    """IFLA_INFO_KIND: ``bridge``, ``veth``, ``vlan``...; empty for hardware."""
    up: bool = False
    """IFF_UP; a bridge without running containers is up and has no carrier."""
    operstate: str = ""
    mtu: int = 0
    mac: str = ""
    master: Optional[int] = None
    """Index of the bridge it is a port of."""
    peer_index: Optional[int] = None
    """IFLA_LINK: for veth the index of the other end, in the other end's namespace."""
    peer_nsid: Optional[int] = None
    """IFLA_LINK_NETNSID: id of the namespace that the other end is in."""
    hairpin: Optional[bool] = None
    """IFLA_BRPORT_MODE; None for what is no bridge port."""
    isolated: Optional[bool] = None
    """IFLA_BRPORT_ISOLATED: ports that have it do not reach each other; None for what is no bridge port."""
    settings: list[BridgeSetting] = field(default_factory=list)
    """Of a bridge port, what is not as the kernel sets it and can keep frames from passing."""
    vlan_filtering: bool = False
    """IFLA_BR_VLAN_FILTERING: this bridge keeps VLANs apart."""
    forwarding_entries: list[str] = field(default_factory=list)
    """Hardware addresses of static entries for this port, so that its bridge does not learn them (``bridge fdb``)."""
    calls_iptables: Optional[bool] = None
    """IFLA_BR_NF_CALL_IPTABLES: this bridge does what net.bridge.bridge-nf-call-iptables does for all."""
    calls_ip6tables: Optional[bool] = None
    addresses: list[str] = field(default_factory=list)
    """With prefix length, both families."""
    leased: list[str] = field(default_factory=list)
    """Those of ``addresses`` that end some day (without IFA_F_PERMANENT): from DHCP or a router advertisement."""
    tentative: list[str] = field(default_factory=list)
    """Those at which nobody answers yet (IFA_F_TENTATIVE); on a link without carrier they stay so."""
    xdp: bool = False
    """IFLA_XDP_ATTACHED: a program sees what comes in by it before all else, and can keep it."""
    without_arp: bool = False
    """IFF_NOARP: it does not ask who has an address, nor answer."""


DEFAULT_ROUTE = {4: "0.0.0.0/0", 6: "::/0"}
"""Destination by IP version."""
DEFAULT_TABLE, MAIN_TABLE, LOCAL_TABLE = 253, 254, 255
"""Routing tables that the kernel has by itself (linux/rtnetlink.h, RT_TABLE_DEFAULT and so on)."""


@dataclass(frozen=True)
class Route:
    """An entry of a routing table of the host's namespace (rtnetlink(7), RTM_GETROUTE)."""

    destination: str
    """With prefix length; ``0.0.0.0/0`` and ``::/0`` for default routes."""
    table: int
    """254 is main, 255 local (rtnetlink(7)); others are chosen by rules or belong to a VRF."""
    kind: str = "unicast"
    """``unicast``, ``local``, ``broadcast``, ``multicast``, ``blackhole``, ``unreachable``..., as ip-route(8) says it;
    the number where it has no name for it."""
    gateways: list[str] = field(default_factory=list)
    """Next hops, more than one for a multipath route; empty for what is on link."""
    interfaces: list[int] = field(default_factory=list)
    """Indices of the links that it leads to."""
    protocol: int = 0
    """Who made it: 2 is the kernel, 4 an administrator, 9 a router advertisement (rtnetlink(7))."""
    source: Optional[str] = None
    """RTA_PREFSRC: the address that the host's own packets get on this way."""
    metric: int = 0
    """RTA_PRIORITY; among routes of the same length the lowest wins. 0 is 1024 for IPv6."""
    usable: bool = True
    """Whether none of RTNH_F_DEAD and RTNH_F_LINKDOWN (with ignore_routes_with_linkdown) rules it out."""


@dataclass(frozen=True)
class PolicyRule:
    """An entry of the routing policy database (ip-rule(8), RTM_GETRULE)."""

    priority: int
    family: int
    """4 or 6."""
    action: str = "lookup"
    """``lookup``, ``goto``, ``nop``, ``blackhole``, ``unreachable`` or ``prohibit``."""
    table: int = 0
    goto: int = 0
    """Priority of the rule to go on with."""
    inverted: bool = False
    source: str = ""
    """With prefix length; empty for all."""
    destination: str = ""
    incoming: str = ""
    """Device by name; ``lo`` stands for what the host itself sends."""
    outgoing: str = ""
    mark: int = 0
    mask: int = 0
    """0 when the rule does not ask for a mark."""
    protocol: int = 0
    source_ports: Optional[list[int]] = None
    """First and last."""
    destination_ports: Optional[list[int]] = None
    suppress_prefix_length: Optional[int] = None
    """A route with a prefix of this length or shorter does not count (FRA_SUPPRESS_PREFIXLEN)."""
    other: list[str] = field(default_factory=list)
    """Selectors beyond these that it has (uidrange, tos, l3mdev...): it then cannot be told whether it applies."""


@dataclass(frozen=True)
class Neighbour:
    """An entry of a neighbour table that is never resolved again: in the state ``permanent`` or ``noarp`` of ip(8)."""

    address: str
    interface: int
    """Index of the link that the neighbour is on."""
    mac: str
    """The hardware address that its frames get."""


@dataclass(frozen=True)
class ProxyProcess:
    """A docker-proxy process."""

    pid: int
    ppid: int
    protocol: str
    host_ip: str
    host_port: int
    container_ip: str
    container_port: int
    pss: Optional[int] = None
    """Proportional set size in bytes (/proc/PID/smaps_rollup): its share of memory, shared pages divided.

    None where it could not be read, and for those that are not measured, see to_measure().
    """
    rss: Optional[int] = None
    """Resident set size in bytes; counts pages shared by all proxies once for each."""


MOST_MEASURED = 32
"""Processes. For each the kernel goes through its page tables, in a seventh of a millisecond."""


def to_measure(proxies: list[ProxyProcess]) -> list[ProxyProcess]:
    """Return those of which the memory is read: at most MOST_MEASURED of them, spread evenly."""
    return proxies[:: max(1, -(-len(proxies) // MOST_MEASURED))]


@dataclass(frozen=True)
class SysctlAssignment:
    """One line of a sysctl.d file; key in its dotted form, as written but for slashes."""

    key: str
    value: str
    line: int


@dataclass(frozen=True)
class SysctlFile:
    """A file that the boot loader of sysctls reads, see sysctl.d(5)."""

    path: str
    assignments: list[SysctlAssignment] = field(default_factory=list)


@dataclass(frozen=True)
class BootSysctls:
    """All that will be set at boot."""

    loader: str
    """``systemd-sysctl`` or ``procps``: they differ over /etc/sysctl.conf."""
    files: list[SysctlFile] = field(default_factory=list)
    """In the order in which the loader applies them; masked and overridden files are left out."""


@dataclass(frozen=True)
class RuleNeed:
    """A comparison of a packet's family or protocol with one value, by which a rule of an inet table goes on."""

    table: str
    """Family and name."""
    handle: int
    """Of the rule in its table."""
    key: str
    """``meta nfproto``, ``meta protocol``, ``meta l4proto`` or ``ct l3proto``, see nft(8)."""
    value: int
    """As the kernel has it: NFPROTO_IPV6, ETH_P_IPV6, IPPROTO_TCP..."""
    changes: int = 0
    """How many changes to marks, and stops to tracking, stand before it in the rule."""


@dataclass(frozen=True)
class Ruleset:
    """The ruleset as it was read, unparsed, so that a later evaluator can judge it."""

    save: dict[str, str] = field(default_factory=dict)
    """Output of the save commands by their name: ``iptables-nft-save``, ``ip6tables-legacy-save``..."""
    nft_json: Optional[str] = None
    """Output of ``nft -j list ruleset``; None where there is no such program."""
    ipsets: Optional[str] = None
    """The sets of ipset in the words of ``ipset save``; None where nothing refers to one, or they could not be read."""
    nft_tables: Optional[list[str]] = None
    """Tables of nftables as the kernel lists them, ``ip filter`` say; None where they were not asked for."""
    generation: Optional[int] = None
    """NFT_MSG_GETGEN, the same before and after all was read; None where the kernel was not asked."""
    unread: list[str] = field(default_factory=list)
    """Parts that exist and could not be read, one sentence each."""
    ipsets_unread: str = ""
    """Why sets that rules refer to could not be read: only those rules are undecided, so it is not in ``unread``."""
    listed: dict[str, str] = field(default_factory=dict)
    """Of tables that iptables-nft-save could not show: what ``iptables-nft -S`` does, by family and table."""
    needs: list[RuleNeed] = field(default_factory=list)
    """What rules of inet tables ask of family and protocol: nft leaves some of it out of ``nft_json``."""


STOPPED = "stopped"
TRACED = "traced"
FROZEN = "frozen"


@dataclass(frozen=True)
class Halt:
    """What keeps a process from running although it lives."""

    state: str
    """``stopped`` (by a signal), ``traced`` (stopped by a debugger) or ``frozen`` (with its control group)."""
    freezer: str = ""
    """The file that freezes its control group, ``cgroup.freeze`` or ``freezer.state`` at its end."""
    shared: bool = False
    """Whether another process that runs holds the socket and might accept."""


@dataclass(frozen=True)
class Listener:
    """A TCP socket in state LISTEN or an unconnected UDP socket, as sock_diag(7) shows it."""

    protocol: str
    """``tcp`` or ``udp``."""
    address: str
    """What it is bound to; ``0.0.0.0`` or ``::`` for every address."""
    port: int
    only_ipv6: bool = False
    """IPV6_V6ONLY of an IPv6 socket; without it a socket bound to ``::`` takes IPv4 as well (ipv6(7))."""
    device: str = ""
    """SO_BINDTODEVICE, empty for every interface."""
    owner: str = ""
    """Name of the program that holds it; empty when that could not be told."""
    pid: Optional[int] = None
    """Process that holds it, as the host counts; None when that could not be told."""
    halt: Optional[Halt] = None
    """Why that process accepts nothing; None where it runs, or it could not be told. In the namespaces of containers
    owner and pid are known of such a process alone."""


@dataclass(frozen=True)
class TrackedFlow:
    """A flow of UDP whose destination was translated (IPS_DST_NAT), as ctnetlink lists it.

    While it lives no rule of table nat is asked for it again.
    """

    source: str
    source_port: int
    destination: str
    """Where the first datagram was sent."""
    destination_port: int
    translated: str
    """Where they all are delivered: the source of what the reply is expected to be."""
    translated_port: int
    timeout: int
    """Seconds that it lives if nothing more comes."""


@dataclass(frozen=True)
class Conntrack:
    """The translated flows of UDP of the host's namespace."""

    flows: list[TrackedFlow] = field(default_factory=list)
    complete: bool = True
    """False where there were more than a reading takes."""


NETWORKD = "systemd-networkd"
NETWORK_MANAGER = "NetworkManager"


@dataclass(frozen=True)
class ManagedLink:
    """What a running network manager says of one interface."""

    manager: str
    """``systemd-networkd`` or ``NetworkManager``."""
    interface: str
    state: str
    """In its own words."""
    managed: bool
    """Whether it configures the interface, which NetworkManager does not where it is connected externally."""
    by: str = ""
    """The file or connection that says so, where it names one."""


# Directions, as tc(8) calls them.
INGRESS = "ingress"
EGRESS = "egress"
ROOT = "root"
"""Of filters of the queueing discipline that what leaves by the link goes through, after those of egress."""

# What there is.
FILTER = "filter"
QDISC = "qdisc"
PROGRAM = "program"

ETH_P_ALL = 0x0003
"""Protocol of a filter that sees all frames (linux/if_ether.h)."""

# Actions of which it is known what they do; others are under their kinds: ``mirred``, ``police``, ``nat``...
PASS = "pass"  # noqa: S105
CONTINUE = "continue"
DROP = "drop"
MIRROR = "mirror"
"""A copy leaves by another device, and the frame itself goes on."""


@dataclass(frozen=True)
class TrafficControl:
    """A filter, a queueing discipline or a program of a network interface."""

    interface: int
    """Index of the link."""
    direction: str
    """``ingress`` for what comes in by the link, ``egress`` or ``root`` for what leaves by it."""
    sort: str
    """``filter``, ``qdisc`` or ``program``."""
    kind: str
    """As tc(8) calls it: ``u32``, ``flower``, ``bpf``..., of a queueing discipline ``netem``, ``tbf``...; of a program
    ``tcx``."""
    protocol: int = ETH_P_ALL
    """Of the frames that a filter sees, as an Ethernet type."""
    actions: Optional[list[str]] = field(default_factory=list)
    """Of a filter, in their order; None where nobody knows, as for filters that are programs."""


# Directions, as ip-xfrm(8) calls them.
IN = "in"
FORWARDED = "fwd"
OUT = "out"

ALLOW = "allow"
BLOCK = "block"


@dataclass(frozen=True)
class IpsecTemplate:
    """What a policy makes of a packet that leaves, and what one that comes in has to have been."""

    mode: str
    """``tunnel``, ``transport``, ``beet``..., the number where ip-xfrm(8) has no name for it."""
    optional: bool = False
    """``level use``: what comes in need not have been it."""
    source: str = ""
    """Of a tunnel, its ends; empty for none in particular."""
    destination: str = ""


@dataclass(frozen=True)
class IpsecPolicy:
    """A policy for packets of all sockets (XFRM_MSG_GETPOLICY)."""

    direction: str
    """``in``, ``fwd`` or ``out``."""
    family: int
    """4 or 6."""
    source: str
    """With prefix length."""
    destination: str
    action: str = ALLOW
    """``allow`` or ``block``."""
    priority: int = 0
    """Of several that match, the lowest number decides; of equal ones the oldest."""
    index: int = 0
    """The kernel's number of it, which grows with each that is made."""
    protocol: int = 0
    """0 for any."""
    source_port: int = 0
    source_port_mask: int = 0
    """Which bits of the port count; 0 for any port. ICMP has its type here, and its code in place of the other one."""
    destination_port: int = 0
    destination_port_mask: int = 0
    interface: int = 0
    """Index of the link that the packet leaves by; 0 for any."""
    mark: int = 0
    mask: int = 0
    """0 when the policy does not ask for a mark."""
    if_id: int = 0
    """Not 0: only for what goes through an interface of the kind xfrm with that number."""
    templates: list[IpsecTemplate] = field(default_factory=list)
    icmp: bool = False
    """``flag icmp``: it is for ICMP errors about its packets as well."""


@dataclass(frozen=True)
class Ipsec:
    """The IPsec policies of a network namespace."""

    policies: list[IpsecPolicy] = field(default_factory=list)
    """In the order in which the kernel asks them."""
    blocked: list[str] = field(default_factory=list)
    """Directions in which what no policy matches is blocked (``ip xfrm policy setdefault``)."""
    exempt: list[str] = field(default_factory=list)
    """Settings that are on which take interfaces out of it, ``net.ipv4.conf.lo.disable_policy`` say."""


@dataclass(frozen=True)
class ContainerNamespace:
    """A network namespace other than the host's; several containers can share it."""

    inode: int
    """Number of /proc/PID/ns/net, which Container.netns refers to."""
    links: list[Link] = field(default_factory=list)
    """A link's index is the ``peer_index`` of the veth on the host that has the namespace's ``peer_nsid``."""
    routes: list[Route] = field(default_factory=list)
    rules: list[PolicyRule] = field(default_factory=list)
    """Only where they differ from the three that every namespace has."""
    listeners: list[Listener] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    """Tables of nftables and ip_tables in it that have a rule or a policy of DROP, ``ip nat`` say."""
    sysctls: dict[str, str] = field(default_factory=dict)
    """Its own settings for what it takes in and sends on, under the keys of HostSnapshot.sysctls, without defaults."""
    chains: dict[str, int] = field(default_factory=dict)
    """How many rules each chain of these tables has, by ``ip nat OUTPUT`` say; of a table of ip_tables all its entries,
    by ``ip nat``."""
    neighbours: Optional[list[Neighbour]] = field(default_factory=list)
    """The fixed entries of its neighbour tables; None where there are too many to be read."""
    traffic_control: list[TrafficControl] = field(default_factory=list)
    """What tc(8) has put on its links, without what the kernel puts there by itself."""
    ipsec: bool = False
    """Whether it has IPsec policies of its own."""


def canonical_key(text: str) -> str:
    """Return a key in dotted form, dots inside an interface name as slashes (``net.ipv4.conf.eth0/100.forwarding``).

    Which of the two signs comes first decides which of them separates, see sysctl.d(5).
    """
    separator = re.search(r"[./]", text)
    if separator is None or separator.group() == ".":
        return text
    return text.translate(str.maketrans("./", "/."))


def parse_sysctl_file(text: str, path: str) -> SysctlFile:
    """Parse the text of a sysctl.d file.

    A leading ``-`` only says that a failure does not matter and is dropped; the form ``-KEY`` without a value, which
    keeps KEY out of patterns, keeps its ``-``.
    """
    assignments = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        excluded = name.startswith("-") and not equals
        key = canonical_key(name.lstrip("-").strip())
        if excluded:
            assignments.append(SysctlAssignment(f"-{key}", "", number))
        elif equals and key:
            assignments.append(SysctlAssignment(key, value.strip(), number))
    return SysctlFile(path, assignments)


def sysctl_key(version: int, interface: str, name: str, folder: str = "conf") -> str:
    """The dotted key of an interface's setting for IPv4 or IPv6; dots of its name become slashes, see sysctl.d(5)."""
    return f"net.ipv{version}.{folder}.{interface.replace('.', '/')}.{name}"
