"""dockerd's flags in the terms of daemon.json."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags

CASES: list[tuple[str, dict[str, Any]]] = [
    ("dockerd", {}),
    ("dockerd -H fd:// --containerd=/run/c.sock", {"hosts": ["fd://"], "containerd": "/run/c.sock"}),
    ("dockerd -Hfd:// -H=tcp://127.0.0.1:2375", {"hosts": ["fd://", "tcp://127.0.0.1:2375"]}),
    ("dockerd --host unix:///a --host unix:///b", {"hosts": ["unix:///a", "unix:///b"]}),
    ("dockerd --userland-proxy=false", {"userland-proxy": False}),
    ("dockerd --userland-proxy --icc=0", {"userland-proxy": True, "icc": False}),
    ("dockerd --userland-proxy=maybe", {"userland-proxy": "maybe"}),
    ("dockerd --live-restore --bip 192.0.2.1/24", {"live-restore": True, "bip": "192.0.2.1/24"}),
    ("dockerd -D -l info", {"debug": True, "log-level": "info"}),
    ("dockerd -D=false -p /run/d.pid", {"debug": False, "pidfile": "/run/d.pid"}),
    ("dockerd --mtu 1400 --shutdown-timeout=-1", {"mtu": 1400, "shutdown-timeout": -1}),
    ("dockerd --dns 192.0.2.1 --dns=192.0.2.2 --dns-opt a:1", {"dns": ["192.0.2.1", "192.0.2.2"], "dns-opts": ["a:1"]}),
    ("dockerd --config-file /etc/other.json", {"config-file": "/etc/other.json"}),
    (
        "dockerd --default-address-pool base=10.0.0.0/8,size=24",
        {"default-address-pools": [{"base": "10.0.0.0/8", "size": 24}]},
    ),
    (
        "dockerd --default-network-opt=bridge=com.docker.network.driver.mtu=1400",
        {"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "1400"}}},
    ),
    ("dockerd --log-opt max-size=1m --log-opt max-file=2", {"log-opts": {"max-size": "1m", "max-file": "2"}}),
    (
        "dockerd --add-runtime x=/bin/x --feature y=false",
        {"runtimes": {"x": {"path": "/bin/x"}}, "features": {"y": False}},
    ),
    ("dockerd --new-flag value --other --icc", {"new-flag": "value", "other": "true", "icc": True}),
    ("dockerd --dns", {"dns": ["true"]}),
]


@pytest.mark.parametrize(("line", "wanted"), CASES)
def test_flags(line: str, wanted: dict[str, Any]) -> None:
    assert parse_flags(line.split()) == wanted


def test_no_command_line_has_no_flags() -> None:
    assert parse_flags([]) == {}
