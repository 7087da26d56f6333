# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the firewall checks say is what real packets meet, and what their remediations name mends it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, PASS, Finding

from tests.integration.catalogue.cases import judge
from tests.integration.catalogue.firewall import (
    all_rules_flushed,
    made_to_write_no_rules,
    web_out_of_reach_of_its_proxy,
)
from tests.integration.catalogue.scenario import PORT, make_healthy
from tests.integration.snapshots import install_readers, read_host
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import Scenario, Workload
from tests.lab.vantage import PATIENCE, enough

INTERNET = "203.0.113.9"


def failing(host: Host) -> dict[str, Finding]:
    """What fails of the firewall, by check and resource."""
    found = [item for item in judge(read_host(host)) if item.check.startswith("firewall.") and item.outcome != PASS]
    assert {item.outcome for item in found} <= {FAIL, "not_applicable"}, found
    return {f"{item.check} {item.resource.name}": item for item in found if item.outcome == FAIL}


HEALTHY = {"publish": "answered", "egress": "answered", "isolation": "timed out"}
BROKEN = {"publish": "timed out", "egress": "timed out", "isolation": "answered"}


def packets(host: Host, lab: Lab, expected: Mapping[str, str]) -> dict[str, str]:
    """What is seen from outside of web, from api of the internet, and from web of another network."""
    ways = {
        "publish": (lab.outside, host.address, PORT),
        "egress": (host.container("api"), INTERNET, 80),
        "isolation": (host.container("web"), host.container("db").address("back"), 80),
    }
    return {name: place.tcp(address, port, enough(expected[name])) for name, (place, address, port) in ways.items()}


def mend(host: Host, finding: Finding) -> None:
    """Run the module that the finding names, with its arguments."""
    remediation = finding.remediation
    assert remediation is not None
    assert remediation.module is not None
    result = ansible_module(host, f"dockernet.baseline.{remediation.module}", remediation.args)
    assert result["changed"], result


@pytest.mark.long
@pytest.mark.kinds("debian11", "debian13-docker28")
def test_findings_agree_with_packets_and_are_remediated_by_what_they_name(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    install_readers(host)
    make_healthy(host)
    assert (failing(host), packets(host, lab, HEALTHY)) == ({}, HEALTHY)

    all_rules_flushed(host)
    web_out_of_reach_of_its_proxy(host)
    found = failing(host)
    assert {"firewall.publish web:80/tcp", "firewall.egress back", "firewall.isolation back"} <= set(found)
    broken = packets(host, lab, BROKEN)
    assert broken["publish"] != "answered"
    assert (broken["egress"], broken["isolation"]) == ("timed out", "answered")

    mend(host, found[f"firewall.flushed {host.host_name.kind.name}"])
    assert failing(host) == {}
    assert packets(host, lab, HEALTHY) == HEALTHY

    made_to_write_no_rules(host)
    mend(host, failing(host)["firewall.disabled dockerd"])
    assert failing(host) == {}
    assert packets(host, lab, HEALTHY) == HEALTHY


# ---- beside other firewalls ------------------------------------------------------------------------------------------

OPEN = Workload("open", ["back"], publish=["8081:80"])
PASSED_BY = {"firewall.bypass web:80/tcp", "firewall.bypass open:80/tcp"}


@pytest.mark.kinds("debian12")
def test_beside_ufw_nothing_fails_but_what_it_does_not_see(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    install_readers(host)
    make_healthy(host)
    host.deploy(Scenario(containers=[OPEN]))
    host.run("apt-get install --yes --no-install-recommends ufw")
    host.run("ufw allow 22/tcp && ufw --force enable")
    found = failing(host)
    assert set(found) == PASSED_BY
    assert "chain INPUT (ip filter) drops it" in found["firewall.bypass open:80/tcp"].summary
    assert lab.outside.tcp(host.address, 8081) == "answered"
    # docker-proxy is what ufw does see: IPv6 to a container without IPv6.
    assert lab.outside.tcp(host.address6, 8081, PATIENCE) == "timed out"


@pytest.mark.long
@pytest.mark.kinds("debian13-docker28")
def test_beside_firewalld_nothing_fails_but_what_it_does_not_see(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    install_readers(host)
    make_healthy(host)
    host.deploy(Scenario(containers=[OPEN]))
    host.run("apt-get install --yes --no-install-recommends firewalld")
    host.run(["systemctl", "start", "firewalld"])
    host.restart_docker()
    assert set(failing(host)) == PASSED_BY
    assert lab.outside.tcp(host.address, 8081) == "answered"


@pytest.mark.kinds("debian12")
def test_rules_left_in_the_other_backend_are_the_one_thing_that_fails(fresh_host: Host) -> None:
    host = fresh_host
    install_readers(host)
    make_healthy(host)
    for program in ("iptables", "ip6tables"):
        host.run(["update-alternatives", "--set", program, f"/usr/sbin/{program}-legacy"])
    host.restart_docker()
    assert set(failing(host)) == {"firewall.mixed debian12"}
    host.run(["nft", "flush", "ruleset"])
    assert failing(host) == {}
