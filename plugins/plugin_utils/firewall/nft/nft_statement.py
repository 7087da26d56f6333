# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Statements of nft (nft(8), STATEMENTS; libnftables-json(5), STATEMENTS) as those of the evaluator."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import ACCEPT, CONTINUE, DROP, GOTO, JUMP, REJECT, RETURN
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_text import expression_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_match import map_entries, match_statements, one_of_tests, set_elements
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_mangle import mangle_statements
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_match import Table, undecidable
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_nat import nat_statements
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_operand import (
    TCP_NEED,
    family_need,
    needs_in,
    operand_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    Match,
    Notrack,
    Statement,
    Unpredictable,
    Verdict,
    VerdictMap,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import (
    CT_ESTABLISHED,
    CT_RELATED,
    AnyBit,
    Undecidable,
)

_SIMPLE_VERDICTS = (ACCEPT, DROP, RETURN, CONTINUE)

# They neither decide nor change what a rule can ask for. A duplicate is another packet.
_WITHOUT_EFFECT = (
    "log",
    "last",
    "dup",
    "ct helper",
    "ct timeout",
    "ct expectation",
    "secmark",
    "reset",
    "optstrip",
    "comment",
)
_PRINTS_CONDITIONS_OF_SETS = (1, 0, 6)
"""nft 0.9.8 leaves out of ``update @s { ip saddr limit rate over 10/second } drop`` what stands behind the element."""
_COUNTING = ("counter", "last")
_CONDITIONS = ("limit", "quota", "ct count", "meter", "connlimit")

# Kinds of reject by their address family: what nft asks for beforehand and does not print.
_REJECT_FAMILIES = {"icmp": "ip", "icmpv6": "ip6"}

# ip_tables matches and watchers decide or observe, targets act (struct xt_match, xt_target).
_XT_WATCHER = "watcher"
_XT_MATCH = "match"


Body = dict[str, object]


class Setting(NamedTuple):
    """What a statement stands in, and its own words."""

    table: Table
    text: str
    last: bool
    """Whether no other statement follows it in its rule."""


def statements_of(node: object, at: Setting) -> list[Statement]:
    """One statement of a rule in the evaluator's words; nothing for what has no effect."""
    if not isinstance(node, dict) or len(node) != 1:
        return [Unpredictable(at.text)]
    kind, body = next(iter(node.items()))
    verdict = verdict_of(node)
    if verdict is not None:
        return [verdict]
    if kind in _WITHOUT_EFFECT:
        return []
    if kind in _CONDITIONS:
        return [undecidable(at.text)]
    read = _READERS.get(kind)
    return [Unpredictable(at.text)] if read is None else read(str(kind), body if isinstance(body, dict) else {}, at)


def verdict_of(node: object) -> Optional[Verdict]:
    """A verdict, as it stands in a rule or in a verdict map."""
    if not isinstance(node, dict) or len(node) != 1:
        return None
    kind, body = next(iter(node.items()))
    if kind in _SIMPLE_VERDICTS:
        return Verdict(kind)
    if kind in (JUMP, GOTO) and isinstance(body, dict) and isinstance(body.get("target"), str):
        return Verdict(kind, body["target"])
    return None


def _match(dummy: str, body: Body, at: Setting) -> list[Statement]:
    return match_statements(body, at.table, at.text)


def _mangle(dummy: str, body: Body, at: Setting) -> list[Statement]:
    return mangle_statements(body, at.table, at.text)


def _translation(kind: str, body: Body, at: Setting) -> list[Statement]:
    return nat_statements(kind, body, at.table, at.text)


def _notrack(dummy: str, __: Body, ___: Setting) -> list[Statement]:
    return [Notrack()]


def _reject(dummy: str, body: Body, at: Setting) -> list[Statement]:
    if at.table.family == "bridge":
        # What it sends goes back by the port, past all hooks.
        return [Unpredictable(at.text)]
    kind = str(body.get("type", "icmpx"))
    if kind == "tcp reset":
        return [TCP_NEED, Verdict(REJECT, reject_with="tcp reset")]
    reason = body.get("expr", "port-unreachable")
    needs = needs_in(at.table.family, family_need(_REJECT_FAMILIES.get(kind)))
    return [*needs, Verdict(REJECT, reject_with=expression_text(reason))]


def _xt(dummy: str, body: Body, at: Setting) -> list[Statement]:
    kind = body.get("type")
    if kind == _XT_WATCHER:
        return []
    return [undecidable(at.text) if kind == _XT_MATCH else Unpredictable(at.text)]


def _counter(dummy: str, body: Body, at: Setting) -> list[Statement]:
    """A counter counts; one that is looked up in a map ends the rule where the map has none."""
    looked_up = body.get("map")
    if not isinstance(looked_up, dict):
        return []
    found = map_entries(looked_up.get("key"), looked_up.get("data"), at.table)
    if found is None:
        return [undecidable(at.text)]
    operand, entries = found
    condition = one_of_tests(operand, [test for test, dummy in entries], at.text, negated=False)
    return [*needs_in(at.table.family, operand.needs), condition]


def _vmap(dummy: str, body: Body, at: Setting) -> list[Statement]:
    found = map_entries(body.get("key"), body.get("data"), at.table)
    if found is None:
        return _undecidable_vmap(body, at)
    operand, pairs = found
    entries = at.table.sets.results(pairs, "verdict", verdict_of)
    if entries is None:
        return [Unpredictable(at.text)]
    return [*needs_in(at.table.family, operand.needs), VerdictMap(operand.fields, entries, at.text)]


def _undecidable_vmap(body: Body, at: Setting) -> list[Statement]:
    """Any of the verdicts, or none, where it is not known what is looked up."""
    elements = set_elements(body.get("data"), at.table)
    pairs = [pair for pair in elements or () if isinstance(pair, list) and len(pair) == 2]
    verdicts = list(dict.fromkeys(verdict_of(pair[1]) for pair in pairs))
    if elements is None or len(pairs) != len(elements) or None in verdicts:
        return [Unpredictable(at.text)]
    entries = tuple((Undecidable(at.text), verdict) for verdict in verdicts if verdict is not None)
    return [VerdictMap((), entries, at.text)]


def _dynamic_set(dummy: str, body: Body, at: Setting) -> list[Statement]:
    """A rule that writes to a set: later packets may find it there, and so may this one, in another rule."""
    if not at.last and at.table.version < _PRINTS_CONDITIONS_OF_SETS:
        return [undecidable(at.text)]
    conditions = body.get("stmt", [])
    if not isinstance(conditions, list) or any(_is_condition(node) for node in conditions):
        return [undecidable(at.text)]
    name = str(body.get("set", body.get("map", ""))).lstrip("@")
    if at.table.sets.is_looked_up(at.table.family, at.table.name, name):
        return [Unpredictable(f"{at.text}, and other rules ask for what is in that set")]
    return _needs_of_set(body, at)


def _needs_of_set(body: Body, at: Setting) -> list[Statement]:
    """What a packet must have to be written down: the rule ends for any other, and nft does not print that."""
    needs: dict[Match, None] = {}
    for node in (_written(body), body.get("data")):
        if isinstance(node, dict):
            operand = operand_of(node)
            if operand is None:
                return [undecidable(at.text)]
            needs.update(dict.fromkeys(operand.needs))
    return [*needs_in(at.table.family, tuple(needs))]


def _written(body: Body) -> object:
    """The element, without its timeout and comment."""
    element = body.get("elem")
    wrapped = element.get("elem") if isinstance(element, dict) else None
    return wrapped.get("val") if isinstance(wrapped, dict) else element


def _is_condition(node: object) -> bool:
    return not (isinstance(node, dict) and set(node) <= set(_COUNTING))


def _flow(dummy: str, __: Body, at: Setting) -> list[Statement]:
    """Offloading: it ends the rule for what is no established connection (nft_flow_offload_eval: NFT_BREAK).

    Connections that it takes have come this way already, in both directions, so that it changes nothing for them.
    """
    if at.last:
        return []
    established = Match(("ct_state",), AnyBit(CT_ESTABLISHED | CT_RELATED), text="established")
    return [established, undecidable(at.text)]


_READERS: dict[str, Callable[[str, Body, Setting], list[Statement]]] = {
    "match": _match,
    "vmap": _vmap,
    "mangle": _mangle,
    "dnat": _translation,
    "snat": _translation,
    "masquerade": _translation,
    "redirect": _translation,
    "notrack": _notrack,
    "reject": _reject,
    "xt": _xt,
    "counter": _counter,
    "set": _dynamic_set,
    "map": _dynamic_set,
    "flow": _flow,
}
