# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of networks carried out on an engine in memory, with failures on the way."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import ApiProblem
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Route

from tests.unit.plugins.module_utils._change.network_scene import RECREATE, Scene, net


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scene:
    return Scene(monkeypatch, tmp_path)


def reported(failure: ChangeFailed) -> tuple[bool, dict[str, str]]:
    """Whether the failed result says that something is changed, and what became of each network that was begun."""
    return failure.results["changed"], {item.name: item.outcome for item in failure.results["networks"]}


def test_made_proved_and_recorded(scene: Scene) -> None:
    scene.run(net("a", 1), net("b", 2))
    assert scene.names() == {"a", "b"}
    begin, end = scene.events()
    assert (begin["event"], end["event"]) == ("begin", "done")
    assert [(item["name"], item["before"]) for item in begin["networks"]] == [("a", None), ("b", None)]
    assert begin["networks"][0]["after"]["IPAM"]["Config"] == [{"Subnet": "10.60.1.0/24"}]
    assert scene.change(net("a", 1), net("b", 2)).plan().outline.actions == []


def test_what_the_kernel_does_not_show_is_removed_again(scene: Scene) -> None:
    scene.broken = {"10.60.2.0/24"}
    with pytest.raises(ChangeFailed) as caught:
        scene.run(net("a", 1), net("b", 2), net("c", 3))
    assert str(caught.value).startswith("network b was created")
    assert " no bridge br-" in str(caught.value)
    assert str(caught.value).endswith(": a was created")
    assert scene.names() == {"a"}
    assert scene.events()[-1]["event"] == "failed"
    assert scene.events()[-1]["completed"] == ["a was created"]
    assert reported(caught.value) == (True, {"a": "created", "b": "undone"})


def test_a_first_failure_leaves_nothing(scene: Scene) -> None:
    scene.broken = {"10.60.1.0/24"}
    with pytest.raises(ChangeFailed, match="Nothing else was changed") as caught:
        scene.run(net("a", 1))
    assert scene.names() == set()
    assert reported(caught.value) == (False, {"a": "undone"})
    assert scene.events()[-1]["event"] == "undone"


def test_what_cannot_be_removed_again_is_told(scene: Scene) -> None:
    scene.broken = {"10.60.1.0/24"}
    scene.engine.fail_always = "remove"
    with pytest.raises(ChangeFailed, match="removed again: provoked before remove") as caught:
        scene.run(net("a", 1))
    assert reported(caught.value) == (True, {"a": "failed"})
    assert scene.events()[-1]["event"] == "failed"


def test_the_engines_refusal(scene: Scene) -> None:
    scene.engine.fail_always = "create"
    with pytest.raises(ChangeFailed, match=r"network a .*: provoked before") as caught:
        scene.run(net("a", 1))
    assert reported(caught.value) == (False, {"a": "undone"})


def test_an_answer_that_is_lost(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(body: dict[str, t.Any]) -> str:
        raise ApiProblem("dockerd did not answer within 60 seconds", answered=False)

    monkeypatch.setattr(scene.engine, "create", lost)
    with pytest.raises(ChangeFailed, match="check with docker network inspect a") as caught:
        scene.run(net("a", 1))
    assert reported(caught.value) == (True, {"a": "failed"})


def test_the_engines_own_choice_in_a_range_of_the_host(scene: Scene) -> None:
    scene.host.routes.append(Route("172.16.0.0/12", 254, gateways=["192.0.2.1"], interfaces=[2]))
    choice = {"Driver": "default", "Config": [{"Subnet": "172.30.0.0/16", "Gateway": "172.30.0.1"}]}
    create = scene.engine.create
    scene.engine.create = lambda body: create({**body, "IPAM": choice})  # type: ignore[method-assign]
    with pytest.raises(ChangeFailed) as caught:
        scene.run({"name": "a"})
    assert re.search(r"172\.30\.0\.0/16, .* the route 172\.16\.0\.0/12", str(caught.value))
    assert scene.names() == set()


def test_removed_first_and_proved_to_be_gone(scene: Scene) -> None:
    scene.run(net("old", 1))
    scene.run(net("new", 1), {"name": "old", "state": "absent"})
    assert scene.names() == {"new"}
    scene.left = [Link(9, f"br-{next(iter(scene.engine.bodies))[:12]}", "bridge")]
    with pytest.raises(ChangeFailed, match=r"network new was removed, .*bridge") as caught:
        scene.run({"name": "new", "state": "absent"})
    assert reported(caught.value) == (True, {"new": "failed"})


def test_made_anew(scene: Scene) -> None:
    scene.run(net("a", 1))
    (old,) = scene.engine.bodies
    scene.run(net("a", 1, mtu=1400), consent=RECREATE)
    ((new, body),) = scene.engine.bodies.items()
    assert new != old
    assert body["Options"] == {"com.docker.network.driver.mtu": "1400"}
    assert scene.events()[-2]["networks"][0]["record"]["old_id"] == old


def test_made_anew_and_not_as_the_kernel_should_show_it(scene: Scene) -> None:
    scene.run(net("a", 1))
    scene.broken = {"10.60.2.0/24"}
    with pytest.raises(ChangeFailed, match=r"network a .*were restored") as caught:
        scene.run(net("a", 2), consent=RECREATE)
    assert reported(caught.value) == (False, {"a": "undone"})
    (body,) = scene.engine.bodies.values()
    assert body["IPAM"]["Config"] == [{"Subnet": "10.60.1.0/24"}]


def test_what_is_no_fault_of_the_network_is_a_warning(scene: Scene) -> None:
    change = scene.change(net("a", 1, masquerade=False))
    plan = change.plan()
    change.apply(plan)
    assert plan.outline.warnings == []
    scene.sysctls = {"net.ipv4.ip_forward": "0"}
    with pytest.raises(ChangeFailed, match=r"again, because net\.ipv4\.ip_forward is 0"):
        scene.run(net("b", 2))


def test_an_engine_that_does_not_answer(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> list[dict[str, t.Any]]:
        raise ApiProblem("no answer", answered=False)

    monkeypatch.setattr(scene.engine, "networks", silent)
    with pytest.raises(Refusal, match="nothing was changed: no answer"):
        scene.change(net("a", 1)).plan()
