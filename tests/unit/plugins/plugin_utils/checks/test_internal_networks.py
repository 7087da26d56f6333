# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal networks that are open."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix import questions

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost
from tests.unit.recorded_host import recorded_host

PORT = ("tcp", 80)


def judge(host: DockerHost | HostSnapshot) -> list[Finding]:
    snapshot = host.snapshot() if isinstance(host, DockerHost) else host
    return run_checks(AuditContext(snapshot, Settings(checks=("network.internal-open",))))


def only(host: DockerHost | HostSnapshot) -> Finding:
    (finding,) = judge(host)
    return finding


def host_with_vault(*rules: str, layout: int = 28, wildcard: bool = True) -> DockerHost:
    """Container web publishes 8080 from an ordinary network; vault and safe are on an internal one."""
    host = DockerHost(layout=layout, own_rules={("filter", "DOCKER-USER"): list(rules)})
    front, inner = host.network(), host.network(internal=True)
    host.container("web", [front], [PublishedPort("tcp", 80, WILDCARD if wildcard else ADDRESS, 8080)], [PORT])
    host.container("vault", [inner], listen=[PORT])
    host.container("safe", [inner], listen=[PORT])
    return host


def without_default_route(snapshot: HostSnapshot, *names: str) -> HostSnapshot:
    """As containers of internal networks have it."""
    places = {item.netns for item in snapshot.containers if item.name in names}
    inner = [
        replace(space, routes=[route for route in space.routes if not route.gateways])
        if space.inode in places
        else space
        for space in snapshot.container_namespaces
    ]
    return replace(snapshot, container_namespaces=inner)


@pytest.mark.parametrize("layout", [27, 28])
def test_rules_of_dockerd_keep_an_internal_network_closed_even_for_who_has_a_route(layout: int) -> None:
    finding = only(host_with_vault(layout=layout))
    assert finding.outcome == "pass"
    assert finding.evidence["that were not blocked"] == 0


def test_where_all_containers_are_on_one_it_is_judged_all_the_same() -> None:
    host = DockerHost(layout=28)
    host.container("vault", [host.network(internal=True)], listen=[PORT])
    assert only(host).outcome == "pass"


def test_nobody_is_asked_for_without_a_container_on_one() -> None:
    host = DockerHost()
    host.container("web", [host.network()], listen=[PORT])
    host.network(internal=True)
    assert only(host).outcome == "not_applicable"


def test_a_port_published_on_all_addresses_is_reached_at_the_own_gateway() -> None:
    host = host_with_vault("-i br-000000000001 -j ACCEPT", "-o br-000000000001 -j ACCEPT")
    finding = only(without_default_route(host.snapshot(), "vault", "safe"))
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "high", "net1")
    gateway = host.networks[1].address(0)
    assert finding.evidence["to"] == f"web:80/tcp at {gateway}"
    assert finding.evidence["packet"].endswith(f" to {gateway}:8080/tcp")
    assert sorted(finding.evidence["from"].split(", ")) == ["safe", "vault"]
    # One that is published on an address to which there is no route is not.
    host = host_with_vault("-i br-000000000001 -j ACCEPT", wildcard=False)
    assert only(without_default_route(host.snapshot(), "vault", "safe")).outcome == "pass"


def test_a_request_counts_that_gets_out_without_an_answer() -> None:
    """Nothing is masqueraded, and the way back is shut."""
    finding = only(host_with_vault("-i br-000000000001 -j ACCEPT"))
    assert finding.outcome == "fail"
    assert "machines outside" in finding.summary


def test_an_internal_network_that_is_reached_from_elsewhere() -> None:
    finding = only(host_with_vault("-o br-000000000001 -j ACCEPT", layout=27))
    assert finding.outcome == "fail"
    assert finding.evidence["to"] == "safe:80/tcp, vault:80/tcp"
    assert "is reached" in finding.summary
    assert "machines outside through eth0" in finding.evidence["from"]


def test_without_rules_it_is_open_both_ways() -> None:
    snapshot = replace(host_with_vault().snapshot(), ruleset=Ruleset({"iptables-nft-save": "*filter\nCOMMIT\n"}))
    assert [finding.outcome for finding in judge(snapshot)] == ["fail", "fail"]


def test_a_container_that_is_on_another_network_besides_is_not_confined() -> None:
    host = DockerHost(layout=28)
    front, inner = host.network(), host.network(internal=True)
    host.container("both", [front, inner], listen=[PORT])
    host.container("vault", [inner], listen=[PORT])
    assert only(host).outcome == "pass"


def test_what_cannot_be_told_is_unknown() -> None:
    finding = only(host_with_vault("-i br-000000000001 -m recent --name x --rcheck -j ACCEPT"))
    assert finding.outcome == "unknown"
    assert "recent" in finding.summary


def test_it_is_not_said_to_be_closed_where_packets_were_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MOST_QUESTIONS", 0)
    finding = only(host_with_vault())
    assert finding.outcome == "unknown"
    assert "not all packets from " in finding.summary


@pytest.mark.parametrize("proxy", ["proxy-on", "proxy-off"])
def test_engine_29_leaves_a_way_to_published_ports_with_nftables(proxy: str) -> None:
    assert only(recorded_host(f"iptables-{proxy}")).outcome == "pass"
    finding = only(recorded_host(f"nftables-{proxy}"))
    assert (finding.outcome, finding.resource.name) == ("fail", "vault")
    assert "web:80/tcp at 10.88.3.1" in finding.summary
    assert finding.remediation is not None
    assert "gateway_mode_ipv4=isolated" in finding.remediation.text
