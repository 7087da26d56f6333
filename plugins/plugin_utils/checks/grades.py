# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What each severity means, and what a check says of itself by it.

A severity is not given by feeling: a check names the meaning that its failure has, and the severity follows.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, INFO, LOW, MEDIUM


@dataclass(frozen=True)
class Meaning:
    """What a failure means for the host, and the severity that goes with it."""

    severity: str
    text: str


BROKEN = Meaning(HIGH, "broken now")
OPEN = Meaning(HIGH, "open to others against what the configuration says")
BREAKS = Meaning(MEDIUM, "will break at the next restart, boot or change")
WEAKNESS = Meaning(MEDIUM, "a weakness with a known way in")
HYGIENE = Meaning(LOW, "hygiene")
TO_KNOW = Meaning(INFO, "to know")
MEANINGS = (BROKEN, OPEN, BREAKS, WEAKNESS, HYGIENE, TO_KNOW)
"""The highest severity first."""


@dataclass(frozen=True)
class Grade:
    """A meaning that findings of a check have."""

    meaning: Meaning
    why: str
    """What makes it so, or which of the findings it is for: a clause for people."""

    @property
    def severity(self) -> str:
        """The severity of these findings."""
        return self.meaning.severity
