# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws networks that are alike, and chains in which rules about others stand between those of these networks.

Each network has the same rules, in any order of networks, and anywhere between them are rules about one container,
port, gateway, set, device or mark: where these stand then says which networks the host treats alike.
"""

from __future__ import annotations

import random
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from tests.differential.reachability_iptables import neighbour_discovery
from tests.differential.reachability_names import Bridge, Names
from tests.differential.reachability_nft import DISCOVERY
from tests.lab.scenario import NetworkSpec, Workload

Draw = random.Random
SHARE = 0.35
"""Of the hosts that have such networks and chains."""
ALONE = 0.75
"""How many of these have no other rules and settings on top, most of which would set the networks apart."""
BY_NFT = 0.25
IN_CHAIN_OF_USER = 0.25
SHARP = 0.6
"""How many chains let packets of networks through and stop others, or the reverse."""
MARK = "0x3"
PROGRAMS = {4: "iptables", 6: "ip6tables"}
# Where such rules are, and how often of 19.
PLACES = {
    ("filter", "DOCKER-USER"): 5,
    ("filter", "FORWARD"): 3,
    ("filter", "INPUT"): 2,
    ("filter", "OUTPUT"): 1,
    ("raw", "PREROUTING"): 3,
    ("mangle", "PREROUTING"): 1,
    ("mangle", "FORWARD"): 1,
    ("nat", "PREROUTING"): 2,
    ("nat", "POSTROUTING"): 1,
}
# The priority of a chain of nft for each table.
PRIORITIES = {"filter": (-5, 10), "raw": (-310, -290), "mangle": (-155, -145), "nat": (-110, -90)}
INCOMING = ("DOCKER-USER", "FORWARD", "INPUT", "PREROUTING")
OUTGOING = ("DOCKER-USER", "FORWARD", "OUTPUT", "POSTROUTING")


class Words(NamedTuple):
    """The same match, or what it leads to, for both programs."""

    iptables: str
    nft: str


Rule = tuple[Words, Words]
"""A match, and what becomes of its packets."""


@dataclass(frozen=True)
class Interleaved:
    """What is put on top of one host."""

    steps: Sequence[tuple[str, str]] = ()
    """As those of a HostCase."""
    sets: Sequence[tuple[str, str]] = ()
    """Names of sets of ipset, and text for ``ipset restore``; they come first."""


def alike(
    draw: Draw, networks: Sequence[NetworkSpec], containers: Sequence[Workload]
) -> tuple[list[NetworkSpec], list[Workload]]:
    """The host with two to four networks that differ in name and subnet alone, and on each a container like the others.

    Further networks and containers stay as they are.
    """
    first = draw.choice([network for network in networks if not network.internal] or list(networks))
    places = range(1, draw.choice([3, 3, 4]) + 1)
    address = draw.choice(["", "", "", "127.0.0.1:", "HOST:"])
    has_udp = draw.random() < 0.4
    twins = [_twin(first, place) for place in places]
    publish = {
        place: [f"{address}{8079 + place}:80", *([f"{5049 + place}:5000/udp"] if has_udp else [])] for place in places
    }
    members = [Workload(f"c{place - 1}", networks=[f"n{place}"], publish=publish[place], serve=()) for place in places]
    return [*twins, *networks[len(twins) :]], [*members, *containers[len(members) :]]


def _twin(network: NetworkSpec, place: int) -> NetworkSpec:
    """The same network at another place."""
    before = network.name.removeprefix("n")
    options = {
        name: f"br-n{place}" if value == f"br-{network.name}" else value for name, value in network.options.items()
    }
    subnet, subnet6 = (
        text and text.replace(f".{before}.0/", f".{place}.0/").replace(f":{before}::/", f":{place}::/")
        for text in (network.subnet, network.ipv6_subnet)
    )
    return replace(network, name=f"n{place}", subnet=subnet, options=options, ipv6_subnet=subnet6)


def interleaved(draw: Draw, names: dict[int, Names]) -> Interleaved:
    """One such chain, or two."""
    chains = [
        _chain(draw, names[draw.choice([4, 4, 4, 6] if len(names[6].links) > 1 else [4])], number)
        for number in range(draw.choice([1, 1, 2]))
    ]
    return Interleaved([step for one in chains for step in one.steps], [made for one in chains for made in one.sets])


def _chain(draw: Draw, names: Names, number: int) -> Interleaved:
    table, chain = draw.choices(list(PLACES), weights=list(PLACES.values()))[0]
    fates = _fates(draw, names, table, chain)
    sets = _Sets(names.family, number)
    of_networks, *of_others = draw.sample(list(fates), 3)
    if draw.random() < SHARP:
        of_networks, *of_others = draw.sample(list(fates)[:2], 2)
    rules = _of_networks(draw, names, table, chain, fates[of_networks])
    each = len(rules) // len(names.links)
    between = draw.choice(_SINGLE)(draw, names, chain, sets)[0]
    rules.insert(draw.randint(each, len(rules) - each), (between, fates[of_others[0]]))
    matches = _MATCHES if table != "nat" else _PLAIN
    for dummy in range(draw.choice([0, 0, 1, 2])):
        make, fate = draw.choice(matches), fates[draw.choice(of_others)]
        for match in make(draw, names, chain, sets)[: draw.choice([1, 1, 3])]:
            rules.insert(draw.randint(0, len(rules)), (match, fate))
    side = [(draw.choice(_SINGLE[:2])(draw, names, chain, sets)[0], fates[of_others[0]])]
    side = [rule for rule in side if not rule[1].iptables.startswith("BETWEEN")]
    marked = [MARK in fate.iptables for dummy, fate in (*rules, *side)]
    lines = _on_marked(draw, names) if any(marked) else []
    if sets.made or draw.random() >= BY_NFT:
        lines += _by_iptables(draw, names, (table, chain, number), rules, side)
    else:
        lines += [_by_nft(draw, names, (table, chain, number), rules, side)]
    return Interleaved(lines, sets.made)


# ---- what rules are about


def _of_networks(draw: Draw, names: Names, table: str, chain: str, fate: Words) -> list[Rule]:
    """One or two rules for each network, network by network."""
    ip = _ip(names)
    forms: list[Callable[[Bridge], Words]] = [
        lambda link: Words(f"-s {link.subnet}", f"{ip} saddr {link.subnet}"),
        lambda link: Words(f"-d {link.subnet}", f"{ip} daddr {link.subnet}"),
        lambda link: Words(f"-d {link.gateway}", f"{ip} daddr {link.gateway}"),
    ]
    if table != "raw":
        of_gateway = "-m conntrack --ctorigdst"
        forms.append(lambda link: Words(f"{of_gateway} {link.gateway}", f"ct original {ip} daddr {link.gateway}"))
    if chain in INCOMING:
        forms += [
            lambda link: Words(f"-i {link.device}", f'iifname "{link.device}"'),
            lambda link: Words(f"-i {link.device}", f'iifname "{link.device}"'),
            lambda link: Words(f"-i {link.device} -p tcp --dport 80", f'iifname "{link.device}" tcp dport 80'),
        ]
    if chain in OUTGOING:
        forms.append(lambda link: Words(f"-o {link.device}", f'oifname "{link.device}"'))
    if chain in INCOMING and chain in OUTGOING:
        forms.append(
            lambda link: Words(
                f"-i {link.device} ! -o {link.device}", f'iifname "{link.device}" oifname != "{link.device}"'
            )
        )
    chosen = draw.sample(forms, draw.choice([1, 1, 2]))
    links = draw.sample(list(names.links), len(names.links))
    return [(form(link), fate) for link in links for form in chosen]


class _Sets:
    """The sets of ipset that rules of one chain ask for."""

    def __init__(self, family: int, number: int) -> None:
        self._family = "inet" if family == 4 else "inet6"
        self._name = f"between{family}{number}"
        self.made: list[tuple[str, str]] = []

    def make(self, kind: str, elements: Sequence[str]) -> str:
        """The name of a new one."""
        name = f"{self._name}{len(self.made)}"
        lines = [f"create {name} {kind} family {self._family}", *(f"add {name} {item}" for item in elements)]
        self.made.append((name, "".join(f"{line}\n" for line in lines)))
        return name


# A maker gives the same match for several containers, ports or networks.
_Maker = Callable[[Draw, Names, str, _Sets], "list[Words]"]


def _ip(names: Names) -> str:
    return "ip" if names.family == 4 else "ip6"


def _addresses(draw: Draw, names: Names, dummy_chain: str, dummy_sets: _Sets) -> list[Words]:
    ip = _ip(names)
    word, inner = draw.choice([("s", "saddr"), ("d", "daddr")]), draw.random() < 0.4
    port, port_nft = (
        ("", "") if not inner else (" -p tcp --dport 80", " tcp dport 80") if word[0] == "d" else (" -p tcp", "")
    )
    return [
        Words(f"-{word[0]} {address}{port}", f"{ip} {word[1]} {address}{port_nft or ' meta l4proto tcp' * inner}")
        for address in draw.sample(list(names.containers), len(names.containers))
    ]


def _ports(draw: Draw, names: Names, dummy_chain: str, dummy_sets: _Sets) -> list[Words]:
    word = draw.choice(["dport", "dport", "sport"])
    ports = sorted({*names.ports})
    return [Words(f"-p tcp --{word} {port}", f"tcp {word} {port}") for port in draw.sample(ports, len(ports))]


def _inner_ports(draw: Draw, dummy: Names, dummy_chain: str, dummy_sets: _Sets) -> list[Words]:
    return [draw.choice([Words("-p tcp --dport 80", "tcp dport 80"), Words("-p udp --dport 5000", "udp dport 5000")])]


def _published_ports(draw: Draw, names: Names, dummy_chain: str, dummy_sets: _Sets) -> list[Words]:
    """By what was asked for before it was translated."""
    ports = sorted({*names.ports})
    return [
        Words(
            f"-p tcp -m conntrack --ctproto tcp --ctorigdstport {port}",
            f"ct original proto-dst {port} meta l4proto tcp",
        )
        for port in draw.sample(ports, len(ports))
    ]


def _gateways(draw: Draw, names: Names, dummy_chain: str, dummy_sets: _Sets) -> list[Words]:
    ip = _ip(names)
    option, word = draw.choice([("-d", "daddr"), ("-d", "daddr"), ("-s", "saddr")])
    return [
        Words(f"{option} {link.gateway}", f"{ip} {word} {link.gateway}")
        for link in draw.sample(list(names.links), len(names.links))
    ]


def _devices(draw: Draw, names: Names, chain: str, dummy_sets: _Sets) -> list[Words]:
    some = draw.sample([*names.devices, *names.bridges], 2)
    option, word = ("-i", "iifname") if chain in INCOMING else ("-o", "oifname")
    return [Words(f"{option} {device} -p tcp", f'{word} "{device}" meta l4proto tcp') for device in some]


def _marks(draw: Draw, dummy: Names, dummy_chain: str, dummy_sets: _Sets) -> list[Words]:
    port = draw.choice([("", ""), (" -p tcp --dport 80", " tcp dport 80")])
    return [Words(f"-m mark --mark {MARK}{port[0]}", f"meta mark {MARK}{port[1]}")]


def _protocols(draw: Draw, dummy: Names, dummy_chain: str, dummy_sets: _Sets) -> list[Words]:
    protocol = draw.choice(["tcp", "udp"])
    return [Words(f"-p {protocol}", f"meta l4proto {protocol}")]


def _of_sets(draw: Draw, names: Names, dummy_chain: str, sets: _Sets) -> list[Words]:
    some = draw.sample(list(names.containers), min(2, len(names.containers)))
    kind, elements, sides = draw.choice(
        [
            ("hash:ip", some, draw.choice(["src", "dst"])),
            ("hash:ip,port", [f"{address},tcp:80" for address in some], "dst,dst"),
            ("hash:net", [draw.choice(list(names.links)).subnet], draw.choice(["src", "dst"])),
        ]
    )
    return [Words(f"-p tcp -m set --match-set {sets.make(kind, elements)} {sides}", "")]


def _sets_of_nft(draw: Draw, names: Names, dummy_chain: str, dummy_sets: _Sets) -> list[Words]:
    """For iptables, which has none of its own, a list of ports."""
    ip = _ip(names)
    some = draw.sample(list(names.containers), min(2, len(names.containers)))
    ports = sorted(draw.sample(sorted({*names.ports}), 2))
    joined = ", ".join(f"{address} . 80" for address in some)
    nft = [f"{ip} daddr {{ {', '.join(some)} }}", f"{ip} saddr {{ {', '.join(some)} }}"]
    nft += [f"{ip} daddr . tcp dport {{ {joined} }}", f"tcp dport {{ {', '.join(map(str, ports))} }}"]
    return [Words(f"-p tcp -m multiport --dports {','.join(map(str, ports))}", draw.choice(nft))]


_SINGLE: Sequence[_Maker] = (_inner_ports, _ports, _inner_ports, _addresses, _addresses, _sets_of_nft)
_PLAIN: Sequence[_Maker] = (_addresses, _addresses, _ports, _inner_ports, _gateways, _protocols, _sets_of_nft)
_MATCHES: Sequence[_Maker] = (*_PLAIN, _published_ports, _devices, _marks, _of_sets)


# ---- what becomes of packets


def _fates(draw: Draw, names: Names, table: str, chain: str) -> dict[str, Words]:
    accepted, left = Words("ACCEPT", "accept"), Words("RETURN", "return")
    if table == "nat":
        if chain == "POSTROUTING":
            return {
                "accept": accepted,
                "masquerade": Words("MASQUERADE", "masquerade"),
                "snat": Words(f"SNAT --to-source {names.host}", f"snat to {names.host}"),
                "return": left,
            }
        towards = draw.choice([*names.containers, names.host])
        return {
            "accept": accepted,
            "dnat": Words(f"DNAT --to-destination {towards}", f"dnat to {towards}"),
            "redirect": Words("REDIRECT", "redirect"),
            "return": left,
        }
    found = {
        "accept": accepted,
        "drop": Words("DROP", "drop"),
        "mark": Words(f"MARK --set-mark {MARK}", f"meta mark set {MARK}"),
        "return": left,
    }
    found["side"] = Words("BETWEEN", "jump side")
    if table == "filter":
        found["reject"] = Words("REJECT", "reject")
    if table == "raw":
        found["untracked"] = Words("CT --notrack", "notrack")
    return found


def _on_marked(draw: Draw, names: Names) -> list[tuple[str, str]]:
    """What becomes of those that were marked on their way."""
    return [
        _line(f"{PROGRAMS[names.family]} -w 10 -I {chain} -p tcp -m mark --mark {MARK} -j {draw.choice(ends)}")
        for chain, ends in (("FORWARD", ("DROP", "ACCEPT", "REJECT")), ("INPUT", ("DROP", "ACCEPT")))
    ]


# ---- in the words of both programs

_Place = tuple[str, str, int]


def _line(script: str) -> tuple[str, str]:
    return script, f"{script}\n"


def _by_iptables(
    draw: Draw, names: Names, place: _Place, rules: Sequence[Rule], side: Sequence[Rule]
) -> list[tuple[str, str]]:
    """One refused rule leaves the others in their order, so the last one is inserted first."""
    table, chain, number = place
    start = f"{PROGRAMS[names.family]} -w 10 -t {table}"
    own = f"BETWEEN{number}"
    lines = [f"{match.iptables} -j {fate.iptables}".replace("-j BETWEEN", f"-j {own}") for match, fate in rules]
    made = [f"{start} -N {own}", *(f"{start} -A {own} {match.iptables} -j {fate.iptables}" for match, fate in side)]
    if draw.random() < IN_CHAIN_OF_USER:
        made += [f"{start} -N USER{number}", *(f"{start} -A USER{number} {line}" for line in lines)]
        made.append(f"{start} -I {chain} -j USER{number}")
    else:
        made += [f"{start} -I {chain} {line}" for line in reversed(lines)]
    found = [_line(line) for line in made]
    if names.family == 6:
        script = "".join(f"ip6tables -w 10 {rule}\n" for rule in neighbour_discovery())
        found.append(("ip6tables lets neighbour discovery pass in every chain", script))
    return found


def _by_nft(draw: Draw, names: Names, place: _Place, rules: Sequence[Rule], side: Sequence[Rule]) -> tuple[str, str]:
    """A table of its own; one refused rule leaves the others in their order."""
    table, chain, number = place
    hook = "forward" if chain == "DOCKER-USER" else chain.lower()
    kind = "nat" if table == "nat" else "filter"
    priority = draw.choice(PRIORITIES[table]) * (-1 if hook == "postrouting" and table == "nat" else 1)
    where = f"{_ip(names)} between{number}"
    made = [f"add table {where}", f"add chain {where} side"]
    made.append(f"add chain {where} {hook} {{ type {kind} hook {hook} priority {priority}; }}")
    into = hook
    if draw.random() < IN_CHAIN_OF_USER:
        into = "user"
        made += [f"add chain {where} user", f"add rule {where} {hook} jump user"]
    if names.family == 6:
        made.append(f"add rule {where} {into} {DISCOVERY} accept")
    made += [f"add rule {where} side {match.nft} {fate.nft}" for match, fate in side]
    made += [f"add rule {where} {into} {match.nft} {fate.nft}" for match, fate in rules]
    return "\n    ".join(made), "".join(f"nft {shlex.quote(line)}\n" for line in made)
