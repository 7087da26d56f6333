# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became reachable between two readings: each flow by its names, and few lines for many of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    RULESET,
    HostSnapshot,
    Source,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix import questions
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import answers_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.reachability import reachability_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import FULL, SUMMARY
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.change_words import NOT_COMPARED
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.compare import compare
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.flows import (
    Asked,
    Asker,
    Flow,
    Flows,
    flows_of,
    flows_of_answers,
)

from tests.unit.audits import audit_of, problems
from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost, big_host
from tests.unit.random_docker_host import random_docker_host

_EACH = Settings()


def document(snapshot: HostSnapshot) -> Any:
    """As it is written to a file, and read again."""
    return json.loads(json.dumps(reachability_of(AuditContext(snapshot, _EACH).matrix, FULL)))


def changes(before: DockerHost, after: DockerHost) -> list[str]:
    """In words, by two documents; the hosts as they were just read say the same."""
    hosts = [host.snapshot() for host in (before, after)]
    found = [item.words for item in compare(*(flows_of(document(snapshot)) for snapshot in hosts))]
    live = [flows_of_answers(answers_of(HostView.of(snapshot))) for snapshot in hosts]
    assert [item.words for item in compare(*live)] == found
    return found


def a_host(*published: PublishedPort, further: tuple[str, ...] = (), **options: Any) -> DockerHost:
    """Web and db on net0, db and job on net1; db has the ports."""
    host = DockerHost(**options)
    near, far = host.network(), host.network()
    host.container("web", [near], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.container("db", [near, far], published, [("tcp", 5432)])
    for name in ("job", *further):
        host.container(name, [far], listen=[("tcp", 9)])
    return host


DB = PublishedPort("tcp", 5432, WILDCARD, 5432)
DB_PUBLISHED = "db:5432/tcp at 192.0.2.10:5432, port 5432 of the gateway of its network"


def test_a_host_that_is_as_it_was_has_no_changes() -> None:
    assert changes(a_host(DB), a_host(DB)) == []


def test_a_port_that_was_published_is_new_to_all_who_reach_it() -> None:
    assert changes(a_host(), a_host(DB)) == [
        "new: outside reaches db:5432/tcp at its own IPv4 address on net0",
        "new: outside and the host reach db:5432/tcp at 127.0.0.1:5432",
        f"new: outside, the host and all containers reach {DB_PUBLISHED}",
    ]


def test_the_other_way_about_it_is_no_longer_reached_and_why_is_said() -> None:
    assert changes(a_host(DB), a_host())[-1] == (
        f"no longer: outside, the host and all containers reach {DB_PUBLISHED}: the host has no such address, or "
        "nothing is published there"
    )


def test_another_port_of_the_host_is_another_flow() -> None:
    moved = changes(a_host(DB), a_host(PublishedPort("tcp", 5432, WILDCARD, 6543)))
    assert [line.partition(":")[0] for line in moved] == ["new", "new", "no longer", "no longer"]


def test_containers_that_were_created_anew_reach_what_they_reached() -> None:
    """In another order they get other addresses."""
    one, other = DockerHost(), DockerHost()
    for host, names in ((one, ("a", "b", "c")), (other, ("c", "a", "b"))):
        net = host.network()
        for name in names:
            host.container(name, [net], [PublishedPort("tcp", 80, WILDCARD, 8000 + ord(name))], [("tcp", 80)])
    assert changes(one, other) == []


def test_a_container_that_is_new_asks_in_one_line() -> None:
    found = changes(a_host(DB), a_host(DB, further=("more",)))
    assert found == [
        "new: container more reaches db:5432/tcp, job:9/tcp, machines outside (IPv4) and 1 more",
        "new: the host and all containers of net1 reach more:9/tcp at its own IPv4 address on net1",
    ]
    gone = changes(a_host(DB, further=("more",)), a_host(DB))
    assert [line.rpartition(": ")[2] for line in gone] == ["more does not run"] * 2


def test_who_answers_in_place_of_the_one_that_is_asked_is_named() -> None:
    taken = a_host(DB)
    taken.own_rules["nat", "PREROUTING"] = ["-p tcp -m tcp --dport 5432 -j REDIRECT --to-ports 22"]
    found = changes(a_host(DB), taken)
    assert [line for line in found if DB_PUBLISHED in line] == [
        f"no longer: outside and all containers reach {DB_PUBLISHED}: host (sshd) answers instead"
    ]
    # Where nobody answered before, it is new.
    assert (
        "new: outside and container web reach host (sshd) in place of db:5432/tcp at its own IPv4 address on net1"
        in found
    )


def test_what_is_undetermined_in_one_reading_is_neither_new_nor_gone() -> None:
    limited = a_host(DB)
    limited.own_rules["filter", "DOCKER-USER"] = ["-m limit --limit 3/sec -j DROP"]
    for before, after, when in ((a_host(DB), limited, "now"), (limited, a_host(DB), "before")):
        found = changes(before, after)
        assert {line.partition(":")[0] for line in found} == {"not compared"}
        assert any(f"undetermined {when}: it depends on -m limit --limit 3/sec" in line for line in found)
    assert changes(limited, limited) == []


def test_of_a_reading_without_rules_nothing_is_compared() -> None:
    host = a_host(DB).snapshot()
    unread = replace(host, ruleset=None, sources={**host.sources, RULESET: Source(read=False, reason="denied")})
    for hosts, which in (((host, unread), "later"), ((unread, host), "earlier")):
        (change,) = compare(*(flows_of(document(item)) for item in hosts))
        assert change.words.startswith(f"not compared: of the {which} reading nothing is known: ")


def test_what_was_not_traced_or_not_read_is_undetermined(monkeypatch: pytest.MonkeyPatch) -> None:
    host = a_host(DB).snapshot()
    whole = flows_of(document(host))
    unread = replace(
        host,
        container_namespaces=[item for item in host.container_namespaces if item.inode != host.containers[1].netns],
    )
    found = [item.words for item in compare(whole, flows_of(document(unread)))]
    assert any("db:5432/tcp" in line and "what db listens on was not read" in line for line in found)
    assert not any(line.startswith(("new", "no longer")) and "db:5432/tcp at its own" in line for line in found)
    monkeypatch.setattr(questions, "MOST_QUESTIONS", 3)
    assert {item.kind for item in compare(whole, flows_of(document(host)))} == {NOT_COMPARED}


def test_a_port_that_a_client_of_udp_was_given_for_a_moment_is_no_change() -> None:
    def with_sockets(*sockets: tuple[str, int]) -> DockerHost:
        host = a_host(DB)
        space = host.container_namespaces[0]
        more = [Listener(protocol, WILDCARD, port) for protocol, port in sockets]
        host.container_namespaces[0] = replace(space, listeners=[*space.listeners, *more])
        return host

    assert changes(with_sockets(("udp", 41_234)), with_sockets(("udp", 38_211))) == []
    for service in (("udp", 53), ("tcp", 41_234)):
        (line,) = changes(a_host(DB), with_sockets(service))
        assert f"web:{service[1]}/{service[0]}" in line


def test_many_changes_are_few_lines() -> None:
    before, after = big_host(10, 50), big_host(10, 50)
    after.sysctls["net.ipv4.ip_forward"] = "0"
    assert [line.partition(" at ")[0].partition(": net")[0] for line in changes(before, after)] == [
        *["no longer: outside reaches app0:443/tcp, app0:80/tcp, app10:443/tcp and 97 more"] * 2,
        "no longer: all containers reach machines outside (IPv4)",
    ]


@pytest.mark.parametrize("name", ["\x1b[2Jweb\n", "a:b", "<script>", "\u202egnp", "=1+1"])
def test_a_strangers_name_is_inert_and_stays_a_name(name: str) -> None:
    def called(host: DockerHost) -> HostSnapshot:
        snapshot = host.snapshot()
        return replace(
            snapshot,
            containers=[replace(item, name=name if item.name == "db" else item.name) for item in snapshot.containers],
        )

    before, after = (flows_of(document(called(host))) for host in (a_host(), a_host(DB)))
    found = compare(before, after)
    assert [item.words.partition(" ")[0] for item in found] == ["new:"] * 3
    assert all(item.words.isprintable() for item in found)
    assert compare(before, flows_of(document(called(a_host())))) == []


def test_the_schema_has_all_of_it() -> None:
    assert problems(audit_of(a_host(DB).snapshot(), detail=FULL)) == []


@pytest.mark.parametrize("part", [None, [], {}, "text"])
def test_a_document_without_details_is_refused(part: Any) -> None:
    with pytest.raises(ValueError, match="no reachability in detail full"):
        flows_of(part)
    with pytest.raises(ValueError, match="no reachability in detail full"):
        flows_of(reachability_of(AuditContext(a_host().snapshot(), _EACH).matrix, SUMMARY))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda part: part["cells"][0].update(origin=99),
        lambda part: part["cells"][0].update(destination=-1),
        lambda part: part["destinations"][-1].update(members=["a:1/tcp"] * 7),
        lambda part: part.update(cells=5),
        lambda part: part["origins"].append({"kind": 1}),
    ],
)
def test_a_document_that_contradicts_itself_is_refused(spoil: Callable[[Any], None]) -> None:
    part = document(a_host().snapshot())
    spoil(part)
    with pytest.raises(ValueError, match=r"."):
        flows_of(part)


