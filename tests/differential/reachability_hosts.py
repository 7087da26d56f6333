"""Makes lab hosts at random whose reachability is worth a question: the same seed and number make the same host again.

What is drawn is what decides over packets on Docker hosts: networks and their options, published ports, docker-proxy,
kernel settings, flags of bridge ports, rules of the user's own, ufw and firewalld, nftables, routing by marks.
"""

from __future__ import annotations

import json
import random
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.differential.reachability_rules import (
    DISCOVERED,
    Names,
    iptables_rule,
    neighbour_discovery,
    nft_table,
    own_chain,
)
from tests.lab.breaks import DAEMON_JSON
from tests.lab.host import Host
from tests.lab.kinds import GATEWAY, KINDS
from tests.lab.scenario import NetworkSpec, Scenario, Workload

Draw = random.Random
INNER_TCP, INNER_UDP, CLOSED = 80, 5000, 81
HOST_PORT = 7000
"""A server of the host's own, on all addresses; the next port up only on 127.0.0.1."""
# Networks of containers, the default one included.
SUBNETS, SUBNETS6 = "172.29", "fd00:29"
GATEWAY_MODES = {
    "debian13": (),
    "debian13-docker28": ("routed", "nat-unprotected"),
}


@dataclass
class HostCase:
    """A host as it was drawn: its daemon, networks, containers, and what is done to it afterwards."""

    seed: int
    number: int
    kind: str
    daemon: dict[str, object] = field(default_factory=dict)
    legacy: bool = False
    """Whether the alternative of iptables is iptables-legacy."""
    firewall: str = ""
    """``ufw`` or ``firewalld``, installed and started."""
    scenario: Scenario = field(default_factory=Scenario)
    steps: list[tuple[str, str]] = field(default_factory=list)
    """What is done to the running host: a line of words, and text for sh."""
    draw: Draw = field(default_factory=Draw, repr=False)
    """Goes on where the generator stopped: what depends on addresses is drawn when they are known."""

    def __str__(self) -> str:
        lines = [f"host {self.number} of seed {self.seed} ({self.kind}): daemon.json {json.dumps(self.daemon)}"]
        lines += ["  iptables-legacy"] if self.legacy else []
        lines += [f"  {self.firewall}"] if self.firewall else []
        lines += [f"  network {_network_words(network)}" for network in self.scenario.networks]
        lines += [f"  container {_container_words(container)}" for container in self.scenario.containers]
        lines += [f"  {words}" for words, dummy in self.steps]
        return "\n".join(lines)


def host_case(seed: int, number: int) -> HostCase:
    """The host of that number in the series of a seed. The number also gives its kind."""
    draw = Draw(f"reachability/{seed}/{number}")
    kind = list(KINDS)[number % len(KINDS)]
    made = HostCase(seed, number, kind, {"bip": f"{SUBNETS}.0.1/24"}, draw=draw)
    old = kind != "debian13-docker28"
    if draw.random() < 0.4:
        made.daemon["userland-proxy"] = False
    if draw.random() < 0.1:
        made.daemon["icc"] = False
    if old and draw.random() < 0.35:
        made.daemon |= {"ip6tables": True, "experimental": True}
    if not old and draw.random() < 0.2:
        made.daemon["allow-direct-routing"] = True
    made.legacy = draw.random() < 0.2
    made.firewall = draw.choices(["", "ufw", "firewalld"], weights=[76, 12, 12])[0]
    networks = [_network(draw, kind, place) for place in range(1, draw.randint(1, 4) + 1)]
    containers = [_container(draw, place, networks) for place in range(draw.randint(2, 5))]
    if draw.random() < 0.15:
        containers.append(Workload("inmate", network_mode=f"container:{containers[0].name}", serve=()))
    made.scenario = Scenario(networks, containers)
    return made


