"""The JSON of nft as chains, and the conditions that a rule has for the kernel and nft does not print."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import RuleNeed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.ruleset_json import NftChain, parse_nft
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    Match,
    OneOf,
    Rule,
    RulesetError,
    SetMark,
    Unpredictable,
    Verdict,
    VerdictMap,
)

PLACE = {"family": "ip", "table": "filter"}
METAINFO = {"metainfo": {"version": "1.1.3", "json_schema_version": 1}}
SADDR = {"payload": {"protocol": "ip", "field": "saddr"}}
TCP_FLAGS = {"payload": {"protocol": "tcp", "field": "flags"}}
BASE_CHAIN = {"chain": {**PLACE, "name": "FORWARD", "type": "filter", "hook": "forward", "prio": -5, "policy": "drop"}}


def document(*objects: Any) -> str:
    return json.dumps({"nftables": [METAINFO, *objects]})


def rule(*expression: Any, chain: str = "FORWARD", **more: Any) -> dict[str, Any]:
    return {"rule": {**PLACE, "chain": chain, "handle": 7, "expr": list(expression), **more}}


def only_chain(*objects: Any) -> NftChain:
    (chain,) = parse_nft(document(BASE_CHAIN, *objects)).chains
    return chain


def test_base_chain() -> None:
    chain = only_chain().chain
    assert (chain.backend, chain.family, chain.table, chain.name) == ("nft", "ip", "filter", "FORWARD")
    assert (chain.hook, chain.priority, chain.kind, chain.policy) == ("forward", -5, "filter", "drop")


def test_other_chains_have_no_hook() -> None:
    (chain,) = parse_nft(document({"chain": {**PLACE, "name": "DOCKER", "handle": 1}})).chains
    assert chain.chain.hook == ""


@pytest.mark.parametrize("device", ["eth0", ["eth0"]])
def test_devices_of_an_ingress_chain(device: object) -> None:
    ingress = {"family": "netdev", "table": "n", "name": "i", "type": "filter", "hook": "ingress", "prio": 0}
    (chain,) = parse_nft(document({"chain": {**ingress, "dev": device}})).chains
    assert chain.chain.devices == ("eth0",)


@pytest.mark.parametrize(
    ("flags", "hook"),
    [
        (["dormant"], ""),
        ("dormant", ""),
        (["owner", "dormant"], ""),
        ("filter\x01", ""),  # as nft 0.9.8 prints dormant
        ("owner", "forward"),
        (["owner", "persist"], "forward"),
    ],
)
def test_chains_of_a_dormant_table_have_no_hook(flags: object, hook: str) -> None:
    table = {"table": {"family": "ip", "name": "filter", "flags": flags}}
    (chain,) = parse_nft(document(table, BASE_CHAIN)).chains
    assert chain.chain.hook == hook


def test_rules_keep_their_order_numbers_handles_and_comments() -> None:
    chain = only_chain(rule({"counter": {}}, comment="first"), rule({"drop": None}, handle=9)).chain
    assert [(found.number, found.handle, found.comment) for found in chain.rules] == [(1, 7, "first"), (2, 9, "")]
    assert [found.text for found in chain.rules] == ['counter comment "first"', "drop"]


def test_what_comes_from_iptables_is_marked() -> None:
    port = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 80}}
    chain = only_chain(
        rule(port, {"xt": {"type": "match", "name": "comment"}}, {"xt": {"type": "target", "name": "DNAT"}}),
        rule(port, {"accept": None}),
    )
    assert chain.opaque == (True, False)
    assert [match.fields for match in chain.native[0] if isinstance(match, Match)] == [("protocol",), ("dport",)]
    assert len(chain.native[0]) == 2
    assert chain.native[1] == chain.chain.rules[1].statements
    assert isinstance(chain.chain.rules[0].statements[-1], Unpredictable)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (
            [
                {"match": {"op": "!=", "left": {"meta": {"key": "iifname"}}, "right": "br-*"}},
                {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}},
                {"jump": {"target": "x"}},
            ],
            'iifname != "br-*" ct state established,related jump x',
        ),
        ([{"dnat": {"family": "ip6", "addr": "fd00::1", "port": 80}}], "dnat ip6 to [fd00::1]:80"),
        (
            [{"vmap": {"key": {"meta": {"key": "oifname"}}, "data": {"set": [["lo", {"goto": {"target": "y"}}]]}}}],
            "oifname vmap { lo : goto y }",
        ),
        ([{"reject": {"type": "icmpx", "expr": "admin-prohibited"}}], "reject with icmpx admin-prohibited"),
        ([{"mangle": {"key": {"meta": {"key": "mark"}}, "value": 5}}], "meta mark set 5"),
        (
            [
                {"match": {"op": "==", "left": {"ct": {"key": "state"}}, "right": {"set": ["new", "related"]}}},
                {
                    "match": {
                        "op": "==",
                        "left": {"&": [TCP_FLAGS, {"|": ["syn", "ack"]}]},
                        "right": {"|": ["syn", "ack"]},
                    }
                },
            ],
            "ct state { new, related } tcp flags & (syn | ack) == syn | ack",
        ),
        (
            [
                {"match": {"op": "==", "left": {"exthdr": {"name": "frag"}}, "right": True}},
                {"match": {"op": "==", "left": {"exthdr": {"name": "rt", "field": "type"}}, "right": 0}},
                {"match": {"op": "<", "left": {"tcp option": {"name": "maxseg", "field": "size"}}, "right": 500}},
                {"match": {"op": "==", "left": {"ip option": {"name": "ra", "field": "value"}}, "right": 1}},
            ],
            "exthdr frag exists exthdr rt type 0 tcp option maxseg size < 500 ip option ra value 1",
        ),
        ([{"log": {"prefix": "in", "level": "info", "group": 2}}], 'log prefix "in" level info group 2'),
        ([{"log": {"prefix": 7}}], "log prefix 7"),
        ([{"dnat": {"addr": "10.0.0.1"}}], "dnat to 10.0.0.1"),
        ([{"redirect": {"port": 8080, "flags": "random"}}], "redirect to :8080 random"),
        ([{"masquerade": None}], "masquerade"),
        ([{"masquerade": {"flags": ["random", "persistent"]}}], "masquerade random persistent"),
        (
            [{"snat": {"family": "ip", "addr": {"range": ["10.0.0.1", "10.0.0.9"]}, "port": {"range": [80, 89]}}}],
            "snat ip to 10.0.0.1-10.0.0.9:80-89",
        ),
        (
            [{"snat": {"addr": {"prefix": {"addr": "10.0.0.0", "len": 24}}, "flags": "netmap"}}],
            "snat prefix to 10.0.0.0/24",
        ),
        (
            [
                {"set": {"op": "add", "elem": {"elem": {"val": SADDR, "timeout": 60}}, "set": "@seen"}},
                {"map": {"op": "update", "elem": SADDR, "data": 5, "map": "@marks"}},
            ],
            "add @seen { ip saddr timeout 60s } update @marks { ip saddr : 5 }",
        ),
        (
            [
                {"limit": {"rate": 5, "per": "minute", "burst": 7}},
                {"limit": {"rate": 2, "rate_unit": "kbytes", "per": "second", "inv": True}},
                {"quota": {"val": 25, "val_unit": "mbytes", "inv": True}},
                {"ct count": {"val": 20}},
            ],
            "limit rate 5/minute burst 7 packets limit rate over 2 kbytes/second quota over 25 mbytes ct count 20",
        ),
        ([{"match": {"op": "==", "left": {"numgen": {"mode": "inc", "mod": 2}}, "right": 0}}], "numgen inc mod 2 0"),
        (
            [{"match": {"op": "==", "left": {"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, "right": False}}],
            "fib saddr . iif oif missing",
        ),
        (
            [{"match": {"op": "==", "left": {"payload": {"base": "th", "offset": 16, "len": 16}}, "right": 80}}],
            "@th,16,16 80",
        ),
    ],
)
def test_words_for_people(expression: list[Any], text: str) -> None:
    assert only_chain(rule(*expression)).chain.rules[0].text == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        ("{", "no JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        ('{"nftables": [\n{"chain": }\n]}', "line 2"),
        ("[]", '"nftables"'),
        ('{"nftables": 5}', '"nftables"'),
        ('{"nftables": [5]}', "entry 1 is no object with one member: 5"),
        ('{"nftables": [{"chain": 5}]}', "entry 1: 'chain' is no object but 5"),
        ('{"nftables": [{"chain": {"family": "ip", "table": 5}}]}', "entry 1: table is no text but 5"),
        (document(rule({"drop": None})), "entry 2 is a rule of chain ip filter FORWARD, which is not there"),
        (document({"chain": {**PLACE, "name": "x", "hook": "input", "prio": "high"}}), "entry 2: prio is no number"),
        ('{"nftables": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    ],
)
def test_what_is_no_ruleset_is_an_error_with_its_place(text: str, message: str) -> None:
    with pytest.raises(RulesetError, match=r"nft -j list ruleset: .") as caught:
        parse_nft(text)
    assert message in str(caught.value)


def test_deep_expressions_are_unpredictable() -> None:
    node: Any = {"meta": {"key": "mark"}}
    for __ in range(400):
        node = {"|": [node, 1]}
    found = only_chain(rule({"mangle": {"key": {"meta": {"key": "mark"}}, "value": node}}, {"drop": None}))
    assert len(found.chain.rules) == 1


def test_many_rules_and_long_lines() -> None:
    drop = {"drop": None}
    chain = only_chain(*(rule(drop) for dummy in range(20_000)), rule({"log": {"prefix": "x" * 5_000_000}}, drop)).chain
    assert len(chain.rules) == 20_001
    assert chain.rules[-1].statements == (Verdict("drop"),)


def parsed_or_refused(text: str) -> tuple[NftChain, ...]:
    """The chains; none where the parser refuses the text as it is to."""
    with contextlib.suppress(RulesetError):
        return parse_nft(text).chains
    return ()


SEEDS = range(200)
JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**70,
    1.5,
    "",
    "*",
    "@",
    "@s",
    "\x00",
    "\ud800",
    [],
    {},
    [[]],
    {"set": None},
    {"elem": {}},
)


@pytest.mark.parametrize("seed", SEEDS)
def test_any_document_is_a_ruleset_or_an_error(seed: int) -> None:
    """A real document with parts replaced, removed or put elsewhere."""
    chance = random.Random(seed)  # noqa: S311
    place = {"family": "inet", "table": "t"}
    objects: list[Any] = [
        METAINFO,
        {"table": {"family": "inet", "name": "t"}},
        {"chain": {**place, "name": "c", "type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"}},
        {"set": {**place, "name": "s", "type": "ipv4_addr", "elem": [{"elem": {"val": "1.1.1.1"}}]}},
        {"map": {**place, "name": "m", "map": "verdict", "elem": [[{"concat": ["lo", 1]}, {"drop": None}]]}},
        *(
            {"rule": {**place, "chain": "c", "handle": 1, "expr": expression}}
            for expression in (
                [{"match": {"op": "==", "left": {"&": [{"meta": {"key": "mark"}}, 255]}, "right": {"range": [1, 2]}}}],
                [{"vmap": {"key": {"concat": [{"meta": {"key": "iifname"}}, {"ct": {"key": "mark"}}]}, "data": "@m"}}],
                [{"dnat": {"family": "ip", "addr": {"map": {"key": {"meta": {"key": "mark"}}, "data": {"set": []}}}}}],
                [{"set": {"op": "add", "elem": {"payload": {"protocol": "ip", "field": "saddr"}}, "set": "@s"}}],
                [{"limit": {"rate": 1, "per": "day"}}, {"reject": {"type": "tcp reset"}}],
            )
        ),
    ]
    broken = _mutated({"nftables": objects}, chance)
    for chain in parsed_or_refused(json.dumps(broken)):
        assert len(chain.chain.rules) == len(chain.opaque) == len(chain.native)


def _mutated(node: Any, chance: random.Random) -> Any:
    """A copy in which about one place in thirty is something else."""
    if chance.random() < 1 / 30:
        return chance.choice(JUNK)
    if isinstance(node, list):
        items = [_mutated(item, chance) for item in node]
        return items + items[:1] if chance.random() < 1 / 20 else items
    if isinstance(node, dict):
        return {key if chance.random() < 0.97 else "set": _mutated(item, chance) for key, item in node.items()}
    return node


SPORT = {"payload": {"protocol": "tcp", "field": "sport"}}
MARK = {"meta": {"key": "mark"}}
STATEMENTS: tuple[Any, ...] = (
    {"match": {"op": "==", "left": {"&": [MARK, 255]}, "right": {"range": [1, 2]}}},
    {"match": {"op": "==", "left": SADDR, "right": {"set": ["1.1.1.1", {"prefix": {"addr": "10.0.0.0", "len": 8}}]}}},
    {"match": {"op": "==", "left": SADDR, "right": {"elem": {"val": "1.1.1.1", "timeout": 5}}}},
    {"match": {"op": "in", "left": TCP_FLAGS, "right": {"|": ["syn", "ack"]}}},
    {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["new", "related"]}},
    {"match": {"op": "==", "left": {"ct": {"key": "saddr", "family": "ip", "dir": "reply"}}, "right": "1.1.1.1"}},
    {"match": {"op": "!=", "left": {"fib": {"result": "type", "flags": ["daddr", "mark"]}}, "right": "local"}},
    {"match": {"op": "==", "left": {"ip option": {"name": "ra", "field": "value"}}, "right": True}},
    {"match": {"op": "==", "left": {"payload": {"base": "th", "offset": 16, "len": 16}}, "right": 80}},
    {"match": {"op": "==", "left": {"concat": [SADDR, SPORT]}, "right": {"set": [{"concat": ["1.1.1.1", 80]}]}}},
    {"match": {"op": "==", "left": {"concat": [SADDR, SPORT]}, "right": {"set": [{"elem": {"val": "*"}}]}}},
    {"mangle": {"key": MARK, "value": {"|": [{"&": [MARK, 1]}, 2]}}},
    {"mangle": {"key": MARK, "value": {"map": {"key": SADDR, "data": {"set": [["1.1.1.1", 5]]}}}}},
    {"mangle": {"key": {"payload": {"protocol": "ip", "field": "dscp"}}, "value": 0}},
    {"mangle": {"key": {"payload": {"protocol": "ip", "field": "ttl"}}, "value": 64}},
    {"vmap": {"key": SADDR, "data": {"set": [["1.1.1.1", {"goto": {"target": "FORWARD"}}], ["*", {"drop": None}]]}}},
    {"vmap": {"key": {"numgen": {"mode": "inc", "mod": 2}}, "data": {"set": [[0, {"accept": None}]]}}},
    {"dnat": {"family": "ip", "addr": "10.0.0.1", "port": {"range": [1, 9]}, "flags": ["random"]}},
    {"dnat": {"addr": {"map": {"key": SPORT, "data": {"set": [[80, {"concat": ["10.0.0.1", 80]}]]}}}}},
    {"redirect": {"port": {"map": {"key": SPORT, "data": {"set": [[80, {"elem": {"val": 8080}}]]}}}}},
    {"counter": {"map": {"key": SPORT, "data": {"set": [[80, "web"]]}}}},
    {"set": {"op": "add", "elem": {"elem": {"val": SADDR}}, "set": "@s", "stmt": [{"counter": None}]}},
    {"map": {"op": "add", "elem": SADDR, "data": SPORT, "map": "@m"}},
    {"reject": {"type": "icmp", "expr": "host-unreachable"}},
    {"log": {"prefix": "x", "group": 1}},
    {"limit": {"rate": 5, "per": "second", "burst": 1, "inv": True}},
    {"quota": {"val": 25, "val_unit": "mbytes"}},
    {"flow": {"op": "add", "flowtable": "@f"}},
    {"xt": {"type": "match", "name": "comment"}},
    {"jump": {"target": "FORWARD"}},
)


def leaves(node: Any) -> Iterator[str]:
    """The names and values that an expression is about."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in ("op", "inv"):
                yield from leaves(value)
    elif isinstance(node, list):
        for item in node:
            yield from leaves(item)
    elif node is not None and not isinstance(node, bool):
        yield str(node)


