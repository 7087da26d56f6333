"""Tables of iptables-nft from the save command and from nft's JSON together."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    Match,
    NameStarts,
    OneOf,
    Rule,
    Undecidable,
    Unpredictable,
    Verdict,
    VerdictMap,
)

from tests.unit.plugins.plugin_utils.firewall.rulesets import recorded, rules_of, wordless


def compared_in(rule: Rule) -> dict[str, Any]:
    """Fields and what they are compared with, for conditions on one field."""
    return {match.fields[0]: match.test for match in rule.statements if isinstance(match, Match) and match.fields}


def is_known(rule: Rule) -> bool:
    return not any(
        isinstance(statement, Unpredictable)
        or (isinstance(statement, Match) and isinstance(statement.test, Undecidable))
        for statement in rule.statements
    )


def test_rules_that_the_save_command_shows_wrongly() -> None:
    """Sets, a named set and a verdict map of nft count, though iptables-nft-save leaves them out without a word."""
    rules = rules_of(read_rulebook(recorded("foreign")), "FORWARD")
    assert compared_in(rules[1])["dport"] == OneOf(frozenset({80, 443}))
    assert compared_in(rules[2]) == {"iif": OneOf(frozenset({"eth0", "eth1"}))}
    assert compared_in(rules[3]) == {"saddr": OneOf(frozenset({0x0A000007}))}
    assert any(isinstance(statement, VerdictMap) for statement in rules[4].statements)
    assert all(is_known(rule) for rule in rules)
    assert rules[0].text == "-A FORWARD -s 10.9.0.0/16 -m conntrack --ctstate NEW -j ACCEPT"
    assert rules[0].handle is not None
    assert rules[5].statements[-1] == Verdict("reject", reject_with="port-unreachable")


def test_a_missing_line_makes_no_place_trusted() -> None:
    """The save command of iptables 1.8.7 leaves whole rules out; then what only iptables knows is not known."""
    raw = recorded("foreign")
    ((name, save),) = raw.save.items()
    fewer = replace(raw, save={name: save.replace("-A FORWARD -j DROP\n", "")})
    rules = rules_of(read_rulebook(fewer), "FORWARD")
    assert [is_known(rule) for rule in rules] == [False, True, True, True, True, False]


def test_a_line_that_says_something_else_is_not_taken() -> None:
    """Where the words of nft itself are not in the line, both are not the same rule."""
    raw = recorded("foreign")
    ((name, save),) = raw.save.items()
    other = replace(raw, save={name: save.replace("-s 10.9.0.0/16", "-s 10.8.0.0/16")})
    rules = rules_of(read_rulebook(other), "FORWARD")
    assert [is_known(rule) for rule in rules] == [False, True, True, True, True, True]


def test_base_chains_that_do_not_exist() -> None:
    """iptables-nft-save shows INPUT and OUTPUT; nft says that there is only FORWARD."""
    raw = recorded("foreign")
    assert {chain.name for chain in read_rulebook(raw).chains.values()} == {"FORWARD"}
    assert {chain.name for chain in read_rulebook(replace(raw, nft_json=None)).chains.values()} == {"FORWARD"}


@pytest.mark.parametrize("name", ["iptables-1.8.7", "iptables-1.8.9", "iptables-1.8.11", "ip6tables-1.8.7"])
def test_the_join_says_what_the_save_command_says(name: str) -> None:
    """Where iptables alone made the rules, the JSON adds handles and changes nothing."""
    raw = recorded(name)
    joined = read_rulebook(raw)
    saved = read_rulebook(replace(raw, nft_json=None))
    compared = 0
    for key, chain in saved.chains.items():
        assert len(joined.chains[key].rules) == len(chain.rules)
        for line, rule in zip(chain.rules, joined.chains[key].rules):
            assert rule.text == line.text
            assert rule.comment == line.comment
            assert rule.handle is not None
            if is_known(rule):
                assert {wordless(each) for each in rule.statements if not _says_the_same(each)} == {
                    wordless(each) for each in line.statements if not _says_the_same(each)
                }
            compared += 1
    assert compared > 25


def _says_the_same(statement: object) -> bool:
    """Conditions for which nft and iptables have different words of the same meaning."""
    return isinstance(statement, Match) and (
        statement.fields in (("fragment",), ("tcp_flags",))
        or statement.test in (NameStarts(frozenset({""})), OneOf(frozenset({"INVAL/D"})))
    )


def test_a_table_that_the_save_command_cannot_show() -> None:
    """Without nft's JSON it is a problem of the book; with it, nothing is missing."""
    hidden = "# Table `filter' is incompatible, use 'nft' tool.\n"
    problems = " ".join(read_rulebook(Ruleset({"iptables-nft-save": hidden})).problems)
    assert "iptables-nft-save cannot show" in problems
    assert ": Table `filter'" in problems
    raw = recorded("foreign")
    book = read_rulebook(replace(raw, save={"iptables-nft-save": hidden}))
    assert book.problems == ()
    assert len(rules_of(book, "FORWARD")) == 6


def test_chains_that_were_read_one_by_one() -> None:
    """A chain counts as iptables -S shows it where the table as a whole could not be shown."""
    raw = recorded("foreign")
    assert not is_known(rules_of(read_rulebook(replace(raw, save={})), "FORWARD")[0])
    lines = [line for line in raw.save["iptables-nft-save"].splitlines() if line.startswith("-A FORWARD")]
    listed = {"ip filter": "\n".join(["-P FORWARD ACCEPT", *lines, ""])}
    book = read_rulebook(replace(raw, save={}, listed=listed))
    assert book == read_rulebook(raw)


def test_rules_that_nft_does_not_know() -> None:
    """Two sources that do not belong to one ruleset are said to be so."""
    raw = replace(recorded("foreign"), nft_json=json.dumps({"nftables": []}))
    assert "FORWARD of table ip filter" in read_rulebook(raw).problems[0]


def test_plain_names_belong_to_either_backend() -> None:
    """The first line of the output says which."""
    save = "*filter\n:INPUT DROP [0:0]\nCOMMIT\n"
    for head, backend in (
        ("# Generated by iptables-save v1.8.11 (nf_tables)", "nft"),
        ("# Generated by iptables-save v1.8.11 on", "legacy"),
    ):
        book = read_rulebook(Ruleset({"iptables-save": f"{head}\n{save}"}))
        assert [chain.backend for chain in book.chains.values()] == [backend]
