"""Checks that follow packets: to published ports, to the outside, between networks, past the host's own firewall."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort, RoutedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    EGRESS,
    FILTER,
    INGRESS,
    Link,
    Neighbour,
    PolicyRule,
    Route,
    Ruleset,
    TrafficControl,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix import questions

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost, big_host, mac_of
from tests.unit.random_docker_host import random_docker_host
from tests.unit.recorded_host import NAMES, recorded_host

CHECKS = ("firewall.egress", "firewall.publish", "firewall.isolation", "firewall.bypass")
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
GATEWAY_MODE = "com.docker.network.bridge.gateway_mode_ipv4"


def judge(host: DockerHost | HostSnapshot, *checks: str) -> list[Finding]:
    snapshot = host.snapshot() if isinstance(host, DockerHost) else host
    return run_checks(AuditContext(snapshot, Settings(checks=checks or CHECKS)))


def only(host: DockerHost | HostSnapshot, check: str) -> Finding:
    (finding,) = judge(host, check)
    return finding


def without_rules(host: DockerHost, policy: str = "ACCEPT") -> HostSnapshot:
    text = f"*filter\n:FORWARD {policy} [0:0]\nCOMMIT\n"
    return replace(host.snapshot(), ruleset=Ruleset({"iptables-nft-save": text}))


def without(host: DockerHost, rule: str) -> HostSnapshot:
    text = host.save_text()
    assert rule in text
    return replace(host.snapshot(), ruleset=Ruleset({"iptables-nft-save": text.replace(rule, "")}))


def with_options(snapshot: HostSnapshot, name: str, **options: str) -> HostSnapshot:
    named = {key.replace("__", "."): value for key, value in options.items()}
    networks = [replace(item, options=named) if item.name == name else item for item in snapshot.networks]
    return replace(snapshot, networks=networks)


def web(host_ip: str = WILDCARD, *, listens: bool = True, **options: Any) -> DockerHost:
    host = DockerHost(**options)
    binding = PublishedPort("tcp", 80, host_ip, 8080)
    host.container("web", [host.network()], [binding], [("tcp", 80)] if listens else [])
    return host


@pytest.mark.parametrize("layout", [27, 28])
@pytest.mark.parametrize("proxy", [True, False])
def test_a_host_as_dockerd_leaves_it_passes(layout: int, proxy: bool) -> None:
    found = judge(big_host(3, 9, layout=layout, proxy=proxy))
    assert [(item.check, item.outcome) for item in found] == [(check, "pass") for check in CHECKS]


@pytest.mark.parametrize("name", NAMES)
def test_recorded_hosts_of_engine_29_pass(name: str) -> None:
    assert {item.outcome for item in judge(recorded_host(name))} == {"pass"}


def test_a_host_without_containers_has_nothing_to_follow() -> None:
    host = DockerHost()
    host.network()
    assert {item.outcome for item in judge(host)} == {"not_applicable"}


@pytest.mark.parametrize("check", CHECKS)
def test_rules_that_nobody_understands_leave_it_open(check: str) -> None:
    snapshot = replace(big_host(2, 2).snapshot(), ruleset=Ruleset({"iptables-nft-save": "*filter\nnonsense\n"}))
    assert only(snapshot, check).outcome == "unknown"


@pytest.mark.parametrize("seed", range(24))
def test_a_resource_has_one_finding_of_a_check_at_most(seed: int) -> None:
    found = judge(random_docker_host(seed).snapshot())
    assert len({(item.check, item.resource.kind, item.resource.name) for item in found}) == len(found)


# ---- firewall.egress -------------------------------------------------------------------------------------------------


def test_containers_whose_packets_are_dropped_are_told_by_network() -> None:
    found = judge(without_rules(big_host(2, 12), "DROP"), "firewall.egress")
    assert [(item.outcome, item.resource.name) for item in found] == [("fail", "net0"), ("fail", "net1")]
    (reason,) = found[0].evidence["packets"].values()
    assert "policy of chain FORWARD (ip filter)" in reason
    assert found[0].summary.endswith(reason)
    assert found[0].remediation is not None
    assert "iptables -P FORWARD ACCEPT" in found[0].remediation.text
    assert found[1].evidence["number of containers"] == 6
    assert found[1].evidence["containers"].split(", ") == ["app1", "app11", "app3", "app5", "app7 and 1 more"]
    (packet,) = found[1].evidence["packets"]
    assert packet.startswith("container app1 ")


def test_a_network_is_told_once_though_its_containers_fare_in_several_ways() -> None:
    host = big_host(1, 3)
    one, other = (item.endpoints[0].address for item in host.containers[:2])
    host.own_rules["filter", "FORWARD"] = [
        "-m recent --rcheck --name x --rsource -j DROP",
        f"-s {one}/32 -j DROP",
        f"-s {other}/32 -j REJECT --reject-with icmp-port-unreachable",
    ]
    host.own_rules["raw", "PREROUTING"] = [f"-s {one}/32 -j DROP", f"-s {other}/32 -j DROP"]
    finding = only(host, "firewall.egress")
    assert finding.outcome == "fail"
    assert finding.evidence["containers"] == "app0, app1"
    assert len(finding.evidence["packets"]) == 2


def test_a_container_that_lost_its_default_route_is_named() -> None:
    host = big_host(2, 4)
    lost = host.containers[0]
    space = host.container_namespaces[0]
    host.container_namespaces[0] = replace(
        space, routes=[item for item in space.routes if item.destination != "0.0.0.0/0"]
    )
    finding = only(host, "firewall.egress")
    assert (finding.outcome, finding.resource.name) == ("fail", lost.endpoints[0].network)
    assert finding.evidence["containers"] == lost.name
    assert f"container {lost.name} has no route to 203.0.113.9" in finding.summary


def test_containers_of_an_internal_network_need_no_default_route() -> None:
    host = DockerHost()
    host.container("vault", [host.network(internal=True)])
    host.container("web", [host.network()])
    host.container_namespaces[0] = replace(host.container_namespaces[0], routes=host.container_namespaces[0].routes[:2])
    assert only(host, "firewall.egress").outcome == "pass"


def test_packets_that_leave_with_a_private_source_are_found() -> None:
    host = big_host(2, 4)
    net = host.networks[0]
    finding = only(
        without(host, f"-A POSTROUTING -s {net.subnet} ! -o {net.device} -j MASQUERADE\n"), "firewall.egress"
    )
    assert (finding.outcome, finding.resource.name) == ("fail", "net0")
    assert f"leave with its own address {host.containers[0].endpoints[0].address}" in finding.summary


def test_a_network_that_asks_for_no_masquerading_gets_none() -> None:
    host = big_host(2, 4)
    net = host.networks[0]
    snapshot = without(host, f"-A POSTROUTING -s {net.subnet} ! -o {net.device} -j MASQUERADE\n")
    for options in ({MASQUERADE: "false"}, {MASQUERADE: "0"}, {GATEWAY_MODE: "routed"}):
        assert only(with_options(snapshot, "net0", **options), "firewall.egress").outcome == "pass"


@pytest.mark.parametrize(
    ("chain", "outcome"),
    [("DOCKER-USER", "pass"), ("FORWARD", "fail")],
)
def test_what_people_keep_in_on_purpose_is_no_fault(chain: str, outcome: str) -> None:
    host = big_host(1, 2)
    address = host.containers[0].endpoints[0].address
    host.own_rules["filter", chain] = [f"-s {address}/32 -j DROP"]
    finding = only(host, "firewall.egress")
    assert finding.outcome == outcome
    assert f"-s {address}/32 -j DROP" in str(finding.evidence)


@pytest.mark.parametrize("check", ["firewall.egress", "firewall.publish"])
def test_nobody_lets_a_request_pass_and_ends_its_answer_on_purpose(check: str) -> None:
    host = web()
    ends = "-i eth0" if check == "firewall.egress" else "-o eth0"
    host.own_rules["filter", "DOCKER-USER"] = [f"{ends} -m conntrack --ctstate ESTABLISHED -j DROP"]
    finding = only(host, check)
    assert finding.outcome == "fail"
    assert "answer is lost: rule 1" in finding.summary
    assert finding.remediation is not None
    assert "--ctstate RELATED,ESTABLISHED -j RETURN" in finding.remediation.text


def test_chains_that_people_jump_to_from_theirs_are_theirs_too() -> None:
    host = big_host(1, 2)
    text = host.save_text().replace(
        ":DOCKER-USER - [0:0]\n",
        ":DOCKER-USER - [0:0]\n:mine - [0:0]\n-A mine -j DROP\n-A DOCKER-USER -i br-000000000000 -j mine\n",
    )
    snapshot = replace(host.snapshot(), ruleset=Ruleset({"iptables-nft-save": text}))
    assert only(snapshot, "firewall.egress").outcome == "pass"


def test_who_was_given_no_address_of_a_family_has_no_way_out_to_lose() -> None:
    snapshot = big_host(1, 1).snapshot()
    inner = [replace(item, routes=[]) for item in snapshot.container_namespaces]
    lost = replace(snapshot, container_namespaces=inner)
    assert only(lost, "firewall.egress").outcome == "fail"
    containers = [
        replace(item, endpoints=[replace(endpoint, address=None) for endpoint in item.endpoints])
        for item in snapshot.containers
    ]
    assert only(replace(lost, containers=containers), "firewall.egress").outcome == "not_applicable"


def test_internal_networks_have_no_way_out_to_lose() -> None:
    host = DockerHost()
    host.container("vault", [host.network(internal=True)])
    assert only(host, "firewall.egress").outcome == "not_applicable"


def test_a_rule_that_cannot_be_decided_leaves_egress_open() -> None:
    host = big_host(1, 2)
    host.own_rules["filter", "FORWARD"] = ["-m recent --rcheck --name x --rsource -j DROP"]
    finding = only(host, "firewall.egress")
    assert finding.outcome == "unknown"
    assert "recent" in finding.summary


# ---- firewall.publish ------------------------------------------------------------------------------------------------


def test_a_published_port_that_a_rule_shuts_is_told_with_the_rule() -> None:
    host = web()
    host.own_rules["filter", "FORWARD"] = ["-p tcp -m tcp --dport 80 -j DROP"]
    finding = only(host, "firewall.publish")
    assert (finding.outcome, finding.resource.kind, finding.resource.name) == ("fail", "port", "web:80/tcp")
    assert f"{ADDRESS}:8080 from outside through eth0" in finding.summary
    assert "--dport 80 -j DROP" in finding.summary
    assert finding.evidence["bindings"] == ["0.0.0.0:8080->80/tcp"]


def test_a_port_that_people_keep_off_on_purpose_is_no_fault() -> None:
    host = web()
    host.own_rules["filter", "DOCKER-USER"] = ["-i eth0 -p tcp -m tcp --dport 80 -j REJECT"]
    finding = only(host, "firewall.publish")
    assert finding.outcome == "pass"
    assert "DOCKER-USER" in str(finding.evidence["blocked on purpose"])


@pytest.mark.parametrize(
    "rules", [["-p tcp -m tcp --dport 8080 -j DROP"], ["-j REJECT --reject-with icmp-port-unreachable"]]
)
def test_a_host_that_keeps_off_what_docker_proxy_serves_does_so_on_purpose(rules: list[str]) -> None:
    text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n" + "".join(f"-A INPUT {rule}\n" for rule in rules)
    snapshot = replace(web().snapshot(), ruleset=Ruleset({"iptables-nft-save": f"{text}COMMIT\n"}))
    finding = only(snapshot, "firewall.publish")
    assert finding.outcome == "pass"
    assert rules[0] in str(finding.evidence["blocked on purpose"])


def test_a_proxy_that_is_kept_from_its_container_is_found() -> None:
    text = "*filter\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp -m tcp --dport 80 -j DROP\nCOMMIT\n"
    snapshot = replace(web().snapshot(), ruleset=Ruleset({"iptables-nft-save": text}))
    finding = only(snapshot, "firewall.publish")
    assert finding.outcome == "fail"
    assert "chain OUTPUT (ip filter) drops it" in finding.summary


def test_an_address_that_no_machine_outside_can_ask_at_is_asked_from_the_host() -> None:
    host = web("100.64.0.7")
    host.links.append(Link(3, "wg0", "wireguard", up=True, addresses=["100.64.0.7/32"]))
    snapshot = host.snapshot()
    local = Route("100.64.0.7/32", 255, "local", interfaces=[3], source="100.64.0.7")
    assert only(replace(snapshot, routes=[*snapshot.routes, local]), "firewall.publish").outcome == "pass"
    # What a route makes local is the host's, and has no link to be asked at.
    assert (
        only(replace(snapshot, links=snapshot.links[:-1], routes=[*snapshot.routes, local]), "firewall.publish").outcome
        == "unknown"
    )


def test_a_port_on_an_address_that_went_away_is_reached_by_nobody() -> None:
    host = web()
    snapshot = host.snapshot()
    gone = PublishedPort("tcp", 80, "192.0.2.77", 8099)
    containers = [replace(item, published=[*item.published, gone]) for item in snapshot.containers]
    finding = only(replace(snapshot, containers=containers), "firewall.publish")
    assert (finding.outcome, finding.resource.name) == ("fail", "web:80/tcp")
    assert finding.evidence == {"binding": "192.0.2.77:8099->80/tcp"}
    assert "not an address of this host" in finding.summary
    # Where the port is not reached at another address either, that is told.
    finding = only(replace(without_rules(web(proxy=False)), containers=containers), "firewall.publish")
    assert "nothing answers there" in finding.summary


def test_a_port_without_a_program_behind_it_leads_there_all_the_same() -> None:
    for proxy in (True, False):
        assert only(web(listens=False, proxy=proxy), "firewall.publish").outcome == "pass"
    assert only(without_rules(web(listens=False)), "firewall.publish").outcome == "pass"


def test_docker_proxy_leads_there_without_rules_and_dockerd_alone_does_not() -> None:
    assert only(without_rules(web()), "firewall.publish").outcome == "pass"
    finding = only(without_rules(web(proxy=False)), "firewall.publish")
    assert finding.outcome == "fail"
    assert "nothing answers there" in finding.summary


def test_a_port_whose_packets_a_policy_rule_leads_out_of_the_host_is_told_with_the_rule() -> None:
    host = web(proxy=False)
    host.forward_policy = "ACCEPT"
    snapshot = host.snapshot()
    rules = [*snapshot.policy_rules, PolicyRule(100, 4, destination=host.networks[0].subnet, table=226)]
    out = Route("0.0.0.0/0", 226, gateways=["192.0.2.1"], interfaces=[2])
    snapshot = replace(
        snapshot, policy_rules=sorted(rules, key=lambda item: item.priority), routes=[*snapshot.routes, out]
    )
    published, egress = only(snapshot, "firewall.publish"), only(snapshot, "firewall.egress")
    caught = "network net0 of this host, but policy rule 100, by the route 0.0.0.0/0"
    for finding in (published, egress):
        assert finding.outcome == "fail"
        assert caught in finding.summary
        assert finding.remediation is not None
        assert "ip rule add to SUBNET" in finding.remediation.text


def routed(rule: str = "", *ports: RoutedPort, listens: bool = True, chain: str = "FORWARD") -> HostSnapshot:
    """A host with ports that are published by routing, and a rule ahead of all others in a chain."""
    host = DockerHost(forward_policy="ACCEPT")
    network = host.network()
    host.container("web", [network], listen=[("tcp", 80)] if listens else [])
    host.own_rules["filter", chain] = [rule] if rule else []
    snapshot = with_options(host.snapshot(), network.name, **{GATEWAY_MODE.replace(".", "__"): "routed"})
    found = list(ports or [RoutedPort("tcp", 80)])
    return replace(snapshot, containers=[replace(item, routed=found) for item in snapshot.containers])


@pytest.mark.parametrize("listens", [True, False])
def test_a_port_that_is_published_by_routing_is_asked_for_at_the_container(listens: bool) -> None:
    finding = only(routed(listens=listens), "firewall.publish")
    assert (finding.outcome, finding.evidence["published ports"]) == ("pass", 1)
    finding = only(routed("-i eth0 -p tcp -m tcp --dport 80 -j DROP", listens=listens), "firewall.publish")
    assert (finding.outcome, finding.resource.name) == ("fail", "web:80/tcp")
    (lost,) = finding.evidence["not reached"]
    assert lost.startswith("172.18.0.2:80 from outside: rule 1 ")
    assert "published by routing" in finding.summary
    assert finding.summary.endswith(lost)


def test_a_port_that_is_published_by_routing_can_be_kept_off_on_purpose_or_be_open() -> None:
    snapshot = routed("-i eth0 -m recent --rcheck --name bad --mask 255.255.255.255 --rsource -j DROP")
    assert only(snapshot, "firewall.publish").outcome == "unknown"
    assert only(routed("", RoutedPort("sctp", 80)), "firewall.publish").outcome == "unknown"
    kept_off = routed("-i eth0 -p tcp -m tcp --dport 80 -j DROP", chain="DOCKER-USER")
    assert only(kept_off, "firewall.publish").outcome == "pass"


def test_a_port_is_not_looked_for_by_routing_where_it_is_published_at_an_address_of_the_host() -> None:
    dropped = routed("-i eth0 -d 172.18.0.0/16 -j DROP", RoutedPort("tcp", 80), RoutedPort("tcp", 81))

    def failed(binding: PublishedPort) -> set[str]:
        containers = [replace(item, published=[binding]) for item in dropped.containers]
        found = judge(replace(dropped, containers=containers), "firewall.publish")
        return {item.resource.name for item in found if "published by routing" in item.summary}

    assert failed(PublishedPort("tcp", 80, ADDRESS, 8080)) == {"web:81/tcp"}
    for elsewhere in (
        PublishedPort("udp", 80, ADDRESS, 8080),
        PublishedPort("tcp", 80, "2001:db8::10", 8080),
        PublishedPort("tcp", 80, ADDRESS, 0),
    ):
        assert failed(elsewhere) == {"web:80/tcp", "web:81/tcp"}


def test_a_port_of_a_network_whose_bridge_is_down_is_told_with_the_bridge() -> None:
    """Its packets leave by the default route, where the policy of FORWARD ends them."""
    host = web(proxy=False)
    bridge = host.networks[0]
    snapshot = host.snapshot()
    links = [replace(link, up=link.name != bridge.device) for link in snapshot.links]
    routes = [route for route in snapshot.routes if bridge.index not in route.interfaces]
    finding = only(replace(snapshot, links=links, routes=routes), "firewall.publish")
    assert finding.outcome == "fail"
    assert f" of this host, whose bridge {bridge.device} is down" in finding.summary
    assert finding.remediation is not None
    assert "ip rule add to SUBNET" in finding.remediation.text


def test_what_a_wrong_static_neighbour_leaves_open_is_said_with_the_entry() -> None:
    host = web()
    bridge = host.networks[0]
    host.neighbours.append(Neighbour("172.18.0.2", bridge.index, "02:00:00:00:00:99"))
    finding = only(host, "firewall.publish")
    assert (finding.outcome, finding.resource.name) == ("unknown", "web:80/tcp")
    assert f"neighbour 172.18.0.2 on {bridge.device} is permanently 02:00:00:00:00:99" in finding.summary
    host.neighbours[0] = replace(host.neighbours[0], mac=mac_of("172.18.0.2"))
    assert only(host, "firewall.publish").outcome == "pass"


@pytest.mark.parametrize("direction", [INGRESS, EGRESS])
def test_what_a_filter_can_keep_is_never_said_to_pass(direction: str) -> None:
    """At the uplink; what a filter lets pass passes."""
    host = web()
    host.traffic_control.append(TrafficControl(2, direction, FILTER, "flower", actions=["drop"]))
    for check in ("firewall.publish", "firewall.egress"):
        finding = only(host, check)
        assert finding.outcome == "unknown"
        assert f"tc filter on eth0 ({direction}, flower, action drop)" in finding.summary
        assert f"filter show dev eth0 {direction}" in finding.summary
    host.traffic_control[0] = replace(host.traffic_control[0], actions=["pass"])
    assert [only(host, check).outcome for check in ("firewall.publish", "firewall.egress")] == ["pass", "pass"]


def test_a_filter_inside_a_container_concerns_no_other_one() -> None:
    host = big_host(1, 3)
    kept = TrafficControl(2, INGRESS, FILTER, "bpf", actions=None)
    host.container_namespaces[1] = replace(host.container_namespaces[1], traffic_control=[kept])
    found = judge(host, "firewall.publish")
    unknown = {item.resource.name for item in found if item.outcome == "unknown"}
    assert unknown == {"app1:80/tcp", "app1:443/tcp"}
    assert len(found) == len(unknown)
    assert "nsenter -n -t PID tc" in found[0].summary
    assert "dev eth0 ingress" in found[0].summary


def test_a_port_that_leads_to_another_container_is_found() -> None:
    host = big_host(1, 2)
    first, second = (item.endpoints[0].address for item in host.containers)
    text = host.save_text().replace(f"--to-destination {first}:80", f"--to-destination {second}:80")
    finding = only(replace(host.snapshot(), ruleset=Ruleset({"iptables-nft-save": text})), "firewall.publish")
    assert (finding.outcome, finding.resource.name) == ("fail", "app0:80/tcp")
    assert "container app1 answers instead" in finding.summary


def test_a_container_without_a_name_is_not_taken_for_the_host() -> None:
    host = DockerHost()
    bridge = host.network()
    for number, name in enumerate(("", "web")):
        host.container(name, [bridge], [PublishedPort("tcp", 80, WILDCARD, 8080 + number)], [("tcp", 80)])
    assert {finding.outcome for finding in judge(host, "firewall.publish")} == {"pass"}


def test_a_port_on_loopback_is_asked_from_the_host_alone() -> None:
    host = web("127.0.0.1")
    host.own_rules["filter", "FORWARD"] = ["-i eth0 -j DROP"]
    assert only(host, "firewall.publish").outcome == "pass"
    host.own_rules["filter", "OUTPUT"] = ["-p tcp -m tcp --dport 8080 -j DROP"]
    finding = only(host, "firewall.publish")
    assert "127.0.0.1:8080 from this host" in finding.summary


def test_a_port_of_a_protocol_that_is_not_followed_is_unknown() -> None:
    host = web()
    snapshot = host.snapshot()
    binding = PublishedPort("sctp", 80, WILDCARD, 8080)
    containers = [replace(item, published=[*item.published, binding]) for item in snapshot.containers]
    finding = only(replace(snapshot, containers=containers), "firewall.publish")
    assert (finding.outcome, finding.resource.name) == ("unknown", "web:80/sctp")
    assert "sctp packets are not traced" in finding.summary


def test_ports_that_are_treated_alike_are_each_told_with_the_one_that_was_followed() -> None:
    found = judge(without_rules(big_host(2, 4, proxy=False)), "firewall.publish")
    assert len(found) == 8
    assert sum("same as" in item.summary for item in found) == 7


# ---- firewall.isolation ----------------------------------------------------------------------------------------------


def test_addresses_of_a_network_whose_bridge_is_gone_are_asked_for_outside_and_not_reached() -> None:
    host = big_host(2, 4)
    snapshot = host.snapshot()
    gone = host.networks[0]
    routes = [item for item in snapshot.routes if item.destination != gone.subnet]
    links = [replace(link, up=False) if link.name == gone.device else link for link in snapshot.links]
    found = judge(replace(snapshot, routes=routes, links=links), "firewall.isolation")
    assert [item.outcome for item in found] == ["pass"]


@pytest.mark.parametrize(("kind", "outcome"), [("macvlan", "pass"), ("veth", "unknown")])
def test_a_container_on_a_link_of_the_host_asks_like_a_machine_outside(kind: str, outcome: str) -> None:
    host = big_host(2, 4)
    snapshot = host.snapshot()
    first = snapshot.container_namespaces[0]
    inner = replace(first, links=[replace(link, kind=kind) if link.name == "eth0" else link for link in first.links])
    links = [link for link in snapshot.links if link.peer_nsid != snapshot.containers[0].nsid]
    finding = judge(
        replace(snapshot, links=links, container_namespaces=[inner, *snapshot.container_namespaces[1:]]),
        "firewall.isolation",
    )[0]
    assert finding.outcome == outcome
    told = str(finding.evidence) if outcome == "pass" else finding.summary
    assert "app0" in told


def test_networks_that_are_not_kept_apart_are_told_once_each() -> None:
    found = judge(without_rules(big_host(2, 4)), "firewall.isolation")
    assert [(item.outcome, item.resource.kind, item.resource.name) for item in found] == [
        ("fail", "network", "net1"),
        ("fail", "network", "net0"),
    ]
    assert found[0].evidence["from"] == "app0, app2"
    assert found[0].evidence["packet"].startswith("container app0 to 172.18.16.")


def test_a_rule_that_opens_one_network_to_another_is_found() -> None:
    host = big_host(3, 3)
    one, other = host.networks[:2]
    host.own_rules["filter", "DOCKER-USER"] = [
        f"-i {one.device} -o {other.device} -j ACCEPT",
        f"-i {other.device} -o {one.device} -m conntrack --ctstate ESTABLISHED -j ACCEPT",
    ]
    finding = only(host, "firewall.isolation")
    assert (finding.resource.name, finding.evidence["from"]) == ("net1", "app0")
    assert finding.evidence["ports"] == "app1:80/tcp, app1:443/tcp"


def test_a_request_that_comes_in_counts_though_its_answer_is_lost() -> None:
    host = big_host(2, 2)
    one, other = host.networks
    host.own_rules["filter", "DOCKER-USER"] = [f"-i {one.device} -o {other.device} -j ACCEPT"]
    found = judge(host, "firewall.isolation")
    assert {item.resource.name for item in found if item.outcome == "fail"} == {"net1"}


def test_a_network_made_to_be_reached_is_no_fault() -> None:
    snapshot = without_rules(big_host(2, 4))
    for name in ("net0", "net1"):
        snapshot = with_options(snapshot, name, **{GATEWAY_MODE: "nat-unprotected"})
    finding = only(snapshot, "firewall.isolation")
    assert (finding.outcome, finding.evidence["answered"]) == ("pass", 0)


def test_a_namespace_that_was_not_read_leaves_isolation_and_egress_open() -> None:
    snapshot = big_host(2, 4).snapshot()
    host = replace(snapshot, container_namespaces=snapshot.container_namespaces[1:])
    found = judge(host, "firewall.isolation")
    assert {item.outcome for item in found} == {"unknown"}
    for finding in (found[-1], judge(host, "firewall.egress")[-1]):
        assert (finding.outcome, finding.evidence) == ("unknown", {"number of containers": 1})
        assert "namespace of app0" in finding.summary


# ---- firewall.bypass -------------------------------------------------------------------------------------------------


def test_a_port_that_the_host_denies_and_docker_opens_is_told() -> None:
    host = web()
    host.own_rules["filter", "INPUT"] = ["-p tcp -m tcp --dport 8080 -j DROP"]
    finding = only(host, "firewall.bypass")
    assert (finding.outcome, finding.resource.name) == ("fail", "web:80/tcp")
    assert finding.evidence["addresses where they do not deny it"] == []
    assert finding.evidence["denied"].endswith(host.own_rules["filter", "INPUT"][0])
    assert finding.evidence["denied"] in finding.summary
    assert finding.remediation is not None
    assert finding.remediation.module is None


def test_the_addresses_at_which_it_is_denied_and_those_at_which_it_is_not_are_named() -> None:
    further = [f"192.0.2.{place}" for place in range(11, 16)]
    host = web(further=further)
    host.own_rules["filter", "INPUT"] = ["-d 192.0.2.8/29 -p tcp -m tcp --dport 8080 -j DROP"]
    host.own_rules["filter", "INPUT"].insert(0, f"-d {ADDRESS}/32 -j ACCEPT")
    finding = only(host, "firewall.bypass")
    assert "192.0.2.13 and 2 more, although" in finding.summary
    assert f". At {ADDRESS}" in finding.summary
    assert finding.evidence["addresses"] == further
    assert finding.evidence["addresses where they do not deny it"][0] == ADDRESS
    assert finding.evidence["uplinks"] == ["eth0"]


def test_a_host_that_denies_it_for_docker_as_well_is_not_passed_by() -> None:
    host = web()
    host.own_rules["filter", "INPUT"] = ["-j DROP"]
    host.own_rules["filter", "DOCKER-USER"] = ["-i eth0 -j DROP"]
    assert only(host, "firewall.bypass").outcome == "pass"


def test_whether_machines_outside_reach_it_can_be_open() -> None:
    host = web()
    host.own_rules["filter", "FORWARD"] = ["-m recent --rcheck --name x --rsource -j DROP"]
    finding = only(host, "firewall.bypass")
    assert (finding.outcome, finding.resource.name) == ("unknown", "web:80/tcp")


@pytest.mark.parametrize(
    "check",
    [
        "firewall.egress",
        "firewall.publish",
        "firewall.isolation",
        "firewall.bypass",
        "network.connectivity",
        "publish.direct-access",
        "publish.loopback-leak",
    ],
)
def test_nothing_is_said_to_be_well_where_packets_were_left_out(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = big_host(2, 4)
    host.container("local", [host.networks[0]], [PublishedPort("tcp", 80, "127.0.0.1", 9999)], [("tcp", 80)])
    assert "unknown" not in {finding.outcome for finding in judge(host, check)}
    monkeypatch.setattr(questions, "MOST_QUESTIONS", 0)
    findings = judge(host, check)
    assert {finding.outcome for finding in findings} == {"unknown"}
    assert all("not all packets from " in finding.summary for finding in findings)


def test_a_port_on_an_address_that_is_gone_fails_where_packets_were_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MOST_QUESTIONS", 0)
    findings = judge(web("192.0.2.77"), "firewall.publish")
    assert {finding.outcome for finding in findings} == {"fail", "unknown"}
