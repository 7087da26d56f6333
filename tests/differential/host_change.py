# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One random change of a generated host, of those that people make: containers, networks, rules, settings."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.differential.contract_case import Scene
from tests.differential.learned_case import reached
from tests.differential.matrix_questions import Inhabitant
from tests.differential.reachability_hosts import INNER_TCP, INNER_UDP
from tests.lab.host import Host
from tests.lab.proc import CommandError, LabError
from tests.lab.scenario import Workload, container_command

Draw = random.Random
NEW = "more"
NEW_PORT = 8099
AIMED = 0.8
"""How many changes are about what answered before, where it matters."""


@dataclass(frozen=True)
class Change:
    """What was done to a host."""

    words: str
    silent: frozenset[str] = field(default_factory=frozenset)
    """Ports whose program has ended, as ``CONTAINER:PORT/PROTOCOL``."""


@dataclass(frozen=True)
class Before:
    """What can be changed."""

    everybody: Sequence[Inhabitant]
    networks: Sequence[str]
    bridges: Sequence[str]
    free: Sequence[str]
    """Containers whose namespace is theirs alone, so that they can be taken away."""
    busy: Sequence[str]
    """Containers that answered."""

    def addresses(self, draw: Draw) -> list[str]:
        """Of containers; mostly of those that a change can take something from."""
        names = self.busy if self.busy and draw.random() < AIMED else [somebody.name for somebody in self.everybody]
        return [address for somebody in self.everybody if somebody.name in names for address in somebody.addresses]

    def candidates(self, draw: Draw) -> Sequence[str]:
        """Containers that can be taken away, in the same way."""
        both = [name for name in self.free if name in self.busy]
        return both if both and draw.random() < AIMED else self.free


_Wanted = tuple[str, Sequence[Sequence[str]], frozenset[str]]
"""The change in words, the programs that make it, and what ends to listen."""
_Maker = Callable[[Draw, Before], "_Wanted | None"]


def change(draw: Draw, host: Host, scene: Scene) -> Change:
    """Make one change. Raises LabError where the host takes none of them."""
    before = _before(host, scene)
    makers = list(_MAKERS)
    draw.shuffle(makers)
    for maker in makers:
        wanted = maker(draw, before)
        if wanted is None:
            continue
        words, programs, silent = wanted
        try:
            for program in programs:
                host.run(program)
        except CommandError:
            # An engine whose rules were flushed publishes nothing; what it began is removed.
            host.docker("rm", "--force", NEW, check=False)
            continue
        return Change(words, silent)
    raise LabError("the host takes no change")


def _before(host: Host, scene: Scene) -> Before:
    links = json.loads(host.run(["ip", "-json", "link", "show", "type", "bridge"]).out)
    names = host.docker("network", "ls", "--filter", "driver=bridge", "--format", "{{.Name}}").out.split()
    used = set(scene.shared.values())
    free = [somebody.name for somebody in scene.everybody if somebody.name not in used and somebody.addresses]
    busy = {member.partition(":")[0] for dummy, member in reached(scene)}
    return Before(scene.everybody, names, [link["ifname"] for link in links], free, sorted(busy))


def _container(draw: Draw, before: Before) -> _Wanted:
    publish = [f"{draw.choice(['', '', '127.0.0.1:'])}{NEW_PORT}:{INNER_TCP}"] if draw.random() < 0.8 else []
    new = Workload(NEW, networks=[draw.choice(before.networks)], publish=publish, serve=())
    where = f"{new.networks[0]} that publishes {' '.join(publish) or 'nothing'}"
    return f"a container on {where}", [["docker", *container_command(new)]], frozenset()


def _stopped(draw: Draw, before: Before) -> _Wanted | None:
    names = before.candidates(draw)
    if not names:
        return None
    how = draw.choice([["stop", "--time", "0"], ["rm", "--force"]])
    program = ["docker", *how, draw.choice(names)]
    return " ".join(program), [program], frozenset()


def _connected(draw: Draw, before: Before) -> _Wanted | None:
    ways = [
        ("connect", network, somebody.name)
        for somebody in before.everybody
        for network in before.networks
        if network not in somebody.networks and "none" not in somebody.networks and somebody.name in before.free
    ]
    return _of_networks(draw.choice(ways)) if ways else None


