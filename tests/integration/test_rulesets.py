# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that went through a host's own iptables and nft mean the same afterwards."""

from __future__ import annotations

import re

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.read import read_rulebook
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import RuleBook
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset

from tests.lab.host import Host
from tests.lab.identity import ROOT

RECORDED = ROOT / "tests/unit/fixtures/rulesets"
# In a network namespace of its own: the host's rules stay as they are.
PROGRAM = "$1-$2-restore && $1-$2-save && printf '\\0' && nft -j list ruleset"

Meanings = dict[tuple[str, str, int], str]


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
