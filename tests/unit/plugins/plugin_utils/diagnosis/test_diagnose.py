# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each cause from the facts that make it, on hosts that exist nowhere; and what holds of all causes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ICC, PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding, Resource
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Conntrack,
    Halt,
    Ipsec,
    IpsecPolicy,
    Listener,
    Neighbour,
    PolicyRule,
    Route,
    TrackedFlow,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import TraceEvent
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Origin, Packet, Subject
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import (
    FAILED,
    INTERFACE,
    NAME,
    NEIGHBOUR,
    PASSED,
    PATH_MTU,
    ROUTE,
    SERVICE,
    ListeningSocket,
    NameserverAnswer,
    ProbeLayer,
    ProcessState,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.case import Case
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnose import diagnose
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis_text import listing_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import Question
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.compare import Comparison

from tests.unit.docker_host import WILDCARD, DockerHost
from tests.unit.plugins.plugin_utils.diagnosis.cases import case_of, drop_event, probe_of, probed, traced
from tests.unit.recorded_host import NAMES, recorded_host

OUT = Question("web", "203.0.113.9", port=443)
OUT_DNS = Question("web", "203.0.113.9", "udp", 53)
PUBLISHED = Question("outside", "host", port=8080)
PEER = Question("web", "db", port=5432)
FAR = Question("web", "far", port=80)
ITSELF = Question("web", "web:80/tcp")
BRIDGE = "br-000000000000"
FIRST = 10
"""Index of the link of the first network."""
GATEWAY = "172.18.0.1"
TIMED_OUT = "timed out"


def docker_host(**settings: Any) -> DockerHost:
    """web, which publishes 8080, and db on one network, far on another one."""
    host = DockerHost(**settings)
    first, second = host.network(), host.network()
    host.container("web", [first], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.container("db", [first], [], [("tcp", 5432)])
    host.container("far", [second], [], [("tcp", 80)])
    return host


def with_rule(table: str, chain: str, rule: str, **settings: Any) -> HostSnapshot:
    host = docker_host(**settings)
    host.own_rules[table, chain] = [rule]
    return host.snapshot()


def without_rules(*endings: str) -> HostSnapshot:
    """Without the lines that end so."""
    host = docker_host()
    kept = [line for line in host.save_text().splitlines() if not line.endswith(endings)]
    return _saved(host.snapshot(), "\n".join(kept) + "\n")


def flushed(policy: str) -> HostSnapshot:
    text = f"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD {policy} [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
    return _saved(docker_host().snapshot(), text)


def _saved(snapshot: HostSnapshot, text: str) -> HostSnapshot:
    assert snapshot.ruleset is not None
    return replace(snapshot, ruleset=replace(snapshot.ruleset, save={"iptables-nft-save": text}))


def with_sysctls(**values: str) -> HostSnapshot:
    snapshot = docker_host().snapshot()
    named = {key.replace("__", "."): value for key, value in values.items()}
    return replace(snapshot, sysctls={**snapshot.sysctls, **named})


def with_links(change: Callable[[Any], Any], snapshot: HostSnapshot | None = None) -> HostSnapshot:
    snapshot = snapshot or docker_host().snapshot()
    return replace(snapshot, links=[change(link) for link in snapshot.links])


def inside(change: Callable[[Any], Any]) -> HostSnapshot:
    snapshot = docker_host().snapshot()
    return replace(snapshot, container_namespaces=[change(space) for space in snapshot.container_namespaces])


def without_default(space: Any) -> Any:
    return replace(space, routes=[route for route in space.routes if route.destination != "0.0.0.0/0"])


def on_loopback(space: Any) -> Any:
    return replace(space, listeners=[replace(item, address="127.0.0.1") for item in space.listeners])


def with_own_rules(space: Any) -> Any:
    return replace(space, tables=["ip filter"], chains={"ip filter OUTPUT": 1})


def without_gateway() -> HostSnapshot:
    snapshot = with_links(lambda link: replace(link, addresses=[]) if link.name == BRIDGE else link)
    return replace(snapshot, routes=[route for route in snapshot.routes if route.interfaces != [FIRST]])


def without_proxy() -> HostSnapshot:
    snapshot = docker_host().snapshot()
    return replace(snapshot, proxies=[], listeners=[item for item in snapshot.listeners if item.port != 8080])


def with_policy_rule() -> HostSnapshot:
    snapshot = docker_host().snapshot()
    rules = [PolicyRule(100, 4, "unreachable", source="172.18.0.0/20"), *snapshot.policy_rules]
    return replace(snapshot, policy_rules=sorted(rules, key=lambda rule: rule.priority))


def with_policy_rule_inside(rp_filter: str = "0") -> HostSnapshot:
    """Containers inherit rp_filter of the host, which systemd sets to 2 on many."""
    rules = [PolicyRule(0, 4, table=255), PolicyRule(10, 4, "prohibit"), PolicyRule(32766, 4, table=254)]
    sysctls = {"net.ipv4.conf.all.rp_filter": rp_filter}
    return inside(lambda space: replace(space, rules=rules, sysctls={**space.sysctls, **sysctls}))


def with_policy_table() -> HostSnapshot:
    """A policy rule leads to a table whose default route is a black hole."""
    snapshot = docker_host().snapshot()
    rules = [PolicyRule(100, 4, table=78, source="172.18.0.0/20"), *snapshot.policy_rules]
    hole = Route("0.0.0.0/0", 78, "blackhole")
    return replace(
        snapshot, policy_rules=sorted(rules, key=lambda rule: rule.priority), routes=[hole, *snapshot.routes]
    )


def with_longer_route() -> HostSnapshot:
    """A route for the first half of the first network leads out of the host."""
    snapshot = docker_host().snapshot()
    away = Route("172.18.0.0/24", 254, interfaces=[2])
    return replace(snapshot, routes=[away, *snapshot.routes])


def without_noted_gateways() -> HostSnapshot:
    """As engines name none of a network that was made with a subnet alone."""
    snapshot = without_gateway()
    networks = [
        replace(item, subnets=[replace(subnet, gateway=None) for subnet in item.subnets]) for item in snapshot.networks
    ]
    return replace(snapshot, networks=networks)


def bridge_without_arp() -> HostSnapshot:
    return with_links(lambda link: replace(link, without_arp=link.name == BRIDGE))


def without_arp_inside() -> HostSnapshot:
    """On every interface of every container."""
    return inside(lambda space: replace(space, links=[replace(link, without_arp=True) for link in space.links]))


def unplugged() -> HostSnapshot:
    """The link of web is on no bridge; the host answers for the gateway's address on it all the same."""
    return with_links(lambda link: replace(link, master=None) if link.peer_nsid == 0 else link)


def without_link_inside() -> HostSnapshot:
    """The interface of web is down, with which its routes went."""
    return inside(lambda space: without_default(replace(space, links=[_down(link) for link in space.links])))


def _down(link: Any) -> Any:
    return link if link.name == "lo" else replace(link, up=False)


def with_wrong_gateway() -> HostSnapshot:
    return inside(lambda space: replace(space, routes=[_by_nobody(route) for route in space.routes]))


def _by_nobody(route: Any) -> Any:
    return replace(route, gateways=["172.18.0.99"]) if route.gateways else route


def with_isolated_ports() -> HostSnapshot:
    return with_links(lambda link: replace(link, isolated=True) if link.peer_nsid is not None else link)


def without_address_inside() -> HostSnapshot:
    """Of web, with which its routes went."""
    return inside(lambda space: without_default(replace(space, links=[_bare(link) for link in space.links])))


def _bare(link: Any) -> Any:
    return link if link.name == "lo" else replace(link, addresses=[])


def with_bridge_policy() -> HostSnapshot:
    host = docker_host()
    snapshot = host.snapshot()
    assert snapshot.ruleset is not None
    chain = {
        "family": "bridge", "table": "other", "name": "f", "handle": 1, "type": "filter", "hook": "forward", "prio": 0,
        "policy": "drop",
    }  # fmt: skip
    listed = {"nftables": [{"table": {"family": "bridge", "name": "other", "handle": 2}}, {"chain": chain}]}
    return replace(snapshot, ruleset=replace(snapshot.ruleset, nft_json=json.dumps(listed)))


def with_fixed_router() -> Case:
    """What the host sends to its router has a hardware address that was set by hand."""
    snapshot = docker_host().snapshot()
    fixed = replace(snapshot, neighbours=[Neighbour("192.0.2.1", 2, "02:00:00:00:00:01")])
    return traced(probed(case_of(fixed, OUT), TIMED_OUT), "left", end_device="eth0")


def with_wrong_name_server() -> Case:
    case = case_of(docker_host().snapshot(), Question("web", "172.18.0.99", "udp", 53))
    return replace(case, name="db.example")


def dropped_from_its_link() -> Case:
    case = probed(case_of(unplugged(), OUT), TIMED_OUT)
    (veth,) = (link.name for link in case.snapshot.links if link.peer_nsid == 0)
    event = TraceEvent(
        "request", "nft", "forward", "ip filter", "FORWARD", "policy", "drop", source="172.18.0.2:40000",
        destination="203.0.113.9:443", incoming=veth, outgoing="eth0",
    )  # fmt: skip
    return traced(case, "dropped_by_rule", event)


def deaf_to_the_host() -> Case:
    """What a machine outside asks for: the host itself does not find the container."""
    case = healthy(PUBLISHED)
    packet = Packet(Origin("host"), "172.18.0.2", "tcp", 80)
    silent = layer(NEIGHBOUR, "TIMEOUT", "172.18.0.2 does not answer ARP on br-000000000000", "172.18.0.2")
    return replace(case, probes=[probe_of(packet, TIMED_OUT, [silent])])


def with_ipsec() -> HostSnapshot:
    policy = IpsecPolicy("out", 4, "172.18.0.0/20", "203.0.113.0/24", "block")
    host = docker_host()
    host.ipsec = Ipsec([policy])
    return host.snapshot()


def with_reverse_path() -> HostSnapshot:
    """The route back to who asks leads elsewhere."""
    snapshot = with_sysctls(net__ipv4__conf__eth0__rp_filter="1")
    away = Route("192.0.2.254/32", 254, interfaces=[FIRST + 1], source="172.18.16.1")
    return replace(snapshot, routes=[away, *snapshot.routes])


def isolated(**settings: Any) -> HostSnapshot:
    host = DockerHost()
    network = host.network(**settings)
    host.container("web", [network], [], [("tcp", 80)])
    host.container("db", [network], [], [("tcp", 5432)])
    snapshot = host.snapshot()
    icc = {ICC: str(settings.get("icc", True)).lower()}
    networks = [replace(item, options={**item.options, **icc}) for item in snapshot.networks]
    return replace(snapshot, networks=networks)


def paused() -> HostSnapshot:
    snapshot = docker_host().snapshot()
    changed = [replace(item, status="paused") if item.name == "db" else item for item in snapshot.containers]
    return replace(snapshot, containers=changed)


def halted_server(halt: Halt) -> HostSnapshot:
    return inside(
        lambda space: replace(space, listeners=[replace(item, pid=12, halt=halt) for item in space.listeners])
    )


def halted_proxy() -> HostSnapshot:
    snapshot = docker_host().snapshot()
    listeners = [replace(item, halt=Halt("stopped")) for item in snapshot.listeners]
    return replace(snapshot, listeners=listeners)


def with_stale_flow() -> HostSnapshot:
    """A name server in a container, and a flow that connection tracking still leads to the one before it."""
    host = docker_host()
    host.container("dns", host.networks[:1], [PublishedPort("udp", 53, WILDCARD, 53)], [("udp", 53)])
    flow = TrackedFlow("198.51.100.7", 5353, "192.0.2.10", 53, "172.18.0.77", 53, 20)
    return replace(host.snapshot(), conntrack=Conntrack([flow]))


PREDICTED: list[tuple[str, Callable[[], HostSnapshot], Question, str]] = [
    ("forwarding_off", lambda: with_sysctls(net__ipv4__ip_forward="0"), OUT, TIMED_OUT),
    ("forwarding_off", lambda: with_sysctls(net__ipv4__ip_forward="0"), PUBLISHED, ""),
    ("interface_forwarding_off", lambda: with_sysctls(net__ipv4__conf__eth0__forwarding="0"), OUT, TIMED_OUT),
    ("rp_filter", with_reverse_path, PUBLISHED, ""),
    ("policy_drops_request", lambda: without_rules(f"-i {BRIDGE} ! -o {BRIDGE} -j ACCEPT"), OUT, TIMED_OUT),
    ("rule_drops_request", lambda: with_rule("filter", "FORWARD", "-o eth0 -j DROP"), OUT, TIMED_OUT),
    ("rule_drops_reply", lambda: with_rule("filter", "FORWARD", "-i eth0 -j DROP"), OUT, TIMED_OUT),
    ("docker_user_drops_request", lambda: with_rule("filter", "DOCKER-USER", "-o eth0 -j DROP"), OUT, TIMED_OUT),
    ("docker_user_drops_reply", lambda: with_rule("filter", "DOCKER-USER", "-i eth0 -j DROP"), OUT, TIMED_OUT),
    ("masquerade_missing", lambda: without_rules(f"! -o {BRIDGE} -j MASQUERADE"), OUT, TIMED_OUT),
    ("rules_flushed", lambda: flushed("DROP"), OUT, TIMED_OUT),
    ("rules_flushed", lambda: flushed("ACCEPT"), OUT, TIMED_OUT),
    (
        "input_drops_proxy",
        lambda: with_rule("filter", "INPUT", "-p tcp -m tcp --dport 8080 -j DROP"),
        ITSELF,
        TIMED_OUT,
    ),
    (
        "dnat_to_dead_address",
        lambda: with_rule("nat", "PREROUTING", "-p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.99:80"),
        PUBLISHED,
        "",
    ),
    (
        "dnat_to_wrong_container",
        lambda: with_rule("nat", "PREROUTING", "-p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.3:5432"),
        PUBLISHED,
        "",
    ),
    (
        "hairpin_off",
        lambda: with_links(lambda link: replace(link, hairpin=False), docker_host(proxy=False).snapshot()),
        ITSELF,
        TIMED_OUT,
    ),
    (
        "bridge_netfilter_off",
        lambda: docker_host(proxy=False, bridge_netfilter=False).snapshot(),
        Question("db", "web:80/tcp"),
        TIMED_OUT,
    ),
    ("bridge_down", lambda: with_links(lambda link: replace(link, up=link.name != BRIDGE)), OUT, "unreachable"),
    ("arp_off_on_bridge", bridge_without_arp, OUT, "unreachable"),
    ("arp_off_on_bridge", bridge_without_arp, PUBLISHED, ""),
    ("arp_off_on_bridge", bridge_without_arp, Question("host", "web", port=80), TIMED_OUT),
    ("arp_off_in_container", without_arp_inside, OUT, TIMED_OUT),
    ("arp_off_in_container", without_arp_inside, PUBLISHED, ""),
    ("gateway_address_missing", without_gateway, OUT, "unreachable"),
    (
        "veth_detached",
        lambda: with_links(lambda link: replace(link, master=None) if link.peer_nsid == 0 else link),
        OUT,
        "unreachable",
    ),
    ("default_route_missing", lambda: inside(without_default), OUT, "unreachable"),
    ("null_route_on_host", with_policy_rule, OUT, "unreachable"),
    ("null_route_on_host", with_policy_table, OUT, TIMED_OUT),
    ("null_route_in_container", with_policy_rule_inside, OUT, "unreachable"),
    ("null_route_in_container", with_policy_rule_inside, PUBLISHED, ""),
    ("null_route_in_container", lambda: with_policy_rule_inside("2"), PUBLISHED, ""),
    ("interface_down_in_container", without_link_inside, OUT, "unreachable"),
    ("address_missing_in_container", without_address_inside, OUT, "unreachable"),
    ("bridge_rule_drops", with_bridge_policy, PEER, TIMED_OUT),
    (
        "tracking_off",
        lambda: with_rule("raw", "PREROUTING", f"-i {BRIDGE} -j CT --notrack"),
        OUT,
        TIMED_OUT,
    ),
    ("wrong_gateway_in_container", with_wrong_gateway, OUT, TIMED_OUT),
    ("bridge_port_blocked", with_isolated_ports, PEER, TIMED_OUT),
    (
        "rule_drops_request",
        lambda: with_rule("filter", "FORWARD", f"-i {BRIDGE} -o {BRIDGE} -j DROP"),
        PEER,
        TIMED_OUT,
    ),
    # docker-proxy accepts before it has a connection to the container.
    (
        "rule_drops_request",
        lambda: with_rule("filter", "OUTPUT", f"-o {BRIDGE} -p tcp -m tcp --dport 80 -j DROP"),
        Question("db", "web:80/tcp"),
        "",
    ),
    ("route_overlap", with_longer_route, PUBLISHED, ""),
    ("gateway_address_missing", without_noted_gateways, OUT, "unreachable"),
    ("ipsec_policy", with_ipsec, OUT, TIMED_OUT),
    ("proxy_missing", without_proxy, ITSELF, "refused"),
    ("networks_isolated", lambda: docker_host().snapshot(), FAR, TIMED_OUT),
    ("internal_network", lambda: isolated(internal=True), OUT, TIMED_OUT),
    ("icc_off", lambda: isolated(icc=False), PEER, TIMED_OUT),
    ("listens_on_loopback", lambda: inside(on_loopback), PEER, "refused"),
    ("nothing_listens", lambda: docker_host().snapshot(), Question("web", "db", port=81), "refused"),
    ("process_paused", paused, PEER, TIMED_OUT),
    ("process_paused", lambda: halted_server(Halt("frozen", "/x/cgroup.freeze")), PEER, TIMED_OUT),
    ("process_stopped", lambda: halted_server(Halt("stopped")), PEER, TIMED_OUT),
    ("process_stopped", lambda: halted_server(Halt("traced")), PUBLISHED, ""),
    ("process_stopped", halted_proxy, ITSELF, TIMED_OUT),
    (
        "conntrack_full",
        lambda: with_sysctls(net__netfilter__nf_conntrack_max="8", net__netfilter__nf_conntrack_count="8"),
        OUT,
        TIMED_OUT,
    ),
]
"""Cause, host, question, and what a probe sees; empty where none can be sent."""


@pytest.mark.parametrize(
    ("cause", "host", "question", "seen"), PREDICTED, ids=[f"{one[0]}-{at}" for at, one in enumerate(PREDICTED)]
)
def test_a_predicted_cause_is_likely_and_with_a_probe_that_agrees_certain(
    cause: str, host: Callable[[], HostSnapshot], question: Question, seen: str
) -> None:
    case = case_of(host(), question)
    found = diagnose(case)
    assert found.verdict == "fault"
    assert (found.causes[0].cause, found.causes[0].certainty) == (cause, "likely"), found
    assert found.causes[0].remediation is not None
    if seen:
        found = diagnose(probed(case, seen))
        assert (found.causes[0].cause, found.causes[0].certainty) == (cause, "certain"), found
        assert {item.kind for item in found.causes[0].evidence} >= {"prediction", "probe"}


def test_words_of_a_rule_that_leaves_it_open_name_no_other_cause() -> None:
    words = '-m recent --rcheck --name "IPsec, policy rule, tc filter, the hardware address of" -j DROP'
    case = case_of(with_rule("filter", "DOCKER-USER", words), OUT)
    assert any("tc filter" in doubt for doubt in case.path.undetermined)
    assert case.path.undetermined_mechanisms == [""] * len(case.path.undetermined)
    causes = {item.cause for item in diagnose(case).causes}
    assert not causes & {"ipsec_policy", "policy_route", "neighbour_unresolved", "traffic_control"}


def test_that_docker_proxy_accepts_proves_nothing_of_its_container() -> None:
    host = with_rule("filter", "OUTPUT", f"-o {BRIDGE} -p tcp -m tcp --dport 80 -j DROP")
    case = probed(case_of(host, Question("db", "web:80/tcp")), "answered")
    found = diagnose(case)
    assert not case.was_answered
    assert (found.verdict, found.causes[0].certainty) == ("fault", "likely")
    served = probed(case_of(host, Question("db", "web:80/tcp")), "answered", ProbeLayer("service", "web", PASSED))
    assert served.was_answered
    assert diagnose(served).verdict == "no_fault"


@pytest.mark.parametrize("host", [paused, lambda: halted_server(Halt("stopped"))])
def test_that_the_kernel_accepts_proves_nothing_of_a_process_that_does_not_run(
    host: Callable[[], HostSnapshot],
) -> None:
    case = probed(case_of(host(), PEER), "answered")
    assert not case.was_answered
    assert diagnose(case).verdict == "fault"
    served = probed(case_of(host(), PEER), "answered", ProbeLayer("service", "db", PASSED))
    assert served.was_answered


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("nftables")])
def test_the_chains_of_the_nftables_backend_that_lack_something_translate_or_filter(name: str) -> None:
    snapshot = recorded_host(name)
    ruleset = snapshot.ruleset
    assert ruleset is not None
    listed = json.loads(ruleset.nft_json or "{}")["nftables"]

    def asked_without(word: str) -> Case:
        kept = [item for item in listed if word not in json.dumps(item)]
        left = replace(ruleset, nft_json=json.dumps({"nftables": kept}))
        return case_of(replace(snapshot, ruleset=left), Question("web", "203.0.113.9", port=443))

    translating = asked_without("@nat-postrouting-")
    assert (translating.is_flushed, translating.is_nat_flushed) == (True, True)
    assert diagnose(translating).causes[0].cause == "rules_flushed"
    filtering = asked_without("@filter-forward-in-")
    assert (filtering.is_flushed, filtering.is_nat_flushed) == (True, False)


