"""What a module prints is what the controller reads, whatever strangers called their things.

Printed by exit_json itself, read by the decoder that ansible-core's controller reads it with, judged by the action.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.action import docker_netcheck as netcheck_action
from ansible_collections.dockernet.baseline.plugins.action import packet_trace as trace_action
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import unpack
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.examples import examples
from tests.unit.random_docker_host import random_docker_host
from tests.unit.stranger_names import MEANINGFUL, keys_of, renamed
from tests.unit.synthetic_host import HOST_NETNS, SyntheticHost

MARK = "zqx_"


def troubled() -> HostSnapshot:
    host = SyntheticHost().daemon_json(b'{"userland-proxy": true, "mtu": "x"}').network("vault", "10.88.3.0/24")
    host.sysctls["net.ipv4.conf.eth0.forwarding"] = "0"
    host.container("web", publish=("0.0.0.0|80|80/tcp",), hairpin=True, labels={"team": "shop"})
    host.container("lonely", networks=(), mode="none")
    return host.container("agent", networks=(), mode="host", netns=HOST_NETNS, nsid=None).snapshot()


HOSTS: dict[str, Callable[[], HostSnapshot]] = {
    "troubled": troubled,
    "unread": lambda: SyntheticHost().unread("engine", "links", "sysctl").snapshot(),
    **{f"seed {seed}": lambda seed=seed: random_docker_host(seed).snapshot() for seed in range(3)},  # type: ignore[misc]
}


@pytest.fixture
def audit(task_of: Any) -> Any:
    return task_of(netcheck_action)


@pytest.fixture
def trace(task_of: Any) -> Any:
    return task_of(trace_action)


@pytest.mark.parametrize("host", HOSTS)
def test_no_name_of_a_stranger_is_a_key(audit: Any, tmp_path: Path, host: str) -> None:
    snapshot = renamed(HOSTS[host](), lambda name: f"{MARK}{name}", {f"{MARK}label": f"{MARK}value"})
    found = audit.run(snapshot, reachability="full")
    printed = json.loads(audit.printed)
    read = json.loads(unpack(printed.pop(WIRE)))
    assert MARK not in json.dumps(printed)
    saved = tmp_path / "saved.json"
    audit.run(snapshot, snapshot="save", snapshot_path=str(saved))
    for told in (found, read, json.loads(saved.read_text())):
        assert MARK in json.dumps(told)
        assert [key for key in keys_of(told) if MARK in key] == []
    assert load_snapshot(saved.read_text()) == snapshot


def test_no_name_of_a_stranger_is_a_key_of_a_path(trace: Any) -> None:
    snapshot = renamed(troubled(), lambda name: f"{MARK}{name}", {})
    found = trace.run(snapshot, **{"from": f"{MARK}web", "to": "203.0.113.9", "port": 443})
    assert MARK in json.dumps(found)
    assert [key for key in keys_of(found) if MARK in key] == []


texts = st.sampled_from(MEANINGFUL) | st.text(max_size=12)


@given(labels=st.dictionaries(texts, texts, min_size=1, max_size=4), name=st.sampled_from(MEANINGFUL))
@example(labels={"__ansible_type": "x"}, name="web")
@settings(max_examples=examples(10, 60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_controller_gets_what_the_host_said(audit: Any, trace: Any, labels: dict[str, str], name: str) -> None:
    # Several things may well have one name.
    snapshot = renamed(troubled(), lambda old: name if old in ("web", "vault", "eth0") else old, labels)
    result = audit.run(snapshot)
    assert not result.get("failed"), result
    shown = [item["resource"]["labels"] for item in result["findings"] if item["resource"].get("container") == name]
    expected = [{"name": key, "value": text} for key, text in {"team": "shop", **labels}.items()]
    assert shown
    assert all(item == expected for item in shown)
    assert name in {item["name"] for item in result["facts"]["containers"]}
    if not name.startswith(("{", "!")):
        traced = trace.run(snapshot, **{"from": "outside", "to": f"{name}:80/tcp"})
        assert not traced.get("failed"), traced
