"""Draws tables of nftables for the hosts of reachability_hosts.py."""

from __future__ import annotations

import random

from tests.differential.reachability_names import DISCOVERED, OWNED, Names, first_hops

Draw = random.Random
DISCOVERY = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }"
COMPARED = {"eq": "", "lt": "<", "gt": ">"}
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
    compared, hops = first_hops(draw)
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
        f"{'ip ttl' if ip == 'ip' else 'ip6 hoplimit'} {COMPARED[compared]} {hops}".replace("  ", " "),
        "meta mark & 0x10 == 0x10",
        "fib daddr type local",
        "fib saddr . iif oif exists" if hook == "prerouting" else "meta l4proto { tcp, udp }",
        f"meta l4proto {'icmp' if ip == 'ip' else 'ipv6-icmp'}",
    ]
    if hook in ("prerouting", "input", "forward"):
        choices += [f"iifname {bridge}", 'iifname "br-*"', 'iifname { "eth0", "lo" }', f"iifname != {bridge}"]
    if hook in ("output", "forward", "postrouting"):
        choices += [f"oifname {bridge}", "oifname eth0", f'oifname != {{ "eth0", "{bridge}" }}']
    if hook == "output" and draw.random() < OWNED:
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
