# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes and policy rules that refuse or discard packets: which one ended a path, and what deletes it alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import PolicyRule, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    NullRoute,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.null_routes import without
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost

ELSEWHERE = "198.51.100.7"
INITIAL = {
    4: [PolicyRule(0, 4, table=255), PolicyRule(32766, 4, table=254), PolicyRule(32767, 4, table=253)],
    6: [PolicyRule(0, 6, table=255), PolicyRule(32766, 6, table=254)],
}
FROM_WEB, FROM_HOST = Origin(CONTAINER, "web"), Origin(HOST)
PUBLISHED = Packet(Origin(OUTSIDE, "eth0"), ADDRESS, "tcp", 8080, ELSEWHERE)


def host_with_web() -> HostSnapshot:
    host = DockerHost()
    host.container("web", [host.network()], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    return host.snapshot()


def ordered(rule: PolicyRule) -> list[PolicyRule]:
    others = [item for rules in INITIAL.values() for item in rules]
    return sorted([*others, rule], key=lambda item: (item.family, item.priority))


def on_host(what: PolicyRule | Route) -> HostSnapshot:
    snapshot = host_with_web()
    if isinstance(what, Route):
        return replace(snapshot, routes=[*snapshot.routes, what])
    return replace(snapshot, policy_rules=ordered(what))


def inside(what: PolicyRule | Route, rp_filter: str = "0") -> HostSnapshot:
    snapshot = host_with_web()
    (space,) = snapshot.container_namespaces
    if isinstance(what, Route):
        space = replace(space, routes=[*space.routes, what])
    else:
        space = replace(space, rules=ordered(what))
    space = replace(space, sysctls={**space.sysctls, "net.ipv4.conf.all.rp_filter": rp_filter})
    return replace(snapshot, container_namespaces=[space])


def ended(snapshot: HostSnapshot, packet: Packet) -> tuple[Path, NullRoute]:
    path = predict(HostView.of(snapshot), packet)
    assert path.decided_at is not None
    subject = path.steps[path.decided_at].subject
    assert subject is not None
    assert subject.null_route is not None
    return path, subject.null_route


KINDS = {"prohibit": "refuses", "unreachable": "refuses", "blackhole": "discards"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("packet", [Packet(FROM_WEB, ELSEWHERE, "tcp", 443), PUBLISHED], ids=["out", "answer"])
def test_a_policy_rule_inside_is_named(kind: str, packet: Packet) -> None:
    path, found = ended(inside(PolicyRule(10, 4, kind)), packet)
    assert f"policy rule 10 of container web ({kind}) {KINDS[kind]} packets to {ELSEWHERE}" in path.reason
    assert found == NullRoute("rule", kind, "policy rule 10", f"priority 10 {kind}", 4, "web")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("packet", [Packet(FROM_WEB, ELSEWHERE, "tcp", 443), PUBLISHED], ids=["out", "answer"])
def test_a_route_inside_is_named(kind: str, packet: Packet) -> None:
    path, found = ended(inside(Route("198.51.100.0/24", 254, kind)), packet)
    assert f"the route to 198.51.100.0/24 of container web ({kind}) {KINDS[kind]} packets to {ELSEWHERE}" in path.reason
    assert (found.sort, found.selector, found.container) == ("route", f"{kind} 198.51.100.0/24 table main", "web")


@pytest.mark.parametrize("rp_filter", ["1", "2"])
def test_a_container_that_checks_sources_does_not_even_answer_arp(rp_filter: str) -> None:
    """Since its route back is a policy rule that refuses; on many hosts systemd sets rp_filter for all."""
    path, found = ended(inside(PolicyRule(10, 4, "prohibit"), rp_filter), PUBLISHED)
    assert path.verdict != "delivered"
    assert f"rp_filter of eth0 is {rp_filter} and policy rule 10 of container web (prohibit) refuses" in path.reason
    assert found.selector == "priority 10 prohibit"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "packet", [Packet(FROM_WEB, ELSEWHERE, "tcp", 443), Packet(FROM_HOST, ELSEWHERE, "tcp", 443), PUBLISHED],
    ids=["forwarded", "of the host", "answer"],
)  # fmt: skip
def test_one_of_the_host_is_named(kind: str, packet: Packet) -> None:
    path, found = ended(on_host(PolicyRule(10, 4, kind, destination="198.51.100.0/24")), packet)
    assert f"policy rule 10 of the host ({kind}) {KINDS[kind]} packets to {ELSEWHERE}" in path.reason
    selector = f"priority 10 to 198.51.100.0/24 {kind}"
    assert found == NullRoute("rule", kind, "policy rule 10", selector, 4)
    path, found = ended(on_host(Route("198.51.100.0/24", 254, kind, metric=5)), packet)
    assert f"the route to 198.51.100.0/24 of the host ({kind}) {KINDS[kind]} packets to {ELSEWHERE}" in path.reason
    assert (found.sort, found.selector) == ("route", f"{kind} 198.51.100.0/24 table main metric 5")


@pytest.mark.parametrize(
    ("rule", "selector"),
    [
        (PolicyRule(7, 4, "prohibit", source="172.18.0.0/16"), "priority 7 from 172.18.0.0/16 prohibit"),
        (PolicyRule(7, 4, "prohibit", incoming="br-aa"), "priority 7 iif br-aa prohibit"),
        (PolicyRule(7, 4, "blackhole", inverted=True, source="10.0.0.0/8"), "priority 7 not from 10.0.0.0/8 blackhole"),
        (PolicyRule(7, 4, "prohibit", inverted=True, mark=9, mask=255), "priority 7 not fwmark 0x9/0xff prohibit"),
    ],
)
def test_what_a_rule_is_deleted_by_is_what_it_asks_for(rule: PolicyRule, selector: str) -> None:
    snapshot = host_with_web()
    (bridge,) = (link.name for link in snapshot.links if link.kind == "bridge")
    rule = replace(rule, incoming=bridge) if rule.incoming else rule
    found = ended(on_host(rule), Packet(FROM_WEB, ELSEWHERE, "tcp", 443))[1]
    assert found.selector == selector.replace("br-aa", bridge)


def test_a_host_without_any_route_has_none() -> None:
    snapshot = host_with_web()
    snapshot = replace(snapshot, routes=[item for item in snapshot.routes if item.destination != "0.0.0.0/0"])
    path = predict(HostView.of(snapshot), Packet(FROM_HOST, ELSEWHERE, "tcp", 443))
    assert path.reason == f"the host has no route to {ELSEWHERE}"
    assert path.steps[-1].subject is not None
    assert path.steps[-1].subject.null_route is None


INSIDE = NullRoute("rule", "prohibit", "policy rule 10", "priority 10 prohibit", 4, "web")
OF_IPV6 = NullRoute("route", "blackhole", "the route to 2001:db8::/32", "blackhole 2001:db8::/32 table main", 6)


def test_the_commands_are_for_where_it_is() -> None:
    containers = host_with_web().containers
    (pid,) = (item.pid for item in containers)
    text = without(INSIDE, containers).text
    for command in ("ip rule show", "ip rule delete priority 10 prohibit", "ip route get ADDRESS"):
        assert f"nsenter -n -t {pid} {command}" in text
    text = without(OF_IPV6, containers).text
    assert "nsenter" not in text
    for command in (
        "ip -6 route show table all type blackhole",
        "ip -6 route delete blackhole 2001:db8::/32 table main",
    ):
        assert command in text
    assert "nsenter -n -t PID ip rule show" in without(INSIDE, []).text
