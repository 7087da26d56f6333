# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All faults, and the tests' parameters of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.integration.diagnosis import of_bridges, of_containers, of_kernel, of_rules, of_services
from tests.integration.diagnosis.fault import Fault, Question

FAULTS: tuple[Fault, ...] = (
    *of_kernel.FAULTS,
    *of_rules.FAULTS,
    *of_bridges.FAULTS,
    *of_containers.FAULTS,
    *of_services.FAULTS,
)
QUESTIONS: tuple[Question, ...] = tuple({fault.question.name: fault.question for fault in FAULTS}.values())


def parameters() -> list[Any]:
    """A parameter of a test for each fault: those with docker-proxy last, as the healthy paths after them have it."""
    ordered = sorted(FAULTS, key=lambda fault: fault.userland_proxy)
    return [pytest.param(fault, id=re.sub(r"\W+", "-", fault.name), marks=_marks(fault)) for fault in ordered]


def _marks(fault: Fault) -> list[pytest.MarkDecorator]:
    marks = [pytest.mark.kinds(*fault.kinds)]
    if fault.everywhere:
        marks.append(pytest.mark.engines)
    if fault.long:
        marks.append(pytest.mark.long)
    return marks
