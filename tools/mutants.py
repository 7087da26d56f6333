# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change the judging code at random places, one at a time, and count the changes that the unit tests notice.

All unit tests run once, and the lines that each of them reaches are noted. For each mutant a child of this process gets
the changed code in place of the loaded one, and runs the tests that reach its line until one fails. A mutant is killed
if one fails, if the process dies, or if it takes too long.

Only bodies of functions are changed, and none that runs at import and never again, as a decorator does: that would take
a new process for each mutant.
"""

from __future__ import annotations

import argparse
import ast
import copy
import ctypes
import functools
import gc
import os
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, zip_longest
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import pytest
from _pytest.runner import runtestprotocol
from _pytest.warnings import catch_warnings_for_item

from stage import collection_path

ROOMS = ("plugin_utils/firewall", "plugin_utils/checks", "module_utils/_change")
"""The evaluator, the checks, and, of the changes, the plans."""
LIMIT = 4
"""A mutant's tests may take so many times what they took without it,"""
SECONDS = 10
"""and so many seconds more."""

# From Python 3.12 on; mypy checks as an older one.
MONITORING: Any = vars(sys)["monitoring"]

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


class Mutant(NamedTuple):
    """A change of one file."""

    path: Path
    lines: range
    before: str
    after: str
    tree: ast.Module


class Place(NamedTuple):
    """A node that can be changed: the file, and the node's number in the order of ``ast.walk``."""

    path: Path
    number: int


class Outcome(NamedTuple):
    """A test that has run."""

    item: pytest.Item
    seconds: float
    failed: bool


# ---- what is changed -------------------------------------------------------------------------------------------------


def mutated(node: ast.AST) -> ast.AST | None:
    """Return the node with another meaning; None where it has no such form."""
    changed = copy.deepcopy(node)
    match changed:
        case ast.Compare(ops=[operator]):
            changed.ops = [COMPARISONS[type(operator)]()]
        case ast.BoolOp():
            changed.op = ast.Or() if isinstance(changed.op, ast.And) else ast.And()
        case ast.UnaryOp(op=ast.Not()):
            return changed.operand
        case ast.If() | ast.IfExp() | ast.While():
            changed.test = ast.copy_location(ast.UnaryOp(ast.Not(), changed.test), changed.test)
        case ast.comprehension(ifs=[test, *rest]):
            changed.ifs = [ast.copy_location(ast.UnaryOp(ast.Not(), test), test), *rest]
        case ast.Return(value=ast.Constant(value=bool() as value)):
            changed.value = ast.copy_location(ast.Constant(not value), changed)
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            changed.value = ast.copy_location(ast.Constant(None), value)
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            changed.value = number + 1
        case _:
            return None
    return changed


def places(path: Path) -> list[Place]:
    """Return what can be changed within the functions of a file."""
    tree = ast.parse(path.read_bytes())
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for statement in function.body
        for node in ast.walk(statement)
    }
    return [
        Place(path, number)
        for number, node in enumerate(ast.walk(tree))
        if id(node) in inside and mutated(node) is not None
    ]


def mutant(place: Place) -> Mutant:
    """Return the change at a place."""
    tree = ast.parse(place.path.read_bytes())
    target = list(ast.walk(tree))[place.number]
    changed = mutated(target)
    if changed is None:
        raise ValueError(f"{place}: cannot be changed")
    lines = _lines(tree, target)
    before, after = ast.unparse(target), ast.unparse(changed)
    _replace(tree, target, changed)
    return Mutant(place.path, lines, _short(before), _short(after), ast.fix_missing_locations(tree))


def drawn(paths: Iterable[Path], seed: int, wanted: slice, usable: Callable[[Mutant], bool]) -> list[Mutant]:
    """Return the wanted of the usable mutants of files, in the order that the seed gives them."""
    pool = [place for path in paths for place in places(path)]
    random.Random(seed).shuffle(pool)  # noqa: S311
    return list(islice(filter(usable, map(mutant, pool)), wanted.start, wanted.stop))


