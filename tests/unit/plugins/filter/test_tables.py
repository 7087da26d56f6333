"""The filters take what a module returned and refuse anything else in plain words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.dockernet.baseline.plugins.filter.baseline_table import FilterModule as BaselineTable
from ansible_collections.dockernet.baseline.plugins.filter.findings_table import FilterModule as FindingsTable
from ansible_collections.dockernet.baseline.plugins.filter.repair_plan import FilterModule as RepairPlan
from ansible_collections.dockernet.baseline.plugins.filter.unused_waivers import FilterModule as UnusedWaivers

FINDING: dict[str, Any] = {
    "check": "mode.host",
    "outcome": "fail",
    "severity": "medium",
    "resource": {"kind": "container", "name": "agent"},
    "summary": "agent shares the host's network",
    "evidence": [],
    "impact": "",
    "remediation": {"text": "Decide.", "module": None, "args": []},
}

findings_table = FindingsTable().filters()["findings_table"]
baseline_table = BaselineTable().filters()["baseline_table"]
repair_plan = RepairPlan().filters()["repair_plan"]
unused_waivers = UnusedWaivers().filters()["unused_waivers"]


def test_findings_become_lines() -> None:
    assert "agent shares the host's network" in findings_table([FINDING])[1]


def test_baseline_becomes_lines() -> None:
    line = f"* mode.host: {FINDING['summary']}. Decide."
    assert line in baseline_table([FINDING], after=[], repairs={}, width=140)


def test_an_empty_second_audit_means_none_was_made() -> None:
    assert baseline_table([FINDING], after=[]) == baseline_table([FINDING], after=None) == baseline_table([FINDING])


@pytest.mark.parametrize("made", [findings_table, baseline_table])
@pytest.mark.parametrize("data", [["text"], [{"check": 1}], [{**FINDING, "resource": "web"}]])
def test_what_is_no_finding_is_refused_with_its_place(made: Any, data: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"list of findings: \$"):
        made(data)


def test_a_plan_comes_from_plain_findings() -> None:
    mended = {
        **FINDING,
        "remediation": {"text": "On.", "module": "ip_forward", "args": [{"name": "families", "value": ["ipv4"]}]},
    }
    assert repair_plan([FINDING, mended], proxy_in_force=True) == {
        "modules": {"ip_forward": {"families": ["ipv4"]}},
        "switches_proxy": False,
        "waiting": {},
    }
    with pytest.raises(AnsibleFilterError, match=r"repair_plan: .*list of findings: \$"):
        repair_plan([{"check": 1}])


def test_a_waiver_is_unused_where_no_host_uses_it() -> None:
    hosts = [
        {"unused_waivers": ["a", "c\x1b"], "used_waivers": ["e"]},
        {"unused_waivers": ["c\x1b", "e"], "used_waivers": ["a"]},
        {"unreachable": True},
    ]
    assert unused_waivers(hosts) == [r"waiver that covers nothing: c\x1b"]
    assert unused_waivers([]) == []


def test_a_remediation_of_which_a_part_would_be_lost_is_no_plan() -> None:
    lost = {**FINDING, "remediation": {"text": "On.", "module": "ip_forward", "args": [{"name": "window", "value": 3}]}}
    with pytest.raises(AnsibleFilterError, match=r"mode\.host gives window to ip_forward"):
        repair_plan([lost])