def _network(draw: Draw, kind: str, place: int) -> NetworkSpec:
    options = {"com.docker.network.bridge.name": f"br-n{place}"} if draw.random() < 0.7 else {}
    internal = draw.random() < 0.12
    if draw.random() < 0.15:
        options["com.docker.network.bridge.enable_icc"] = "false"
    if draw.random() < 0.15:
        options["com.docker.network.bridge.enable_ip_masquerade"] = "false"
    modes = GATEWAY_MODES.get(kind, ())
    has_v6 = draw.random() < 0.4
    if modes and not internal and draw.random() < 0.3:
        options["com.docker.network.bridge.gateway_mode_ipv4"] = draw.choice(modes)
        if has_v6:
            options["com.docker.network.bridge.gateway_mode_ipv6"] = draw.choice(modes)
    if modes and internal and draw.random() < 0.3:
        options["com.docker.network.bridge.gateway_mode_ipv4"] = "isolated"
    if draw.random() < 0.1:
        options["com.docker.network.bridge.host_binding_ipv4"] = "127.0.0.1"
    ipv6 = f"{SUBNETS6}:{place}::/64" if has_v6 else None
    return NetworkSpec(f"n{place}", f"{SUBNETS}.{place}.0/24", internal, options, ipv6)


def _container(draw: Draw, place: int, networks: list[NetworkSpec]) -> Workload:
    name = f"c{place}"
    kind = draw.choices(["one", "two", "default", "host", "none"], weights=[70, 14, 10, 4, 2])[0]
    names = [network.name for network in networks]
    if kind == "two" and len(names) > 1:
        return Workload(name, networks=draw.sample(names, 2), publish=_published(draw, place), serve=())
    if kind in ("host", "none"):
        return Workload(name, network_mode=kind, serve=())
    where = ["bridge"] if kind == "default" else [draw.choice(names)]
    return Workload(name, networks=where, publish=_published(draw, place), serve=())


def _published(draw: Draw, place: int) -> list[str]:
    found = []
    if draw.random() < 0.8:
        address = draw.choice(["", "", "", "127.0.0.1:", "0.0.0.0:", "[::]:", "[::1]:", "HOST:", "127.0.0.2:"])
        found.append(f"{address}{8080 + place}:{draw.choice([INNER_TCP, INNER_TCP, INNER_TCP, INNER_TCP, CLOSED])}")
    if draw.random() < 0.4:
        address = draw.choice(["", "", "127.0.0.1:", "HOST:"])
        found.append(f"{address}{5050 + place}:{INNER_UDP}/udp")
    if draw.random() < 0.15:
        found.append(f"{80 if place == 0 else 8090 + place}:{INNER_TCP}")
    return found


def _network_words(network: NetworkSpec) -> str:
    options = " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in network.options.items())
    return f"{network.name} {network.subnet} {network.ipv6_subnet or ''} {'internal' * network.internal} {options}"


def _container_words(container: Workload) -> str:
    where = container.network_mode or ",".join(container.networks)
    return f"{container.name} on {where} publishes {' '.join(container.publish) or 'nothing'}"


# ---- bringing a host into that state ---------------------------------------------------------------------------------


def apply(case: HostCase, host: Host, outside: tuple[str, str]) -> None:
    """Bring a host that was reset into this state. Raises CommandError when the daemon or a program refuses it.

    `outside`: both addresses of the outside machine.
    """
    if case.legacy:
        _take_legacy(host)
    if case.firewall:
        _install(host, case.firewall)
    host.write(DAEMON_JSON, json.dumps(case.daemon))
    host.restart_docker()
    containers = [_at_home(container, host) for container in case.scenario.containers]
    host.deploy(Scenario(case.scenario.networks, containers))
    case.steps = steps(case, _names(host, case, outside))
    for dummy, script in case.steps:
        host.run(["sh", "-s"], stdin=script, check=False)


def _at_home(container: Workload, host: Host) -> Workload:
    """The container with its host's address where the drawing says HOST."""
    publish = [binding.replace("HOST", host.address) for binding in container.publish]
    return Workload(container.name, container.networks, container.network_mode, publish, serve=container.serve)


def _take_legacy(host: Host) -> None:
    host.run(["systemctl", "stop", "docker.socket", "docker.service"])
    for name in ("iptables", "ip6tables"):
        host.run(["update-alternatives", "--set", name, f"/usr/sbin/{name}-legacy"])
    host.run(["nft", "flush", "ruleset"])


UFW = """
ufw default deny incoming
ufw allow 22/tcp
ufw deny 8080
ufw deny 8081/tcp
ufw reject 7000/tcp
ufw --force enable
"""
FIREWALLD = """
systemctl start firewalld
firewall-cmd --zone=public --change-interface=eth0
firewall-cmd --zone=public --add-rich-rule='rule family=ipv4 port port=8080 protocol=tcp reject'
firewall-cmd --zone=public --add-rich-rule='rule family=ipv4 source address=192.0.2.0/24 drop'
firewall-cmd --zone=public --add-port=7000/udp
"""


