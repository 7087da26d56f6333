"""Time and memory of the reachability matrix, and how they grow with the host.

"alike" is a host whose containers do not differ, with two published ports each, "mixed" one of containers of 30 kinds.
Each host is worked out in a process of its own, so that its peak memory is its own. Times are those of the processor.
Budget for 1,000 containers with 2,000 published ports: 5 s and 200 MB, the snapshot and the parsed rules included.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from typing import Protocol

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.exposure import exposed_by
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import answers_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.reachability import matrix_of

from tests.unit.docker_host import WILDCARD, DockerHost, big_host

SIZES: tuple[tuple[int, int], ...] = ((20, 125), (20, 250), (20, 500), (20, 1000), (20, 2000), (5, 1000), (80, 1000))
KINDS = ((27, True), (27, False), (28, True), (28, False))
BUDGET = (20, 1000)


def mixed_host(networks: int, containers: int, *, layout: int, proxy: bool) -> DockerHost:
    """Containers of 30 kinds that differ in their ports; some are on two networks, some networks keep to themselves."""
    dice = random.Random(1)  # noqa: S311
    host = DockerHost(layout=layout, proxy=proxy)
    bridges = [host.network(icc=dice.random() < 0.9, internal=dice.random() < 0.1) for dummy in range(networks)]
    kinds = [dice.sample(range(1, 10_000), dice.randint(1, 4)) for dummy in range(30)]
    for number in range(containers):
        ports = dice.choice(kinds)
        chosen = dice.sample(bridges, dice.choice((1, 1, 1, 1, 2)))
        publish = [
            PublishedPort("tcp", port, dice.choice((WILDCARD, WILDCARD, "127.0.0.1")), 10_000 + 4 * number + place)
            for place, port in enumerate(ports)
            if not chosen[0].internal
        ]
        host.container(f"app{number}", chosen, publish, [("tcp", port) for port in ports])
    return host


class Maker(Protocol):
    """Makes a host."""

    def __call__(self, networks: int, containers: int, *, layout: int, proxy: bool) -> DockerHost: ...


HOSTS: dict[str, Maker] = {"alike": big_host, "mixed": mixed_host}


def one(make: Maker, networks: int, containers: int, layout: int, *, proxy: bool) -> dict[str, float]:
    snapshot = make(networks, containers, layout=layout, proxy=proxy).snapshot()
    start = time.process_time()
    view = HostView.of(snapshot)
    parsed = time.process_time()
    answers = answers_of(view)
    found = matrix_of(answers, exposed_by(view, answers.answers))
    done = time.process_time()
    return {
        "view": parsed - start,
        "matrix": done - parsed,
        "ports": sum(len(container.published) for container in snapshot.containers),
        "cells": len(found.cells),
        "rules": sum(len(chain.rules) for chain in view.book.chains.values()),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measured(name: str, networks: int, containers: int, layout: int, *, proxy: bool) -> dict[str, float]:
    words = [name, *(str(int(number)) for number in (networks, containers, layout, proxy))]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.matrix", "--one", *words], check=True, stdout=subprocess.PIPE
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def report() -> None:
    print("reachability matrix")
    heads = ("networks", "containers", "ports", "rules", "read in", "matrix", "peak", "cells")
    print(f"{'host':<24}" + "".join(f"{head:>11}" for head in heads))
    for layout, proxy in KINDS:
        base = measured("alike", *BUDGET, layout, proxy=proxy)
        for name, networks, containers in [*(("alike", *size) for size in SIZES), ("mixed", *BUDGET)]:
            known = (name, networks, containers) == ("alike", *BUDGET)
            found = base if known else measured(name, networks, containers, layout, proxy=proxy)
            ratio = (found["view"] + found["matrix"]) / (base["view"] + base["matrix"])
            print(
                f"{name}, {layout}, proxy {'on' if proxy else 'off':<7}{networks:>11}{containers:>11}"
                f"{found['ports']:>11.0f}{found['rules']:>11.0f}{found['view']:>9.2f} s{found['matrix']:>9.2f} s"
                f"{found['peak']:>8.0f} MB{found['cells']:>11.0f}   {ratio:.2f} times that of 1,000 on 20"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=5, metavar=("HOST", "NETWORKS", "CONTAINERS", "LAYOUT", "PROXY"))
    wanted = parser.parse_args().one
    if wanted is None:
        report()
    else:
        networks, containers, layout, proxy = map(int, wanted[1:])
        print(json.dumps(one(HOSTS[wanted[0]], networks, containers, layout, proxy=bool(proxy))))


if __name__ == "__main__":
    main()
