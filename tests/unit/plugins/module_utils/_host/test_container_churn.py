"""Containers that start and stop while a host is read."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Optional

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs, read
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import ChildResult, HandOver
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import (
    Churn,
    churn_of,
    started_at,
    without_moved,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.docker_host import big_host

BRIDGE = Link(2, "br-front", "bridge", up=True)
VETH = Link(7, "veth7", "veth", up=True, operstate="UP", master=2, peer_index=6, peer_nsid=3)
BEGAN = datetime.datetime(2026, 11, 28, 12, 0, 0, 500000, tzinfo=datetime.timezone.utc).timestamp()
ENDED = BEGAN + 1


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> HostSnapshot:
    """A host whose containers run on in the namespaces that they were found in."""
    snapshot = big_host(1, 3).snapshot()
    spaces = {item.pid: item.netns for item in snapshot.containers}
    monkeypatch.setattr(procfs, "namespace", lambda pid, dummy: spaces[pid])
    return snapshot


def first(host: HostSnapshot, **changed: object) -> HostSnapshot:
    """The host with its first container changed."""
    return replace(host, containers=[replace(host.containers[0], **changed), *host.containers[1:]])  # type: ignore[arg-type]


def test_nothing_moves_on_a_quiet_host(host: HostSnapshot) -> None:
    assert not churn_of(host, BEGAN, ENDED, [])


@pytest.mark.parametrize(
    ("text", "moves"),
    [
        ("2026-11-28T12:00:00.4Z", False),
        ("2026-11-28T12:00:00Z", False),
        ("2026-11-28T12:00:00.500000001Z", True),
        ("2026-11-28T12:00:01Z", True),
        ("2026-11-28T13:00:00Z", False),
        ("0001-01-01T00:00:00Z", False),
        ("", False),
        ("soon", False),
    ],
)
def test_what_was_started_meanwhile_has_moved(host: HostSnapshot, text: str, *, moves: bool) -> None:
    moved = churn_of(first(host, started_at=text), BEGAN, ENDED, [])
    assert moved.containers == (frozenset([host.containers[0].id]) if moves else frozenset())


def test_a_moment_to_the_nanosecond() -> None:
    assert started_at(Container("1", "web", started_at="1970-01-01T00:01:00.25Z")) == 60.25


@pytest.mark.parametrize("now", [None, 1])
def test_a_process_that_ended_or_was_another_has_moved(
    host: HostSnapshot, monkeypatch: pytest.MonkeyPatch, now: Optional[int]
) -> None:
    monkeypatch.setattr(procfs, "namespace", lambda *dummy: now)
    assert churn_of(host, BEGAN, ENDED, []).containers == {item.id for item in host.containers}


def test_what_was_not_looked_into_does_not_move(host: HostSnapshot) -> None:
    assert not churn_of(first(host, netns=None, started_at="2026-11-28T12:00:01Z"), BEGAN, ENDED, [])
    assert not churn_of(first(host, pid=None), BEGAN, ENDED, [])


def test_a_veth_that_came_went_or_changed_has_moved(host: HostSnapshot) -> None:
    moved = churn_of(host, BEGAN, ENDED, [BRIDGE, VETH])
    assert (moved.links, moved.namespaces) == (frozenset([7]), frozenset([3]))


def test_a_bridge_that_comes_or_lights_up_is_no_container(host: HostSnapshot) -> None:
    assert not churn_of(host, BEGAN, ENDED, [BRIDGE])


def test_more_notices_than_were_kept_can_be_of_anybody(host: HostSnapshot) -> None:
    moved = churn_of(host, BEGAN, ENDED, None)
    assert moved
    assert {item.netns for item in without_moved(host, moved).containers} == {None}


def test_containers_that_moved_are_not_looked_into(host: HostSnapshot) -> None:
    one, two, three = host.containers
    ends = {link.peer_nsid: link.index for link in host.links if link.kind == "veth"}
    assert one.nsid is not None
    for moved in (
        Churn(containers=frozenset([one.id])),
        Churn(links=frozenset([ends[one.nsid]])),
        Churn(namespaces=frozenset([one.nsid])),
    ):
        found = without_moved(host, moved)
        assert [item.netns for item in found.containers] == [None, two.netns, three.netns]
        assert [space.inode for space in found.container_namespaces] == [two.netns, three.netns]
        assert found.container_churn


def nothing(argv: list[str]) -> tuple[int, str, str]:
    return 127, "", f"{argv[0]}: not found"


def at_home(work: Callable[[HandOver], None], dummy_seconds: float) -> ChildResult:
    """The work of a child, where the test can see it."""
    told = ChildResult()
    work(told.items.append)
    return told


class Notices:
    """Gives what it was made with, one list a call, then nothing."""

    def __init__(self, lists: Iterator[list[Link]]) -> None:
        self.lists = lists

    def __enter__(self) -> Notices:
        return self

    def __exit__(self, *dummy: object) -> None:
        pass

    def arrived(self) -> list[Link]:
        return next(self.lists)


@pytest.mark.parametrize(
    ("lists", "left", "restless"),
    [
        ([[], [VETH]], 1, False),
        ([[VETH], [BRIDGE], [VETH]], 1, False),
        ([[VETH], [VETH], [VETH], [VETH]], 1, True),
    ],
    ids=["quiet", "once", "always"],
)
def test_a_host_is_read_again_until_it_keeps_still_three_times_at_most(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lists: list[list[Link]], left: int, *, restless: bool
) -> None:
    coming = iter(lists)
    monkeypatch.setattr(read, "run_in_child", at_home)
    monkeypatch.setattr(read, "LinkNotices", lambda: Notices(coming))
    snapshot = read.read_snapshot(nothing, docker_host=f"unix://{tmp_path}/docker.sock")
    assert bool(snapshot.container_churn) is restless
    assert len(list(coming)) == left
    assert snapshot.was_read("links")