def test_rules_that_one_family_lacks_are_there_for_the_other() -> None:
    case = case_of(docker_host().snapshot(), OUT)
    host = Resource("host", "lab")
    lacking: list[dict[str, Any]] = [{"incomplete": {"IPv6": ["nat", "filter"]}}, {"rules": ["IPv4: of table nat"]}]
    made = [Finding("firewall.flushed", "fail", "high", host, "IPv4 and IPv6", evidence=item) for item in lacking]
    assert not replace(case, findings=made).is_flushed
    made.append(replace(made[0], evidence={"incomplete": {"IPv4": ["filter"]}}))
    assert replace(case, findings=made).is_flushed
    assert not replace(case, findings=made).is_nat_flushed


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("stopped", "Let it continue: kill -CONT 11,"),
        ("traced", "Detach the debugger, or end it (TracerPid in /proc/11/"),
    ],
)
def test_the_process_that_is_stopped_is_named_where_it_is_not_the_first_one(state: str, advice: str) -> None:
    seen = replace(probed(healthy(PEER), "answered"), process=ProcessState(state, 9, "db", halted=11))
    (cause, *dummy) = diagnose(seen).causes
    assert cause.cause == "process_stopped"
    assert cause.summary.startswith("Process 11 of container db is stopped by ")
    assert cause.remediation is not None
    assert cause.remediation.text.startswith(advice)


