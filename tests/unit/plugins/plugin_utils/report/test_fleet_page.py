# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page of a fleet holds; tests/browser has what a browser makes of it."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import Fleet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import STATES, Audit, not_audited
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_page import fleet_page

from tests.unit.synthetic_fleet import fleet_host, synthetic_fleet, totals_of

_BLOCK = re.compile(r'<script type="text/plain" (?:id|class)="(\w+)">([A-Za-z0-9+/=]*)</script>')


def page_of(fleet: Fleet) -> str:
    """The page as one text."""
    pieces: list[str] = []
    fleet_page(fleet, pieces.append)
    return "".join(pieces)


def data_in(page: str) -> dict[str, list[Any]]:
    """The lines of each kind of block."""
    found: dict[str, list[Any]] = {}
    for name, text in _BLOCK.findall(page):
        lines = zlib.decompress(base64.b64decode(text)).decode("ascii").splitlines()
        found.setdefault(name, []).extend(json.loads(line) for line in lines)
    return found


def told(value: Any, texts: list[str]) -> Any:
    """Texts in the place of their numbers."""
    if isinstance(value, int):
        return texts[value]
    return [told(item, texts) for item in value] if isinstance(value, list) else value


def test_each_host_is_in_the_index_and_has_its_findings() -> None:
    fleet = synthetic_fleet(60)
    data = data_in(page_of(fleet))
    texts = data["strings"][0]
    for host, line, details in zip(fleet.hosts, data["index"], data["details"], strict=True):
        assert line[0] == details["name"] == host.audit.host
        assert STATES[line[1]] == details["state"] == host.audit.state
        assert details["closed"] == host.closed
        wanted = [item for item in host.audit.findings if item.outcome not in ("pass", "not_applicable")]
        found = [told(item[:-1], texts) for item in details.get("findings", [])]
        assert sorted((item[0], item[5]) for item in found) == sorted((item.check, item.summary) for item in wanted)
        assert sum(line[2:8]) == len(wanted)


def test_kinds_of_findings_are_ordered_as_states_of_hosts_are() -> None:
    data = data_in(page_of(synthetic_fleet(1)))
    (overview,) = data["overview"]
    assert overview["kinds"] == [*(state for state in STATES if state in overview["kinds"]), "waived"]


def test_of_a_check_that_is_unknown_of_one_resource_and_low_of_another_unknown_is_shown() -> None:
    (host,) = synthetic_fleet(1).hosts
    example = host.audit.findings[0]
    findings = [
        replace(example, check="a.x", outcome="fail", severity="low", waiver=None),
        replace(example, check="a.x", outcome="unknown"),
    ]
    host = replace(host, audit=replace(host.audit, findings=findings), ages={})
    (line,) = data_in(page_of(replace(synthetic_fleet(1), hosts=[host])))["index"]
    assert line[13].lower() == "u"


def test_matrix_says_what_the_document_says() -> None:
    fleet = synthetic_fleet(12)
    data = data_in(page_of(fleet))
    texts = data["strings"][0]
    seen = 0
    for host, details in zip(fleet.hosts, data["details"], strict=True):
        if "reach" not in details:
            continue
        own = told(details["reach"]["texts"], texts)
        for item, row in zip(host.audit.document["reachability"]["cells"], details["reach"]["cells"], strict=True):
            assert row[:2] == [item["origin"], item["destination"]]
            assert [own[number] for number in row[2:7]] == [
                item[name] for name in ("relation", "verdict", "observed", "reason", "instead")
            ]
            seen += 1
    assert seen > 100


def test_what_strangers_wrote_is_no_markup() -> None:
    name = "</script><img src=x onerror=alert(1)><!--\u202e\x1b[31m"
    audit = Audit(name, not_audited(name, "failed", name), error_kind="failed", error=name)
    totals = totals_of([fleet_host(audit, {})])
    page = page_of(Fleet([fleet_host(audit, {})], totals, problems=[name], title=name))
    assert "<img" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert page.count("<!--") == 0
    assert data_in(page)["index"][0][0] == name


def test_page_asks_no_network_and_runs_its_own_script_alone() -> None:
    page = page_of(synthetic_fleet(2))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert not re.search(r"""(?:src|href)=["']?(?:https?:|//)""", page)
