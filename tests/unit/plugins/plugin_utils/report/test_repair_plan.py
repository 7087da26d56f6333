"""Which modules repair what failed: each once, and nothing that no one asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import pytest
import yaml
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    AppliedWaiver,
    Finding,
    Remediation,
    Resource,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.repair_plan import (
    ON_REQUEST,
    OPTIONS,
    POSTURE,
    HardeningChoices,
    LostRemediationError,
    RepairPlan,
    repair_plan,
)

KEEP = HardeningChoices()
ROOT = Path(__file__).resolve().parents[5]


def failed(module: Optional[str], **args: Any) -> Finding:
    return Finding(
        "a.b", "fail", "high", Resource("host", "host"), "It is so", remediation=Remediation("Do.", module, args)
    )


def plan(*findings: Finding, choices: HardeningChoices = KEEP, proxy: Optional[bool] = True) -> RepairPlan:
    return repair_plan(findings, choices, proxy_in_force=proxy)


def test_nothing_failed_and_nothing_wished_is_nothing_to_do() -> None:
    assert plan(replace(failed("ip_forward", families=["ipv4"]), outcome="unknown"), failed(None)).modules == {}


def test_a_module_runs_once_for_all_findings_that_name_it() -> None:
    found = plan(
        failed("ip_forward", families=["ipv4"]), failed("ip_forward", families=["ipv6", "ipv4"], state="present")
    )
    assert found.modules == {"ip_forward": {"families": ["ipv4", "ipv6"], "state": "present"}}


def test_families_that_were_not_wished_for_are_left_alone() -> None:
    found = plan(failed("ip_forward", families=["ipv6"]), choices=HardeningChoices(families=["ipv4"]))
    assert found == RepairPlan({}, waiting={"a.b": "harden_ip_forward_families: [ipv6]"})


def test_what_is_waived_is_not_repaired() -> None:
    waived = replace(failed("bridge_hairpin", state="auto"), waiver=AppliedWaiver("known", "netops", "2099-12-31"))
    assert plan(waived).modules == {}
    assert plan(waived, failed("bridge_hairpin", state="auto")).modules == {"bridge_hairpin": {"state": "auto"}}


def test_all_keys_of_the_daemon_go_together() -> None:
    found = plan(
        failed("daemon_config", config={"icc": False}),
        failed("daemon_config", config={"live-restore": True}),
        failed("daemon_config", absent=["iptables"]),
        failed("daemon_config", restart="always"),
        failed("userland_proxy", state="disabled"),
        choices=HardeningChoices("disabled", live_restore=True, daemon_config={"debug": True}),
    )
    config = {"icc": False, "live-restore": True, "userland-proxy": False, "debug": True}
    assert found.modules == {"daemon_config": {"config": config, "absent": ["iptables"], "restart": "always"}}
    assert found.switches_proxy


def test_live_restore_takes_a_word_of_consent() -> None:
    found = plan(failed("daemon_config", config={"live-restore": True}))
    assert found == RepairPlan({}, waiting={"a.b": "harden_live_restore: enabled"})
    assert not plan(
        failed("daemon_config", config={"live-restore": True}), choices=HardeningChoices(live_restore=True)
    ).waiting


@pytest.mark.parametrize("check", ON_REQUEST)
def test_what_somebody_may_have_held_back_takes_a_word_of_consent(check: str) -> None:
    held = replace(failed("daemon_config", restart="always"), check=check)
    assert plan(held) == RepairPlan({}, waiting={check: f"harden_also_repair: [{check}]"})
    asked = plan(held, choices=HardeningChoices(also=[check]))
    assert asked == RepairPlan({"daemon_config": {"config": {}, "absent": [], "restart": "always"}})


@pytest.mark.parametrize("check", POSTURE)
def test_a_posture_takes_a_profile_that_asks_for_it_or_a_word(check: str) -> None:
    posture = replace(failed("daemon_config", config={"icc": False}), check=check)
    assert plan(posture) == RepairPlan({}, waiting={check: f"harden_also_repair: [{check}]"})
    for choices in (HardeningChoices(also=[check]), HardeningChoices(posture=True)):
        found = plan(posture, choices=choices)
        assert found == RepairPlan({"daemon_config": {"config": {"icc": False}, "absent": []}})


def test_the_default_network_is_made_anew_by_a_start_that_finds_no_container_running() -> None:
    posture = replace(failed("daemon_config", config={"icc": False}), check="network.icc")
    carried = repair_plan(
        [posture], HardeningChoices(posture=True, live_restore=True), proxy_in_force=True, running=True
    )
    assert carried.modules == {}
    assert list(carried.waiting) == ["network.icc"]
    assert "no container running" in carried.waiting["network.icc"]
    ended = repair_plan([posture], HardeningChoices(posture=True), proxy_in_force=True, running=True)
    assert ended.modules["daemon_config"]["config"] == {"icc": False}


def test_a_profile_gives_no_consent_to_what_somebody_held_back() -> None:
    for check in ON_REQUEST:
        assert plan(
            replace(failed("daemon_config", restart="always"), check=check), choices=HardeningChoices(posture=True)
        ).waiting


def test_what_may_be_asked_for_is_what_the_role_takes() -> None:
    specs = yaml.safe_load((ROOT / "roles/harden/meta/argument_specs.yml").read_text())
    assert specs["argument_specs"]["main"]["options"]["harden_also_repair"]["choices"] == [*ON_REQUEST, *POSTURE]
    assert not {*ON_REQUEST, *POSTURE} - {check.id for check in CHECKS}


def test_wishes_overrule_remediations() -> None:
    choices = HardeningChoices(daemon_config={"icc": True, "iptables": True})
    found = plan(failed("daemon_config", config={"icc": False}, absent=["iptables"]), choices=choices)
    assert found.modules["daemon_config"] == {"config": {"icc": True, "iptables": True}, "absent": []}


@pytest.mark.parametrize(
    ("in_force", "wanted", "state", "keys", "switches"),
    [
        (True, "keep", "enabled", {"config": {}, "absent": ["userland-proxy"]}, False),
        (True, "keep", "disabled", None, False),
        (False, "keep", "disabled", {"config": {"userland-proxy": False}, "absent": []}, False),
        (None, "keep", "disabled", None, False),
        (True, "disabled", "enabled", {"config": {"userland-proxy": False}, "absent": []}, True),
        (False, "enabled", "disabled", {"config": {}, "absent": ["userland-proxy"]}, True),
    ],
)
def test_docker_proxy_is_switched_by_a_wish_alone(
    in_force: Optional[bool], wanted: str, state: str, keys: Optional[dict[str, Any]], switches: bool
) -> None:
    found = plan(failed("userland_proxy", state=state), choices=HardeningChoices(wanted), proxy=in_force)
    assert found.modules.get("daemon_config") == keys
    assert found.switches_proxy is switches
    assert found.waiting == ({} if keys else {"a.b": f"harden_userland_proxy: {state}"})


def test_a_wish_that_is_met_switches_nothing() -> None:
    assert plan(choices=HardeningChoices("disabled"), proxy=True) == RepairPlan({})


def test_every_module_that_a_check_may_name_is_run() -> None:
    assert {module for check in CHECKS for module in check.remediated_by} <= set(OPTIONS)


@pytest.mark.parametrize(
    ("finding", "lost"),
    [
        (failed("packet_trace", source="web"), "a.b names the module packet_trace, which is not run"),
        (
            failed("ip_forward", families=["ipv4"], interfaces=["eth0"], window=3),
            "a.b gives interfaces, window to ip_forward, which is not passed on",
        ),
    ],
)
def test_a_remediation_of_which_a_part_would_not_be_run_is_refused(finding: Finding, lost: str) -> None:
    with pytest.raises(LostRemediationError, match=lost):
        plan(finding)
    assert plan(replace(finding, outcome="unknown")).modules == {}


def test_a_file_that_turns_forwarding_on_at_boot_is_written_where_somebody_asks_for_it() -> None:
    judged = [
        replace(failed(None), check=f"forwarding.{name}", outcome=outcome)
        for name, outcome in (("ipv4", "pass"), ("ipv6", "not_applicable"))
    ]
    assert plan(*judged).modules == {}
    asked = HardeningChoices(forwarding_by_file=True)
    assert plan(*judged, choices=asked).modules == {"ip_forward": {"families": ["ipv4"]}}
    # No network leads outside, or its checks were left out.
    assert plan(*judged[1:], choices=asked).modules == {}
    assert plan(*judged, choices=replace(asked, families=["ipv6"])).modules == {}
