"""Waivers, their selectors, and what they match."""

from __future__ import annotations

import datetime
import random
from typing import Any

import jmespath
import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding, Resource
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import WrongValueError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy import waivers
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.waivers import (
    Selector,
    SelectorError,
    WaiverUse,
    apply_waivers,
)

from tests.unit.audits import TODAY, policy_of, waiver

WEB: dict[str, Any] = {
    "kind": "port",
    "name": "web:80/tcp",
    "container": "web",
    "image": "nginx:1.29",
    "networks": ["front", "back"],
    "labels": {"team": "shop", "com.example/tier": "edge"},
}


@pytest.mark.parametrize(
    ("text", "selects"),
    [
        ("container == 'web'", True),
        ("'web' == container && kind == 'port'", True),
        ("container == 'web' && kind == 'host'", False),
        ("container == 'db' || labels.team == 'shop'", True),
        ("contains(networks, 'front')", True),
        ("networks[?starts_with(@, 'b')]", True),
        ("networks[?starts_with(@, 'x')]", False),
        ("labels.\"com.example/tier\" == 'edge'", True),
        ("labels.absent", False),
        ("!(labels.absent)", True),
        ("!labels.absent", False),  # the same as (!labels).absent
        ("starts_with(image, 'nginx:')", True),
        ("length(networks)", True),
        ("`0`", True),
        ("''", False),
        ("`[]`", False),
        ("contains(keys(@), 'image')", True),
    ],
)
def test_truth_is_that_of_jmespath(text: str, selects: bool) -> None:
    assert Selector(text).selects(WEB) is selects


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("name = 'web'", 6, "Unknown token '='"),
        ("name == ", 9, "the expression ends too early"),
        ("labels.'team'", 8, "got: literal"),
        ("name ] x", 6, "Unexpected token: ]"),
        ("kind == 'port' && nosuch(name)", 19, "there is no function nosuch()"),
        ("kind == 'port' && contains(name)", 19, "contains() takes 2 arguments, not 1"),
        ("not_null()", 1, "not_null() takes at least 1 arguments, not 0"),
        ("networks[?begins(@, 'x')]", 11, "there is no function begins()"),
    ],
)
def test_what_is_no_jmespath_is_refused_with_its_place(text: str, position: int, words: str) -> None:
    with pytest.raises(SelectorError) as caught:
        Selector(text)
    assert f"at character {position} (marked by >>> in " in str(caught.value)
    assert words in str(caught.value)


def test_what_is_empty_or_endless_is_refused() -> None:
    with pytest.raises(SelectorError, match="it is empty"):
        Selector("")
    with pytest.raises(SelectorError, match="nested too deeply"):
        Selector("(" * 100_000)
    with pytest.raises(SelectorError, match="nested too deeply"):
        Selector(" && ".join(["name"] * 5_000)).selects(WEB)


def test_what_a_function_does_not_take_is_told() -> None:
    with pytest.raises(SelectorError, match="starts_with"):
        Selector("starts_with(labels.absent, 'x')").selects(WEB)


def test_without_jmespath_a_selector_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waivers, "HAS_JMESPATH", False)
    with pytest.raises(SelectorError, match="library jmespath on the controller"):
        Selector("name")


@pytest.mark.parametrize(
    ("text", "demands"),
    [
        ("container == 'web'", (("container",), "web")),
        ("kind != 'port' && 'shop' == labels.team", (("labels", "team"), "shop")),
        ("labels.\"a.b\" == 'x' && contains(name, 'y')", (("labels", "a.b"), "x")),
        ("container == 'web' || container == 'db'", None),
        ("!(container == 'web')", None),
        ("length(networks) == `2`", None),
        ("networks[0] == 'front'", None),
        ("name == container", None),
    ],
)
def test_what_a_selector_demands_is_found(text: str, demands: object) -> None:
    assert Selector(text).demands == demands


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("contains(networks, 'x') && labels.team == 'y'", {"networks", "labels", "team"}),
        ("{a: kind, b: name}.a == 'host'", {"kind", "name", "a"}),
        ("keys(@)", None),
        ("*.team", None),
        ("networks[?@ == 'x']", None),
    ],
)
def test_what_a_selector_reads_is_known(text: str, reads: set[str] | None) -> None:
    assert Selector(text).reads == (None if reads is None else frozenset(reads))


