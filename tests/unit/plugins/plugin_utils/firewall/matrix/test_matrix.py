"""The matrix of hosts, and what it says is open to other machines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort, RoutedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import (
    DENIED_BY_HOST,
    INNER_PORT,
    ITSELF,
    LOOPBACK_LEAK,
    NOT_PUBLISHED,
    OTHER_NETWORK,
    PUBLISHED,
    SAME_NETWORK,
    Matrix,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import RULESET, Source
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix import questions
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.reachability import (
    listing_of,
    reachability_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import FULL, SUMMARY

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost, big_host


def matrix(host: DockerHost) -> Matrix:
    return AuditContext(host.snapshot(), Settings()).matrix


def web(host_ip: str, **options: object) -> DockerHost:
    host = DockerHost(**options)  # type: ignore[arg-type]
    host.container("web", [host.network()], [PublishedPort("tcp", 80, host_ip, 8080)], [("tcp", 80), ("tcp", 9000)])
    return host


def exposures(host: DockerHost) -> dict[str, list[str]]:
    return {item.kind: item.ports for item in matrix(host).exposures}


@pytest.mark.parametrize("layout", [27, 28])
@pytest.mark.parametrize("proxy", [True, False])
def test_more_containers_and_networks_of_the_same_kind_add_no_cells(layout: int, proxy: bool) -> None:
    small = matrix(big_host(3, 12, layout=layout, proxy=proxy))
    large = matrix(big_host(9, 90, layout=layout, proxy=proxy))
    assert len(large.cells) == len(small.cells)
    assert sorted(len(item.members) for item in large.origins) == [0, 1, 90]
    assert [item.members for item in large.origins if item.kind == "outside"] == [["eth0"]]


def test_containers_reach_their_own_network_and_no_other_one() -> None:
    found = matrix(big_host(3, 12))
    (place,) = [index for index, item in enumerate(found.destinations) if item.kind == INNER_PORT]
    (source,) = [index for index, item in enumerate(found.origins) if item.kind == "container"]
    seen = {relation: found.cell(source, place, relation) for relation in (ITSELF, SAME_NETWORK, OTHER_NETWORK)}
    assert {relation: cell and cell.observed for relation, cell in seen.items()} == {
        ITSELF: "answered",
        SAME_NETWORK: "answered",
        OTHER_NETWORK: "timed out",
    }
    assert "DOCKER-ISOLATION-STAGE-2" in (found.cell(source, place, OTHER_NETWORK) or found.cells[0]).reason


def test_a_published_port_is_asked_at_each_address_of_the_host() -> None:
    found = matrix(web(WILDCARD))
    at = {item.at for item in found.destinations if item.kind == PUBLISHED}
    assert at == {"127.0.0.1", ADDRESS, "the gateway of its network"}


def test_containers_ask_at_an_address_that_stands_on_the_loopback_device() -> None:
    host = web(WILDCARD)
    host.links = [
        replace(link, addresses=[*link.addresses, "192.0.2.77/32"]) if link.name == "lo" else link
        for link in host.links
    ]
    found = matrix(host)
    at = {
        found.destinations[cell.destination].at
        for cell in found.cells
        if found.origins[cell.origin].kind == "container"
    }
    assert "192.0.2.77" in at
    assert "127.0.0.1" not in at


def test_ports_have_their_addresses_and_host_ports_where_they_are_one() -> None:
    host = DockerHost()
    near, far = host.network(), host.network()
    bindings = [PublishedPort("tcp", 80, WILDCARD, port) for port in (8080, 80)]
    host.container("web", [near], bindings, [("tcp", 80)])
    for name in ("one", "two"):
        host.container(name, [near, far], listen=[("tcp", 5432)])
    found = matrix(host).destinations
    published = {(item.name, *item.members, *item.host_ports) for item in found if item.kind == PUBLISHED}
    assert published == {
        ("web:80/tcp (published on 0.0.0.0:8080)", "web:80/tcp", 8080),
        ("web:80/tcp (published on 0.0.0.0:80)", "web:80/tcp", 80),
    }
    inner = {(item.name, item.at) for item in found if item.kind == INNER_PORT}
    assert inner == {
        ("web:80/tcp", str(host.containers[0].endpoints[0].address)),
        ("one:5432/tcp and 1 more", f"their own IPv4 address on {near.name}"),
        ("one:5432/tcp and 1 more", f"their own IPv4 address on {far.name}"),
    }


def test_somebody_else_who_answers_is_named_and_is_no_exposure_of_the_container() -> None:
    host = web(WILDCARD)
    host.own_rules["nat", "PREROUTING"] = ["-p tcp -m tcp -j REDIRECT --to-ports 2222"]
    host.listeners.append(Listener("tcp", WILDCARD, 2222, owner="sshd"))
    found = matrix(host)
    from_outside = [cell for cell in found.cells if found.origins[cell.origin].kind == "outside"]
    assert {(cell.observed, cell.instead) for cell in from_outside} == {("answered", "host (sshd)")}
    assert found.exposures == []
    assert any(line.endswith(": host (sshd) answers instead") for line in listing_of(found))


def test_a_container_with_a_rule_of_its_own_is_in_no_class_with_others() -> None:
    host = big_host(2, 10)
    address = host.containers[3].endpoints[0].address
    host.own_rules["filter", "DOCKER-USER"] = [f"-s {address}/32 -j DROP"]
    found = [item.members for item in matrix(host).origins if item.kind == "container"]
    assert ["app3"] in found
    assert sorted(map(len, found)) == [1, 9]


def test_a_host_that_publishes_as_it_is_meant_exposes_nothing() -> None:
    assert exposures(web(WILDCARD)) == {}
    assert exposures(web("127.0.0.1", layout=28)) == {}


def test_a_port_that_is_open_by_routing_though_not_published_is_told() -> None:
    assert exposures(web(WILDCARD, forward_policy="ACCEPT")) == {NOT_PUBLISHED: ["web:9000/tcp"]}
    assert exposures(web(WILDCARD, forward_policy="ACCEPT", layout=28)) == {}


def test_a_port_published_without_one_of_the_host_is_meant_to_be_open() -> None:
    host = web(WILDCARD, forward_policy="ACCEPT")
    host.containers[0] = replace(host.containers[0], routed=[RoutedPort("tcp", 9000)])
    assert exposures(host) == {}


def test_a_port_published_on_loopback_that_leaks_is_told() -> None:
    assert exposures(web("127.0.0.1")) == {LOOPBACK_LEAK: ["web:80/tcp"]}


@pytest.mark.parametrize(
    ("rules", "exposed"),
    [
        (["-p tcp -m tcp --dport 8080 -j DROP"], True),
        (["-p tcp -m tcp --dport 22 -j ACCEPT", "-j REJECT --reject-with icmp-host-prohibited"], True),
        (["-p tcp -m tcp --dport 8080 -j ACCEPT", "-j DROP"], False),
        # The connection is made, and its data does not come.
        (["-i eth0 -m conntrack --ctstate ESTABLISHED -j DROP"], True),
        (["-m recent --rcheck --name x --rsource -j DROP"], False),
    ],
)
def test_what_the_rules_of_the_host_deny_and_docker_opens_is_told(rules: list[str], exposed: bool) -> None:
    host = web(WILDCARD)
    host.own_rules["filter", "INPUT"] = rules
    assert exposures(host) == ({DENIED_BY_HOST: ["web:80/tcp"]} if exposed else {})
    for item in matrix(host).exposures:
        assert f"-A INPUT {rules[-1]}" in item.reason


def test_where_the_host_denies_it_and_where_it_does_not_is_told() -> None:
    further = [f"192.0.2.{place}" for place in (11, 12)]
    host = web(WILDCARD, further=further)
    host.own_rules["filter", "INPUT"] = [f"-d {address}/32 -p tcp -m tcp --dport 8080 -j DROP" for address in further]
    (exposure,) = matrix(host).exposures
    assert (exposure.at, ADDRESS in exposure.not_at) == (further, True)
    assert not set(exposure.at) & set(exposure.not_at)
    (told,) = reachability_of(AuditContext(host.snapshot(), Settings()).matrix, SUMMARY)["exposures"]
    assert " web:80/tcp at 192.0.2.11, 192.0.2.12 (" in told["text"]


@pytest.mark.parametrize("mark", [7, 8])
def test_what_the_host_denies_by_a_mark_is_told_of_packets_that_get_it(mark: int) -> None:
    host = web(WILDCARD)
    host.own_rules["mangle", "PREROUTING"] = ["-i eth0 -j MARK --set-xmark 0x7/0xffffffff"]
    host.own_rules["filter", "INPUT"] = [f"-m mark --mark {mark:#x} -j DROP"]
    assert exposures(host) == ({DENIED_BY_HOST: ["web:80/tcp"]} if mark == 7 else {})


def test_a_firewall_that_docker_does_not_pass_by_denies_for_both() -> None:
    host = web(WILDCARD)
    host.own_rules["filter", "INPUT"] = ["-j DROP"]
    host.own_rules["filter", "DOCKER-USER"] = ["-i eth0 -j DROP"]
    assert exposures(host) == {}


def test_a_summary_counts_and_the_whole_has_every_cell() -> None:
    snapshot = web("127.0.0.1").snapshot()
    summary, full = (reachability_of(AuditContext(snapshot, Settings()).matrix, detail) for detail in (SUMMARY, FULL))
    assert set(summary) == {"exposures", "listing", "summary", "problems"}
    assert {key: full[key] for key in summary} == summary
    assert sum(sum(row["observed"].values()) for row in summary["summary"]) == len(full["cells"])
    exposure = summary["exposures"][0]
    assert (exposure["uplink"], exposure["ports"], exposure["at"]) == ("eth0", ["web:80/tcp"], ["127.0.0.1"])
    assert "through eth0: web:80/tcp at 127.0.0.1" in exposure["text"]


def test_with_rules_unread_nothing_is_told_but_that() -> None:
    snapshot = web(WILDCARD).snapshot()
    sources = {**snapshot.sources, RULESET: Source(read=False, kind="denied", reason="run with become")}
    result = reachability_of(AuditContext(replace(snapshot, sources=sources, ruleset=None), Settings()).matrix, FULL)
    assert result["cells"] == []
    assert "run with become" in " ".join(result["problems"])


def test_of_too_many_questions_those_of_containers_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = matrix(big_host(2, 4))
    expected = sum(cell.origin < 2 for cell in whole.cells)
    monkeypatch.setattr(questions, "MOST_QUESTIONS", expected)
    part = matrix(big_host(2, 4))
    assert {part.origins[cell.origin].kind for cell in part.cells} == {"outside", "host"}
    assert len(part.cells) == expected
    (problem,) = part.problems
    assert "from containers to machines outside" in problem
    assert "from containers to ports " in problem


def test_of_too_many_rules_packets_are_held_against_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MOST_TRIED", 0)
    part = matrix(big_host(2, 4))
    assert len(part.cells) == 1
    (problem,) = part.problems
    assert "from machines outside" in problem
    assert "too many rules" in problem


def test_hostile_names_are_harmless_in_what_is_shown() -> None:
    host = web("127.0.0.1")
    snapshot = host.snapshot()
    hostile = [replace(item, name="\x1b[2Jweb\n") for item in snapshot.containers]
    for item in reachability_of(AuditContext(replace(snapshot, containers=hostile), Settings()).matrix, SUMMARY)[
        "exposures"
    ]:
        assert item["text"].isprintable()


@pytest.mark.parametrize(
    ("spelling", "shown"),
    [("", "0.0.0.0:8080"), ("[::ffff:192.0.2.10]", f"{ADDRESS}:8080"), ("nonsense", None)],
)
def test_a_binding_is_known_by_its_address_however_it_is_spelled(spelling: str, shown: str | None) -> None:
    host = web(WILDCARD, forward_policy="ACCEPT")
    container = host.containers[0]
    host.containers[0] = replace(container, published=[replace(container.published[0], host_ip=spelling)])
    names = [item.name for item in matrix(host).destinations if item.kind == PUBLISHED]
    assert set(names) == ({f"web:80/tcp (published on {shown})"} if shown else set())


def test_bindings_that_nobody_can_ask_are_left_out() -> None:
    bindings = [PublishedPort("sctp", 80, WILDCARD, 8080), PublishedPort("tcp", 81, "nonsense", 8081)]
    snapshot = web(WILDCARD).snapshot()
    containers = [replace(item, published=[*item.published, *bindings]) for item in snapshot.containers]
    found = AuditContext(replace(snapshot, containers=containers), Settings()).matrix
    assert found.cells == matrix(web(WILDCARD)).cells
