# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that are stopped or frozen behind the engine's back, held against real requests to what they serve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import HOST, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.differential.observing import Attempt, observe
from tests.integration.catalogue.cases import judge, of, shown
from tests.integration.freezing import freeze, freezer, thaw
from tests.integration.snapshots import install_readers, read_host
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload, wait_for_ipv6

CHECK = "publish.no-listener"
PORT = 8080
SCENARIO = Scenario(
    [NetworkSpec("front", "10.88.1.0/24")], [Workload("web", ["front"], publish=[f"{PORT}:80"], serve=[80])]
)
LOOPBACK = ("127.0.0.1", PORT)
"""Where docker-proxy alone answers."""
ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 (what a port is published on by default)


def inner(host: Host) -> tuple[str, int]:
    return (host.container("web").address("front"), 80)


def proxies(host: Host, address: str = ".*") -> list[int]:
    """Those at an address, of all by default."""
    words = f"docker-proxy.* -host-ip {address} -host-port {PORT} "
    return [int(word) for word in host.run(["pgrep", "-f", words]).out.split()]


def servers(host: Host) -> list[int]:
    """Those in the container that hold its socket, by their ids on the host."""
    rows = host.docker("top", "web", "-o", "pid,comm").out.splitlines()[1:]
    return [int(row.split()[0]) for row in rows if "httpd" in row]


def send(host: Host, signal: str, pids: list[int]) -> None:
    host.run(["kill", f"-{signal}", *map(str, pids)])


UNIFIED = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
"""Where a hierarchy of version 2 is: beside those of version 1, or alone."""


def group_of_version_2(host: Host) -> str:
    """A group of its own, in which a test puts the server of the container."""
    root = next(place for place in UNIFIED if host.exists(f"{place}/cgroup.procs"))
    return f"{root}/halted.slice/server.scope"


def freeze_version_2(host: Host) -> None:
    """Freeze the group above the server's."""
    group = group_of_version_2(host)
    host.run(["mkdir", "-p", group])
    for pid in servers(host):
        host.run(f"echo {pid} > {group}/cgroup.procs")
    host.run(f"echo 1 > {group}/../cgroup.freeze")
    host.wait_for(lambda: "frozen 1" in host.read(f"{group}/cgroup.events"), 10, "the group to be frozen")


def thaw_version_2(host: Host) -> None:
    host.run(f"echo 0 > {group_of_version_2(host)}/../cgroup.freeze")


@dataclass(frozen=True)
class Halting:
    """A way to halt what serves a port."""

    halt: Callable[[Host], None]
    resume: Callable[[Host], None]
    silent: Callable[[Host], list[tuple[str, int]]]
    """Where nothing answers then, of the places that are asked."""
    says: Callable[[Host], list[str]]
    """Parts of the finding's summary."""
    advises: Callable[[Host], str]
    """A part of its remediation."""


WAYS = {
    "docker-proxy stopped": Halting(
        lambda host: send(host, "STOP", proxies(host)),
        lambda host: send(host, "CONT", proxies(host)),
        lambda host: [LOOPBACK],
        lambda host: ["docker-proxy forwards nothing", f"process {proxies(host)[0]} (docker-proxy) is stopped"],
        lambda host: f"kill -CONT {' '.join(map(str, proxies(host)))}",
    ),
    "server stopped": Halting(
        lambda host: send(host, "STOP", servers(host)),
        lambda host: send(host, "CONT", servers(host)),
        lambda host: [LOOPBACK, inner(host)],
        lambda host: ["nothing answers", f"process {servers(host)[-1]} (", "is stopped"],
        lambda host: f"kill -CONT {servers(host)[-1]}",
    ),
    "container frozen": Halting(
        lambda host: freeze(host, "web"),
        lambda host: thaw(host, "web"),
        lambda host: [LOOPBACK, inner(host)],
        lambda host: ["nothing answers", f"process {servers(host)[-1]} (", "is frozen in its control group"],
        lambda host: "echo {2} > {0}".format(*freezer(host, "web")),
    ),
    "server frozen by a group of version 2": Halting(
        freeze_version_2,
        thaw_version_2,
        lambda host: [LOOPBACK, inner(host)],
        lambda host: ["nothing answers", f"process {servers(host)[-1]} (", "is frozen in its control group"],
        lambda host: f"echo 0 > {group_of_version_2(host).rpartition('/')[0]}/cgroup.freeze",
    ),
}


def seen(host: Host) -> list[str]:
    """What requests of the host itself come to: to docker-proxy, and to the container."""
    places = [LOOPBACK, inner(host)]
    return [item.seen for item in observe([Attempt(host.path, "tcp", *place) for place in places], seconds=3)]


def predicted(host: Host, snapshot: HostSnapshot) -> list[str]:
    view = HostView.of(snapshot)
    return [predict(view, Packet(Origin(HOST), *place_of(item))).observed for item in (LOOPBACK, inner(host))]


def place_of(place: tuple[str, int]) -> tuple[str, str, int]:
    return (place[0], "tcp", place[1])


def found(snapshot: HostSnapshot) -> list[Finding]:
    return of(judge(snapshot), CHECK)


# From 28.0 on dockerd opens the socket and hands it to docker-proxy.
MARKS = {"docker-proxy stopped": [pytest.mark.engines], "container frozen": []}