def test_a_program_whose_name_speaks_of_another_process_is_found_all_the_same() -> None:
    snapshot = halted_server(Halt("stopped"))
    words = "process 7 (a) is frozen in its control group"
    named = [
        replace(space, listeners=[replace(item, owner=words) for item in space.listeners])
        for space in snapshot.container_namespaces
    ]
    other = Listener("tcp", "192.0.2.10", 7, owner="a", pid=7, halt=Halt("frozen", "/x/cgroup.freeze"))
    listeners = [other, *snapshot.listeners]
    (cause, *dummy) = diagnose(case_of(replace(snapshot, container_namespaces=named, listeners=listeners), PEER)).causes
    assert cause.cause == "process_stopped"
    assert cause.remediation is not None
    assert cause.remediation.text == "Find out what stopped it, then continue it: kill -CONT 12"


@pytest.mark.parametrize(
    ("host", "question", "subject"),
    [
        (lambda: docker_host().snapshot(), Question("web", "db", port=81), Subject(container="db")),
        (lambda: docker_host().snapshot(), Question("host", "127.0.0.1", port=81), Subject()),
        (with_wrong_gateway, OUT, Subject(neighbour="172.18.0.99")),
    ],
)
def test_the_step_that_decides_says_what_it_is_about(
    host: Callable[[], HostSnapshot], question: Question, subject: Subject
) -> None:
    step = case_of(host(), question).decision
    assert step is not None
    assert step.subject == subject


