# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults injected into healthy hosts, each with a real attempt to connect before it, meanwhile and after it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

import pytest

from tests.integration.catalogue.scenario import uses_nftables
from tests.integration.diagnosis.catalogue import FAULTS, QUESTIONS, parameters
from tests.integration.diagnosis.condition import condition
from tests.integration.diagnosis.diagnosed import NO_FAULT, Verdict, diagnosed, table
from tests.integration.diagnosis.fault import ANSWERED, TIMED_OUT, Fault, Question
from tests.integration.diagnosis.scene import Scene
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.proc import LabError
from tests.lab.vantage import PATIENCE, SECONDS

BUILT = "/srv/diagnosis-scene"
"""Lies on a host while it is a healthy scene, with what the scene is. A reset removes it."""
CONDITIONS: dict[str, list[str]] = {}
"""What the healthy scene of a host is like."""
VERDICTS: dict[str, list[Verdict]] = {}
"""What was said of the faults that this run injected, by host."""
RESTORED_WITHIN = 10.0
LEAST = 0.95
"""The share of faults that are to be the first cause."""


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
        require_condition(scene, CONDITIONS[engine_host.name])
        engine_host.write(BUILT, wanted)


def require_condition(scene: Scene, expected: list[str]) -> None:
    """That the host is as it was, or becomes it soon: neighbours are asked for, and processes end."""
    changed: set[str] = set()

    def is_as_before() -> bool:
        changed.clear()
        changed.update(set(condition(scene)) ^ set(expected))
        return not changed

    try:
        scene.host.wait_for(is_as_before, RESTORED_WITHIN, "what a fault broke")
    except LabError as error:
        raise AssertionError("\n".join([str(error), *sorted(changed)])) from error


def attempt(scene: Scene, question: Question, expected: tuple[str, ...] = (ANSWERED,)) -> str:
    return question.attempt(scene, PATIENCE if TIMED_OUT in expected else SECONDS)


@pytest.mark.parametrize("fault", parameters())
def test_a_fault_is_named_as_the_first_cause(scene_of: SceneOf, fault: Fault) -> None:
    """Really there, since the connection works before and after it, and fails meanwhile."""
    scene = scene_of(userland_proxy=fault.userland_proxy)
    if fault.of_iptables and uses_nftables(scene.host):
        pytest.skip("this engine makes its rules with nftables, and has no such chain")
    with fault.question.around(scene):
        with fault.prepared(scene):
            assert attempt(scene, fault.question) == ANSWERED
            with fault.broken(scene):
                seen = attempt(scene, fault.question, fault.seen)
                verdict = Verdict(fault, diagnosed(scene, fault.question, probe_timeout=1))
            assert seen in fault.seen
        assert attempt(scene, fault.question) == ANSWERED
    VERDICTS.setdefault(scene.host.name, []).append(verdict)
    assert not verdict.false_and_certain, f"{verdict}\n{verdict.found.text}"
    assert verdict.is_first or fault.missed, f"{verdict}\n{verdict.found.text}"


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: re.sub(r"\W+", "-", question.name))
def test_a_healthy_path_has_no_fault(scene_of: SceneOf, question: Question) -> None:
    scene = scene_of(userland_proxy=True)
    with question.around(scene):
        found = diagnosed(scene, question)
        assert attempt(scene, question) == ANSWERED
    assert (found.verdict, found.causes) == (NO_FAULT, ()), found.text


@pytest.mark.engines
@pytest.mark.smoke
def test_the_true_cause_is_first_in_nearly_all(engine_host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    """Of those that the tests before this one have injected; shows them all (pytest -s)."""
    verdicts = VERDICTS.get(engine_host.name, [])
    with capsys.disabled():
        print(f"\n{table(engine_host.name, verdicts)}")
    assert sum(verdict.is_first for verdict in verdicts) >= LEAST * len(verdicts)


def test_the_catalogue_is_of_many_faults_with_names_of_their_own() -> None:
    assert len(FAULTS) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert all(fault.why_not_others for fault in FAULTS if len(fault.kinds) < 4)
