# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change on paper makes the host that the change makes: held against hosts that were made or recorded so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    RULESET,
    HostSnapshot,
    Source,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.compare import compare
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.flows import Flows
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.changes import (
    MOST_CHANGES,
    BadChangeError,
    read_changes,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.dockerd_rules import mode_of, rules_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_host import with_changes
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_rules import (
    PaperRules,
    UndeterminedError,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.prediction import (
    plan_lines,
    planned,
    predicted,
)

from tests.unit.docker_host import WILDCARD, DockerHost
from tests.unit.recorded_host import recorded_host

DB = PublishedPort("tcp", 5432, WILDCARD, 5432)
PUBLISH = {"publish": {"container": "db", "port": 5432, "host_port": 5432, "host_ip": WILDCARD}}
KINDS = [(layout, proxy) for layout in (27, 28) for proxy in (True, False)]


def shop(*published: PublishedPort, icc: bool = True, inner: bool = False, **options: Any) -> HostSnapshot:
    """Web and db on net0, db and job on net1, and with inner job on the internal net2."""
    host = DockerHost(**options)
    near, far = host.network(icc=icc), host.network()
    more = [host.network(internal=True)] if inner else []
    host.container("web", [near], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.container("db", [near, far], published, [("tcp", 5432)])
    host.container("job", [far, *more], listen=[("tcp", 9)])
    return host.snapshot()


def on_paper(snapshot: HostSnapshot, *changes: dict[str, Any]) -> HostSnapshot:
    return with_changes(snapshot, read_changes(list(changes)))


def differences(one: HostSnapshot, other: HostSnapshot) -> list[str]:
    flows = (Flows(AuditContext(snapshot, Settings()).matrix) for snapshot in (one, other))
    return [change.words for change in compare(*flows)]


# ---- the host that a change makes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layout", "proxy"), KINDS)
def test_a_published_port_and_back(layout: int, proxy: bool) -> None:
    bare, whole = (shop(*ports, layout=layout, proxy=proxy) for ports in ((), (DB,)))
    paper = on_paper(bare, PUBLISH)
    assert differences(bare, paper)
    assert differences(paper, whole) == []
    back = {"unpublish": {"container": "db", "host_port": 5432}}
    assert differences(on_paper(paper, back), bare) == []
    assert differences(on_paper(whole, back), bare) == []


@pytest.mark.parametrize(("layout", "proxy"), KINDS)
@pytest.mark.parametrize("icc", [True, False])
def test_icc_one_way_and_the_other(layout: int, proxy: bool, icc: bool) -> None:
    before, after = (shop(DB, icc=value, layout=layout, proxy=proxy) for value in (icc, not icc))
    paper = on_paper(before, {"icc": {"network": "net0", "enabled": not icc}})
    assert differences(before, paper)
    assert differences(paper, after) == []
    assert differences(on_paper(paper, {"icc": {"network": "net0", "enabled": icc}}), before) == []


@pytest.mark.parametrize(("layout", "proxy"), KINDS)
def test_docker_proxy_one_way_and_the_other(layout: int, proxy: bool) -> None:
    before, after = (shop(DB, layout=layout, proxy=value) for value in (proxy, not proxy))
    paper = on_paper(before, {"userland_proxy": not proxy})
    assert differences(before, paper)
    assert differences(paper, after) == []
    assert differences(on_paper(paper, {"userland_proxy": proxy}), before) == []


@pytest.mark.parametrize(("layout", "proxy"), KINDS)
def test_an_internal_network_and_a_container_on_it(layout: int, proxy: bool) -> None:
    before, after = (shop(DB, inner=inner, layout=layout, proxy=proxy) for inner in (False, True))
    ends = {"network": "net2", "container": "job"}
    added = on_paper(before, {"network": {"name": "net2", "internal": True}})
    paper = on_paper(added, {"connect": ends})
    assert differences(paper, after) == []
    assert differences(on_paper(paper, {"disconnect": ends}), added) == []


@pytest.mark.parametrize("proxy", [True, False])
def test_an_engine_with_another_layout_of_rules(proxy: bool) -> None:
    before, after = (shop(DB, layout=layout, proxy=proxy, icc=False, inner=True) for layout in (27, 28))
    paper = on_paper(before, {"engine": "28.5.2"})
    assert differences(before, paper)
    assert differences(paper, after) == []
    # With 29, containers reach without docker-proxy what another network publishes.
    crossing = differences(after, on_paper(after, {"engine": "29.0.0"}))
    assert [line.partition(":")[0] for line in crossing] == ["new"] * len(crossing)
    assert bool(crossing) == (not proxy)


@pytest.mark.parametrize(("off", "before", "after"), [(True, "on", "off"), (False, "off", "on")])
def test_a_recorded_engine_29_with_docker_proxy_off_and_on(off: bool, before: str, after: str) -> None:
    paper = on_paper(recorded_host(f"iptables-proxy-{before}"), {"userland_proxy": not off})
    # What is published on IPv6 by docker-proxy alone comes back once its container is started anew.
    expected = [] if off else ["new: the host reaches web:80/tcp at [::1]:8080"]
    assert differences(paper, recorded_host(f"iptables-proxy-{after}")) == expected


@pytest.mark.parametrize("name", ["iptables-proxy-on", "iptables-proxy-off"])
def test_a_recorded_engine_29_has_the_rules_that_are_written_for_it_and_no_others(name: str) -> None:
    snapshot = recorded_host(name)
    assert snapshot.ruleset is not None
    for version in (4, 6):
        rules = PaperRules(snapshot.ruleset, version)
        written = {(rule.table, rule.chain, rule.text) for rule in rules_of(snapshot, mode_of(snapshot, version))}
        there = {
            (table, chain, text)
            for table in ("raw", "nat", "filter")
            for chain in rules.chains(table)
            for text in rules.rules(table, chain)
        }
        assert written == there


def test_all_that_is_not_dockerds_stays_as_it_is() -> None:
    host = DockerHost()
    host.container("db", [host.network()], listen=[("tcp", 5432)])
    host.own_rules["filter", "DOCKER-USER"] = ["-s 198.51.100.7/32 -j DROP"]
    host.own_rules["filter", "FORWARD"] = ["-i tun0 -j ACCEPT"]
    host.own_rules["mangle", "PREROUTING"] = ["-j MARK --set-mark 7"]
    before = host.snapshot()
    paper = on_paper(before, PUBLISH, {"unpublish": {"container": "db", "host_port": 5432}})
    assert before.ruleset is not None
    assert paper.ruleset is not None
    (text,), (again,) = before.ruleset.save.values(), paper.ruleset.save.values()
    # The same lines: those of a chain in their order, and no chain comes first.
    assert sorted(again.splitlines()) == sorted(text.splitlines())
    assert "-A FORWARD -i tun0 -j ACCEPT" in again


# ---- what harden plans -----------------------------------------------------------------------------------------------


def planned_for(snapshot: HostSnapshot, **modules: dict[str, Any]) -> dict[str, Any]:
    found = planned(snapshot, modules)
    return {**found, "listing": plan_lines(found)}


def test_a_plan_without_effect_on_packets_has_no_lines() -> None:
    found = planned_for(shop(DB), daemon_config={"config": {"live-restore": True, "log-driver": "local"}, "absent": []})
    assert found["listing"] == []


def test_docker_proxy_off_by_a_plan_comes_with_the_guard_of_loopback_addresses() -> None:
    host = shop(DB, layout=27)
    found = planned_for(host, daemon_config={"config": {"userland-proxy": False}, "absent": []})
    alone = predicted(host, read_changes([{"userland_proxy": False}]))
    assert set(alone["no_longer"]) < set(found["no_longer"])
    (guarded,) = set(found["no_longer"]) - set(alone["no_longer"])
    assert guarded.startswith("no longer: outside reaches db:5432/tcp, web:80/tcp at 127.0.0.1: ")
    assert found["listing"][0] == "Reachability after the planned changes:"
    assert f"  {guarded}" in found["listing"]
    assert all(line.isprintable() for line in found["listing"])


def test_of_many_changes_of_a_plan_the_first_are_shown() -> None:
    lines = plan_lines({"new": [f"new: {number}" for number in range(9)], "no_longer": [], "undetermined": []})
    assert lines[1:] == ["  new: 0", "  new: 1", "  new: 2", "  ... and 6 more"]


def test_forwarding_and_a_closed_chain_by_a_plan() -> None:
    host = DockerHost(forward_policy="ACCEPT")
    host.container("db", [host.network()], listen=[("tcp", 5432)])
    host.sysctls["net.ipv4.ip_forward"] = "0"
    still = host.snapshot()
    opened = planned_for(still, ip_forward={"families": ["ipv4"], "forward_policy": "keep"})
    assert any(line.startswith("new: outside reaches db:5432/tcp at its own") for line in opened["new"])
    closed = planned_for(still, ip_forward={"families": ["ipv4"], "forward_policy": "drop"})
    assert [line for line in closed["new"] if "outside reaches" in line] == []
    assert any("machines outside" in line for line in closed["new"])


def test_hairpin_by_a_plan() -> None:
    host = shop(DB, proxy=False)
    flat = replace(host, links=[replace(link, hairpin=False) if link.hairpin else link for link in host.links])
    assert differences(flat, host)
    found = planned_for(flat, bridge_hairpin={"state": "auto"})
    assert [line for line in found["new"] if " itself reaches " in line]


def test_what_of_a_plan_cannot_be_told_is_named_and_the_rest_is_told() -> None:
    found = planned_for(
        shop(DB),
        daemon_config={"config": {"userland-proxy": False, "iptables": False}, "absent": [], "restart": "always"},
        bridge_network={"networks": [{"name": "front"}]},
    )
    assert [line.partition(" shows")[0] for line in found["undetermined"]] == [
        "daemon_config: what iptables in daemon.json changes",
        "daemon_config: a restart brings into force what dockerd has not read yet: see daemon.pending",
        "bridge_network: what becomes of the networks front",
    ]
    assert found["no_longer"]
    assert sum(line.startswith("  undetermined: ") for line in found["listing"]) == 3


# ---- what cannot be told ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lost", "change"),
    [
        ("-A DOCKER ! -i br-000000000000 -p tcp", PUBLISH),
        ("-A FORWARD -i br-000000000000 -o br-000000000000", {"icc": {"network": "net0", "enabled": False}}),
        ("-A OUTPUT ", {"userland_proxy": False}),
    ],
)
def test_rules_that_are_not_as_their_engine_writes_them_leave_it_undetermined(
    lost: str, change: dict[str, Any]
) -> None:
    snapshot = shop()
    assert snapshot.ruleset is not None
    save = {
        name: "\n".join(line for line in text.splitlines() if not line.startswith(lost)) + "\n"
        for name, text in snapshot.ruleset.save.items()
    }
    changed = replace(snapshot, ruleset=replace(snapshot.ruleset, save=save))
    with pytest.raises(UndeterminedError, match=r"Missing in table \w+: -A |docker-proxy is on is not known"):
        on_paper(changed, change)


def test_what_cannot_be_told_is_said_and_nothing_else() -> None:
    snapshot = shop()
    unread = replace(snapshot, ruleset=None, sources={**snapshot.sources, RULESET: Source(read=False)})
    nftables = recorded_host("nftables-proxy-on")
    backend = {"firewall_backend": "nftables"}
    for host, change in ((unread, PUBLISH), (nftables, {"userland_proxy": False}), (snapshot, backend)):
        found = predicted(host, read_changes([change]))
        assert found["msg"] == "undetermined: 1"
        assert (found["new"], found["no_longer"], found["findings_new"]) == ([], [], [])
    moved = {"network": {"name": "aaa"}}, {"connect": {"network": "aaa", "container": "web"}}
    with pytest.raises(UndeterminedError, match="would leave the host by net0 or aaa"):
        on_paper(snapshot, *moved)


# ---- what no engine would do, and what is written wrongly ------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"publish": {**PUBLISH["publish"], "container": "nobody"}}, "no container nobody runs on this host; running:"),
        ({"publish": {**PUBLISH["publish"], "host_port": 22}}, "port 22/tcp of the host is taken by sshd"),
        ({"publish": {**PUBLISH["publish"], "host_port": 8080}}, "port 8080/tcp of the host is taken by docker-proxy"),
        ({"publish": {**PUBLISH["publish"], "host_ip": "198.51.100.1"}}, "198.51.100.1 is no address of this host"),
        ({"unpublish": {"container": "web", "host_port": 81}}, "published: 0.0.0.0:8080->80/tcp"),
        ({"network": {"name": "net0"}}, "there is a network net0 on this host already"),
        ({"network": {"name": "x", "subnet": "192.0.2.0/25"}}, "192.0.2.0/25 overlaps with"),
        ({"connect": {"network": "net9", "container": "web"}}, "no bridge network net9 on this host; there are: net0"),
        ({"connect": {"network": "net0", "container": "web"}}, "is connected to net0 already"),
        ({"disconnect": {"network": "net1", "container": "web"}}, "its networks: net0"),
        ({"icc": {"network": "net0", "enabled": True}}, "icc of network net0 is on already"),
        ({"userland_proxy": True}, "docker-proxy is on already"),
        ({"engine": "26.1.5"}, "Engine 27.5.1 runs on this host, and 26.1.5 is not later"),
    ],
)  # fmt: skip
def test_what_no_engine_would_do_is_refused_by_name(change: dict[str, Any], words: str) -> None:
    found = predicted(shop(), read_changes([change]))
    assert found["failed"]
    assert words in found["msg"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([], "expected one change at least"),
        ([PUBLISH] * (MOST_CHANGES + 1), "are more than"),
        (["publish"], "changes[0]: expected a dict with one key, found str"),
        ([{}], "found 0 keys"),
        ([PUBLISH, {**PUBLISH, "icc": {}}], "changes[1]: expected a dict with one key, found 2 keys"),
        ([{"explode": True}], "'explode' is no change; there are publish, "),
        ([{"publish": "db"}], "changes[0].publish: expected a dict with container, "),
        ([{"publish": {"container": "db"}}], "missing required arguments: host_port, port"),
        ([{"publish": {**PUBLISH["publish"], "colour": 1}}], "colour"),
        ([{"publish": {**PUBLISH["publish"], "port": 0}}], "changes[0].publish.port: 0 is no port"),
        ([{"publish": {**PUBLISH["publish"], "port": "x"}}], "port"),
        ([{"publish": {**PUBLISH["publish"], "host_ip": "here"}}], "'here' is no address"),
        ([{"network": {"name": "no such name"}}], "no engine takes 'no such name'"),
        ([{"network": {"name": "x", "subnet": "10.0.0.1/8"}}], "subnet: 10.0.0.1/8 has host bits set"),
        ([{"engine": "newest"}], "expected the version of an engine"),
        ([{"userland_proxy": "perhaps"}], "enabled"),
        ([{"firewall_backend": "pf"}], "backend"),
    ],
)
def test_what_is_written_wrongly_is_refused_with_its_place(changes: list[Any], words: str) -> None:
    with pytest.raises(BadChangeError) as caught:
        read_changes(changes)
    assert words in str(caught.value)


