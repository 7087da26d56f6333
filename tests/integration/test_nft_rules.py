"""Each host's own nft, from 0.9.8 on: what it prints is understood, and it takes back what is shown to people.

nft_rules.txt has the rules: those that are understood, and those that are open, as only the kernel can answer them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.ruleset_json import parse_nft
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import Rule

from tests.lab.host import Host

_SECTION = re.compile(r"^\[(\w+) ([\d.]+)\]\n((?:.+\n)*)", re.MULTILINE)
_CATALOGUE = _SECTION.findall((Path(__file__).parent / "nft_rules.txt").read_text())

# In a network namespace of its own, so that nothing of it stays.
_LOAD_AND_LIST = "unshare --net sh -c 'nft -f - && nft -j list ruleset'"


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _lines(host: Host, name: str) -> list[str]:
    """The lines of that name which the host's nft knows."""
    version = _version(host.run(["nft", "--version"]).out)
    sections = [lines for section, since, lines in _CATALOGUE if section == name and _version(since) <= version]
    assert sections
    return [line for lines in sections for line in lines.splitlines()]


def _listed(host: Host, rules: list[tuple[str, str]]) -> str:
    """What nft prints of rules in a chain of these families."""
    commands = [*_lines(host, "commands"), *(f"add rule {family} t c {rule}" for family, rule in rules)]
    return host.run(_LOAD_AND_LIST, stdin="\n".join(commands) + "\n").out


def _catalogued(host: Host, name: str) -> list[tuple[str, str]]:
    parts = (line.partition(" ") for line in _lines(host, name))
    return [(family, rule) for family, dummy, rule in parts]


def _expressions(text: str) -> list[Any]:
    """Family and statements of each rule."""
    rules = [item["rule"] for item in json.loads(text)["nftables"] if "rule" in item]
    return [(rule["family"], rule["expr"]) for rule in rules]


def _rules(text: str) -> list[Rule]:
    return [rule for chain in parse_nft(text).chains for rule in chain.chain.rules]


def _is_open(rule: Rule) -> bool:
    return "Undecidable(" in repr(rule.statements) or "Unpredictable(" in repr(rule.statements)


@pytest.mark.kinds("debian11", "debian12", "debian13")
def test_what_nft_prints_is_understood(engine_host: Host) -> None:
    rules = _rules(_listed(engine_host, _catalogued(engine_host, "understood")))
    assert rules
    assert [rule.text for rule in rules if _is_open(rule)] == []


@pytest.mark.kinds("debian11", "debian12", "debian13")
def test_what_only_the_kernel_can_answer_is_left_open(engine_host: Host) -> None:
    rules = _rules(_listed(engine_host, _catalogued(engine_host, "open")))
    assert rules
    assert [rule.text for rule in rules if not _is_open(rule)] == []


@pytest.mark.kinds("debian13")
def test_what_people_are_shown_is_taken_back(engine_host: Host) -> None:
    """Older versions have other words in a few places."""
    text = _listed(engine_host, _catalogued(engine_host, "understood"))
    families = [family for family, dummy in _expressions(text)]
    shown = [rule.text for rule in _rules(text)]
    assert _expressions(_listed(engine_host, list(zip(families, shown, strict=True)))) == _expressions(text)