def test_jmespath_gives_the_tree_that_is_relied_on() -> None:
    tree = jmespath.compile("labels.team == 'x' && kind").parsed
    assert tree["type"] == "and_expression"
    assert [child["type"] for child in tree["children"]] == ["comparator", "field"]


WILDCARD = "publish.wildcard"
DAY = ".expires: expected the last day on which it holds, as YYYY-MM-DD, found"
HOST_MODE = "mode.host"


def finding(check: str, name: str, outcome: str = "fail", **resource: Any) -> Finding:
    return Finding(check, outcome, "medium", Resource("port", name, **resource), f"{name} is so")


FINDINGS = [
    finding(WILDCARD, "web:80/tcp", container="web", networks=["front"], labels={"team": "shop"}),
    finding(WILDCARD, "api:80/tcp", container="api", networks=["front", "back"], labels={"team": "shop"}),
    finding(WILDCARD, "db:5432/tcp", container="db", networks=["back"]),
    finding(HOST_MODE, "agent", container="agent", labels={"team": "ops"}),
    finding("proxy.enabled", "lab", "pass"),
    finding("daemon.config", "dockerd", "unknown"),
]


def applied(*waivers: dict[str, Any], findings: list[Finding] | None = None) -> tuple[list[str], list[WaiverUse]]:
    """Names of the resources of waived findings, and what became of the waivers."""
    chosen = FINDINGS if findings is None else findings
    result, uses = apply_waivers(chosen, policy_of(waivers=list(waivers)).waivers, "edge1", TODAY)
    assert [item.summary for item in result] == [item.summary for item in chosen]
    assert [item.outcome for item in result] == [item.outcome for item in chosen]
    return [item.resource.name for item in result if item.waiver], uses


def states(uses: list[WaiverUse]) -> list[tuple[str, int]]:
    return [(use.state, use.findings) for use in uses]


def test_a_waiver_covers_what_its_check_and_selector_say() -> None:
    names, uses = applied(waiver(check=WILDCARD, selector="labels.team == 'shop' && contains(networks, 'back')"))
    assert names == ["api:80/tcp"]
    assert states(uses) == [("applied", 1)]


def test_without_a_selector_it_covers_every_resource_of_its_checks() -> None:
    assert applied(waiver(check="publish.*"))[0] == ["web:80/tcp", "api:80/tcp", "db:5432/tcp"]
    assert applied(waiver(check="*"))[0] == ["web:80/tcp", "api:80/tcp", "db:5432/tcp", "agent"]


def test_only_what_failed_is_waived() -> None:
    names, uses = applied(waiver(check="proxy.enabled"), waiver(check="daemon.config"))
    assert names == []
    assert states(uses) == [("unused", 0), ("unused", 0)]


def test_the_finding_shows_who_decided_and_why() -> None:
    entry = waiver(check=HOST_MODE, reason="needs it", owner="ops@example.com", expires="2027-01-31")
    result, dummy = apply_waivers(FINDINGS, policy_of(waivers=[entry]).waivers, "edge1", TODAY)
    assert to_plain(result[3].waiver) == {"reason": "needs it", "owner": "ops@example.com", "expires": "2027-01-31"}
    assert result[3].outcome == "fail"


@pytest.mark.parametrize(
    ("hosts", "holds"),
    [(["*"], True), (["edge1"], True), (["db*", "edge?"], True), (["edge"], False), (["EDGE1"], False)],
)
def test_a_waiver_holds_on_the_hosts_that_it_names(hosts: list[str], holds: bool) -> None:
    names, uses = applied(waiver(check=HOST_MODE, hosts=hosts))
    assert names == (["agent"] if holds else [])
    assert states(uses) == [("applied", 1) if holds else ("unused", 0)]
    assert uses[0].hosts == hosts


