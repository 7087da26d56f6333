"""All packets that a matrix takes together fare the same when each is followed by itself."""

from __future__ import annotations

import json
import random
from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import TypeVar

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Ipsec,
    IpsecPolicy,
    Neighbour,
    Route,
    Ruleset,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import (
    BadPacketError,
    predict,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import family_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.alike import PlaceForms
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import (
    HostAddress,
    Namespace,
    TargetPort,
    places_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import (
    OriginClass,
    Plan,
    QuestionKey,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.rule_catalogue import Catalogue
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_facts import ADDRESS

from tests.unit.docker_host import DockerHost, big_host
from tests.unit.examples import seeds
from tests.unit.random_docker_host import random_docker_host
from tests.unit.recorded_host import NAMES, recorded_host

Item = TypeVar("Item")

SAMPLE = 100
HOSTS = 80


def fate(view: HostView, packet: Packet) -> tuple[str, str]:
    try:
        path = predict(view, packet)
    except BadPacketError:
        return ("nobody can send it", "")
    return path.verdict, path.observed


def every_question(plan: Plan) -> Iterator[tuple[QuestionKey, Packet]]:
    """All packets that there are, class by class or not."""
    askers: list[tuple[int, Namespace | None]] = [
        (source, None) for source, origins in enumerate(plan.origins) if origins.kind != CONTAINER
    ]
    askers += [(plan.source_of(namespace), namespace) for namespace in plan.places.namespaces]
    for source, namespace in askers:
        origins = plan.origins[source]
        for target in plan.target:
            for address in plan.addresses_for(target, origins):
                if not plan.can_ask(origins, family_of(address.text if address else target.address)):
                    continue
                yield plan.key(namespace, source, target, address), plan.packet(origins, namespace, target, address)


def any_question(plan: Plan, dice: random.Random) -> tuple[QuestionKey, Packet]:
    """A packet that may or may not be one of those that the plan asks."""
    namespace: Namespace | None = None
    source = dice.randrange(sum(origins.kind != CONTAINER for origins in plan.origins))
    if dice.random() < 0.8:
        namespace = dice.choice(plan.places.namespaces)
        source = plan.source_of(namespace)
    origins = plan.origins[source]
    target: TargetPort = dice.choice(list(plan.target))
    address: HostAddress | None = dice.choice(plan.addresses_for(target, origins))
    return plan.key(namespace, source, target, address), plan.packet(origins, namespace, target, address)


@pytest.mark.parametrize("seed", seeds(16, range(HOSTS)))
def test_every_packet_fares_like_the_one_that_stands_for_it(seed: int) -> None:
    view = HostView.of(random_docker_host(seed).snapshot())
    assert not view.problems
    plan = Plan(view)
    answers = {item.key: (fate(view, item.packet), item.packet) for item in plan.questions()}
    dice = random.Random(seed)  # noqa: S311
    if not plan.target:
        pytest.skip("nothing listens on this host")
    for dummy in range(SAMPLE):
        key, packet = any_question(plan, dice)
        expected, example = answers[key]
        assert fate(view, packet) == expected, f"{packet}, unlike {example}"


# As Docker wrote its own rules, and otherwise: no other rules may be what tells the networks from each other.
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2)])
def test_networks_of_one_class_are_told_apart_by_whose_rules_come_first(order: tuple[int, ...]) -> None:
    host = big_host(3, 6)
    host.own_rules["filter", "DOCKER-USER"] = [
        rule
        for bridge in (host.networks[number] for number in order)
        for rule in (f"-i {bridge.device} -j ACCEPT", f"-d {bridge.subnet} -m conntrack --ctstate NEW -j DROP")
    ]
    plan = every_packet_fares_like_its_class(host.snapshot())
    assert [len(origins.namespaces) for origins in plan.origins if origins.kind == CONTAINER] == [3]


