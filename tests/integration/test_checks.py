# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each check on real engines: a break that provokes it, a host without it, and what real packets say to both."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import problems_in
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding, Resource
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    HOST,
    OUTSIDE,
    UNKNOWN,
    Origin,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.facts import facts_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.integration.catalogue.daemon import addresses_that_a_slice_denies, addresses_that_systemd_denies
from tests.integration.catalogue.scenario import make_healthy, release
from tests.integration.snapshots import install_readers, read_host
from tests.integration.test_snapshot import dockerd_takes
from tests.integration.without_docker import hidden_docker
from tests.lab.ansible_runs import ansible_module
from tests.lab.breaks import DAEMON_JSON
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload

INTERNET = "203.0.113.9"
NETCHECK = "dockernet.baseline.docker_netcheck"
PORT = 8080
FRONT = NetworkSpec("front", "10.88.1.0/24", options={"com.docker.network.bridge.name": "front0"})
WEB = Scenario([FRONT], [Workload("web", ["front"], publish=[f"{PORT}:80"])])
MODES = Scenario(
    [FRONT],
    [
        Workload("web", ["front"], publish=[f"{PORT}:80", "127.0.0.1:8443:443"]),
        Workload("sidecar", network_mode="container:web", serve=[81]),
        Workload("agent", network_mode="host", serve=[9100]),
        Workload("lonely", network_mode="none"),
        Workload("old", publish=["5353:53/udp"]),
    ],
)


@dataclass(frozen=True)
class Audit:
    """What the checks say of a host."""

    findings: list[Finding]
    facts: dict[str, Any]

    @property
    def outcomes(self) -> dict[str, set[str]]:
        """The outcomes of each check."""
        found: dict[str, set[str]] = {}
        for item in self.findings:
            found.setdefault(item.check, set()).add(item.outcome)
        return found

    def failing(self, check: str) -> dict[str, Finding]:
        """What failed of a check, by the name of the resource."""
        return {item.resource.name: item for item in self.findings if (item.check, item.outcome) == (check, "fail")}


def audit(host: Host, *checks: str, proxy: str = "keep") -> Audit:
    """Read a host with its own Python, and judge what was read."""
    snapshot = read_host(host)
    context = AuditContext(snapshot, Settings(proxy, checks or ("*",)))
    return Audit(run_checks(context), facts_of(context))


def only(host: Host, check: str) -> Finding:
    """The one finding of a check."""
    (finding,) = audit(host, check).findings
    return finding


