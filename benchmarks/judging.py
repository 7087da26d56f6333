"""Time and memory of all that is made of a snapshot: every check, facts, who reaches what, the result as JSON.

"alike" is a host of containers that do not differ, with two published ports each, "mixed" one of containers of 30
kinds; both are snapshots as they would be read, and exist nowhere. Each is judged in a process of its own, so that its
peak memory is its own. Times are those of the processor. What it takes to read a host is for large_host.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

from benchmarks.matrix import HOSTS
from tests.unit.audits import result_of

NETWORKS = 20
CONTAINERS = (125, 250, 500, 1000, 2000)
BASE = 1000
KINDS = (("alike", 27, True), ("alike", 28, False), ("mixed", 27, True), ("mixed", 28, False))


def one(kind: str, containers: int, layout: int, *, proxy: bool) -> dict[str, float]:
    """Judge one host in this process."""
    snapshot = HOSTS[kind](NETWORKS, containers, layout=layout, proxy=proxy).snapshot()
    made = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    said = json.dumps(result_of(snapshot))
    return {
        "seconds": time.process_time() - start,
        "ports": sum(len(container.published) for container in snapshot.containers),
        "said": len(said) / 2**20,
        "snapshot": made / 1024,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measured(kind: str, containers: int, layout: int, *, proxy: bool) -> dict[str, float]:
    """The same in a process of its own."""
    words = [kind, *(str(int(number)) for number in (containers, layout, proxy))]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.judging", "--one", *words], check=True, stdout=subprocess.PIPE
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def report() -> None:
    """Print a table for each kind of host."""
    heads = ("containers", "ports", "judged in", "of 1,000", "with snapshot", "peak", "result")
    print(f"{'host, on 20 networks':<24}" + "".join(f"{head:>15}" for head in heads))
    for kind, layout, proxy in KINDS:
        found = {count: measured(kind, count, layout, proxy=proxy) for count in CONTAINERS}
        for count, item in found.items():
            ratio = item["seconds"] / found[BASE]["seconds"]
            print(
                f"{kind}, {layout}, proxy {'on' if proxy else 'off':<7}{count:>15,}{item['ports']:>15,.0f}"
                f"{item['seconds']:>13.2f} s{ratio:>15.2f}{item['snapshot']:>12.0f} MB{item['peak']:>12.0f} MB"
                f"{item['said']:>12.2f} MB"
            )


def main() -> None:
    """Print the tables, or judge one host."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", nargs=4, metavar=("KIND", "CONTAINERS", "LAYOUT", "PROXY"), help=argparse.SUPPRESS)
    wanted = parser.parse_args().one
    if wanted is None:
        report()
    else:
        containers, layout, proxy = map(int, wanted[1:])
        print(json.dumps(one(wanted[0], containers, layout, proxy=bool(proxy))))


if __name__ == "__main__":
    main()
