# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a finding names as its remediation repairs it: the module is run with just these arguments."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding, Remediation

from tests.integration.catalogue import bridge, daemon, forwarding, network
from tests.integration.catalogue.cases import judge, of, outcomes, shown
from tests.integration.catalogue.scenario import DUAL, configure, make_healthy, uses_nftables
from tests.integration.snapshots import install_readers, read_host
from tests.lab.ansible_runs import ansible_module
from tests.lab.breaks import DAEMON_JSON
from tests.lab.host import Host
from tests.lab.scenario import Scenario

BREAKS = (
    forwarding.front_does_not_forward,
    forwarding.boot_turns_it_off,
    forwarding.open_to_all,
    forwarding.loses_its_route,
    forwarding.next_bridges_do_not_forward,
    bridge.bridges_pass_the_rules_by,
    bridge.front_routes_loopback,
)
# Beyond what the finding names: the router on ra0 is somebody that the host forwards for.
CONSENTS = {"ip_forward": {"on_disruption": "allow"}}
MENDED = (
    "forwarding.ipv4",
    "forwarding.persistent",
    "forwarding.open-router",
    "forwarding.accept-ra",
    "bridge.netfilter",
    "bridge.route-localnet",
)


@pytest.mark.kinds("debian11", "debian13-docker28")
def test_the_remediations_that_are_named_mend_what_failed(fresh_host: Host) -> None:
    host = fresh_host
    install_readers(host)
    for step in (make_healthy, *BREAKS):
        step(host)
    # With nftables it is for people to close, and no module is named.
    theirs = {"forwarding.open-router"} if uses_nftables(host) else set()
    repairs(host, [check for check in MENDED if check not in theirs])
    left = failing(host, MENDED)
    assert {item.check for item in left} == theirs
    assert remediations(left) == []


@pytest.mark.kinds("debian11", "debian13-docker28")
def test_what_waits_for_dockerd_is_brought_into_force(fresh_host: Host) -> None:
    """A label by a reload, address pools and flags by a restart, over which live-restore carries the containers."""
    install_readers(fresh_host)
    make_healthy(fresh_host)
    pools = [{"base": "10.200.0.0/16", "size": 24}]
    configure(fresh_host, labels=["site=lab"], default_address_pools=pools)
    daemon.other_flags_at_the_next_start(fresh_host)
    repairs(fresh_host, ("daemon.pending",))


@pytest.mark.kinds("debian11", "debian13-docker28")
def test_what_dockerd_is_told_mends_its_networks(fresh_host: Host) -> None:
    """No container runs: dockerd then makes its default network anew, and nobody minds the restart."""
    install_readers(fresh_host)
    fresh_host.write(DAEMON_JSON, '{"ip6tables": false}')
    fresh_host.restart_docker()
    network.without_ipv6_rules(fresh_host)
    fresh_host.deploy(Scenario([DUAL]))
    repairs(fresh_host, ("network.icc", "network.ipv6-unfiltered"))


def repairs(host: Host, checks: Sequence[str]) -> None:
    """All of these checks fail on the host, and pass once their remediations were run."""
    before = failing(host, checks)
    assert {item.check for item in before} == set(checks), shown(before)
    for remediation in remediations(before):
        module = str(remediation.module)
        result = ansible_module(host, f"dockernet.baseline.{module}", {**remediation.args, **CONSENTS.get(module, {})})
        assert not result.get("failed"), result
    after = judge(read_host(host))

    assert {check: outcomes(after, check) for check in checks} == {check: {"pass"} for check in checks}, shown(
        [item for check in checks for item in of(after, check)]
    )


def failing(host: Host, checks: Sequence[str]) -> list[Finding]:
    found = judge(read_host(host))
    return [item for check in checks for item in of(found, check) if item.outcome == "fail"]


def remediations(findings: list[Finding]) -> list[Remediation]:
    """Each once."""
    found: list[Remediation] = []
    for item in findings:
        if item.remediation is not None and item.remediation.module is not None and item.remediation not in found:
            found.append(item.remediation)
    return found