@pytest.mark.parametrize(
    ("selector", "refused"),
    [
        ("labels.team == 'shop'", "labels"),
        ("container == 'web' || starts_with(labels.team, 'sh')", "labels"),
        ("image == 'nginx' && labels.team == 'shop'", "labels and image"),
        ("values(@)", "labels and image"),
        ("contains(values(@), 'web')", "labels and image"),
        ("*", "labels and image"),
        ("container == 'web'", ""),
        ("contains(published, '192.0.2.1:80/tcp')", ""),
        (None, ""),
    ],
)
def test_waivers_by_what_starters_of_containers_set_can_be_refused(selector: str | None, refused: str) -> None:
    entry = waiver(check=WILDCARD, selector=selector)
    policy = policy_of(waivers=[entry], refuse_waivers_by=["labels", "image"])
    result, uses = apply_waivers(FINDINGS, policy.waivers, "edge1", TODAY)
    assert (uses[0].state == "refused") == bool(refused)
    if refused:
        assert not [item for item in result if item.waiver]
        assert uses[0].problem.startswith(f"it chooses by {refused}, ")


def test_a_refused_waiver_does_not_hide_one_that_is_bound_to_the_host() -> None:
    entries = [waiver(selector="labels.team == 'shop'", owner="first"), waiver(selector="name == 'web:80/tcp'")]
    policy = policy_of(waivers=entries, refuse_waivers_by=["labels"])
    result, uses = apply_waivers(FINDINGS, policy.waivers, "edge1", TODAY)
    assert [item.resource.name for item in result if item.waiver] == ["web:80/tcp"]
    assert states(uses) == [("refused", 2), ("applied", 1)]


@pytest.mark.parametrize(
    ("expires", "state", "waived"),
    [("2026-11-24", "expired", 0), ("2026-11-25", "applied", 3), ("2999-12-31", "applied", 3)],
)
def test_a_waiver_holds_on_its_last_day_and_not_after(expires: str, state: str, waived: int) -> None:
    names, uses = applied(waiver(check=WILDCARD, expires=expires))
    assert len(names) == waived
    assert states(uses) == [(state, 3)]


def test_an_expired_waiver_does_not_hide_one_that_holds() -> None:
    names, uses = applied(waiver(check=WILDCARD, expires="2020-01-01"), waiver(selector="container == 'web'"))
    assert names == ["web:80/tcp"]
    assert states(uses) == [("expired", 3), ("applied", 1)]


def test_each_waiver_counts_what_it_is_about_and_the_first_is_shown() -> None:
    entries = [waiver(check=WILDCARD, owner="first"), waiver(selector="container == 'web'", owner="second")]
    result, uses = apply_waivers(FINDINGS, policy_of(waivers=entries).waivers, "edge1", TODAY)
    assert result[0].waiver is not None
    assert result[0].waiver.owner == "first"
    assert states(uses) == [("applied", 3), ("applied", 1)]


