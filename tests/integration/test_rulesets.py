# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that went through a host's own iptables and nft mean the same afterwards."""

from __future__ import annotations

import re

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import RuleBook

from tests.differential.rules_iptables import restore_script
from tests.differential.rules_words import Words
from tests.lab.host import Host
from tests.lab.identity import ROOT

RECORDED = ROOT / "tests/unit/fixtures/rulesets"
# In a network namespace of its own: the host's rules stay as they are.
PROGRAM = "$1-$2-restore && $1-$2-save && printf '\\0' && nft -j list ruleset"

LOAD_BOTH = """
cd "$(mktemp -d)" && trap 'rm -r "$PWD"' EXIT && cat >both && sed '/^#6$/,$d' both >four && sed '1,/^#6$/d' both >six
iptables-nft-restore <four >&2 && ip6tables-nft-restore <six >&2 || exit 1
iptables-nft-save && printf '\\0' && ip6tables-nft-save && printf '\\0' && nft -j list ruleset
"""
# A rule that another program wrote in nft's own words into a table of iptables: what is shown before and after asking.
FOREIGN = """
iptables-nft -N OWN && iptables-nft -A OWN -m conntrack --ctstate NEW -m comment --comment "a b" -j DROP
iptables-nft -A FORWARD -j OWN && nft add rule ip filter FORWARD $1 && nft list ruleset && printf '\\0'
iptables-nft -S OWN && printf '\\0' && nft -j list ruleset && printf '\\0' && nft list ruleset
"""

Meanings = dict[tuple[str, str, int], str]


@pytest.mark.engines
@pytest.mark.smoke
@pytest.mark.parametrize("program", ["iptables", "ip6tables"])
@pytest.mark.parametrize("backend", ["nft", "legacy"])
def test_every_rule_comes_back_with_its_meaning(engine_host: Host, program: str, backend: str) -> None:
    """Nearly all matches and targets of iptables, as each version shows them, alone and together with nft's JSON."""
    recorded = (RECORDED / f"{program}-1.8.7.save").read_text(encoding="utf-8")
    command = ["unshare", "--net", "sh", "-c", PROGRAM, "sh", program, backend]
    save, shown = engine_host.run(command, stdin=recorded).out.split("\0")
    source = f"{program}-{backend}-save"
    wanted = meanings(read_rulebook(Ruleset({source: recorded})))
    assert meanings(read_rulebook(Ruleset({source: save}))) == wanted
    joined = read_rulebook(Ruleset({source: save}, shown))
    assert joined.problems == ()
    assert doubtful(meanings(joined)) == doubtful(wanted)


@pytest.mark.engines
@pytest.mark.parametrize("seed", range(6))
def test_what_iptables_made_is_known_from_both_sources(engine_host: Host, seed: int) -> None:
    """Rules of the differential's generator: each stands in both sources at one place, and they agree about it."""
    words = Words(seed)
    scripts = [restore_script(words, family, sets=False) for family in (4, 6)]
    command = ["unshare", "--net", "sh", "-c", LOAD_BOTH]
    four, six, shown = engine_host.run(command, stdin="#6\n".join(scripts)).out.split("\0")
    save = {"iptables-nft-save": four, "ip6tables-nft-save": six}
    joined = read_rulebook(Ruleset(save, shown))
    assert joined.problems == ()
    assert doubtful(meanings(joined)) == set()
    words_of = [rule.text for chain in joined.chains.values() for rule in chain.rules]
    saved = [line for text in save.values() for line in text.splitlines() if line.startswith("-A")]
    assert sorted(words_of) == sorted(saved)


@pytest.mark.engines
@pytest.mark.parametrize("rule", ["ct state new accept", "ip saddr 10.0.0.1-10.0.0.9 accept"])
def test_a_chain_is_known_beside_one_that_iptables_cannot_show(engine_host: Host, rule: str) -> None:
    """The chain alone is shown by iptables -S, which leaves the ruleset as it was."""
    command = ["unshare", "--net", "sh", "-c", FOREIGN, "sh", rule]
    before, listed, shown, after = engine_host.run(command).out.split("\0")
    assert after == before
    book = read_rulebook(Ruleset({}, shown, listed={"ip filter": listed}))
    assert doubtful(meanings(book)) == set()
    (own,) = (chain for chain in book.chains.values() if chain.name == "OWN")
    assert [each.comment for each in own.rules] == ["a b"]


def meanings(book: RuleBook) -> Meanings:
    """What each rule does, without the words for it."""
    return {
        (chain.table, chain.name, rule.number): re.sub(r"text=('[^']*'|\"[^\"]*\")", "", repr(rule.statements))
        for chain in book.chains.values()
        for rule in chain.rules
    }


def doubtful(of: Meanings) -> set[tuple[str, str, int]]:
    """The rules that only the running kernel can decide."""
    return {key for key, meaning in of.items() if "Undecidable" in meaning or "Unpredictable" in meaning}
