# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A path for people: lines, listings, flowcharts."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import PathStep
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import (
    diagram_of,
    line_of,
    listing_of,
    rows_of,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.plugin_utils.firewall.paths import DELIVERED, DROPPED, OPEN, PACKET, STEPS, with_text

UNSAFE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def test_a_line_says_what_is_seen_and_why() -> None:
    asked = "outside to 192.0.2.10:8080/tcp"
    assert line_of(PACKET, DROPPED) == f"{asked}: timed out (dropped): {DROPPED.reason}"
    assert (
        line_of(PACKET, DELIVERED)
        == f"{asked}: answered by {DELIVERED.answered_by}, which sees {DELIVERED.translated_source}"
    )
    assert line_of(PACKET, OPEN) == f"{asked}: unknown: {OPEN.undetermined[0]}"


def test_a_listing_marks_the_hop_that_decided_and_only_that() -> None:
    lines = listing_of(PACKET, DROPPED).splitlines()
    (marked,) = [index for index, line in enumerate(lines) if line.startswith("=>")]
    assert lines[marked].split()[1:3] == ["forward", "drop"]
    decided = STEPS[4]
    place = f"{decided.table} {decided.chain} rule {decided.number} (handle {decided.handle})"
    assert lines[marked + 1].strip() == f"{place}: {decided.rule}"


def test_a_listing_has_every_hop_every_leg_and_each_change_of_address_once() -> None:
    text = listing_of(PACKET, DELIVERED)
    assert [line for line in text.splitlines() if line in ("request:", "reply:")] == ["request:", "reply:"]
    assert all(step.rule in text for step in STEPS[:4])
    assert text.count("198.51.100.7:40000 > 192.0.2.10:8080") == 1
    assert text.count("198.51.100.7:40000 > 10.88.1.2:80") == 1


def step(action: str, chain: str, rule: str = "", place: str = "forward") -> PathStep:
    return PathStep("request", place, action, "192.0.2.9", "172.18.0.2", "eth0", "br0", "ip filter", chain, rule)


def test_chains_that_a_packet_came_back_from_as_it_was_are_left_out() -> None:
    steps = [
        step("jump", "FORWARD", "-j DOCKER-USER"),
        step("jump", "FORWARD", "-j DOCKER-FORWARD"),
        step("jump", "DOCKER-FORWARD", "-j STAGE-1"),
        step("jump", "STAGE-1", "-j STAGE-2"),
        step("return", "STAGE-2", "-j RETURN"),
        step("mark", "DOCKER-FORWARD", "-j MARK --set-mark 1"),
        step("jump", "DOCKER-FORWARD", "-j DOCKER"),
        step("accept", "DOCKER", "-j ACCEPT"),
    ]
    lines = listing_of(PACKET, replace(DROPPED, steps=steps, decided_at=7)).splitlines()
    rules = [line.partition(": -j ")[2] for line in lines if ": -j " in line]
    assert rules == ["DOCKER-FORWARD", "MARK --set-mark 1", "DOCKER", "ACCEPT"]
    assert lines[-2].startswith("=>")


def test_a_chain_that_a_packet_came_back_from_is_left_out_wherever_it_was_left() -> None:
    for depth in range(1, 5):
        chains = [f"C{number}" for number in range(depth)]
        steps = [step("jump", "FORWARD"), *(step("jump", chain) for chain in chains), step("drop", "FORWARD")]
        assert [row[3] for row in rows_of(replace(DROPPED, steps=steps), {})] == ["drop"]
    elsewhere = [step("jump", "FORWARD", place="prerouting"), step("drop", "FORWARD")]
    assert [row[3] for row in rows_of(replace(DROPPED, steps=elsewhere), {})] == ["jump", "drop"]


def test_rows_have_the_devices_the_rule_and_what_changed() -> None:
    client, host, web = "198.51.100.7:40000", "192.0.2.10:8080", "10.88.1.2:80"
    jump, dnat, drop = (STEPS[index].rule for index in (1, 2, 4))
    both = "eth0 -> br-front"
    assert rows_of(DROPPED, {4: "=>"}) == [
        ["", "request", "wire", "receive", "eth0 -> *", f"{client} > {host}"],
        ["", "request", "prerouting", "jump", "eth0 -> *", f"ip nat PREROUTING rule 1 (handle 7): {jump}"],
        [
            "",
            "request",
            "prerouting",
            "dnat",
            "eth0 -> *",
            f"ip nat DOCKER rule 2 (handle 12): {dnat}; now {client} > {web}",
        ],
        ["", "request", "routing", "route", both, "10.88.1.0/24 is on br-front"],
        ["=>", "request", "forward", "drop", both, f"ip filter DOCKER-USER rule 1 (handle 44): {drop}"],
    ]
    answer, last = rows_of(DELIVERED, {})[-2:]
    assert answer[1:] == ["reply", "socket", "answer", "", f"{web} > {client}"]
    assert last[1:] == ["reply", "postrouting", "accept", "br-front -> eth0", f"now {host} > {client}"]


def test_a_policy_is_told_as_one() -> None:
    path = replace(DROPPED, steps=[step("drop", "FORWARD")], decided_at=0)
    assert listing_of(PACKET, path).splitlines()[-1].strip() == "ip filter FORWARD policy"


def test_nobody_knows_who_is_outside() -> None:
    path = replace(DELIVERED, answered_by="outside", translated_source="192.0.2.10")
    assert "outside, if there is one, " in line_of(PACKET, path)
    assert line_of(PACKET, path).endswith(" 192.0.2.10")


def test_a_listing_ends_with_what_is_not_known() -> None:
    assert listing_of(PACKET, OPEN).endswith(f"not known:\n  * {OPEN.undetermined[0]}")


@given(st.text())
def test_hostile_names_stay_on_their_line_and_move_no_cursor(text: str) -> None:
    packet, path = with_text(text)
    listing = listing_of(packet, path)
    calm = listing_of(*with_text("x"))
    assert len(line_of(packet, path).splitlines()) == 1
    assert not [char for char in listing.replace("\n", "") if unicodedata.category(char) in UNSAFE]
    assert listing.count("=>") >= calm.count("=>")
    assert listing.count("\n") <= calm.count("\n")


def test_endless_rules_are_cut() -> None:
    packet, path = with_text("x" * 1_000_000)
    rules = [line for line in listing_of(packet, path).splitlines() if line.startswith("        ")]
    assert rules
    assert all(len(line) < 300 for line in rules)


TEXT = r'"[a-zA-Z0-9 .,:/_\-+*=()#;<>]*"'
LINE = re.compile(
    rf"flowchart TD| *[a-z0-9]+\(\[{TEXT}\]\)| *subgraph leg\d+ \[{TEXT}\]| *n\d+\[{TEXT}\]| *end"
    rf"| *class [a-z0-9]+ (good|bad|open)| *[a-z0-9]+ --> [a-z0-9]+| *[a-z0-9]+ -->\|{TEXT}\| [a-z0-9]+| *classDef .*"
)


def nodes(diagram: str) -> list[str]:
    return re.findall(r'n\d+\["([^"]*)"\]', diagram)


def test_hooks_bridge_and_sockets_are_stations_in_their_order() -> None:
    names = [label.partition("<br/>")[0] for label in nodes(diagram_of(PACKET, DELIVERED))]
    assert names == ["wire", "PREROUTING", "routing", "socket", "socket", "POSTROUTING"]


def test_a_station_says_what_changed_and_not_what_merely_passed() -> None:
    (station,) = [label for label in nodes(diagram_of(PACKET, DROPPED)) if label.startswith("PREROUTING")]
    assert "nat DOCKER rule 2" in station
    assert "jump" not in station


def test_addresses_stand_at_the_edges() -> None:
    diagram = diagram_of(PACKET, DROPPED)
    assert 'n1 -->|"198.51.100.7:40000 #62; 10.88.1.2:80"| n2' in diagram


def test_the_station_that_decided_is_coloured_like_the_ending() -> None:
    assert re.findall(r"class (\w+) (\w+)", diagram_of(PACKET, DROPPED)) == [("n3", "bad"), ("ending", "bad")]
    assert re.findall(r"class (\w+) (\w+)", diagram_of(PACKET, DELIVERED))[-1] == ("ending", "good")
    assert re.findall(r"class (\w+) (\w+)", diagram_of(PACKET, OPEN)) == [("ending", "open")]


@given(
    st.text()
    | st.sampled_from(['"] --> x["', "%%{init: {}}%%", "end", "#quot;", "`**b**`", "<script>", "a\nb", "@{ }"])
)
def test_hostile_names_are_never_more_than_text(text: str) -> None:
    diagram = diagram_of(*with_text(text))
    assert all(LINE.fullmatch(line) for line in diagram.splitlines())
    tags = re.findall(r"<[^>]*>", diagram)
    assert set(tags) <= {"<br/>"}


@given(st.text())
def test_hostile_names_change_nothing_of_the_chart_but_labels(text: str) -> None:
    def shape(diagram: str) -> list[str]:
        return [re.sub(TEXT, "", line) for line in diagram.splitlines()]

    packet, path = with_text(text)
    calm, calm_path = with_text("x")
    assert shape(diagram_of(packet, path)) == shape(diagram_of(calm, calm_path))


def test_every_edge_has_the_addresses_that_a_packet_leaves_with() -> None:
    """Of the first one those that it begins with; the last leads to the ending, where none are."""
    edges = [line.strip() for line in diagram_of(PACKET, DROPPED).splitlines() if " -->" in line]
    asked, translated = (f'"198.51.100.7:40000 #62; {address}"' for address in ("192.0.2.10:8080", "10.88.1.2:80"))
    assert edges == [
        f"start -->|{asked}| n0",
        f"n0 -->|{asked}| n1",
        f"n1 -->|{translated}| n2",
        f"n2 -->|{translated}| n3",
        "n3 --> ending",
    ]
