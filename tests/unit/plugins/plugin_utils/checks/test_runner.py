"""Every check answers, whatever could be read, and none passes blindly."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain, to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    OUTCOMES,
    SEVERITIES,
    AppliedWaiver,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener, ProxyProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, RULESET, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import Gap
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import facts, registry
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import judged, sentence_of, summary_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import MEANINGS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import (
    CHECKS,
    OF_EVERY_AUDIT,
    UnknownCheckError,
    describe,
    matching,
    select,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import Verdict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView

from tests.unit.synthetic_host import HOST_NETNS, SOURCES, SyntheticHost


def outcomes(host: SyntheticHost, **settings: object) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for finding in run_checks(AuditContext(host.snapshot(), Settings(**settings))):  # type: ignore[arg-type]
        found.setdefault(finding.check, set()).add(finding.outcome)
    return found


def troubled() -> SyntheticHost:
    host = SyntheticHost().daemon_json(b'{"userland-proxy": true, "mtu": "x"}')
    host.sysctls["net.ipv4.conf.eth0.forwarding"] = "0"
    host.container("web", publish=("0.0.0.0|80|80/tcp",), hairpin=True)
    host.container("lonely", networks=(), mode="none")
    return host.container("old", networks=("bridge",), mode="host")


def test_a_healthy_host_fails_nothing_and_leaves_nothing_unknown() -> None:
    host = SyntheticHost(proxy=False).daemon_json(b'{"userland-proxy": false, "live-restore": true}')
    host.container("web", publish=("192.0.2.10|8080|80/tcp",))
    found = outcomes(host, userland_proxy="disabled")
    assert set(found) == {check.id for check in OF_EVERY_AUDIT}
    # It has no rules to speak of: checks that read them are tried on hosts of their own.
    plain = [found[check.id] for check in OF_EVERY_AUDIT if RULESET not in check.needs]
    assert set().union(*plain) == {"pass", "not_applicable"}


@pytest.mark.parametrize("host", [SyntheticHost(), SyntheticHost(proxy=False), troubled()])
def test_every_check_has_at_least_one_finding_with_all_its_parts(host: SyntheticHost) -> None:
    findings = run_checks(AuditContext(host.snapshot(), Settings()))
    assert [check.id for check in OF_EVERY_AUDIT] == list(dict.fromkeys(item.check for item in findings))
    for finding in findings:
        assert finding.outcome in OUTCOMES
        assert finding.severity in SEVERITIES
        assert finding.summary
        assert "\n" not in finding.summary
        if finding.outcome == "fail":
            assert finding.evidence or finding.resource.published
            assert finding.impact
            assert finding.remediation is not None
        assert from_plain(Finding, to_plain(finding)) == finding


def test_a_finding_is_known_by_its_check_and_resource() -> None:
    findings = run_checks(AuditContext(troubled().snapshot(), Settings()))
    keys = [(item.check, item.resource) for item in findings]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("source", [source for source in SOURCES if source != ENGINE])
def test_a_check_without_a_source_that_it_needs_is_unknown_with_the_reason(source: str) -> None:
    host = SyntheticHost().unread(source, reason="the reader's words")
    findings = {item.check: item for item in run_checks(AuditContext(host.snapshot(), Settings()))}
    for check in OF_EVERY_AUDIT:
        if source in check.needs:
            assert findings[check.id].outcome == "unknown"
            assert "the reader's words" in findings[check.id].summary


def test_what_could_not_be_read_at_all_is_one_unknown() -> None:
    host = troubled().unread(*SOURCES)
    assert outcomes(host, userland_proxy="disabled") == {"audit.engine": {"unknown"}}


def test_a_stopped_engine_leaves_its_configuration_to_be_judged() -> None:
    host = SyntheticHost().daemon_json(b'{"mtu": "x"}').unread("engine", kind="stopped", reason="dockerd does not run")
    found = outcomes(host)
    assert found["daemon.config"] == {"fail"}
    assert found["audit.engine"] == {"unknown"}
    assert "forwarding.ipv4" not in found


def test_the_kernel_of_a_rootless_engine_is_not_taken_for_the_host_s() -> None:
    """One finding stands for all that is in the engine's own namespace; what it declares is judged."""
    host = SyntheticHost(engine={"rootless": True})
    found = outcomes(host)
    assert found["audit.engine"] == {"unknown"}
    assert found["publish.wildcard"] == {"pass"}
    for check in ("forwarding.ipv4", "forwarding.persistent", "hairpin.stale", "daemon.tcp", "conntrack.stale"):
        assert check not in found
    (finding,) = (
        item for item in run_checks(AuditContext(host.snapshot(), Settings())) if item.check == "audit.engine"
    )
    assert "rootless" in finding.summary
    assert finding.remediation is not None
    assert finding.evidence["checks not evaluated"] == len(OF_EVERY_AUDIT) - len(found) + 1


