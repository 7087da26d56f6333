"""File systems that refuse and daemons that balk.

The file is whole, the daemon runs with one that it took, and the message says which.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import pytest

from tests.faults.edits import RELOAD, RELOAD_AND_RESTART, RESTART, Goal, prepare
from tests.faults.faults import full, immutable, instead_of_dockerd, read_only, unit_with
from tests.faults.runs import install, run_module
from tests.faults.view import DAEMON_JSON, View, settle
from tests.lab.host import Host

JOURNAL = "/var/lib/dockernet-baseline"
# Long enough for three failed starts, two seconds apart.
LIMITS = {
    "_change.daemon.daemon_restart.START_SECONDS": 12.0,
    "_change.daemon.daemon_restart.RELOAD_SECONDS": 6.0,
    "_host.engine_api.TIME_LIMIT": 3,
}
STOPPED = "ExecReload=/bin/sh -c 'kill -HUP $MAINPID; kill -STOP $MAINPID'"
KILLED = "ExecReload=/bin/sh -c 'kill -HUP $MAINPID; kill -KILL $MAINPID'"


@pytest.fixture
def host(fresh_host: Host) -> Host:
    install(fresh_host)
    return fresh_host


def attempt(host: Host, goal: Goal) -> Mapping[str, Any]:
    return within(LIMITS, host, goal)


def within(limits: Mapping[str, float], host: Host, goal: Goal) -> Mapping[str, Any]:
    outcome = run_module(host, goal.module, goal.arguments, limits=limits)
    assert outcome.result is not None, outcome
    assert "traceback" not in outcome.result, outcome
    return outcome.result


def assert_says(result: Mapping[str, Any], *words: str) -> None:
    assert result["failed"], result
    assert not result["refused"], result
    for word in words:
        assert word in result["msg"], result["msg"]


def assert_succeeds(host: Host, goal: Goal, before: View) -> None:
    """The same change works once the fault is gone, within the limits that users have."""
    result = within({}, host, goal)
    assert not result.get("failed"), result
    view = settle(host)
    assert (view.text, view.leftovers, view.containers) == (goal.text, [], before.containers)
    assert goal.in_force(view), view


def test_a_file_system_that_refuses_leaves_everything_as_it_was(host: Host) -> None:
    prepare(host, RESTART)
    before = settle(host)
    daemon = host.run(["pidof", "dockerd"]).out
    folder = "/etc/docker"
    as_it_was = f"{DAEMON_JSON} could not be written, and is unchanged: "
    for fault, words in (
        (full(host, folder), f"{as_it_was}No space left on device"),
        (full(host, JOURNAL), "nothing was changed: the previous state could not be recorded"),
        (read_only(host, folder), f"{as_it_was}Read-only file system"),
        (read_only(host, DAEMON_JSON), "it is a mount point"),
        (immutable(host, DAEMON_JSON), "lsattr shows whether the file or its folder is immutable"),
        (immutable(host, folder), f"{as_it_was}"),
    ):
        with fault:
            assert_says(attempt(host, RESTART.there), words)
            assert settle(host) == before
    assert host.run(["pidof", "dockerd"]).out == daemon
    assert_succeeds(host, RESTART.there, before)


def test_a_dockerd_that_does_not_start_with_the_new_file(host: Host) -> None:
    prepare(host, RESTART)
    before = settle(host)
    with instead_of_dockerd(host, "userland-proxy", "echo no thanks >&2; exit 1"):
        result = attempt(host, RESTART.there)
        assert_says(result, "dockerd did not start", f"dockerd runs again with the previous file ({DAEMON_JSON})")
        assert any("no thanks" in line for line in result["log"]), result
        assert settle(host) == before
    assert_succeeds(host, RESTART.there, before)


def test_a_dockerd_that_hangs_at_its_start(host: Host) -> None:
    prepare(host, RESTART)
    before = settle(host)
    with instead_of_dockerd(host, "userland-proxy", "exec sleep infinity"):
        assert_says(
            attempt(host, RESTART.there),
            "dockerd did not start within 12 seconds (the service is activating)",
            f"dockerd runs again with the previous file ({DAEMON_JSON})",
        )
        assert settle(host) == before
    assert_succeeds(host, RESTART.there, before)


def test_a_dockerd_that_hangs_whatever_the_file(host: Host) -> None:
    prepare(host, RESTART)
    before = settle(host)
    pids = [pid for pid, dummy in before.containers.values()]
    with instead_of_dockerd(host, "live-restore", "exec sleep infinity"):
        assert_says(
            attempt(host, RESTART.there),
            "it does not start with the previous file either",
            "dockerd is DOWN now. 2 containers keep running without it",
            f"{DAEMON_JSON} is the previous file",
        )
        assert host.read(DAEMON_JSON) == before.text
        host.run(["kill", "-0", *map(str, pids)])
    host.run(["systemctl", "--no-block", "restart", "docker.service"])
    assert settle(host) == before


@pytest.mark.parametrize("edit", [RELOAD, RELOAD_AND_RESTART], ids=["reload alone", "restart behind it"])
def test_a_dockerd_that_hangs_when_it_is_told_to_reload(host: Host, edit: Any) -> None:
    prepare(host, edit)
    before = settle(host)
    daemon = host.run(["pidof", "dockerd"]).out
    with unit_with(host, "ExecReload=", STOPPED), contextlib.ExitStack() as woken:
        woken.callback(host.run, ["kill", "-CONT", *daemon.split()])
        result = attempt(host, edit.there)
        assert_says(
            result,
            "dockerd did not confirm the reload within 6 seconds",
            "dockerd does not answer",
            "no container was affected",
            f"{DAEMON_JSON} was restored",
            "may be effective until its next restart",
        )
    view = settle(host)
    assert (view.config, view.leftovers, view.containers) == (before.config, [], before.containers)
    assert host.run(["pidof", "dockerd"]).out == daemon
    assert_succeeds(host, edit.there, before)


@pytest.mark.parametrize("edit", [RELOAD, RELOAD_AND_RESTART], ids=["reload alone", "restart behind it"])
def test_a_dockerd_that_is_killed_while_it_reloads(host: Host, edit: Any) -> None:
    """Systemd starts it again, with the new file: no containers are lost, even if they had no live-restore before."""
    prepare(host, edit)
    before = settle(host)
    with unit_with(host, "ExecReload=", KILLED):
        result = attempt(host, edit.there)
        view = settle(host)
    assert not result.get("failed"), result
    assert (view.text, view.containers) == (edit.there.text, before.containers)
    assert edit.there.in_force(view), view
