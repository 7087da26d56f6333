"""Draws firewall rules as people write them, and some that nobody would, for the hosts of reachability_hosts.py."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Draw = random.Random


@dataclass(frozen=True)
class Names:
    """What rules can be about on one host, for one family."""

    family: int
    networks: Sequence[str]
    """Subnets."""
    bridges: Sequence[str]
    containers: Sequence[str]
    """Addresses."""
    host: str
    outside: str
    ports: Sequence[int]
    """Published and inner ports."""


# ---- iptables --------------------------------------------------------------------------------------------------------

PLACES = {
    "filter": ("DOCKER-USER", "DOCKER-USER", "FORWARD", "INPUT", "INPUT", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "raw": ("PREROUTING", "OUTPUT"),
    "nat": ("PREROUTING", "OUTPUT", "POSTROUTING", "INPUT"),
}
# Hooks that know the device a packet came in by, and the one it leaves by.
INCOMING = ("DOCKER-USER", "FORWARD", "INPUT", "PREROUTING")
OUTGOING = ("DOCKER-USER", "FORWARD", "OUTPUT", "POSTROUTING")
REJECTS = {
    4: ("icmp-port-unreachable", "icmp-host-unreachable", "icmp-net-prohibited", "icmp-admin-prohibited"),
    6: ("icmp6-port-unreachable", "icmp6-adm-prohibited", "icmp6-addr-unreachable", "icmp6-no-route"),
}
MARKS = (1, 2, 0x10)


def iptables_rule(draw: Draw, names: Names) -> str:
    """A rule as words for iptables or ip6tables: ``-t TABLE -I CHAIN ...``."""
    table = draw.choices(list(PLACES), weights=[8, 4, 3, 2])[0]
    chain = draw.choice(PLACES[table])
    target = _target(draw, names, table, chain)
    needs_port = "tcp-reset" in target or (":" in target.rpartition("--to")[2] and table == "nat" and names.family == 4)
    matches = _matches(draw, names, table, chain, protocol="tcp" if needs_port else "")
    way = "-A" if chain in ("FORWARD", "INPUT", "OUTPUT") and draw.random() < 0.2 else "-I"
    return f"-t {table} {way} {chain} {matches} -j {target}".replace("  ", " ")


def _matches(draw: Draw, names: Names, table: str, chain: str, protocol: str) -> str:
    words = []
    protocol = protocol or draw.choice(["tcp", "tcp", "tcp", "udp", "", ""])
    if protocol:
        words.append(f"-p {protocol}")
        words += _about_ports(draw, names, protocol)
    makers = draw.sample(_MATCHES, draw.choice([0, 1, 1, 1, 2]))
    if not words and not makers:
        makers = [_source]
    for maker in makers:
        words += maker(draw, names, table, chain)
    return " ".join(words)


def _about_ports(draw: Draw, names: Names, protocol: str) -> list[str]:
    port = draw.choice(list(names.ports))
    makers: list[Callable[[], list[str]]] = [
        lambda: [f"--dport {port}"],
        lambda: [f"--dport {port}"],
        lambda: [f"! --dport {port}"],
        lambda: [f"--dport {min(port, 79)}:{max(port, 8085)}"],
        lambda: [f"-m multiport --dports {port},{draw.choice(list(names.ports))},9000:9100"],
        lambda: ["-m multiport ! --dports 22,53"],
        lambda: [f"--sport {port}"],
        lambda: ["--syn"] if protocol == "tcp" else [],
        lambda: ["--tcp-flags SYN,ACK SYN,ACK"] if protocol == "tcp" else [],
        list,
    ]
    return draw.choice(makers)()


def _not(draw: Draw) -> str:
    return "! " if draw.random() < 0.2 else ""


def _place(draw: Draw, names: Names) -> str:
    return draw.choice([*names.networks, *names.containers, names.host, names.outside])


def _source(draw: Draw, names: Names, dummy: str, dummy_chain: str) -> list[str]:
    return [f"{_not(draw)}-s {_place(draw, names)}"]


def _destination(draw: Draw, names: Names, dummy: str, dummy_chain: str) -> list[str]:
    return [f"{_not(draw)}-d {_place(draw, names)}"]


def _in_device(draw: Draw, names: Names, dummy: str, chain: str) -> list[str]:
    return [f"{_not(draw)}-i {draw.choice(['eth0', 'br-+', 'lo', *names.bridges])}"] if chain in INCOMING else []


def _out_device(draw: Draw, names: Names, dummy: str, chain: str) -> list[str]:
    return [f"{_not(draw)}-o {draw.choice(['eth0', 'br-+', 'eth+', *names.bridges])}"] if chain in OUTGOING else []


def _conntrack(draw: Draw, names: Names, table: str, dummy_chain: str) -> list[str]:
    if table == "raw":
        return ["-m conntrack --ctstate INVALID"] if draw.random() < 0.3 else []
    what = draw.choice(
        [
            "--ctstate NEW",
            "--ctstate ESTABLISHED",
            "--ctstate RELATED,ESTABLISHED",
            "! --ctstate RELATED,ESTABLISHED",
            "--ctstate INVALID",
            "--ctstate DNAT",
            "--ctstate SNAT",
            "--ctstatus SEEN_REPLY",
            "--ctdir ORIGINAL",
            "--ctdir REPLY",
            f"--ctorigdst {_place(draw, names)}",
            f"--ctorigsrc {_place(draw, names)}",
            f"--ctproto tcp --ctorigdstport {draw.choice(list(names.ports))}",
            f"--ctreplsrc {_place(draw, names)}",
        ]
    )
    return [f"-m conntrack {what}"]


def _addrtype(draw: Draw, dummy: Names, table: str, chain: str) -> list[str]:
    what = ["--dst-type LOCAL", "! --dst-type LOCAL", "--src-type LOCAL", "--dst-type UNICAST", "--src-type UNICAST"]
    if chain in ("PREROUTING", "INPUT", "FORWARD") and table != "nat":
        what.append("--dst-type LOCAL --limit-iface-in")
    return [f"-m addrtype {draw.choice(what)}"]


def _mark(draw: Draw, dummy: Names, dummy_table: str, dummy_chain: str) -> list[str]:
    match = draw.choice(["mark", "mark", "connmark"])
    return [f"-m {match} {_not(draw)}--mark {draw.choice(['0', '0', '1', '2', '0x10/0xf0'])}"]


def _iprange(draw: Draw, names: Names, dummy: str, dummy_chain: str) -> list[str]:
    first = draw.choice(list(names.containers) or [names.host])
    head, dot, dummy_last = first.rpartition(":" if names.family == 6 else ".")
    return [
        f"-m iprange {_not(draw)}--{draw.choice(['src', 'dst'])}-range {first}-{head}{dot}{'ff' if dot == ':' else 250}"
    ]


def _physdev(draw: Draw, dummy: Names, table: str, chain: str) -> list[str]:
    if chain not in ("FORWARD", "DOCKER-USER"):
        return []
    return [
        draw.choice(
            ["-m physdev --physdev-is-bridged", "-m physdev ! --physdev-is-bridged", "-m physdev --physdev-is-in"]
        )
    ]


def _owner(draw: Draw, dummy: Names, dummy_table: str, chain: str) -> list[str]:
    # Seldom, since it cannot be known which user will ask.
    if chain not in ("OUTPUT", "POSTROUTING") or draw.random() < 0.7:
        return []
    return [draw.choice(["-m owner --uid-owner 0", "-m owner ! --uid-owner 0", "-m owner --uid-owner 1000-2000"])]


def _others(draw: Draw, dummy: Names, dummy_table: str, dummy_chain: str) -> list[str]:
    return [draw.choice(['-m comment --comment "keep out: \\"lan\\""', "-m pkttype --pkt-type unicast"])]


_MATCHES = [
    _source,
    _source,
    _destination,
    _destination,
    _in_device,
    _in_device,
    _out_device,
    _conntrack,
    _conntrack,
    _addrtype,
    _mark,
    _iprange,
    _physdev,
    _owner,
    _others,
]


def _target(draw: Draw, names: Names, table: str, chain: str) -> str:
    if table == "nat":
        return _nat_target(draw, names, chain)
    if table == "raw":
        return draw.choice(["DROP", "DROP", "ACCEPT", "CT --notrack", "MARK --set-mark 2"])
    if table == "mangle":
        mark = draw.choice(MARKS)
        marks = [f"MARK --set-mark {mark}", f"MARK --or-mark {mark}", f"CONNMARK --set-mark {mark}"]
        return draw.choice(
            [*marks, *marks, "CONNMARK --save-mark", "CONNMARK --restore-mark", "DROP", "ACCEPT", "RETURN"]
        )
    reject = f"REJECT --reject-with {draw.choice(REJECTS[names.family])}"
    ends = ["DROP", "DROP", "DROP", "ACCEPT", "RETURN", reject, reject, "REJECT --reject-with tcp-reset"]
    return draw.choice([*ends, 'LOG --log-prefix "seen: "', "MINE", "MINE"])


def _nat_target(draw: Draw, names: Names, chain: str) -> str:
    port = draw.choice(list(names.ports))
    if chain in ("POSTROUTING", "INPUT"):
        ways = ["ACCEPT", f"SNAT --to-source {names.host}"]
        return draw.choice([*ways, "MASQUERADE", "MASQUERADE"] if chain == "POSTROUTING" else ways)
    towards = draw.choice([*names.containers, names.host])
    with_port = f"[{towards}]:{port}" if names.family == 6 else f"{towards}:{port}"
    return draw.choice(
        [
            f"DNAT --to-destination {towards}",
            f"DNAT --to-destination {with_port}",
            "ACCEPT",
            f"REDIRECT --to-ports {port}",
        ]
    )


def own_chain(draw: Draw, names: Names) -> list[str]:
    """The chain MINE that rules of the table filter jump to."""
    lines = ["-t filter -N MINE"]
    for dummy in range(draw.randint(1, 3)):
        matches = _matches(draw, names, "filter", "MINE", "")
        target = draw.choice(["DROP", "ACCEPT", "RETURN", f"REJECT --reject-with {draw.choice(REJECTS[names.family])}"])
        lines.append(f"-t filter -A MINE {matches} -j {target}")
    return lines


def neighbour_discovery() -> list[str]:
    """Rules without which others could cut off IPv6 as soon as a neighbour is forgotten, whenever that is."""
    return [
        f"-t {table} -I {chain} -p icmpv6 --icmpv6-type {kind} -j ACCEPT"
        for table, chains in PLACES.items()
        if table != "nat"
        for chain in dict.fromkeys(chains)
        if chain != "DOCKER-USER"
        for kind in ("neighbour-solicitation", "neighbour-advertisement")
    ]


# ---- nftables --------------------------------------------------------------------------------------------------------

DISCOVERED = 0.9
"""On how many hosts neighbour discovery is let through; on the others it cannot be known what happens."""
DISCOVERY = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }"
HOOKS = {
    "prerouting": ("raw", "mangle", "filter", "-250", "-150"),
    "input": ("filter", "10", "mangle"),
    "forward": ("filter", "10", "-5", "mangle"),
    "output": ("filter", "mangle", "raw"),
    "postrouting": ("mangle", "filter"),
}


def nft_table(draw: Draw, names: Names, number: int) -> tuple[str, list[str]]:
    """A table of its own with sets, maps and chains as text for ``nft -f``, and its rules, each a command of nft."""
    family = draw.choice(["inet", "inet", "ip" if names.family == 4 else "ip6"])
    ip = "ip" if names.family == 4 else "ip6"
    ports = sorted(set(names.ports))
    table = f"{family} mine{number}"
    kind = f"ipv{names.family}_addr"
    fate = draw.choice(["drop", "accept", "jump side"])
    some_ports = ", ".join(map(str, draw.sample(ports, min(2, len(ports)))))
    lines = [
        f"table {table} {{",
        f"  set places {{ type {kind}; flags interval; elements = {{ {', '.join(_apart(draw, names))} }} }}",
        f"  set ports {{ type inet_service; elements = {{ {some_ports} }} }}",
        f"  map fates {{ type inet_service : verdict; elements = {{ {ports[0]} : {fate} }} }}",
        f"  map marks {{ type {kind} : mark; elements = {{ {names.outside} : 0x1, {names.host} : 0x2 }} }}",
        "  chain side { }",
    ]
    chains = ["side", *draw.sample(list(HOOKS), draw.randint(1, 3))]
    for hook in chains[1:]:
        kind = "route" if hook == "output" and draw.random() < 0.3 else "filter"
        policy = "drop" if draw.random() < 0.08 else "accept"
        lines.append(
            f"  chain {hook} {{ type {kind} hook {hook} priority {draw.choice(HOOKS[hook])}; policy {policy}; }}"
        )
    # A chain that drops neighbour discovery cuts off IPv6 as soon as a neighbour is forgotten, whenever that is.
    keeps = family != "ip" and draw.random() < DISCOVERED
    rules = [f"add rule {table} {hook} {DISCOVERY} accept" for hook in chains[1:] if keeps]
    rules += [
        f"add rule {table} {chain} {rule}"
        for chain in chains
        for rule in _nft_rules(draw, names, ip, chain, draw.randint(1, 3))
    ]
    return "\n".join([*lines, "}"]) + "\n", rules


def _apart(draw: Draw, names: Names) -> list[str]:
    """Some addresses and one subnet that holds none of them: intervals of a set must not overlap."""
    subnet = draw.choice([*names.networks, names.outside])
    head = subnet.rpartition("." if names.family == 4 else "::")[0]
    singles = [place for place in (*names.containers, names.host) if not place.startswith(head)]
    return [subnet, *draw.sample(singles, min(2, len(singles)))]


def _nft_rules(draw: Draw, names: Names, ip: str, hook: str, count: int) -> list[str]:
    return [f"{_nft_match(draw, names, ip, hook)} {_nft_fate(draw, names, ip, hook)}".strip() for dummy in range(count)]


def _nft_match(draw: Draw, names: Names, ip: str, hook: str) -> str:
    port = draw.choice(list(names.ports))
    container = draw.choice(list(names.containers) or [names.host])
    bridge = draw.choice(list(names.bridges) or ["docker0"])
    choices = [
        f"tcp dport {port}",
        f"tcp dport {{ {port}, 9000-9100 }}",
        f"th dport {port} meta l4proto udp",
        "tcp dport @ports",
        f"{ip} daddr {container}",
        f"{ip} saddr @places",
        f"{ip} daddr != @places",
        f"{ip} saddr . tcp dport {{ {names.outside} . {port} }}",
        f"{ip} daddr . tcp dport {{ {container} . 80, {names.host} . {port} }}",
        "ct state new",
        "ct state established,related",
        "ct state { new, untracked }",
        "ct status dnat",
        "ct state vmap { invalid : drop, new : continue }",
        f"ct original proto-dst {port} meta l4proto tcp",
        "meta mark 0x1",
        "meta mark & 0x10 == 0x10",
        "fib daddr type local",
        "fib saddr . iif oif exists" if hook == "prerouting" else "meta l4proto { tcp, udp }",
        f"meta l4proto {'icmp' if ip == 'ip' else 'ipv6-icmp'}",
    ]
    if hook in ("prerouting", "input", "forward"):
        choices += [f"iifname {bridge}", 'iifname "br-*"', 'iifname { "eth0", "lo" }', f"iifname != {bridge}"]
    if hook in ("output", "forward", "postrouting"):
        choices += [f"oifname {bridge}", "oifname eth0", f'oifname != {{ "eth0", "{bridge}" }}']
    if hook == "output":
        choices += ["meta skuid 0", "skuid != 0"]
    return " ".join(draw.sample(choices, draw.choice([1, 1, 1, 2])))


def _nft_fate(draw: Draw, names: Names, ip: str, hook: str) -> str:
    fates = ["drop", "drop", "accept", "accept", "counter drop", 'log prefix "x" drop', "return", "meta mark set 0x1"]
    fates += ["meta mark set meta mark | 0x10", "ct mark set 0x2", "meta mark set ct mark", "counter"]
    fates += [f"meta mark set {ip} saddr map @marks", "tcp dport vmap @fates"]
    if hook in ("input", "forward", "output"):
        kind = draw.choice(["port-unreachable", "admin-prohibited", "host-unreachable" if ip == "ip" else "no-route"])
        fates += [f"reject with {'icmp' if ip == 'ip' else 'icmpv6'} {kind}", "reject", "reject with tcp reset"]
    if hook != "side":
        fates += ["jump side", "goto side"]
    return draw.choice(fates)
