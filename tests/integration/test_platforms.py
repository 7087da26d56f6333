# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are not as Debian's packages make them: nothing counts, and faults are repaired, as on any other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.catalogue.scenario import release, uses_nftables
from tests.integration.harden_runs import audits, changes, failing, harden, run, starts, table
from tests.integration.snapshots import install_readers, read_host
from tests.integration.test_everyday_hosts import audited, counting
from tests.lab.ansible_runs import ansible_module
from tests.lab.breaks import DAEMON_JSON
from tests.lab.fixtures import hosts_beside
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.vantage import PATIENCE

AUDIT = "dockernet.baseline.audit_docker_net"
PORT = 8080
SHOP = Scenario(
    [NetworkSpec("shop")],
    [Workload("web", ["shop"], publish=[f"0.0.0.0:{PORT}:80"]), Workload("steady", ["shop"], restart="always")],
)
NAMES = ("web", "steady")
# With nftables dockerd does not turn it on.
FORWARDING = "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\nnet.ipv6.conf.default.forwarding = 1\n"


def module(host: Host, name: str, **arguments: Any) -> dict[str, Any]:
    done = ansible_module(host, f"dockernet.baseline.{name}", arguments, diff=True)
    assert not done.get("failed"), done
    return done


def start_times(host: Host) -> dict[str, str]:
    return {name: host.container(name).started_at for name in NAMES}


def daemon_json(host: Host) -> str:
    """Its content, empty where there is none."""
    return host.run(["cat", DAEMON_JSON], check=False).out


def unread(audit: dict[str, Any]) -> dict[str, str]:
    """Sources that the audit could not read, with the reason."""
    return {name: item["reason"] for name, item in audit["sources"].items() if not item["read"]}


def assert_nothing_counts(host: Host, lab: Lab) -> None:
    """As found, with containers: all is read, nothing of medium or above, and harden changes nothing."""
    done = harden(lab, host)
    assert unread(audits(done)[0]) == {}
    assert counting(audits(done)[0]) == set()
    assert done.stats[host.name]["changed"] == 0
    assert changes(done) == {}


def assert_reached(host: Host, lab: Lab) -> None:
    host.wait_for(lambda: lab.outside.tcp(host.address, PORT) == "answered", 120, "the published port")
    assert host.container("web").tcp(host.address, PORT) == "answered"


def assert_proxy_goes_and_comes_back(host: Host, lab: Lab) -> None:
    """docker-proxy off by a restart of dockerd that no container notices, and back by the record."""
    started, begun, configured = start_times(host), starts(host), daemon_json(host)
    done = module(host, "daemon_config", config={"userland-proxy": False}, live_restore="enabled")
    assert done["changed"]
    assert starts(host) == begun + 1
    assert host.run(["pidof", "docker-proxy"], check=False).out == ""
    assert_reached(host, lab)
    back = module(host, "baseline_rollback")
    assert back["changed"]
    assert host.run(["pidof", "docker-proxy"], check=False).out != ""
    assert daemon_json(host) == configured
    assert start_times(host) == started
    assert_reached(host, lab)
    assert not module(host, "baseline_rollback")["changed"]


# ---- the layout of Docker's own packages -----------------------------------------------------------------------------


@hosts_beside("debian13-docker28-ce")
def test_an_engine_laid_out_by_dockers_own_packages(host_beside: Host, lab: Lab) -> None:
    host = host_beside
    assert host.run("readlink /proc/$(pidof dockerd)/exe").out.strip() == "/usr/bin/dockerd"
    # A line there says nothing, as that unit does not read it.
    host.write("/etc/default/docker", "DOCKER_OPTS=--userland-proxy=false\n")
    host.deploy(SHOP)
    assert_nothing_counts(host, lab)
    install_readers(host)
    seen = read_host(host)
    assert seen.service is not None
    assert seen.daemon is not None
    assert seen.service.argv == ["/usr/bin/dockerd", "-H", "fd://", "--containerd=/run/containerd/containerd.sock"]
    assert seen.daemon.argv == seen.service.argv
    assert seen.service.starts_at_boot

    assert_proxy_goes_and_comes_back(host, lab)
    host.set_sysctl("net.ipv4.ip_forward", "0")
    assert lab.outside.tcp(host.address, PORT, PATIENCE) == "timed out"
    repaired = harden(lab, host)
    assert changes(repaired)["ip_forward"]["actions"] == ["set net.ipv4.ip_forward from 0 to 1"]
    assert counting(audits(repaired)[-1]) == set()
    assert_reached(host, lab)


