"""The role harden on real engines: what it repairs, what it leaves alone, and what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain

from tests.integration.host_state import host_state
from tests.integration.snapshots import install_readers, read_host
from tests.lab.ansible_runs import PlaybookResult
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload

HARDEN = "dockernet.baseline.harden_docker_net"
AUDIT = "dockernet.baseline.audit_docker_net"
NETCHECK = "dockernet.baseline.docker_netcheck"
CHANGES = tuple(f"dockernet.baseline.{name}" for name in ("ip_forward", "userland_proxy", "bridge_hairpin"))
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

WEB = Scenario(
    networks=[NetworkSpec("front")],
    containers=[
        Workload("web", networks=["front"], publish=[f"{PORT}:80"]),
        Workload("sidecar", network_mode="container:web", serve=[81]),
        Workload("agent", network_mode="host", serve=[9100]),
    ],
)


def run(lab: Lab, host: Host, book: str = HARDEN, *, check: bool = False, **variables: Any) -> PlaybookResult:
    """Run a playbook on one host, and hold that it showed nobody a traceback or a deprecation of ours."""
    done = lab.ansible_playbook(book, limit=[host.name], extra_vars=variables, check=check, diff=check)
    assert "Traceback" not in done.out + done.err, done.out + done.err
    assert "DEPRECATION" not in done.out + done.err, done.out + done.err
    return done


def harden(lab: Lab, host: Host, **variables: Any) -> PlaybookResult:
    done = run(lab, host, **variables)
    assert done.rc == 0, done.out + done.err
    return done


def audits(done: PlaybookResult) -> list[dict[str, Any]]:
    return [task.result for task in done.of(NETCHECK) if task.outcome == "ok"]


def changes(done: PlaybookResult) -> dict[str, dict[str, Any]]:
    """The results of the modules that ran, by their short names."""
    tasks = [task for name in CHANGES for task in done.of(name) if task.outcome != "skipped"]
    return {task.action.rpartition(".")[2]: task.result for task in tasks}


def actions(done: PlaybookResult) -> dict[str, list[str]]:
    return {name: result["actions"] for name, result in changes(done).items()}


def failing(audit: dict[str, Any], check: str) -> list[dict[str, Any]]:
    return [item for item in audit["findings"] if item["check"] == check and item["outcome"] == "fail"]


def table(done: PlaybookResult) -> str:
    """What the role printed last, on one line, so that it does not matter where it was wrapped."""
    shown = [task.result["msg"] for task in done.of("ansible.builtin.debug") if task.outcome == "ok"]
    return re.sub(r"\s+", " ", str(shown[-1]))


def state(host: Host) -> dict[str, Any]:
    """All that a run could have changed: as the host's own programs show it, and the snapshot without what moves."""
    install_readers(host)
    snapshot = read_host(host)
    proxies = [replace(proxy, pss=None, rss=None) for proxy in snapshot.proxies]
    # The engine tells its networks in any order; the rules are among what the host's programs show.
    networks = sorted(snapshot.networks, key=lambda network: network.name)
    still = replace(snapshot, taken_at="", proxies=proxies, networks=networks, ruleset=None)
    return {"programs": host_state(host), **to_plain(still)}


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}


def settled(host: Host) -> dict[str, Any]:
    """The host's state once its interfaces have no address that waits to be confirmed."""
    host.wait_for(lambda: not host.run("ip -6 address show tentative").out, 15, "addresses to settle")
    return state(host)


@pytest.fixture
def broken_host(fresh_host: Host) -> Host:
    """A host after a restart under live-restore that switched docker-proxy off, which does not forward after a boot."""
    fresh_host.deploy(WEB)
    fresh_host.break_("forwarding-not-persistent")
    fresh_host.break_("proxy-off-under-live-restore")
    return fresh_host


def test_a_broken_host_is_mended_as_check_mode_said_and_stays_so(broken_host: Host, lab: Lab) -> None:
    web = broken_host.container("web")
    started = web.started_at
    broken_host.set_sysctl("net.ipv4.ip_forward", "0")
    assert web.tcp(broken_host.address, PORT) == "timed out"
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


