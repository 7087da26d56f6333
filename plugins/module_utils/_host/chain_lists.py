# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Single chains of iptables-nft, where its save command cannot show their table.

Rules that other software put into one chain make iptables-nft-save leave out the whole table, or end in the middle of
it. ``iptables-nft -S CHAIN`` looks at that chain alone. It changes nothing and creates no table (seen with 1.8.7, 1.8.9
and 1.8.11).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import Run

# The families whose tables they show, by the names of nft(8), and those tables (xtables-nft(8)).
FAMILIES = {"iptables": "ip", "ip6tables": "ip6"}
OWN_TABLES = ("raw", "mangle", "nat", "filter", "security")

# What iptables-nft-save says of a table that it leaves out (xtables-save.c).
_LEFT_OUT = "# Table `{table}' is incompatible"
# Names come from strangers: one that looks like an option (-F, say) must never stand where an option can.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][^\s]*")
# A program is started for each chain.
_MOST_CHAINS = 500


def unshown_chains(saved: Optional[str], nft_json: str, family: str) -> list[tuple[str, str]]:
    """Tables and chains of iptables that need its words and are not in the save command's output (None: it has none).

    Chains in which nft can show everything by itself are not among them, nor those beyond the first 500.
    """
    if saved is not None and _LEFT_OUT.partition("{")[0] not in saved:
        return []
    chains = [
        (table, chain)
        for table, chain in _with_extensions(nft_json, family)
        if saved is None or _LEFT_OUT.format(table=table) in saved
    ]
    return chains[:_MOST_CHAINS]


def list_chains(run: Run, command: str, chains: Iterable[tuple[str, str]], family: str) -> dict[str, str]:
    """What ``command -S`` shows of these chains, by family and table; what it cannot show either is left out."""
    listed: dict[str, str] = {}
    for table, chain in chains:
        status, output, dummy = run([command, "-t", table, "-S", chain])
        if status == 0:
            key = f"{family} {table}"
            listed[key] = listed.get(key, "") + output
    return listed


def _with_extensions(nft_json: str, family: str) -> Iterator[tuple[str, str]]:
    """Tables and chains of iptables that have rules with a node ``xt``, each once."""
    known: set[tuple[str, str]] = set()
    for item in _objects(nft_json):
        rule = item.get("rule") if isinstance(item, dict) else None
        if not isinstance(rule, dict) or rule.get("family") != family:
            continue
        place = (str(rule.get("table")), str(rule.get("chain")))
        nodes = rule.get("expr")
        if place in known or place[0] not in OWN_TABLES or not _PLAIN_NAME.fullmatch(place[1]):
            continue
        if isinstance(nodes, list) and any(isinstance(node, dict) and "xt" in node for node in nodes):
            known.add(place)
            yield place


def _objects(nft_json: str) -> list[Any]:
    try:
        found = json.loads(nft_json)["nftables"]
    except (ValueError, LookupError, TypeError, RecursionError):
        # Whoever parses the text says what is wrong with it.
        return []
    return found if isinstance(found, list) else []
