"""Conditions that a rule has for the kernel and that nft does not print."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import RuleNeed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.ruleset_json import parse_nft
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    Match,
    Rule,
    SetMark,
    Verdict,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import OneOf

PLACE = {"family": "inet", "table": "t"}
TCP: dict[str, Any] = {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}}
SET_MARK: dict[str, Any] = {"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}}
RESET: dict[str, Any] = {"reject": {"type": "tcp reset"}}


def rule(expression: list[dict[str, Any]], *needs: RuleNeed) -> Rule:
    document = [{"chain": {**PLACE, "name": "c"}}, {"rule": {**PLACE, "chain": "c", "handle": 7, "expr": expression}}]
    (chain,) = parse_nft(json.dumps({"nftables": document}), needs).chains
    return chain.chain.rules[0]


def need(key: str, value: int, changes: int = 0, handle: int = 7) -> RuleNeed:
    return RuleNeed("inet t", handle, key, value, changes)


def kinds(found: Rule) -> list[str]:
    """Statements in short: what conditions are of, and the names of others."""
    return [
        f"{each.fields[0]} {sorted(each.test.values)}"
        if isinstance(each, Match) and isinstance(each.test, OneOf)
        else type(each).__name__
        for each in found.statements
    ]


def test_a_family_that_nft_leaves_out() -> None:
    """By nft 1.1.3: ``meta nfproto ipv6 meta l4proto tcp reject with tcp reset``."""
    found = rule([TCP, RESET], need("meta nfproto", 10), need("meta l4proto", 6))
    assert kinds(found) == ["family [6]", "protocol [6]", "Verdict"]
    assert found.text == "meta l4proto tcp reject with tcp reset (and meta nfproto ipv6)"


def test_an_ethertype_that_nft_leaves_out() -> None:
    """By nft 0.9.8: ``meta protocol ip6 tcp dport 22 accept``."""
    port = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}
    found = rule([port, {"accept": None}], need("meta protocol", 0x86DD), need("meta l4proto", 6))
    assert kinds(found) == ["family [6]", "protocol [6]", "dport [22]", "Verdict"]


def test_what_is_said_is_not_asked_twice() -> None:
    said = {"match": {"op": "==", "left": {"meta": {"key": "nfproto"}}, "right": "ipv4"}}
    found = rule([said, {"accept": None}], need("meta nfproto", 2), need("meta protocol", 0x0800))
    assert kinds(found) == ["family [4]", "Verdict"]
    assert found.text == "meta nfproto ipv4 accept"


def test_it_stands_behind_the_changes_that_it_does_not_prevent() -> None:
    found = rule([SET_MARK, SET_MARK, {"drop": None}], need("meta nfproto", 2, changes=1))
    assert [type(each) for each in found.statements] == [SetMark, Match, SetMark, Verdict]
    found = rule([SET_MARK, {"drop": None}], need("meta nfproto", 2, changes=1))
    assert [type(each) for each in found.statements] == [SetMark, Match, Verdict]


def test_a_family_of_the_connection_takes_a_connection() -> None:
    found = rule([{"drop": None}], need("ct l3proto", 2))
    assert [each.fields for each in found.statements if isinstance(each, Match)] == [("family",), ("ct_state",)]


def test_needs_of_another_rule_are_not_taken() -> None:
    assert kinds(rule([{"drop": None}], need("meta nfproto", 2, handle=8))) == ["Verdict"]


def test_a_family_that_is_not_known_is_no_packets() -> None:
    assert kinds(rule([{"drop": None}], need("meta protocol", 0x0806))) == ["family []", "Verdict"]
