# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever users call their processes: Docker is what root runs, and nothing of theirs is read, written or run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.snapshots import install_readers, read_host
from tests.integration.strangers import MARK, NOBODY, PLACE, start_stranger, strangers, traps_that_ran
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.scenario import Scenario, Workload

AUDIT = "dockernet.baseline.docker_netcheck"
DAEMON_CONFIG = "dockernet.baseline.daemon_config"
USERLAND_PROXY = "dockernet.baseline.userland_proxy"
DAEMON_JSON = "/etc/docker/daemon.json"
DROP_IN = "/etc/systemd/system/docker.service.d/zz-test.conf"
THEIRS = '{"debug": false, "labels": ["owner=them"]}\n'
WEB = Scenario(containers=[Workload("web", publish=["8080:80"])])


@pytest.fixture
def crowded(fresh_host: Host) -> Iterator[Host]:
    """A host with fake dockerds of every kind beside the real one."""
    host = fresh_host
    with strangers(host):
        host.run(f"mkfifo -m 666 {PLACE}/pipe && chmod 755 {PLACE}")
        host.write(f"{PLACE}/theirs.json", THEIRS)
        host.run(["chown", str(NOBODY), f"{PLACE}/theirs.json"])
        start_stranger(host, "older", "dockerd", ["-H", "fd://", f"--config-file={PLACE}/theirs.json"])
        start_stranger(host, "older-own", "dockerd", [f"--config-file={PLACE}/pipe"], own_mounts=True)
        host.restart_docker()
        start_stranger(host, "zero", "dockerd", ["--config-file=/dev/zero"])
        start_stranger(host, "fifo", "dockerd", [f"--config-file={PLACE}/pipe"])
        start_stranger(host, "file", "dockerd", ["-H", "fd://", f"--config-file={PLACE}/theirs.json"], own_mounts=True)
        yield host
        assert traps_that_ran(host) == ""
        assert host.read(f"{PLACE}/theirs.json") == THEIRS


def real(host: Host) -> int:
    return int(host.run(["systemctl", "show", "docker.service", "--property=MainPID", "--value"]).out)


def outcomes(audit: dict[str, Any], *checks: str) -> dict[str, str]:
    return {item["check"]: item["outcome"] for item in audit["findings"] if item["check"] in checks}


def test_the_real_dockerd_is_audited_and_changed(crowded: Host) -> None:
    host = crowded
    host.write(DAEMON_JSON, "{}\n")
    host.deploy(WEB)
    install_readers(host)
    snapshot = read_host(host)
    assert {name: source.reason for name, source in snapshot.sources.items() if not source.read} == {}
    assert snapshot.daemon is not None
    assert (snapshot.daemon.pid, snapshot.daemon.uid) == (real(host), 0)
    assert snapshot.service is not None
    assert snapshot.service.name == "docker.service"
    assert snapshot.daemon_config is not None
    assert snapshot.daemon_config.path == DAEMON_JSON
    assert {proxy.ppid for proxy in snapshot.proxies} == {real(host)}

    audit = ansible_module(host, AUDIT)
    assert not audit["failed"], audit
    assert {name: said for name, said in audit["sources"].items() if not said["read"]} == {}
    assert outcomes(audit, "daemon.config", "daemon.tcp") == {"daemon.config": "pass", "daemon.tcp": "pass"}

    wanted = {"config": {"debug": True}}
    foretold = ansible_module(host, DAEMON_CONFIG, wanted, check=True, diff=True)
    assert (foretold["changed"], foretold["failed"]) == (True, False), foretold
    assert host.read(DAEMON_JSON) == "{}\n"
    done = ansible_module(host, DAEMON_CONFIG, wanted, diff=True)
    assert (done["changed"], done["actions"]) == (True, foretold["actions"]), done
    assert json.loads(host.read(DAEMON_JSON)) == {"debug": True}


def test_docker_proxy_is_switched_off_beside_strangers(crowded: Host) -> None:
    """The real dockerd has a mount namespace of its own, as a snap's has; the strangers share ours."""
    crowded.write(DROP_IN, "[Service]\nPrivateMounts=yes\n")
    crowded.run(["systemctl", "daemon-reload"])
    crowded.restart_docker()
    for check in (True, False):
        done = ansible_module(crowded, USERLAND_PROXY, {"state": "disabled"}, check=check)
        assert (done["changed"], done["failed"]) == (True, False), done
    assert json.loads(crowded.read(DAEMON_JSON))["userland-proxy"] is False
    assert not ansible_module(crowded, USERLAND_PROXY, {"state": "disabled"})["changed"]