def test_ports_that_are_open_are_those_that_can_be_asked_from_elsewhere() -> None:
    def resolver(space: Any) -> Any:
        return replace(space, listeners=[*space.listeners, Listener("tcp", "127.0.0.11", 40293)])

    (cause, *dummy) = diagnose(case_of(inside(resolver), Question("web", "db", port=81))).causes
    assert cause.cause == "nothing_listens"
    assert "open are " in cause.summary
    assert "40293" not in cause.summary


def layer(name: str, error: str, detail: str = "", target: str = "") -> ProbeLayer:
    return ProbeLayer(name, target, FAILED, error, detail)


def healthy(question: Question) -> Case:
    return case_of(docker_host().snapshot(), question)


def unresolved(error: str, upstream: str = "") -> Case:
    """A name without an address: what Docker's resolver and the one behind it said."""
    asked = [NameserverAnswer("127.0.0.11", "resolver", "web", "db. A", FAILED, error)]
    if upstream:
        asked.append(NameserverAnswer("203.0.113.9", "upstream", "web", "db. A", upstream, "TIMEOUT"))
    return probed(healthy(OUT_DNS), "unreachable", layer(NAME, error), protocol="tcp", address="", nameservers=asked)


def misconfigured() -> Case:
    """A container whose resolv.conf was overwritten."""
    asked = [NameserverAnswer("172.18.0.99", "resolver", "web", "db. A", FAILED, "TIMEOUT")]
    silent = layer(NAME, "TIMEOUT")
    return probed(healthy(OUT_DNS), "unreachable", silent, protocol="tcp", address="", nameservers=asked)