@pytest.mark.parametrize(
    "statement",
    [
        *STATEMENTS,
        {"match": {"op": "==", "left": {"socket": {"key": "mark"}}, "right": 1}},
        {"match": {"op": "==", "left": {"rt": {"key": "nexthop", "family": "ip"}}, "right": "1.1.1.1"}},
        {"match": {"op": "==", "left": {"tcp option": {"name": "maxseg", "field": "size"}}, "right": 1}},
        {"match": {"op": "==", "left": {"jhash": {"mod": 4, "expr": SADDR}}, "right": 1}},
        {"reset": {"tcp option": {"name": "sack-perm"}}},
        {"ct helper": "ftp"},
        {"ct count": {"val": 20}},
        {"goto": {"target": "elsewhere"}},
        {"queue": {"num": 3}},
    ],
    ids=repr,
)
def test_words_leave_nothing_out(statement: Any) -> None:
    text = only_chain(rule(statement)).chain.rules[0].text
    assert [leaf for leaf in leaves(statement) if leaf not in text] == []


def with_one_part_replaced(node: Any, by: Any) -> Iterator[Any]:
    """The node as often as it has parts, each time with another of them replaced."""
    yield by
    if isinstance(node, dict):
        yield {**node, "more": by}
        for key, value in node.items():
            yield from ({**node, key: changed} for changed in with_one_part_replaced(value, by))
    if isinstance(node, list):
        yield [*node, by]
        for place, value in enumerate(node):
            yield from ([*node[:place], changed, *node[place + 1 :]] for changed in with_one_part_replaced(value, by))


