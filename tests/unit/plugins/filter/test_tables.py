"""The filters take what a module returned and refuse anything else in plain words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.dockernet.baseline.plugins.filter.baseline_table import FilterModule as BaselineTable
from ansible_collections.dockernet.baseline.plugins.filter.findings_table import FilterModule as FindingsTable

FINDING: dict[str, Any] = {
    "check": "mode.host",
    "outcome": "fail",
    "severity": "medium",
    "resource": {"kind": "container", "name": "agent"},
    "summary": "agent shares the host's network",
    "evidence": {},
    "impact": "",
    "remedy": {"text": "Decide.", "module": None, "args": {}},
}

findings_table = FindingsTable().filters()["findings_table"]
baseline_table = BaselineTable().filters()["baseline_table"]


def test_findings_become_lines() -> None:
    assert "agent shares the host's network" in findings_table([FINDING])[2]


def test_baseline_becomes_lines() -> None:
    assert "* mode.host: agent shares the host's network. Decide." in baseline_table(
        [FINDING], after=[], repairs={}, width=140
    )


def test_an_empty_second_audit_means_none_was_made() -> None:
    assert baseline_table([FINDING], after=[]) == baseline_table([FINDING], after=None) == baseline_table([FINDING])


@pytest.mark.parametrize("made", [findings_table, baseline_table])
@pytest.mark.parametrize("data", [["text"], [{"check": 1}], [{**FINDING, "resource": "web"}]])
def test_what_is_no_finding_is_refused_with_its_place(made: Any, data: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"not a list of findings: \$"):
        made(data)
