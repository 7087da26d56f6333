# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A diagnosis on a screen, as a page and as Markdown: the same facts, and nothing of a stranger's acts in any."""

from __future__ import annotations

import html.parser
import json
import unicodedata
from dataclasses import replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.action.diagnosis_report import report_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import DROPPED_BY_RULE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import ProbeLayer
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.case import Case
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnose import diagnose
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import (
    CERTAIN,
    Cause,
    Evidence,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import Question
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import HopWriter
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.diagnosis_page import (
    Hop,
    diagnosis_markdown,
    diagnosis_page,
    hops_in,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.diagnosis_screen import Report, diagnosis_screen
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import cells
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.compare import Comparison

from tests.unit.operators_host import operators_host
from tests.unit.plugins.plugin_utils.diagnosis.cases import case_of, drop_event, probed, traced

HOSTILE = "<script>alert(1)</script>\x1b[2J\u202e`|*[x](javascript:1)\n# head"


def blocked() -> Case:
    """A container that does not reach another one, as the kernel has shown."""
    case = case_of(operators_host(), Question("web", "db", "tcp", 5432))
    layers = (
        ProbeLayer("process", "web", "passed", "", "running"),
        ProbeLayer("container", "db", "skipped", "", "on another network"),
        ProbeLayer("target", case.packet.destination, "failed", "TIMEOUT", "no answer within 3 s", 3000.0),
    )
    return traced(probed(case, "timed out", *layers), DROPPED_BY_RULE, drop_event(case))


def reported(case: Case, **changes: Any) -> Report:
    found = replace(diagnose(case), **changes)
    result = {"diagnosis": to_plain(found), "hops": HopWriter(case.snapshot).hops_of(found.packet, found.predicted)}
    return report_of("edge1", json.loads(json.dumps(result)))


def hostile() -> Report:
    case = blocked()
    cause = Cause("foreign", HOSTILE, CERTAIN, [Evidence("probe", HOSTILE)])
    probes = [
        replace(
            diagnose(case).probes[0], origin=HOSTILE, layers=[ProbeLayer("target", HOSTILE, "failed", "X", HOSTILE)]
        )
    ]
    return replace(reported(case, causes=[cause], probes=probes, undetermined=[HOSTILE]), hops=[("request", HOSTILE)])


class _Page(html.parser.HTMLParser):
    """Elements and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        assert not any(name in ("src", "href") or name.startswith("on") for name, dummy in attrs)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_screen_has_cause_evidence_layers_devices_and_the_kernel() -> None:
    report = reported(blocked())
    text = "\n".join(line.text for line in diagnosis_screen(report, 110))
    cause = report.found.causes[0]
    assert text.startswith("edge1: container web to 172.18.16.2:5432/tcp")
    assert cause.certainty == CERTAIN
    flat = " ".join(text.split())
    for piece in (cause.summary, *(item.text for item in cause.evidence), report.hops[0][1]):
        assert " ".join(piece.split()) in flat
    assert "passed process" in flat
    assert "failed target 172.18.16.2 TIMEOUT" in flat
    assert "dry trace: " in flat


def test_what_to_do_comes_before_how_it_is_known_with_a_command_to_paste() -> None:
    cause = Cause("foreign", "the cause", CERTAIN, [Evidence("probe", "seen")])
    done: dict[str, dict[str, Any]] = {
        "ip_forward": {"state": "present", "families": ["ipv4", "ipv6"]},
        "bridge_network": {"name": "{{ 1 }}"},
    }
    shown = []
    for module, arguments in done.items():
        known = replace(cause, remediation=Remediation("Do it", module, arguments))
        shown.append([line.text.strip() for line in diagnosis_screen(reported(blocked(), causes=[known]), 110)])
    command = "ansible edge1 -b -m dockernet.baseline.ip_forward -a 'state=present families=ipv4,ipv6'"
    assert shown[0][2:6] == [f"{label:<14}{text}" for label, text in _parts("the cause", command)]
    # A template in a pasted command would be evaluated.
    assert shown[1][3] == "remediation   Do it (module bridge_network with name: {{ 1 }})"


def _parts(cause: str, command: str) -> list[tuple[str, str]]:
    return [("certain", cause), ("remediation", "Do it"), ("run", command), ("probe", "seen")]


def test_evidence_does_not_repeat_a_rule_of_the_summary() -> None:
    cause = Cause("foreign", "Rule 1 drops it: -j DROP", CERTAIN, [Evidence("prediction", "Rule 1 drops: -j DROP")])
    lines = [line.text.strip() for line in diagnosis_screen(reported(blocked(), causes=[cause]), 110)]
    assert "prediction    Rule 1 drops" in lines


def test_a_screen_is_one_screen_and_within_its_width() -> None:
    for width in (60, 80, 110):
        lines = diagnosis_screen(reported(blocked()), width)
        assert all(cells(line.text) <= width for line in lines)
    assert len(diagnosis_screen(reported(blocked()), 110)) <= 40


def test_the_same_facts_are_on_the_page_and_in_markdown() -> None:
    report = reported(blocked())
    page = " ".join(" ".join(_Page(diagnosis_page(report)).texts).split())
    markdown = diagnosis_markdown(report).replace("\\", "")
    cause = report.found.causes[0]
    for piece in (cause.summary, cause.certainty, *(item.text for item in cause.evidence), "TIMEOUT"):
        assert " ".join(piece.split()) in page
        assert " ".join(piece.split()) in " ".join(markdown.split())
    assert "```mermaid\nflowchart TD\n" in markdown
    assert len(report.found.predicted.steps) > 1
    assert diagnosis_page(report).count('class="decides"') == 1


def test_a_healthy_path_says_so_in_each() -> None:
    case = probed(case_of(operators_host(), Question("web", "203.0.113.9", "tcp", 443)), "answered")
    report = reported(case)
    assert "no fault found" in diagnosis_screen(report, 110)[2].text
    assert 'class="verdict no_fault"' in diagnosis_page(report)
    assert "no fault found" in diagnosis_markdown(report)


def test_a_difference_is_said_with_the_kernel_in_the_right() -> None:
    report = reported(blocked(), comparison=Comparison(False, "rule 1 dropped it"))
    for text in ("\n".join(line.text for line in diagnosis_screen(report, 300)), diagnosis_page(report)):
        assert "the kernel is right: rule 1 dropped it" in text


def test_what_strangers_chose_acts_nowhere() -> None:
    report = hostile()
    page, markdown = diagnosis_page(report), diagnosis_markdown(report)
    assert "script" not in _Page(page).elements
    for text in (page, markdown, *(line.text for line in diagnosis_screen(report, 110))):
        assert not [char for char in text if char != "\n" and unicodedata.category(char) in ("Cc", "Cf")]
    prose = markdown.partition("```mermaid")[0]
    assert "<script" not in prose.replace("\\<", "")
    assert "\n# head" not in markdown


def test_the_page_needs_nothing_else() -> None:
    page = diagnosis_page(reported(blocked()))
    assert "http:" not in page
    assert "https:" not in page
    assert {"script", "link", "img", "iframe"}.isdisjoint(_Page(page).elements)


def test_hops_are_taken_apart() -> None:
    translated = Hop("host", "source becomes 192.0.2.1")
    assert hops_in("web -> br-1 -> host (source becomes 192.0.2.1)") == [Hop("web"), Hop("br-1"), translated]
    assert hops_in("web -> X drop (prerouting)") == [Hop("web"), Hop("X drop (prerouting)", "", ends=True)]
