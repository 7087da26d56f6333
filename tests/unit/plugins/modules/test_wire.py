"""What a module prints is what the controller reads, whatever strangers called their things.

Printed by exit_json itself, and read by the decoder that ansible-core's controller reads it with.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.json import Direction, get_module_decoder
from ansible.module_utils.testing import patch_module_args
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, load_snapshot
from ansible_collections.dockernet.baseline.plugins.modules import docker_netcheck, packet_trace
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

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
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Runs a module over a snapshot, and returns what it prints."""

    def run(module: Any, taken: HostSnapshot, /, **options: Any) -> str:
        monkeypatch.setattr(module, "read_snapshot", lambda **dummy: taken)
        capsys.readouterr()
        arguments = {"_ansible_remote_tmp": str(tmp_path), "_ansible_keep_remote_files": False, **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        return capsys.readouterr().out

    return run


def received(text: str) -> Any:
    """What the controller makes of it; only what has been printed counts, no tag and no type of Ansible's own."""
    found = json.loads(text, cls=get_module_decoder("legacy", Direction.MODULE_TO_CONTROLLER))
    # Ansible has a type for warnings, and keeps those of other modules of this process.
    found.pop("warnings", None)
    plain = json.loads(text)
    plain.pop("warnings", None)
    assert found == plain
    return found


@pytest.mark.parametrize("host", HOSTS)
def test_no_name_of_a_stranger_is_a_key(printed: Any, tmp_path: Path, host: str) -> None:
    snapshot = renamed(HOSTS[host](), lambda name: f"{MARK}{name}", {f"{MARK}label": f"{MARK}value"})
    audit = received(printed(docker_netcheck, snapshot, reachability="full"))
    saved = tmp_path / "saved.json"
    printed(docker_netcheck, snapshot, snapshot="save", snapshot_path=str(saved))
    for told in (audit, json.loads(saved.read_text())):
        assert MARK in json.dumps(told)
        assert [key for key in keys_of(told) if MARK in key] == []
    assert load_snapshot(saved.read_text()) == snapshot


def test_no_name_of_a_stranger_is_a_key_of_a_path(printed: Any) -> None:
    snapshot = renamed(troubled(), lambda name: f"{MARK}{name}", {})
    trace = received(printed(packet_trace, snapshot, **{"from": f"{MARK}web", "to": "203.0.113.9", "port": 443}))
    assert MARK in json.dumps(trace)
    assert [key for key in keys_of(trace) if MARK in key] == []


texts = st.sampled_from(MEANINGFUL) | st.text(max_size=12)


@given(labels=st.dictionaries(texts, texts, min_size=1, max_size=4), name=st.sampled_from(MEANINGFUL))
@example(labels={"__ansible_type": "x"}, name="web")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_controller_gets_what_the_host_said(printed: Any, labels: dict[str, str], name: str) -> None:
    # Several things may well have one name.
    snapshot = renamed(troubled(), lambda old: name if old in ("web", "vault", "eth0") else old, labels)
    result = received(printed(docker_netcheck, snapshot))
    assert not result.get("failed"), result
    shown = [item["resource"]["labels"] for item in result["findings"] if item["resource"]["container"] == name]
    expected = [{"name": key, "value": text} for key, text in {"team": "shop", **labels}.items()]
    assert shown
    assert all(item == expected for item in shown)
    assert name in {item["name"] for item in result["facts"]["containers"]}
    if not name.startswith(("{", "!")):
        traced = received(printed(packet_trace, snapshot, **{"from": "outside", "to": f"{name}:80/tcp"}))
        assert not traced.get("failed"), traced