@pytest.mark.parametrize(
    ("of_each", "between"),
    [
        ("-i {0} -j ACCEPT", "-p tcp -j DROP"),
        ("-i {0} -j ACCEPT", "-p tcp -m tcp --dport 80 -j DROP"),
        ("-i {0} -j ACCEPT", "-d {1} -j DROP"),
        ("-o {0} -j ACCEPT", "-s {1} -j DROP"),
        ("-i {0} -p tcp -m tcp --dport 443 -j ACCEPT", "-d {1} -j DROP"),
        ("-i {0} -d {1} -j ACCEPT", "-d {1} -j DROP"),
    ],
)
def test_a_rule_about_others_between_those_of_networks_sets_them_apart(of_each: str, between: str) -> None:
    host = big_host(4, 4)
    one = f"{host.containers[3].endpoints[0].address}/32"
    rules = [of_each.format(bridge.device, one) for bridge in host.networks[:3]]
    host.own_rules["filter", "DOCKER-USER"] = [rules[0], between.format(None, one), *rules[1:]]
    every_packet_fares_like_its_class(host.snapshot())


def test_networks_are_set_apart_by_rules_about_the_gateways_of_others() -> None:
    host = big_host(4, 4)
    host.own_rules["raw", "PREROUTING"] = [
        rule
        for place in (1, 2, 3, 0)
        for rule in (f"-s {host.networks[place].subnet} -j ACCEPT", f"-d {host.networks[place].subnet} -j DROP")
    ]
    every_packet_fares_like_its_class(host.snapshot())


# One container of a network after the other, and a rule that is for none of them between those.
@pytest.mark.parametrize(
    ("of_each", "between"),
    [
        ("-s {0} -j ACCEPT", "-d {1} -j DROP"),
        ("-s {0} -d {2} -j ACCEPT", "-p tcp -m tcp --dport 80 -j DROP"),
        ("-d {0} -p tcp -m tcp --dport 80 -j DROP", "-p tcp -m tcp --dport 80 -j ACCEPT"),
    ],
)
def test_a_rule_about_others_between_those_of_containers_sets_them_apart(of_each: str, between: str) -> None:
    host = big_host(2, 5)
    addresses = [f"{item.endpoints[0].address}/32" for item in host.containers]
    rules = [of_each.format(addresses[place], "", host.networks[1].subnet) for place in (0, 2, 4)]
    host.own_rules["filter", "DOCKER-USER"] = [rules[0], between.format("", addresses[1]), *rules[1:]]
    every_packet_fares_like_its_class(host.snapshot())


@pytest.mark.parametrize(
    "rule",
    [
        "! -s {one} -d {net} -j DROP",
        "-s {other} -d {net} -j DROP",
        "-d {net} -p tcp -m tcp --dport 80 ! -s {one} -j DROP",
        "-s {one} -p tcp -m tcp --dport 80 -j DROP",
        "-s {net} -d {one} -j REJECT --reject-with icmp-port-unreachable",
        "! -i {device} -p tcp -m tcp --dport 443 -j DROP",
    ],
)
def test_rules_about_one_container_and_a_network_set_both_apart(rule: str) -> None:
    host = big_host(3, 9)
    one, other = (str(host.containers[number].endpoints[0].address) for number in (0, 1))
    net = host.networks[0]
    text = rule.format(one=f"{one}/32", other=f"{other}/32", net=net.subnet, device=net.device)
    host.own_rules["mangle", "FORWARD"] = [text]
    every_packet_fares_like_its_class(host.snapshot())


@pytest.mark.parametrize("name", NAMES)
def test_on_recorded_hosts_of_engine_29_all_packets_do(name: str) -> None:
    every_packet_fares_like_its_class(recorded_host(name))


