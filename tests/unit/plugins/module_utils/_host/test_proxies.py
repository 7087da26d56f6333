"""docker-proxy's command line in all its generations."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import (
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
        *(OLD.replace("8080", "\u00b2"), OLD.replace("8080", "\u0668"), OLD.replace("8080", "9" * 5000)),
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
    shown = b"55d0-7ffc ---p 00000000 00:00 0   [rollup]\nRss:  4712 kB\nPss: 1103 kB\nPss_Anon:  9 kB\nLocked: 0 kB\n"
    assert parse_rollup(shown) == {"rss": 4712 * 1024, "pss": 1103 * 1024}
    assert parse_rollup(b"Pss: x kB\n") == parse_rollup(b"") == {}


@pytest.mark.parametrize(("number", "read"), [(3, 3), (32, 32), (33, 17), (200, 29)])
def test_memory_is_read_of_a_bounded_number(number: int, read: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def shown(pid: int, dummy_name: str) -> bytes:
        asked.append(pid)
        return b"Rss: 4 kB\nPss: 2 kB\n"

    monkeypatch.setattr(procfs, "uid", lambda dummy_pid: 0)
    monkeypatch.setattr(procfs, "argv", lambda dummy_pid: OLD.split())
    monkeypatch.setattr(procfs, "read_bytes", shown)
    dockerd = procfs.Process(7, "dockerd", 1, 0)
    processes = [procfs.Process(100 + count, "docker-proxy", 7, 0) for count in range(number)]
    found = read_proxies(processes, dockerd)
    assert len(found) == number
    assert [proxy.pid for proxy in found if proxy.pss is not None] == asked
    assert len(asked) == read


def test_of_other_processes_none_is_a_proxy() -> None:
    processes = [process for process in procfs.processes() if process.name != "docker-proxy"]
    assert read_proxies(processes, None) == []


@pytest.mark.parametrize(
    ("uid", "ppid", "yes"),
    # A child of dockerd, one that lost its dockerd, and strangers who call themselves so.
    [(0, 7, True), (0, 1, True), (65534, 1, False), (65534, 7, False), (None, 1, False)],
)
@pytest.mark.parametrize("dockerd", [procfs.Process(7, "dockerd", 1, 0), None])
def test_what_a_stranger_calls_docker_proxy_is_none(
    uid: int | None,
    ppid: int,
    dockerd: procfs.Process | None,
    monkeypatch: pytest.MonkeyPatch,
    *,
    yes: bool,
) -> None:
    monkeypatch.setattr(procfs, "uid", {9: uid, 7: 0}.get)
    monkeypatch.setattr(procfs, "is_nested", lambda dummy: False)
    monkeypatch.setattr(procfs, "namespace", lambda *dummy: 1)
    monkeypatch.setattr(procfs, "argv", {9: OLD.split()}.get)
    monkeypatch.setattr(procfs, "read_bytes", lambda *dummy: b"Pss: 4 kB\n")
    found = read_proxies([procfs.Process(9, "docker-proxy", ppid, 0)], dockerd)
    assert [proxy.pid for proxy in found] == ([9] if yes else [])


def test_proxies_of_a_rootless_engine_are_those_of_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs, "uid", {9: 1000, 10: 1001, 7: 1000}.get)
    monkeypatch.setattr(procfs, "is_nested", lambda dummy: False)
    monkeypatch.setattr(procfs, "namespace", lambda *dummy: 1)
    monkeypatch.setattr(procfs, "argv", {9: OLD.split(), 10: OLD.split(), 1: ["init"]}.get)
    processes = [procfs.Process(9, "docker-proxy", 7, 0), procfs.Process(10, "docker-proxy", 1, 0)]
    assert [proxy.pid for proxy in read_proxies(processes, procfs.Process(7, "dockerd", 1, 0))] == [9]
