"""Draws rules of iptables as people write them, and some that nobody would, for the hosts of reachability_hosts.py."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.differential.reachability_names import OWNED, Names, first_hops

Draw = random.Random
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
    return draw.choice([*names.networks, *names.containers, names.host, names.outside, *names.own, *names.others])


def _source(draw: Draw, names: Names, dummy: str, dummy_chain: str) -> list[str]:
    return [f"{_not(draw)}-s {_place(draw, names)}"]


def _destination(draw: Draw, names: Names, dummy: str, dummy_chain: str) -> list[str]:
    return [f"{_not(draw)}-d {_place(draw, names)}"]


def _in_device(draw: Draw, names: Names, dummy: str, chain: str) -> list[str]:
    return (
        [f"{_not(draw)}-i {draw.choice([*names.devices, 'br-+', 'lo', *names.bridges])}"] if chain in INCOMING else []
    )


def _out_device(draw: Draw, names: Names, dummy: str, chain: str) -> list[str]:
    return (
        [f"{_not(draw)}-o {draw.choice([*names.devices, 'br-+', 'eth+', *names.bridges])}"] if chain in OUTGOING else []
    )


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
    if chain not in ("OUTPUT", "POSTROUTING") or draw.random() >= OWNED:
        return []
    return [draw.choice(["-m owner --uid-owner 0", "-m owner ! --uid-owner 0", "-m owner --uid-owner 1000-2000"])]


def _others(draw: Draw, dummy: Names, dummy_table: str, dummy_chain: str) -> list[str]:
    return [draw.choice(['-m comment --comment "keep out: \\"lan\\""', "-m pkttype --pkt-type unicast"])]


def _hops(draw: Draw, names: Names, dummy_table: str, dummy_chain: str) -> list[str]:
    word = "ttl" if names.family == 4 else "hl"
    compared, hops = first_hops(draw)
    return [f"-m {word} --{word}-{compared} {hops}"]


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
    _hops,
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
        ways = ["ACCEPT", f"SNAT --to-source {draw.choice([names.host, *names.own])}"]
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
