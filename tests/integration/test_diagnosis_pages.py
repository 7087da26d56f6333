# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcripts of docs/why are what the playbook prints on a host with the fault that each page is about."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.integration.diagnosis.pages import FAULTS, KIND, manual_commands, screens, transcripts
from tests.integration.diagnosis.scene import Scene
from tests.lab.host import Host
from tests.lab.lab import Lab

SOONER = "containers-cannot-reach-each-other.md"
"""The page that `make test` holds: of a path without a fault and of one with, and of what is typed without Ansible."""
NO_SUCH_PROGRAM = 127


def test_every_page_has_a_transcript_of_each_of_its_faults() -> None:
    assert Counter(item.page for item in transcripts()) == {page: len(faults) for page, faults in FAULTS.items()}


@pytest.mark.kinds(KIND)
@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([SOONER], id="one"),
        pytest.param([page for page in FAULTS if page != SOONER], id="others", marks=pytest.mark.long),
    ],
)
def test_the_transcripts_are_what_the_playbook_prints(engine_host: Host, lab: Lab, pages: list[str]) -> None:
    """Many in one test, as the healthy host takes longer to make than each of them."""
    scene = Scene(engine_host, lab)
    wanted = [item for item in transcripts() if item.page in pages]
    # Where lines end follows from the names of a lab's own host.
    differing = {str(item): screen for item, screen in screens(scene, wanted) if screen.split() != item.text.split()}
    assert not differing, "\n\n".join(["make diagnosis-pages writes them:", *differing.values()])
    check_manual_commands(scene, pages)


def check_manual_commands(scene: Scene, pages: list[str]) -> None:
    """Each is understood as it is typed, on the healthy host; but for those of programs that the host does not have."""
    pid = str(scene.host.container("client").pid)
    for command in manual_commands(pages):
        done = scene.host.run(command.replace(" PID ", f" {pid} "), check=False)
        # Without a word on standard error there is nothing to show, docker-proxy say.
        assert done.rc in (0, NO_SUCH_PROGRAM) or not done.err, f"{command}: {done}"