SEEN: list[tuple[str, str, Callable[[], Case]]] = [
    ("target_silent", "certain", lambda: traced(probed(healthy(OUT), TIMED_OUT), "left", end_device="eth0")),
    ("target_silent", "likely", lambda: probed(healthy(OUT), TIMED_OUT)),
    ("target_refuses", "certain", lambda: traced(probed(healthy(OUT), "refused"), "left", end_device="eth0")),
    (
        "process_stopped",
        "certain",
        lambda: replace(probed(healthy(PEER), "answered"), process=ProcessState("stopped", 9)),
    ),
    (
        "process_paused",
        "certain",
        lambda: replace(probed(healthy(PEER), "answered"), process=ProcessState("paused", 9)),
    ),
    (
        "accept_queue_full",
        "certain",
        lambda: replace(
            probed(healthy(PEER), TIMED_OUT),
            process=ProcessState("running", 9, queue_full=[ListeningSocket("tcp", WILDCARD, 5432)]),
        ),
    ),
    (
        "rules_in_container",
        "certain",
        lambda: traced(probed(case_of(inside(with_own_rules), OUT), TIMED_OUT), "not_seen"),
    ),
    ("rules_in_container", "likely", lambda: probed(case_of(inside(with_own_rules), OUT), TIMED_OUT)),
    ("veth_detached", "certain", dropped_from_its_link),
    ("permanent_neighbour", "possible", with_fixed_router),
    ("resolver_dead", "likely", with_wrong_name_server),
    ("arp_off_in_container", "likely", deaf_to_the_host),
    (
        "neighbour_unresolved",
        "possible",
        lambda: probed(healthy(OUT), TIMED_OUT, layer(NEIGHBOUR, "TIMEOUT", "172.18.0.1 does not answer ARP on eth0")),
    ),
    (
        "arp_off_in_container",
        "certain",
        lambda: probed(case_of(without_arp_inside(), OUT), TIMED_OUT, layer(NEIGHBOUR, "", "NOARP", GATEWAY)),
    ),
    (
        "arp_off_on_bridge",
        "certain",
        lambda: probed(case_of(bridge_without_arp(), OUT), TIMED_OUT, layer(NEIGHBOUR, "TIMEOUT", "", GATEWAY)),
    ),
    (
        "interface_down_in_container",
        "certain",
        lambda: probed(healthy(OUT), "unreachable", layer(INTERFACE, "ENETDOWN")),
    ),
    (
        "default_route_missing",
        "certain",
        lambda: probed(case_of(inside(without_default), OUT), "unreachable", layer(ROUTE, "ENETUNREACH")),
    ),
    ("resolver_dead", "certain", lambda: unresolved("ECONNREFUSED")),
    ("resolver_dead", "likely", lambda: unresolved("TIMEOUT", upstream="passed")),
    ("resolver_dead", "likely", misconfigured),
    ("upstream_dns_dead", "certain", lambda: unresolved("SERVFAIL", upstream="failed")),
    ("upstream_dns_dead", "certain", lambda: unresolved("TIMEOUT", upstream="failed")),
    (
        "name_unknown",
        "likely",
        lambda: probed(healthy(OUT_DNS), "unknown", layer(NAME, "NXDOMAIN"), protocol="tcp"),
    ),
    (
        "mtu_black_hole",
        "likely",
        lambda: probed(healthy(OUT), "answered", layer(PATH_MTU, "TIMEOUT", "1400 bytes pass")),
    ),
    ("wrong_service", "likely", lambda: probed(healthy(PEER), "answered", layer(SERVICE, "EPROTO", "it is no HTTP"))),
    (
        "stale_conntrack",
        "likely",
        lambda: case_of(with_stale_flow(), Question("outside", "host", "udp", 53)),
    ),
]
"""Cause, certainty, and what was seen besides what was predicted."""


