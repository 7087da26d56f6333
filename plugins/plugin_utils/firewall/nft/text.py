# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Rules of nft in words, from their JSON: as close to ``nft list`` as it takes for people to recognise them.

nft itself can print both forms, but not for the same reading of the ruleset.
"""

from __future__ import annotations

import json
from collections.abc import Callable

_LONGEST = 200
"""Characters of JSON that stand for what has no words here."""

_HARD = frozenset(" \t\n\"'\\{}()*@#;,")
_NAMED = {"counter": "name", "limit": "name", "quota": "name", "ct helper": "set", "ct timeout": "set"}
_OF_BITS = ("tcp flags", "ct status", "ct state")


def statement_text(node: object) -> str:
    """One statement in words."""
    if not isinstance(node, dict) or len(node) != 1:
        return _as_json(node)
    kind, body = next(iter(node.items()))
    if body is None:
        return str(kind)
    if kind in _NAMED and isinstance(body, str):
        return f'{kind} {_NAMED[kind]} "{body}"'
    if kind in _STATEMENTS and isinstance(body, dict):
        return _STATEMENTS[kind](kind, body)
    return f"{kind} {_as_json(body)}"


Body = dict[str, object]


def _jump(kind: str, body: Body) -> str:
    return f"{kind} {body.get('target')}"


def _vmap(dummy: str, body: Body) -> str:
    return f"{expression_text(body.get('key'))} vmap {expression_text(body.get('data'))}"


def _mangle(dummy: str, body: Body) -> str:
    return f"{expression_text(body.get('key'))} set {expression_text(body.get('value'))}"


def _counter(dummy: str, body: Body) -> str:
    return f"counter name {expression_text({'map': body['map']})}" if "map" in body else "counter"


def _quota(dummy: str, body: Body) -> str:
    return f"quota {_over(body)}{body.get('val')} {body.get('val_unit')}"


def _ct_count(dummy: str, body: Body) -> str:
    return f"ct count {_over(body)}{body.get('val')}"


def _log(dummy: str, body: Body) -> str:
    words = [f"{key} {_quoted(value) if key == 'prefix' else expression_text(value)}" for key, value in body.items()]
    return " ".join(["log", *words])


def _reset(dummy: str, body: Body) -> str:
    return f"reset {expression_text(body)}"


def _flow(dummy: str, body: Body) -> str:
    return f"flow {body.get('op')} {body.get('flowtable')}"


def _xt(dummy: str, body: Body) -> str:
    return f'xt {body.get("type")} "{body.get("name")}"'


def _match(dummy: str, body: Body) -> str:
    op = body.get("op")
    sign = "" if op in ("==", "in") else f"{op} "
    left, right = body.get("left"), body.get("right")
    subject = expression_text(left)
    if isinstance(left, dict) and isinstance(right, bool):
        return f"{subject} {'exists' if right else 'missing'}"
    if isinstance(right, list):
        return f"{subject} {sign}{','.join(expression_text(item) for item in right)}"
    is_set = (isinstance(right, dict) and "set" in right) or (isinstance(right, str) and right.startswith("@"))
    if op == "==" and not is_set and (subject in _OF_BITS or (isinstance(left, dict) and "&" in left)):
        # Without the sign it would ask for any of the bits.
        sign = "== "
    return f"{subject} {sign}{expression_text(right)}"


def _nat(kind: str, body: Body) -> str:
    words = [kind]
    address, port = body.get("addr"), body.get("port")
    flags = [str(flag) for flag in _listed(body.get("flags", []))]
    if address is not None or port is not None:
        family = f"{body['family']} " if "family" in body else ""
        where = "" if address is None else expression_text(address)
        if port is not None and isinstance(address, str) and ":" in address:
            where = f"[{where}]"
        prefix = "prefix " if "netmap" in flags else ""
        words.append(f"{family}{prefix}to {where}" + ("" if port is None else f":{expression_text(port)}"))
    words.extend(flag for flag in flags if flag != "netmap")
    return " ".join(words)


def _reject(dummy: str, body: Body) -> str:
    kind = body.get("type")
    reason = "" if "expr" not in body else f" {expression_text(body['expr'])}"
    return f"reject with {kind}{reason}" if kind is not None else "reject"


def _limit(dummy: str, body: Body) -> str:
    unit = body.get("rate_unit")
    rate = body.get("rate") if unit in (None, "packets") else f"{body.get('rate')} {unit}"
    burst = f" burst {body['burst']} {body.get('burst_unit', 'packets')}" if "burst" in body else ""
    return f"limit rate {_over(body)}{rate}/{body.get('per')}{burst}"


def _listed(node: object) -> list[object]:
    return node if isinstance(node, list) else [node]


def _over(body: Body) -> str:
    return "over " if body.get("inv") is True else ""


def _set_statement(dummy: str, body: Body) -> str:
    conditions = body.get("stmt")
    inner = [statement_text(node) for node in conditions] if isinstance(conditions, list) else []
    return f"{body.get('op')} {body.get('set')} {{ {' '.join([expression_text(body.get('elem')), *inner])} }}"


def _map_statement(dummy: str, body: Body) -> str:
    pair = f"{expression_text(body.get('elem'))} : {expression_text(body.get('data'))}"
    return f"{body.get('op')} {body.get('map')} {{ {pair} }}"


_STATEMENTS: dict[str, Callable[[str, Body], str]] = {
    "jump": _jump,
    "goto": _jump,
    "match": _match,
    "vmap": _vmap,
    "counter": _counter,
    "mangle": _mangle,
    "dnat": _nat,
    "snat": _nat,
    "redirect": _nat,
    "masquerade": _nat,
    "reject": _reject,
    "limit": _limit,
    "quota": _quota,
    "ct count": _ct_count,
    "log": _log,
    "set": _set_statement,
    "map": _map_statement,
    "reset": _reset,
    "flow": _flow,
    "xt": _xt,
}


def expression_text(node: object) -> str:
    """An expression or a value in words."""
    if isinstance(node, str):
        return node if node == "*" or node.startswith("@") or _HARD.isdisjoint(node) else f'"{node}"'
    if isinstance(node, bool) or not isinstance(node, (dict, list)):
        return _as_json(node)
    if isinstance(node, list):
        return ", ".join(_pair_or_value(item) for item in node)
    if len(node) != 1:
        return _as_json(node)
    kind, body = next(iter(node.items()))
    if kind in ("&", "|", "^", "<<", ">>") and isinstance(body, list):
        return f" {kind} ".join(_operand(item) for item in body)
    if kind == "concat" and isinstance(body, list):
        return " . ".join(expression_text(item) for item in body)
    if kind == "set":
        return f"{{ {expression_text(body if isinstance(body, list) else [body])} }}"
    if kind == "range" and isinstance(body, list):
        return "-".join(expression_text(item) for item in body)
    if isinstance(body, dict):
        return _primary(str(kind), body)
    return str(kind) if body is None else _as_json(node)


def _operand(node: object) -> str:
    text = expression_text(node)
    return f"({text})" if isinstance(node, dict) and "|" in node else text


def _pair_or_value(node: object) -> str:
    if isinstance(node, list) and len(node) == 2:
        return f"{expression_text(node[0])} : {_verdict_or_value(node[1])}"
    return expression_text(node)


def _verdict_or_value(node: object) -> str:
    if isinstance(node, dict) and ("jump" in node or "goto" in node):
        return statement_text(node)
    return expression_text(node)


def _primary(kind: str, body: Body) -> str:
    if kind in _PRIMARIES:
        return _PRIMARIES[kind](kind, body)
    return _as_json({kind: body})


def _payload(dummy: str, body: Body) -> str:
    if "base" in body:
        return f"@{body['base']},{body.get('offset')},{body.get('len')}"
    return f"{body.get('protocol')} {body.get('field')}"


def _meta(dummy: str, body: Body) -> str:
    key = str(body.get("key"))
    return key if key in ("iif", "iifname", "oif", "oifname") else f"meta {key}"


def _keyed(kind: str, body: Body) -> str:
    words = (kind, body.get("dir"), body.get("family"), body.get("key"))
    return " ".join(str(word) for word in words if word is not None)


def _fib(dummy: str, body: Body) -> str:
    flags = body.get("flags")
    asked = " . ".join(str(flag) for flag in flags) if isinstance(flags, list) else str(flags)
    return f"fib {asked} {body.get('result')}"


def _prefix(dummy: str, body: Body) -> str:
    return f"{expression_text(body.get('addr'))}/{body.get('len')}"


def _map(dummy: str, body: Body) -> str:
    return f"{expression_text(body.get('key'))} map {expression_text(body.get('data'))}"


def _element(dummy: str, body: Body) -> str:
    timeout = f" timeout {body['timeout']}s" if "timeout" in body else ""
    return expression_text(body.get("val")) + timeout


def _header(kind: str, body: Body) -> str:
    return " ".join(str(word) for word in (kind, body.get("name"), body.get("field")) if word is not None)


def _numgen(dummy: str, body: Body) -> str:
    return f"numgen {body.get('mode')} mod {body.get('mod')}"


_PRIMARIES: dict[str, Callable[[str, Body], str]] = {
    "payload": _payload,
    "meta": _meta,
    "ct": _keyed,
    "rt": _keyed,
    "socket": _keyed,
    "osf": _keyed,
    "fib": _fib,
    "prefix": _prefix,
    "map": _map,
    "elem": _element,
    "exthdr": _header,
    "tcp option": _header,
    "ip option": _header,
    "numgen": _numgen,
}


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else expression_text(value)


def _as_json(node: object) -> str:
    text = json.dumps(node)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
