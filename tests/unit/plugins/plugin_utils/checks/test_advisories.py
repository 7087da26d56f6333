"""Published weaknesses count where the release has them and the host has what they take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Endpoint, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ContainerNamespace, Link, Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.advisories import ADVISORIES
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.unit.synthetic_host import HOST_NETNS, SyntheticHost, identity

FIREWALLD = Ruleset({"iptables-nft-save": "*filter\n:IN_public - [0:0]\nCOMMIT\n"})
NFT_FIREWALLD = Ruleset(nft_json='{"nftables": [{"table": {"family": "inet", "name": "firewalld", "handle": 3}}]}')


def judge(version: str, host: SyntheticHost | None = None, **changes: Any) -> dict[str, Finding]:
    host = host or SyntheticHost()
    host.version = version
    context = AuditContext(replace(host.snapshot(), **changes), Settings(checks=("daemon.advisory",)))
    findings = run_checks(context)
    # A condition that cannot be asked must not look like one that is not met.
    assert not context.defects
    return {item.resource.name.removeprefix("dockerd").strip(): item for item in findings}


@pytest.mark.parametrize(
    ("id_", "has", "has_not"),
    [
        ("CVE-2025-54410", ["20.10.5", "25.0.12", "26.1.5", "27.5.1"], ["25.0.13", "28.0.0", "29.7.2"]),
        ("CVE-2025-54388", ["28.2.0", "28.3.2"], ["28.1.1", "28.3.3"]),
        ("CVE-2024-32473", ["26.0.0", "26.0.1"], ["25.0.5", "26.0.2"]),
        ("CVE-2024-29018", ["20.10.24", "23.0.10", "24.0.9", "25.0.4"], ["23.0.11", "25.0.5", "26.0.0"]),
        ("CVE-2026-115538", ["20.10.5", "29.9.2"], ["29.9.3"]),
    ],
)
def test_ranges(id_: str, has: list[str], has_not: list[str]) -> None:
    (advisory,) = (item for item in ADVISORIES if item.id == id_)
    for version in has + has_not:
        numbers = [int(part) for part in version.split(".")]
        assert advisory.concerns((numbers[0], numbers[1], numbers[2])) == (version in has), version


@pytest.mark.parametrize("ruleset", [FIREWALLD, NFT_FIREWALLD, Ruleset(nft_tables=["inet firewalld"])])
def test_firewalld_makes_the_loss_of_isolation_matter(ruleset: Ruleset) -> None:
    finding = judge("26.1.5", ruleset=ruleset)["CVE-2025-54410"]
    assert (finding.outcome, finding.severity) == ("fail", "medium")
    assert "26.1.5" in finding.summary
    assert finding.evidence["fixed in"] == "25.0.13, 28.0.0"


def test_an_old_release_alone_is_no_finding() -> None:
    finding = judge("26.1.5")[""]
    assert finding.outcome == "pass"
    assert "CVE-2025-54410" in finding.evidence


def test_without_the_ruleset_it_is_unknown() -> None:
    host = SyntheticHost().unread("ruleset")
    assert judge("26.1.5", host)["CVE-2025-54410"].outcome == "unknown"


def test_a_release_without_weakness_passes_and_one_without_number_is_unknown() -> None:
    assert judge("29.9.3", ruleset=FIREWALLD)[""].outcome == "pass"
    finding = judge("dev")[""]
    assert (finding.outcome, finding.evidence) == ("unknown", {"version": "dev"})
    assert "dev" in finding.summary
    assert [item.outcome for item in judge("26.1.5", engine=None).values()] == ["unknown"]


def test_the_engine_says_itself_that_it_works_with_firewalld() -> None:
    host = SyntheticHost(engine={"firewall_driver": "iptables+firewalld"})
    assert "CVE-2025-54388" not in judge("28.3.2", host)
    host.container("db", publish=("127.0.0.1|5432|5432/tcp",))
    finding = judge("28.3.2", host)["CVE-2025-54388"]
    assert finding.outcome == "fail"
    assert "127.0.0.1:5432" in finding.evidence["condition"]


def test_a_container_with_ipv6_on_a_network_without() -> None:
    host = SyntheticHost().container("web")
    inside = ContainerNamespace(4026540000, [Link(2, "eth0", addresses=["10.88.1.2/24", "fe80::2/64"])])
    finding = judge("26.0.1", host, container_namespaces=[inside])["CVE-2024-32473"]
    assert (finding.outcome, finding.severity) == ("fail", "high")
    assert "CVE-2024-32473" not in judge("26.0.1", host)
    host.networks[1] = replace(host.networks[1], ipv6=True)
    assert "CVE-2024-32473" not in judge("26.0.1", host, container_namespaces=[inside])


@pytest.mark.parametrize("source", ["namespaces", "container_namespaces"])
def test_without_the_namespaces_it_is_unknown_what_containers_have(source: str) -> None:
    found = judge("26.0.1", SyntheticHost().container("web").unread(source))
    assert found["CVE-2024-32473"].outcome == "unknown"


@pytest.mark.parametrize("netns", [4026549999, None])
def test_what_a_container_has_whose_namespace_was_not_found_is_unknown(netns: int | None) -> None:
    host = SyntheticHost().container("web").container("gone", netns=netns, nsid=None)
    finding = judge("26.0.1", host)["CVE-2024-32473"]
    assert finding.outcome == "unknown"
    assert "gone on IPv4 networks" in finding.summary
    host.container_namespaces[0] = ContainerNamespace(4026540000, [Link(2, "eth0", addresses=["fe80::2/64"])])
    assert judge("26.0.1", host)["CVE-2024-32473"].outcome == "fail"


@pytest.mark.parametrize(("networks", "netns"), [(["host"], HOST_NETNS), (["six"], 4026549999), ([], 4026549999)])
def test_who_is_not_on_ipv4_networks_alone_leaves_nothing_unknown(networks: list[str], netns: int) -> None:
    host = SyntheticHost().network("six", "10.88.6.0/24").container("web")
    host.networks[-1] = replace(host.networks[-1], ipv6=True)
    ends = [Endpoint(name, identity(name)) for name in networks]
    host.containers.append(replace(host.containers[0], id=identity("other"), name="other", netns=netns, endpoints=ends))
    assert "CVE-2024-32473" not in judge("26.0.1", host)


@pytest.mark.parametrize(
    ("traits", "attached", "has"),
    [
        ({}, ("inner",), True),
        ({"internal": False}, ("inner",), False),
        ({"driver": "overlay", "scope": "swarm"}, ("inner",), False),
        ({}, ("inner", "front"), False),
        ({}, (), False),
    ],
)
def test_who_sends_names_out_is_on_internal_bridge_networks_alone(
    traits: dict[str, Any], attached: tuple[str, ...], has: bool
) -> None:
    host = SyntheticHost(nameservers=["127.0.0.53"]).network("inner", "10.88.9.0/24", internal=True)
    host.container("vault", networks=attached, mode="host")
    host.networks[-1] = replace(host.networks[-1], **traits)
    assert ("CVE-2024-29018" in judge("20.10.24", host)) is has


@pytest.mark.parametrize(
    ("driver", "options", "has"),
    [("overlay", {"encrypted": ""}, True), ("overlay", {}, False), ("bridge", {"encrypted": ""}, False)],
)
def test_an_overlay_network_is_encrypted_by_its_option(driver: str, options: dict[str, str], has: bool) -> None:
    host = SyntheticHost(engine={"firewall_driver": "iptables+firewalld"})
    host.networks.append(Network(identity("mesh"), "mesh", driver, options=options))
    assert ("CVE-2026-115538" in judge("29.1.0", host)) is has


def test_an_internal_network_and_a_resolver_of_the_hosts_own() -> None:
    host = SyntheticHost().network("inner", "10.88.9.0/24", internal=True).container("vault", networks=("inner",))
    assert "CVE-2024-29018" not in judge("20.10.24", host)
    host.nameservers = ["127.0.0.1"]
    finding = judge("20.10.24", host)["CVE-2024-29018"]
    assert finding.outcome == "fail"
    assert "vault" in finding.evidence["condition"]
    assert judge("20.10.24", host.unread("nameservers"))["CVE-2024-29018"].outcome == "unknown"


def test_an_encrypted_overlay_network() -> None:
    host = SyntheticHost(engine={"firewall_driver": "iptables+firewalld", "swarm": True})
    host.networks.append(Network(identity("mesh"), "mesh", "overlay", "swarm", options={"encrypted": ""}))
    assert judge("29.1.0", host)["CVE-2026-115538"].outcome == "fail"
