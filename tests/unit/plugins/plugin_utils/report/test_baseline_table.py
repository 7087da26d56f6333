"""The table before and after tells apart what was repaired, refused, failed, left to decide, and only would be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    AppliedWaiver,
    Finding,
    Remediation,
    Resource,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.baseline_table import (
    Repair,
    Run,
    baseline_table,
)

from tests.unit.plugins.plugin_utils.report.lines import cells, counted, counts

HAIRPIN = Remediation("Turn hairpin on.", module="bridge_hairpin")


def finding(
    outcome: str, check: str = "hairpin.missing", name: str = "web", remediation: Optional[Remediation] = HAIRPIN
) -> Finding:
    return Finding(check, outcome, "high", Resource("container", name), f"{name}: {outcome}", remediation=remediation)


def repairs(**results: dict[str, Any]) -> dict[str, Repair]:
    return {name: Repair.from_result(name, result) for name, result in results.items()}


def rows(lines: list[str]) -> list[str]:
    """Return the table's body."""
    start = next((index for index, line in enumerate(lines) if line.startswith("-----")), None)
    return [] if start is None else lines[start + 1 : lines.index("", start)]


def test_a_repair_shows_before_and_after() -> None:
    action = "turned hairpin on for veth1"
    done = repairs(bridge_hairpin={"changed": True, "actions": [action]})
    lines = baseline_table(Run([finding("fail")], [finding("pass", remediation=None)], done), 120)
    (row,) = rows(lines)
    assert cells(row) == [
        *("hairpin.missing", "high", "container web"),
        *("FAIL", "pass", "repaired by bridge_hairpin"),
    ]
    assert f"* bridge_hairpin: {action}" in lines
    assert counted(lines[-1]) == {"repaired": 1, "pass": 1}


def test_check_mode_says_would() -> None:
    done = repairs(bridge_hairpin={"changed": True, "actions": ["turn hairpin on"]})
    lines = baseline_table(Run([finding("fail")], None, done, check_mode=True), 120)
    assert cells(rows(lines)[0])[-2:] == ["would pass", "would be repaired by bridge_hairpin"]
    assert "Planned changes:" in lines
    assert counted(lines[-1]) == {"would be repaired": 1}


@pytest.mark.parametrize("hairpin", [{"changed": False}, {"skipped": True}])
def test_check_mode_says_what_one_module_does_for_another(hairpin: dict[str, Any]) -> None:
    daemon = {"changed": True, "actions": ["restart docker.service"], "follows": ["ports", "loopback"]}
    lines = baseline_table(
        Run([finding("fail")], None, repairs(daemon_config=daemon, bridge_hairpin=hairpin), check_mode=True), 140
    )
    *dummy, after, verdict = cells(rows(lines)[0])
    assert after == "would pass"
    assert verdict.endswith("indirectly by daemon_config")
    alone = baseline_table(Run([finding("fail")], None, repairs(bridge_hairpin=hairpin), check_mode=True), 140)
    assert "would" not in rows(alone)[0]


def test_what_waits_for_a_wish_is_not_taken_for_repaired() -> None:
    remediation = Remediation("Write it.", "daemon_config", {"config": {"live-restore": True}})
    before = [finding("fail", "daemon.live-restore", remediation=remediation)]
    done = repairs(daemon_config={"changed": True})
    waiting = {"daemon.live-restore": "harden_live_restore: enabled"}
    for check_mode in (True, False):
        lines = baseline_table(Run(before, None, done, check_mode, waiting), 140)
        assert "waits for harden_live_restore: enabled" in rows(lines)[0]
        assert "1 manual action required" in lines[-1]


def test_what_is_waived_is_named_apart_and_counted() -> None:
    waiver = AppliedWaiver("known", "netops", "2099-12-31")
    waived = [replace(finding("fail", name=name), waiver=waiver) for name in ("web", "db")]
    lines = baseline_table(Run(waived, None, {}), 120)
    assert rows(lines) == []
    where = lines.index("Waived:")
    by = f"until {waiver.expires} by {waiver.owner}: {waiver.reason}"
    assert lines[where + 1] == f"* hairpin.missing, {by} (container web, container db)"
    assert counted(lines[-1]) == {"waived": 2}


