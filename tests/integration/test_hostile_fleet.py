"""A fleet in which one host says what takes very long, or very much, to judge: the others are audited as ever."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.lab.ansible_runs import ansible_playbook
from tests.unit.docker_host import DockerHost
from tests.unit.random_docker_host import random_docker_host

AUDIT = "dockernet.baseline.audit_docker_net"
OTHERS = [f"ordinary-{number}" for number in range(9)]
SECONDS = 5
"""For judging the hostile one, in place of a minute."""


def with_rules(size: int) -> HostSnapshot:
    """A host whose iptables-save is of about so many bytes, no two rules alike."""
    host = DockerHost()
    host.container("web", [host.network()])
    snapshot = host.snapshot()
    assert snapshot.ruleset is not None
    rule = "-A FORWARD -s 10.{}.{}.{}/32 -m comment --comment {} -j DROP\n"
    count = size // len(rule.format(99, 99, 99, "x" * 40))
    more = "".join(rule.format(n >> 16 & 255, n >> 8 & 255, n & 255, f"{n:040}") for n in range(count))
    saves = {
        name: text.replace("\n-A FORWARD", f"\n{more}-A FORWARD", 1) for name, text in snapshot.ruleset.save.items()
    }
    return replace(snapshot, ruleset=Ruleset(saves))


@pytest.mark.parametrize("megabytes", [24, pytest.param(63, marks=pytest.mark.long)])
def test_the_others_are_audited(tmp_path: Path, megabytes: int) -> None:
    for name in OTHERS:
        (tmp_path / f"{name}.json").write_text(random_docker_host(7).snapshot().to_json())
    (tmp_path / "hostile.json").write_text(with_rules(megabytes << 20).to_json())
    hosts: dict[str, Any] = {
        name: {
            "audit_snapshot": "audit",
            "audit_snapshot_path": str(tmp_path / f"{name}.json"),
            "audit_judge_timeout": SECONDS if name == "hostile" else 600,
        }
        for name in (*OTHERS, "hostile")
    }
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    done = ansible_playbook(
        AUDIT,
        cast(Any, SimpleNamespace(inventory=inventory)),
        limit=(),
        extra_vars={"audit_output_dir": str(tmp_path / "out")},
        options=("--forks", "10"),
    )
    assert "Traceback" not in done.out + done.err
    documents = {name: json.loads((tmp_path / "out" / f"{name}.json").read_text()) for name in hosts}
    for name in OTHERS:
        assert "pass" in {item["outcome"] for item in documents[name]["findings"]}
    assert {item["outcome"] for item in documents["hostile"]["findings"]} == {"unknown"}
    reasons = {source["reason"] for source in documents["hostile"]["sources"].values()}
    assert reasons <= {
        f"the host's snapshot was not evaluated: the deadline of {SECONDS} seconds passed",
        "the host's snapshot was not evaluated: it needs more memory than its limit",
    }
