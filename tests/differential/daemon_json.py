"""Compares our judgement of many generated daemon.json files with that of real engines: see docs/daemon-json.md.

    python -m tests.differential.daemon_json --cases 10000 --seed 1

Needs a lab with a host of each engine that has dockerd --validate; exits with 1 when a verdict differs.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.differential.daemon_json_files import FILES
from tests.differential.shrink import shrink
from tests.differential.verdicts import BARE, UNIT, Disagreement, ask, groups, judge
from tests.lab.host import Host
from tests.lab.lab import Lab

KINDS = ("debian13", "debian13-docker28")
# Of how many causes the shortest file is made shorter still.
SHRUNK = 3


def generate(cases: int, number: int) -> list[bytes]:
    """That many different files; the same for the same number and version of Hypothesis."""
    found: dict[bytes, None] = {}
    round_ = 0
    while len(found) < cases and round_ < 20:
        _collect(found, cases, number * 1000 + round_)
        round_ += 1
    return list(found)[:cases]


def _collect(found: dict[bytes, None], cases: int, number: int) -> None:
    @seed(number)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(FILES)
    def take(raw: bytes) -> None:
        found.setdefault(raw)

    take()


def compare(host: Host, files: Sequence[bytes]) -> tuple[list[Disagreement], Counter[str]]:
    """Both verdicts on every file, one in four with the flags of the unit: what differs, and how often what came up."""
    engine = host.engine_version
    found: list[Disagreement] = []
    totals: Counter[str] = Counter()
    for command, some in ((UNIT, files[::4]), (BARE, [raw for place, raw in enumerate(files) if place % 4])):
        for raw, answer in zip(some, ask(host, some, command), strict=True):
            outcome, differs = judge(engine, raw, command, answer)
            totals[outcome] += 1
            if differs is not None:
                found.append(differs)
    return found, totals


def smallest(host: Host, item: Disagreement) -> Disagreement:
    """The disagreement with the shortest file that still shows one of its kind."""
    best = item

    def shows(raw: bytes) -> bool:
        nonlocal best
        dummy, differs = judge(item.engine, raw, item.command, ask(host, [raw], item.command)[0])
        if differs is None or differs.group != item.group:
            return False
        best = differs
        return True

    shrink(item.raw, shows)
    return best


def report(host: Host, found: Sequence[Disagreement], totals: Counter[str]) -> None:
    """Print what differs, one shortest file a cause, and the totals."""
    for number, (cause, items) in enumerate(groups(found).items()):
        shown = smallest(host, items[0]) if number < SHRUNK else items[0]
        print(f"\n{cause} ({len(items)} files)\n  {shown}")
    print(f"\n{host.kind}, Docker Engine {host.engine_version}:")
    for name, count in sorted(totals.items()):
        print(f"  {count:6d} {name}")


def main() -> int:
    """Run the comparison on all hosts at once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    lab = Lab.open()
    hosts = [lab.host(name) for name in lab.hosts if lab.host(name).kind in KINDS]
    files = generate(asked.cases, asked.seed)
    with ThreadPoolExecutor(len(hosts)) as pool:
        results = list(pool.map(lambda host: compare(host, files), hosts))
    for host, (found, totals) in zip(hosts, results, strict=True):
        report(host, found, totals)
    wrong = sum(len(found) for found, dummy in results)
    engines = " and ".join(host.engine_version for host in hosts)
    print(f"{len(files)} files (seed {asked.seed}), judged by Docker Engine {engines} and by us: {wrong} disagreements")
    return 1 if wrong or not hosts or len(files) < asked.cases else 0


if __name__ == "__main__":
    sys.exit(main())
