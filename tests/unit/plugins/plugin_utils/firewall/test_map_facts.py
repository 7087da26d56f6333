"""What the entries of maps say, kept once for all the rules that ask a map."""

from __future__ import annotations

import json
from ipaddress import ip_address

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_facts import Maps
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    MarkMap,
    NatMap,
    Rule,
    VerdictMap,
)

from tests.unit.plugins.plugin_utils.firewall.rulesets import rules_of

SOURCE = {"payload": {"protocol": "ip", "field": "saddr"}}
PORT = {"payload": {"protocol": "tcp", "field": "dport"}}
MAPS: dict[str, list[object]] = {
    "verdicts": [["10.0.0.1", {"drop": None}], ["10.0.0.2", {"jump": {"target": "other"}}]],
    "marks": [["10.0.0.1", 1], ["10.0.0.2", 2]],
    "addresses": [[80, "172.18.0.2"], [443, "172.18.0.3"]],
    "ports": [[80, 8080], [443, 8443]],
}


def dnat(address: object, port: object) -> object:
    return {"dnat": {"family": "ip", "addr": address, "port": port}}


def rules(*expressions: object) -> list[Rule]:
    of: dict[str, object] = {"family": "inet", "table": "t"}
    chain = {**of, "name": "pre", "type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"}
    maps = [{"map": {**of, "name": name, "type": "x", "map": "y", "elem": elem}} for name, elem in MAPS.items()]
    made = [{"rule": {**of, "chain": "pre", "expr": [expression]}} for expression in expressions]
    entries = [{"table": {"family": "inet", "name": "t"}}, {"chain": chain}, *maps, *made]
    return rules_of(read_rulebook(Ruleset({}, json.dumps({"nftables": entries}))), "pre")


def map_in(rule: Rule) -> VerdictMap | NatMap | MarkMap:
    (found,) = [item for item in rule.statements if isinstance(item, (VerdictMap, NatMap, MarkMap))]
    return found


def test_rules_that_make_the_same_of_a_map_share_its_entries() -> None:
    lookups: list[object] = [
        {"vmap": {"key": SOURCE, "data": "@verdicts"}},
        {"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"map": {"key": SOURCE, "data": "@marks"}}}},
        dnat({"map": {"key": PORT, "data": "@addresses"}}, 80),
        dnat("172.18.0.2", {"map": {"key": PORT, "data": "@ports"}}),
    ]
    maps = Maps()
    for lookup in lookups:
        one, other = rules(lookup, lookup)
        assert map_in(one).entries is map_in(other).entries
        assert maps.of(one) == maps.of(other)
        assert len(maps.of_all([one, other])) == 1


def test_what_rules_make_of_a_map_each_in_its_own_way_is_kept_apart() -> None:
    to_port = [dnat({"map": {"key": PORT, "data": "@addresses"}}, port) for port in (80, 81, None)]
    from_port = [dnat(address, {"map": {"key": PORT, "data": "@ports"}}) for address in ("172.18.0.2", "172.18.0.3")]
    marks: list[object] = [
        {"mangle": {"key": key, "value": {"map": {"key": SOURCE, "data": "@marks"}}}}
        for key in ({"meta": {"key": "mark"}}, {"ct": {"key": "mark"}})
    ]
    for several in (to_port, from_port, marks):
        found = [map_in(rule).entries for rule in rules(*several)]
        assert len(set(found)) == len(several)


def test_entries_say_what_they_ask_for_and_where_they_lead() -> None:
    verdicts, addresses = rules(
        {"vmap": {"key": SOURCE, "data": "@verdicts"}}, dnat({"map": {"key": PORT, "data": "@addresses"}}, None)
    )
    one, other = (int(ip_address(f"10.0.0.{last}")) for last in (1, 2))
    (facts,) = Maps().of(verdicts)
    assert [entry.keys for entry in facts] == [{"saddr": ("address", one)}, {"saddr": ("address", other)}]
    assert [facts[number].jumps for number in range(len(facts))] == [(), ("other",)]
    (facts,) = Maps().of(addresses)
    to = ("address", int(ip_address("172.18.0.3")))
    assert facts[1].mentions == {("port", 443), to}
    assert facts[1].conditions == {("port", 443)}
    assert facts.form(1, {("port", 443): "@outer", to: "@inner"}) == (
        ("dport",),
        "@outer",
        ("dnat", "@inner", None, False),
    )
