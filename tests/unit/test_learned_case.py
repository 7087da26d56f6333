# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a learned contract has to find of connections that were tried, by its words alone."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, HOST, OUTSIDE, Origin
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.judge import KEPT, UNMATCHED, VIOLATED

from tests.differential.contract_case import Scene
from tests.differential.learned_case import Learned, reached
from tests.differential.matrix_questions import BEYOND, BEYOND_PORT, HostAddress, Inhabitant, Question
from tests.differential.observing import Outcome
from tests.differential.reachability_probes import Outsider

ADDRESS = "198.18.1.13"
EVERYBODY = (
    Inhabitant("web", "", {"front": ("172.29.1.2",)}, (("", 8080, 80, "tcp"),), frozenset()),
    Inhabitant("db", "", {"front": ("172.29.1.3",), "back": ("172.29.2.3",)}, (), frozenset()),
    Inhabitant("api", "", {"back": ("172.29.2.2",)}, (), frozenset()),
)
EVERY_ORIGIN = (Origin(OUTSIDE, "eth0"), Origin(HOST), *(Origin(CONTAINER, item.name) for item in EVERYBODY))


def scene(*open_: tuple[str, str], gone: Sequence[str] = ()) -> Scene:
    """Where these get there: who asks, and the container or ``outside``; a port each."""
    tried = []
    for origin in EVERY_ORIGIN:
        for somebody in EVERYBODY:
            if somebody.name in gone or origin.name in gone:
                continue
            places = [(somebody.addresses[0], 80, "")]
            places += [(ADDRESS, 8080, "0.0.0.0") for dummy in somebody.bindings]  # noqa: S104
            for address, port, published_on in places:
                question = Question(origin, address, "tcp", port, f"{somebody.name}:80/tcp", published_on)
                is_open = (str(origin), somebody.name) in open_ and (origin.kind != OUTSIDE or bool(published_on))
                outcome = Outcome("answered", "", f"{somebody.name} saw 1.1.1.1\n") if is_open else Outcome("timed out")
                tried.append((question, outcome))
        if origin.kind != OUTSIDE and origin.name not in gone:
            seen = Outcome("answered" if (str(origin), OUTSIDE) in open_ else "timed out")
            tried.append((Question(origin, BEYOND[4], "tcp", BEYOND_PORT), seen))
    everybody = [item for item in EVERYBODY if item.name not in gone]
    return Scene(
        everybody,
        [HostAddress(ADDRESS, ip_network("198.18.1.0/24"), is_gateway=False)],
        [Outsider("eth0", "", ("198.18.1.9", "2001:db8::9"), 0)],
        tried,
        apart=frozenset(),
        modes=frozenset(),
        on_host=[],
        shared={},
        listening=frozenset(f"{item.name}:80/tcp" for item in everybody),
        are_routed=True,
        lost=frozenset(),
    )


PUBLIC = {"from": OUTSIDE, "to": {"container": "web", "port": 80}}
FRONT = {"from": {"network": "front"}, "to": {"network": "front", "port": "any"}}
OUT = {"from": {"container": ["api", "db"]}, "to": OUTSIDE}
WHOLE = (("outside eth0", "web"), ("container web", "db"), ("container db", "web"),
         ("container api", OUTSIDE), ("container db", OUTSIDE))  # fmt: skip


def states(where: Scene, *intents: dict[str, Any]) -> list[str]:
    return [due.state for due in Learned(intents, where).due()]


def test_what_is_fulfilled_violated_and_gone() -> None:
    assert states(scene(*WHOLE), PUBLIC, FRONT, OUT) == [KEPT, KEPT, KEPT]
    assert states(scene(*WHOLE[2:]), PUBLIC, FRONT, OUT) == [VIOLATED, VIOLATED, KEPT]
    assert states(scene(*WHOLE[:4]), PUBLIC, FRONT, OUT) == [KEPT, KEPT, VIOLATED]
    assert states(scene(*WHOLE, gone=["web"]), PUBLIC, FRONT) == [UNMATCHED, KEPT]
    assert states(scene(*WHOLE, gone=["web", "db"]), FRONT) == [UNMATCHED]


def test_of_machines_outside_that_the_lab_does_not_have_nothing_is_known() -> None:
    (lost,) = Learned([PUBLIC], scene()).due()
    (named,) = Learned([{**PUBLIC, "from": {"outside": "198.18.1.0/24", "uplink": "eth0"}}], scene()).due()
    assert (lost.state, lost.depends, named.state, named.depends) == (VIOLATED, True, VIOLATED, False)


@pytest.mark.parametrize(
    ("new", "resource"),
    [
        (("container api", "web"), "web:80/tcp"),
        (("container web", OUTSIDE), "web"),
        (("host", OUTSIDE), ""),
        (("container web", "api"), "api:80/tcp"),
    ],
)
def test_what_no_words_select_is_uncovered(new: tuple[str, str], resource: str) -> None:
    where = scene(*WHOLE, new)
    assert list(Learned([PUBLIC, FRONT, OUT], where).uncovered()) == [resource]
    assert len(reached(where) - reached(scene(*WHOLE))) == 1
    assert Learned([PUBLIC, FRONT, OUT], scene(*WHOLE)).uncovered() == {}
