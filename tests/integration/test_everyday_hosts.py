# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts on hosts as people have them: nothing where nothing is wrong, and each fault once where one is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.catalogue.scenario import uses_nftables
from tests.integration.harden_runs import audits, changes, harden
from tests.integration.snapshots import install_readers, read_host
from tests.lab.breaks import DAEMON_JSON
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.unit.audits import audit_of

# Two projects as Compose makes them: a network each, ports on all addresses, databases that are not published.
ORDINARY = Scenario(
    networks=[NetworkSpec("shop_default"), NetworkSpec("shop_back"), NetworkSpec("blog_default")],
    containers=[
        Workload("shop-proxy-1", ["shop_default"], publish=["80:80", "443:443"], serve=[80, 443], restart="always"),
        Workload("shop-web-1", ["shop_default"], publish=["8080:80"], restart="unless-stopped"),
        Workload("shop-api-1", ["shop_default", "shop_back"], publish=["8081:80"], restart="unless-stopped"),
        Workload("shop-db-1", ["shop_back"], serve=[5432], restart="unless-stopped"),
        Workload("shop-cache-1", ["shop_back"], serve=[6379], restart="on-failure"),
        Workload("shop-worker-1", ["shop_back"], serve=[], restart="unless-stopped"),
        Workload("blog-web-1", ["blog_default"], publish=["8082:80"], restart="always"),
        Workload("blog-db-1", ["blog_default"], serve=[3306], restart="always"),
    ],
)
AT_LEAST_MEDIUM = ("high", "medium")


def counting(audit: dict[str, Any]) -> set[tuple[str, str]]:
    """Checks and resources of what failed with a severity of medium or above, or could not be judged."""
    return {
        (item["check"], item["resource"]["name"])
        for item in audit["findings"]
        if item["outcome"] == "unknown" or (item["outcome"] == "fail" and item["severity"] in AT_LEAST_MEDIUM)
    }


def outcomes(audit: dict[str, Any]) -> dict[tuple[str, str], str]:
    """The outcome of each finding, by check and resource."""
    return {(item["check"], item["resource"]["name"]): item["outcome"] for item in audit["findings"]}


def audited(host: Host, **options: Any) -> dict[str, Any]:
    install_readers(host)
    return audit_of(read_host(host), **options)


def without_answers(host: Host) -> tuple[str, str]:
    """Takes the rule that lets the packets for a published port through to the container."""
    address = host.docker(
        "inspect", "--format", "{{.NetworkSettings.Networks.blog_default.IPAddress}}", "blog-web-1"
    ).out.strip()
    rules = host.run(["iptables", "--list-rules", "DOCKER"]).out.splitlines()
    (rule,) = (line for line in rules if f"-d {address}/32" in line and "-j ACCEPT" in line)
    host.run(f"iptables {rule.replace('-A', '--delete', 1)}")
    return "firewall.publish", "blog-web-1:80/tcp"


def without_masquerading(host: Host) -> tuple[str, str]:
    """Takes the rule that gives a network's packets the host's address."""
    subnet = host.docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Subnet}}", "shop_back").out.strip()
    rules = host.run(["iptables", "--table", "nat", "--list-rules", "POSTROUTING"]).out.splitlines()
    (rule,) = (line for line in rules if f"-s {subnet}" in line and "MASQUERADE" in line)
    host.run(f"iptables --table nat {rule.replace('-A', '--delete', 1)}")
    return "firewall.egress", "shop_back"


def forwarding_off_at_boot(host: Host) -> tuple[str, str]:
    host.break_("forwarding-not-persistent")
    return "forwarding.persistent", host.name


def database_for_everyone(host: Host) -> tuple[str, str]:
    host.deploy(Scenario(containers=[Workload("stray-db", ["blog_default"], publish=["15432:5432"], serve=[5432])]))
    return "publish.wildcard", "stray-db:5432/tcp"


def setting_not_in_force(host: Host) -> tuple[str, str]:
    host.write(DAEMON_JSON, json.dumps({"max-concurrent-downloads": 2, "mtu": 1400}))
    return "daemon.pending", f"{DAEMON_JSON}: mtu"


# What makes rules anew comes first.
FAULTS = (
    database_for_everyone,
    without_answers,
    without_masquerading,
    forwarding_off_at_boot,
    setting_not_in_force,
)


@pytest.mark.smoke
def test_nothing_counts_and_nothing_changes_until_something_is_wrong(fresh_host: Host, lab: Lab) -> None:
    for scenario in (Scenario(), ORDINARY):
        fresh_host.deploy(scenario)
        done = harden(lab, fresh_host)
        assert counting(audits(done)[0]) == set()
        assert done.stats[fresh_host.name]["changed"] == 0
        assert changes(done) == {}
    if uses_nftables(fresh_host):
        pytest.skip("the faults are made with iptables")
    faults = {fault(fresh_host) for fault in FAULTS}
    assert counting(audited(fresh_host)) == faults


def test_a_service_address_on_loopback_changes_no_verdict(healthy_host: Host) -> None:
    """As behind a load balancer, or announced by a routing daemon."""
    before = outcomes(audited(healthy_host))
    healthy_host.run(["ip", "address", "add", "203.0.113.53/32", "dev", "lo"])
    after = outcomes(audited(healthy_host))
    healthy_host.run(["ip", "address", "del", "203.0.113.53/32", "dev", "lo"])
    assert after == before
