# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is learned of a host: an audit by it finds nothing, and after a change exactly what that changed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible_collections.dockernet.baseline.plugins.filter.learned_contract import learned_contract
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, UNKNOWN, Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import BEYOND
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, DELIVERED
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    ROUTES,
    HostSnapshot,
    Source,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import judged
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.learned import contract_text, learned_from
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.reader import read_contract
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.compare import compare
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.flows import flows_of

from tests.unit.docker_host import WILDCARD, DockerHost, big_host
from tests.unit.examples import seeds
from tests.unit.random_docker_host import plain_docker_host, random_docker_host
from tests.unit.recorded_host import NAMES, recorded_host

SEEDS = seeds(8, range(24))
CHANGES = 12
"""Changes that are drawn until one matters, at most."""


def learned(snapshot: HostSnapshot) -> dict[str, Any]:
    """The contract of a host, through its file."""
    found = learned_from(snapshot)
    assert found["problem"] == ""
    data: dict[str, Any] = yaml.safe_load(contract_text({"alpha": found["intents"]}))
    return data


def audit(snapshot: HostSnapshot, contract: dict[str, Any], host: str = "alpha") -> list[Finding]:
    context = AuditContext(snapshot, Settings(checks=("contract.*",), contract=read_contract(contract).on(host)))
    findings = run_checks(context)
    assert context.defects == []
    return findings


def failed(findings: Sequence[Finding], check: str) -> list[str]:
    return [item.resource.name for item in findings if item.outcome == FAIL and item.check == f"contract.{check}"]


def reached(snapshot: HostSnapshot) -> set[tuple[str, str]]:
    """Who gets to which port of a container, or out, at one place at least."""
    return {(asking, what) for asking, what, dummy in reached_at(snapshot)}


def reached_at(snapshot: HostSnapshot) -> set[tuple[str, str, str]]:
    """Who gets to which port at which place, by the answers of the matrix."""
    found: set[tuple[str, str, str]] = set()
    for answer in AuditContext(snapshot, Settings()).answers.answers:
        if answer.path.verdict != DELIVERED or answer.instead:
            continue
        if answer.targets.kind == BEYOND:
            names = [item.name for item in answer.namespaces] or [answer.source.kind]
            found |= {(name, "outside", "") for name in names}
        elif answer.source.kind == CONTAINER:
            for namespaces, ports in answer.pairs():
                found |= {
                    (asking.name, port.label, f"{answer.at} {port.address}") for asking in namespaces for port in ports
                    if asking.number != port.namespace.number
                }  # fmt: skip
        else:
            asking = f"{answer.source.kind} {answer.source.uplink}"
            found |= {(asking, port.label, f"{answer.at} {port.address}") for port in answer.ports}
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_host_fulfils_what_was_learned_of_it_in_few_lines(name: str) -> None:
    contract = learned(recorded_host(name))
    findings = audit(recorded_host(name), contract)
    assert {item.outcome for item in findings} == {"pass"}, [item.summary for item in findings]
    assert len(contract["intents"]) <= 6


@pytest.mark.parametrize("seed", SEEDS)
def test_any_host_fulfils_what_was_learned_of_it(seed: int) -> None:
    snapshot = random_docker_host(seed).snapshot()
    wrong = [item.summary for item in audit(snapshot, learned(snapshot)) if item.outcome == FAIL]
    assert wrong == []


def changed(seed: int, dice: random.Random) -> DockerHost:
    """The host of a seed with one rule, or one published port, more."""
    host = plain_docker_host(seed)
    answering = [
        (item, port.port) for item, space in zip(host.containers, host.container_namespaces) for port in space.listeners
    ]
    if answering and dice.random() < 0.25:
        container, port = dice.choice(answering)
        host.publish(container, PublishedPort("tcp", port, WILDCARD, 9999))
        return host
    addresses = [end.address for item in host.containers for end in item.endpoints]
    devices = [bridge.device for bridge in host.networks]
    rule = dice.choice(
        [
            f"-d {dice.choice(addresses)}/32 -j DROP",
            f"-s {dice.choice(addresses)}/32 -j DROP",
            f"-i {dice.choice(devices)} -j ACCEPT",
            f"-i eth0 -o {dice.choice(devices)} -j ACCEPT",
            f"-o {dice.choice(devices)} -j DROP",
            f"-i {dice.choice(devices)} -o eth0 -j DROP",
        ]
    )
    host.own_rules.setdefault(("filter", dice.choice(("DOCKER-USER", "FORWARD"))), []).insert(0, rule)
    return host


