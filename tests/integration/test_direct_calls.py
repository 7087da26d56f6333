"""docker_netcheck and packet_trace called straight from a playbook: in loops, delegated, in check mode, without SSH."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from tests.lab.ansible_runs import ansible_playbook
from tests.unit.synthetic_host import SyntheticHost

NETCHECK, TRACE = "dockernet.baseline.docker_netcheck", "dockernet.baseline.packet_trace"


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_both_halves_are_there_wherever_a_task_runs(tmp_path: Path, options: tuple[str, ...]) -> None:
    names = ("one", "two")
    for name in names:
        host = SyntheticHost().container(name, publish=("0.0.0.0|80|80/tcp",))
        (tmp_path / f"{name}.json").write_text(host.snapshot().to_json())
    audit = {NETCHECK: {"snapshot": "audit", "snapshot_path": f"{tmp_path}/{{{{ item }}}}.json"}, "loop": list(names)}
    trace = {TRACE: {"from": "outside", "to": "one:80/tcp", "snapshot_path": f"{tmp_path}/one.json"}}
    tasks: list[dict[str, Any]] = [
        {**audit, "register": "looped"},
        {**audit, "register": "delegated", "delegate_to": "localhost"},
        {**trace, "register": "traced"},
        {
            "ansible.builtin.copy": {
                "content": "{{ [looped.results, delegated.results, traced] | to_json }}",
                "dest": f"{tmp_path}/results.json",
                "mode": "0600",
            },
            "check_mode": False,
        },
    ]
    book = tmp_path / "book.yml"
    book.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {"alpha": {"ansible_connection": "local"}}}}))
    done = ansible_playbook(
        str(book),
        cast(Any, SimpleNamespace(inventory=inventory)),
        limit=(),
        extra_vars={},
        options=options,
    )
    assert done.rc == 0, done.out
    looped, delegated, traced = json.loads((tmp_path / "results.json").read_text())
    for results in (looped, delegated):
        for name, result in zip(names, results, strict=True):
            published = [item for item in result["findings"] if item["check"] == "publish.wildcard"]
            assert [item["resource"]["container"] for item in published] == [name]
            assert result["host"]["inventory_name"] == "alpha"
    assert (traced["packet"]["port"], bool(traced["path"]["reason"])) == (80, True)