@pytest.mark.parametrize(("cause", "certainty", "case"), SEEN, ids=[f"{one[0]}-{at}" for at, one in enumerate(SEEN)])
def test_a_cause_that_was_seen_is_as_certain_as_its_evidence(
    cause: str, certainty: str, case: Callable[[], Case]
) -> None:
    found = diagnose(case())
    assert found.verdict == "fault", found
    assert (found.causes[0].cause, found.causes[0].certainty) == (cause, certainty), found.causes


def test_a_silent_gateway_is_not_put_down_to_arp_on_another_network() -> None:
    host = DockerHost()
    bridges = [host.network(), host.network()]
    host.container("web", bridges)
    silent = layer(NEIGHBOUR, "TIMEOUT", "", GATEWAY)
    for off, cause in ((bridges[0], "arp_off_on_bridge"), (bridges[1], "neighbour_unresolved")):
        host.links = [replace(link, without_arp=link.name == off.device) for link in host.links]
        found = diagnose(probed(case_of(host.snapshot(), OUT), TIMED_OUT, silent))
        assert found.causes[0].cause == cause, found


@pytest.mark.parametrize(
    ("host", "cause"),
    [(bridge_without_arp, "arp_off_on_bridge"), (without_arp_inside, "arp_off_in_container")],
)
def test_who_has_arp_off_is_named_where_the_prediction_is_open(host: Callable[[], HostSnapshot], cause: str) -> None:
    """Fixed entries of the host were not read."""
    snapshot = host()
    unread = replace(snapshot, sources={**snapshot.sources, "neighbours": Source(read=False, kind="error")})
    case = case_of(unread, Question("host", "web", port=80))
    assert case.decision is None
    silent = layer(NEIGHBOUR, "EHOSTUNREACH", "", case.packet.destination)
    found = diagnose(probed(case, TIMED_OUT, silent))
    assert [item.cause for item in found.causes] == [cause]