@pytest.mark.parametrize("family", ["ip", "bridge"])
@pytest.mark.parametrize("by", [None, False, 7, "text", "@s", [], ["a", "b"], {}, {"a": 1}, {"set": []}], ids=repr)
def test_one_wrong_part_of_a_statement_is_no_error(family: str, by: object) -> None:
    """Each is a rule with words."""
    broken = [changed for statement in STATEMENTS for changed in with_one_part_replaced(statement, by)]
    place = {"family": family, "table": "t"}
    rules = [{"rule": {**place, "chain": "c", "expr": [changed]}} for changed in broken]
    (chain,) = parse_nft(document({"chain": {**place, "name": "c"}}, *rules)).chains
    assert len(chain.chain.rules) == len(broken)
    for found, expression in zip(chain.chain.rules, broken, strict=True):
        assert found.text, expression


@pytest.mark.parametrize("seed", SEEDS)
def test_cut_and_spliced_text_is_a_ruleset_or_an_error(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    text = document(BASE_CHAIN, rule({"drop": None}), rule({"limit": {"rate": 5}}))
    first, second = sorted(chance.sample(range(len(text)), 2))
    parsed_or_refused(text[:first] + text[second:])


def test_a_large_map_is_read_once_for_all_rules_that_ask_it() -> None:
    """Otherwise rules times elements would take minutes here."""
    elements = [[number, {"drop": None}] for number in range(1, 20_001)]
    verdicts = {"map": {**PLACE, "name": "m", "type": "inet_service", "map": "verdict", "elem": elements}}
    asks = {"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": "@m"}}
    rules = only_chain(verdicts, *(rule(asks) for __ in range(5_000))).chain.rules
    first, last = (found.statements[-1] for found in (rules[0], rules[-1]))
    assert isinstance(first, VerdictMap)
    assert isinstance(last, VerdictMap)
    assert first.entries is last.entries


