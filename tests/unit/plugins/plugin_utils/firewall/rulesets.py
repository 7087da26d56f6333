"""Recorded rulesets, and statements without the words in which they were written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyOf,
    Match,
    Rule,
    RuleBook,
    Statement,
)

RECORDED = Path(__file__).parents[3] / "fixtures" / "rulesets"


def recorded(name: str) -> Ruleset:
    """A recording of iptables-nft-save (or ip6tables-nft-save) and nft, taken at one time."""
    source = f"{'ip6tables' if name.startswith('ip6') else 'iptables'}-nft-save"
    save = (RECORDED / f"{name}.save").read_text(encoding="utf-8")
    return Ruleset({source: save}, (RECORDED / f"{name}.json").read_text(encoding="utf-8"))


def filter_rules(text: str, ipsets: str = "", family: int = 4) -> list[Rule]:
    """The rules of these lines, each of which is one of chain INPUT in table filter, without ``-A INPUT``."""
    lines = "".join(f"-A INPUT {line}\n" for line in text.splitlines())
    save = f"*filter\n:INPUT ACCEPT [0:0]\n:CHAIN - [0:0]\n{lines}COMMIT\n"
    source = "iptables-legacy-save" if family == 4 else "ip6tables-legacy-save"
    return rules_of(read_rulebook(Ruleset({source: save}, ipsets=ipsets)), "INPUT")


def rules_of(book: RuleBook, name: str) -> list[Rule]:
    """The rules of the only chain of that name."""
    (chain,) = (chain for chain in book.chains.values() if chain.name == name)
    return list(chain.rules)


def wordless(statement: Statement) -> Statement:
    """The statement without its text."""
    if isinstance(statement, Match):
        return replace(statement, text="")
    if isinstance(statement, AnyOf):
        return replace(statement, text="", matches=tuple(replace(match, text="") for match in statement.matches))
    return statement