# ---- held against answers that are opened up one by one --------------------------------------------------------------


def one_by_one(snapshot: HostSnapshot) -> dict[tuple[Asker, Asked], set[str]]:
    """Each container and each port of each answer, and what is observed there."""
    found: dict[tuple[Asker, Asked], set[str]] = {}
    for answer in answers_of(HostView.of(snapshot)).answers:
        kind = answer.packet.origin.kind
        askers = [Asker(kind, answer.source.uplink)]
        if kind == "container":
            pairs = [
                (Asker(kind, container.name), port)
                for namespaces, ports in answer.pairs()
                for namespace in namespaces
                for container in namespace.containers
                for port in ports
                if answer.relation == "itself" or namespace.number != port.namespace.number
            ]
        else:
            pairs = [(asker, port) for asker in askers for port in answer.ports]
        for asker, port in pairs:
            net = port.net.network.name if port.net is not None else ""
            place = answer.at if port.host_port else f"its own IPv{6 if ':' in port.address else 4} address"
            asked = Asked(port.label, place, port.host_port, "" if port.host_port else net)
            found.setdefault((asker, asked), set()).add(answer.path.observed)
    return found


def state_of(flow: Flow | None) -> bool:
    return flow is not None and flow.state == "answered"


@pytest.mark.parametrize("seed", range(12))
def test_classes_say_of_each_flow_what_its_packet_says(seed: int) -> None:
    snapshot = random_docker_host(seed).snapshot()
    flows, each = flows_of(document(snapshot)), one_by_one(snapshot)
    for (asker, asked), observed in each.items():
        assert state_of(flows.flow(asker, asked)) == ("answered" in observed), (asker, asked)
    for asker in flows.askers:
        for asked in flows.asked:
            if asked.place and (asker, asked) not in each:
                assert flows.flow(asker, asked) is None, (asker, asked)


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_new_where_each_flow_is_as_it_was_and_something_is_where_one_is_not(seed: int) -> None:
    before = random_docker_host(seed)
    after = random_docker_host(seed)
    if seed % 2:
        after.own_rules.clear()
    else:
        after.listeners.append(Listener("tcp", ADDRESS, 8080, owner="other"))
    then, now = (flows_of(document(host.snapshot())) for host in (before, after))
    every = {(asker, asked) for side in (then, now) for asker in side.askers for asked in side.asked}
    changed = [pair for pair in every if outcome(then, *pair) != outcome(now, *pair)]
    assert bool(compare(then, now)) == bool(changed), changed[:3]
    assert bool(compare(now, then)) == bool(changed)


def outcome(flows: Flows, asker: Asker, asked: Asked) -> str | None:
    flow = flows.flow(asker, asked)
    return "unknown" if flow is not None and flow.state == "unknown" else flow.reached if flow is not None else None