def _install(host: Host, package: str) -> None:
    host.run(["apt-get", "install", "--yes", "--no-install-recommends", package], timeout=180)
    host.run(["sh", "-s"], stdin=UFW if package == "ufw" else FIREWALLD, timeout=120)


def _names(host: Host, case: HostCase, outside: tuple[str, str]) -> dict[int, Names]:
    """What rules can be about, for each family."""
    networks = json.loads(host.docker("network", "inspect", *host.docker("network", "ls", "--quiet").out.split()).out)
    names = [container.name for container in case.scenario.containers]
    ends = [end for entry in json.loads(host.docker("inspect", *names).out) for end in _ends(entry)]
    bridges = [_bridge(network) for network in networks if network["Driver"] == "bridge"]
    subnets = [pool["Subnet"] for network in networks for pool in network["IPAM"]["Config"] or ()]
    ports = [INNER_TCP, CLOSED, INNER_UDP, HOST_PORT]
    ports += [
        int(binding.split("/")[0].split(":")[-2]) for made in case.scenario.containers for binding in made.publish
    ]
    found = {}
    for family, key in ((4, "IPAddress"), (6, "GlobalIPv6Address")):
        addresses = [end[key] for end in ends if end.get(key)]
        own = [subnet for subnet in subnets if (":" in subnet) == (family == 6)]
        at_host = host.address if family == 4 else host.address6
        found[family] = Names(family, own, bridges, addresses, at_host, outside[family == 6], ports)
    return found


def _ends(entry: Mapping[str, Any]) -> list[dict[str, str]]:
    return list(entry["NetworkSettings"]["Networks"].values())


def _bridge(network: Mapping[str, Any]) -> str:
    options: Mapping[str, str] = network["Options"] or {}
    return options.get("com.docker.network.bridge.name") or f"br-{network['Id'][:12]}"


# ---- what is done afterwards -----------------------------------------------------------------------------------------


def steps(case: HostCase, names: dict[int, Names]) -> list[tuple[str, str]]:
    """Settings and rules on top, drawn once addresses are known."""
    draw = case.draw
    found = [maker(draw, names[4]) for maker in draw.sample(_KERNEL, draw.choice([0, 1, 1, 2, 3]))]
    for family in (4, 4, 4, 6):
        if draw.random() < 0.55:
            found += _own_rules(draw, names[family], "iptables" if family == 4 else "ip6tables")
    if draw.random() < 0.35:
        family = draw.choice([4, 4, 6])
        found.append(_nft(draw, names[family], draw.randint(0, 9)))
    if draw.random() < 0.2:
        found.append(_mark_routing(draw, names[4]))
    if draw.random() < 0.05:
        found.append(
            _line(draw.choice(["iptables -w 10 -F FORWARD", "iptables -w 10 -t nat -F", "iptables -w 10 -F DOCKER"]))
        )
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


def _mark_routing(draw: Draw, names: Names) -> tuple[str, str]:
    gateway = f"{names.host.rpartition('.')[0]}.{GATEWAY}"
    where = draw.choice(["PREROUTING", "PREROUTING", "OUTPUT"])
    what = draw.choice(
        [
            f"-s {draw.choice([*names.networks, *names.containers])}",
            f"-d {names.outside}",
            "-p udp",
            f"-d {draw.choice(list(names.networks))}",
        ]
    )
    route = draw.choice(
        ["blackhole default", "unreachable default", "prohibit default", f"default via {gateway} dev eth0"]
    )
    return _line(
        f"iptables -w 10 -t mangle -A {where} {what} -j MARK --set-mark 5; "
        f"ip rule add fwmark 5 lookup 105 priority 1005; ip route add {route} table 105"
    )


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
        device = draw.choice(["eth0", *names.bridges])
        key, dummy, value = pattern.replace("DEVICE", device).partition("=")
        return _line(f"echo {value} > /proc/sys/{key}")

    return make


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
    _sysctl("net/ipv4/conf/DEVICE/route_localnet=1"),
    _sysctl("net/ipv4/conf/all/route_localnet=1"),
    _sysctl("net/ipv6/conf/all/forwarding=0"),
    _sysctl("net/ipv6/conf/all/forwarding=1"),
    _sysctl("net/ipv6/conf/DEVICE/forwarding=0"),
    _sysctl("net/ipv4/icmp_echo_ignore_all=1"),
]
