# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check of the catalogue on real engines: on a host that fails it, on one that passes, and without its sources.

The cases are in catalogue/AREA.py. Hosts are read once and judged here, so what costs time is making them.
"""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS

from tests.integration.catalogue.case import Case
from tests.integration.catalogue.cases import (
    CASES,
    broken_groups,
    healthy_groups,
    judge,
    judge_by_theirs,
    of,
    on_host,
    outcomes,
    parameters,
    shown,
)
from tests.integration.catalogue.reading import (
    read,
    read_broken,
    read_healthy,
    read_healthy_as_nobody,
    read_made_healthy,
)
from tests.integration.catalogue.scenario import release
from tests.integration.catalogue.unread import REASON, without
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.unit.audits import audit_of, problems

# A finding that is no fault of the host that has it: the cost of what is on by default.
PRICES = {"proxy.memory"}


# ---- a healthy host --------------------------------------------------------------------------------------------------


@pytest.mark.engines
@pytest.mark.smoke
def test_a_healthy_host_passes_every_check_that_is_about_it(engine_host: Host) -> None:
    findings = judge(read_healthy(engine_host))
    wrong = [item for item in findings if item.outcome in ("fail", "unknown") and item.check not in PRICES]
    assert not wrong, shown(wrong)
    elsewhere = {case.check for case in CASES if case.healthy is not None or engine_host.kind not in case.kinds}
    unproved = [check.id for check in CHECKS if check.id not in elsewhere and outcomes(findings, check.id) != {"pass"}]
    assert not unproved, shown([item for item in findings if item.check in unproved])


def test_documents_of_a_healthy_host_are_as_their_schema_says(engine_host: Host) -> None:
    for snapshot in (read_healthy(engine_host), read_healthy_as_nobody(engine_host)):
        assert problems(audit_of(snapshot, detail="full", profile="cis")) == []


@pytest.mark.parametrize("cases", parameters(healthy_groups()))
def test_a_host_made_healthy_for_it_passes(engine_host: Host, cases: list[Case]) -> None:
    mine = on_host(cases, engine_host)
    findings = judge(read_made_healthy(engine_host, mine), mine)
    wrong = [item for case in mine for item in of(findings, case.check) if item.outcome != "pass"]
    assert not wrong, shown(wrong)


# ---- a broken host ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cases", parameters(broken_groups()))
def test_a_broken_host_fails(engine_host: Host, cases: list[Case]) -> None:
    mine = on_host(cases, engine_host)
    snapshot = read_broken(engine_host, mine)
    findings = judge(snapshot, mine)
    missed = [f"{case.check} {case.resource}".rstrip() for case in mine if not failing(findings, case)]
    assert not missed, f"not found: {missed}\n{shown([item for item in findings if item.outcome != 'pass'])}"
    untold = [f"{item.check} {item.resource.name}: {lack}" for item in findings for lack in lacks(item)]
    assert not untold, "\n".join(untold)
    assert problems(audit_of(snapshot, profile="strict")) == []
    check_every_source_is_missed(snapshot, mine, findings)


def failing(findings: list[Finding], case: Case) -> list[Finding]:
    """What failed of a case's check, on the resource that it names."""
    failed = [item for item in of(findings, case.check) if item.outcome == "fail"]
    return [item for item in failed if case.resource in ("", item.resource.name)]


def lacks(item: Finding) -> list[str]:
    """What a failure does not tell its reader; its remediation has to be among those that the check announces."""
    if item.outcome != "fail":
        return []
    (check,) = (check for check in CHECKS if check.id == item.check)
    module = item.remediation.module if item.remediation is not None else None
    told = {
        "no summary": item.summary,
        # A published port has its bindings.
        "no evidence": item.evidence or item.resource.published,
        "no impact": item.impact,
        "no remediation": item.remediation is not None and item.remediation.text,
        f"{item.severity} is no severity of its": item.severity in {grade.severity for grade in check.grades},
        f"{module} is not in remediated_by": module is None or module in check.remediated_by,
    }
    return [lack for lack, is_there in told.items() if not is_there]


# ---- sources that cannot be read -------------------------------------------------------------------------------------


def check_every_source_is_missed(snapshot: HostSnapshot, cases: list[Case], seen: list[Finding]) -> None:
    """Whoever cannot read a source does not take a broken host for a healthy one."""
    wrong = []
    for source in snapshot.sources:
        findings = judge_by_theirs(without(snapshot, source), cases)
        for case in cases:
            found = outcomes(findings, case.check)
            if failing(seen, case) and found <= {"pass", "not_applicable"}:
                wrong.append(f"{case.check} is {found} without the source {source}, which it does not name")
    assert not wrong, "\n".join(wrong)


def test_a_check_without_its_source_is_unknown_and_another_is_no_worse(engine_host: Host) -> None:
    snapshot = read_healthy(engine_host)
    assert all(source.read for source in snapshot.sources.values())
    wrong = []
    for source in snapshot.sources:
        findings = judge(without(snapshot, source))
        for check in CHECKS:
            if source in check.needs:
                wrong += [item for item in of(findings, check.id) if not is_blind(item)]
            elif check.id not in PRICES:
                wrong += [item for item in of(findings, check.id) if item.outcome == "fail"]
    assert not wrong, shown(wrong)


def is_blind(item: Finding) -> bool:
    return item.outcome == "unknown" and REASON in item.summary


def test_who_may_read_little_passes_little(engine_host: Host) -> None:
    """The sources are really unreadable: the readers ran as a user without rights."""
    snapshot = read_healthy_as_nobody(engine_host)
    unread = {name for name, source in snapshot.sources.items() if not source.read}
    assert {"engine", "ruleset"} <= unread
    findings = judge(snapshot)
    for check in CHECKS:
        wanted = {"unknown"} if unread.intersection(check.needs) else {"pass", "not_applicable", "unknown"}
        wrong = [item for item in of(findings, check.id) if item.outcome not in wanted]
        assert check.id in PRICES or not wrong, shown(wrong)


# ---- a host that nobody did anything to ------------------------------------------------------------------------------


@pytest.mark.long
def test_a_new_host_with_three_ordinary_containers_has_no_finding_of_medium_or_above(engine_host: Host) -> None:
    """Except that engines before 28 show the network what is published on 127.0.0.1: a true finding."""
    snapshot = read(engine_host, three_ordinary_containers)
    findings = judge(snapshot)
    grave = [item for item in findings if item.severity in ("high", "medium") and item.outcome in ("fail", "unknown")]
    leaks = [item for item in grave if item.check == "publish.loopback-leak"]
    assert [item.resource.name for item in leaks] == ([] if release(engine_host) >= (28, 0) else ["database:80/tcp"])
    assert grave == leaks, shown(grave)


def three_ordinary_containers(host: Host) -> None:
    host.deploy(
        Scenario(
            [NetworkSpec("shop")],
            [
                Workload("proxy", ["shop"], publish=["80:80", "443:80"], restart="unless-stopped"),
                Workload("app", ["shop"], restart="unless-stopped"),
                Workload("database", ["shop"], publish=["127.0.0.1:5432:80"], restart="unless-stopped"),
            ],
        )
    )
