# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of packets to sockets whose process does not run, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Halt, Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
    Path,
    Subject,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.halted import (
    continuing,
    halted_in_words,
    is_shared,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost

STOPPED, TRACED = Halt("stopped"), Halt("traced")
FILE = "/sys/fs/cgroup/system.slice/docker-1.scope/cgroup.freeze"
FROZEN = Halt("frozen", FILE)
WEB = "172.18.0.3"
ITSELF = Origin(HOST)
LOOPBACK = ("127.0.0.1", 8080)


def small_host() -> DockerHost:
    """``web`` serves 80, of TCP and UDP, and publishes it as 8080."""
    host = DockerHost()
    published = [PublishedPort(protocol, 80, WILDCARD, 8080) for protocol in ("tcp", "udp")]
    host.container("peer", [host.network()], [], [("tcp", 80)])
    host.container("web", host.networks, published, [("tcp", 80), ("udp", 80)])
    return host


def with_server(halt: Halt | None, *more: Listener) -> HostSnapshot:
    """The server in ``web`` has process 12."""
    snapshot = small_host().snapshot()
    peer, web = snapshot.container_namespaces
    listeners = [replace(item, owner="nginx", pid=12, halt=halt) for item in web.listeners]
    return replace(snapshot, container_namespaces=[peer, replace(web, listeners=[*listeners, *more])])


def with_proxies(halt: Halt | None) -> HostSnapshot:
    snapshot = small_host().snapshot()
    listeners = [replace(item, halt=halt) if item.owner == "docker-proxy" else item for item in snapshot.listeners]
    return replace(snapshot, listeners=listeners)


def ask(snapshot: HostSnapshot, origin: Origin, place: tuple[str, int], protocol: str = "tcp") -> Path:
    return predict(HostView.of(snapshot), Packet(origin, place[0], protocol, place[1]))


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("halt", [STOPPED, TRACED, FROZEN])
def test_a_server_that_does_not_run_answers_nobody(halt: Halt, protocol: str) -> None:
    snapshot = with_server(halt)
    for origin, place in (
        (Origin(CONTAINER, "peer"), (WEB, 80)),
        (Origin(OUTSIDE), (ADDRESS, 8080)),
        (ITSELF, (WEB, 80)),
        # docker-proxy's own connection.
        (ITSELF, LOOPBACK),
    ):
        path = ask(snapshot, origin, place, protocol)
        assert (path.verdict, path.observed) == ("no answer", "timed out"), (place, path.reason)
        assert "process 12 (nginx) is " in path.reason
        assert path.decided_at is not None
        step = path.steps[path.decided_at]
        assert (step.mechanism, step.subject) == ("halted", Subject(process=12))
    assert ask(with_server(None), ITSELF, LOOPBACK, protocol).observed == "answered"


def test_the_kernel_answers_echo_requests_all_the_same() -> None:
    packet = Packet(ITSELF, WEB, "icmp", 0)
    assert predict(HostView.of(with_server(FROZEN)), packet).observed == "answered"


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_docker_proxy_that_does_not_run_silences_only_what_it_forwards(protocol: str) -> None:
    snapshot = with_proxies(STOPPED)
    path = ask(snapshot, ITSELF, LOOPBACK, protocol)
    assert (path.verdict, path.observed) == ("no answer", "timed out")
    assert "(docker-proxy) is stopped (SIGSTOP), so nothing answers on port 8080" in path.reason
    assert ask(snapshot, Origin(OUTSIDE), (ADDRESS, 8080), protocol).observed == "answered"
    assert ask(snapshot, ITSELF, (WEB, 80), protocol).observed == "answered"


def test_a_program_of_the_host_that_does_not_run() -> None:
    snapshot = small_host().snapshot()
    listeners = [replace(item, halt=STOPPED) if item.owner == "sshd" else item for item in snapshot.listeners]
    path = ask(replace(snapshot, listeners=listeners), Origin(OUTSIDE), (ADDRESS, 22))
    assert (path.verdict, path.observed) == ("no answer", "timed out")
    assert path.reason.startswith("process 50 (sshd) is stopped")


@pytest.mark.parametrize(
    "snapshot",
    [
        lambda: with_server(replace(STOPPED, shared=True)),
        # SO_REUSEPORT: the kernel chooses one of the two by who asks.
        lambda: with_server(STOPPED, Listener("tcp", WILDCARD, 80)),
    ],
)
def test_whether_another_process_answers_is_not_known(snapshot: Callable[[], HostSnapshot]) -> None:
    path = ask(snapshot(), ITSELF, (WEB, 80))
    assert (path.verdict, path.observed) == ("unknown", "unknown")
    assert path.undetermined == ["whether another process answers: process 12 (nginx) is stopped (SIGSTOP)"]


def test_a_socket_with_another_binding_is_asked_for_others() -> None:
    snapshot = with_server(STOPPED, Listener("tcp", WEB, 80))
    assert ask(snapshot, ITSELF, (WEB, 80)).observed == "answered"


def test_a_container_that_the_engine_paused_is_called_so() -> None:
    snapshot = with_server(FROZEN)
    paused = [replace(item, status="paused") for item in snapshot.containers]
    path = ask(replace(snapshot, containers=paused), ITSELF, (WEB, 80))
    assert (path.verdict, path.reason) == ("no answer", "container web is paused, so nothing answers")


# ---- words -----------------------------------------------------------------------------------------------------------


def listener(halt: Halt | None, pid: int = 12, owner: str = "nginx", address: str = WILDCARD) -> Listener:
    return Listener("tcp", address, 80, owner=owner, pid=pid, halt=halt)


@pytest.mark.parametrize(
    ("halt", "words", "advice"),
    [
        (STOPPED, "process 12 (nginx) is stopped (SIGSTOP)", "kill -CONT 12"),
        (TRACED, "process 12 (nginx) is stopped by a debugger", "Detach the debugger"),
        (FROZEN, "process 12 (nginx) is frozen in its control group", f"echo 0 > {FILE}"),
        (
            Halt("frozen", "/sys/fs/cgroup/freezer/docker/1/freezer.state"),
            "process 12 (nginx) is frozen in its control group",
            "echo THAWED > /sys/fs/cgroup/freezer/docker/1/freezer.state",
        ),
        (Halt("frozen", "/x y;z/cgroup.freeze"), "is frozen", "echo 0 > '/x y;z/cgroup.freeze'"),
    ],
)
def test_process_and_remediation_are_named(halt: Halt, words: str, advice: str) -> None:
    assert words in halted_in_words(listener(halt))
    assert advice in continuing([listener(halt)], []).text


def test_a_program_without_a_name_is_unknown() -> None:
    assert halted_in_words(listener(STOPPED, owner="")) == "process 12 (unknown) is stopped (SIGSTOP)"


def test_what_the_engine_froze_the_engine_thaws() -> None:
    container = Container("1", "web", status="paused")
    assert continuing([listener(FROZEN)], [container]).text == "Resume the container: docker unpause web"


def test_all_processes_are_continued_each_once() -> None:
    items = [listener(STOPPED), listener(STOPPED, 13), listener(STOPPED, 12, address="::"), listener(FROZEN, 14)]
    text = continuing([*items, listener(FROZEN, 15)], []).text
    assert "kill -CONT 12 13. " in text
    assert text.count(FILE) == 1


def test_who_shares_a_socket() -> None:
    assert not is_shared(listener(STOPPED), [listener(STOPPED), listener(None, address="::")])
    assert is_shared(listener(STOPPED), [listener(STOPPED), listener(None, 13)])
    assert is_shared(listener(replace(STOPPED, shared=True)), [])


# ---- the matrix ------------------------------------------------------------------------------------------------------


def three_alike() -> DockerHost:
    host = DockerHost()
    network = host.network()
    for number, name in enumerate(("one", "two", "three")):
        host.container(name, [network], [PublishedPort("tcp", 80, WILDCARD, 8080 + number)], [("tcp", 80)])
    return host


def answers(snapshot: HostSnapshot) -> dict[str, set[str]]:
    """What requests to each container come to, at its published port and at its own address."""
    matrix = AuditContext(snapshot, Settings()).matrix
    found: dict[str, set[str]] = {}
    for cell in matrix.cells:
        for member in matrix.destinations[cell.destination].members:
            found.setdefault(member.partition(":")[0], set()).add(cell.observed)
    return found


def test_a_container_with_a_halted_server_is_in_no_class_with_others() -> None:
    snapshot = three_alike().snapshot()
    assert answers(snapshot) == {name: {"answered"} for name in ("one", "two", "three")}
    one, two, three = snapshot.container_namespaces
    halted = replace(two, listeners=[replace(item, pid=12, halt=STOPPED) for item in two.listeners])
    found = answers(replace(snapshot, container_namespaces=[one, halted, three]))
    assert found == {"one": {"answered"}, "two": {"timed out"}, "three": {"answered"}}


def test_a_container_that_is_paused_is_in_no_class_with_others() -> None:
    snapshot = three_alike().snapshot()
    one, two, three = snapshot.containers
    found = answers(replace(snapshot, containers=[one, replace(two, status="paused"), three]))
    assert found == {"one": {"answered"}, "two": {"timed out"}, "three": {"answered"}}


def test_a_published_port_with_a_halted_proxy_is_in_no_class_with_others() -> None:
    snapshot = three_alike().snapshot()
    listeners = [replace(item, halt=STOPPED) if item.port == 8081 else item for item in snapshot.listeners]
    found = answers(replace(snapshot, listeners=listeners))
    assert "timed out" in found["two"]
    assert found["one"] == found["three"] == {"answered"}