def _lines(tree: ast.Module, target: ast.AST) -> range:
    """Return the lines of the innermost statement that the node is part of; of a compound one those of its head."""
    parents = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    statement = target
    while not isinstance(statement, ast.stmt):
        statement = parents[id(statement)]
    body = getattr(statement, "body", None)
    last = max(statement.lineno, body[0].lineno - 1) if body else statement.end_lineno or statement.lineno
    return range(statement.lineno, last + 1)


def _replace(tree: ast.Module, target: ast.AST, changed: ast.AST) -> None:
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, field, changed)
            elif isinstance(value, list):
                value[:] = [changed if item is target else item for item in value]


def _short(text: str) -> str:
    first = " ".join(text.split())
    return first if len(first) <= 100 else f"{first[:97]}..."


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _fits(changed: CodeType, code: CodeType) -> bool:
    return (
        changed.co_name == code.co_name
        and changed.co_firstlineno == code.co_firstlineno
        and changed.co_freevars == code.co_freevars
    )


_NOT_PUT_IN = 77
"""Exit status of a child that has no place for its mutant."""


def put_in(change: Mutant) -> bool:
    """Give the loaded functions of a file their changed code; False where none could take it."""
    name = str(change.path)
    codes = list(_codes(compile(change.tree, name, "exec", dont_inherit=True)))
    done = False
    # Actions have the collector leave out what was there before them, and it finds the functions here.
    gc.unfreeze()
    for function in [one for one in gc.get_objects() if isinstance(one, FunctionType)]:
        if function.__code__.co_filename == name:
            for code in codes:
                if _fits(code, function.__code__) and code != function.__code__:
                    function.__code__ = code
                    done = True
    return done


# ---- which tests notice ----------------------------------------------------------------------------------------------