def every_packet_fares_like_its_class(snapshot: HostSnapshot, *, fewer: bool = True) -> Plan:
    """Hold that; fewer: that classes spare questions at all."""
    view = HostView.of(snapshot)
    assert not view.problems
    plan = Plan(view)
    answers = {item.key: (fate(view, item.packet), item.packet) for item in plan.questions()}
    packets = list(every_question(plan))
    assert not fewer or len(answers) < len(packets)
    for key, packet in packets:
        expected, example = answers[key]
        assert fate(view, packet) == expected, f"{packet}, unlike {example}"
    return plan


OF_NETWORKS = (
    "-i {network.device}",
    "-o {network.device}",
    "-s {network.subnet}",
    "-d {network.subnet}",
    "-i {network.device} -p tcp -m tcp --dport 443",
    "-d {gateway}/32",
    "-m conntrack --ctorigdst {gateway}/32",
    "! -i {network.device} -s {network.subnet}",
)
OF_OTHERS = (
    "-s {address}/32",
    "-d {address}/32",
    "-p tcp",
    "-p tcp -m tcp --dport 80",
    "-d {address}/32 -p tcp -m tcp --dport 80",
    "-s {address}/32 -p tcp -m tcp --sport 80",
    "-p tcp -m conntrack --ctorigdstport 10002",
    "-p tcp -m multiport --dports 80,10004",
    "-m mark --mark 0x1",
)
CHAINS = (("filter", "DOCKER-USER"), ("filter", "INPUT"), ("mangle", "FORWARD"), ("raw", "PREROUTING"))


@pytest.mark.parametrize("seed", seeds(8, range(120)))
def test_order_counts_where_rules_about_others_stand_between_those_of_networks(seed: int) -> None:
    """Rules that are the same for each network, in any order of networks, and others anywhere between them."""
    dice = random.Random(seed)  # noqa: S311 (to be repeated)
    host = big_host(dice.choice((3, 4)), 6)
    shared = [(dice.choice(OF_NETWORKS), dice.choice(("ACCEPT", "DROP", "RETURN"))) for _ in range(dice.choice((1, 2)))]
    networks = dice.sample(host.networks, len(host.networks))
    rules = [
        f"{match.format(network=network, gateway=network.address(0))} -j {verdict}"
        for network in networks
        for match, verdict in shared
    ]
    for dummy in range(dice.choice((1, 2))):
        match, verdict = dice.choice(OF_OTHERS), dice.choice(("ACCEPT", "DROP", "REJECT", "RETURN"))
        for container in dice.sample(host.containers, dice.choice((1, 1, 3))):
            line = f"{match.format(address=container.endpoints[0].address)} -j {verdict}"
            rules.insert(dice.randint(0, len(rules)), line)
    host.own_rules[dice.choice(CHAINS)] = rules
    every_packet_fares_like_its_class(host.snapshot(), fewer=False)


def test_containers_with_settings_of_their_own_are_of_another_class() -> None:
    host = DockerHost()
    bridges = [host.network(), host.network()]
    for name in ("one", "two", "three"):
        host.container(name, bridges, listen=[("tcp", 80)])
    host.container_namespaces[1] = replace(host.container_namespaces[1], sysctls={"net.ipv4.conf.all.rp_filter": "1"})
    plan = Plan(HostView.of(host.snapshot()))
    found = [[item.name for item in origins.containers] for origins in plan.origins if origins.kind == CONTAINER]
    assert found == [["one", "three"], ["two"]]


def test_containers_that_a_bridge_has_entries_about_are_of_classes_of_their_own() -> None:
    host = DockerHost()
    bridge = host.network()
    for name in ("one", "two", "three", "four"):
        host.container(name, [bridge], listen=[("tcp", 80)])
    known = [space.links[-1].mac for space in host.container_namespaces[:2]]
    host.links = [
        replace(link, forwarding_entries=known) if link.name == bridge.device else link for link in host.links
    ]
    plan = Plan(HostView.of(host.snapshot()))
    found = [[item.name for item in origins.containers] for origins in plan.origins if origins.kind == CONTAINER]
    assert sorted(found) == [["four", "three"], ["one"], ["two"]]


