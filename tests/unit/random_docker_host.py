"""Docker hosts by a seed, with rules of an administrator that treat some containers in their own way."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    EGRESS,
    FILTER,
    INGRESS,
    BridgeSetting,
    Neighbour,
    TrafficControl,
)

from tests.unit.docker_host import ADDRESS, WILDCARD, Bridge, DockerHost, mac_of

NOBODY = "02:00:00:00:00:99"
_INNER = (80, 443, 5432, 8080)
_CHAINS = (
    ("filter", "DOCKER-USER"),
    ("filter", "INPUT"),
    ("filter", "FORWARD"),
    ("filter", "OUTPUT"),
    ("raw", "PREROUTING"),
    ("mangle", "PREROUTING"),
    ("mangle", "FORWARD"),
)
_SETTINGS = (
    BridgeSetting("state", "blocking"),
    BridgeSetting("learning", "off"),
    BridgeSetting("flood", "off"),
    BridgeSetting("bcast_flood", "off"),
    BridgeSetting("mcast_flood", "off"),
    BridgeSetting("proxy_arp", "on"),
    BridgeSetting("locked", "on"),
)
_ENDINGS = ("-j DROP", "-j ACCEPT", "-j REJECT --reject-with icmp-port-unreachable", "-j RETURN")


def random_docker_host(seed: int) -> DockerHost:
    """The host that belongs to a seed."""
    dice = random.Random(seed)  # noqa: S311
    host = _with_rules(dice)
    for maker in dice.choices((_fixed_neighbour, _port), k=dice.choice((0, 0, 1, 3))):
        maker(host, dice, host.networks)
    _traffic_control(host, seed)
    _shared_mac(host, seed)
    _arp_off(host, seed)
    return host


def plain_docker_host(seed: int) -> DockerHost:
    """The same host without what leaves open where frames go: neighbours, bridge ports, filters of ``tc``."""
    return _with_rules(random.Random(seed))  # noqa: S311


def _with_rules(dice: random.Random) -> DockerHost:
    host = DockerHost(
        layout=dice.choice((27, 28)),
        proxy=dice.random() < 0.6,
        bridge_netfilter=dice.random() < 0.7,
        forward_policy=dice.choice(("DROP", "DROP", "ACCEPT")),
    )
    # dockerd writes rules for networks and containers in whatever order people make them.
    bridges: list[Bridge] = []
    for number in range(dice.randint(3, 12)):
        if not bridges or dice.random() < 0.3:
            bridges.append(host.network(icc=dice.random() < 0.8, internal=dice.random() < 0.15))
        _container(host, dice, number, bridges)
    addresses = [endpoint.address or "" for container in host.containers for endpoint in container.endpoints]
    for dummy in range(dice.choice((0, 0, 1, 2, 4))):
        table, chain = dice.choice(_CHAINS)
        ending = dice.choice(_ENDINGS[:2] if table != "filter" else _ENDINGS)
        rule = f"{_condition(dice, host, bridges, addresses)} {ending}"
        host.own_rules.setdefault((table, chain), []).append(rule)
    if dice.random() < 0.6:
        table, chain = dice.choice((("filter", "DOCKER-USER"), ("filter", "FORWARD"), ("raw", "PREROUTING")))
        host.own_rules.setdefault((table, chain), []).extend(_ladder(dice, bridges, addresses))
    if dice.random() < 0.2:
        host.sysctls[f"net.ipv4.conf.{dice.choice(bridges).device}.rp_filter"] = "1"
    if dice.random() < 0.1:
        host.sysctls[f"net.ipv4.conf.{dice.choice(bridges).device}.forwarding"] = "0"
    for place, space in enumerate(host.container_namespaces):
        if dice.random() < 0.2:
            # As docker run --sysctl does it.
            host.container_namespaces[place] = replace(space, sysctls={"net.ipv4.conf.all.rp_filter": "1"})
    return host


def _port(host: DockerHost, dice: random.Random, bridges: list[Bridge]) -> None:
    """Something of a bridge or its port that is not as the kernel makes it."""
    place, link = dice.choice([item for item in enumerate(host.links) if item[1].kind])
    if dice.random() < 0.5:
        host.links[place] = replace(link, settings=dice.sample(_SETTINGS, dice.choice((1, 1, 2))))
        return
    macs = [mac_of(str(end.address)) for item in host.containers for end in item.endpoints]
    mac = dice.choice([*macs, *macs, *(bridge.mac for bridge in bridges)])
    host.links[place] = replace(link, forwarding_entries=[mac])


def _traffic_control(host: DockerHost, seed: int) -> None:
    """Some filters, by dice of their own, so that hosts stay what they were otherwise."""
    dice = random.Random(f"traffic control/{seed}")  # noqa: S311
    for dummy in range(dice.choice((0, 0, 0, 1, 2))):
        _filter(host, dice)


def _shared_mac(host: DockerHost, seed: int) -> None:
    """A container on some hosts that has the hardware address of another one or of a bridge, by dice of its own."""
    dice = random.Random(f"shared mac/{seed}")  # noqa: S311
    if dice.random() < 0.8:
        return
    place = dice.randrange(len(host.container_namespaces))
    space = host.container_namespaces[place]
    inside = [link for item in host.container_namespaces for link in item.links]
    macs = [link.mac for link in [*inside, *host.links] if link.mac]
    link = dice.choice([item for item in space.links if item.mac])
    links = [replace(item, mac=dice.choice(macs)) if item is link else item for item in space.links]
    host.container_namespaces[place] = replace(space, links=links)


def _arp_off(host: DockerHost, seed: int) -> None:
    """On some hosts ARP is off on a link of the host, or inside a container, by dice of its own."""
    dice = random.Random(f"arp off/{seed}")  # noqa: S311
    if dice.random() < 0.8:
        return
    if dice.random() < 0.5:
        place = dice.randrange(1, len(host.links))
        host.links[place] = replace(host.links[place], without_arp=True)
        return
    place = dice.randrange(len(host.container_namespaces))
    space = host.container_namespaces[place]
    links = [*space.links[:-1], replace(space.links[-1], without_arp=True)]
    host.container_namespaces[place] = replace(space, links=links)


def _filter(host: DockerHost, dice: random.Random) -> None:
    """One on a link of the host, or of a container, that can keep frames or not; or an XDP program."""
    direction, actions = dice.choice((INGRESS, EGRESS)), dice.choice((["drop"], ["police"], ["pass"], []))
    if dice.random() < 0.5:
        place = dice.randrange(len(host.container_namespaces))
        space = host.container_namespaces[place]
        entry = TrafficControl(dice.choice(space.links).index, direction, FILTER, "flower", actions=actions)
        host.container_namespaces[place] = replace(space, traffic_control=[*space.traffic_control, entry])
        return
    link = dice.choice(host.links)
    if dice.random() < 0.2:
        host.links[host.links.index(link)] = replace(link, xdp=True)
        return
    host.traffic_control.append(TrafficControl(link.index, direction, FILTER, "u32", actions=actions))


def _fixed_neighbour(host: DockerHost, dice: random.Random, bridges: list[Bridge]) -> None:
    """A fixed entry of the host's or of a container's for the gateway or a container, right or wrong."""
    bridge = dice.choice(bridges)
    ends = [(place, end) for place, item in enumerate(host.containers) for end in item.endpoints]
    here = [(place, str(end.address)) for place, end in ends if end.network == bridge.name]
    if not here:
        return
    place, own = dice.choice(here)
    known = {own: mac_of(own), **{address: mac_of(address) for dummy, address in here}}
    if dice.random() < 0.5:
        mac = dice.choice((known[own], NOBODY, dice.choice(list(known.values()))))
        host.neighbours.append(Neighbour(own, bridge.index, mac))
        return
    known[bridge.address(0)] = bridge.mac
    neighbour = dice.choice(list(known))
    mac = dice.choice((known[neighbour], NOBODY, dice.choice(list(known.values()))))
    space = host.container_namespaces[place]
    index = next(link.index for link in space.links if any(text.startswith(f"{own}/") for text in link.addresses))
    host.container_namespaces[place] = replace(
        space, neighbours=[*(space.neighbours or ()), Neighbour(neighbour, index, mac)]
    )


def _container(host: DockerHost, dice: random.Random, number: int, bridges: list[Bridge]) -> None:
    chosen = dice.sample(bridges, min(len(bridges), dice.choice((1, 1, 1, 2))))
    ports = dice.sample(_INNER, dice.randint(0, 2))
    publish = [
        PublishedPort("tcp", port, dice.choice((WILDCARD, WILDCARD, "127.0.0.1", ADDRESS)), 8000 + 10 * number + place)
        for place, port in enumerate(ports)
        if dice.random() < 0.7 and not chosen[0].internal
    ]
    listen = [("tcp", port) for port in ports if dice.random() < 0.8]
    host.container(f"c{number}", chosen, publish, listen, isolated=dice.random() < 0.1)


def _ladder(dice: random.Random, bridges: list[Bridge], addresses: list[str]) -> list[str]:
    """Rules of one kind about several containers or networks, with a rule about all of them somewhere between."""
    kinds = (
        [f"-s {address}/32 -j ACCEPT" for address in addresses],
        [f"-d {address}/32 -p tcp -m tcp --dport {dice.choice(_INNER)} -j ACCEPT" for address in addresses],
        [f"-p tcp -m tcp --dport {port} -j ACCEPT" for port in _INNER],
        [f"-i {bridge.device} -j ACCEPT" for bridge in bridges]
        + [f"-s {bridge.subnet} -d {other.subnet} -j DROP" for bridge in bridges for other in bridges[:2]],
        [f"-i {bridge.device} -j {dice.choice(('ACCEPT', 'DROP'))}" for bridge in bridges]
        + [f"-d {bridge.subnet} -j {dice.choice(('ACCEPT', 'DROP'))}" for bridge in bridges],
    )
    rules = list(dice.choice(kinds))
    dice.shuffle(rules)
    rules = rules[: dice.randint(2, 8)]
    rules.insert(
        dice.randint(0, len(rules)),
        dice.choice(("-p tcp -j DROP", "-i br-+ -j DROP", "-m conntrack --ctstate NEW -j DROP")),
    )
    return rules


def _condition(dice: random.Random, host: DockerHost, bridges: list[Bridge], addresses: list[str]) -> str:
    parts = [_atom(dice, host, bridges, addresses) for dummy in range(dice.randint(1, 2))]
    # Each kind of condition can stand in a rule once.
    return " ".join({part.replace("! ", "").split()[0]: part for part in parts}.values())


def _atom(dice: random.Random, host: DockerHost, bridges: list[Bridge], addresses: list[str]) -> str:
    negation = dice.choice(("", "", "! "))
    ports = [binding.host_port for container in host.containers for binding in container.published]
    kinds: list[Callable[[], str]] = [
        lambda: f"{negation}-s {dice.choice(addresses)}/32",
        lambda: f"{negation}-d {dice.choice(addresses)}/32",
        lambda: f"{negation}-s {dice.choice(bridges).subnet}",
        lambda: f"{negation}-d {dice.choice(bridges).subnet}",
        lambda: f"{negation}-i {dice.choice(bridges).device}",
        lambda: "-i br-+",
        lambda: f"-p tcp -m tcp --dport {dice.choice([*_INNER, *ports])}",
        lambda: f"-p tcp -m tcp {negation}--dport 8000:8{dice.randint(0, 9)}99",
        lambda: "-p tcp -m multiport --dports 80,8080",
        lambda: f"-d {dice.choice(addresses).rpartition('.')[0]}.0/29",
        lambda: "-m conntrack --ctstate NEW",
        lambda: "-m conntrack --ctstate RELATED,ESTABLISHED",
    ]
    return dice.choice(kinds)()
