"""Time that a contract takes beyond the matrix: reading the file, judging its intents, and finding what none covers.

Hosts are those of benchmarks/matrix.py, "alike" and "mixed". The contract is of all kinds of intents in turn. Times are
those of the processor. Budget for 1,000 intents over 1,000 containers with 2,000 published ports: 2 s for all of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import yaml
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.reader import read_contract

from benchmarks.matrix import HOSTS

T = TypeVar("T")

SIZES = ((100, 1000), (1000, 100), (1000, 1000), (2000, 1000), (1000, 2000))
KINDS: tuple[Callable[[str, str, str, str], dict[str, Any]], ...] = (
    lambda one, other, net, nets: {"from": "outside", "to": {"container": one}, "expect": "blocked"},
    lambda one, other, net, nets: {"from": "outside", "to": {"container": one, "published": True}, "expect": "reached"},
    lambda one, other, net, nets: {
        "from": {"container": one},
        "to": {"container": other, "port": "any"},
        "expect": "reached",
    },
    lambda one, other, net, nets: {"from": {"network": net}, "to": {"network": nets}, "expect": "blocked"},
    lambda one, other, net, nets: {
        "from": {"outside": "198.51.100.0/24"},
        "to": {"container": one, "port": 80},
        "expect": "blocked",
    },
    lambda one, other, net, nets: {"from": {"container": f"{one}*"}, "to": "outside", "expect": "reached"},
    lambda one, other, net, nets: {
        "from": "host",
        "to": {"container": f"{one}*", "port": "any"},
        "expect": "reached",
    },
)


def contract_of(snapshot: HostSnapshot, count: int) -> str:
    """A contract of that many intents, as YAML."""
    names = [item.name for item in snapshot.containers]
    networks = [item.name for item in snapshot.networks if item.bridge]
    intents = []
    for number in range(count):
        one, other = names[number % len(names)], names[(number * 7 + 1) % len(names)]
        net, nets = networks[number % len(networks)], networks[(number + 1) % len(networks)]
        intent = KINDS[number % len(KINDS)](one, other, net, nets)
        intents.append({"name": f"intent {number}", **intent, "why": "measured"})
    uncovered = {"outside": "forbid", "host": "list", "container": "forbid"}
    return yaml.safe_dump({"uncovered": uncovered, "intents": intents})


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds, and what the work returns."""
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def row(kind: str, intents: int, containers: int) -> None:
    """Print a line for one size."""
    snapshot = HOSTS[kind](20, containers, layout=28, proxy=True).snapshot()
    text = contract_of(snapshot, intents)
    reading, contract = timed(lambda: read_contract(yaml.load(text, Loader=yaml.CSafeLoader)))
    context = AuditContext(snapshot, Settings(checks=("contract.*",), contract=contract))
    matrix, dummy = timed(lambda: context.answers)
    judging, dummy_judged = timed(lambda: context.judgements)
    all_of_it, findings = timed(lambda: run_checks(context))
    print(
        f"{kind:<7}{intents:>8,}{containers:>12,}{matrix:>10.2f} s{reading:>8.2f} s{judging:>8.2f} s"
        f"{all_of_it:>10.2f} s{len(findings):>10,}"
    )


def main() -> None:
    """Print a table."""
    print("host    intents  containers      matrix    reading   judging     checks  findings")
    for kind in HOSTS:
        for intents, containers in SIZES:
            row(kind, intents, containers)


if __name__ == "__main__":
    main()