@pytest.mark.parametrize(
    ("engine", "said"), [({"rootless": True}, "the engine runs rootless"), ({"flavor": "podman"}, "networks were not")]
)
def test_no_packet_is_followed_through_networks_that_were_not_read(engine: dict[str, Any], said: str) -> None:
    host = SyntheticHost(engine=engine).container("web", publish=("0.0.0.0|80|80/tcp",))
    context = AuditContext(host.snapshot(), Settings())
    assert said in " ".join(context.matrix.problems)


def test_what_a_rootless_engine_declares_may_be_unknown_for_reasons_of_its_own() -> None:
    host = SyntheticHost(engine={"rootless": True})
    host.version = "dev"
    context = AuditContext(host.snapshot(), Settings(checks=("daemon.config",)))
    assert [item.check for item in run_checks(context)] == ["daemon.config"]


def test_what_host_means_for_a_rootless_engine_is_known_where_dockerd_is_there_itself() -> None:
    """The links of the host are not read where dockerd is in a namespace of its own, and are where that is detached."""
    host = SyntheticHost(engine={"rootless": True}).container("web")
    assert "mode.host" not in outcomes(host)
    host.unread("links", reason="dockerd (process 700) is in a network namespace of its own")
    assert outcomes(host)["mode.host"] == {"unknown"}
    attached = host.unread("links").container("agent", networks=(), mode="host", netns=HOST_NETNS)
    findings = run_checks(AuditContext(attached.snapshot(), Settings(checks=("mode.host",))))
    assert {item.resource.name: item.outcome for item in findings} == {"web": "unknown", "agent": "fail"}


def test_a_saved_snapshot_gives_the_same_findings() -> None:
    snapshot = troubled().snapshot()
    again = load_snapshot(snapshot.to_json())
    assert run_checks(AuditContext(again, Settings())) == run_checks(AuditContext(snapshot, Settings()))


def test_checks_are_chosen_by_patterns_in_the_order_of_the_registry() -> None:
    assert [check.id for check in select(("proxy.*", "forwarding.ipv4"))] == [
        "forwarding.ipv4",
        "proxy.enabled",
        "proxy.pending",
        "proxy.orphan",
        "proxy.missing",
        "proxy.memory",
    ]
    for patterns in [("forwarding.*", "hairpins.*"), ()]:
        with pytest.raises(UnknownCheckError, match=r"There are: forwarding\.ipv4, "):
            select(patterns)
    with pytest.raises(UnknownCheckError, match=r"'hairpins\.\*'"):
        select(("forwarding.*", "hairpins.*"))


@pytest.mark.parametrize(
    ("patterns", "exclude", "within", "why"),
    [
        (("contract.*",), (), ("*",), "those that judge by a contract take the option contract"),
        (("contract.*", "proxy.*"), ("proxy.*",), ("*",), "those that judge by a contract take the option contract"),
        (("contract.*", "proxy.*"), (), ("mode.host",), "the profile contains none of them. It contains: mode.host"),
        (("proxy.*",), ("proxy.*",), ("*",), "all selected checks are excluded. There are: forwarding.ipv4, "),
        ((), (), ("*",), "none was selected. There are: forwarding.ipv4, "),
    ],
)
def test_why_no_check_is_left(
    patterns: tuple[str, ...], exclude: tuple[str, ...], within: tuple[str, ...], why: str
) -> None:
    with pytest.raises(UnknownCheckError, match=re.escape(f"no check is left to run: {why}")):
        select(patterns, exclude, within)


def test_checks_of_a_contract_are_chosen_where_there_is_one() -> None:
    assert {check.id for check in select(("contract.*",), has_contract=True)}.isdisjoint(
        check.id for check in select(("*",))
    )


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("firwall.*", "firewall.*"),
        ("modes.*", "mode.*"),
        ("firwall", "firewall.*"),
        ("firewall", "firewall.*"),
        ("firewall.egres", "firewall.egress"),
        ("firwall.publish", "firewall.publish"),
        ("mode.hots", "mode.host"),
        ("proxy.mem?", "proxy.memory"),
    ],
)
def test_a_pattern_that_matches_nothing_gets_the_one_that_was_meant(given: str, meant: str) -> None:
    with pytest.raises(UnknownCheckError, match=re.escape(f"no check matches {given!r} (did you mean {meant!r}?). ")):
        matching(given)


