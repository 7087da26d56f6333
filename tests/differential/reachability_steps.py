"""Draws what is done to a running host of reachability_hosts.py: kernel settings, firewall rules, routing by marks."""

from __future__ import annotations

import random
import shlex
from collections.abc import Callable

from tests.differential.reachability_engines import IPTABLES, NFTABLES
from tests.differential.reachability_hosts import HostCase
from tests.differential.reachability_iptables import iptables_rule, neighbour_discovery, own_chain
from tests.differential.reachability_names import DISCOVERED, Names
from tests.differential.reachability_nft import nft_table
from tests.differential.reachability_routing import kept_uplink, marked_packets, policy_rule

Draw = random.Random
SLIPS = 0.01
"""How many hosts have a setting that no one would leave."""


def steps(case: HostCase, names: dict[int, Names]) -> list[tuple[str, str]]:
    """Settings and rules on top, drawn once addresses are known."""
    draw = case.draw
    found = [maker(draw, names[4]) for maker in draw.sample(_KERNEL, draw.choice([0, 1, 1, 2, 3]))]
    if draw.random() < SLIPS:
        found.append(NOT_TRACKED(draw, names[4]))
    for family in (4, 4, 4, 6):
        if draw.random() < 0.55:
            found += _own_rules(draw, names[family], "iptables" if family == 4 else "ip6tables")
    if draw.random() < 0.35:
        family = draw.choice([4, 4, 6])
        found.append(_nft(draw, names[family], draw.randint(0, 9)))
    for maker, share in _ROUTING:
        if draw.random() < share * (1 if case.has_second_uplink else 0.5):
            found.append(_line(maker(draw, names[draw.choice([4, 4, 4, 6])])))
    accepted = case.daemon.get("bridge-accept-fwmark")
    if accepted and draw.random() < 0.8:
        found.append(_marking(draw, names[draw.choice([4, 4, 6])], str(accepted)))
    if draw.random() < 0.05:
        found.append(_line(draw.choice(_LOSSES[case.backend])))
    return found


def _line(script: str) -> tuple[str, str]:
    return script, script + "\n"


def _own_rules(draw: Draw, names: Names, program: str) -> list[tuple[str, str]]:
    rules = [*own_chain(draw, names), *(iptables_rule(draw, names) for dummy in range(draw.randint(1, 3)))]
    keeps = names.family == 6 and draw.random() < DISCOVERED
    return [*(_line(f"{program} -w 10 {rule}") for rule in rules), *([_discovery()] if keeps else [])]


def _nft(draw: Draw, names: Names, number: int) -> tuple[str, str]:
    skeleton, rules = nft_table(draw, names, number)
    script = f"nft -f - <<'END'\n{skeleton}END\n" + "".join(f"nft {shlex.quote(rule)}\n" for rule in rules)
    return "\n    ".join([*skeleton.splitlines(), *rules]), script


def _marking(draw: Draw, names: Names, mark: str) -> tuple[str, str]:
    """Gives packets the mark with which the engine lets them in whatever they are for."""
    towards = [f"-d {network}" for network in names.networks]
    what = draw.choice(["-i eth0", f"-s {names.outside}", "-p tcp", "", *towards])
    where = draw.choice(["mangle -A PREROUTING", "mangle -A PREROUTING", "mangle -A FORWARD", "raw -I PREROUTING"])
    program = "iptables" if names.family == 4 else "ip6tables"
    return _line(f"{program} -w 10 -t {where} {what} -j MARK --set-xmark {mark}")


def _bridge_netfilter(draw: Draw, dummy: Names) -> tuple[str, str]:
    value = draw.choice("0001")
    return _line(f"for f in iptables ip6tables; do echo {value} > /proc/sys/net/bridge/bridge-nf-call-$f; done")


def _hairpin(draw: Draw, dummy: Names) -> tuple[str, str]:
    return _line(
        "n=0; for port in /sys/class/net/*/brport/hairpin_mode; do [ -e $port ] || continue; n=$((n + 1)); "
        f"[ $((n % {draw.choice([1, 2])})) = 0 ] && {{ read old <$port; echo $((1 - old)) >$port; }}; done"
    )


def _isolated(draw: Draw, dummy: Names) -> tuple[str, str]:
    return _line(
        "n=0; for port in /sys/class/net/*/brport/isolated; do [ -e $port ] || continue; n=$((n + 1)); "
        f"[ $((n % {draw.choice([1, 2])})) = 0 ] && echo 1 >$port; done"
    )


def _policy(draw: Draw, dummy: Names) -> tuple[str, str]:
    chain = draw.choice(["FORWARD", "FORWARD", "INPUT", "OUTPUT"])
    program = draw.choice(["iptables", "iptables", "ip6tables"])
    words = f"{program} -w 10 -P {chain} {draw.choice(['DROP', 'ACCEPT'])}"
    return words, words + "\n" + (_discovery()[1] if program == "ip6tables" else "")


def _discovery() -> tuple[str, str]:
    script = "".join(f"ip6tables -w 10 {rule}\n" for rule in neighbour_discovery())
    return "ip6tables lets neighbour discovery pass in every chain", script


def _sysctl(pattern: str) -> Callable[[Draw, Names], tuple[str, str]]:
    def make(draw: Draw, names: Names) -> tuple[str, str]:
        device = draw.choice([*names.devices, *names.bridges])
        key, dummy, value = pattern.replace("DEVICE", device).partition("=")
        return _line(f"echo {value} > /proc/sys/{key}")

    return make


# With how often they are drawn on hosts with a second uplink.
_ROUTING = (
    (marked_packets, 0.25),
    (policy_rule, 0.4),
    (policy_rule, 0.2),
    (kept_uplink, 0.3),
)
# Of the rules that the engine made.
_LOSSES = {
    IPTABLES: ["iptables -w 10 -F FORWARD", "iptables -w 10 -t nat -F", "iptables -w 10 -F DOCKER"],
    NFTABLES: [
        "nft flush chain ip docker-bridges filter-FORWARD",
        "nft flush chain ip docker-bridges nat-prerouting-and-output",
        "nft delete table ip docker-bridges",
    ],
}
_KERNEL = [
    _bridge_netfilter,
    _bridge_netfilter,
    _hairpin,
    _isolated,
    _policy,
    _policy,
    _policy,
    _sysctl("net/ipv4/ip_forward=0"),
    _sysctl("net/ipv4/conf/DEVICE/forwarding=0"),
    _sysctl("net/ipv4/conf/DEVICE/rp_filter=1"),
    _sysctl("net/ipv4/conf/all/rp_filter=1"),
    _sysctl("net/ipv4/conf/all/rp_filter=2"),
    _sysctl("net/ipv4/conf/all/arp_ignore=1"),
    _sysctl("net/ipv4/conf/all/arp_announce=2"),
    _sysctl("net/ipv4/conf/all/src_valid_mark=1"),
    _sysctl("net/ipv4/conf/DEVICE/route_localnet=1"),
    _sysctl("net/ipv4/conf/all/route_localnet=1"),
    _sysctl("net/ipv6/conf/all/forwarding=0"),
    _sysctl("net/ipv6/conf/all/forwarding=1"),
    _sysctl("net/ipv6/conf/DEVICE/forwarding=0"),
    _sysctl("net/ipv4/icmp_echo_ignore_all=1"),
]
NOT_TRACKED = _sysctl("net/netfilter/nf_conntrack_tcp_timeout_syn_sent=0")
"""With it nothing of what such a host does by TCP can be known. It is a slip of who tunes timeouts."""