def test_an_audit_does_not_start_a_dockerd_that_strangers_stand_in_for(crowded: Host) -> None:
    """Systemd holds the socket: the first who connects would start it."""
    host = crowded
    host.run(["systemctl", "stop", "docker.service"])
    assert host.run(["systemctl", "is-active", "docker.socket"]).out.strip() == "active"
    audit = ansible_module(host, AUDIT)
    assert host.run(["systemctl", "is-active", "docker.service"], check=False).out.strip() == "inactive"
    assert not audit["failed"], audit
    engine = audit["sources"]["engine"]
    assert (engine["read"], engine["kind"]) == (False, "stopped")
    assert engine["reason"].startswith("dockerd does not run (docker.service is inactive); start it")
    for module, wanted in ((DAEMON_CONFIG, {"config": {"debug": True}}), (USERLAND_PROXY, {"state": "disabled"})):
        for check in (True, False):
            refused = ansible_module(host, module, wanted, check=check)
            assert refused["failed"], refused
            assert "dockerd does not run" in refused["msg"]
    assert host.run(["systemctl", "is-active", "docker.service"], check=False).out.strip() == "inactive"


def proxy_words(port: int, container: str) -> list[str]:
    return f"-proto tcp -host-ip 0.0.0.0 -host-port {port} -container-ip {container} -container-port 80".split()


def test_what_strangers_call_docker_proxy_counts_for_nothing(fresh_host: Host) -> None:
    host = fresh_host
    host.deploy(WEB)
    with strangers(host):
        lone = start_stranger(host, "proxy", "docker-proxy", proxy_words(8099, "172.17.0.99"))
        twin = start_stranger(host, "twin", "docker-proxy", [*proxy_words(8080, "172.17.0.99"), "-host-port", "8098"])
        stand_in = start_stranger(host, "dockerd", "dockerd", ["-host-port", "8097"])
        host.wait_for(lambda: {8097, 8098, 8099} <= host.listening(), 120, "strangers to listen")
        install_readers(host)
        snapshot = read_host(host)
        assert {proxy.ppid for proxy in snapshot.proxies} == {real(host)}
        held = {item.port: (item.owner, item.pid) for item in snapshot.listeners if item.protocol == "tcp"}
        assert held[8097] == (f"dockerd of user {NOBODY}", stand_in.pid)
        assert held[8098] == (f"docker-proxy of user {NOBODY}", twin.pid)
        assert held[8099] == (f"docker-proxy of user {NOBODY}", lone.pid)
        audit = ansible_module(host, AUDIT)
        judged = outcomes(audit, "proxy.orphan", "proxy.missing", "daemon.tcp")
        assert judged == {"proxy.orphan": "pass", "proxy.missing": "pass", "daemon.tcp": "pass"}
        memory = next(item for item in audit["findings"] if item["check"] == "proxy.memory")
        assert {"name": "processes", "value": len(snapshot.proxies)} in memory["evidence"]
        assert traps_that_ran(host) == ""


# Older engines have no rehearsal.
@pytest.mark.kinds("debian13", "debian13-docker28")
@pytest.mark.parametrize("unsafe", [True, False])
def test_the_rehearsal_runs_what_root_alone_can_exchange(fresh_host: Host, *, unsafe: bool) -> None:
    """The unit's program lies in a folder that others may write to, or not."""
    host = fresh_host
    place = "/opt/engine"
    host.write(
        f"{place}/dockerd", f'#!/bin/sh\ncase "$*" in *--validate*) touch {MARK};; esac\nexec /usr/sbin/dockerd "$@"\n'
    )
    host.run(["chmod", "0755", f"{place}/dockerd"])
    host.run(["chmod", "0777" if unsafe else "0755", place])
    host.write(DROP_IN, f"[Service]\nExecStart=\nExecStart={place}/dockerd -H fd://\n")
    host.run(["systemctl", "daemon-reload"])
    host.restart_docker()
    try:
        done = ansible_module(host, DAEMON_CONFIG, {"config": {"debug": True}}, check=True)
        assert (done["changed"], done["failed"]) == (True, False), done
        words = f"could not validate the new configuration beforehand: users other than root can write to {place}"
        assert any(words in warning for warning in done.get("warnings", [])) is unsafe
        assert host.exists(MARK) is not unsafe
    finally:
        host.run(["rm", "-rf", MARK, place])
