"""Text that is damaged, huge or made to mislead: an error that says where, or rules; never anything else."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    Match,
    Rule,
    RuleBook,
    RulesetError,
    Undecidable,
    Verdict,
)

from tests.unit.plugins.plugin_utils.firewall.rulesets import RECORDED, filter_rules, rules_of

SAVE = (RECORDED / "iptables-1.8.11.save").read_text(encoding="utf-8")
SHOWN = (RECORDED / "iptables-1.8.11.json").read_text(encoding="utf-8")
SETS = (RECORDED / "ipset-7.22.save").read_text(encoding="utf-8")
STRANGE = [
    "\x00",
    '"',
    "\\",
    "!",
    "-j",
    "-m",
    " ",
    "\n",
    "\t",
    "\r",
    "\udcff",
    "\u2028",
    "é",
    "[",
    "*",
    ":",
    "COMMIT\n",
    "-",
]


def read(save: str, sets: str = SETS, shown: str | None = None) -> RuleBook | None:
    """The rules, or None for an error that names source and line."""
    try:
        return read_rulebook(Ruleset({"iptables-nft-save": save}, shown, sets))
    except RulesetError as error:
        said = str(error)
    assert ", line " in said or said.startswith("nft -j"), said
    assert len(said) < 500
    return None


def cut(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text))]


def splice(text: str, chance: random.Random) -> str:
    start, end = sorted(chance.randrange(len(text)) for dummy in range(2))
    at = chance.randrange(len(text))
    return text[:at] + text[start:end] + text[at:]


def drop(text: str, chance: random.Random) -> str:
    start, end = sorted(chance.randrange(len(text)) for dummy in range(2))
    return text[:start] + text[min(end, start + 50) :]


def strange(text: str, chance: random.Random) -> str:
    places = [chance.randrange(len(text)) for dummy in range(chance.randrange(1, 5))]
    for at in places:
        text = text[:at] + chance.choice(STRANGE) + text[at + chance.randrange(2) :]
    return text


def shuffle(text: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    chance.shuffle(lines)
    return "".join(lines)


DAMAGES: list[Callable[[str, random.Random], str]] = [cut, splice, drop, strange, shuffle]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("seed", range(60))
def test_damaged_text(seed: int, damage: Callable[[str, random.Random], str]) -> None:
    chance = random.Random(seed)  # noqa: S311
    read(damage(SAVE, chance))
    read(SAVE, damage(SETS, chance))
    read(damage(SAVE, chance), SETS, SHOWN)


def test_a_text_that_ends_early_is_never_taken_for_a_whole_one() -> None:
    """Without its COMMIT a table is no table: rules that are not there would be missed."""
    lines = SAVE.splitlines(keepends=True)
    for count in range(1, len(lines)):
        text = "".join(lines[:count])
        whole = text.count("COMMIT\n") == sum(line.startswith("*") for line in lines[:count])
        assert (read(text) is not None) == whole


@pytest.mark.parametrize(
    "comment",
    [
        "a\nCOMMIT\n*nat\n:X - [0:0]",
        'x" -j ACCEPT -m comment --comment "',
        "-j ACCEPT",
        "\\",
        "\n" * 200,
        "\u2028-j DROP\x0b",
    ],
)
def test_a_comment_is_nothing_but_a_comment(comment: str) -> None:
    """Comments come from strangers; iptables-save prints them with line breaks, quoted."""
    quoted = comment.replace("\\", "\\\\").replace('"', '\\"')
    save = f'*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m comment --comment "{quoted}" -j DROP\nCOMMIT\n'
    book = read(save)
    assert book is not None
    ((rule,),) = [chain.rules for chain in book.chains.values()]
    assert rule.comment == comment
    assert rule.statements == (Verdict("drop"),)


def test_a_line_of_ten_megabytes() -> None:
    addresses = "-s 10.0.0.1 " * 900_000
    (rule,) = filter_rules(f"{addresses}-j DROP")
    assert len(rule.statements) == 900_001
    for hostile in ('"' * 10_000_000, "x" * 10_000_000, '"a' * 3_000_000, "-p " + "9" * 10_000_000):
        assert read(f"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT {hostile}\nCOMMIT\n") is None


def test_a_hundred_thousand_rules() -> None:
    rules = filter_rules("\n".join(f"-s 10.{n >> 16}.{n >> 8 & 255}.{n & 255}/32 -j DROP" for n in range(100_000)))
    assert len(rules) == 100_000
    assert rules[-1].number == 100_000


def test_chains_that_jump_in_a_ring() -> None:
    """The kernel takes none; a text can have them, and they are read as they stand."""
    ring = ":A - [0:0]\n:B - [0:0]\n-A A -j B\n-A B -j A\n-A A -j A\n"
    book = read(f"*filter\n:INPUT ACCEPT [0:0]\n{ring}-A INPUT -j A\nCOMMIT\n")
    assert book is not None
    assert len(book.chains) == 3


def nft_rules(*expressions: list[object]) -> list[Rule]:
    """Rules of one chain, from what nft prints as JSON."""
    of: dict[str, object] = {"family": "inet", "table": "t"}
    chain = {**of, "name": "forward", "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}
    rules = [{"rule": {**of, "chain": "forward", "expr": expression}} for expression in expressions]
    entries = [{"table": {"family": "inet", "name": "t"}}, {"chain": chain}, *rules]
    return rules_of(read_rulebook(Ruleset({}, json.dumps({"nftables": entries}))), "forward")


@pytest.mark.parametrize("place", [{"base": []}, {"base": {}, "offset": [], "len": {}}, {"base": "th", "offset": [0]}])
def test_a_place_in_the_packet_that_is_none(place: dict[str, object]) -> None:
    (rule,) = nft_rules([{"match": {"op": "==", "left": {"payload": place}, "right": 1}}])
    assert [type(match.test) for match in rule.statements if isinstance(match, Match)] == [Undecidable]


def test_a_rule_of_a_hundred_thousand_conditions() -> None:
    """Each protocol is asked for once, wherever it stands."""
    port = {"match": {"op": "==", "left": {"payload": {"protocol": "th", "field": "dport"}}, "right": 80}}
    protocols = [
        {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": number % 250}} for number in range(50_000)
    ]
    (rule,) = nft_rules([*[port] * 50_000, *protocols])
    assert len(rule.statements) == 50_250


@pytest.mark.parametrize("text", ["9" * 3_000_000, "0x" + "f" * 3_000_000])
def test_a_number_of_millions_of_digits_is_no_number(text: str) -> None:
    (rule,) = nft_rules([{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": text}}])
    assert [type(match.test) for match in rule.statements if isinstance(match, Match)] == [Undecidable]