class Mutation:
    """A pytest plugin that runs all tests once, then those of each mutant."""

    def __init__(self, wanted: slice, seed: int, jobs: int, plugins: Path) -> None:
        """Take which of the mutants that a seed draws, the seed, how many at a time, and the plugins' folder."""
        self._wanted, self._seed, self._jobs = wanted, seed, jobs
        self._plugins = plugins
        self._rooms = tuple(str(plugins / room) for room in ROOMS)
        self._reached: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._imported: set[tuple[str, int]] = set()
        self._item: int | None = None
        self._seconds: list[float] = []
        self._caches: list[functools._lru_cache_wrapper[object]] = []
        self.survivors: list[tuple[Mutant, int]] = []
        self.killed = 0
        self._watch_lines()

    def _counts(self, name: str) -> bool:
        return name.startswith(self._rooms) and ("_change" not in name or name.endswith("plan.py"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Do all of it in place of pytest's own loop."""
        # tests/conftest.py has the collector leave out what was imported, and it finds the caches here.
        gc.unfreeze()
        self._caches = [one for one in gc.get_objects() if isinstance(one, functools._lru_cache_wrapper)]  # noqa: SLF001
        self._watch(session.items)
        chosen = self._drawn()
        print(f"\n{len(session.items)} tests have run; {len(chosen)} mutants", flush=True)
        self._judge(chosen, session.items)
        return True

    def _watch_lines(self) -> None:
        tool, events = MONITORING.COVERAGE_ID, MONITORING.events
        MONITORING.use_tool_id(tool, "mutants")
        MONITORING.register_callback(tool, events.LINE, self._line)
        MONITORING.set_events(tool, events.LINE)

    def _watch(self, items: list[pytest.Item]) -> None:
        tool = MONITORING.COVERAGE_ID
        self._before_test()
        for item, seconds, failed in _outcomes(items):
            self._seconds.append(seconds)
            if failed:
                print(f"fails without any change: {item.nodeid}", flush=True)
            self._before_test()
        MONITORING.set_events(tool, 0)
        MONITORING.free_tool_id(tool)

    def _before_test(self) -> None:
        self._item = len(self._seconds)
        self._forget()
        MONITORING.restart_events()

    def _line(self, code: CodeType, line: int) -> object:
        if self._counts(code.co_filename):
            if self._item is None:
                self._imported.add((code.co_filename, line))
            else:
                self._reached[code.co_filename, line].append(self._item)
        return MONITORING.DISABLE

    def _forget(self) -> None:
        """Empty the caches of functions: what another test asked has not run in this one."""
        for cache in self._caches:
            cache.cache_clear()

    def _drawn(self) -> list[Mutant]:
        return drawn(sorted(self._files()), self._seed, self._wanted, self._runs_after_import)

    def _runs_after_import(self, change: Mutant) -> bool:
        lines = {(str(change.path), line) for line in change.lines}
        return not lines & self._imported or not lines.isdisjoint(self._reached)

    def _files(self) -> set[Path]:
        return {path for room in self._rooms for path in Path(room).rglob("*.py") if self._counts(str(path))}

    def _judge(self, drawn: list[Mutant], items: list[pytest.Item]) -> None:
        running: dict[int, tuple[Mutant, int]] = {}
        waiting = list(reversed(drawn))
        while waiting or running:
            while waiting and len(running) < self._jobs:
                change = waiting.pop()
                chosen = self._chosen(change)
                limit = SECONDS + LIMIT * sum(self._seconds[number] for number in chosen)
                running[self._start(change, [items[number] for number in chosen], limit)] = change, len(chosen)
            child, status = os.wait()
            if child not in running:
                continue
            change, tests = running.pop(child)
            if status and os.waitstatus_to_exitcode(status) == _NOT_PUT_IN:
                # A module that a test loaded and dropped. Where it is more than a few, this tool is broken.
                print(f"void: {change.path}:{change.lines.start}: no loaded function took {change.after}", flush=True)
                continue
            if status == 0:
                self.survivors.append((change, tests))
                name = change.path.relative_to(self._plugins)
                where = f"{name}:{change.lines.start}"
                print(f"survives: {where}: {change.before} -> {change.after} ({tests} tests)", flush=True)
            else:
                self.killed += 1
            tried = self.killed + len(self.survivors)
            if tried % 25 == 0:
                print(f"{tried} tried, {self.killed} killed", flush=True)

    def _chosen(self, change: Mutant) -> list[int]:
        """Return the numbers of the tests that reach the change, quick ones first."""
        reached = {number for line in change.lines for number in self._reached.get((str(change.path), line), [])}
        return sorted(reached, key=lambda number: self._seconds[number])

    def _start(self, change: Mutant, chosen: list[pytest.Item], limit: float) -> int:
        child = os.fork()
        if child:
            return child
        # A test that a mutant keeps waiting must not outlive this run.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        os.setpgid(0, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, limit)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        status = 1
        try:
            self._forget()
            if not put_in(change):
                status = _NOT_PUT_IN
            elif not any(test.failed for test in _outcomes(chosen)):
                status = 0
        finally:
            os._exit(status)


def _outcomes(items: list[pytest.Item]) -> Iterator[Outcome]:
    """Run tests, each once the caller asks for its outcome."""
    for item, following in zip_longest(items, items[1:]):
        began = time.monotonic()
        # As pytest's own loop does it: a test can say that some warnings are no errors.
        with catch_warnings_for_item(item.config, item.ihook, "runtest", item):
            failed = any(report.failed for report in runtestprotocol(item, nextitem=following, log=False))
        yield Outcome(item, time.monotonic() - began, failed)


def main() -> int:
    """Run the tests and the mutants; 0 if all could be tried."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300, help="number of mutants (300)")
    parser.add_argument("--first", type=int, default=1, help="number of the first mutant, to go on after a run (1)")
    parser.add_argument("--seed", type=int, default=1, help="draws the places (1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants at a time (all processors)")
    parser.add_argument("tests", nargs="*", default=["tests/unit"], help="what pytest collects (tests/unit)")
    options = parser.parse_args()
    if options.count < 1 or options.first < 1 or options.jobs < 1:
        parser.error("--count, --first and --jobs take a number from 1")
    began = time.monotonic()
    wanted = slice(options.first - 1, options.first - 1 + options.count)
    mutation = Mutation(wanted, options.seed, options.jobs, collection_path() / "plugins")
    status = pytest.main([*options.tests, "-qq"], plugins=[mutation])
    tried = mutation.killed + len(mutation.survivors)
    share = 100 * mutation.killed / tried if tried else 0
    print(f"{tried} mutants, {mutation.killed} killed ({share:.0f} %), {time.monotonic() - began:.0f} s")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