def test_findings_that_the_change_makes_and_fixes_are_named() -> None:
    found = predicted(shop(), read_changes([PUBLISH]))
    (line,) = found["findings_new"]
    assert line.startswith("publish.wildcard (medium): port db:5432/tcp: db publishes 5432/tcp, ")
    assert found["findings_fixed"] == []
    assert found["msg"] == "reachable: 3 new, 0 no longer; findings: 1 new, 0 fixed"
    back = predicted(shop(DB), read_changes([{"unpublish": {"container": "db", "host_port": 5432}}]))
    assert back["findings_fixed"] == found["findings_new"]


@pytest.mark.parametrize("name", ["\x1b[2Jdb\n", "<b>", "\u202ebd"])
def test_names_of_strangers_are_inert(name: str) -> None:
    snapshot = shop()
    containers = [replace(item, name=name) if item.name == "db" else item for item in snapshot.containers]
    hostile = replace(snapshot, containers=containers)
    found = predicted(hostile, read_changes([{"publish": {**PUBLISH["publish"], "container": name}}]))
    assert found["new"]
    assert all(line.isprintable() for lines in found.values() if isinstance(lines, list) for line in lines)
    refused = predicted(hostile, read_changes([{"publish": {**PUBLISH["publish"], "container": "x"}}]))
    assert refused["msg"].isprintable()
