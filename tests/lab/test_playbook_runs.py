"""Runs of ansible-playbook as forks of one process; no lab is needed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.lab.ansible_runs import PlaybookResult, ansible_playbook
from tests.lab.identity import Identity
from tests.lab.proc import CommandError

HERE = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    found = Identity("lab", tmp_path)
    found.inventory.write_text(json.dumps({"all": {"hosts": {"here": HERE}}}))
    return found


def play(identity: Identity, *tasks: dict[str, Any], timeout: float = 60.0) -> PlaybookResult:
    book = identity.state / f"{abs(hash(json.dumps(tasks)))}.yml"
    book.write_text(json.dumps([{"hosts": "here", "gather_facts": False, "tasks": list(tasks)}]))
    return ansible_playbook(str(book), identity, timeout=timeout)


def test_each_run_has_its_own_status_output_and_results(identity: Identity) -> None:
    wanted = [{"ansible.builtin.debug": {"msg": f"run {number}"}} for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(lambda task: play(identity, task), wanted))
    assert [run.rc for run in runs] == [0, 0, 0]
    assert [[task.result["msg"] for task in run.tasks] for run in runs] == [["run 0"], ["run 1"], ["run 2"]]
    assert [f"run {number}" in run.out for number, run in enumerate(runs)] == [True, True, True]

    failed = play(identity, {"ansible.builtin.set_fact": {"left": 1}}, {"ansible.builtin.fail": {"msg": "as asked"}})
    assert (failed.rc, failed.stats["here"]["failures"]) == (2, 1)
    seen = play(identity, {"ansible.builtin.debug": {"msg": "{{ left is defined }}"}})
    assert (seen.rc, seen.tasks[0].result["msg"]) == (0, False)
    missing = ansible_playbook("/nowhere.yml", identity)
    assert (missing.rc, missing.tasks) == (1, [])
    assert "/nowhere.yml could not be found" in missing.err


def test_a_run_that_does_not_end_is_ended(identity: Identity) -> None:
    with pytest.raises(CommandError, match="no end within 1 s: ansible-playbook") as raised:
        play(identity, {"ansible.builtin.wait_for": {"path": str(identity.state / "never"), "timeout": 20}}, timeout=1)
    assert raised.value.result.rc == 124
