# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All cases, and what a host is asked and says."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.platform import ENGINE_CHECK
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.integration.catalogue.case import Case
from tests.integration.catalogue.scenario import uses_nftables
from tests.lab.host import Host

AREAS = tuple(dict.fromkeys(check.id.partition(".")[0] for check in CHECKS))


def _listed() -> tuple[Case, ...]:
    """The cases of every area, in the order of the registry, each with its group: of its own where it names none."""
    there = {item.name for item in pkgutil.iter_modules([str(Path(__file__).parent)])}
    modules = [importlib.import_module(f"tests.integration.catalogue.{area}") for area in AREAS if area in there]
    return tuple(case for module in modules for case in module.CASES)


CASES = _listed()


def broken_groups() -> dict[str, list[Case]]:
    """Cases by the host that their breaks are applied to together."""
    groups: dict[str, list[Case]] = {}
    for number, case in enumerate(CASES):
        groups.setdefault(case.group or f"{case.check}-{number}", []).append(case)
    return groups


def healthy_groups() -> dict[str, list[Case]]:
    """Cases with a healthy host of their own, by that host."""
    groups: dict[str, list[Case]] = {}
    for number, case in enumerate(CASES):
        if case.healthy is not None:
            groups.setdefault(case.healthy_group or f"{case.check}-{number}", []).append(case)
    return groups


def parameters(groups: dict[str, list[Case]]) -> list[Any]:
    """A parameter of a test for each group, on the kinds that one of its cases is for."""
    return [pytest.param(cases, id=name, marks=pytest.mark.kinds(*_kinds(cases))) for name, cases in groups.items()]


def _kinds(cases: list[Case]) -> list[str]:
    return list(dict.fromkeys(kind for case in cases for kind in case.kinds))


def on_host(cases: Iterable[Case], host: Host) -> list[Case]:
    """Those of the cases that are for a host."""
    native = uses_nftables(host)
    return [case for case in cases if host.kind in case.kinds and (case.with_nftables or not native)]


def judge(snapshot: HostSnapshot, cases: Iterable[Case] = ()) -> list[Finding]:
    """What all checks say of a host, with the options that the cases ask for."""
    return run_checks(AuditContext(snapshot, Settings(**_merged(cases))))


def judge_by_theirs(snapshot: HostSnapshot, cases: Sequence[Case]) -> list[Finding]:
    """What the checks of the cases say of it, likewise."""
    checks = tuple(dict.fromkeys(case.check for case in cases))
    return run_checks(AuditContext(snapshot, Settings(checks=checks, **_merged(cases))))


def _merged(cases: Iterable[Case]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for case in cases:
        for name, value in case.options.items():
            if isinstance(value, dict):
                options.setdefault(name, {}).update(value)
            else:
                known = options.setdefault(name, value)
                assert known == value, f"{case.check}: its group has {name}: {known!r} already"
    return options


def of(findings: Iterable[Finding], check: str) -> list[Finding]:
    """The findings of a check; the one that stands for it where the engine was not asked."""
    found = list(findings)
    return [item for item in found if item.check == check] or [item for item in found if item.check == ENGINE_CHECK]


def outcomes(findings: Iterable[Finding], check: str) -> set[str]:
    """The outcomes of a check."""
    return {item.outcome for item in of(findings, check)}


def shown(findings: Sequence[Finding]) -> str:
    """Findings for the message of a test that fails."""
    return "\n".join(f"{item.check} {item.outcome} {item.resource.name}: {item.summary}" for item in findings)
