"""Containers that start and stop while a host is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import motion, read
from ansible_collections.dockernet.baseline.plugins.module_utils._host.motion import Plug, plugs, without_moving
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import ERROR, UnreadableError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link

from tests.unit.docker_host import big_host

SETTLED = [
    Link(2, "br-front", "bridge", up=True),
    Link(7, "veth7", "veth", up=True, operstate="UP", master=2, peer_index=6, peer_nsid=0),
]


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[list[Link]]], list[list[Link]]]:
    """Make links be listed so before and after a host is read; the list that it returns has those still to come."""

    def become(lists: list[list[Link]]) -> list[list[Link]]:
        left = list(lists)
        monkeypatch.setattr(motion, "read_links", lambda: left.pop(0))
        return left

    return become


@pytest.mark.parametrize(
    "later",
    [
        SETTLED[:1],
        [*SETTLED, replace(SETTLED[1], index=9, name="veth9", peer_nsid=None)],
        [SETTLED[0], replace(SETTLED[1], master=None)],
        [SETTLED[0], replace(SETTLED[1], operstate="LOWERLAYERDOWN")],
    ],
)
def test_a_veth_that_came_went_or_changed_has_moved(later: list[Link], listed: Callable[..., object]) -> None:
    listed([SETTLED, later])
    assert plugs() != plugs()


def test_a_bridge_that_comes_or_lights_up_is_no_container(listed: Callable[..., object]) -> None:
    listed([SETTLED, [replace(SETTLED[0], operstate="UP"), SETTLED[1], Link(3, "br-back", "bridge")]])
    assert plugs() == plugs() != frozenset()


def test_links_that_cannot_be_listed_do_not_move(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[Link]:
        raise UnreadableError(ERROR, "no memory")

    monkeypatch.setattr(motion, "read_links", fail)
    assert plugs() == frozenset()


def nothing(argv: list[str]) -> tuple[int, str, str]:
    return 127, "", f"{argv[0]}: not found"


def test_a_host_is_read_again_until_it_keeps_still(listed: Callable[..., list[list[Link]]], tmp_path: Path) -> None:
    left = listed([[], SETTLED, SETTLED, [Link(99, "unasked")]])
    read.read_snapshot(nothing, docker_host=f"unix://{tmp_path}/docker.sock")
    assert len(left) == 1


def test_a_host_that_never_keeps_still_is_read_three_times(
    listed: Callable[..., list[list[Link]]], tmp_path: Path
) -> None:
    left = listed([[], SETTLED] * 10)
    snapshot = read.read_snapshot(nothing, docker_host=f"unix://{tmp_path}/docker.sock")
    assert snapshot.was_read("links")
    assert len(left) == 16


def test_containers_behind_links_that_move_are_not_looked_into() -> None:
    snapshot = big_host(1, 3).snapshot()
    moving = snapshot.containers[1]
    found = without_moving(snapshot, [Plug(7, "veth7", None, 6, moving.nsid, "UP")])
    assert [item.name for item in found.containers if item.netns is None] == [moving.name]
    assert [space.inode for space in found.inner] == [
        item.netns for item in snapshot.containers if item.name != moving.name
    ]
