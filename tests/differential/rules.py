"""Random rulesets of iptables, iptables-legacy and nft against the kernel: what it does to probes must be as predicted.

    python -m tests.differential.rules --cases 20000 --seed 1
    python -m tests.differential.rules --seed 1 --case 17        # one again, in full

Needs root, and no Docker: all happens in network namespaces that end with the program. ``--cases`` counts comparisons.
A disagreement is tried again with more patience, made smaller, and printed. The last line is the sum; the exit status
is 1 after a disagreement, or when more than 2 % are unknown.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.differential.rules_case import RulesCase, rules_case
from tests.differential.rules_judge import Comparison, Outcome, try_case
from tests.differential.rules_probe import PATIENT_SECONDS
from tests.lab.proc import LabError

MOST_UNKNOWN = 0.02
_PROGRAMS = ("ip", "ipset", "nft", "iptables-nft-restore", "iptables-legacy-restore")
_SAVED = Path(".build/rules")
_TRIES = 60


@dataclass
class Totals:
    """What a run has come to."""

    rulesets: int = 0
    comparisons: int = 0
    disagreements: int = 0
    words: Counter[str] = field(default_factory=Counter)
    doubts: Counter[str] = field(default_factory=Counter)

    @property
    def unknown(self) -> int:
        return self.doubts.total()

    def add(self, comparison: Comparison) -> None:
        self.comparisons += 1
        if comparison.is_unknown:
            self.doubts[(comparison.path.undetermined or [comparison.path.reason])[0]] += 1
        else:
            self.words[comparison.observed.word] += 1

    def __str__(self) -> str:
        share = 100 * self.unknown / max(1, self.comparisons)
        return (
            f"{self.comparisons} comparisons with {self.rulesets} rulesets: "
            f"{self.disagreements} disagreements, {self.unknown} unknown ({share:.1f} %)"
        )

    @property
    def good(self) -> bool:
        return not self.disagreements and self.comparisons > 0 and self.unknown <= MOST_UNKNOWN * self.comparisons


def main() -> int:
    """Try cases until there are enough comparisons, and print what was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=20000, help="number of comparisons")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first ruleset")
    parser.add_argument("--case", type=int, help="only the ruleset of this number, with all that was seen")
    parser.add_argument("--seconds", type=float, default=0, help="begin no ruleset after so many")
    asked = parser.parse_args()
    missing = [program for program in _PROGRAMS if not shutil.which(program)]
    if missing:
        parser.error(f"not installed: {', '.join(missing)}")
    if asked.case is not None:
        return _show(rules_case(asked.seed, asked.case))
    totals, started, number = Totals(), time.monotonic(), asked.first
    while totals.comparisons < asked.cases and not (asked.seconds and time.monotonic() - started > asked.seconds):
        _count(rules_case(asked.seed, number), totals)
        number += 1
    for doubt, count in totals.doubts.most_common(10):
        print(f"unknown {count} times: {doubt}")
    print(", ".join(f"{word}: {count}" for word, count in sorted(totals.words.items())))
    print(totals)
    return 0 if totals.good else 1


def _count(case: RulesCase, totals: Totals) -> None:
    outcome = try_case(case)
    if _wrong(outcome):
        outcome = try_case(case, PATIENT_SECONDS)
    totals.rulesets += 1
    for comparison in outcome.comparisons:
        totals.add(comparison)
    wrong = _wrong(outcome)
    totals.disagreements += len(wrong)
    if wrong:
        small = smaller(replace(outcome.case, probes=(wrong[0].probe,)))
        _SAVED.mkdir(parents=True, exist_ok=True)
        (_SAVED / f"{case.seed}-{case.number}.json").write_text(small.snapshot.to_json(), encoding="utf-8")
        print(f"\n{len(wrong)} wrong of ruleset {case.number}, seed {case.seed}; the first with fewer rules:")
        print(f"{small.case}\n{small.comparisons[0]}", flush=True)


def _wrong(outcome: Outcome) -> list[Comparison]:
    return [comparison for comparison in outcome.comparisons if comparison.complaints]


def smaller(case: RulesCase) -> Outcome:
    """A case with one probe, without the lines that the disagreement does not need (delta debugging)."""
    best = try_case(case, PATIENT_SECONDS)
    tries = 0
    for place in range(len(case.scripts)):
        size = len(best.case.scripts[place].lines)
        while size:
            at = 0
            while at < len(best.case.scripts[place].lines) and tries < _TRIES:
                tries += 1
                attempt = _without(best.case, place, at, size)
                if attempt is not None:
                    best = attempt
                else:
                    at += size
            size //= 2
    return best


def _without(case: RulesCase, place: int, at: int, size: int) -> Outcome | None:
    """The outcome without some lines of one script, if that is still wrong."""
    script = case.scripts[place]
    kept = script.lines[:at] + script.lines[at + size :]
    scripts = (*case.scripts[:place], replace(script, lines=kept), *case.scripts[place + 1 :])
    try:
        outcome = try_case(replace(case, scripts=scripts))
    except LabError:
        return None
    return outcome if _wrong(outcome) else None


def _show(case: RulesCase) -> int:
    outcome = try_case(case, PATIENT_SECONDS)
    print(outcome.case)
    for comparison in outcome.comparisons:
        mark = "wrong" if comparison.complaints else "unknown" if comparison.is_unknown else "right"
        print(f"{mark}: {comparison}")
    return 1 if _wrong(outcome) else 0


if __name__ == "__main__":
    sys.exit(main())