def test_a_container_with_a_permanent_neighbour_and_that_neighbour_are_of_classes_of_their_own() -> None:
    host = DockerHost()
    bridge = host.network()
    for name in ("one", "two", "three", "four"):
        host.container(name, [bridge], listen=[("tcp", 80)])
    link = host.container_namespaces[1].links[-1]
    entries = [
        Neighbour(link.addresses[0].partition("/")[0], host.container_namespaces[0].links[-1].index, link.mac),
        # On a link that leads to no bridge: it is about no container.
        Neighbour("127.0.0.9", 1, link.mac),
    ]
    host.container_namespaces[0] = replace(host.container_namespaces[0], neighbours=entries)
    plan = Plan(HostView.of(host.snapshot()))
    found = [[item.name for item in origins.containers] for origins in plan.origins if origins.kind == CONTAINER]
    assert sorted(found) == [["four", "three"], ["one"], ["two"]]


def test_networks_whose_bridges_ask_for_no_neighbour_are_of_another_class() -> None:
    host = big_host(3, 6)
    host.sysctls[f"net.ipv4.neigh.{host.networks[1].device}.mcast_solicit"] = "0"
    every_packet_fares_like_its_class(host.snapshot())


def test_networks_and_containers_without_arp_are_of_another_class() -> None:
    host = big_host(3, 6)
    device = host.networks[1].device
    host.links = [replace(link, without_arp=link.name == device) for link in host.links]
    space = host.container_namespaces[0]
    host.container_namespaces[0] = replace(space, links=[replace(link, without_arp=True) for link in space.links])
    every_packet_fares_like_its_class(host.snapshot())


def test_a_network_whose_bridge_is_exempt_from_ipsec_is_of_another_class() -> None:
    host = big_host(3, 6)
    exempt = f"net.ipv4.conf.{host.networks[1].device}.disable_xfrm"
    host.ipsec = Ipsec([IpsecPolicy("out", 4, "0.0.0.0/0", "0.0.0.0/0", "block")], exempt=[exempt])
    plan = every_packet_fares_like_its_class(host.snapshot())
    assert [len(origins.containers) for origins in plan.origins if origins.kind == CONTAINER] == [4, 2]


@pytest.mark.parametrize("seed", seeds(2, range(0, 60, 10)))
def test_the_order_in_which_a_host_was_read_says_nothing(seed: int) -> None:
    snapshot = random_docker_host(seed).snapshot()
    fates, classes = all_fates(snapshot)
    assert all_fates(read_in_another_order(snapshot, random.Random(seed))) == (fates, classes)  # noqa: S311


def all_fates(snapshot: HostSnapshot) -> tuple[dict[Packet, tuple[str, str]], int]:
    """What becomes of every packet that there is, by its class, and how many classes there are."""
    view = HostView.of(snapshot)
    plan = Plan(view)
    answers = {item.key: fate(view, item.packet) for item in plan.questions()}
    return {packet: answers[key] for key, packet in every_question(plan)}, len(answers)


def read_in_another_order(snapshot: HostSnapshot, dice: random.Random) -> HostSnapshot:
    """Containers, networks, links, routes and sockets listed in any order; rules and policy rules keep theirs."""
    return replace(
        snapshot,
        containers=shuffled(snapshot.containers, dice),
        networks=shuffled(snapshot.networks, dice),
        links=shuffled(snapshot.links, dice),
        container_namespaces=shuffled(snapshot.container_namespaces, dice),
        listeners=shuffled(snapshot.listeners, dice),
        routes=shuffled(snapshot.routes, dice),
    )


def shuffled(items: list[Item], dice: random.Random) -> list[Item]:
    return dice.sample(items, len(items))