def test_a_refusal_seen_inside_the_container_tells_what_listens_where() -> None:
    case = case_of(inside(on_loopback), PUBLISHED)
    own = replace(probe_of(case.packet, "refused"), origin="web", address="172.18.0.2", port=80)
    case = replace(case, probes=[own, replace(own, address="127.0.0.1", observed="answered")])
    first = diagnose(case).causes[0]
    assert (first.cause, first.certainty) == ("listens_on_loopback", "certain")
    assert len([item for item in first.evidence if item.kind == "probe"]) == 2


def test_the_rule_that_the_kernel_names_is_certain_where_something_else_was_predicted() -> None:
    """The kernel is right."""
    dropped = case_of(with_rule("filter", "DOCKER-USER", "-o eth0 -j DROP"), OUT)
    case = traced(healthy(OUT), "dropped_by_rule", drop_event(dropped))
    found = diagnose(case)
    assert [(item.cause, item.certainty) for item in found.causes] == [("docker_user_drops_request", "certain")]
    assert [item.kind for item in found.causes[0].evidence] == ["trace"]


def test_who_asks_is_named_without_the_port_that_its_kernel_chose() -> None:
    dropped = case_of(with_rule("filter", "DOCKER-USER", "-o eth0 -j DROP"), OUT)
    event = drop_event(dropped)
    address = event.source.partition(":")[0]
    case = traced(healthy(OUT), "dropped_by_rule", replace(event, source=f"{address}:46027"))
    (cause,) = diagnose(case).causes
    assert cause.remediation is not None
    assert f"whether {address} may reach" in cause.remediation.text


def test_a_prediction_that_the_kernel_contradicts_is_no_more_than_possible() -> None:
    predicted = case_of(with_sysctls(net__ipv4__ip_forward="0"), OUT)
    found = diagnose(traced(probed(predicted, TIMED_OUT), "left", end_device="eth0"))
    assert [(item.cause, item.certainty) for item in found.causes] == [("forwarding_off", "possible")]


@pytest.mark.parametrize("question", [OUT, OUT_DNS, PEER, ITSELF, Question("host", "web", port=80)])
@pytest.mark.parametrize("settings", [{}, {"proxy": False}, {"layout": 28}])
def test_a_healthy_connection_has_no_fault(question: Question, settings: dict[str, Any]) -> None:
    case = case_of(docker_host(**settings).snapshot(), question)
    for seen in (case, probed(case, "answered"), traced(probed(case, "answered"), "left", end_device="eth0")):
        found = diagnose(seen)
        assert (found.verdict, found.causes) == ("no_fault", [])
        assert "no fault found" in found.summary


def test_a_published_port_that_works_has_no_fault() -> None:
    case = traced(healthy(PUBLISHED), "left", end_device=BRIDGE)
    assert diagnose(case).verdict == "no_fault"


def test_what_could_not_be_looked_at_is_undetermined_and_said() -> None:
    snapshot = docker_host().snapshot()
    unread = replace(
        snapshot, ruleset=None, sources={**snapshot.sources, "ruleset": Source(read=False, reason="run with become")}
    )
    found = diagnose(replace(case_of(unread, OUT), problems=["kernel_trace gave no answer: no"]))
    assert (found.verdict, found.causes) == ("undetermined", [])
    assert any("run with become" in text for text in found.undetermined)
    assert "kernel_trace gave no answer: no" in found.undetermined


@pytest.mark.parametrize("at", range(len(PREDICTED)))
def test_an_answer_excludes_what_would_have_ended_the_connection(at: int) -> None:
    cause, host, question, seen = PREDICTED[at]
    if seen:
        found = diagnose(probed(case_of(host(), question), "answered"))
        # The kernel accepts for a process that does not run.
        held = ("process_paused", "process_stopped")
        assert cause not in [item.cause for item in found.causes if cause not in held]


RANKS = ("certain", "likely", "possible")