def test_nothing_is_proposed_for_what_is_like_no_check() -> None:
    with pytest.raises(UnknownCheckError, match=r"matches 'zzz'\. There are: "):
        matching("zzz")


def test_ids_are_unique_and_metadata_is_complete() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        area, dot, name = check.id.partition(".")
        assert all((area, dot, name))
        assert check.severity in SEVERITIES
        assert all(grade.meaning in MEANINGS and grade.why for grade in check.grades)
        assert set(check.needs) <= set(SOURCES)
        assert all(describe(check)[part] for part in ("id", "severity", "title"))
        assert check.rationale


def test_counts_and_words_agree() -> None:
    host = troubled().unread("boot", reason="no permission")
    findings = run_checks(AuditContext(host.snapshot(), Settings()))
    counts = summary_of(findings)
    assert sum(counts[outcome] for outcome in OUTCOMES) == len(findings)
    assert counts["waived"] == 0
    assert sum(counts["by_severity"].values()) == counts["fail"]
    sentence = sentence_of(findings, 49, 0, ["no permission", "no permission"])
    assert f"{counts['fail']} failed (" in sentence
    assert sentence.endswith("Not read: no permission")
    assert re.findall(r"(\d+) (\w+)", sentence_of([], 0, 0, [])) == [
        ("0", "checks"),
        ("0", "failed"),
        ("0", "unknown"),
        ("0", "passed"),
        ("0", "not"),
    ]


def test_what_is_waived_is_counted_as_that_alone() -> None:
    findings = run_checks(AuditContext(troubled().snapshot(), Settings()))
    before = summary_of(findings)
    number = next(place for place, item in enumerate(findings) if item.outcome == "fail")
    findings[number] = replace(findings[number], waiver=AppliedWaiver("known", "me", "2999-12-31"))
    after = summary_of(findings)
    assert (after["waived"], after["fail"]) == (1, before["fail"] - 1)
    assert sum(after["by_severity"].values()) == after["fail"]
    assert ", 1 waived, " in sentence_of(findings, 49, 0, [])


def with_another_docker_proxy(snapshot: HostSnapshot) -> HostSnapshot:
    """One as of a container that ended, and none for those that run."""
    left = ProxyProcess(9, snapshot.proxies[0].ppid, "tcp", "192.0.2.10", 99, "172.17.0.9", 80)
    return replace(snapshot, proxies=[left], listeners=[Listener("tcp", "192.0.2.10", 99, pid=9)])


def test_on_a_restless_host_who_moved_and_what_is_left_over_is_not_blamed() -> None:
    host = SyntheticHost(proxy=True)
    host.container("web", publish=("0.0.0.0|80|80/tcp",)).container("brief", publish=("0.0.0.0|81|80/tcp",))
    still = with_another_docker_proxy(host.snapshot())
    moving = [replace(item, netns=None) if item.name == "brief" else item for item in still.containers]
    restless = replace(still, containers=moving, container_churn="containers came and went")
    findings = run_checks(AuditContext(restless, Settings()))
    failures = {(item.check, item.resource.name) for item in findings if item.outcome == "fail"}
    assert ("proxy.missing", "web:80/tcp") in failures
    # The engine alone says where a port is published.
    assert ("publish.wildcard", "brief:80/tcp") in failures
    (orphan,) = (item for item in findings if item.check == "proxy.orphan")
    assert orphan.outcome == "unknown"
    assert restless.container_churn in orphan.summary
    assert "docker-proxy (process 9)" in orphan.summary
    assert orphan.remediation is None
    assert ("proxy.orphan", orphan.resource.name) in {
        (item.check, item.resource.name)
        for item in run_checks(AuditContext(replace(restless, container_churn=""), Settings()))
        if item.outcome == "fail"
    }