def test_a_refusal_is_shown_with_its_reason_and_the_consent() -> None:
    remediation = Remediation("Turn the proxy off.", module="userland_proxy")
    result = {
        "changed": False,
        "failed": False,
        "refused": True,
        "msg": "It stops web. To allow it, set on_disruption: allow",
        "consents": [{"on_disruption": "allow"}],
    }
    before = [finding("fail", "proxy.enabled", remediation=remediation)]
    lines = baseline_table(Run(before, None, repairs(daemon_config=result)), 120)
    assert cells(rows(lines)[0])[-1].startswith("not done: daemon_config refused")
    assert f"* daemon_config refused: {result['msg']}" in lines
    assert any(line.endswith(" harden_on_disruption: allow.") for line in lines)
    assert counted(lines[-1]) == {"not done": 1}


def test_who_agrees_to_lose_a_container_has_not_agreed_to_cut_off_others() -> None:
    consents = [{"on_disruption": "allow"}, {"forward_policy": "keep"}]
    result = {"refused": True, "msg": "It cuts off virbr0", "consents": consents}
    lines = baseline_table(Run([finding("fail")], None, repairs(ip_forward=result)), 120)
    (option,) = [line for line in lines if "harden_on_other_forwarders" in line]
    assert option.endswith(" harden_on_other_forwarders: allow, or harden_forward_policy: keep.")


def test_without_findings_there_are_only_the_deeds() -> None:
    done = repairs(baseline_rollback={"changed": True, "actions": ["remove it"], "warnings": ["veth1 is gone"]})
    assert baseline_table(Run([], None, done), 120) == [
        *("Changes applied:", "* baseline_rollback: remove it", ""),
        *("Warnings:", "* baseline_rollback: veth1 is gone", ""),
    ]


def test_a_failure_is_no_refusal() -> None:
    result = {"changed": False, "failed": True, "msg": "broken"}
    lines = baseline_table(Run([finding("fail")], [finding("fail")], repairs(bridge_hairpin=result)), 120)
    assert cells(rows(lines)[0])[-1].startswith("not done: bridge_hairpin failed")
    assert "* bridge_hairpin failed: broken" in lines


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"changed": False}, "not done: bridge_hairpin found nothing to change"),
        ({"changed": True}, "bridge_hairpin made changes that did not repair it"),
        ({"skipped": True, "changed": False}, "manual action required, see below"),
    ],
)
def test_what_still_fails_is_never_called_repaired(result: dict[str, Any], words: str) -> None:
    lines = baseline_table(Run([finding("fail")], [finding("fail")], repairs(bridge_hairpin=result)), 120)
    assert words in rows(lines)[0]
    assert lines[-1].startswith("0 repaired")


def test_what_no_module_repairs_is_decided_by_hand() -> None:
    remediation = Remediation("Decide whether it needs the host's network.")
    before = [finding("fail", "mode.host", remediation=remediation)]
    lines = baseline_table(Run(before, None, {}), 140)
    assert "manual action required, see below" in rows(lines)[0]
    assert f"* mode.host: {before[0].summary}. {remediation.text}" in lines
    assert counted(lines[-1]) == {"manual action required": 1}


def test_what_could_not_be_judged_says_why() -> None:
    lines = baseline_table(Run([finding("unknown")], None, {}), 120)
    assert rows(lines)[0].endswith("not evaluated, see below")
    assert "* hairpin.missing: web: unknown" in lines
    assert "1 unknown" in lines[-1]


def test_a_repair_that_cannot_be_proved_is_unknown() -> None:
    done = repairs(bridge_hairpin={"changed": True})
    lines = baseline_table(Run([finding("fail")], [finding("unknown")], done), 120)
    assert counted(lines[-1]) == {"unknown": 1}


def host(outcome: str) -> Finding:
    return Finding("hairpin.missing", outcome, "high", Resource("host", "h"), f"the host: {outcome}")


def test_a_fault_that_came_during_the_run_is_shown() -> None:
    for before in ([finding("pass")], [host("pass")]):
        row = rows(baseline_table(Run(before, [finding("fail")], {}), 120))[0]
        assert "pass    FAIL" in row
    assert "new     FAIL" in rows(baseline_table(Run([], [finding("fail")], {}), 120))[0]