def test_one_that_matches_nothing_is_told_with_what_kept_it_from_matching() -> None:
    dummy, uses = applied(
        waiver(check=WILDCARD, selector="container == 'shop'"),
        waiver(check=WILDCARD, selector="starts_with(labels.owner, 'x')"),
        waiver(check=WILDCARD, selector="starts_with(labels.team, 'sh')"),
    )
    assert states(uses) == [("unused", 0), ("unused", 0), ("applied", 2)]
    assert uses[0].problem == ""
    assert "starts_with" in uses[1].problem
    assert uses[2].problem == "", "a resource without that label is no problem where others have it"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"check": "publish.wildcards"},
            "",
        ),
        (
            {"selector": "name = 'x'"},
            ".selector: it is no JMESPath, at character 6 (marked by >>> in",
        ),
        ({"selector": ""}, ".selector: it is empty"),
        ({"reason": " "}, ".reason: it is empty"),
        ({"owner": ""}, ".owner: it is empty"),
        ({"hosts": []}, ".hosts: it is empty"),
        ({"hosts": ["a", " "]}, ".hosts[1]: it is empty"),
        (
            {"expires": "31.12.2026"},
            f"{DAY} '31.12.2026'",
        ),
        (
            {"expires": "2026-02-30"},
            f"{DAY} '2026-02-30'",
        ),
        ({"expires": "20261231"}, f"{DAY} '20261231'"),
    ],
)
def test_what_is_no_waiver_is_named_with_its_place(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(WrongValueError) as caught:
        policy_of(waivers=[waiver(), waiver(**changes)])
    assert str(caught.value).startswith(f"waivers[1]{message}")


SELECTORS = (
    None,
    "container == 'c7'",
    "labels.team == 't3'",
    "labels.team == 't3' && contains(networks, 'n2')",
    "contains(networks, 'n1') || kind == 'host'",
    "starts_with(name, 'c1')",
    "starts_with(labels.team, 't')",
    "kind == 'port' && !(labels.team)",
    "networks[?@ == 'n3']",
    "length(keys(labels)) == `2`",
    "image == container",
    "labels.team == 't3' && labels.tier == 'edge'",
    "name == 'c1' || name == 'c2'",
    "[name, container] == ['c1', 'c1']",
)


def random_finding(dice: random.Random) -> Finding:
    number = dice.randrange(30)
    labels = dice.choice(({}, {"team": f"t{dice.randrange(5)}"}, {"team": f"t{dice.randrange(5)}", "tier": "edge"}))
    return finding(
        dice.choice(CHECKS).id,
        f"c{number}",
        dice.choice(("fail", "fail", "fail", "pass", "unknown")),
        container=dice.choice((f"c{number}", "")),
        image=dice.choice((f"c{number}", "nginx")),
        networks=[f"n{dice.randrange(4)}" for dummy in range(dice.randrange(3))],
        labels=labels,
    )


def plainly(text: str | None, resource: dict[str, Any]) -> bool:
    """What jmespath says, asked about each resource."""
    try:
        found = True if text is None else jmespath.search(text, resource)
    except jmespath.exceptions.JMESPathError:
        return False
    return found not in (None, False, "", [], {})


@pytest.mark.parametrize("seed", range(40))
def test_shortcuts_choose_what_jmespath_chooses(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    findings = [random_finding(dice) for dummy in range(60)]
    patterns = ["*", "publish.*", "mode.*", WILDCARD, "daemon.config"]
    entries = [waiver(check=dice.choice(patterns), selector=dice.choice(SELECTORS)) for dummy in range(10)]
    policy = policy_of(waivers=entries)
    dummy_result, uses = apply_waivers(findings, policy.waivers, "edge1", TODAY)
    for entry, one, use in zip(entries, policy.waivers, uses):
        wanted = [
            item
            for item in findings
            if item.outcome == "fail"
            and item.check in one.ids
            and plainly(entry.get("selector"), dict(vars(item.resource)))
        ]
        assert use.findings == len(wanted), entry


def test_a_date_that_yaml_made_is_a_date() -> None:
    assert policy_of(waivers=[waiver(expires=datetime.date(2026, 12, 31))]).waivers[0].decision.expires == "2026-12-31"


@pytest.mark.parametrize("selector", ["labels.team == 'shop'", "!(labels.team)", "labels.team != 'x'", "*"])
def test_a_waiver_by_what_is_kept_back_covers_nothing(selector: str) -> None:
    policy = policy_of(waivers=[waiver(check=WILDCARD, selector=selector), waiver(selector="container == 'web'")])
    result, uses = apply_waivers(FINDINGS, policy.waivers, "edge1", TODAY, ["labels"])
    assert [item.resource.name for item in result if item.waiver] == ["web:80/tcp"]
    assert uses[0].state == "unused"
    assert uses[0].problem.startswith("it chooses by labels, ")
