# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a check is made of, and what the severities of its findings mean.

A check is a function from a snapshot under audit to verdicts, with its metadata beside it. It never touches the
host, so the same snapshot always gives the same verdicts.

A severity is not given by feeling: a check names the meaning that its failure has, and the severity follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, INFO, LOW, MEDIUM
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import Verdict


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


INTEGER = "integer"
NAMES = "names"
NETWORKS = "networks"
PORTS = "ports"


@dataclass(frozen=True)
class Parameter:
    """A setting of a check, such as a limit."""

    name: str
    kind: str
    """``integer``, ``names`` (words), ``networks`` (in CIDR notation) or ``ports`` (numbers): lists but the first."""
    default: Any
    text: str
    """What it is for, with its unit."""
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()
    """The words that may be among ``names``; empty for any."""


@dataclass(frozen=True)
class Check:
    """A check, as the registry lists it."""

    id: str
    """``area.name``, stable for ever."""
    grades: tuple[Grade, ...]
    """What its failures mean: that of most of them first, then those of findings that carry a severity of their own."""
    title: str
    """What is so when it passes."""
    rationale: str
    needs: tuple[str, ...]
    """Sources without which there is no verdict; the runner answers unknown for them."""
    judge: Callable[[AuditContext], list[Verdict]]
    """Returns one verdict at least: for the host when nothing is wrong, else one a resource. Raises NotJudgedError."""
    cis: dict[str, str] = field(default_factory=dict)
    """Number of the item in the CIS Docker Benchmark, by the benchmark's version; empty where there is no such item."""
    remediated_by: tuple[str, ...] = ()
    """Modules of this collection that its remediations may name; empty where it is decided by hand."""
    parameters: tuple[Parameter, ...] = ()
    finds_orphans: bool = False
    """Whether it fails for what is there without a container; while containers end, that says nothing."""
    daemon_only: bool = False
    """Whether it is about dockerd alone, whatever containers and networks there are."""
    of_contract: bool = False
    """Whether it judges by a contract, and so is run only where there is one."""

    @property
    def severity(self) -> str:
        """Of its findings, but for those that have one of their own."""
        return self.grades[0].severity

    def parameter(self, context: AuditContext, name: str) -> Any:
        """The value of a parameter: the caller's, or the default."""
        given = context.settings.parameters.get(self.id, {})
        return given[name] if name in given else next(item.default for item in self.parameters if item.name == name)
