# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Selectors of waivers: JMESPath over the resource of a finding."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

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
    places = [one["start"] for one, two in zip(tokens, tokens[1:]) if one["value"] == name and two["type"] == "lparen"]
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
