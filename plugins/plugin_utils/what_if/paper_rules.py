# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Rules of iptables as they were read, to be changed on paper. Pure.

With nft beside it each rule is there twice: as a line of the save command, and in the JSON at the same place. A rule
that is added gets its place in the JSON as one that only iptables knows, so that its line counts (firewall/read.py).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset

_HOOKS = {
    ("raw", "PREROUTING"): ("filter", "prerouting", -300),
    ("raw", "OUTPUT"): ("filter", "output", -300),
    ("filter", "FORWARD"): ("filter", "forward", 0),
}
"""Base chains of tables that dockerd may be the first to use."""
_ONLY_IPTABLES = [{"xt": {"type": "target", "name": "on paper"}}]


class UndeterminedError(Exception):
    """What a change would do cannot be told; the message says why, and what to look at."""


@dataclass
class _Table:
    """One table of a save command's output."""

    declared: dict[str, str] = field(default_factory=dict)
    """Chains with their policies and counters, as they are declared."""
    rules: dict[str, list[str]] = field(default_factory=dict)
    """By chain, what stands behind its name in a line ``-A CHAIN ...``."""


class PaperRules:
    """The rules of one IP version in which dockerd has its own."""

    def __init__(self, ruleset: Ruleset, version: int) -> None:
        """Find them. Raises UndeterminedError where it is not clear which they are."""
        prefix = "ip6tables" if version == 6 else "iptables"
        found = [name for name, text in ruleset.save.items() if name.startswith(prefix) and "\n:DOCKER " in text]
        if len(found) != 1:
            many = "both backends of iptables have" if found else "no table of iptables has"
            raise UndeterminedError(f"{many} chains of dockerd for IPv{version}: look at {prefix}-save")
        self._source = found[0]
        self._family = "ip6" if version == 6 else "ip"
        self._tables = _parse(ruleset.save[self._source])
        self._json: list[dict[str, Any]] | None = None
        if ruleset.nft_json is not None and "legacy" not in self._source:
            self._json = json.loads(ruleset.nft_json)["nftables"]

    def chains(self, table: str) -> list[str]:
        """Names of the chains of a table; none for a table that is not there."""
        return list(self._tables[table].declared) if table in self._tables else []

    def rules(self, table: str, chain: str) -> Sequence[str]:
        """The rules of a chain as iptables prints them, without its name."""
        return self._tables[table].rules.get(chain, []) if table in self._tables else []

    def insert(self, table: str, chain: str, place: int, rule: str) -> None:
        """Put a rule at a place of a chain, counted from 0; chain and table are made where they are missing."""
        self._make(table, chain)
        rules = self._tables[table].rules.setdefault(chain, [])
        if self._json is not None:
            entries = self._entries(table, chain)
            entry = {"family": self._family, "table": table, "chain": chain, "handle": 0, "expr": _ONLY_IPTABLES}
            at = entries[place] if place < len(entries) else len(self._json)
            self._json.insert(at, {"rule": entry})
        rules.insert(place, rule)

    def remove(self, table: str, chain: str, place: int) -> None:
        """Take out the rule at a place of a chain."""
        if self._json is not None:
            del self._json[self._entries(table, chain)[place]]
        del self._tables[table].rules[chain][place]

    def close(self, table: str, chain: str) -> None:
        """Give a base chain the policy DROP."""
        self._make(table, chain)
        declared = self._tables[table].declared
        declared[chain] = f"DROP {declared[chain].partition(' ')[2]}"
        for item in self._json or ():
            body = item.get("chain")
            if isinstance(body, dict) and (body.get("family"), body.get("table"), body.get("name")) == (
                self._family,
                table,
                chain,
            ):
                body["policy"] = "drop"

    def written_to(self, ruleset: Ruleset) -> Ruleset:
        """Return the ruleset with these rules in place of what they were read from."""
        text = "".join(_table_text(name, table) for name, table in self._tables.items())
        first = ruleset.save[self._source].partition("\n")[0]
        text = f"{first}\n{text}" if first.startswith("#") else text
        save = {name: text if name == self._source else other for name, other in ruleset.save.items()}
        shown = ruleset.nft_json if self._json is None else json.dumps({"nftables": self._json})
        return replace(ruleset, save=save, nft_json=shown)

    def _make(self, table: str, chain: str) -> None:
        hook = _HOOKS.get((table, chain))
        made = self._tables.setdefault(table, _Table())
        made.declared.setdefault(chain, "ACCEPT [0:0]" if hook else "- [0:0]")
        if self._json is None or self._has("chain", table=table, name=chain):
            return
        if not self._has("table", name=table):
            self._json.append({"table": {"family": self._family, "name": table, "handle": 0}})
        entry: dict[str, Any] = {"family": self._family, "table": table, "name": chain, "handle": 0}
        if hook is not None:
            entry.update(zip(("type", "hook", "prio"), hook), policy="accept")
        self._json.append({"chain": entry})

    def _has(self, kind: str, **wanted: str) -> bool:
        return any(
            body.get("family") == self._family and all(body.get(key) == value for key, value in wanted.items())
            for item in self._json or ()
            for body in [item.get(kind)]
            if isinstance(body, dict)
        )

    def _entries(self, table: str, chain: str) -> list[int]:
        """Where the rules of a chain stand in the JSON. Raises UndeterminedError where these are not the same ones."""
        wanted = (self._family, table, chain)
        found = [
            place
            for place, item in enumerate(self._json or ())
            for body in [item.get("rule")]
            if isinstance(body, dict) and (body.get("family"), body.get("table"), body.get("chain")) == wanted
        ]
        if len(found) != len(self.rules(table, chain)):
            raise UndeterminedError(
                f"chain {chain} of table {' '.join(wanted[:2])} has rules that iptables does not show: "
                f"look at nft list chain {' '.join(wanted)}"
            )
        return found


def _parse(text: str) -> dict[str, _Table]:
    tables: dict[str, _Table] = {}
    table = _Table()
    for line in text.splitlines():
        if line.startswith("*"):
            table = tables.setdefault(line[1:].strip(), _Table())
        elif line.startswith(":"):
            chain, dummy, rest = line[1:].partition(" ")
            table.declared[chain] = rest
        elif line.startswith("-A "):
            chain, dummy, rule = line[3:].partition(" ")
            table.rules.setdefault(chain, []).append(rule)
    return tables


def _table_text(name: str, table: _Table) -> str:
    lines = [f"*{name}", *(f":{chain} {rest}" for chain, rest in table.declared.items())]
    lines += [f"-A {chain} {rule}" for chain, rules in table.rules.items() for rule in rules]
    return "\n".join([*lines, "COMMIT", ""])
