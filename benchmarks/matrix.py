"""Time and memory of the reachability matrix, and how they grow with the host.

Each host is worked out in a process of its own, so that its peak memory is its own. Times are those of the processor.
Budget for 1,000 containers with 2,000 published ports: 5 s and 200 MB, the snapshot and the parsed rules included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix import matrix_of

from tests.unit.docker_host import big_host

SIZES: tuple[tuple[int, int], ...] = ((20, 125), (20, 250), (20, 500), (20, 1000), (20, 2000), (5, 1000), (80, 1000))
KINDS = ((27, True), (27, False), (28, True), (28, False))
BUDGET = (20, 1000)


def one(networks: int, containers: int, layout: int, *, proxy: bool) -> dict[str, float]:
    snapshot = big_host(networks, containers, layout=layout, proxy=proxy).snapshot()
    start = time.process_time()
    view = HostView.of(snapshot)
    parsed = time.process_time()
    found = matrix_of(view)
    done = time.process_time()
    return {
        "view": parsed - start,
        "matrix": done - parsed,
        "cells": len(found.cells),
        "rules": sum(len(chain.rules) for chain in view.book.chains.values()),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measured(networks: int, containers: int, layout: int, *, proxy: bool) -> dict[str, float]:
    numbers = [str(int(number)) for number in (networks, containers, layout, proxy)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.matrix", "--one", *numbers], check=True, stdout=subprocess.PIPE
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def report() -> None:
    print("reachability matrix, every container with two published ports")
    print(
        f"{'layout':<18}{'networks':>9}{'containers':>11}{'rules':>8}{'read in':>9}{'matrix':>9}{'peak':>9}{'cells':>7}"
    )
    for layout, proxy in KINDS:
        base = measured(*BUDGET, layout, proxy=proxy)
        for networks, containers in SIZES:
            size = (networks, containers)
            found = base if size == BUDGET else measured(networks, containers, layout, proxy=proxy)
            ratio = (found["view"] + found["matrix"]) / (base["view"] + base["matrix"])
            name = f"{layout}, proxy {'on' if proxy else 'off'}"
            print(
                f"{name:<18}{networks:>9}{containers:>11}{found['rules']:>8.0f}{found['view']:>7.2f} s"
                f"{found['matrix']:>7.2f} s{found['peak']:>6.0f} MB{found['cells']:>7.0f}   {ratio:.2f} of 1,000 on 20"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=4, type=int, metavar=("NETWORKS", "CONTAINERS", "LAYOUT", "PROXY"))
    wanted = parser.parse_args().one
    if wanted is None:
        report()
    else:
        print(json.dumps(one(wanted[0], wanted[1], wanted[2], proxy=bool(wanted[3]))))


if __name__ == "__main__":
    main()
