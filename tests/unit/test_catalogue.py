# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of cases that are tried on real engines leaves no check out, on no kind of host."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS

from tests.integration.catalogue.case import ALL_KINDS
from tests.integration.catalogue.cases import CASES, broken_groups

IDS = [check.id for check in CHECKS]


@pytest.mark.parametrize("check", IDS)
def test_a_check_is_broken_on_every_kind_or_says_why_it_cannot_be(check: str) -> None:
    mine = [case for case in CASES if case.check == check]
    assert mine, f"tests/integration/catalogue/{check.partition('.')[0]}.py has no case of {check}"
    missing = set(ALL_KINDS) - {kind for case in mine for kind in case.kinds}
    assert not missing or any(case.why_not_others for case in mine), f"{check} is broken on no {sorted(missing)}"


def test_cases_are_of_checks_and_kinds_that_there_are() -> None:
    assert {case.check for case in CASES} <= set(IDS)
    assert {kind for case in CASES for kind in case.kinds} <= set(ALL_KINDS)


@pytest.mark.parametrize("name", [*broken_groups()])
def test_cases_of_a_group_want_the_same_options(name: str) -> None:
    wanted: dict[str, object] = {}
    for case in broken_groups()[name]:
        for option, value in case.options.items():
            assert isinstance(value, dict) or wanted.setdefault(option, value) == value