INET_PLACE = {"family": "inet", "table": "t"}
TCP: dict[str, Any] = {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}}
SET_MARK: dict[str, Any] = {"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}}
RESET: dict[str, Any] = {"reject": {"type": "tcp reset"}}


def rule_with_needs(expression: list[dict[str, Any]], *needs: RuleNeed) -> Rule:
    document = [
        {"chain": {**INET_PLACE, "name": "c"}},
        {"rule": {**INET_PLACE, "chain": "c", "handle": 7, "expr": expression}},
    ]
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
    found = rule_with_needs([TCP, RESET], need("meta nfproto", 10), need("meta l4proto", 6))
    assert kinds(found) == ["family [6]", "protocol [6]", "Verdict"]
    assert found.text.startswith("meta l4proto tcp reject")
    assert found.text.endswith(" (and meta nfproto ipv6)")


def test_an_ethertype_that_nft_leaves_out() -> None:
    """By nft 0.9.8: ``meta protocol ip6 tcp dport 22 accept``."""
    port = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 22}}
    found = rule_with_needs([port, {"accept": None}], need("meta protocol", 0x86DD), need("meta l4proto", 6))
    assert kinds(found) == ["family [6]", "protocol [6]", "dport [22]", "Verdict"]


def test_what_is_said_is_not_asked_twice() -> None:
    said = {"match": {"op": "==", "left": {"meta": {"key": "nfproto"}}, "right": "ipv4"}}
    found = rule_with_needs([said, {"accept": None}], need("meta nfproto", 2), need("meta protocol", 0x0800))
    assert kinds(found) == ["family [4]", "Verdict"]
    assert found.text == "meta nfproto ipv4 accept"


def test_it_stands_behind_the_changes_that_it_does_not_prevent() -> None:
    found = rule_with_needs([SET_MARK, SET_MARK, {"drop": None}], need("meta nfproto", 2, changes=1))
    assert [type(each) for each in found.statements] == [SetMark, Match, SetMark, Verdict]
    found = rule_with_needs([SET_MARK, {"drop": None}], need("meta nfproto", 2, changes=1))
    assert [type(each) for each in found.statements] == [SetMark, Match, Verdict]


def test_a_family_of_the_connection_takes_a_connection() -> None:
    found = rule_with_needs([{"drop": None}], need("ct l3proto", 2))
    assert [each.fields for each in found.statements if isinstance(each, Match)] == [("family",), ("ct_state",)]


def test_needs_of_another_rule_are_not_taken() -> None:
    assert kinds(rule_with_needs([{"drop": None}], need("meta nfproto", 2, handle=8))) == ["Verdict"]


def test_a_family_that_is_not_known_is_no_packets() -> None:
    assert kinds(rule_with_needs([{"drop": None}], need("meta protocol", 0x0806))) == ["family []", "Verdict"]
