"""Checks that look for rules: there or gone, left over, in the right backend, wanted at all."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_orders import rule_making
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Subnet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    HostSnapshot,
    Source,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.unit.docker_host import DockerHost, big_host
from tests.unit.recorded_host import NAMES, recorded_host

EMPTY = "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"


def with_config(snapshot: HostSnapshot, mtime: float = 0.5, **values: Any) -> HostSnapshot:
    """The host with a daemon.json; dockerd started at 1.0."""
    config = DaemonConfig("/etc/docker/daemon.json", exists=True, values=values, mtime=mtime)
    sources = {**snapshot.sources, DAEMON_CONFIG: Source(read=True)}
    return replace(snapshot, daemon_config=config, sources=sources)


def judge(snapshot: HostSnapshot, check: str) -> list[Finding]:
    return run_checks(AuditContext(snapshot, Settings(checks=(check,))))


def only(snapshot: HostSnapshot, check: str) -> Finding:
    (finding,) = judge(snapshot, check)
    return finding


def changed(host: DockerHost, old: str, new: str = "") -> HostSnapshot:
    text = host.save_text()
    assert old in text
    return with_rules(host.snapshot(), text.replace(old, new))


def with_rules(snapshot: HostSnapshot, text: str, **more: str) -> HostSnapshot:
    return with_config(replace(snapshot, ruleset=Ruleset({"iptables-nft-save": text, **more})))


def with_flag(snapshot: HostSnapshot, flag: str) -> HostSnapshot:
    assert snapshot.daemon is not None
    return replace(snapshot, daemon=replace(snapshot.daemon, argv=[*snapshot.daemon.argv, flag]))


def with_ipv6(snapshot: HostSnapshot) -> HostSnapshot:
    networks = [
        replace(item, ipv6=True, subnets=[*item.subnets, Subnet(f"fd00:{number}::/64")])
        for number, item in enumerate(snapshot.networks)
    ]
    return replace(snapshot, networks=networks)


# ---- firewall.flushed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [27, 28])
@pytest.mark.parametrize("proxy", [True, False])
def test_rules_as_dockerd_writes_them_are_all_there(layout: int, proxy: bool) -> None:
    host = big_host(3, 6, layout=layout, proxy=proxy)
    assert only(host.snapshot(), "firewall.flushed").outcome == "pass"


@pytest.mark.parametrize("name", NAMES)
def test_rules_of_recorded_hosts_of_engine_29_are_all_there(name: str) -> None:
    assert only(recorded_host(name), "firewall.flushed").outcome == "pass"


def test_a_flushed_ruleset_is_one_finding_that_a_restart_mends() -> None:
    finding = only(with_rules(big_host(2, 2).snapshot(), EMPTY), "firewall.flushed")
    assert (finding.outcome, finding.severity, finding.resource.kind) == ("fail", "high", "host")
    assert finding.evidence["missing"][0].endswith("chain DOCKER of table nat")
    assert finding.summary.startswith("All of dockerd's")
    assert finding.summary.endswith("table nat and 6 more")
    assert finding.remediation is not None
    assert (finding.remediation.module, finding.remediation.args) == ("daemon_config", {"restart": "always"})


@pytest.mark.parametrize(
    ("layout", "lost", "said"),
    [
        (27, "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n", "jump from PREROUTING of table nat to DOCKER"),
        (
            27,
            "-A FORWARD -j DOCKER-ISOLATION-STAGE-1\n",
            "jump from FORWARD of table filter to DOCKER-ISOLATION-STAGE-1",
        ),
        (28, "-A FORWARD -j DOCKER-FORWARD\n", "jump from FORWARD of table filter to DOCKER-FORWARD"),
        (28, "-A DOCKER-FORWARD -j DOCKER-CT\n", "jump from DOCKER-FORWARD of table filter to DOCKER-CT"),
    ],
)
def test_a_jump_that_serves_all_networks_is_named(layout: int, lost: str, said: str) -> None:
    finding = only(changed(big_host(2, 2, layout=layout), lost), "firewall.flushed")
    assert finding.outcome == "fail"
    assert finding.evidence["missing"] == [f"IPv4: {said}"]
    assert finding.summary.startswith("Some of dockerd's")


def test_a_jump_of_one_network_is_told_of_that_network() -> None:
    host = big_host(2, 2, layout=28)
    device = host.networks[1].device
    finding = only(changed(host, f"-A DOCKER-BRIDGE -o {device} -j DOCKER\n"), "firewall.flushed")
    assert (finding.outcome, finding.resource.kind, finding.resource.name) == ("fail", "network", "net1")
    assert device in finding.summary


@pytest.mark.parametrize(("rules", "outcome"), [([], "pass"), (["-i eth0 -s 192.0.2.77/32 -j DROP"], "fail")])
def test_a_chain_for_people_that_nothing_leads_to_matters_where_they_filter(rules: list[str], outcome: str) -> None:
    host = big_host(2, 2)
    host.own_rules["filter", "DOCKER-USER"] = rules
    assert only(host.snapshot(), "firewall.flushed").outcome == "pass"
    finding = only(changed(host, "-A FORWARD -j DOCKER-USER\n"), "firewall.flushed")
    assert finding.outcome == outcome
    if rules:
        assert finding.evidence["rules"] == [f"-A DOCKER-USER {rules[0]}", "-A DOCKER-USER -j RETURN"]
        assert "so its 2 rules are not effective" in finding.summary
        assert finding.remediation is not None
        assert finding.remediation.module is None


def test_rules_in_the_legacy_backend_are_as_good() -> None:
    host = big_host(2, 2)
    snapshot = replace(host.snapshot(), ruleset=Ruleset({"iptables-legacy-save": host.save_text()}))
    assert only(snapshot, "firewall.flushed").outcome == "pass"


NFT_NAMES = [name for name in NAMES if name.startswith("nftables")]


def with_nft(snapshot: HostSnapshot, *gone: str) -> HostSnapshot:
    """The host without what nft lists and one of these words is in."""
    assert snapshot.ruleset is not None
    listed = json.loads(snapshot.ruleset.nft_json or "{}")["nftables"]
    kept = [item for item in listed if not any(word in json.dumps(item) for word in gone)]
    return replace(snapshot, ruleset=replace(snapshot.ruleset, nft_json=json.dumps({"nftables": kept})))


@pytest.mark.parametrize("name", NFT_NAMES)
def test_tables_of_the_nftables_backend_that_were_flushed_are_missed(name: str) -> None:
    finding = only(with_config(with_nft(recorded_host(name), "docker-bridges")), "firewall.flushed")
    assert (finding.outcome, finding.evidence["layout"]) == ("fail", "nftables")
    assert finding.summary.startswith("All of dockerd's")
    assert {item.partition(":")[0] for item in finding.evidence["missing"]} == {"IPv4"}
    assert any("chain filter-FORWARD of table docker-bridges" in item for item in finding.evidence["missing"])


@pytest.mark.parametrize("name", NFT_NAMES)
def test_a_map_of_the_nftables_backend_that_leads_to_no_bridge_is_missed(name: str) -> None:
    snapshot = recorded_host(name)
    (front,) = (item for item in snapshot.networks if item.name == "front")
    assert snapshot.ruleset is not None
    text = (snapshot.ruleset.nft_json or "").replace(f'["{front.bridge}", ', '["gone", ')
    finding = only(replace(snapshot, ruleset=replace(snapshot.ruleset, nft_json=text)), "firewall.flushed")
    assert (finding.outcome, finding.resource.name) == ("fail", "front")


@pytest.mark.parametrize("name", NFT_NAMES)
def test_a_flushed_base_chain_of_the_nftables_backend_cuts_every_bridge_off(name: str) -> None:
    findings = judge(with_nft(recorded_host(name), "@nat-postrouting-"), "firewall.flushed")
    assert {item.outcome for item in findings} == {"fail"}
    assert {item.resource.name for item in findings} == {"bridge", "front", "back"}
    assert all("from nat-POSTROUTING" in gap for item in findings for gap in item.evidence["missing"])
    assert "from nat-POSTROUTING" in findings[0].summary


def test_an_engine_that_makes_no_rules_misses_none() -> None:
    snapshot = with_config(with_rules(big_host(2, 2).snapshot(), EMPTY), iptables=False)
    assert only(snapshot, "firewall.flushed").outcome == "not_applicable"


@pytest.mark.parametrize(("values", "outcome"), [({}, "fail"), ({"iptables": False}, "not_applicable")])
def test_a_file_that_is_newer_than_dockerd_says_what_a_restart_makes(values: dict[str, Any], outcome: str) -> None:
    snapshot = with_config(with_rules(big_host(2, 2).snapshot(), EMPTY), 2.0, **values)
    assert only(snapshot, "firewall.flushed").outcome == outcome


def test_without_the_file_a_flush_cannot_be_told_from_a_wish() -> None:
    snapshot = replace(big_host(2, 2).snapshot(), ruleset=Ruleset({"iptables-nft-save": EMPTY}))
    finding = only(snapshot, "firewall.flushed")
    assert finding.outcome == "unknown"
    assert "daemon.json could not be read" in finding.summary


def test_with_a_part_of_the_rules_unread_nothing_is_missed() -> None:
    snapshot = with_rules(big_host(2, 2).snapshot(), EMPTY)
    assert snapshot.ruleset is not None
    snapshot = replace(snapshot, ruleset=replace(snapshot.ruleset, unread=["table ip nat could not be read"]))
    finding = only(snapshot, "firewall.flushed")
    assert finding.outcome == "unknown"
    assert "table ip nat" in finding.summary


def test_rules_that_nobody_understands_are_not_taken_for_gone() -> None:
    finding = only(with_rules(big_host(2, 2).snapshot(), "*filter\nnonsense\n"), "firewall.flushed")
    assert finding.outcome == "unknown"


def test_ipv6_counts_where_dockerd_makes_rules_for_it() -> None:
    snapshot = with_ipv6(with_rules(big_host(2, 2, layout=28).snapshot(), big_host(2, 2, layout=28).save_text()))
    finding = only(snapshot, "firewall.flushed")
    assert finding.outcome == "fail"
    assert "for IPv6 are missing" in finding.summary
    assert only(with_config(snapshot, ip6tables=False), "firewall.flushed").outcome == "pass"


# ---- firewall.disabled -----------------------------------------------------------------------------------------------


def test_rules_by_default_are_on() -> None:
    assert only(with_config(big_host(1, 1).snapshot()), "firewall.disabled").outcome == "pass"


@pytest.mark.parametrize("left", [True, False])
def test_a_file_that_turned_them_off_is_found_whatever_is_left(left: bool) -> None:
    host = big_host(1, 1)
    finding = only(
        with_config(with_rules(host.snapshot(), host.save_text() if left else EMPTY), iptables=False),
        "firewall.disabled",
    )
    assert (finding.outcome, finding.severity) == ("fail", "medium")
    assert "daemon.json:0: iptables: false" in finding.summary
    assert ("are stale" in finding.impact) is left
    assert finding.remediation is not None
    assert (finding.remediation.module, finding.remediation.args) == ("daemon_config", {"absent": ["iptables"]})
    assert "IPv6" not in finding.remediation.text


def test_a_flag_that_turned_them_off_is_decided_by_hand() -> None:
    finding = only(with_flag(with_config(big_host(1, 1).snapshot()), "--iptables=false"), "firewall.disabled")
    assert finding.outcome == "fail"
    assert finding.remediation is not None
    assert finding.remediation.module is None


def test_a_file_that_says_so_since_the_start_is_not_in_force() -> None:
    assert only(with_config(big_host(1, 1).snapshot(), 2.0, iptables=False), "firewall.disabled").outcome == "pass"
    snapshot = with_config(with_rules(big_host(1, 1).snapshot(), EMPTY), 2.0)
    assert only(snapshot, "firewall.disabled").outcome == "unknown"


def test_ip6tables_counts_where_there_is_an_ipv6_network_and_brings_what_the_engine_asks() -> None:
    snapshot = with_config(big_host(1, 1).snapshot())
    old = replace(snapshot, engine=replace(snapshot.engine, version="26.1.5"))  # type: ignore[type-var]
    assert only(old, "firewall.disabled").outcome == "pass"
    finding = only(with_ipv6(old), "firewall.disabled")
    assert finding.outcome == "fail"
    assert "which is false by default" in finding.summary
    assert finding.remediation is not None
    assert finding.remediation.args == {"config": {"ip6tables": True, "experimental": True}}
    assert "IPv6" in finding.remediation.text
    finding = only(with_config(with_ipv6(snapshot), ip6tables=False), "firewall.disabled")
    assert finding.remediation is not None
    assert finding.remediation.args == {"absent": ["ip6tables"]}


def test_without_a_network_that_leads_out_there_is_nothing_to_make() -> None:
    host = DockerHost()
    host.network(internal=True)
    assert only(with_config(host.snapshot()), "firewall.disabled").outcome == "not_applicable"


def test_what_the_daemon_was_told_cannot_be_known_without_it() -> None:
    snapshot = with_config(big_host(1, 1).snapshot())
    assert rule_making(snapshot, 4).value is True
    assert rule_making(replace(snapshot, daemon=None), 4).value is None
    assert rule_making(with_config(snapshot, iptables="no"), 4).value is True


# ---- firewall.mixed --------------------------------------------------------------------------------------------------


def test_rules_of_docker_in_both_backends_are_found() -> None:
    host = big_host(1, 1)
    snapshot = with_rules(
        host.snapshot(), host.save_text(), **{"iptables-legacy-save": "*nat\n:DOCKER - [0:0]\nCOMMIT\n"}
    )
    finding = only(snapshot, "firewall.mixed")
    assert (finding.outcome, finding.severity) == ("fail", "medium")
    assert finding.evidence["chains in legacy"] == ["legacy ip nat DOCKER"]


def test_other_peoples_rules_in_the_other_backend_are_no_mixture() -> None:
    host = big_host(1, 1)
    legacy = {
        "iptables-legacy-save": "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 25 -j DROP\nCOMMIT\n"
    }
    assert only(with_rules(host.snapshot(), host.save_text(), **legacy), "firewall.mixed").outcome == "pass"
    assert only(with_rules(host.snapshot(), EMPTY), "firewall.mixed").outcome == "not_applicable"


def test_rules_that_dockerd_makes_with_nftables_are_in_no_backend_of_iptables() -> None:
    assert only(recorded_host("nftables-proxy-on"), "firewall.mixed").outcome == "not_applicable"
    assert "nf_tables" in only(recorded_host("iptables-proxy-on"), "firewall.mixed").summary


# ---- firewall.stale --------------------------------------------------------------------------------------------------


def test_rules_for_an_interface_that_is_gone_are_one_finding() -> None:
    host = big_host(2, 2)
    gone = "-o br-0123456789ab"
    host.own_rules["filter", "FORWARD"] = [
        f"{gone} -j DOCKER",
        f"{gone} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ]
    finding = only(host.snapshot(), "firewall.stale")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "low", "br-0123456789ab")
    assert finding.evidence["number of rules"] == 2


@pytest.mark.parametrize(
    ("chain", "rule"),
    [("FORWARD", "-i tun0 -j ACCEPT"), ("DOCKER-USER", "-i wg0 -j DROP"), ("FORWARD", "-i docker+ -j ACCEPT")],
)
def test_rules_of_people_for_what_is_not_there_are_not_dockers(chain: str, rule: str) -> None:
    host = big_host(2, 2)
    host.own_rules["filter", chain] = [rule]
    assert only(host.snapshot(), "firewall.stale").outcome == "pass"


def test_a_bridge_that_is_missing_leaves_no_stale_rules() -> None:
    snapshot = big_host(2, 2).snapshot()
    links: list[Link] = [link for link in snapshot.links if link.kind != "bridge"]
    assert only(replace(snapshot, links=links), "firewall.stale").outcome == "pass"


def test_a_port_for_a_container_that_is_gone_is_found() -> None:
    host = big_host(1, 2)
    snapshot = replace(
        host.snapshot(), containers=host.containers[:1], container_namespaces=host.container_namespaces[:1]
    )
    found = judge(snapshot, "firewall.stale")
    address = host.containers[1].endpoints[0].address
    assert [item.resource.name for item in found] == [f"10002 to {address}", f"10003 to {address}"]
    assert all(item.outcome == "fail" for item in found)


def test_an_address_that_only_the_kernel_knows_of_is_a_containers_too() -> None:
    host = big_host(1, 1)
    nameless = [replace(item, endpoints=[]) for item in host.containers]
    assert only(replace(host.snapshot(), containers=nameless), "firewall.stale").outcome == "pass"


def test_swarms_own_translation_is_not_stale() -> None:
    host = big_host(1, 1)
    text = host.save_text().replace(
        ":DOCKER - [0:0]\n",
        ":DOCKER - [0:0]\n:DOCKER-INGRESS - [0:0]\n"
        "-A DOCKER-INGRESS -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.99.2:80\n",
        1,
    )
    assert only(with_rules(host.snapshot(), text), "firewall.stale").outcome == "pass"


@pytest.mark.parametrize("name", NAMES)
def test_recorded_hosts_of_engine_29_have_nothing_stale(name: str) -> None:
    assert only(recorded_host(name), "firewall.stale").outcome == "pass"