def with_consequences(seed: int) -> HostSnapshot:
    """The host of a seed after the first of some changes that matters to a connection; after the last if none does."""
    before = reached(plain_docker_host(seed).snapshot())
    dice = random.Random(seed)  # noqa: S311
    for dummy in range(CHANGES):
        snapshot = changed(seed, dice).snapshot()
        if reached(snapshot) != before:
            break
    return snapshot


@pytest.mark.parametrize("seed", SEEDS)
def test_a_change_is_reported_with_exactly_its_consequences(seed: int) -> None:
    before, after = plain_docker_host(seed).snapshot(), with_consequences(seed)
    contract = learned(before)
    findings = audit(after, contract)
    then, now = reached(before), reached(after)
    new = {asking if what == "outside" else what for asking, what in now - then}
    found = {name if name != "made-up" else "host" for name in failed(findings, "uncovered")}
    violated = bool(failed(findings, "violated"))
    if UNKNOWN in {item.outcome for item in [*audit(before, contract), *findings]}:
        # What is undetermined is not found; nothing else is.
        assert found <= new
    else:
        assert (found, violated or then <= now) == (new, True)
    assert not violated or reached_at(before) - reached_at(after)


def test_ways_to_a_few_machines_outside_are_learned_however_many_networks_that_takes() -> None:
    host = DockerHost(layout=28)
    host.container("web", [host.network()], [], [("tcp", 80)])
    open_ = "".join(f"-d 198.51.{number}.0/24 -o eth0 -j RETURN\n" for number in range(0, 80, 4)).splitlines()
    host.own_rules["filter", "DOCKER-USER"] = [*open_, "-o eth0 -j DROP"]
    contract = learned(host.snapshot())
    assert [item.summary for item in audit(host.snapshot(), contract) if item.outcome == FAIL] == []
    (ways,) = [
        item["to"]["outside"] for item in contract["intents"] if "outside" in item["to"] and item["to"] != "outside"
    ]
    assert len(ways) == 20


def test_hosts_that_are_alike_share_their_intents() -> None:
    one, two = big_host(2, 6).snapshot(), big_host(2, 6).snapshot()
    other = recorded_host(NAMES[0])
    results = [
        {"host": {"inventory_name": name}, "learned_contract": learned_from(snapshot)}
        for name, snapshot in (("a1", one), ("a2", two), ("b[1]", other))
    ]
    text = learned_contract(results)
    contract = yaml.safe_load(text)
    hosts = [tuple(item.get("hosts", ())) for item in contract["intents"]]
    assert set(hosts) <= {(), ("a1", "a2"), ("b[[]1]",), ("a1", "a2", "b[[]1]")}
    for name, snapshot in (("a1", one), ("a2", two), ("b[1]", other)):
        assert {item.outcome for item in audit(snapshot, contract, name)} == {"pass"}
    assert text.startswith("# Who reaches what")
    assert max(map(len, text.splitlines())) <= 120
    # What holds on all that were read holds on no host that was not.
    text = learned_contract(results[:2], ["gone\n"])
    assert "# Not read, so no intent holds on them: gone\\x0a\n" in text
    assert {tuple(item["hosts"]) for item in yaml.safe_load(text)["intents"]} == {("a1", "a2")}


def test_a_large_host_of_containers_that_are_alike_takes_few_intents() -> None:
    assert len(learned(big_host(10, 200).snapshot())["intents"]) <= 30


def test_what_was_not_read_is_not_learned() -> None:
    snapshot = big_host(1, 2).snapshot()
    snapshot.sources[ROUTES] = Source(read=False, kind="denied", reason="run with become")
    found = learned_from(snapshot)
    assert (found["intents"], "routes" in found["problem"] or "become" in found["problem"]) == ([], True)


def test_of_a_host_whose_engine_does_not_answer_nothing_is_known() -> None:
    """Its containers may run on, so what they reach is neither gone nor learned."""
    whole = big_host(2, 6).snapshot()
    reason = "dockerd does not run (docker.service is inactive); start it"
    snapshot = replace(
        whole, containers=[], engine=None, sources={**whole.sources, ENGINE: Source(False, "stopped", reason)}
    )
    assert learned_from(snapshot) == {"intents": [], "problem": reason}
    with pytest.raises(AnsibleFilterError, match=r"nothing was learned of web1: dockerd does not run"):
        learned_contract([{"host": {"inventory_name": "web1"}, "learned_contract": learned_from(snapshot)}])
    audits = [judged(AuditContext(item, Settings()), "full") for item in (whole, snapshot)]
    before, after = (flows_of(audit["reachability"]) for audit in audits)
    (change,) = compare(before, after)
    assert change.words == f"not compared: of the later reading nothing is known: {reason}"
