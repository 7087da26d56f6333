"""Playbooks that change hosts go through them a few at a time; the one that only looks asks all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
CHANGE = ("harden_docker_net", "networks_docker_net")


def play(name: str) -> dict[str, Any]:
    (found,) = yaml.safe_load((ROOT / "playbooks" / f"{name}.yml").read_text())
    return dict(found)


@pytest.mark.parametrize("name", CHANGE)
def test_one_host_goes_first_and_losses_are_looked_at_before_each_batch(name: str) -> None:
    assert "[1, '20%']" in play(name)["serial"]
    (guard,) = play(name)["pre_tasks"]
    assert guard["ansible.builtin.import_tasks"] == "tasks/stop_after_losses.yml"
    assert guard["tags"] == "always"


def test_an_audit_goes_through_all_hosts_at_once() -> None:
    assert "serial" not in play("audit_docker_net")
