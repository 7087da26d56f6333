# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which engine a host has, and the one finding where it was not asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import DEFECT, KINDS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.platform import STATES, Platform, platform_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import OF_EVERY_AUDIT
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.unit.audits import audit_of
from tests.unit.synthetic_host import SOURCES, SyntheticHost

WSL2 = "5.15.153.1-microsoft-standard-WSL2"


def engine(kernel: str = "6.12.0-amd64", **said: Any) -> Platform:
    return platform_of(replace(SyntheticHost(engine=said).snapshot(), kernel=kernel))


def unasked(kind: str, reason: str = "the reader's words") -> HostSnapshot:
    return SyntheticHost().unread("engine", kind=kind, reason=reason).snapshot()


@pytest.mark.parametrize(
    ("said", "kernel", "flavor", "in_brackets"),
    [
        ({"flavor": "docker"}, "6.12.0-amd64", "docker", ""),
        ({"flavor": "docker", "rootless": True}, "6.12.0-amd64", "docker", " (rootless)"),
        ({"flavor": "snap"}, "6.8.0-45-generic", "snap", " (snap)"),
        ({"flavor": "docker", "operating_system": "Docker Desktop"}, "6.10.4-linuxkit", "desktop", " (Docker Desktop)"),
        ({"flavor": "docker"}, WSL2, "docker", " (WSL2)"),
        ({"flavor": "docker"}, "4.19.128-microsoft-standard", "docker", " (WSL2)"),
        ({"flavor": "docker"}, "6.6.64.2-9.azl3-microsoft", "docker", ""),
        ({"flavor": "docker", "rootless": True}, WSL2, "docker", " (rootless, WSL2)"),
    ],
)
def test_an_engine_that_answers(said: dict[str, Any], kernel: str, flavor: str, in_brackets: str) -> None:
    found = engine(kernel, **said)
    assert (found.state, found.flavor) == ("answers", flavor)
    assert found.label == f"Docker {SyntheticHost().version}{in_brackets}"
    assert bool(found.note) == bool(in_brackets)
    assert (found.rootless, found.wsl2) == ("rootless" in in_brackets, "WSL2" in in_brackets)


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        ("absent", "absent", "no Docker Engine"),
        ("podman", "podman", "Podman"),
        ("desktop", "unreachable", "Docker Desktop"),
        ("stopped", "stopped", "not running"),
        ("denied", "denied", "permission denied"),
        ("error", "unreachable", "not reached"),
        ("deadline", "unread", "not evaluated"),
        ("defect", "unread", "not evaluated"),
    ],
)
def test_an_engine_that_was_not_asked(kind: str, state: str, words: str) -> None:
    found = platform_of(unasked(kind))
    assert (found.state, found.rootless) == (state, False)
    assert words in found.label


def test_every_reason_is_one_of_the_states() -> None:
    assert {platform_of(unasked(kind)).state for kind in (*KINDS, DEFECT)} <= set(STATES)


def test_docker_desktop_is_named_by_the_kind_of_the_source_and_not_by_its_words() -> None:
    found = platform_of(unasked("desktop"))
    assert (found.state, found.flavor) == ("unreachable", "desktop")
    assert "Docker Desktop" in found.label
    assert platform_of(unasked("error", "served by docker-desktop-proxy")).flavor == ""


def test_a_host_of_which_nothing_was_read_says_nothing_of_its_engine() -> None:
    found = platform_of(SyntheticHost().unread(*SOURCES, kind="error", reason="too slow").snapshot())
    assert found.state == "unread"


@pytest.mark.parametrize("kind", ["absent", "podman"])
def test_a_host_without_docker_has_one_finding_that_is_not_applicable(kind: str) -> None:
    (finding,) = run_checks(AuditContext(unasked(kind), Settings()))
    assert (finding.check, finding.outcome, finding.remediation) == ("audit.engine", "not_applicable", None)
    assert finding.summary.startswith("the reader's words: no check applies")
    assert ("manages its own networks" in finding.summary) == (kind == "podman")
    assert finding.evidence["checks not evaluated"] == len(OF_EVERY_AUDIT)


@pytest.mark.parametrize("kind", ["desktop", "stopped", "denied", "error", "deadline", "defect"])
def test_an_engine_that_was_not_asked_is_one_unknown_with_a_remediation(kind: str) -> None:
    document = audit_of(unasked(kind))
    (unknown,) = (item for item in document["findings"] if item["outcome"] == "unknown")
    assert unknown["check"] == "audit.engine"
    assert unknown["summary"] == "Not evaluated: the reader's words"
    assert unknown["remediation"]["text"]
    judged = {item["check"] for item in document["findings"]} - {"audit.engine"}
    assert judged
    assert judged.isdisjoint(document["not_evaluated"])
    assert judged | set(document["not_evaluated"]) == {check.id for check in OF_EVERY_AUDIT}
    assert document["summary"]["unknown"] == 1
    assert unknown["evidence"]


def test_what_the_daemon_json_says_is_judged_without_the_engine() -> None:
    host = SyntheticHost().daemon_json(b'{"mtu": "x"}').unread("engine", kind="stopped", reason="it does not run")
    context = AuditContext(host.snapshot(), Settings(checks=("daemon.config",)))
    assert {(item.check, item.outcome) for item in run_checks(context)} == {("daemon.config", "fail")}
