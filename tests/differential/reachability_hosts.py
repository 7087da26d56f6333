"""Makes lab hosts at random whose reachability is worth a question: the same seed and number make the same host again.

What is drawn is what decides over packets on Docker hosts: networks and their options, published ports, docker-proxy,
kernel settings, flags of bridge ports, rules of the user's own, ufw and firewalld, nftables, routing by marks.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.differential.reachability_engines import IPTABLES, NFTABLES, EngineDraws, draws_of
from tests.differential.reachability_interleaved import ALONE, SHARE, alike
from tests.differential.reachability_on_top import closed
from tests.lab.kinds import KINDS
from tests.lab.scenario import NetworkSpec, Scenario, Workload

Draw = random.Random
INNER_TCP, INNER_UDP, CLOSED = 80, 5000, 81
BACKEND = "firewall-backend"
CHANGED = 5
"""One of so many hosts of a kind is changed."""
HOST_PORT = 7000
"""A server of the host's own, on all addresses; the next port up only on 127.0.0.1."""
# Networks of containers, the default one included.
SUBNETS, SUBNETS6 = "172.29", "fd00:29"


@dataclass
class HostCase:
    """A host as it was drawn: its daemon, networks, containers, and what is done to it afterwards."""

    seed: int
    number: int
    kind: str
    release: str
    """Of its engine."""
    daemon: dict[str, object] = field(default_factory=dict)
    legacy: bool = False
    """Whether the alternative of iptables is iptables-legacy."""
    firewall: str = ""
    """``ufw`` or ``firewalld``, installed and started."""
    scenario: Scenario = field(default_factory=Scenario)
    steps: list[tuple[str, str]] = field(default_factory=list)
    """What is done to the running host: a line of words, and text for sh."""
    forgets: bool = False
    """Whether the rules of the engine's other backend, which it started with, are gone when it takes up this one."""
    has_second_uplink: bool = False
    """Whether it has an uplink eth1, and a machine beyond it (far_machine.py)."""
    sets: list[int] = field(default_factory=list)
    """Families that a rule with a set of ipset is made for."""
    addresses: list[str] = field(default_factory=list)
    """Devices that have a second address of each family."""
    is_interleaved: bool = False
    """Whether networks are alike, and rules about others stand between theirs (reachability_interleaved.py)."""
    is_alone: bool = False
    """Whether these are all the rules and settings of the user's."""
    is_changed: bool = False
    """Whether the host is changed once it was asked, and held to the contract that was learned before."""
    draw: Draw = field(default_factory=Draw, repr=False)
    """Goes on where the generator stopped: what depends on addresses is drawn when they are known."""

    @property
    def backend(self) -> str:
        """``iptables`` or ``nftables``: how the engine makes its rules."""
        return str(self.daemon.get(BACKEND, IPTABLES))

    @property
    def group(self) -> str:
        """The kind of host, with the engine where it is not the one of the kind."""
        own = self.release != KINDS[self.kind].engine
        return f"{self.kind}, engine {self.release} with {self.backend}" if own else self.kind

    def __str__(self) -> str:
        lines = [f"host {self.number} of seed {self.seed} ({self.group}): daemon.json {json.dumps(self.daemon)}"]
        lines += ["  iptables-legacy"] if self.legacy else []
        lines += ["  the rules of its first start flushed"] if self.forgets else []
        lines += ["  a second uplink"] if self.has_second_uplink else []
        lines += [f"  further addresses on {' and '.join(self.addresses)}"] if self.addresses else []
        lines += [f"  {self.firewall}"] if self.firewall else []
        lines += [f"  network {_network_words(network)}" for network in self.scenario.networks]
        lines += [f"  container {_container_words(container)}" for container in self.scenario.containers]
        lines += [f"  {words}" for words, dummy in self.steps]
        return "\n".join(lines)