@pytest.mark.long
@hosts_beside("debian13-docker28-ce")
def test_an_engine_that_waits_for_a_connection_is_not_started_by_reading(host_beside: Host, lab: Lab) -> None:
    """The socket is held by systemd, and the first connection would start dockerd."""
    host = host_beside
    host.run(["systemctl", "stop", "docker.service"])
    begun = starts(host)

    audited = run(lab, host, AUDIT)
    hardened = run(lab, host)
    ansible_module(host, "dockernet.baseline.daemon_config", {"config": {"debug": True}}, check=True)
    ansible_module(host, "dockernet.baseline.packet_trace", {"from": "outside", "to": host.address, "port": 80})

    assert host.run(["systemctl", "is-active", "docker.socket"]).out.strip() == "active"
    assert host.run(["systemctl", "is-active", "docker.service"], check=False).out.strip() == "inactive"
    assert starts(host) == begun
    source = audits(hardened)[0]["sources"]["engine"]
    assert source["kind"] == "stopped"
    assert "docker.service is inactive" in source["reason"]
    assert "A connection to its socket would start it, so none was made" in source["reason"]
    assert "dockerd does not run" in audited.out
    assert hardened.rc != 0
    assert changes(hardened) == {}


# ---- iptables-legacy -------------------------------------------------------------------------------------------------


@hosts_beside("debian11-legacy")
def test_a_host_whose_iptables_is_the_legacy_one(host_beside: Host, lab: Lab) -> None:
    host = host_beside
    assert "legacy" in host.run(["iptables", "--version"]).out
    host.deploy(SHOP)
    assert "DOCKER" not in host.run(["nft", "list", "ruleset"]).out
    assert_nothing_counts(host, lab)
    trace = module(host, "packet_trace", **{"from": "outside", "to": "web:80/tcp"})
    assert trace["path"]["observed"] == lab.outside.tcp(host.address, PORT) == "answered"
    assert ("legacy ip nat", "DOCKER") in {(item.get("table"), item.get("chain")) for item in trace["path"]["steps"]}

    host.break_("rules-flushed")
    started = start_times(host)
    repaired = harden(lab, host, harden_live_restore="enabled")
    assert failing(audits(repaired)[0], "firewall.flushed")
    assert counting(audits(repaired)[-1]) == set()
    assert start_times(host) == started
    assert_reached(host, lab)


# ---- an engine that no package offers --------------------------------------------------------------------------------


@pytest.fixture
def host_29(engine_host: Host) -> Host:
    """One with an engine 29, reset before; forwarding is on, and stays on."""
    if release(engine_host) < (29, 0):
        pytest.skip("takes an engine 29: ENGINE=PATH, see tests/lab/README.md")
    if uses_nftables(engine_host):
        pytest.skip("the directory ENGINE chooses the backend already")
    engine_host.reset()
    engine_host.write("/etc/sysctl.d/99-forward.conf", FORWARDING)
    engine_host.run(["sysctl", "--system"])
    return engine_host


def choose_backend(host: Host, backend: str) -> None:
    host.write(DAEMON_JSON, json.dumps({"firewall-backend": backend, "live-restore": True}))
    host.restart_docker()


@pytest.mark.kinds("debian13-docker28")
@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_engine_29_with_each_of_its_backends(host_29: Host, lab: Lab, backend: str) -> None:
    host = host_29
    # What the other backend made stays otherwise, a closed FORWARD with it.
    host.run("systemctl stop docker.socket docker.service && nft flush ruleset")
    choose_backend(host, backend)
    host.deploy(SHOP)
    assert_nothing_counts(host, lab)
    trace = module(host, "packet_trace", **{"from": "outside", "to": "web:80/tcp"})
    assert trace["path"]["observed"] == "answered"

    if backend == "nftables":
        host.run("nft delete table ip docker-bridges")
    else:
        host.break_("rules-flushed")
    started = start_times(host)
    assert host.container("web").tcp(lab.internet_address, 80, PATIENCE) == "timed out"
    repaired = harden(lab, host)
    assert failing(audits(repaired)[0], "firewall.flushed"), table(repaired)
    assert counting(audits(repaired)[-1]) == set()
    assert start_times(host) == started
    assert host.container("web").tcp(lab.internet_address, 80) == "answered"
    assert_reached(host, lab)


@pytest.mark.kinds("debian13-docker28")
def test_a_switch_to_nftables_that_leaves_forward_closed_is_named(host_29: Host, lab: Lab) -> None:
    """The policy that dockerd set with iptables ends what its nftables accept: dockerd does not take it back."""
    host = host_29
    choose_backend(host, "nftables")
    host.deploy(SHOP)
    assert "-P FORWARD DROP" in host.run(["iptables", "-S", "FORWARD"]).out
    assert lab.outside.tcp(host.address, PORT, PATIENCE) == "timed out"
    assert host.container("web").tcp(lab.internet_address, 80, PATIENCE) == "timed out"
    named = {"firewall.egress", "firewall.publish", "network.connectivity"}
    assert {check for check, dummy in counting(audited(host))} == named
    host.run(["iptables", "-P", "FORWARD", "ACCEPT"])
    assert lab.outside.tcp(host.address, PORT) == "answered"
    assert counting(audited(host)) == set()
