"""Time and memory of the reachability matrix, and how they grow with the host.

"alike" is a host whose containers do not differ, with two published ports each, "mixed" one of containers of 30 kinds.
Some of those that are alike have rules about single containers and ports in DOCKER-USER, before those about networks
("in order") or anywhere between them ("between").
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
from collections.abc import Iterator
from functools import partial
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
WITH_RULES = (60, 500)


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


def ruled_host(
    networks: int, containers: int, *, layout: int, proxy: bool, rules: int, is_in_order: bool
) -> DockerHost:
    """Two rules for each network, and so many about single containers and ports."""
    dice = random.Random(1)  # noqa: S311
    host = big_host(networks, containers, layout=layout, proxy=proxy)
    lines = [
        line
        for bridge in host.networks
        for line in (f"-i {bridge.device} -m conntrack --ctstate NEW -j ACCEPT", f"-d {bridge.subnet} -j DROP")
    ]
    last = 0 if is_in_order else len(lines)
    for dummy in range(rules):
        chosen = dice.choice(host.containers)
        address, port = chosen.endpoints[0].address, dice.choice(chosen.published).host_port
        forms = (f"-d {address}/32 -p tcp -m tcp --dport 80", f"-s {address}/32", f"-p tcp -m tcp --dport {port}")
        line = f"{dice.choice(forms)} -j {dice.choice(('ACCEPT', 'DROP', 'REJECT'))}"
        lines.insert(dice.randint(0, last), line)
    host.own_rules["filter", "DOCKER-USER"] = lines
    return host


class Maker(Protocol):
    """Makes a host."""

    def __call__(self, networks: int, containers: int, *, layout: int, proxy: bool) -> DockerHost: ...


RULED: dict[str, Maker] = {
    f"{rules} rules {'in order' if is_in_order else 'between'}": partial(
        ruled_host, rules=rules, is_in_order=is_in_order
    )
    for rules in (5, 20, 500)
    for is_in_order in (True, False)
}
HOSTS: dict[str, Maker] = {"alike": big_host, "mixed": mixed_host, **RULED}


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
        "answers": len(answers.answers),
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


def _hosts() -> Iterator[tuple[str, int, int]]:
    yield from (("alike", *size) for size in SIZES)
    yield ("mixed", *BUDGET)
    yield from ((name, *WITH_RULES) for name in RULED)


def report() -> None:
    print("reachability matrix")
    heads = ("networks", "containers", "ports", "rules", "read in", "matrix", "peak", "followed", "cells")
    print(f"{'host':<34}" + "".join(f"{head:>11}" for head in heads))
    for layout, proxy in KINDS:
        base = measured("alike", *BUDGET, layout, proxy=proxy)
        for name, networks, containers in _hosts():
            known = (name, networks, containers) == ("alike", *BUDGET)
            found = base if known else measured(name, networks, containers, layout, proxy=proxy)
            ratio = (found["view"] + found["matrix"]) / (base["view"] + base["matrix"])
            print(
                f"{f'{name}, {layout}, proxy ' + ('on' if proxy else 'off'):<34}{networks:>11}{containers:>11}"
                f"{found['ports']:>11.0f}{found['rules']:>11.0f}{found['view']:>9.2f} s{found['matrix']:>9.2f} s"
                f"{found['peak']:>8.0f} MB{found['answers']:>11.0f}{found['cells']:>11.0f}"
                f"   {ratio:.2f} times that of 1,000 on 20"
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
