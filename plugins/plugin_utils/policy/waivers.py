# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Waivers: what somebody decided to live with, why, who answers for it, until when; and which findings they match.

A selector is JMESPath over the resource of a finding. A resource is asked about as seldom as can be: not at all where a
selector demands a text that it does not have, and once for all resources that do not differ in what the selector reads.
So the time that a hundred waivers take hardly grows with the number of findings.
"""

from __future__ import annotations

import datetime
import itertools
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    AppliedWaiver,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import UnknownCheckError, matching
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import WrongValueError

try:
    from jmespath import compile as compile_expression
    from jmespath import exceptions, functions, lexer, visitor

    HAS_JMESPATH = True
except ImportError:
    HAS_JMESPATH = False


_TOO_DEEP = "it is nested too deeply"


class SelectorError(ValueError):
    """A text that selects nothing on any resource; the message says why, and where."""


class Selector:
    """A compiled JMESPath expression, with what can be known of it without a resource.

    JMESPath (https://jmespath.org/specification.html) takes null, false and what is empty for false.
    """

    def __init__(self, text: str) -> None:
        """Compile it. Raises SelectorError."""
        if not HAS_JMESPATH:
            raise SelectorError(
                f"it takes the Python library jmespath on the controller, which {sys.executable} does not find. "
                "Install it there, or choose by the id of the check alone"
            )
        self._tree = _compiled(text)
        _hold_against_functions(text, self._tree)
        self._interpreter = visitor.TreeInterpreter()
        self.reads = _reads(self._tree)
        try:
            self.demands = _demands(self._tree)
        except RecursionError as error:
            raise SelectorError(_TOO_DEEP) from error

    def may_read(self, key: str) -> bool:
        """Whether that key of a resource can decide what it says."""
        return self.reads is None or key in self.reads

    def selects(self, resource: Mapping[str, Any]) -> bool:
        """Whether it is true of a resource. Raises SelectorError where a function gets what it does not take."""
        try:
            found = self._interpreter.visit(self._tree, resource)
        except exceptions.JMESPathError as error:
            raise SelectorError(str(error)) from error
        except RecursionError as error:
            raise SelectorError(_TOO_DEEP) from error
        return not (found is None or found is False or found in ("", [], {}))


def _compiled(text: str) -> Any:
    try:
        return compile_expression(text).parsed
    except exceptions.EmptyExpressionError as error:
        raise SelectorError("it is empty; leave it out to choose by the id of the check alone") from error
    except exceptions.IncompleteExpressionError as error:
        raise _at(text, len(text), "the expression ends too early") from error
    except exceptions.LexerError as error:
        raise _at(text, error.lexer_position, error.message) from error
    except exceptions.ParseError as error:
        raise _at(text, error.lex_position, error.msg) from error
    except RecursionError as error:
        raise SelectorError(_TOO_DEEP) from error


def _at(text: str, position: int, reason: str) -> SelectorError:
    marked = f"{text[:position]}>>>{text[position:]}"
    return SelectorError(f"it is no JMESPath, at character {position + 1} (marked by >>> in {marked!r}): {reason}")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """All nodes of a tree of jmespath: ``{"type": ..., "value": ..., "children": [...]}``."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict) and "type" in node:
            yield node
            waiting.extend(node.get("children", []))


def _hold_against_functions(text: str, tree: Any) -> None:
    """Refuse a call that fails on every resource; jmespath itself says so when it comes across it."""
    for node in _nodes(tree):
        if node["type"] != "function_expression":
            continue
        name, given = node["value"], len(node["children"])
        known = functions.Functions.FUNCTION_TABLE.get(name)
        if known is None:
            raise _at(text, _call(text, name), f"there is no function {name}()")
        signature = known["signature"]
        variadic = bool(signature) and bool(signature[-1].get("variadic"))
        if given < len(signature) or (given > len(signature) and not variadic):
            expected = f"{'at least ' if variadic else ''}{len(signature)}"
            raise _at(text, _call(text, name), f"{name}() takes {expected} arguments, not {given}")


def _call(text: str, name: str) -> int:
    """Where a function is called; the tree does not say."""
    tokens = list(lexer.Lexer().tokenize(text))
    places = [
        one["start"] for one, two in itertools.pairwise(tokens) if one["value"] == name and two["type"] == "lparen"
    ]
    return int(places[0])


def _reads(tree: dict[str, Any]) -> frozenset[str] | None:
    """Names among which are all keys of a resource that decide what it says; None where that may be all keys."""
    names = set()
    for node in _nodes(tree):
        if node["type"] in ("current", "value_projection"):
            return None
        if node["type"] == "field":
            names.add(node["value"])
    return frozenset(names)


def _demands(tree: dict[str, Any]) -> tuple[tuple[str, ...], str] | None:
    """A path and the text that must stand there for it to be true; None where no such thing is plain to see."""
    if tree["type"] == "and_expression":
        return next(filter(None, map(_demands, tree["children"])), None)
    if tree["type"] != "comparator" or tree["value"] != "eq":
        return None
    one, two = tree["children"]
    for side, other in ((one, two), (two, one)):
        path = _path(side)
        if path and other["type"] == "literal" and isinstance(other["value"], str):
            return path, other["value"]
    return None


def _path(tree: dict[str, Any]) -> tuple[str, ...]:
    """The keys that lead to a value, as in ``labels.team``; empty for anything else."""
    if tree["type"] == "field":
        return (tree["value"],)
    parts = [_path(child) for child in tree["children"]] if tree["type"] == "subexpression" else []
    return tuple(key for part in parts for key in part) if all(parts) else ()


@dataclass(frozen=True)
class Waiver:
    """One entry of the option waivers."""

    check: str
    """Id of a check, or a pattern."""
    ids: frozenset[str]
    """Of the checks that it is about."""
    text: str
    """Of the selector; empty where every resource is meant."""
    selector: Selector | None
    hosts: tuple[str, ...]
    """Patterns of names in the inventory; it holds on hosts that one of them matches."""
    refused: tuple[str, ...]
    """What its selector reads of a resource though it must not choose by that; it covers nothing then."""
    decision: AppliedWaiver

    def has_expired(self, today: datetime.date) -> bool:
        """Whether its last day is over."""
        return datetime.date.fromisoformat(self.decision.expires) < today

    def holds_on(self, inventory_name: str) -> bool:
        """Whether it is meant for the host of that name."""
        return any(fnmatchcase(inventory_name, pattern) for pattern in self.hosts)


def read_waivers(given: Sequence[Mapping[str, Any]], refused_keys: Sequence[str]) -> list[Waiver]:
    """Return the waivers of the option of that name; refused_keys are what none of them may choose by.

    Raises WrongValueError.
    """
    return [_waiver(item, refused_keys, f"waivers[{number}]") for number, item in enumerate(given)]


def _waiver(given: Mapping[str, Any], refused_keys: Sequence[str], place: str) -> Waiver:
    for name in ("reason", "owner"):
        if not given[name].strip():
            raise WrongValueError(f"{place}.{name}", "it is empty; say it, so that others can follow", given[name])
    try:
        ids = frozenset(check.id for check in matching(given["check"]))
    except UnknownCheckError as error:
        raise WrongValueError(f"{place}.check", str(error), given["check"]) from error
    text = given["selector"]
    selector = None if text is None else _selector(text, f"{place}.selector")
    return Waiver(
        check=str(given["check"]),
        ids=ids,
        text=str(text or ""),
        selector=selector,
        hosts=_hosts(given["hosts"], f"{place}.hosts"),
        refused=tuple(key for key in refused_keys if selector is not None and selector.may_read(key)),
        decision=AppliedWaiver(str(given["reason"]), str(given["owner"]), _day(given["expires"], f"{place}.expires")),
    )


def _selector(text: str, place: str) -> Selector:
    try:
        return Selector(str(text))
    except SelectorError as error:
        raise WrongValueError(place, str(error), text) from error


def _hosts(given: Sequence[str], place: str) -> tuple[str, ...]:
    if not given:
        raise WrongValueError(place, "it is empty, so the waiver holds on no host; leave it out to mean all", given)
    for number, pattern in enumerate(given):
        if not pattern.strip():
            raise WrongValueError(f"{place}[{number}]", "it is empty; expected a name in the inventory", pattern)
    return tuple(str(pattern) for pattern in given)


def _day(text: str, place: str) -> str:
    try:
        # fromisoformat() takes other forms as well, of which not all are plain to everybody.
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError("it is written otherwise")
        datetime.date.fromisoformat(text)
    except ValueError as error:
        reason = f"expected the last day on which it holds, as YYYY-MM-DD, found {text!r}: {error}"
        raise WrongValueError(place, reason, text) from error
    return str(text)


APPLIED = "applied"
UNUSED = "unused"
EXPIRED = "expired"
REFUSED = "refused"


@dataclass(frozen=True)
class WaiverUse:
    """What became of a waiver in one audit."""

    check: str
    selector: str
    hosts: list[str]
    reason: str
    owner: str
    expires: str
    state: str
    """``applied``, ``unused``, ``expired`` or ``refused``."""
    findings: int
    """Failed findings that it is about, whether or not another one covers them, too."""
    problem: str
    """Why it is refused, or what kept the selector of one that selects nothing from being asked; else empty."""


def apply_waivers(
    findings: Sequence[Finding],
    waivers: Sequence[Waiver],
    inventory_name: str,
    today: datetime.date,
    withheld: Sequence[str] = (),
) -> tuple[list[Finding], list[WaiverUse]]:
    """Return the findings of a host, failed ones with the first waiver that covers them, and each waiver's use.

    withheld: keys of resources that the host keeps back. A waiver that chooses by one covers nothing, not even by its
    absence.
    """
    failed = _Failed(findings)
    covered: dict[int, AppliedWaiver] = {}
    uses = []
    for waiver in waivers:
        numbers, problem = failed.chosen_by(waiver) if waiver.holds_on(inventory_name) else ([], "")
        hidden = [key for key in withheld if waiver.selector is not None and waiver.selector.may_read(key)]
        if hidden:
            numbers, problem = [], f"it chooses by {' and '.join(hidden)}, which the option labels withholds"
        state = _state(waiver, today, numbers)
        if state == APPLIED:
            for number in numbers:
                covered.setdefault(number, waiver.decision)
        if state == REFUSED:
            problem = f"it chooses by {' and '.join(waiver.refused)}, which anyone who starts a container sets"
        uses.append(
            WaiverUse(
                waiver.check,
                waiver.text,
                list(waiver.hosts),
                waiver.decision.reason,
                waiver.decision.owner,
                waiver.decision.expires,
                state,
                len(numbers),
                problem if state == REFUSED or not numbers else "",
            )
        )
    result = [
        replace(finding, waiver=covered[number]) if number in covered else finding
        for number, finding in enumerate(findings)
    ]
    return result, uses


def _state(waiver: Waiver, today: datetime.date, numbers: list[int]) -> str:
    if waiver.has_expired(today):
        return EXPIRED
    if waiver.refused:
        return REFUSED
    return APPLIED if numbers else UNUSED


class _Failed:
    """The failed findings by their numbers, ready for many selectors."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._resources: dict[int, dict[str, Any]] = {}
        self._by_check: dict[str, list[int]] = {}
        self._by_text: dict[tuple[str, ...], dict[str, set[int]]] = {}
        self._classes: dict[frozenset[str] | None, dict[int, str]] = {}
        for number, finding in enumerate(findings):
            if finding.outcome == FAIL:
                self._resources[number] = vars(finding.resource)
                self._by_check.setdefault(finding.check, []).append(number)

    def chosen_by(self, waiver: Waiver) -> tuple[list[int], str]:
        """Numbers of the findings that a waiver is about, and why it could not be asked of one."""
        numbers = [number for check in sorted(waiver.ids) for number in self._by_check.get(check, ())]
        if waiver.selector is None:
            return numbers, ""
        if waiver.selector.demands is not None:
            path, text = waiver.selector.demands
            having = self._having(path).get(text, set())
            numbers = [number for number in numbers if number in having]
        return self._selected(waiver.selector, numbers)

    def _selected(self, selector: Selector, numbers: list[int]) -> tuple[list[int], str]:
        classes = self._classes_by(selector.reads)
        answers: dict[str, bool] = {}
        problem = ""
        for number in numbers:
            alike = classes[number]
            if alike in answers:
                continue
            try:
                answers[alike] = selector.selects(self._resources[number])
            except SelectorError as error:
                answers[alike] = False
                problem = problem or str(error)
        return [number for number in numbers if answers[classes[number]]], problem

    def _having(self, path: tuple[str, ...]) -> dict[str, set[int]]:
        """Numbers by the text at a path."""
        if path not in self._by_text:
            found = self._by_text[path] = {}
            for number, resource in self._resources.items():
                text = _value(resource, path)
                if isinstance(text, str):
                    found.setdefault(text, set()).add(number)
        return self._by_text[path]

    def _classes_by(self, keys: frozenset[str] | None) -> dict[int, str]:
        """For each number, what its resource has at those keys."""
        if keys not in self._classes:
            self._classes[keys] = {
                number: json.dumps([resource.get(key) for key in sorted(resource if keys is None else keys)])
                for number, resource in self._resources.items()
            }
        return self._classes[keys]


def _value(resource: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = resource
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