def test_check_mode_of_the_cis_profile_says_what_the_real_run_does(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(WEB)
    fresh_host.break_("forwarding-not-persistent")
    wishes = {"harden_profile": "cis", "harden_live_restore": "enable"}
    started = fresh_host.container("web").started_at
    before = settled(fresh_host)
    predicted = run(lab, fresh_host, check=True, **wishes)
    assert predicted.rc == 0, predicted.out
    assert differences(before, state(fresh_host)) == {}
    done = harden(lab, fresh_host, **wishes)
    assert actions(done) == actions(predicted)
    assert fresh_host.container("web").started_at == started
    assert fresh_host.container("web").tcp(fresh_host.address, PORT) == "answered"
    assert not failing(audits(done)[-1], "proxy.enabled")
    assert harden(lab, fresh_host, **wishes).stats[fresh_host.name]["changed"] == 0


def test_a_container_that_would_stay_down_is_left_alone(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(WEB)
    fresh_host.break_("forwarding-not-persistent")
    started = fresh_host.container("web").started_at
    done = run(lab, fresh_host, harden_profile="cis", harden_fail_on_refusal=True)
    assert done.rc != 0
    assert fresh_host.container("web").started_at == started
    assert fresh_host.container("web").running
    assert changes(done)["userland_proxy"]["refused"] is True
    shown = table(done)
    assert "not done: userland_proxy refused" in shown
    assert "harden_on_disruption: allow" in shown
    assert "web" in shown
    # The refusal stopped no other repair.
    assert "repaired by ip_forward" in shown


def test_a_failed_repair_stops_no_other_and_fails_the_host_at_the_end(broken_host: Host, lab: Lab) -> None:
    folder = "/etc/sysctl.d"
    broken_host.run(f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}")
    try:
        done = run(lab, broken_host)
    finally:
        broken_host.run(["umount", folder])
    assert done.rc != 0
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
    for wishes in ({}, {"harden_profile": "cis", "harden_live_restore": "enable"}):
        harden(lab, fresh_host, **wishes)
        assert fresh_host.container("web").running, wishes
        assert fresh_host.container("web").started_at == started, wishes
    assert fresh_host.container("web").tcp(fresh_host.address, PORT) == "answered"


def test_a_broken_daemon_json_is_shown_with_its_place_and_left_as_it_is(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(WEB)
    started = fresh_host.container("web").started_at
    for fault, place in BROKEN_FILES.items():
        fresh_host.break_(fault)
        content = fresh_host.run(["sha256sum", DAEMON_JSON]).out
        done = harden(lab, fresh_host, harden_profile="cis", harden_live_restore="enable")
        assert fresh_host.run(["sha256sum", DAEMON_JSON]).out == content, fault
        assert fresh_host.container("web").started_at == started, fault
        assert failing(audits(done)[-1], "daemon.config"), fault
        assert f"{DAEMON_JSON}:{place}" in table(done), (fault, table(done))
        assert "not done: userland_proxy refused" in table(done), (fault, table(done))


def test_a_stopped_daemon_is_one_clear_message(fresh_host: Host, lab: Lab) -> None:
    fresh_host.break_("daemon-stopped")
    audit = run(lab, fresh_host, AUDIT, audit_fail_on="high")
    assert audit.rc != 0
    result = audits(audit)[0]
    assert result["sources"]["engine"]["kind"] == "stopped"
    unknown = {item["check"] for item in result["findings"] if item["outcome"] == "unknown"}
    assert {"hairpin.missing", "publish.wildcard", "mode.host"} <= unknown
    assert "could not be judged" in audit.out
    hardened = run(lab, fresh_host)
    assert hardened.rc != 0
    assert "Could not be read" in hardened.out
    assert not fresh_host.run(["systemctl", "is-active", "docker.service"], check=False).out.startswith("active")


HIDE_DOCKER = r"""
systemctl stop docker.socket docker.service
for file in $(dpkg -L docker.io | grep -E 'bin/dockerd$|system/docker\.(service|socket)$'); do
    mv "$file" "$file.away"
done
systemctl daemon-reload
"""
BRING_DOCKER_BACK = r"""
for file in $(dpkg -L docker.io); do [ ! -e "$file.away" ] || mv "$file.away" "$file"; done
systemctl daemon-reload
systemctl start docker.socket docker.service
"""


def test_a_host_without_docker_is_told_so(fresh_host: Host, lab: Lab) -> None:
    fresh_host.run(HIDE_DOCKER)
    try:
        done = run(lab, fresh_host)
    finally:
        fresh_host.run(BRING_DOCKER_BACK)
    assert done.rc != 0
    assert audits(done)[0]["sources"]["engine"]["kind"] == "absent"
    assert {item["outcome"] for item in audits(done)[0]["findings"]} == {"unknown"}
    assert "Could not be read: no Docker Engine" in re.sub(r"\s+", " ", done.out)
    assert changes(done) == {}


def test_without_permission_nothing_is_judged_and_become_is_named(fresh_host: Host, lab: Lab) -> None:
    done = run(
        lab,
        fresh_host,
        ansible_become_method="ansible.builtin.su",
        ansible_become_user="nobody",
        ansible_become_flags="-s /bin/sh",
    )
    assert done.rc != 0
    assert audits(done)[0]["sources"]["engine"]["kind"] == "denied"
    assert "permission denied; run with become (as root)" in re.sub(r"\s+", " ", done.out)
    assert changes(done) == {}


@pytest.fixture
def host_without_pyroute2(fresh_host: Host) -> Iterator[Host]:
    fresh_host.break_("no-pyroute2")
    yield fresh_host
    fresh_host.reset()


def test_a_missing_library_is_unknown_to_the_audit_and_installed_by_the_playbook(
    host_without_pyroute2: Host, lab: Lab
) -> None:
    host = host_without_pyroute2
    host.deploy(WEB)
    blind = run(lab, host, AUDIT, check=True)
    assert blind.rc == 0, blind.out
    result = audits(blind)[0]
    assert result["sources"]["links"]["kind"] == "library"
    assert "python3-pyroute2" in result["sources"]["links"]["reason"]
    assert "hairpin.missing" in {item["check"] for item in result["findings"] if item["outcome"] == "unknown"}
    seeing = run(lab, host, AUDIT)
    assert seeing.rc == 0, seeing.out
    assert audits(seeing)[0]["sources"]["links"]["read"] is True


def test_no_way_to_a_repository_is_said_in_one_message(host_without_pyroute2: Host, lab: Lab) -> None:
    host = host_without_pyroute2
    repository = "/usr/share/dockernet-lab/repo"
    host.run(["mv", repository, f"{repository}.away"])
    try:
        host.run("rm -rf /var/lib/apt/lists/*")
        done = run(lab, host, AUDIT)
    finally:
        host.run(["mv", f"{repository}.away", repository])
        host.run(["apt-get", "update"])
    assert done.rc != 0
    assert audits(done) == []
    failed = [task for task in done.tasks if task.outcome == "failed"]
    assert len(failed) == 1
    assert "cannot import pyroute2" in failed[0].result["msg"]
    assert "by hand" in failed[0].result["msg"]
