# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the diagnosis says of a question, held against the fault that was injected."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.integration.diagnosis.fault import Fault, Question
from tests.integration.diagnosis.scene import Scene
from tests.lab.ansible_runs import ansible_module

MODULE = "dockernet.baseline.connection_diagnosis"
CERTAIN, NO_FAULT = "certain", "no_fault"


@dataclass(frozen=True)
class Diagnosed:
    """The causes of one diagnosis, the first one first, each with its certainty."""

    verdict: str
    causes: tuple[tuple[str, str], ...]
    seconds: float
    text: str
    """For the reader of a test that fails."""


def diagnosed(scene: Scene, question: Question, **options: int) -> Diagnosed:
    """As a user would have it, through Ansible; with options of the module."""
    began = time.monotonic()
    result = ansible_module(scene.host, MODULE, {**question.arguments, **options})
    found: dict[str, Any] = result.get("diagnosis") or {}
    causes = tuple((item["cause"], item["certainty"]) for item in found.get("causes", ()))
    text = str(result.get("listing") or result.get("msg"))
    return Diagnosed(str(found.get("verdict")), causes, time.monotonic() - began, text)


@dataclass(frozen=True)
class Verdict:
    """One fault and what was said of it."""

    fault: Fault
    found: Diagnosed

    @property
    def true(self) -> tuple[str, ...]:
        """The causes that the break makes true."""
        return (self.fault.cause, *self.fault.also)

    @property
    def is_first(self) -> bool:
        """Whether a true cause comes first."""
        return bool(self.found.causes) and self.found.causes[0][0] in self.true

    @property
    def false_and_certain(self) -> list[str]:
        """Causes that are not true, and were said to be certain."""
        return [cause for cause, certainty in self.found.causes if certainty == CERTAIN and cause not in self.true]

    def __str__(self) -> str:
        said = ", ".join(f"{cause} ({certainty})" for cause, certainty in self.found.causes) or self.found.verdict
        mark = "first" if self.is_first else "MISSED"
        return f"{mark:6} {self.found.seconds:5.1f} s  {self.fault.name}: {self.fault.cause}; said: {said}"


def table(host: str, verdicts: Iterable[Verdict]) -> str:
    """The rate of one host, and each verdict on a line."""
    rows = list(verdicts)
    first = sum(item.is_first for item in rows)
    false = sum(bool(item.false_and_certain) for item in rows)
    head = f"{host}: true cause first in {first} of {len(rows)}, a false one certain in {false}"
    return "\n".join([head, *(f"  {item}" for item in rows)])
