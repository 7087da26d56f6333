"""Capabilities, by what the kernel lets a container have."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.linux_capabilities import BITS, allowed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.unit.synthetic_host import BOUNDING, HOST_NETNS, SyntheticHost

ALL = 0x1FFFFFFFFFF


def judge(host: SyntheticHost, *forbidden: str) -> list[Finding]:
    parameters = {"mode.capabilities": {"forbidden": list(forbidden)}} if forbidden else {}
    return run_checks(AuditContext(host.snapshot(), Settings(checks=("mode.capabilities",), parameters=parameters)))


def test_numbers_are_those_of_the_kernel() -> None:
    """A default container of dockerd has fourteen (moby oci/caps/defaults.go)."""
    names = {name for name in BITS if allowed(BOUNDING, name)}
    assert len(names) == 14
    assert {"NET_RAW", "NET_BIND_SERVICE", "CHOWN", "SETFCAP", "AUDIT_WRITE"} <= names
    assert (BITS["NET_ADMIN"], BITS["SYS_ADMIN"], BITS["CHECKPOINT_RESTORE"]) == (12, 21, 40)


def test_what_dockerd_gives_by_default_passes_and_net_raw_counts_where_it_is_forbidden() -> None:
    host = SyntheticHost().container("web")
    assert [item.outcome for item in judge(host)] == ["pass"]
    host.container("api", bounding=0).container("job").container("vpn", bounding=ALL)
    assert [item.resource.name for item in judge(host)] == ["vpn"]
    given, finding = judge(host, "NET_ADMIN", "NET_RAW")
    assert (given.outcome, given.severity, given.resource.name) == ("fail", "medium", "vpn")
    assert "NET_RAW" not in given.summary
    assert (finding.outcome, finding.severity, finding.resource.kind) == ("fail", "low", "host")
    assert finding.evidence == {"containers with NET_RAW": ["job", "vpn", "web"]}
    assert finding.summary.endswith("job, vpn, web")
    assert finding.remediation is not None
    assert "--cap-drop NET_RAW" in finding.remediation.text


@pytest.mark.parametrize("forbidden", [("NET_RAW",), ("CHOWN",), ("CHOWN", "NET_RAW")])
def test_the_impact_names_what_a_default_container_has_and_nothing_else(forbidden: tuple[str, ...]) -> None:
    (finding,) = judge(SyntheticHost().container("web").container("tight", bounding=0), *forbidden)
    named = {name for name in BITS if name in finding.impact}
    assert named == set(forbidden)
    assert finding.evidence == {f"containers with {name}": ["web"] for name in forbidden}


def test_a_privileged_container_is_found_by_its_bounding_set() -> None:
    (finding,) = judge(SyntheticHost().container("vpn", privileged=True, bounding=ALL))
    assert "NET_ADMIN (privileged)" in finding.summary
    assert finding.evidence["CapBnd of process 1000"] == "000001ffffffffff"
    assert finding.evidence["HostConfig.Privileged"] is True
    (given,) = judge(SyntheticHost().container("vpn", cap_add=["ALL"], bounding=ALL))
    assert "HostConfig.Privileged" not in given.evidence


@pytest.mark.parametrize(
    ("traits", "shown"),
    [
        ({}, None),
        ({"privileged": True}, ["privileged"]),
        ({"cap_add": ["NET_ADMIN"]}, ["NET_ADMIN"]),
        ({"privileged": True, "cap_add": ["NET_ADMIN"]}, ["privileged"]),
    ],
)
def test_what_a_container_in_the_hosts_namespace_may_do_is_shown(traits: dict[str, Any], shown: object) -> None:
    host = SyntheticHost().container("agent", networks=(), mode="host", netns=HOST_NETNS, **traits)
    settings = Settings(checks=("mode.host",))
    (finding,) = run_checks(AuditContext(host.snapshot(), settings))
    assert (finding.outcome, finding.evidence.get("capabilities")) == ("fail", shown)


def test_what_it_was_given_does_not_count_where_the_kernel_does_not_let_it() -> None:
    assert judge(SyntheticHost().container("web", cap_add=["NET_ADMIN"]))[0].outcome == "pass"


@pytest.mark.parametrize("forbidden", ["NET_ADMIN", "SYS_ADMIN"])
def test_in_the_hosts_namespace_it_is_the_hosts_network(forbidden: str) -> None:
    host = SyntheticHost().container("agent", networks=(), mode="host", netns=HOST_NETNS, bounding=ALL)
    assert "host's network namespace" in judge(host, forbidden)[0].impact
    assert {name for name in BITS if name in judge(host, forbidden)[0].impact} == {forbidden}
    inside = SyntheticHost().container("agent", bounding=ALL)
    assert "host's network namespace" not in judge(inside, forbidden)[0].impact


@pytest.mark.parametrize("forbidden", [("NET_ADMIN",), ("SYS_ADMIN",)])
def test_a_bounding_set_that_was_not_read_is_unknown(forbidden: tuple[str, ...]) -> None:
    host = SyntheticHost().container("web", bounding=None)
    assert judge(host, *forbidden)[0].outcome == "unknown"