def _disconnected(draw: Draw, before: Before) -> _Wanted | None:
    ways = [
        ("disconnect", network, somebody.name)
        for somebody in before.everybody
        for network in somebody.networks
        if network in before.networks and somebody.name in before.free
    ]
    return _of_networks(draw.choice(ways)) if ways else None


def _of_networks(way: tuple[str, str, str]) -> _Wanted:
    program = ["docker", "network", *way]
    return " ".join(program), [program], frozenset()


def _rule(draw: Draw, before: Before) -> _Wanted | None:
    """A rule of iptables or ip6tables in front of all others."""
    addresses = before.addresses(draw)
    address = draw.choice(addresses) if addresses else ""
    one, other = (draw.choice(before.bridges) for dummy in range(2))
    places = [f"-i {one}", f"-o {one}", f"-i eth0 -o {one}", f"-i {one} -o eth0", f"-i {one} -o {other}"]
    own = [f"-d {address}", f"-d {address}", f"-s {address}", f"-d {address} -p tcp --dport {INNER_TCP}"]
    where = draw.choice([*places, *(own if address else [])])
    chain = draw.choice(["DOCKER-USER", "DOCKER-USER", "FORWARD"])
    end = draw.choice(["DROP", "DROP", "ACCEPT", "REJECT"])
    program = "ip6tables" if ":" in where else "iptables"
    words = f"{program} -w 10 -I {chain} {where} -j {end}"
    return words, [words.split()], frozenset()


def _table(draw: Draw, before: Before) -> _Wanted | None:
    """A table of nftables that drops."""
    addresses = before.addresses(draw)
    if not addresses:
        return None
    address = draw.choice(addresses)
    hook = draw.choice(["forward", "forward", "input", "output"])
    whose = f"{'ip6' if ':' in address else 'ip'} {draw.choice(['saddr', 'daddr'])} {address}"
    what = draw.choice([whose, f"tcp dport {INNER_TCP}", f"udp dport {INNER_UDP}"])
    text = f"table inet more {{ chain one {{ type filter hook {hook} priority 5; {what} drop; }}; }}"
    return text, [["nft", text]], frozenset()


def _policy(draw: Draw, dummy: Before) -> _Wanted:
    words = f"{draw.choice(['iptables', 'iptables', 'ip6tables'])} -w 10 -P FORWARD {draw.choice(['DROP', 'ACCEPT'])}"
    return words, [words.split()], frozenset()


def _setting(draw: Draw, before: Before) -> _Wanted:
    bridge = draw.choice(before.bridges)
    words = draw.choice(
        [
            "net/ipv4/ip_forward=0",
            "net/ipv6/conf/all/forwarding=0",
            f"net/ipv4/conf/{bridge}/forwarding=0",
            f"net/ipv4/conf/{bridge}/route_localnet=1",
            "net/bridge/bridge-nf-call-iptables=0",
            "net/bridge/bridge-nf-call-iptables=1",
        ]
    )
    key, dummy, value = words.partition("=")
    return words, [["sh", "-c", f"echo {value} > /proc/sys/{key}"]], frozenset()


def _silent(draw: Draw, before: Before) -> _Wanted | None:
    """A program in a container that ends."""
    names = before.candidates(draw)
    if not names:
        return None
    port = draw.choice([f"{INNER_TCP}/tcp", f"{INNER_TCP}/tcp", f"{INNER_UDP}/udp"])
    member = f"{draw.choice(names)}:{port}"
    return f"nothing listens on {member} any more", [], frozenset({member})


def _isolated(draw: Draw, before: Before) -> _Wanted:
    bridge = draw.choice(before.bridges)
    program = ["sh", "-c", f"for port in /sys/class/net/{bridge}/brif/*; do echo 1 >$port/isolated; done"]
    return f"all ports of {bridge} isolated", [program], frozenset()


_MAKERS: tuple[_Maker, ...] = (
    _container, _stopped, _connected, _disconnected, _rule, _rule, _rule, _table, _policy, _setting, _silent, _isolated,
)  # fmt: skip