@pytest.mark.parametrize("at", range(len(PREDICTED)))
def test_nothing_is_certain_of_what_was_only_predicted_and_evidence_against_it_raises_nothing(at: int) -> None:
    dummy, host, question, seen = PREDICTED[at]
    case = case_of(host(), question)
    before = {item.cause: RANKS.index(item.certainty) for item in diagnose(case).causes}
    assert 0 not in before.values()
    against = [traced(case, end) for end in ("left", "to_host", "lost", "not_seen", "dropped_by_rule")]
    against += [probed(case, "answered"), probed(case, "refused" if seen != "refused" else TIMED_OUT)]
    for other in against:
        for item in diagnose(other).causes:
            agreeing = {one.kind for one in item.evidence} & {"trace", "probe"}
            assert RANKS.index(item.certainty) >= before.get(item.cause, 0) or agreeing, (item, other.trace)


def test_findings_about_other_parts_of_the_host_are_no_causes() -> None:
    """Far's link is detached and its network's bridge down; web's way out does not pass it."""
    snapshot = docker_host().snapshot()
    other = snapshot.networks[1].bridge
    broken = with_links(lambda link: replace(link, up=False) if link.name == other else link)
    found = diagnose(probed(case_of(broken, OUT), TIMED_OUT))
    assert [item.cause for item in found.causes] == ["target_silent"]


def test_causes_are_listed_with_certainty_evidence_and_remediation() -> None:
    found = diagnose(probed(case_of(with_sysctls(net__ipv4__ip_forward="0"), OUT), TIMED_OUT, layer(ROUTE, "\x1b[2J")))
    lines = listing_of(found)
    assert lines[0] == found.summary
    assert any(line.startswith("1. certain: net.ipv4.ip_forward=0") for line in lines)
    assert any(
        "Run: ansible HOST -b -m dockernet.baseline.ip_forward -a 'state=present families=ipv4'" in line
        for line in lines
    )
    assert not any("\x1b" in line for line in lines)


def too_wide() -> HostSnapshot:
    """Endpoints send larger packets than the uplink carries."""

    def sized(link: Any) -> Any:
        return replace(link, mtu=1400 if link.name == "eth0" else 1500)

    snapshot = with_links(sized)
    spaces = [
        replace(space, links=[replace(link, mtu=1500) for link in space.links])
        for space in snapshot.container_namespaces
    ]
    return replace(snapshot, container_namespaces=spaces)


def test_a_narrow_uplink_is_a_cause_only_where_large_packets_were_seen_to_be_lost() -> None:
    case = case_of(too_wide(), OUT)
    assert case.related("bridge.mtu")
    came = ProbeLayer(PATH_MTU, "", PASSED, "", "packets of 1400 bytes arrive")
    for seen in (case, probed(case, "answered"), probed(case, "answered", came)):
        assert diagnose(seen).verdict == "no_fault"
    first = diagnose(probed(case, "answered", layer(PATH_MTU, TIMED_OUT))).causes[0]
    assert (first.cause, first.certainty) == ("mtu_black_hole", "certain")
    assert {item.kind for item in first.evidence} == {"check", "probe"}


def test_a_container_that_does_not_answer_the_host_is_no_healthy_way_in() -> None:
    case = healthy(PUBLISHED)
    silent = replace(probe_of(case.packet, TIMED_OUT), origin="host", address="172.18.0.2", port=80)
    found = diagnose(traced(replace(case, probes=[silent]), "left", end_device=BRIDGE))
    assert (found.verdict, [item.cause for item in found.causes]) == ("fault", ["container_silent"])
    assert found.causes[0].certainty == "possible"


def test_an_answer_that_a_live_trace_followed_counts_as_one() -> None:
    case = traced(healthy(PUBLISHED), "left", mode="live", observed="answered")
    assert "the traced connection was answered" in diagnose(case).summary
    case = traced(case_of(with_sysctls(net__ipv4__ip_forward="0"), PUBLISHED), "left", mode="live", observed="answered")
    assert (diagnose(case).verdict, diagnose(case).causes) == ("no_fault", [])


def test_of_a_datagram_that_nobody_answers_is_said_what_is_known() -> None:
    found = diagnose(probed(healthy(OUT_DNS), "unknown"))
    assert found.verdict == "no_fault"
    assert "UDP does not say more" in found.summary


def test_a_loss_that_nothing_explains_is_undetermined_and_names_the_difference() -> None:
    differs = Comparison(agree=False, difference="in the kernel it is lost")
    found = diagnose(replace(traced(healthy(OUT), "lost"), comparison=differs))
    assert (found.verdict, found.causes) == ("undetermined", [])
    assert found.undetermined[0] == "prediction and kernel differ: in the kernel it is lost"


@pytest.mark.parametrize("name", NAMES)
def test_an_engine_that_writes_nftables_is_understood_alike(name: str) -> None:
    """Of a recorded host."""
    snapshot = recorded_host(name)
    assert diagnose(case_of(snapshot, Question("container web", "203.0.113.9", port=443))).verdict == "no_fault"
    first = diagnose(case_of(snapshot, Question("container web", "10.88.2.2", port=80))).causes[0]
    assert first.cause == "networks_isolated"
    first = diagnose(case_of(snapshot, Question("outside", "host", port=8443))).causes[0]
    assert first.cause == "published_on_other_address"
    assert "on 127.0.0.1 alone" in first.summary