def host_case(seed: int, number: int, release: str = "") -> HostCase:
    """The host of that number in the series of a seed. The number also gives its kind; `release`: of another engine."""
    draw = Draw(f"reachability/{seed}/{number}")
    kind = list(KINDS)[number % len(KINDS)]
    release = release or KINDS[kind].engine
    engine = draws_of(release)
    made = HostCase(seed, number, kind, release, {"bip": f"{SUBNETS}.0.1/24"}, draw=draw)
    made.is_changed = number // len(KINDS) % CHANGED == 0
    if draw.random() < 0.4:
        made.daemon["userland-proxy"] = False
    if draw.random() < 0.1:
        made.daemon["icc"] = False
    if not engine.ip6tables_by_default and draw.random() < 0.35:
        made.daemon |= {"ip6tables": True, "experimental": True}
    if engine.direct_routing and draw.random() < 0.2:
        made.daemon["allow-direct-routing"] = True
    if engine.accepts_mark and draw.random() < 0.15:
        made.daemon["bridge-accept-fwmark"] = draw.choice(["1", "0x10/0x10"])
    if NFTABLES in engine.backends and draw.random() < 0.5:
        made.daemon[BACKEND] = NFTABLES
        made.forgets = draw.random() < 0.6
    made.has_second_uplink = draw.random() < 0.4
    devices = ["eth0", "lo", "eth1"] if made.has_second_uplink else ["eth0", "lo"]
    made.addresses = [device for device in devices if draw.random() < 0.25]
    made.sets = [family for family in (4, 6) if draw.random() < 0.2]
    made.legacy = draw.random() < 0.2
    made.firewall = draw.choices(["", "ufw", "firewalld"], weights=[76, 12, 12])[0]
    networks = [_network(draw, engine, place) for place in range(1, draw.randint(1, 4) + 1)]
    containers = [_container(draw, place, networks) for place in range(draw.randint(2, 5))]
    if draw.random() < 0.15:
        containers.append(Workload("inmate", network_mode=f"container:{containers[0].name}", serve=()))
    networks = closed(Draw(f"closed/{seed}/{number}"), networks)
    own = Draw(f"alike/{seed}/{number}")
    if own.random() < SHARE:
        networks, containers = alike(own, networks, containers)
        made.is_interleaved, made.is_alone = True, own.random() < ALONE
    if made.backend == NFTABLES and made.daemon.get("userland-proxy") is False:
        containers = [replace(container, publish=_once(container.publish)) for container in containers]
    made.scenario = Scenario(networks, containers)
    return made


def _network(draw: Draw, engine: EngineDraws, place: int) -> NetworkSpec:
    options = {"com.docker.network.bridge.name": f"br-n{place}"} if draw.random() < 0.7 else {}
    internal = draw.random() < 0.12
    if draw.random() < 0.15:
        options["com.docker.network.bridge.enable_icc"] = "false"
    if draw.random() < 0.15:
        options["com.docker.network.bridge.enable_ip_masquerade"] = "false"
    modes = engine.gateway_modes
    has_v6 = draw.random() < 0.4
    if modes and not internal and draw.random() < 0.3:
        options["com.docker.network.bridge.gateway_mode_ipv4"] = draw.choice(modes)
        if has_v6:
            options["com.docker.network.bridge.gateway_mode_ipv6"] = draw.choice(modes)
    if engine.isolates and internal and draw.random() < 0.3:
        options["com.docker.network.bridge.gateway_mode_ipv4"] = "isolated"
    if engine.direct_routing and draw.random() < 0.1:
        options["com.docker.network.bridge.trusted_host_interfaces"] = "eth0"
    if draw.random() < 0.1:
        options["com.docker.network.bridge.host_binding_ipv4"] = "127.0.0.1"
    if draw.random() < 0.08:
        options["com.docker.network.host_ipv4"] = "HOST"
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
        address = draw.choice(
            ["", "", "", "127.0.0.1:", "0.0.0.0:", "[::]:", "[::1]:", "HOST:", "OTHER:", "127.0.0.2:"]
        )
        found.append(f"{address}{8080 + place}:{draw.choice([INNER_TCP, INNER_TCP, INNER_TCP, INNER_TCP, CLOSED])}")
    if draw.random() < 0.4:
        address = draw.choice(["", "", "127.0.0.1:", "HOST:"])
        found.append(f"{address}{5050 + place}:{INNER_UDP}/udp")
    if draw.random() < 0.15:
        found.append(f"{80 if place == 0 else 8090 + place}:{INNER_TCP}")
    return found


def _once(publish: Sequence[str]) -> list[str]:
    """The bindings without a second one for the same port of the container.

    With nftables and without docker-proxy engines up to 29.7 refuse it: their rule "MASQ TO OWN PORT" is the same for
    both (moby nftabler/port.go, setPerPortHairpinMasq()).
    """
    inner = [binding.rpartition(":")[2] for binding in publish]
    return [binding for place, binding in enumerate(publish) if inner[place] not in inner[:place]]


def _network_words(network: NetworkSpec) -> str:
    options = " ".join(f"{key.rpartition('.')[2]}={value}" for key, value in network.options.items())
    return f"{network.name} {network.subnet} {network.ipv6_subnet or ''} {'internal' * network.internal} {options}"


def _container_words(container: Workload) -> str:
    where = container.network_mode or ",".join(container.networks)
    return f"{container.name} on {where} publishes {' '.join(container.publish) or 'nothing'}"