@pytest.mark.parametrize("error", [ZeroDivisionError, MemoryError, RecursionError, AttributeError, ValueError])
def test_an_error_in_a_check_leaves_that_check_unknown_and_is_told(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(dummy: AuditContext) -> list[Verdict]:
        raise error("https://me:hush@192.0.2.1/ \x1b[31m" + "x" * 5000)

    whole = run_checks(AuditContext(troubled().snapshot(), Settings()))
    checks = [replace(item, judge=broken) if item.id == "publish.wildcard" else item for item in CHECKS]
    monkeypatch.setattr(registry, "CHECKS", tuple(checks))
    result = judged(AuditContext(troubled().snapshot(), Settings()), "none")
    (hurt,) = (item for item in result["findings"] if item.check == "publish.wildcard")
    assert hurt.outcome == "unknown"
    assert "a defect of dockernet.baseline" in hurt.summary
    others = [item for item in result["findings"] if item.check != "publish.wildcard"]
    assert others == [item for item in whole if item.check != "publish.wildcard"]
    (defect,) = result["defects"]
    assert defect["parts"] == ["check publish.wildcard"]
    assert re.fullmatch(r"plugin_utils/checks/context\.py:\d+|plugin_utils/checks/runner\.py:\d+", defect["place"])
    assert defect["error"].startswith(f"{error.__name__}: https://********@192.0.2.1/ \\x1b[31mxxx")
    assert len(defect["error"]) < 200


def test_an_error_that_hurts_many_parts_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(dummy: object) -> HostView:
        raise KeyError("peer")

    monkeypatch.setattr(HostView, "of", broken)
    monkeypatch.setitem(facts._TOPICS, "proxy", broken)
    result = judged(AuditContext(SyntheticHost().container("web").snapshot(), Settings()), "summary")
    following, facing = sorted(result["defects"], key=lambda item: str(item["parts"]))
    assert {"check firewall.egress", "check firewall.isolation", "reachability"} <= set(following["parts"])
    assert facing["parts"] == ["facts about proxy"]
    assert result["facts"]["proxy"] is None
    assert result["facts"]["networks"]
    (problem,) = result["reachability"]["problems"]
    assert problem.startswith("a defect of dockernet.baseline")
    assert problem.endswith(f": {following['error']} at {following['place']}")


def test_a_container_that_was_not_read_costs_no_other_one_its_verdict() -> None:
    host = SyntheticHost(proxy=False)
    host.container("web", publish=("0.0.0.0|80|80/tcp",), hairpin=False).container("odd").container("plain")
    gaps = [Gap("container_namespaces", "container", "odd", "its network namespace was not read: too long")]
    whole = {item.check: item for item in run_checks(AuditContext(host.snapshot(), Settings()))}
    snapshot = host.snapshot()
    odd = next(item for item in snapshot.containers if item.name == "odd")
    inner = [item for item in snapshot.container_namespaces if item.inode != odd.netns]
    findings = run_checks(AuditContext(replace(snapshot, container_namespaces=inner, gaps=gaps), Settings()))
    for check in OF_EVERY_AUDIT:
        found = [item for item in findings if item.check == check.id]
        if "container_namespaces" not in check.needs:
            assert {item.outcome for item in found} == {whole[check.id].outcome}
            continue
        assert "pass" not in {item.outcome for item in found}
        unknown = [item for item in found if item.resource.container == "odd"]
        assert [item.outcome for item in unknown] == ["unknown"], check.id
        assert "too long" in unknown[0].summary or whole[check.id].outcome == "unknown"
    assert ("hairpin.missing", "web", "fail") in {(item.check, item.resource.name, item.outcome) for item in findings}


def test_what_is_left_over_can_be_of_a_container_that_was_not_read() -> None:
    host = SyntheticHost(proxy=True).container("web", publish=("0.0.0.0|80|80/tcp",))
    lost = [Gap("engine", "container", "odd", "garbage")]
    findings = run_checks(AuditContext(replace(with_another_docker_proxy(host.snapshot()), gaps=lost), Settings()))
    found = {(item.check, item.resource.name): item for item in findings}
    assert found["proxy.missing", "web:80/tcp"].outcome == "fail"
    orphan = found["proxy.orphan", "192.0.2.10:99/tcp"]
    assert orphan.outcome == "unknown"
    assert "container odd" in orphan.summary


def test_a_lost_network_or_container_is_unknown_by_name_and_dockerd_itself_is_judged() -> None:
    lost = [Gap("engine", "network", "lan", "garbage"), Gap("engine", "container", "odd", "garbage")]
    host = SyntheticHost().container("web")
    findings = run_checks(AuditContext(replace(host.snapshot(), gaps=lost), Settings()))
    found = {(item.check, item.resource.kind, item.resource.name): item.outcome for item in findings}
    assert found["bridge.link", "network", "lan"] == found["bridge.link", "container", "odd"] == "unknown"
    assert ("bridge.link", "host", "lab") not in found
    assert found["daemon.live-restore", "daemon", "dockerd"] != "unknown"


def test_gaps_of_one_thing_are_said_once_however_often_they_come() -> None:
    once = [Gap("engine", "network", "lan", "garbage"), Gap("engine", "container", "odd", "garbage")]
    snapshot = SyntheticHost().container("web").snapshot()
    expected, found = (
        run_checks(AuditContext(replace(snapshot, gaps=gaps), Settings())) for gaps in (once, once * 1000)
    )
    assert found == expected