def test_a_check_with_nothing_left_to_name_passes_for_all_it_named() -> None:
    before = [finding("fail", name="one"), finding("fail", name="two")]
    done = repairs(bridge_hairpin={"changed": True})
    lines = baseline_table(Run(before, [host("pass")], done), 120)
    assert "FAIL    pass   repaired by bridge_hairpin" in rows(lines)[0]
    assert lines[-1].startswith("2 repaired")


def test_what_is_left_of_several_is_told_apart() -> None:
    before = [finding("fail", name="one"), finding("fail", name="two")]
    lines = baseline_table(Run(before, [finding("fail", name="two")], repairs(bridge_hairpin={"changed": True})), 120)
    assert [line for line in rows(lines) if "container one" in line and "pass" in line]
    assert [line for line in rows(lines) if "container two" in line and "did not repair" in line]


def test_a_check_that_can_no_longer_judge_proves_nothing() -> None:
    done = repairs(bridge_hairpin={"changed": True})
    lines = baseline_table(Run([finding("fail")], [host("unknown")], done), 120)
    assert len(rows(lines)) == 1
    assert "FAIL    unknown" in rows(lines)[0]
    assert "1 unknown" in lines[-1]


def test_a_check_that_judges_only_afterwards_shows_both() -> None:
    lines = baseline_table(Run([host("unknown")], [finding("fail")], {}), 120)
    assert len(rows(lines)) == 1
    assert "container web  unknown  FAIL" in rows(lines)[0]
    lines = baseline_table(Run([host("unknown")], [host("pass")], {}), 120)
    assert cells(rows(lines)[0])[-3:] == ["unknown", "pass", "resolved since the first audit"]


def test_what_no_module_was_run_for_can_be_repaired_by_one_all_the_same() -> None:
    before = [finding("fail", "firewall.egress", remediation=Remediation("Look."))]
    after = [finding("pass", "firewall.egress", remediation=None)]
    lines = baseline_table(Run(before, after, repairs(daemon_config={"changed": True})), 120)
    assert cells(rows(lines)[0])[-3:] == ["FAIL", "pass", "resolved indirectly"]


def test_what_vanished_with_its_check_is_gone() -> None:
    done = repairs(bridge_hairpin={"changed": True})
    lines = baseline_table(Run([finding("fail")], [], done), 120)
    assert "gone" in rows(lines)[0]


def test_resources_with_the_same_fate_share_a_row() -> None:
    before = [finding("fail", name=f"c{index}") for index in range(1000)]
    lines = baseline_table(Run(before, None, repairs(bridge_hairpin={"changed": False})), 120)
    text = " ".join(" ".join(rows(lines)).split())
    assert "container c0, container c1," in text
    assert "and 997 more" in text
    assert len(rows(lines)) < 5


def test_a_good_host_takes_one_line() -> None:
    (line,) = baseline_table(Run([finding("pass")], None, {}), 120)
    assert list(counts(line)) == ["repaired", "not done", "manual action required", "unknown", "informational", "pass"]
    assert counted(line) == {"pass": 1}


def test_hostile_names_and_messages_are_escaped_and_stay_in_their_place() -> None:
    result = {"failed": True, "msg": "line one\n99 repaired\x1b[2J"}
    lines = baseline_table(
        Run([finding("fail", name="a\x1b]0;x\x07\u202e")], None, repairs(bridge_hairpin=result)), 120
    )
    assert not [line for line in lines if any(char in line for char in "\x1b\x07\u202e\n")]
    assert not [line for line in lines[:-1] if line.startswith("99 repaired")]


def test_warnings_of_the_modules_are_passed_on() -> None:
    lines = baseline_table(
        Run(
            [finding("fail")],
            [finding("pass")],
            repairs(bridge_hairpin={"changed": True, "warnings": ["mind the gap"]}),
        ),
        120,
    )
    assert "* bridge_hairpin: mind the gap" in lines


def test_what_is_only_information_is_a_note() -> None:
    note = Finding("proxy.memory", "fail", "info", Resource("daemon", "dockerd"), "2 processes, 3 MiB in all")
    lines = baseline_table(Run([note], None, {}), 120)
    assert cells(rows(lines)[0]) == ["proxy.memory", "info", "daemon dockerd", "note", "note", note.summary]
    assert counted(lines[-1]) == {"informational": 1}
