"""Every example of the documentation runs on a real host: tasks in check mode and for real, command lines as typed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.ansible_runs import PLAYBOOK_LIMIT, RESULTS, PlaybookResult, TaskResult, environment
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.unit.documented_examples import COLLECTION, Example, find_examples

EXAMPLES = find_examples()
WORKLOAD = Scenario(
    networks=[NetworkSpec("shop")],
    containers=[
        Workload("web", networks=["shop"], publish=["8080:80"], restart="always"),
        Workload("db", networks=["shop"], serve=[5432], restart="always"),
        Workload("cache", restart="always"),
        Workload("balancer", restart="always"),
    ],
)
SAVED = "/root/docker-network.json"
LEFT_BY_AUDITS = ("audit-baseline", "job-1", "job-2", "job-3")
# What the gate closes for is no fault of an example.
GATES = {f"{COLLECTION}audit_report", f"{COLLECTION}audit_gate"}

# By what this host is: engines before 27 have no rules for IPv6 networks, those before 29 none between networks.
TAKE_CONSENT = {
    "Forward both, keeping the default route that a router advertises",
    "Switch docker-proxy off, with live-restore keeping the containers running over the restart",
}


class Controller:
    """A directory on the controller, with the files that examples use, in which ansible-playbook is started."""

    def __init__(self, place: Path, host: Host) -> None:
        self.place = place
        self.host = host
        groups: dict[str, Any] = {name: {"hosts": {host.name: {}}} for name in ("docker_hosts", "docker")}
        hosts: dict[str, Any] = {"all": {"children": groups}}
        # Two sources of one inventory.
        shutil.copy(host.identity.inventory, place / "lab.yml")
        (place / "hosts.yml").write_text(yaml.safe_dump(hosts))
        (waivers,) = [
            example.data for example in EXAMPLES if example.source == "docs/policy.md" and example.kind == "waivers"
        ]
        (place / "waivers.yml").write_text(yaml.safe_dump(waivers))
        (networks,) = [
            example.data
            for example in EXAMPLES
            if example.source == "roles/networks/README.md" and example.kind == "variables"
        ]
        (place / "networks.yml").write_text(yaml.safe_dump(networks))

        (place / "change.yml").write_text(
            yaml.safe_dump({"what_if_changes": [{"publish": {"container": "db", "port": 5432, "host_port": 5432}}]})
        )

    def audit_once(self) -> None:
        """Leave an audit's files in the directories of which examples say that earlier runs left them there."""
        first, *others = LEFT_BY_AUDITS
        self.run("dockernet.baseline.audit_docker_net", "-e", f"audit_output_dir={first}")
        for folder in others:
            shutil.copytree(self.place / first, self.place / folder)
        for day in ("monday", "friday"):
            (self.place / day).mkdir()
            shutil.copy(self.place / first / f"{self.host.name}.json", self.place / day / "web1.json")

    def run(self, *words: str) -> PlaybookResult:
        return self.type("-i", "lab.yml", *words, "--limit", self.host.name)

    def type(self, *words: str) -> PlaybookResult:
        results = self.place / "results"
        results.unlink(missing_ok=True)
        done = subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), *words],
            cwd=self.place,
            env={**environment(), RESULTS: str(results)},
            check=False,
            capture_output=True,
            text=True,
            timeout=PLAYBOOK_LIMIT,
        )
        lines = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
        tasks = [TaskResult(**line) for line in lines if "task" in line]
        return PlaybookResult(done.returncode, done.stdout, done.stderr, {}, tasks)

    def run_examples(self, examples: Sequence[Example], *options: str) -> PlaybookResult:
        """All of them in one run, each a play of its own; what several of them start from comes first."""
        start = [
            {"name": "Audit", f"{COLLECTION}docker_netcheck": {}, "register": "audit"},
            {
                "name": "Save",
                f"{COLLECTION}docker_netcheck": {"snapshot": "save", "snapshot_path": SAVED},
                "check_mode": False,
            },
            *(
                {
                    "name": "Fetch",
                    "ansible.builtin.fetch": {"src": SAVED, "dest": dest, "flat": True},
                    "check_mode": False,
                }
                for dest in (
                    "collected/docker-network.json",
                    f"collected/{self.host.name}{SAVED}",
                    f"snapshots/{self.host.name}.json",
                )
            ),
        ]
        plays = [{"name": "Start", "hosts": "all", "gather_facts": False, "become": True, "tasks": start}]
        # One that fails must not keep the others from being run.
        plays += [{**play, "ignore_errors": True} for example in examples for play in example.plays]
        (self.place / "examples.yml").write_text(yaml.safe_dump(plays, sort_keys=False))
        return self.run("-i", "hosts.yml", "examples.yml", *options)


