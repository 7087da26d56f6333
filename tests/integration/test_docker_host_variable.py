"""DOCKER_HOST of the environment on a host: which engine is asked, and whose files are changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.host_state import host_state
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.identity import ROOT
from tests.lab.lab import Lab

COLLECTION = "dockernet.baseline"
# Has results say what the module was asked for.
SHOW_ARGUMENTS = {"ansible_inject_invocation": True}
OTHER = "unix:///run/other.sock"
OTHER_FILE = "/etc/docker/other.json"
UNIT = f"""
[Service]
ExecStart=/usr/sbin/dockerd -H {OTHER} --config-file {OTHER_FILE} --pidfile /run/other.pid --exec-root /run/other \\
    --data-root /var/lib/other --bridge none --iptables=false --ip6tables=false
ExecReload=/bin/kill -s HUP $MAINPID
"""
ANSWERS = f"for n in $(seq 600); do docker -H {OTHER} info && exit; sleep 0.2; done; exit 1"


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


@pytest.mark.long
def test_of_two_engines_the_file_of_the_one_that_is_asked_is_changed(second_engine: Host) -> None:
    host = second_engine
    before = host.read("/etc/docker/daemon.json") if host.exists("/etc/docker/daemon.json") else ""
    done = run(host, "daemon_config", OTHER, config={"debug": True})
    assert not done["failed"], done
    assert json.loads(host.read(OTHER_FILE)) == {"debug": True}
    assert (host.read("/etc/docker/daemon.json") if host.exists("/etc/docker/daemon.json") else "") == before, done


def test_defaults_of_the_action_group_reach_every_module(engine_host: Host, lab: Lab, tmp_path: Path) -> None:
    """A play may give them to all modules of the collection; those that ask no engine are not in the group."""
    nowhere = "unix:///run/nowhere.sock"
    options: dict[str, dict[str, Any]] = {
        "bridge_network": {"networks": [{"name": "never"}]},
        "connection_diagnosis": {"from": "host", "to": "127.0.0.1", "port": 22},
        "container_probe": {"from": "host", "to": "127.0.0.1", "port": 22},
        "daemon_config": {"config": {"debug": True}},
        "kernel_trace": {"origin": {"kind": "host"}, "destination": "127.0.0.1", "port": 22},
        "packet_trace": {"from": "outside", "to": "host:22"},
        "userland_proxy": {"state": "disabled"},
        "what_if": {"changes": [{"userland_proxy": False}]},
    }
    reports: list[dict[str, Any]] = [
        {f"{COLLECTION}.audit_report": {"result": "{{ found }}"}},
        {f"{COLLECTION}.facts_report": {"result": "{{ found }}"}},
        {f"{COLLECTION}.trace_report": {"result": "{{ traced }}"}},
        {f"{COLLECTION}.audit_summary": {"results": {"{{ inventory_hostname }}": "{{ found }}"}}},
    ]
    names = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]["dockernet"]
    tasks = [
        {
            f"{COLLECTION}.{name}": options.get(name, {}),
            "register": {"docker_netcheck": "found", "packet_trace": "traced"}.get(name, "other"),
            "ignore_errors": True,
        }
        for name in names
    ]
    play = {
        "hosts": "all",
        "gather_facts": False,
        "module_defaults": {f"group/{COLLECTION}.dockernet": {"docker_host": nowhere}},
        "tasks": [*tasks, *({**task, "ignore_errors": True} for task in reports)],
    }
    book = tmp_path / "book.yml"
    book.write_text(yaml.safe_dump([play]))
    done = lab.ansible_playbook(str(book), limit=[engine_host.name], extra_vars=SHOW_ARGUMENTS, check=True)
    results = {task.action.rpartition(".")[2]: task.result for task in done.tasks}
    results["audit_host"] = results["audit_host"]["audit"]
    assert set(results) == {*names, *(next(iter(task)).rpartition(".")[2] for task in reports)}, done.out
    asked = {name: results[name]["invocation"]["module_args"]["docker_host"] for name in names}
    assert asked == dict.fromkeys(names, nowhere)
    assert "Unsupported parameters" not in done.out
