# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison of predictions with attempts sees what differs, and the page says so."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import PUBLISHED
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    HOST,
    OUTSIDE,
    Origin,
    Packet,
    PathStep,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Path as PacketPath

from tests.differential import reachability_page
from tests.differential.change_case import Consequences
from tests.differential.contract_case import Held
from tests.differential.far_machine import OWN_RANGES
from tests.differential.matrix_book import Book
from tests.differential.matrix_case import Judged
from tests.differential.matrix_denied import open_ports
from tests.differential.matrix_questions import HostAddress, Question
from tests.differential.observing import Attempt, Outcome
from tests.differential.reachability_case import Comparison, Report, complaint
from tests.differential.reachability_hosts import CHANGED, SUBNETS, host_case
from tests.differential.reachability_probes import Place, Probe
from tests.lab.kinds import KINDS

PLACES = [Place("web", "", (f"{SUBNETS}.1.2",), (), False, 1), Place("inmate", "", (), (), True, 0)]


def probe(destination: str = "198.18.1.13") -> Probe:
    return Probe(Packet(Origin(HOST), destination, "tcp", 80), Attempt("", "tcp", destination, 80))


def path(seen: str, who: str = "", source: str = "", verdict: str = "delivered") -> PacketPath:
    return PacketPath(verdict, seen, "because", answered_by=who, translated_source=source)


@pytest.mark.parametrize(
    ("predicted", "seen", "body", "agrees"),
    [
        (path("refused"), "refused", "", True),
        (path("refused"), "timed out", "", False),
        (path("answered", "container web", "10.0.0.1"), "answered", "web saw 10.0.0.1\n", True),
        (path("answered", "container web", "10.0.0.1"), "answered", "web saw 10.0.0.2\n", False),
        (path("answered", "container web"), "answered", "web saw 10.0.0.2\n", True),
        (path("answered", "container web"), "answered", "host saw 10.0.0.1\n", False),
        (path("answered", "container inmate"), "answered", "web saw 10.0.0.1\n", True),
        (path("answered", "host (sshd)"), "answered", "host saw 10.0.0.1\n", True),
        (
            path("answered", "outside"),
            "answered",
            "HTTP/1.0 200 OK\r\n\r\ninternet saw 10.0.0.1 port 7 at 1.1.1.1",
            True,
        ),
        (path("answered", "container web"), "answered", "", True),
        (path("unknown", verdict="unknown"), "answered", "web saw 10.0.0.1\n", True),
        (path("unknown", verdict="unreachable"), "closed", "", True),
        (path("no answer", verdict="unreachable"), "timed out", "", True),
        (path("no answer", verdict="unreachable"), "unreachable", "", True),
        (path("no answer", verdict="unreachable"), "closed", "", False),
        (path("no answer", verdict="unreachable"), "answered", "web saw 10.0.0.1\n", False),
        (path("unknown", verdict="unreachable"), "answered", "web saw 10.0.0.1\n", False),
    ],
)
def test_outcome_name_and_source_count(predicted: PacketPath, seen: str, body: str, agrees: bool) -> None:
    assert (complaint(predicted, Outcome(seen, "", body), PLACES) == "") is agrees


@pytest.mark.parametrize(("seen", "agrees"), [("timed out", True), ("unreachable", True), ("refused", False)])
def test_what_leaves_for_a_machine_that_is_beyond_the_other_uplink_is_lost(seen: str, agrees: bool) -> None:
    left = PathStep("request", "wire", "send", "198.18.1.13", f"{OWN_RANGES[0]}12.9:80", outgoing="eth0")
    for predicted in (path("answered", "outside"), path("timed out", verdict="no answer")):
        assert (complaint(replace(predicted, steps=[left]), Outcome(seen), PLACES) == "") is agrees


def test_what_leaves_for_an_address_of_a_container_is_not_forgiven() -> None:
    left = PathStep("request", "wire", "send", "198.18.1.13", f"{SUBNETS}.1.2:80", outgoing="eth0")
    assert complaint(replace(path("answered", "outside"), steps=[left]), Outcome("timed out"), PLACES)


@pytest.mark.parametrize(("verdict", "is_asked"), [("delivered", True), ("unknown", False)])
def test_what_the_host_denies_is_held_only_against_ports_that_are_surely_open(verdict: str, is_asked: bool) -> None:
    member, address = "web:80/tcp", "198.18.1.13"
    full = {
        "origins": [{"kind": OUTSIDE, "name": "outside by eth0", "members": []}],
        "destinations": [
            {
                "kind": PUBLISHED,
                "name": f"{member} (published on 0.0.0.0)",
                "at": address,
                "members": [member],
                "host_ports": [8080],
            }
        ],
        "cells": [{"origin": 0, "destination": 0, "relation": "", "verdict": verdict}],
    }
    book = Book(full, [], [HostAddress(address, ip_network("198.18.1.0/24"), is_gateway=False)])
    question = Question(Origin(OUTSIDE, "eth0"), address, "tcp", 8080, member, "0.0.0.0")  # noqa: S104 - compared
    assert open_ports([(question, Outcome("answered", "", "web saw 10.0.0.1\n"))], book) == [question] * is_asked


def test_the_page_keeps_what_is_around_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{reachability_page.BEGIN}\nold\n{reachability_page.END}\nafter\n")
    wrong = Comparison(probe(), path("refused"), Outcome("timed out"), "seen: other")
    unknown = Comparison(probe(), path("unknown", verdict="unknown"), Outcome("refused"))
    held = Held(60, 40, 15, 2, [{"from": "host"}])
    change = Consequences("a rule", intents=7, new=1, lost=2, findings=3, unknown=1)
    matrix = Judged(9, ["one cell"], contract=held)
    report = Report(host_case(1, 2), [wrong, unknown], repeated=1, matrix=matrix, change=change)
    reachability_page.write([report, Report(host_case(1, 3), void="no host")], 1, 9.0, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    (line,) = [line for line in text.splitlines() if "seed 1: " in line]
    for words in ("2 comparisons on 1 hosts", "1 disagreements, 1 unknown (50.0%);", "9 answers tried, 1 wrong"):
        assert words in line
    for words in (
        "contracts: 60 intents drawn for 1 hosts: 40 fulfilled, 15 violated, 3 that select nothing, 2 unknown, 0",
        "one change of a host: 1 hosts, on 1 of them with 1 new connections (0 that the contract's words allow) and 2",
    ):
        assert words in text
    table = [line.strip("| ").split(" | ") for line in text.splitlines()]
    assert ["debian13", "1", "2", "1", "1"] in table
    with pytest.raises(ValueError, match="markers"):
        reachability_page.write([report], 1, 9.0, Path(__file__))


def test_one_of_some_hosts_of_each_kind_is_changed() -> None:
    changed = [host_case(1, number).kind for number in range(CHANGED * len(KINDS)) if host_case(1, number).is_changed]
    assert changed == list(KINDS)


def test_nothing_asked_is_nothing_known() -> None:
    assert reachability_page.share_unknown([]) == 1.0
