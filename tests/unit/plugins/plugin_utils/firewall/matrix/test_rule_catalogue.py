# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rules may change places."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.rule_catalogue import (
    RuleEffects,
    commute,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook

RULES = """*filter
:FORWARD ACCEPT [0:0]
:ALLOW - [0:0]
:ALLOW-SOME - [0:0]
:DENY - [0:0]
:BOTH - [0:0]
:EMPTY - [0:0]
-A FORWARD {one}
-A FORWARD {other}
-A ALLOW -s 192.0.2.1/32 -j ACCEPT
-A ALLOW -j RETURN
-A ALLOW-SOME -j ALLOW
-A DENY -j DROP
-A BOTH -s 192.0.2.1/32 -j ACCEPT
-A BOTH -j DROP
COMMIT
"""


@pytest.mark.parametrize(
    ("one", "other", "may_change_places"),
    [
        ("-j ACCEPT", "-i eth0 -j ACCEPT", True),
        ("-j ACCEPT", "-i eth0 -j DROP", False),
        ("-j DROP", "-i eth0 -j DROP", True),
        ("-j DROP", "-j REJECT", False),
        ("-j ACCEPT", "-j ALLOW", True),
        ("-j ALLOW-SOME", "-j ALLOW", True),
        ("-j DROP", "-j DENY", True),
        ("-j ACCEPT", "-j DENY", False),
        ("-j ACCEPT", "-j BOTH", False),
        ("-j BOTH", "-j BOTH", False),
        ("-j DROP", "-j EMPTY", True),
        ("-j BOTH", "-j EMPTY", True),
        # It ends the chain, so what follows does not count.
        ("-j ACCEPT", "-j RETURN", False),
        ("-j ACCEPT", "-g ALLOW", False),
    ],
)
def test_two_rules(one: str, other: str, *, may_change_places: bool) -> None:
    book = read_rulebook(Ruleset({"iptables-nft-save": RULES.format(one=one, other=other)}))
    chain = next(chain for chain in book.chains.values() if chain.name == "FORWARD")
    effects = RuleEffects(book)
    first, second = (effects.of(rule, chain) for rule in chain.rules)
    assert commute(first, second) is may_change_places


def test_two_translations() -> None:
    rules = ("-s 192.0.2.0/24 -j MASQUERADE", "-s 198.51.100.0/24 -j MASQUERADE", "-j SNAT --to-source 192.0.2.9")
    lines = "".join(f"-A POSTROUTING {rule}\n" for rule in rules)
    save = f"*nat\n:POSTROUTING ACCEPT [0:0]\n{lines}COMMIT\n"
    book = read_rulebook(Ruleset({"iptables-nft-save": save}))
    chain = next(chain for chain in book.chains.values() if chain.name == "POSTROUTING")
    one, other, snat = (RuleEffects(book).of(rule, chain) for rule in chain.rules)
    assert commute(one, other)
    assert not commute(one, snat)
