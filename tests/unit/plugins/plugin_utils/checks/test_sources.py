# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What could not be read takes no fault away and makes none: on recorded hosts of engine 29, and on hosts by chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import LINKS, HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import sources_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.platform import ENGINE_CHECK
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import OF_EVERY_AUDIT
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.integration.catalogue.unread import without
from tests.unit.random_docker_host import random_docker_host
from tests.unit.recorded_host import NAMES, recorded_host

Outcomes = dict[str, set[str]]
HOSTS = [
    *(pytest.param(lambda name=name: recorded_host(name), id=name) for name in NAMES),
    *(pytest.param(lambda seed=seed: random_docker_host(seed).snapshot(), id=f"seed {seed}") for seed in range(4)),
]


def outcomes(snapshot: HostSnapshot) -> Outcomes:
    """By check, what it says of anything."""
    found: Outcomes = {check.id: set() for check in OF_EVERY_AUDIT}
    findings = run_checks(AuditContext(snapshot, Settings(userland_proxy="disabled")))
    for item in findings:
        found.setdefault(item.check, set()).add(item.outcome)
    # Where the engine was not asked, one finding stands for all checks that could not be evaluated.
    unasked = found.pop(ENGINE_CHECK, set())
    return {check: outcomes or unasked for check, outcomes in found.items()}


@pytest.mark.parametrize("host", HOSTS)
def test_what_was_not_read_makes_no_verdict_out_of_another(host: Callable[[], HostSnapshot]) -> None:
    snapshot = host()
    seen = outcomes(snapshot)
    wrong = []
    for source in snapshot.sources:
        found = outcomes(without(snapshot, source))
        for check in OF_EVERY_AUDIT:
            now, before = found[check.id], seen[check.id]
            if source in check.needs and now != {"unknown"}:
                wrong.append(f"{check.id} needs {source} and says {now} without it")
            elif "fail" in before and now <= {"pass", "not_applicable"}:
                wrong.append(f"{check.id} fails, and says {now} without {source}, which is not among its needs")
            elif "fail" in now and before <= {"pass", "not_applicable"}:
                wrong.append(f"{check.id} says {before}, and fails without {source}, which is not among its needs")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("kind", "shown"), [("", "error"), ("any", "error"), ("denied", "denied"), ("defect", "defect")]
)
def test_a_kind_that_only_a_saved_snapshot_has_is_an_error(kind: str, shown: str) -> None:
    snapshot = recorded_host(NAMES[0])
    sources = {**snapshot.sources, LINKS: Source(read=False, kind=kind, reason="why")}
    assert sources_of(replace(snapshot, sources=sources))[LINKS] == {"read": False, "kind": shown, "reason": "why"}