def with_map(host: DockerHost, key: list[object], elements: list[object], rules: int) -> HostSnapshot:
    """The host, its own rules those of iptables-legacy, and a map of nft that some rules in FORWARD ask."""
    of: dict[str, object] = {"family": "inet", "table": "t"}
    base = {**of, "name": "forward", "type": "filter", "hook": "forward", "prio": 10, "policy": "accept"}
    lookup = {"vmap": {"key": key[0] if len(key) == 1 else {"concat": key}, "data": "@m"}}
    entries: list[object] = [
        {"table": {"family": "inet", "name": "t"}},
        {"chain": base},
        {"chain": {**of, "name": "other"}},
        {"map": {**of, "name": "m", "type": "x", "map": "verdict", "elem": elements}},
        *[{"rule": {**of, "chain": "forward", "expr": [lookup]}}] * rules,
        {"rule": {**of, "chain": "other", "expr": [{"accept": None}]}},
    ]
    save = {"iptables-legacy-save": host.save_text()}
    return replace(host.snapshot(), ruleset=Ruleset(save, json.dumps({"nftables": entries})))


SADDR, DADDR = ({"payload": {"protocol": "ip", "field": name}} for name in ("saddr", "daddr"))
DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}


@pytest.mark.parametrize("key", [[SADDR], [DADDR], [DADDR, DPORT]])
def test_entries_of_a_map_about_some_containers_set_them_apart(key: list[object]) -> None:
    host = big_host(3, 9)
    of_three = [str(host.containers[number].endpoints[0].address) for number in (0, 3, 4)]
    verdicts: list[object] = [{"drop": None}, {"jump": {"target": "other"}}, {"continue": None}]
    elements: list[object] = [
        [address if len(key) == 1 else {"concat": [address, 80]}, verdict]
        for address, verdict in zip(of_three, verdicts)
    ]
    plan = every_packet_fares_like_its_class(with_map(host, key, elements, 3))
    known = [name for name in ("app0", "app3", "app4") for origins in plan.origins if names_in(origins) == [name]]
    assert known == ["app0", "app3", "app4"]


def names_in(origins: OriginClass) -> list[str]:
    return [container.name for container in origins.containers]