@pytest.mark.parametrize("way", [pytest.param(way, marks=MARKS.get(way, pytest.mark.long)) for way in WAYS])
def test_what_a_halted_process_serves_is_predicted_and_found(fresh_host: Host, way: str) -> None:
    host, halting = fresh_host, WAYS[way]
    install_readers(host)
    host.deploy(SCENARIO)

    def assert_healthy() -> None:
        snapshot = read_host(host)
        assert seen(host) == predicted(host, snapshot) == ["answered", "answered"]
        assert [item.outcome for item in found(snapshot)] == ["pass"]

    assert_healthy()
    halting.halt(host)
    try:
        assert host.docker("inspect", "-f", "{{.State.Status}}", "web").out.strip() == "running"
        snapshot = read_host(host)
        wanted = ["timed out" if place in halting.silent(host) else "answered" for place in (LOOPBACK, inner(host))]
        assert (seen(host), predicted(host, snapshot)) == (wanted, wanted)
        (finding,) = found(snapshot)
        assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "high", "web:80/tcp"), shown(
            [finding]
        )
        assert [part for part in halting.says(host) if part not in finding.summary] == [], finding.summary
        assert finding.remediation is not None
        assert halting.advises(host) in finding.remediation.text
    finally:
        halting.resume(host)
    assert_healthy()


# Debian 11's engine publishes on IPv4 alone.
@pytest.mark.long
@pytest.mark.kinds("debian12", "debian13", "debian13-docker28")
@pytest.mark.parametrize("named", [0, 1])
def test_only_the_binding_whose_docker_proxy_is_stopped_is_named(fresh_host: Host, named: int) -> None:
    host = fresh_host
    install_readers(host)
    host.deploy(SCENARIO)
    other = 1 - named
    (pid,) = proxies(host, ADDRESSES[named])
    send(host, "STOP", [pid])
    try:
        tried = [Attempt(host.path, "tcp", own, PORT) for own in ("127.0.0.1", "::1")]
        seen_at = [item.seen for item in observe(tried, seconds=3)]
        (finding,) = found(read_host(host))
    finally:
        send(host, "CONT", [pid])
    assert (seen_at[named], seen_at[other]) == ("timed out", "answered")
    bindings = [f"{ADDRESSES[0]}:{PORT}", f"[{ADDRESSES[1]}]:{PORT}"]
    assert (bindings[named] in finding.summary, bindings[other] in finding.summary) == (True, False), finding.summary
    assert finding.summary.endswith(f"process {pid} (docker-proxy) is stopped (SIGSTOP)")


SERVER_OF_IPV4 = f"{ADDRESSES[0]}:80"
TWO_SERVERS = Scenario(
    [NetworkSpec("front", "10.88.1.0/24", ipv6_subnet="fd00:88:1::/64")],
    # So the workload's own server takes IPv6 alone.
    [Workload("web", ["front"], publish=[f"{PORT}:80"], options=["--sysctl", "net.ipv6.bindv6only=1"])],
)


def servers_by_family(host: Host) -> list[int]:
    """The server of IPv4, and that of IPv6."""
    rows = [row.split(None, 1) for row in host.docker("top", "web", "-o", "pid,args").out.splitlines()]
    found = [(int(pid), SERVER_OF_IPV4 in words) for pid, words in rows if "httpd" in words]
    return [pid for pid, dummy in sorted(found, key=lambda item: not item[1])]


@pytest.mark.kinds("debian12", "debian13", "debian13-docker28")
@pytest.mark.parametrize("named", [0, pytest.param(1, marks=pytest.mark.long)])
def test_only_the_family_whose_server_is_stopped_is_named(fresh_host: Host, lab: Lab, named: int) -> None:
    host = fresh_host
    install_readers(host)
    host.deploy(TWO_SERVERS)
    wait_for_ipv6(host, "web")
    host.container("web").run(["httpd", "-p", SERVER_OF_IPV4, "-h", "/www"])
    host.wait_for(lambda: len(servers_by_family(host)) == 2, 10, "the second server")
    pid = servers_by_family(host)[named]
    assert [item.outcome for item in found(read_host(host))] == ["pass"]
    send(host, "STOP", [pid])
    try:
        seen_at = [lab.outside.tcp(own, PORT, 3) for own in (host.address, host.address6)]
        (finding,) = found(read_host(host))
    finally:
        send(host, "CONT", [pid])
    assert (seen_at[named], seen_at[1 - named]) == ("timed out", "answered")
    bindings = [f"{ADDRESSES[0]}:{PORT}", f"[{ADDRESSES[1]}]:{PORT}"]
    assert f"on {bindings[named]}, but nothing answers: process {pid} (" in finding.summary
    assert bindings[1 - named] not in finding.summary
    assert [item.outcome for item in found(read_host(host))] == ["pass"]


@pytest.mark.long
def test_a_dockerd_that_is_stopped_is_not_evaluated_and_named(fresh_host: Host) -> None:
    install_readers(fresh_host)
    pid = fresh_host.run(["pidof", "dockerd"]).out.strip()
    fresh_host.run(["kill", "-STOP", pid])
    try:
        findings = judge(read_host(fresh_host, limit=2))
    finally:
        fresh_host.run(["kill", "-CONT", pid])
    (engine,) = of(findings, CHECK)
    assert engine.outcome == "unknown"
    assert f"process {pid} is stopped; continue it (kill -CONT {pid})" in engine.summary
    assert of(judge(read_host(fresh_host)), CHECK)[0].outcome == "not_applicable"
