"""docker-proxy's command line in all its generations."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.proxies import (
    parse_argv,
    parse_rollup,
    read_proxies,
)

RECORDED = Path(__file__).parents[3] / "fixtures/engine-29/iptables-proxy-on/processes.txt"
OLD = "/usr/bin/docker-proxy -proto tcp -host-ip :: -host-port 8080 -container-ip 172.17.0.2 -container-port 80"


@pytest.mark.parametrize(
    "line",
    [OLD, f"{OLD} -use-listen-fd", f"nsenter -n/run/user/1000/netns -F -- {OLD} -use-listen-fd", f"/opt/my{OLD[8:]}"],
)
def test_generations(line: str) -> None:
    proxy = parse_argv(line.split(), 9, 7)
    assert proxy is not None
    assert (proxy.protocol, proxy.host_ip, proxy.host_port) == ("tcp", "::", 8080)
    assert (proxy.container_ip, proxy.container_port) == ("172.17.0.2", 80)
    assert (proxy.pid, proxy.ppid, proxy.pss) == (9, 7, None)


@pytest.mark.parametrize(
    "line",
    [
        *("", "docker-proxy", "dockerd -H fd://", OLD.replace("8080", "x"), OLD.rpartition(" ")[0]),
        *(OLD.replace("tcp", "\x1b[2J"), OLD.replace("::", "\x1b[2J"), OLD.replace("::", "fe80::1%\x1b[2J")),
        OLD.replace("172.17.0.2", "web"),
    ],
)
def test_other_command_lines(line: str) -> None:
    assert parse_argv(line.split(), 9, 7) is None


def test_recorded_processes() -> None:
    lines = [line.split() for line in RECORDED.read_text().splitlines()]
    found = [proxy for pid, ppid, *argv in lines if (proxy := parse_argv(argv, int(pid), int(ppid)))]
    assert {(proxy.protocol, proxy.host_port) for proxy in found} == {
        ("tcp", 8080),
        ("tcp", 8443),
        ("udp", 5353),
        ("tcp", 9000),
    }
    assert len(found) == 7


def test_memory() -> None:
    text = "55d0-7ffc ---p 00000000 00:00 0   [rollup]\nRss:     4712 kB\nPss:    1103 kB\nLocked:   0 kB\nBad: x kB\n"
    assert parse_rollup(text) == {"Rss": 4712 * 1024, "Pss": 1103 * 1024, "Locked": 0}
    assert parse_rollup("") == {}


def test_of_other_processes_none_is_a_proxy() -> None:
    processes = [process for process in procfs.processes() if process.name != "docker-proxy"]
    assert read_proxies(processes, None) == []