def test_a_map_of_very_many_entries_that_very_many_rules_ask() -> None:
    """Five million entries to keep, were they kept for each rule."""
    elements: list[object] = [[f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", {"drop": None}] for n in range(20_000)]
    plan = Plan(HostView.of(with_map(big_host(3, 9), [SADDR], elements, 250)))
    assert [len(names_in(origins)) for origins in plan.origins if origins.kind == CONTAINER] == [9]


NAME_OPTION, OTHER_OPTION = "com.docker.network.bridge.name", "com.docker.network.bridge.enable_ip_masquerade"


def net_forms(snapshot: HostSnapshot) -> list[Hashable]:
    """What networks are that are alike."""
    places = places_of(snapshot)
    catalogue = Catalogue(HostView.of(snapshot).book, places, frozenset())
    forms = PlaceForms(snapshot, catalogue)
    return [forms.net(net) for net in places.nets]


@pytest.mark.parametrize(
    ("options", "are_alike"),
    [
        ([{}, {}], True),
        ([{NAME_OPTION: "{device}"}, {NAME_OPTION: "{device}"}], True),
        ([{OTHER_OPTION: "true"}, {OTHER_OPTION: "true"}], True),
        ([{OTHER_OPTION: "true"}, {OTHER_OPTION: "false"}], False),
        ([{OTHER_OPTION: "true"}, {}], False),
    ],
)
def test_options_of_a_network_set_it_apart_but_for_the_name_of_its_bridge(
    options: list[dict[str, str]], *, are_alike: bool
) -> None:
    host = big_host(2, 2)
    snapshot = host.snapshot()
    networks = [
        replace(network, options={key: value.format(device=bridge.device) for key, value in of.items()})
        for network, bridge, of in zip(snapshot.networks, host.networks, options)
    ]
    one, other = net_forms(replace(snapshot, networks=networks))
    assert (one == other) is are_alike


@pytest.mark.parametrize(
    ("rule", "are_alike"),
    [
        ("-p tcp -m tcp --dport 9 -j DROP", True),
        ("-i br-+ -p tcp -m tcp --dport 9 -j DROP", True),
        ("-i {device}+ -p tcp -m tcp --dport 9 -j DROP", False),
        ("-p tcp -m tcp --dport 9 -m iprange --dst-range {network}-{gateway} -j DROP", False),
    ],
)
def test_a_rule_that_holds_for_the_bridge_of_one_network_sets_it_apart(rule: str, *, are_alike: bool) -> None:
    """Its name, its address: asked for among others, and not by themselves."""
    host = big_host(2, 2)
    first = host.networks[0]
    words = {"device": first.device, "network": first.subnet.partition("/")[0], "gateway": first.address(0)}
    host.own_rules["filter", "INPUT"] = [rule.format(**words)]
    one, other = net_forms(host.snapshot())
    assert (one == other) is are_alike


def test_networks_with_ipv6_share_a_link_local_gateway() -> None:
    snapshot = big_host(3, 3).snapshot()
    bridges = {network.bridge: place for place, network in enumerate(snapshot.networks)}
    links = [
        replace(link, addresses=[*link.addresses, f"fd00:{bridges[link.name] + 1}::1/64", "fe80::1/64"])
        if link.name in bridges
        else link
        for link in snapshot.links
    ]
    routes = [
        Route(destination, table, kind, interfaces=[link.index])
        for link in links
        if link.name in bridges
        for destination, table, kind in (
            ("fe80::1/128", 255, "local"),
            ("fe80::/64", 254, "unicast"),
            (f"fd00:{bridges[link.name] + 1}::1/128", 255, "local"),
            (f"fd00:{bridges[link.name] + 1}::/64", 254, "unicast"),
        )
    ]
    one, other, third = net_forms(replace(snapshot, links=links, routes=[*snapshot.routes, *routes]))
    assert one == other == third


@pytest.mark.parametrize(
    ("table", "chain", "rule", "are_alike"),
    [
        ("filter", "DOCKER-USER", "-i {0} -j ACCEPT", True),
        ("filter", "DOCKER-USER", "-d {1} -j ACCEPT", True),
        ("raw", "PREROUTING", "-i {0} -j ACCEPT", True),
        ("filter", "DOCKER-USER", "-m conntrack --ctorigdst {2}/32 -j ACCEPT", False),
        ("raw", "PREROUTING", "-d {1} -j ACCEPT", False),
        ("filter", "INPUT", "-d {1} -j DROP", True),
        ("filter", "INPUT", "! -i {0} -j ACCEPT", False),
    ],
)
def test_the_gateway_of_a_third_network_is_told_apart_by_what_its_packets_meet(
    table: str, chain: str, rule: str, *, are_alike: bool
) -> None:
    host = big_host(4, 4)
    rules: list[str] = []
    for place, network in enumerate(host.networks[:2]):
        rules += ["-p tcp -m tcp --dport 80 -j DROP"] * place
        rules.append(rule.format(network.device, network.subnet, network.address(0)))
    host.own_rules[table, chain] = rules
    plan = every_packet_fares_like_its_class(host.snapshot(), fewer=False)
    one, other = (
        plan.key(plan.places.namespaces[2], 0, published, address).at
        for published in plan.target
        if published.namespace.name == "app3" and published.host_port == 10_006
        for address in plan.addresses_for(published, plan.origins[-1])
        if address is not None and address.net is not None and address.net.number in (0, 1)
    )
    assert (one == other) is are_alike


def test_networks_are_set_apart_by_who_is_on_the_network_that_theirs_are_sent_to() -> None:
    host = big_host(3, 6)
    towards = host.containers[3].endpoints[0].address
    host.own_rules["nat", "PREROUTING"] = [
        f"-i {network.device} -j DNAT --to-destination {towards}" for network in host.networks
    ]
    every_packet_fares_like_its_class(host.snapshot(), fewer=False)


def test_a_port_that_is_translated_to_one_container_is_a_port_of_others_as_well() -> None:
    host = big_host(3, 6)
    (first, second, third) = host.networks
    towards = host.containers[2].endpoints[0].address
    host.own_rules["nat", "PREROUTING"] = [
        f"-s {first.subnet} -j ACCEPT",
        f"-p tcp -m tcp --dport 80 -j DNAT --to-destination {towards}",
        f"-s {third.subnet} -j ACCEPT",
        f"-s {second.subnet} -j ACCEPT",
    ]
    every_packet_fares_like_its_class(host.snapshot(), fewer=False)


@pytest.mark.parametrize(("table", "chain"), [("filter", "INPUT"), ("filter", "DOCKER-USER")])
def test_rules_about_gateways_around_those_of_the_network_that_is_asked(table: str, chain: str) -> None:
    """Of the same effect, so that which of the gateways' comes first says nothing."""
    host = big_host(3, 6)
    (first, second, asked) = host.networks
    about = "-m conntrack --ctorigdst {}/32 -j DROP"
    host.own_rules[table, chain] = [
        about.format(first.address(0)),
        f"-i {asked.device} -j ACCEPT",
        f"-o {asked.device} -j ACCEPT",
        about.format(second.address(0)),
    ]
    every_packet_fares_like_its_class(host.snapshot())


def test_a_container_that_is_on_one_network_twice_is_not_like_one_on_two() -> None:
    host = DockerHost()
    bridges = [host.network(), host.network()]
    for name, on in (("one", bridges), ("two", bridges), ("twice", [bridges[0], bridges[0]])):
        host.container(name, on)
    # Their routes tell as much.
    host.container_namespaces = [replace(space, routes=[]) for space in host.container_namespaces]
    plan = Plan(HostView.of(host.snapshot()))
    found = [names_in(origins) for origins in plan.origins if origins.kind == CONTAINER]
    assert found == [["one", "two"], ["twice"]]


@pytest.mark.parametrize("sharing", [1, 2, 3])
def test_an_address_that_several_containers_have_is_named_after_none(sharing: int) -> None:
    host = DockerHost()
    bridge = host.network()
    for number in range(4):
        host.container(f"c{number}", [bridge])
    first = host.container_namespaces[0].links[-1].addresses
    for place, space in enumerate(host.container_namespaces[:sharing]):
        links = [*space.links[:-1], replace(space.links[-1], addresses=first)]
        host.container_namespaces[place] = replace(space, links=links)
    found = places_of(host.snapshot())
    addresses = [[name for (kind, dummy), name in space.names.items() if kind == ADDRESS] for space in found.namespaces]
    assert [len(names) for names in addresses] == [0 if place < sharing > 1 else 1 for place in range(4)]
    assert [len(space.addresses) for space in found.namespaces] == [1] * 4
    assert [space.nets for space in found.namespaces] == [(0,)] * 4


def test_who_is_in_the_namespace_of_the_host_and_who_in_one_of_another_container() -> None:
    host = DockerHost()
    host.container("web", [host.network()])
    snapshot = host.snapshot()
    assert snapshot.daemon is not None
    (web,) = snapshot.containers
    side = replace(web, id="5" * 64, name="a-side", endpoints=[])
    agent = replace(web, id="6" * 64, name="agent", endpoints=[], netns=snapshot.daemon.netns)
    gone = replace(web, id="7" * 64, name="gone", pid=None)
    found = places_of(replace(snapshot, containers=[web, side, agent, gone]))
    assert [[member.name for member in space.containers] for space in found.namespaces] == [["web", "a-side"]]
    assert [member.name for member in found.on_host] == ["agent"]
