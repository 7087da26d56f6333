"""The role harden on real engines: what it repairs, what it leaves alone, and what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.catalogue.scenario import uses_nftables
from tests.integration.harden_runs import (
    actions,
    audits,
    changes,
    differences,
    failing,
    harden,
    run,
    settled,
    starts,
    state,
    table,
)
from tests.integration.without_docker import hidden_docker
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.kinds import KINDS
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.vantage import PATIENCE

AUDIT = "dockernet.baseline.audit_docker_net"
DAEMON_JSON = "/etc/docker/daemon.json"
PORT = 8080

# The place of the mistake: line and column.
BROKEN_FILES = {
    "daemon-json-trailing-comma": "3:14",
    "daemon-json-bom": "1:1",
    "daemon-json-duplicate-key": "4:3",
    "daemon-json-wrong-type": "2:3",
    "daemon-json-unknown-key": "3:3",
    "flag-conflict": "2:3",
}
# Each is shown on every kind of host by test_checks.py, so a kind has its share of them here.
FAULTS_OF_A_KIND = 2

WEB = Scenario(
    networks=[NetworkSpec("front")],
    containers=[
        Workload("web", networks=["front"], publish=[f"{PORT}:80"]),
        Workload("sidecar", network_mode="container:web", serve=[81]),
        Workload("agent", network_mode="host", serve=[9100]),
    ],
)

# As a careful operator starts them: published on one address, on networks of their own.
HEALTHY = Scenario(
    networks=[NetworkSpec("front"), NetworkSpec("back")],
    containers=[
        Workload("web", networks=["front"], publish=[f"127.0.0.1:{PORT}:80"], restart="always"),
        Workload("api", networks=["front", "back"], restart="unless-stopped"),
        Workload("job", networks=["back"]),
    ],
)
ON_THE_CONTROLLER = (
    "ansible.builtin.validate_argument_spec",
    "ansible.builtin.set_fact",
    "ansible.builtin.include_tasks",
    "dockernet.baseline.change_report",
    "ansible.builtin.meta",
)


@pytest.fixture
def broken_host(fresh_host: Host) -> Host:
    """A host after a restart under live-restore that switched docker-proxy off, which does not forward after a boot."""
    fresh_host.deploy(WEB)
    fresh_host.break_("forwarding-not-persistent")
    fresh_host.break_("proxy-off-under-live-restore")
    return fresh_host


@pytest.mark.engines
@pytest.mark.smoke
def test_a_broken_host_is_mended_as_check_mode_said_and_stays_so(broken_host: Host, lab: Lab) -> None:
    web = broken_host.container("web")
    started = web.started_at
    broken_host.set_sysctl("net.ipv4.ip_forward", "0")
    assert web.tcp(broken_host.address, PORT, PATIENCE) == "timed out"
    before = settled(broken_host)

    predicted = run(lab, broken_host, check=True)
    assert predicted.rc == 0, predicted.out
    assert differences(before, state(broken_host)) == {}
    assert "would be repaired by bridge_hairpin" in table(predicted)
    assert "would be repaired by ip_forward" in table(predicted)
    assert all(result["diff"] for result in changes(predicted).values())

    done = harden(lab, broken_host)
    assert actions(done) == actions(predicted)
    assert "web" in {item["resource"]["name"] for item in failing(audits(done)[0], "hairpin.missing")}
    assert not failing(audits(done)[-1], "hairpin.missing")
    assert web.tcp(broken_host.address, PORT) == "answered"
    assert lab.outside.tcp(broken_host.address, PORT) == "answered"
    assert web.started_at == started

    second = harden(lab, broken_host)
    assert second.stats[broken_host.name]["changed"] == 0
    assert len(audits(second)) == 1
    assert changes(second) == {}


@pytest.mark.long
def test_forwarding_that_dockerd_sees_to_is_left_to_it(fresh_host: Host, lab: Lab) -> None:
    """A host as its packages make it: dockerd turns forwarding on at each start, and closes FORWARD with it."""
    host = fresh_host
    if uses_nftables(host):
        pytest.skip("with nftables dockerd does not turn forwarding on")
    six = NetworkSpec("six", "10.66.0.0/24", ipv6_subnet="fd00:66::/64")
    host.deploy(Scenario([six], [Workload("web", ["six"], publish=[f"{PORT}:80"], restart="always")]))
    written = host.run("find /etc/sysctl.d /etc/systemd/system | sort").out

    done = harden(lab, host)

    assert "ip_forward" not in changes(done), changes(done)
    assert not failing(audits(done)[0], "forwarding.persistent")
    assert host.run("find /etc/sysctl.d /etc/systemd/system | sort").out == written
    # It was the truth.
    host.reboot()
    assert host.sysctl("net.ipv4.ip_forward") == host.sysctl("net.ipv6.conf.all.forwarding") == "1"
    assert host.run("iptables -S FORWARD").out.startswith("-P FORWARD DROP")
    # What somebody turns off is turned on again, and no more than that.
    host.set_sysctl("net.ipv4.ip_forward", "0")
    repaired = changes(harden(lab, host))["ip_forward"]
    assert repaired["actions"] == ["set net.ipv4.ip_forward from 0 to 1"]
    assert host.run("find /etc/sysctl.d /etc/systemd/system | sort").out == written


@pytest.mark.long
def test_a_host_that_boot_would_leave_without_forwarding_is_given_a_file(fresh_host: Host, lab: Lab) -> None:
    """Told to leave forwarding alone, dockerd does nothing about it, nor about FORWARD."""
    host = fresh_host
    host.write(DAEMON_JSON, '{"ip-forward": false}\n')
    host.restart_docker()
    host.set_sysctl("net.ipv4.ip_forward", "1")

    done = harden(lab, host, harden_checks=["forwarding.*"])

    assert failing(audits(done)[0], "forwarding.persistent")
    assert not failing(audits(done)[-1], "forwarding.persistent")
    host.reboot()
    assert host.sysctl("net.ipv4.ip_forward") == "1"
    if not uses_nftables(host):
        assert host.run("iptables -S FORWARD").out.startswith("-P FORWARD DROP")


@pytest.mark.long
def test_check_mode_of_the_strict_profile_says_what_the_real_run_does(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(WEB)
    fresh_host.break_("forwarding-not-persistent")
    wishes: dict[str, Any] = {
        "harden_profile": "strict",
        "harden_live_restore": "enabled",
        "harden_on_disruption": "allow",
        "harden_daemon_config": {"log-level": "warn", "shutdown-timeout": 20},
    }
    started = fresh_host.container("web").started_at
    before = settled(fresh_host)
    begun = starts(fresh_host)
    predicted = run(lab, fresh_host, check=True, **wishes)
    assert predicted.rc == 0, predicted.out
    assert differences(before, state(fresh_host)) == {}
    done = harden(lab, fresh_host, **wishes)
    assert actions(done) == actions(predicted)
    assert starts(fresh_host) == begun + 1
    assert fresh_host.container("web").started_at == started
    assert fresh_host.container("web").tcp(fresh_host.address, PORT) == "answered"
    for check in ("proxy.enabled", "daemon.live-restore", "forwarding.persistent"):
        assert failing(audits(done)[0], check), check
        assert not failing(audits(done)[-1], check), check
    values = json.loads(fresh_host.read(DAEMON_JSON))
    assert values == {"log-level": "warn", "shutdown-timeout": 20, "userland-proxy": False, "live-restore": True}
    assert harden(lab, fresh_host, **wishes).stats[fresh_host.name]["changed"] == 0


def test_a_container_that_would_stay_down_is_left_alone(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(WEB)
    fresh_host.break_("forwarding-not-persistent")
    started = fresh_host.container("web").started_at
    done = run(lab, fresh_host, harden_profile="strict", harden_fail_on_refusal=True)
    assert done.rc == 2
    assert fresh_host.container("web").started_at == started
    assert fresh_host.container("web").running
    assert changes(done)["daemon_config"]["refused"] is True
    assert {"web", "sidecar", "agent"} <= {item["name"] for item in changes(done)["daemon_config"]["disruptions"]}
    shown = table(done)
    assert "not done: daemon_config refused" in shown
    assert "harden_on_disruption: allow" in shown
    assert "web" in shown
    # The refusal stopped no other repair.
    assert "repaired by ip_forward" in shown


@pytest.mark.kinds("debian11", "debian13-docker28")
def test_flushed_rules_come_back_by_a_restart_that_loses_no_container_unasked(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.deploy(WEB)
    host.break_("rules-flushed")
    only = ["firewall.*", "daemon.live-restore"]
    started = host.container("web").started_at
    left = run(lab, host, harden_checks=only)
    assert changes(left)["daemon_config"]["refused"] is True
    assert "harden_live_restore: enabled" in table(left)
    assert host.container("web").started_at == started
    begun = starts(host)
    done = harden(lab, host, harden_checks=only, harden_live_restore="enabled")
    assert failing(audits(done)[0], "firewall.flushed")
    assert {item["check"] for item in audits(done)[-1]["findings"] if item["outcome"] == "fail"} == set()
    assert starts(host) == begun + 1
    assert host.container("web").started_at == started
    assert lab.outside.tcp(host.address, PORT) == "answered"


@pytest.mark.kinds("debian12")
def test_rules_that_dockerd_was_not_to_make_come_on_request_alone(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    six = NetworkSpec("six", "10.66.0.0/24", ipv6_subnet="fd00:66::/64")
    host.deploy(Scenario([six], [Workload("six", ["six"], publish=[f"{PORT}:80"])]))
    only = {"harden_checks": ["network.ipv6-unfiltered", "daemon.live-restore"], "harden_live_restore": "enabled"}
    left = harden(lab, host, **only)
    assert "waits for harden_also_repair: [network.ipv6-unfiltered]" in table(left)
    assert "ip6tables" not in host.run(["cat", DAEMON_JSON]).out
    started = host.container("six").started_at
    done = harden(lab, host, harden_also_repair=["network.ipv6-unfiltered"], **only)
    assert {item["check"] for item in audits(done)[-1]["findings"] if item["outcome"] == "fail"} == set()
    assert "-N DOCKER" in host.run(["ip6tables", "-S"]).out
    assert host.container("six").started_at == started


@pytest.mark.kinds("debian13")
def test_what_is_waived_is_left_as_it_is_and_named(broken_host: Host, lab: Lab) -> None:
    accepted = {"reason": "the load balancer does it", "owner": "netops", "expires": "2999-12-31"}
    waivers = [{"check": "hairpin.*", "selector": "container == 'web'", **accepted}]
    done = harden(lab, broken_host, harden_checks=["hairpin.*", "forwarding.*"], harden_waivers=waivers)
    assert set(changes(done)) == {"ip_forward"}
    assert "Waived: * hairpin.missing, until 2999-12-31 by netops" in table(done)
    assert "1 waived" in table(done)


@pytest.mark.kinds("debian11", "debian13-docker28")
def test_others_whom_the_host_forwards_for_are_not_cut_off_unasked(fresh_host: Host, lab: Lab) -> None:
    """Nothing is done about forwarding, then; all the ways on are named, and each works."""
    host = fresh_host
    host.break_("forwarding-not-persistent")
    host.run(
        """set -e
        ip link add virbr0 type bridge
        ip addr add 192.168.122.1/24 dev virbr0
        ip link add vnet0 type veth peer name vnet0-guest
        ip link set vnet0 master virbr0
        for link in virbr0 vnet0 vnet0-guest; do ip link set "$link" up; done
        iptables -P FORWARD ACCEPT"""
    )
    # Consent to lose containers is none to cut off guests.
    done = harden(lab, host, harden_on_disruption="allow")
    if uses_nftables(host):
        # The policy is left alone there, so nobody is cut off.
        assert not changes(done)["ip_forward"].get("refused")
        assert not failing(audits(done)[-1], "forwarding.persistent")
        assert "-P FORWARD ACCEPT" in host.run("iptables -S FORWARD").out
        return
    assert changes(done)["ip_forward"]["refused"] is True
    shown = table(done)
    assert "not done: ip_forward refused" in shown
    assert "virbr0" in shown
    assert "harden_on_other_forwarders: allow" in shown
    assert "harden_forward_policy: keep" in shown
    assert "-P FORWARD ACCEPT" in host.run("iptables -S FORWARD").out
    assert not host.exists("/etc/sysctl.d/99-dockernet-baseline.conf")

    kept = harden(lab, host, harden_forward_policy="keep")
    assert not failing(audits(kept)[-1], "forwarding.persistent")
    assert "the host will route" in table(kept)
    assert "-P FORWARD ACCEPT" in host.run("iptables -S FORWARD").out


def test_a_key_with_a_variable_of_its_own_is_refused_by_name(engine_host: Host, lab: Lab) -> None:
    done = run(lab, engine_host, harden_daemon_config={"userland-proxy": False, "debug": True})
    assert done.rc == 4
    assert "harden_daemon_config sets userland-proxy" in re.sub(r"\s+", " ", done.out)
    assert "harden_userland_proxy" in done.out
    assert audits(done) == []


@pytest.mark.kinds("debian13")
def test_a_wish_that_is_refused_fails_the_host(fresh_host: Host, lab: Lab) -> None:
    done = run(lab, fresh_host, harden_daemon_config={"mtuu": 1400})
    assert done.rc == 2
    assert "harden_daemon_config is not effective: daemon_config refused" in re.sub(r"\s+", " ", done.out)
    assert "(is mtu meant?)" in table(done)


def test_a_failed_repair_stops_no_other_and_fails_the_host_at_the_end(broken_host: Host, lab: Lab) -> None:
    folder = "/etc/sysctl.d"
    broken_host.run(f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}")
    try:
        done = run(lab, broken_host)
    finally:
        broken_host.run(["umount", folder])
    assert done.rc == 2
    assert "ip_forward failed, see above" in done.out
    shown = table(done)
    assert "not done: ip_forward failed" in shown
    assert "Read-only file system" in shown
    assert "repaired by bridge_hairpin" in shown
    assert broken_host.container("web").tcp(broken_host.address, PORT) == "answered"


def test_an_explicit_true_loses_no_container(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(WEB)
    fresh_host.break_("proxy-true-explicit")
    started = fresh_host.container("web").started_at
    cis = {"harden_profile": "cis", "harden_live_restore": "enabled", "harden_on_disruption": "allow"}
    for wishes in ({}, cis):
        harden(lab, fresh_host, **wishes)
        assert fresh_host.container("web").running, wishes
        assert fresh_host.container("web").started_at == started, wishes
    assert fresh_host.container("web").tcp(fresh_host.address, PORT) == "answered"


def test_a_broken_daemon_json_is_shown_with_its_place_and_left_as_it_is(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(WEB)
    started = fresh_host.container("web").started_at
    first = list(KINDS).index(fresh_host.kind) * FAULTS_OF_A_KIND % len(BROKEN_FILES)
    for fault, place in list(BROKEN_FILES.items())[first : first + FAULTS_OF_A_KIND]:
        fresh_host.break_(fault)
        content = fresh_host.run(["sha256sum", DAEMON_JSON]).out
        done = harden(lab, fresh_host, harden_profile="cis", harden_live_restore="enabled")
        assert fresh_host.run(["sha256sum", DAEMON_JSON]).out == content, fault
        assert fresh_host.container("web").started_at == started, fault
        assert failing(audits(done)[-1], "daemon.config"), fault
        assert f"{DAEMON_JSON}:{place}" in table(done), (fault, table(done))
        assert "not done: daemon_config refused" in table(done), (fault, table(done))


def test_a_stopped_daemon_is_one_clear_message(fresh_host: Host, lab: Lab, tmp_path: Path) -> None:
    fresh_host.break_("daemon-stopped")
    audit = run(lab, fresh_host, AUDIT, audit_fail_on="high", audit_output_dir=str(tmp_path))
    assert audit.rc == 2
    result = json.loads((tmp_path / f"{fresh_host.name}.json").read_text(encoding="utf-8"))
    assert result["sources"]["engine"]["kind"] == "stopped"
    assert [item["check"] for item in result["findings"] if item["outcome"] == "unknown"] == ["audit.engine"]
    assert {"hairpin.missing", "publish.wildcard", "mode.host"} <= set(result["not_evaluated"])
    assert "Docker Engine not running: 1 unknown (not evaluated)" in audit.out
    hardened = run(lab, fresh_host)
    assert hardened.rc == 2
    assert "Could not be read" in hardened.out
    assert not fresh_host.run(["systemctl", "is-active", "docker.service"], check=False).out.startswith("active")


def test_a_host_without_docker_is_not_applicable_and_does_not_fail(fresh_host: Host, lab: Lab) -> None:
    fresh_host.run(["systemctl", "stop", "docker.socket", "docker.service"])
    with hidden_docker(fresh_host):
        done = run(lab, fresh_host)
    assert done.rc == 0
    assert audits(done)[0]["sources"]["engine"]["kind"] == "absent"
    assert [item["outcome"] for item in audits(done)[0]["findings"]] == ["not_applicable"]
    assert "Not applicable: * no Docker Engine" in re.sub(r"\s+", " ", done.out)
    assert changes(done) == {}


def test_without_permission_nothing_is_judged_and_become_is_named(fresh_host: Host, lab: Lab) -> None:
    done = run(
        lab,
        fresh_host,
        ansible_become_method="ansible.builtin.su",
        ansible_become_user="nobody",
        ansible_become_flags="-s /bin/sh",
    )
    assert done.rc == 2
    assert audits(done)[0]["sources"]["engine"]["kind"] == "denied"
    told = re.sub(r"\s+", " ", done.out)
    assert "Could not be read: unix:///var/run/docker.sock: permission denied; run with become (as root)." in told
    assert changes(done) == {}


@pytest.fixture
def host_without_pyroute2(fresh_host: Host) -> Iterator[Host]:
    fresh_host.break_("no-pyroute2")
    yield fresh_host
    fresh_host.reset()


@pytest.mark.long
@pytest.mark.kinds("debian13")
def test_audits_before_and_after_it_in_one_directory_say_what_became_reachable(
    fresh_host: Host, lab: Lab, tmp_path: Path
) -> None:
    host = fresh_host
    host.deploy(WEB)
    run(lab, host, AUDIT, dockernet_output_dir=str(tmp_path))
    host.set_sysctl("net.ipv4.ip_forward", "0")
    harden(lab, host, dockernet_output_dir=str(tmp_path))
    document = f"{host.name}.json"
    files = {"before": str(tmp_path / "before" / document), "after": str(tmp_path / document)}
    compared = ansible_module(host, "dockernet.baseline.compare_reachability", files)
    assert "new: all containers reach machines outside (IPv4)" in compared["changes"]
    host.docker("stop", "web")
    later = run(lab, host, AUDIT, dockernet_output_dir=str(tmp_path))
    (audited,) = later.of("dockernet.baseline.audit_host")
    changes_since = audited.result["audit"]["since_last_run"]["reachability"]
    gone = [change["words"] for change in changes_since if change["kind"] == "no_longer"]
    assert any(line.startswith("no longer: outside") and "web:80/tcp" in line for line in gone), changes_since
    assert "not compared" not in later.out.casefold()
    facts = json.loads((tmp_path / "before" / document).read_text())["facts"]
    assert facts.keys() == json.loads((tmp_path / document).read_text())["facts"].keys()


@pytest.mark.long
def test_a_missing_library_is_none_to_the_audit_and_installed_by_the_playbook(
    host_without_pyroute2: Host, lab: Lab, tmp_path: Path
) -> None:
    host = host_without_pyroute2
    host.break_("no-docker-sdk")
    host.deploy(WEB)
    seen = run(lab, host, AUDIT, audit_output_dir=str(tmp_path))
    assert seen.rc == 0, seen.out
    document = json.loads((tmp_path / f"{host.name}.json").read_text())
    assert {name for name, item in document["sources"].items() if not item["read"]} == set()
    # What is broken is repaired without the library, as long as nothing about a link is.
    host.set_sysctl("net.ipv4.conf.docker0.forwarding", "0")
    hardened = harden(lab, host)
    assert "ip_forward" in changes(hardened)
    assert not has_pyroute2(host)

    host.break_("proxy-off-under-live-restore")
    predicted = run(lab, host, check=True)
    assert "Would install python3-pyroute2, a package of the distribution" in predicted.out
    assert not has_pyroute2(host)
    hardened = harden(lab, host)
    assert actions(hardened)["bridge_hairpin"] == actions(predicted)["bridge_hairpin"]
    assert not failing(audits(hardened)[-1], "hairpin.missing")
    assert has_pyroute2(host)


def has_pyroute2(host: Host) -> bool:
    return host.run(["python3", "-c", "import pyroute2"], check=False).rc == 0


@pytest.mark.parametrize("scenario", [Scenario(), HEALTHY], ids=["stock", "with containers"])
def test_a_host_where_nothing_is_broken_is_left_as_it_is(
    host_without_pyroute2: Host, lab: Lab, scenario: Scenario
) -> None:
    """No change, no restart, no package, no file: one module call."""
    host = host_without_pyroute2
    if uses_nftables(host):
        pytest.skip("with nftables dockerd does not turn forwarding on")
    host.deploy(scenario)
    before, begun = settled(host), starts(host)
    done = harden(lab, host)
    assert done.stats[host.name]["changed"] == 0
    assert [task.action for task in done.tasks if task.outcome == "ok" and task.action not in ON_THE_CONTROLLER] == [
        "dockernet.baseline.docker_netcheck"
    ]
    assert differences(before, state(host)) == {}
    assert starts(host) == begun
    assert not has_pyroute2(host)
    assert not host.exists("/var/lib/dockernet-baseline")


@pytest.mark.kinds("debian11", "debian13-docker28")
@pytest.mark.parametrize("wish", [{"harden_also_repair": ["network.icc"]}, {"harden_profile": "cis"}], ids=str)
def test_a_posture_is_taken_up_where_it_is_asked_for(fresh_host: Host, lab: Lab, wish: dict[str, Any]) -> None:
    begun = starts(fresh_host)
    done = harden(lab, fresh_host, **wish)
    assert json.loads(fresh_host.read(DAEMON_JSON))["icc"] is False
    assert not failing(audits(done)[-1], "network.icc")
    assert starts(fresh_host) == begun + 1
    assert harden(lab, fresh_host, **wish).stats[fresh_host.name]["changed"] == 0


def test_no_way_to_a_repository_is_said_in_one_message(host_without_pyroute2: Host, lab: Lab) -> None:
    host = host_without_pyroute2
    host.deploy(WEB)
    host.break_("proxy-off-under-live-restore")
    repository = "/usr/share/dockernet-lab/repo"
    host.run(["mv", repository, f"{repository}.away"])
    try:
        host.run("rm -rf /var/lib/apt/lists/*")
        done = run(lab, host)
    finally:
        host.run(["mv", f"{repository}.away", repository])
        host.run(["apt-get", "update"])
    assert done.rc != 0
    said = [
        str(task.result["msg"]) for task in done.tasks if task.action == "ansible.builtin.fail" and "msg" in task.result
    ]
    told = [text for text in said if "cannot import pyroute2" in text]
    assert len(told) == 1
    assert "manually" in told[0]
    assert "bridge_hairpin lacks a library" in said[-1]
    assert "not done: bridge_hairpin refused" in table(done)
