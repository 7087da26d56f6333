"""What the caller wants is held against the catalogue before anything is asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    HIGH,
    INFO,
    LOW,
    MEDIUM,
    SEVERITIES,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.parameters import (
    read_parameters,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import (
    CIS_BENCHMARKS,
    DISABLED,
    KEEP,
    WrongValueError,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import PROFILES as NAMES
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.policy import PROFILES

from tests.unit.audits import policy_of

SEVERITY = {check.id: check.severity for check in CHECKS}


def test_the_default_profile_changes_nothing() -> None:
    policy = policy_of()
    assert (policy.profile, policy.userland_proxy) == ("default", KEEP)
    assert not policy.severities
    assert not policy.parameters


def test_profiles_are_those_of_the_option_and_name_what_there_is() -> None:
    assert tuple(PROFILES) == NAMES
    for profile in PROFILES.values():
        assert set(profile.severities) <= set(SEVERITY)
        assert {profile.least_for_items, *profile.severities.values()} <= set(SEVERITIES)
        assert read_parameters(profile.parameters) == profile.parameters


def test_no_item_of_the_benchmark_counts_for_less_than_medium_under_cis() -> None:
    policy = policy_of(profile="cis")
    for check in CHECKS:
        if check.cis:
            assert {policy.severity(check.id, grade.severity) for grade in check.grades} <= {HIGH, MEDIUM}, check.id


def test_a_finding_that_counts_for_more_than_its_check_keeps_that_under_cis() -> None:
    policy = policy_of(profile="cis")
    assert [policy.severity("network.icc", own) for own in (HIGH, MEDIUM, INFO)] == [HIGH, MEDIUM, MEDIUM]
    assert policy.severity("hairpin.stale", LOW) == LOW
    assert policy.changed_severities["publish.wildcard"] == MEDIUM
    assert "network.overlap" not in policy.changed_severities


@pytest.mark.parametrize("benchmark", CIS_BENCHMARKS)
def test_cis_has_the_items_of_the_version_and_what_they_depend_on(benchmark: str) -> None:
    policy = policy_of(profile="cis", cis_benchmark=benchmark)
    items = {check.id for check in CHECKS if benchmark in check.cis}
    assert items < set(policy.within)
    assert set(policy.within) - items == {
        "bridge.netfilter",
        "bridge.route-localnet",
        "daemon.config",
        "hairpin.missing",
        "hairpin.stale",
        "proxy.pending",
    }


@pytest.mark.parametrize("profile", ["default", "strict"])
def test_the_others_have_every_check(profile: str) -> None:
    assert set(policy_of(profile=profile).within) == set(SEVERITY)


def test_strict_takes_nothing_for_less_than_cis_does() -> None:
    cis, strict = (policy_of(profile=name) for name in ("cis", "strict"))
    weights = [[policy.severity(check, own) for check, own in SEVERITY.items()] for policy in (cis, strict)]
    assert all(SEVERITIES.index(more) <= SEVERITIES.index(less) for less, more in zip(*weights, strict=True))
    assert weights[0] != weights[1]


def test_what_the_task_says_goes_before_the_profile() -> None:
    policy = policy_of(profile="cis", userland_proxy="keep", severities={"proxy.enabled": LOW})
    assert policy_of(profile="cis").userland_proxy == DISABLED
    assert policy.userland_proxy == KEEP
    assert policy.severity("proxy.enabled", LOW) == LOW
    assert "proxy.enabled" not in policy.changed_severities


def test_parameters_of_the_task_go_before_those_of_the_profile_one_by_one() -> None:
    of_profile = {
        "mode.capabilities": {"forbidden": ["NET_ADMIN", "NET_RAW"]},
        "publish.privileged": {"allowed": []},
    }
    assert policy_of(profile="cis").parameters == of_profile
    given = {**of_profile, "mode.capabilities": {"forbidden": []}, "network.overlap": {"avoid": ["10.0.0.0/8"]}}
    assert policy_of(profile="cis", parameters=given).parameters == given
    assert policy_of(profile="cis", parameters={"mode.capabilities": {}}).parameters == of_profile


def test_an_id_goes_before_a_pattern_and_a_longer_pattern_before_a_shorter_one() -> None:
    given = {"proxy.memory": "medium", "proxy.*": "high", "*": "low", "*.enabled": "info"}
    for order in (given, dict(reversed(list(given.items())))):
        severities = {**SEVERITY, **policy_of(severities=order).severities}
        assert severities["proxy.memory"] == "medium"
        assert severities["proxy.pending"] == "high"
        assert severities["proxy.enabled"] == "info"
        assert severities["mode.host"] == "low"


@pytest.mark.parametrize(
    ("given", "place", "words"),
    [
        ({"checks": ["mode.*", "modes.*"]}, "checks[1]: ", "no check matches 'modes.*'"),
        ({"checks": ["forwarding.persistence"]}, "checks[0]: ", "did you mean 'forwarding.persistent'?"),
        ({"checks": []}, "checks: ", "none was selected"),
        ({"exclude": ["nothing"]}, "exclude[0]: ", "'nothing'"),
        ({"exclude": ["*"]}, "checks: ", "all selected checks are excluded"),
        (
            {"profile": "cis", "checks": ["conntrack.*"]},
            "checks: ",
            "the profile contains none of them. It contains: bridge.net",
        ),
        ({"severities": {"mode.hots": "low"}}, "severities['mode.hots']: ", "did you mean"),
        ({"severities": {"mode.*": "grave"}}, "severities['mode.*']: ", "'grave' is no severity. There are: high,"),
        ({"severities": {"mode.*": ["low"]}}, "severities['mode.*']: ", "['low'] is no severity"),
        ({"parameters": {"mode.hots": {}}}, "parameters['mode.hots']: ", "no check has the id 'mode.hots'"),
        ({"parameters": {"mode.host": 5}}, "parameters['mode.host']: ", "expected its parameters by name, found 5"),
        ({"parameters": {"mode.host": {"x": 5}}}, "parameters['mode.host']['x']: ", "mode.host has no parameters"),
    ],
)
def test_what_cannot_be_meant_is_named_with_its_place_and_what_is_allowed(
    given: dict[str, Any], place: str, words: str
) -> None:
    with pytest.raises(WrongValueError) as caught:
        policy_of(**given)
    assert str(caught.value).startswith(place)
    assert words in str(caught.value)
