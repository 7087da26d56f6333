# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults injected into healthy hosts, each with a real attempt to connect before it, meanwhile and after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from tests.integration.diagnosis.catalogue import FAULTS, parameters
from tests.integration.diagnosis.condition import condition
from tests.integration.diagnosis.fault import ANSWERED, TIMED_OUT, Fault, Question
from tests.integration.diagnosis.scene import Scene
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.vantage import PATIENCE, SECONDS

BUILT = "/srv/diagnosis-scene"
"""Lies on a host while it is a healthy scene, with what the scene is. A reset removes it."""
CONDITIONS: dict[str, list[str]] = {}
"""What the healthy scene of a host is like."""


class SceneOf(Protocol):
    """Makes the healthy scene."""

    def __call__(self, *, userland_proxy: bool) -> Scene: ...


@pytest.fixture
def scene_of(engine_host: Host, lab: Lab) -> Iterator[SceneOf]:
    """Make the healthy scene with or without docker-proxy, where the last test on this host left none of that sort.

    Whatever a test does, the host is as before at its end; where it is not, the test fails, and the next one starts
    from a host that was reset.
    """
    scene, wanted = Scene(engine_host, lab), ""

    def scene_with(*, userland_proxy: bool) -> Scene:
        nonlocal wanted
        wanted = f"userland-proxy {userland_proxy}"
        if engine_host.name not in CONDITIONS or engine_host.run(["cat", BUILT], check=False).out != wanted:
            engine_host.reset()
            scene.build(userland_proxy=userland_proxy)
            CONDITIONS[engine_host.name] = condition(scene)
        engine_host.run(["rm", "--force", BUILT])
        return scene

    yield scene_with
    if wanted:
        changed = set(condition(scene)) ^ set(CONDITIONS[engine_host.name])
        assert not changed, "\n".join(sorted(changed))
        engine_host.write(BUILT, wanted)


def attempt(scene: Scene, question: Question, expected: tuple[str, ...] = (ANSWERED,)) -> str:
    return question.attempt(scene, PATIENCE if TIMED_OUT in expected else SECONDS)


@pytest.mark.parametrize("fault", parameters())
def test_a_fault_is_real_and_leaves_nothing_behind(scene_of: SceneOf, fault: Fault) -> None:
    scene = scene_of(userland_proxy=fault.userland_proxy)
    with fault.question.around(scene):
        with fault.prepared(scene):
            assert attempt(scene, fault.question) == ANSWERED
            with fault.broken(scene):
                seen = attempt(scene, fault.question, fault.seen)
            assert seen in fault.seen
        assert attempt(scene, fault.question) == ANSWERED


def test_the_catalogue_is_of_many_faults_with_names_of_their_own() -> None:
    assert len(FAULTS) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert all(fault.why_not_others for fault in FAULTS if len(fault.kinds) < 4)