@pytest.fixture
def controller(fresh_host: Host, tmp_path: Path) -> Controller:
    fresh_host.deploy(WORKLOAD)
    return Controller(tmp_path, fresh_host)


def faults(done: PlaybookResult) -> list[tuple[str, str]]:
    """What failed, but for gates that closed, and for what an example wants to fail for: a connection on this host."""
    bad = [task for task in done.tasks if task.outcome in ("failed", "ignored", "unreachable")]
    wanted = [task for task in bad if task.action in GATES or task.result.get("failed_when_result")]
    return [(task.task, str(task.result.get("msg"))) for task in bad if task not in wanted]


def refused(done: PlaybookResult) -> dict[str, Any]:
    """The tasks that refused, each with what would consent: on another host it may have been done."""
    return {task.task: task.result.get("consents", {}) for task in done.tasks if task.result.get("refused")}


def ran(done: PlaybookResult) -> set[str]:
    return {task.action for task in done.tasks if task.outcome != "skipped"}


@pytest.mark.long
def test_tasks_in_check_mode_and_for_real(controller: Controller) -> None:
    examples = [example for example in EXAMPLES if example.kind == "tasks"]
    expected = {key for example in examples for task in example.tasks for key in task if key.startswith(COLLECTION)}
    # Of these examples each goes on from what the one before it has made.
    in_a_row = [example for example in examples if example.source == "module bridge_network"]
    controller.audit_once()
    predicted = controller.run_examples([item for item in examples if item not in in_a_row], "--check", "--diff")
    assert [fault for fault in faults(predicted) if fault[0] not in refused(predicted)] == [], predicted.out
    assert all(refused(predicted).values()), predicted.out
    assert ran(predicted) >= expected - {f"{COLLECTION}bridge_network"}
    done = controller.run_examples(examples)
    assert [fault for fault in faults(done) if fault[0] not in refused(done)] == [], done.out
    assert all(refused(done).values()), done.out
    assert set(refused(done)) <= TAKE_CONSENT
    assert ran(done) >= expected


@pytest.mark.long
def test_plays(controller: Controller) -> None:
    done = controller.run_examples([example for example in EXAMPLES if example.kind == "play"], "--check")
    assert faults(done) == [], done.out
    # Whose gate is open ends the role before audit_gate.
    assert {f"{COLLECTION}audit_host", *GATES} & ran(done)


COMMANDS = sorted(
    {
        tuple(words[1:])
        for example in EXAMPLES
        # What stands in docs/why/ runs on hosts that are broken for it: test_diagnosis_pages.py.
        if example.kind == "commands" and not example.source.startswith("docs/why/")
        for words in example.data
        if words[0].endswith("ansible-playbook")
    }
)
CHANGING = ("harden_docker_net", "networks_docker_net")


@pytest.mark.long
def test_command_lines(controller: Controller) -> None:
    controller.run_examples([])
    controller.audit_once()
    for words in COMMANDS:
        replaced = ["hosts.yml" if word.startswith(".build/") else word for word in words]
        changes = any(word.endswith(CHANGING) for word in words) and "--check" not in words
        # Without an inventory none of its hosts is meant.
        enter = controller.run if "-i" in words else controller.type
        done = enter(*replaced, *(["--check"] if changes else []))
        assert faults(done) == [], (words, done.out)
        assert done.rc == (2 if any(task.action in GATES and task.outcome == "failed" for task in done.tasks) else 0), (
            words,
            done.out,
        )
        assert any(task.action.startswith(COLLECTION) for task in done.tasks), words
