"""A path as a line and as a listing."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Hop
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import line_of, listing_of
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.plugin_utils.firewall.paths import DELIVERED, DROPPED, HOPS, OPEN, PACKET, with_text

UNSAFE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def test_a_line_says_what_is_seen_and_why() -> None:
    assert line_of(PACKET, DROPPED) == (
        "outside to 192.0.2.10:8080/tcp: timed out (dropped): dropped by ip filter DOCKER-USER rule 1"
    )
    assert line_of(PACKET, DELIVERED) == (
        "outside to 192.0.2.10:8080/tcp: answered by container web, which sees 198.51.100.7"
    )
    assert line_of(PACKET, OPEN) == (
        "outside to 192.0.2.10:8080/tcp: unknown: -m recent in ip filter DOCKER-USER rule 3"
    )


def test_a_listing_marks_the_hop_that_decided_and_only_that() -> None:
    lines = listing_of(PACKET, DROPPED).splitlines()
    (marked,) = [index for index, line in enumerate(lines) if line.startswith("=>")]
    assert lines[marked].split()[1:3] == ["forward", "drop"]
    assert lines[marked + 1].strip() == "ip filter DOCKER-USER rule 1 (handle 44): -A DOCKER-USER -i eth0 -j DROP"


def test_a_listing_has_every_hop_every_leg_and_each_change_of_address_once() -> None:
    text = listing_of(PACKET, DELIVERED)
    assert [line for line in text.splitlines() if line in ("request:", "reply:")] == ["request:", "reply:"]
    assert all(hop.rule in text for hop in HOPS[:4])
    assert text.count("198.51.100.7:40000 > 192.0.2.10:8080") == 1
    assert text.count("198.51.100.7:40000 > 10.88.1.2:80") == 1


def hop(action: str, chain: str, rule: str = "", place: str = "forward") -> Hop:
    return Hop("request", place, action, "192.0.2.9", "172.18.0.2", "eth0", "br0", "ip filter", chain, rule)


def test_chains_that_a_packet_came_back_from_as_it_was_are_left_out() -> None:
    hops = [
        hop("jump", "FORWARD", "-j DOCKER-USER"),
        hop("jump", "FORWARD", "-j DOCKER-FORWARD"),
        hop("jump", "DOCKER-FORWARD", "-j STAGE-1"),
        hop("jump", "STAGE-1", "-j STAGE-2"),
        hop("return", "STAGE-2", "-j RETURN"),
        hop("mark", "DOCKER-FORWARD", "-j MARK --set-mark 1"),
        hop("jump", "DOCKER-FORWARD", "-j DOCKER"),
        hop("accept", "DOCKER", "-j ACCEPT"),
    ]
    lines = listing_of(PACKET, replace(DROPPED, hops=hops, decided_at=7)).splitlines()
    rules = [line.partition(": -j ")[2] for line in lines if ": -j " in line]
    assert rules == ["DOCKER-FORWARD", "MARK --set-mark 1", "DOCKER", "ACCEPT"]
    assert lines[-2].startswith("=>")


def test_a_policy_is_told_as_one() -> None:
    path = replace(DROPPED, hops=[hop("drop", "FORWARD")], decided_at=0)
    assert listing_of(PACKET, path).splitlines()[-1].strip() == "ip filter FORWARD policy"


def test_nobody_knows_who_is_outside() -> None:
    path = replace(DELIVERED, answered_by="outside", source_at_end="192.0.2.10")
    assert line_of(PACKET, path).endswith(": answered by a machine outside, if there is one, which sees 192.0.2.10")


def test_a_listing_ends_with_what_is_not_known() -> None:
    assert listing_of(PACKET, OPEN).endswith("not known:\n  * -m recent in ip filter DOCKER-USER rule 3")


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
