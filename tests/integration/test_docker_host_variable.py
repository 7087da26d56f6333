"""DOCKER_HOST of the environment on a host: which engine is asked, and whose files are changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.host_state import host_state
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host

COLLECTION = "dockernet.baseline"
OTHER = "unix:///run/other.sock"
OTHER_FILE = "/etc/docker/other.json"
UNIT = f"""
[Service]
ExecStart=/usr/sbin/dockerd -H {OTHER} --config-file {OTHER_FILE} --pidfile /run/other.pid --exec-root /run/other \\
    --data-root /var/lib/other --bridge none --iptables=false --ip6tables=false
ExecReload=/bin/kill -s HUP $MAINPID
"""
ANSWERS = f"for n in $(seq 100); do docker -H {OTHER} info && exit; sleep 0.2; done; exit 1"


def run(host: Host, name: str, engine: str, **options: Any) -> dict[str, Any]:
    return ansible_module(host, f"{COLLECTION}.{name}", options, task={"environment": {"DOCKER_HOST": engine}})


@pytest.mark.parametrize("engine", ["ssh://192.0.2.7", "tcp://192.0.2.7:2375"])
def test_an_engine_elsewhere_is_refused_and_nothing_is_changed(engine_host: Host, engine: str) -> None:
    host = engine_host
    before = host_state(host)
    for name, options in (
        ("daemon_config", {"config": {"debug": True}}),
        ("userland_proxy", {"state": "disabled", "on_disruption": "allow"}),
        ("bridge_network", {"networks": [{"name": "never"}]}),
        ("bridge_hairpin", {}),
    ):
        done = run(host, name, engine, **options)
        assert done["failed"], (name, done)
        for words in ("docker_host (or DOCKER_HOST) is", engine, "not on this host", "unix:///PATH"):
            assert words in done["msg"], (name, done["msg"])
    assert host_state(host) == before
    audit = run(host, "docker_netcheck", engine)
    assert "not on this host" in audit["sources"]["engine"]["reason"], audit["sources"]["engine"]
    assert not [
        item for item in audit["findings"] if item["check"].startswith("publish.") and item["outcome"] == "pass"
    ]


def test_what_a_task_says_wins(engine_host: Host) -> None:
    found = run(engine_host, "docker_netcheck", "ssh://192.0.2.7", docker_host="unix:///var/run/docker.sock")
    assert found["sources"]["engine"]["read"] is True


@pytest.fixture
def second_engine(fresh_host: Host) -> Iterator[Host]:
    """A host with another dockerd, which has files of its own."""
    fresh_host.write(OTHER_FILE, "{}\n")
    fresh_host.write("/etc/systemd/system/other.service", UNIT)
    fresh_host.run(["systemctl", "daemon-reload"])
    fresh_host.run(["systemctl", "start", "other.service"])
    fresh_host.run(["sh", "-c", ANSWERS])
    yield fresh_host
    fresh_host.run(["systemctl", "stop", "other.service"])


def test_of_two_engines_the_file_of_the_one_that_is_asked_is_changed(second_engine: Host) -> None:
    host = second_engine
    before = host.read("/etc/docker/daemon.json") if host.exists("/etc/docker/daemon.json") else ""
    done = run(host, "daemon_config", OTHER, config={"debug": True})
    assert not done["failed"], done
    assert json.loads(host.read(OTHER_FILE)) == {"debug": True}
    assert (host.read("/etc/docker/daemon.json") if host.exists("/etc/docker/daemon.json") else "") == before, done