def netcheck(host: Host, task: Mapping[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """The result of the module docker_netcheck, which answers on every host."""
    result = ansible_module(host, NETCHECK, options, task=task)
    assert not result["failed"], result
    assert "exception" not in result, result
    return result


def told(result: dict[str, Any]) -> dict[str, set[str]]:
    """The outcomes of each check in a module's result."""
    return Audit([from_plain(Finding, item) for item in result["findings"]], {}).outcomes


@pytest.fixture
def host(fresh_host: Host) -> Host:
    """A fresh host that can be read."""
    install_readers(fresh_host)
    return fresh_host


def configure(host: Host, **values: Any) -> None:
    """Write daemon.json; underscores stand for hyphens."""
    host.write(DAEMON_JSON, json.dumps({key.replace("_", "-"): value for key, value in values.items()}, indent=2))


# ---- the whole -------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_the_module_says_what_the_checks_say(host: Host) -> None:
    make_healthy(host)
    result = netcheck(host)
    assert told(result) == audit(host).outcomes
    assert [item["check"] for item in result["findings"] if item["outcome"] in ("fail", "unknown")] == ["proxy.memory"]
    assert {name for name, source in result["sources"].items() if not source["read"]} == set()


def test_how_containers_are_attached(host: Host) -> None:
    host.deploy(MODES)
    result = audit(host)
    assert set(result.failing("mode.host")) == {"agent"}
    assert set(result.failing("mode.container")) == {"sidecar"}
    assert set(result.failing("mode.none")) == {"lonely"}
    assert set(result.failing("network.default-bridge")) == {"old"}
    assert set(result.failing("publish.wildcard")) == {"web:80/tcp", "old:53/udp"}
    wide = result.failing("publish.wildcard")["web:80/tcp"]
    # 20.10.5 publishes on no IPv6 address.
    where = f"0.0.0.0:{PORT}" if host.kind == "debian11" else f"0.0.0.0:{PORT} and [::]:{PORT}"
    assert wide.summary.endswith(where)
    assert [sorted(group) for group in result.facts["shared_namespaces"]] == [["sidecar", "web"]]
    modes = {item["name"]: item["mode"] for item in result.facts["containers"]}
    assert modes == {
        "web": "bridge",
        "sidecar": "container:web",
        "agent": "host",
        "lonely": "none",
        "old": "bridge",
    }
    check_attachments(host, result.facts)
    check_proxies(host, result.facts["proxy"], result.failing("proxy.memory"))


def check_attachments(host: Host, facts: dict[str, Any]) -> None:
    """The table is what ip(8) shows from both ends."""
    for row in facts["attachments"]:
        inside = json.loads(host.container(row["container"]).net(["ip", "-j", "address", "show", "eth0"]).out)[0]
        outside = json.loads(host.run(["ip", "-j", "link", "show", row["port"]]).out)[0]
        assert inside["link_index"] == outside["ifindex"]
        assert outside["master"] == row["bridge"]
        assert row["address"] in {item["local"] for item in inside["addr_info"]}
    assert {row["container"] for row in facts["attachments"]} == {"web", "old"}
    assert facts["default_network"]["bridge"] == "docker0"


def check_proxies(host: Host, proxy: dict[str, Any], findings: dict[str, Finding]) -> None:
    """Number and memory are those of procfs."""
    pids = host.run(["pidof", "docker-proxy"]).out.split()
    assert proxy["processes"] == len(pids) == len(proxy["bindings"])
    assert (proxy["default"], proxy["configured"], proxy["in_force"]) == (True, True, True)
    lines = host.run(f"cat {' '.join(f'/proc/{pid}/smaps_rollup' for pid in pids)}").out.splitlines()
    total = 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    assert 0.5 < findings["dockerd"].evidence["PSS in bytes"] / total < 2


# ---- forwarding ------------------------------------------------------------------------------------------------------


def test_forwarding_now(host: Host) -> None:
    host.deploy(WEB)
    assert only(host, "forwarding.ipv4").outcome == "pass"
    host.set_sysctl("net.ipv4.conf.front0.forwarding", "0")
    finding = only(host, "forwarding.ipv4")
    assert (finding.outcome, finding.resource) == ("fail", Resource("interface", "front0"))
    assert "network front" in finding.summary
    assert host.container("web").tcp(INTERNET, 80, seconds=1) == "timed out"
    host.set_sysctl("net.ipv4.conf.front0.forwarding", "1")
    assert host.container("web").tcp(INTERNET, 80) == "answered"
    host.set_sysctl("net.ipv4.conf.eth0.forwarding", "0")
    assert only(host, "forwarding.ipv4").resource == Resource("interface", "eth0")
    host.break_("forwarding-off")
    finding = only(host, "forwarding.ipv4")
    assert (finding.outcome, finding.resource.kind) == ("fail", "host")


# ---- hairpin and docker-proxy ----------------------------------------------------------------------------------------


def test_hairpin_that_a_restart_under_live_restore_left_off(host: Host) -> None:
    host.deploy(WEB)
    web = host.container("web")
    assert web.tcp(host.address, PORT) == "answered"
    host.break_("proxy-off-under-live-restore")
    result = audit(host, "hairpin.*", "proxy.*", proxy="disabled")
    finding = result.failing("hairpin.missing")["web"]
    port = result.facts["attachments"][0]["port"]
    assert f"{host.address}:{PORT}/tcp" in finding.summary
    assert port in finding.summary
    assert result.outcomes["proxy.enabled"] == result.outcomes["proxy.pending"] == {"pass"}
    assert web.tcp(host.address, PORT, seconds=1) == "timed out"
    host.run(["sh", "-c", f"echo 1 > /sys/class/net/{shlex.quote(port)}/brport/hairpin_mode"])
    assert only(host, "hairpin.missing").outcome == "pass"
    assert web.tcp(host.address, PORT) == "answered"


def test_hairpin_that_was_left_on(host: Host) -> None:
    configure(host, live_restore=True, userland_proxy=False)
    host.restart_docker()
    host.deploy(WEB)
    result = audit(host, "hairpin.*", "proxy.memory")
    assert result.outcomes == {
        "hairpin.missing": {"pass"},
        "hairpin.stale": {"not_applicable"},
        "proxy.memory": {"pass"},
    }
    configure(host, live_restore=True)
    host.restart_docker()
    result = audit(host, "hairpin.*", "proxy.pending")
    (name,) = result.failing("hairpin.stale")
    assert name == result.facts["attachments"][0]["port"]
    assert result.outcomes["hairpin.missing"] == {"not_applicable"}
    assert result.outcomes["proxy.pending"] == {"pass"}


# ---- the daemon ------------------------------------------------------------------------------------------------------


def test_what_systemd_denies_docker_proxy_is_not_predicted_as_answered(engine_host: Host) -> None:
    engine_host.reset()
    install_readers(engine_host)
    engine_host.deploy(WEB)
    packet = Packet(Origin(HOST), "127.0.0.1", "tcp", PORT)
    assert predict(HostView.of(read_host(engine_host)), packet).observed == ANSWERED
    assert engine_host.tcp("127.0.0.1", PORT) == ANSWERED
    addresses_that_systemd_denies(engine_host)
    path = predict(HostView.of(read_host(engine_host)), packet)
    assert path.verdict == UNKNOWN
    assert "IPAddressDeny=" in path.because
    assert engine_host.tcp("127.0.0.1", PORT) == "timed out"


@pytest.mark.engines
def test_what_a_slice_above_dockerd_denies_is_denied_docker_proxy_and_containers_in_it(
    lab: Lab, engine_host: Host
) -> None:
    engine_host.reset()
    install_readers(engine_host)
    engine_host.write(DAEMON_JSON, json.dumps({"exec-opts": ["native.cgroupdriver=systemd"]}))
    engine_host.restart_docker()
    engine_host.deploy(WEB)
    packets = [
        Packet(Origin(HOST), "127.0.0.1", "tcp", PORT),
        Packet(Origin(OUTSIDE), engine_host.address, "tcp", PORT),
    ]
    assert only(engine_host, "daemon.address-filter").outcome == "pass"
    assert engine_host.tcp("127.0.0.1", PORT) == lab.outside.tcp(engine_host.address, PORT) == ANSWERED
    addresses_that_a_slice_denies(engine_host)
    finding = only(engine_host, "daemon.address-filter")
    assert finding.outcome == "fail"
    assert " of system.slice covers loopback addresses" in finding.summary
    view = HostView.of(read_host(engine_host))
    for path in [predict(view, packet) for packet in packets]:
        assert path.verdict == UNKNOWN
        assert "of system.slice" in path.because
    assert engine_host.tcp("127.0.0.1", PORT) == lab.outside.tcp(engine_host.address, PORT) == "timed out"


def test_the_proxy_written_out_keeps_live_restore_from_being_reloaded(host: Host) -> None:
    configure(host, userland_proxy=True, live_restore=True)
    blocked = release(host) >= (25, 0)
    assert only(host, "daemon.reload-blocked").outcome == ("fail" if blocked else "pass")
    host.run(["systemctl", "reload", "docker.service"])
    if not blocked:
        host.wait_for(lambda: only(host, "daemon.live-restore").outcome == "pass", 120, "live-restore")
        return
    host.wait_for(lambda: "file configuration validation failed" in host.journal(), 120, "the reload to fail")
    finding = only(host, "daemon.live-restore")
    assert finding.outcome == "fail"
    assert "configured but not effective: a reload fails" in finding.summary
    assert finding.remediation is not None
    assert f"{DAEMON_JSON}:2:3" in finding.remediation.text


BROKEN = {
    "daemon-json-trailing-comma": (":3:14", "comma"),
    "daemon-json-bom": (":1:1", "byte order mark"),
    "daemon-json-duplicate-key": (":4:3", "stands twice"),
    "daemon-json-wrong-type": (":2:3", "must be true or false"),
    "daemon-json-unknown-key": (":3:3", "is userland-proxy meant?"),
    "flag-conflict": (":2:3", "also given as a flag"),
}


def test_a_broken_daemon_json_is_shown_with_its_place(host: Host) -> None:
    assert only(host, "daemon.config").outcome == "pass"
    for name, (place, words) in BROKEN.items():
        host.break_(name)
        before = host.run(["sha256sum", DAEMON_JSON]).out
        finding = only(host, "daemon.config")
        assert (name, finding.outcome) == (name, "fail")
        assert (name, finding.resource.name) == (name, DAEMON_JSON + place)
        assert words in finding.summary
        assert host.run(["sha256sum", DAEMON_JSON]).out == before


CONTENTS: list[dict[str, Any]] = [
    {"bip6": "2001:db8::1/64"},
    {"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "1400"}}},
    {"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": 1400}}},
    {"cdi-spec-dirs": []},
    {"graph": "/var/lib/docker"},
    {"oom-score-adjust": -500},
    {"api-cors-header": ""},
    {"firewall-backend": "iptables"},
    {"min-api-version": "1.40"},
    {"proxies": {"http-proxy": "http://192.0.2.1"}},
    {"proxies": {"htp-proxy": "http://192.0.2.1"}},
    {"http-proxy": "http://192.0.2.1"},
    {"feature": "x"},
    {"label": "x"},
    {"resolv-conf": "/etc/resolv.conf"},
    {"Userland-Proxy": False},
    {"x": {"userland-proxy": False}},
    {"x": {"y": False}},
    {"mtu": 1400.0},
    {"mtu": None},
    {"icc": 0},
    {"labels": "a=b"},
    {"log-opts": {"max-file": 3}},
    {"default-shm-size": 67108864},
    {"default-ulimits": {"nofile": 1024}},
    {"default-ulimits": {"nofile": {"Name": "nofile", "Hard": 64, "Soft": 64}}},
    {"ip": "banana"},
    {"dns": ["192.0.2.1", "x"]},
    {"default-address-pools": [{"base": "10.0.0.0/16", "size": "24"}]},
    {"default-address-pools": [{"Base": "10.0.0.0/16", "Size": 24}]},
    {"storage-opt": ["x"]},
    {"tls": "yes"},
]


@pytest.mark.engines
def test_a_key_is_known_exactly_if_dockerd_takes_it(engine_host: Host) -> None:
    for values in CONTENTS:
        fatal = [item for item in problems_in(values, {}, {}, release(engine_host)) if item.accepted_from is None]
        assert (values, not fatal) == (values, dockerd_takes(engine_host, json.dumps(values).encode()))


STARTS: list[dict[str, Any]] = [
    {"bip": "10.9.0.1/24", "fixed-cidr": "10.9.0.128/25"},
    {"bip": "banana"},
    {"bip": "10.9.0.0/24"},
    {"default-address-pools": [{"base": "10.0.0.0/16", "size": 8}]},
    {"icc": False, "iptables": False},
    {"bridge": "none", "bip": "10.9.0.1/24"},
    {"ipv6": True},
    {"ip6tables": True},
    {"userland-proxy-path": "docker-proxy"},
]


@pytest.mark.long
def test_what_dockerd_cannot_start_with_is_seen_before_it_tries(host: Host) -> None:
    for values in STARTS:
        configure(host, **values)
        finding = only(host, "daemon.config")
        started = host.run(["systemctl", "restart", "docker.service"], check=False).rc == 0
        assert (values, finding.outcome) == (values, "pass" if started else "fail"), host.journal()
        if not started:
            host.write(DAEMON_JSON, '{"ipv6": true}')
            assert only(host, "daemon.config").outcome == "unknown", "the version of a daemon that does not run"
            configure(host)
            host.restart_docker()


# ---- what cannot be seen ---------------------------------------------------------------------------------------------


# The user has no shell of its own to log in with, and the host no sudo.
AS_NOBODY = {
    "become": True,
    "become_user": "nobody",
    "become_method": "ansible.builtin.su",
    "become_flags": "-s /bin/sh",
}


def test_without_privilege_nothing_that_needs_it_passes(fresh_host: Host) -> None:
    host = fresh_host
    host.deploy(WEB)
    result = netcheck(host, task=AS_NOBODY)
    assert [item["check"] for item in result["findings"] if item["outcome"] == "unknown"] == ["audit.engine"]
    for check in ("forwarding.ipv4", "hairpin.missing", "mode.host", "publish.wildcard", "daemon.live-restore"):
        assert check in result["not_evaluated"]
    assert result["platform"]["state"] == "denied"
    assert "run with become" in result["msg"]


def test_a_stopped_daemon_is_not_started_and_one_that_is_not_there_is_told_once(fresh_host: Host) -> None:
    host = fresh_host
    host.break_("daemon-stopped")
    host.write(DAEMON_JSON, '{"live-restore": true,}\n')
    result = netcheck(host)
    passed = {check for check, found in told(result).items() if "pass" in found}
    assert passed == {"proxy.memory", "daemon.permissions"}
    assert told(result)["daemon.config"] == {"fail"}
    assert "dockerd does not run" in result["msg"]
    assert host.run(["systemctl", "is-active", "docker.service"], check=False).out.strip() == "inactive"
    with hidden_docker(host):
        result = netcheck(host)
    assert [(item["check"], item["outcome"]) for item in result["findings"]] == [("audit.engine", "not_applicable")]
    assert result["summary"]["not_applicable"] == 1
    assert len(result["not_evaluated"]) == len(result["checks"])
    assert result["msg"].startswith("no Docker Engine")


def test_a_snapshot_is_saved_and_nothing_else_is_changed(engine_host: Host) -> None:
    host, path = engine_host, "/run/dockernet-snapshot.json"
    result = ansible_module(host, NETCHECK, {"snapshot_path": path}, check=True)
    assert result["changed"] is True
    assert not host.exists(path)
    ansible_module(host, NETCHECK, {"snapshot_path": path})
    assert host.run(["stat", "-c", "%a %U", path]).out.split() == ["600", "root"]
    assert load_snapshot(host.read(path)).hostname == host.name
    host.run(["rm", path])
    assert netcheck(host)["changed"] is False


def test_a_check_that_there_is_not_is_an_error(engine_host: Host) -> None:
    result = ansible_module(engine_host, NETCHECK, {"checks": ["mode.*", "modes.*"]})
    assert result["failed"] is True
    assert "checks[1]: no check matches 'modes.*' (did you mean 'mode.*'?). There are: " in result["msg"]
