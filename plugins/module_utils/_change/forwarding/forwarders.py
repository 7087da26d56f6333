# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""For whom else the host forwards, now or once it is up, and who of them a closed FORWARD chain would cut off. Pure.

A closed chain cuts off what no rule in it accepts, so an interface whose traffic is accepted both ways by rules of its
own (as libvirt makes them) goes on. Where that does not follow from the rules, it counts as cut off.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.dockerd_forwarding import VERSIONS
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import DisruptionKind
from ansible_collections.dockernet.baseline.plugins.module_utils._change.sysctl_plan import FOLDER, OWN_NAMES
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import contains
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import (
    DeclaredForwarder,
    DeclaredForwarders,
    Firewall,
    SavedRule,
    SavedTable,
    filter_save,
    parse_table,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import boot_value
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import _DOCKER_BRIDGE, docker_bridges

# IFLA_INFO_KIND of links that lead to other networks.
TUNNELS = {
    "wireguard": "WireGuard",
    "tun": "a VPN or a virtual machine (tun/tap)",
    "ppp": "PPP",
    "gre": "a GRE tunnel",
    "gretap": "a GRE tunnel",
    "ipip": "an IPIP tunnel",
    "sit": "a SIT tunnel",
    "ip6tnl": "an IPv6 tunnel",
    "vti": "an IPsec tunnel",
    "xfrm": "an IPsec tunnel",
    "vxlan": "a VXLAN overlay",
    "geneve": "a GENEVE overlay",
}
# Names that software gives, in the order in which they are tried.
_SOFTWARE = (
    ("virbr", "libvirt"),
    ("vnet", "libvirt"),
    ("lxcbr", "LXC"),
    ("lxdbr", "LXD"),
    ("incusbr", "Incus"),
    ("podman", "Podman"),
    ("cni-podman", "Podman"),
    ("cni", "a Kubernetes CNI"),
    ("flannel", "flannel (Kubernetes)"),
    ("cali", "Calico (Kubernetes)"),
    ("lxc", "Cilium (Kubernetes)"),
    ("cilium", "Cilium (Kubernetes)"),
    ("weave", "Weave (Kubernetes)"),
    ("kube-", "Kubernetes"),
    ("tailscale", "Tailscale"),
    ("wg", "WireGuard"),
    ("vmbr", "Proxmox"),
    ("ve-", "systemd-nspawn"),
    ("vb-", "systemd-nspawn"),
    ("br-lan", "a router"),
)
_CHAINS = (
    ("KUBE-", "Kubernetes (kube-proxy)"),
    ("FLANNEL-", "flannel (Kubernetes)"),
    ("CNI-", "a Kubernetes CNI"),
    ("cali-", "Calico (Kubernetes)"),
    ("CILIUM_", "Cilium (Kubernetes)"),
    ("WEAVE", "Weave (Kubernetes)"),
    ("NETAVARK", "Podman"),
)
# Engine 28.0.0 alone keeps its bridges in sets of ipset, and accepts what comes back to them by these.
_DOCKER_SET = re.compile(r"docker-ext-bridges-v[46] ")
_DOCKER_CHAIN = re.compile(r"DOCKER($|-)")
# Tables that iptables-nft makes, and those of engines with the nftables backend.
_KNOWN_NFT = {"filter", "nat", "raw", "mangle", "security", "docker-bridges"}


@dataclass(frozen=True)
class Forwarder:
    """One thing that the host forwards for."""

    kind: DisruptionKind
    name: str
    what: str
    """What it seems to be, and what shows it."""
    goes_on: bool = False
    """Whether rules of its own accept its traffic, so that the policy does not concern it."""

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"{self.kind} {self.name}"


def find_forwarders(
    snapshot: HostSnapshot, firewall: Firewall, family: str, going_on: Collection[str] = ()
) -> list[Forwarder]:
    """Return all that is recognised for a family, Docker's own networks and the rules of those going_on left out."""
    table = parse_table(filter_save(snapshot, firewall, family), "filter")
    links = [link for link in snapshot.links if _concerns(snapshot, link, family)]
    found = []
    covered: list[str] = []
    for link in links:
        what = _kind(snapshot, link)
        if what is not None:
            subnets = _subnets(link, family)
            covered += subnets
            found.append(Forwarder("interface", link.name, what, _accepted(table, link.name, subnets)))
    names = {item.name for item in found} | set(going_on)
    found += list(_software_chains(snapshot, family))
    found += list(_foreign_rules(snapshot, table, names))
    found += list(_masquerades(snapshot, family, covered, names))
    found += list(_nft_tables(snapshot, family))
    if firewall.ipvs_services:
        services = f"{firewall.ipvs_services} virtual service(s) in /proc/net/ip_vs"
        found.append(Forwarder("load-balancer", "IPVS", f"{services}; in mode NAT its answers pass FORWARD"))
    return found or list(_router(snapshot, family))


def find_declared(
    snapshot: HostSnapshot, firewall: Firewall, family: str, declared: DeclaredForwarders
) -> list[Forwarder]:
    """Return those of a family that boot starts; files that could not be read count, too."""
    table = parse_table(filter_save(snapshot, firewall, family), "filter")
    found = []
    for item in declared.found:
        if item.starts and _is_concerned(snapshot, item, family):
            subnets = [subnet for subnet in item.subnets if (":" in subnet) == (VERSIONS[family] == 6)]
            goes_on = family in item.accepts or (bool(item.interface) and _accepted(table, item.interface, subnets))
            found.append(Forwarder(item.kind, item.name, item.what, goes_on))
    return found + [
        Forwarder("file", path, f"it {problem}, so what it declares is not known")
        for path, problem in declared.unread.items()
    ]


def started_by_hand(snapshot: HostSnapshot, families: list[str], declared: DeclaredForwarders) -> list[str]:
    """Warn, in one sentence, of those that boot does not start, with their files."""
    found = [
        f"{item.kind} {item.name} ({item.what})"
        for item in declared.found
        for family in families
        if not item.starts and family not in item.accepts and _is_concerned(snapshot, item, family)
    ]
    if not found:
        return []
    names = listed(list(dict.fromkeys(found)), 5)
    what = "the traffic that the host forwards for it and no rule accepts"
    return [f"{names} is not started at boot; once it is started, a closed FORWARD drops {what}"]


def accepts_everything(table: SavedTable) -> str | None:
    """The rule that accepts every packet before the policy is asked, None where there is none."""
    for rule in table.of("FORWARD"):
        if rule.target == "ACCEPT" and not set(rule.matches) - {"--comment"}:
            return rule.text
    return None


def _concerns(snapshot: HostSnapshot, link: Link, family: str) -> bool:
    """Whether packets of the family are routed through the link, or, as a bridge, shown to iptables."""
    if not link.up or link.name in docker_bridges(snapshot):
        return False
    if link.kind == "bridge":
        key = "net.bridge.bridge-nf-call-iptables" if family == "ipv4" else "net.bridge.bridge-nf-call-ip6tables"
        return bool(_ports(snapshot, link)) and (bool(_subnets(link, family)) or snapshot.sysctls.get(key) == "1")
    return link.master is None and (bool(_subnets(link, family)) or link.kind == "veth")


def _kind(snapshot: HostSnapshot, link: Link) -> str | None:
    """What a link is, in words; None for what is no sign of forwarding."""
    addresses = f" ({', '.join(link.addresses)})" if link.addresses else ""
    software = next((text for prefix, text in _SOFTWARE if link.name.startswith(prefix)), None)
    if link.kind == "bridge":
        ports = ", ".join(_ports(snapshot, link))
        return f"a bridge {f'of {software} ' if software else ''}with the ports {ports}{addresses}"
    if link.kind in TUNNELS:
        return f"{software or TUNNELS[link.kind]}{addresses}"
    if link.kind == "veth" and software is not None:
        return f"a veth of {software}{addresses}"
    return None


def _ports(snapshot: HostSnapshot, bridge: Link) -> list[str]:
    return [link.name for link in snapshot.links if link.master == bridge.index and link.up]


def _subnets(link: Link, family: str) -> list[str]:
    found = [ipaddress.ip_interface(text) for text in link.addresses]
    return [
        str(item.network)
        for item in found
        if item.version == VERSIONS[family] and not item.ip.is_loopback and not item.ip.is_link_local
    ]


def _saves(snapshot: HostSnapshot, family: str) -> list[str]:
    prefix = "iptables-" if family == "ipv4" else "ip6tables-"
    return [
        text for name, text in (snapshot.ruleset.save if snapshot.ruleset else {}).items() if name.startswith(prefix)
    ]


def _software_chains(snapshot: HostSnapshot, family: str) -> Iterator[Forwarder]:
    chains = [chain for save in _saves(snapshot, family) for chain in _all_chains(save)]
    for prefix, software in _CHAINS:
        own = sorted({chain for chain in chains if chain.startswith(prefix)})
        if own:
            yield Forwarder("chain", listed(own, 1), f"{software}, whose pods or containers are routed by this host")


def _all_chains(save: str) -> list[str]:
    return [line[1:].split()[0] for line in save.splitlines() if line.startswith(":") and len(line) > 1]


def _foreign_rules(snapshot: HostSnapshot, table: SavedTable, covered: set[str]) -> Iterator[Forwarder]:
    """Rules of others in FORWARD that accept something: they go on, what they leave to the policy does not."""
    for rule in table.of("FORWARD"):
        if (
            rule.target != "ACCEPT"
            or _names_one_of(rule, docker_bridges(snapshot) | covered)
            or _DOCKER_SET.match(rule.matches.get("--match-set", ""))
            or not set(rule.matches) - {"--comment"}
        ):
            continue
        if set(rule.matches) <= {"--ctstate", "--state", "--comment"}:
            continue
        yield Forwarder("rule", rule.text, "a rule of another program, which may not cover the other direction")


def _masquerades(snapshot: HostSnapshot, family: str, covered: list[str], names: set[str]) -> Iterator[Forwarder]:
    """Source NAT for networks that are neither Docker's nor those of the interfaces found."""
    subnets = [item.subnet for network in snapshot.networks for item in network.subnets if item.subnet]
    bridges = docker_bridges(snapshot)
    for save in _saves(snapshot, family):
        table = parse_table(save, "nat")
        for rule in table.rules:
            if rule.target not in ("MASQUERADE", "SNAT") or _is_software(rule.chain) or "--mark" in rule.matches:
                continue
            source = rule.matches.get("-s", "")
            if any(_within(source, subnet) for subnet in [*subnets, *covered]) if source else False:
                continue
            # Docker's for a published port that a container calls itself, maybe one that is gone.
            if _names_one_of(rule, bridges | names) or (source and source == rule.matches.get("-d")):
                continue
            yield Forwarder("rule", rule.text, f"source NAT for {source or 'all that the host forwards'}")


def _names_one_of(rule: SavedRule, interfaces: set[str]) -> bool:
    """Whether a rule is about one of the interfaces, or about a bridge of Docker that is gone."""
    named = {value for option, value in rule.matches.items() if option in ("-i", "-o", "! -i", "! -o")}
    return bool(named & interfaces) or any(_DOCKER_BRIDGE.fullmatch(name) for name in named)


def _is_software(chain: str) -> bool:
    return any(chain.startswith(prefix) for prefix, dummy in _CHAINS) or _DOCKER_CHAIN.match(chain) is not None


def _nft_tables(snapshot: HostSnapshot, family: str) -> Iterator[Forwarder]:
    """Tables of native nftables that accept forwarded packets or do source NAT: an iptables DROP overrides them."""
    families = ("inet", "ip" if family == "ipv4" else "ip6")
    found: dict[tuple[str, str], str] = {}
    hooks = {}
    for item in _nft_items(snapshot):
        chain, rule = item.get("chain"), item.get("rule")
        if isinstance(chain, dict):
            hooks[(chain.get("family"), chain.get("table"), chain.get("name"))] = chain.get("hook")
        if not isinstance(rule, dict) or rule.get("family") not in families or rule.get("table") in _KNOWN_NFT:
            continue
        if rule.get("table") == "firewalld":
            continue
        hook = hooks.get((rule.get("family"), rule.get("table"), rule.get("chain")))
        verdicts = {key for part in rule.get("expr", []) if isinstance(part, dict) for key in part}
        if verdicts & {"masquerade", "snat"}:
            found[(rule["family"], rule["table"])] = "source NAT"
        elif "accept" in verdicts and (hook == "forward" or "forward" in str(rule.get("chain", "")).lower()):
            found.setdefault((rule["family"], rule["table"]), "rules that accept forwarded packets")
    for (kind, name), what in found.items():
        yield Forwarder("table", f"{kind} {name}", f"{what}, which a closed FORWARD chain of iptables overrides")


def _nft_items(snapshot: HostSnapshot) -> list[dict[str, Any]]:
    try:
        items = json.loads((snapshot.ruleset.nft_json if snapshot.ruleset else None) or "{}").get("nftables")
    except (ValueError, AttributeError):
        return []
    # Chains first: a rule is judged by the hook of its chain.
    listed = [item for item in items or [] if isinstance(item, dict)]
    return sorted(listed, key=lambda item: "rule" in item)


def _router(snapshot: HostSnapshot, family: str) -> Iterator[Forwarder]:
    """A host between two networks that somebody made forward at boot may be there for that, without any rule."""
    knob = "net.ipv4.ip_forward" if family == "ipv4" else "net.ipv6.conf.all.forwarding"
    if snapshot.boot is None or snapshot.sysctls.get(knob) != "1":
        return
    boot = boot_value(snapshot.boot, knob)
    if boot.value != "1" or boot.path in {f"{FOLDER}/{name}" for name in OWN_NAMES}:
        return
    bridges = docker_bridges(snapshot)
    outer = [
        link.name
        for link in snapshot.links
        if link.up and link.name not in bridges and link.kind != "dummy" and _subnets(link, family)
    ]
    if len(outer) > 1:
        where = f"{boot.path} turns forwarding on, and the host has addresses on {', '.join(outer)}"
        for name in outer:
            yield Forwarder("interface", name, f"this may be a router: {where}")


def _is_concerned(snapshot: HostSnapshot, item: DeclaredForwarder, family: str) -> bool:
    """Whether it is of the family, and no link that is judged as it is: an uplink that is up, or a bridge of Docker."""
    if item.families is not None and family not in item.families:
        return False
    links = [link for link in snapshot.links if item.interface and fnmatch.fnmatchcase(link.name, item.interface)]
    if any(link.name in docker_bridges(snapshot) for link in links):
        return False
    return not any(link.up and link.kind != "bridge" and link.kind not in TUNNELS for link in links)


def _accepted(table: SavedTable, interface: str, subnets: list[str]) -> bool:
    """Whether rules reached from FORWARD accept all that comes in by the interface, and all answers to it."""
    ways = (("-i", "-s"), ("-o", "-d"))
    return all(_accepts(table, "FORWARD", interface, subnets, way, set()) for way in ways)


def _accepts(
    table: SavedTable, chain: str, interface: str, subnets: list[str], way: tuple[str, str], seen: set[str]
) -> bool:
    if chain in seen:
        return False
    seen.add(chain)
    for rule in table.of(chain):
        if not _matches(rule, interface, subnets, way):
            continue
        if rule.target == "ACCEPT":
            return True
        if rule.target in table.chains and _accepts(table, rule.target, interface, subnets, way, seen):
            return True
    return False


def _matches(rule: SavedRule, interface: str, subnets: list[str], way: tuple[str, str]) -> bool:
    """Whether every packet of the interface that goes this way matches; answers do where only their state is asked."""
    by, address = way
    other = "-o" if by == "-i" else "-i"
    judged: dict[str, Callable[[str], bool]] = {
        by: lambda value: value == interface or (value.endswith("+") and interface.startswith(value[:-1])),
        address: lambda value: bool(subnets) and all(_within(subnet, value) for subnet in subnets),
        # "! -o virbr0": all that leaves the interface's own network.
        f"! {other}": lambda value: value == interface,
        "--ctstate": lambda value: by == "-o" and _is_answer(value),
        "--state": lambda value: by == "-o" and _is_answer(value),
        "--comment": lambda dummy: True,
    }
    return all(option in judged and judged[option](value) for option, value in rule.matches.items())


def _is_answer(states: str) -> bool:
    return {"RELATED", "ESTABLISHED"} <= set(states.split(","))


def _within(subnet: str, value: str) -> bool:
    """Whether a subnet lies in what a rule names; text that is no address lies nowhere."""
    try:
        inner, outer = ipaddress.ip_network(subnet), ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return contains(outer, inner)
