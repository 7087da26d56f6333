"""The document of an audit: of the shape that its schema says, and the same from a saved snapshot."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import OF_EVERY_AUDIT
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import (
    KEYS,
    document_of,
    plain_finding,
)
from jsonschema import Draft202012Validator

from tests.unit.audits import SCHEMA, audit_of, problems, result_of, waiver
from tests.unit.random_docker_host import random_docker_host
from tests.unit.recorded_host import NAMES, recorded_host
from tests.unit.synthetic_host import HOST_NETNS, SOURCES, SyntheticHost

WAIVERS = [
    waiver(check="publish.*", selector="container == 'web'"),
    waiver(check="mode.*", expires="2020-01-01"),
    waiver(check="proxy.*", selector="starts_with(labels.absent, 'x')"),
]


def busy() -> SyntheticHost:
    host = SyntheticHost().network("vault", "10.88.3.0/24", internal=True)
    host.container("web", publish=("0.0.0.0|8080|80/tcp", "::|8080|80/tcp"))
    host.container("agent", networks=(), mode="host", netns=HOST_NETNS, nsid=None)
    return host.container("gone", pid=None, netns=None, nsid=None)


def hosts() -> Iterator[tuple[str, HostSnapshot]]:
    yield "busy", busy().snapshot()
    yield "blind", busy().unread(*SOURCES).snapshot()
    yield "no engine", busy().unread("engine", kind="absent", reason="no Docker Engine here").snapshot()
    for name in NAMES:
        yield name, recorded_host(name)
    for seed in range(6):
        yield f"seed {seed}", random_docker_host(seed).snapshot()


HOSTS = dict(hosts())


@pytest.mark.parametrize("name", HOSTS)
def test_a_document_is_as_its_schema_says(name: str) -> None:
    document = audit_of(HOSTS[name], detail="full", profile="strict", waivers=WAIVERS)
    assert tuple(document) == KEYS
    assert problems(document) == []


def test_it_is_so_with_defects(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(dummy: object) -> HostView:
        raise KeyError("peer")

    monkeypatch.setattr(HostView, "of", broken)
    document = audit_of(HOSTS["busy"])
    assert document["defects"]
    assert problems(document) == []


@pytest.mark.parametrize("detail", ["none", "summary"])
def test_it_is_so_without_all_of_reachability(detail: str) -> None:
    assert problems(audit_of(HOSTS["busy"], detail=detail)) == []


@pytest.mark.parametrize("place", ["", "host", "findings", "summary", "policy", "checks"])
def test_the_schema_allows_nothing_besides(place: str) -> None:
    document = audit_of(HOSTS["busy"])
    target = document[place] if place else document
    (target[0] if isinstance(target, list) else target)["more"] = 1
    assert problems(document) != []


@pytest.mark.parametrize("key", KEYS)
def test_the_schema_misses_what_is_left_out(key: str) -> None:
    document = audit_of(HOSTS["busy"])
    del document[key]
    assert problems(document) != []


def test_a_host_that_could_not_be_audited_has_a_document_too() -> None:
    whole = Draft202012Validator(json.loads(SCHEMA.read_text()))
    document = {
        "document": {"name": "dockernet.baseline.audit", "version": 3},
        "host": {"inventory_name": "alpha"},
        "error": {"kind": "unreachable", "reason": "no route to host"},
        "findings": [],
    }
    assert whole.is_valid(document)
    assert whole.is_valid(audit_of(HOSTS["busy"]))
    assert not whole.is_valid({**document, "findings": audit_of(HOSTS["busy"])["findings"]})


def without_timings(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "timings"}


@pytest.mark.parametrize("name", HOSTS)
def test_a_saved_snapshot_gives_the_same_document(name: str) -> None:
    there = HOSTS[name]
    here = load_snapshot(there.to_json())
    assert here == there
    documents = [audit_of(snapshot, detail="full", waivers=WAIVERS) for snapshot in (there, here)]
    assert json.dumps(without_timings(documents[0])) == json.dumps(without_timings(documents[1]))
    assert documents[0]["timings"]["sources"] == documents[1]["timings"]["sources"]


@pytest.mark.parametrize("name", HOSTS)
def test_the_order_of_keys_in_a_saved_snapshot_says_nothing(name: str) -> None:
    there = HOSTS[name]
    here = load_snapshot(json.dumps(json.loads(there.to_json()), sort_keys=True))
    results = [result_of(snapshot, waivers=WAIVERS) for snapshot in (there, here)]
    assert without_timings(results[0]) == without_timings(results[1])


def test_counts_add_up_with_what_is_waived() -> None:
    document = audit_of(HOSTS["busy"], waivers=WAIVERS)
    summary = document["summary"]
    parts = ("pass", "fail", "unknown", "not_applicable", "waived")
    assert sum(summary[part] for part in parts) == len(document["findings"])
    assert summary["waived"] == sum("waiver" in item for item in document["findings"]) >= 1
    assert summary["expired"] == 1
    assert sum(summary["by_severity"].values()) == summary["fail"]
    assert [use["state"] for use in document["waivers"]] == ["applied", "expired", "unused"]


@pytest.mark.parametrize("facts", ["none", "summary"])
def test_it_is_so_without_all_facts(facts: str) -> None:
    assert [problems(audit_of(host, facts=facts)) for host in HOSTS.values()] == [[]] * len(HOSTS)


def test_what_is_empty_is_left_out_of_findings() -> None:
    document = audit_of(HOSTS["busy"])
    for finding in document["findings"]:
        assert all(value for key, value in finding.items() if key != "summary")
        assert all(value for key, value in finding["resource"].items() if key != "name")
        # It says the same.
        assert plain_finding(from_plain(Finding, finding)) == finding
    failed = next(item for item in document["findings"] if item["outcome"] == "fail")
    assert set(failed) >= {"impact", "remediation"}


@pytest.mark.parametrize(("benchmark", "number"), [("1.8.0", "2.17"), ("1.7.0", "2.16"), ("1.6.0", "2.16")])
def test_findings_have_the_number_of_their_item_in_the_version_asked_for(benchmark: str, number: str) -> None:
    for profile in ("default", "cis", "strict"):
        document = audit_of(HOSTS["busy"], profile=profile, cis_benchmark=benchmark)
        numbers = {finding["check"]: finding.get("cis") for finding in document["findings"]}
        assert numbers["proxy.enabled"] == number
        assert numbers["hairpin.missing"] is None
        assert document["policy"]["cis_benchmark"] == benchmark
        assert [check["id"] for check in document["checks"]] == list(numbers)


def test_another_severity_leaves_its_trace() -> None:
    document = audit_of(HOSTS["busy"], severities={"publish.wildcard": "high"})
    for finding in document["findings"]:
        traced = finding["check"] == "publish.wildcard"
        assert finding.get("default_severity") == ("low" if traced else None)
        assert not traced or finding["severity"] == "high"
    (check,) = (item for item in document["checks"] if item["id"] == "publish.wildcard")
    assert (check["severity"], check["default_severity"]) == ("high", "low")
    assert document["policy"]["severities"] == {"publish.wildcard": "high"}


def test_checks_are_those_that_were_run() -> None:
    document = audit_of(HOSTS["busy"], checks=["mode.*", "proxy.*"], exclude=["proxy.memory"])
    ran = [item["id"] for item in document["checks"]]
    assert ran == [
        item.id for item in OF_EVERY_AUDIT if item.id.startswith(("mode.", "proxy.")) and item.id != "proxy.memory"
    ]
    assert {item["check"] for item in document["findings"]} == set(ran)


def test_the_message_counts_or_says_that_there_is_no_engine() -> None:
    assert result_of(HOSTS["busy"])["msg"].startswith(f"{len(OF_EVERY_AUDIT)} checks: ")
    assert result_of(HOSTS["no engine"])["msg"].startswith("no Docker Engine here")
    stopped = result_of(busy().unread("engine", kind="stopped", reason="dockerd does not run").snapshot())
    (counted,) = re.findall(r"^(\d+) checks, (\d+) not evaluated: ", stopped["msg"])
    assert (int(counted[0]), int(counted[1])) == (len(OF_EVERY_AUDIT), len(stopped["not_evaluated"]))
    unread = replace(HOSTS["busy"], sources={**HOSTS["busy"].sources, "boot": HOSTS["blind"].sources["boot"]})
    assert result_of(unread)["msg"].endswith("Not read: run with become")


def test_what_is_no_audit_has_no_document() -> None:
    with pytest.raises(KeyError):
        document_of({"changed": True, "snapshot_path": "/x"})
