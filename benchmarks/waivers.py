"""Time that waivers take: read from the task's options, and held against findings that all failed.

Each kind of selector is a hundred waivers of its own, about every check, on a thousand findings whose resources all
differ. Times are those of the processor, the best of five. Budget for a hundred waivers on a thousand findings: 100 ms.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding, Resource
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.waivers import apply_waivers

from tests.unit.audits import TODAY, policy_of, waiver

SIZES = ((100, 1000), (100, 2000), (200, 1000))

SELECTORS: dict[str, Callable[[int], str | None]] = {
    "none": lambda number: None,
    "container == 'app7'": lambda number: f"container == 'app{number}'",
    "labels.team == 't7'": lambda number: f"labels.team == 't{number}'",
    "contains(networks, 'net7')": lambda number: f"contains(networks, 'net{number % 20}')",
    "labels.team == 't7' && contains(networks, 'net7')": lambda number: (
        f"labels.team == 't{number}' && contains(networks, 'net{number % 20}')"
    ),
    "starts_with(image, 'registry/app7')": lambda number: f"starts_with(image, 'registry/app{number}')",
    "starts_with(name, 'app7')": lambda number: f"starts_with(name, 'app{number}')",
}


def findings_of(count: int) -> list[Finding]:
    """Failures of all checks, about ports that differ in everything."""
    return [
        Finding(
            CHECKS[number % len(CHECKS)].id,
            "fail",
            "medium",
            Resource(
                "port",
                f"app{number}:80/tcp",
                f"app{number}",
                f"registry/app{number % 50}:1.{number % 7}",
                [f"net{number % 20}", f"net{number % 19}"],
                {"team": f"t{number % 40}", "com.docker.compose.service": f"app{number}"},
            ),
            "so",
        )
        for number in range(count)
    ]


def mixed(count: int) -> list[dict[str, Any]]:
    """Waivers of all kinds in turn."""
    kinds = list(SELECTORS.values())
    return [waiver(selector=kinds[number % len(kinds)](number)) for number in range(count)]


def best(work: Callable[[], object]) -> float:
    """Milliseconds."""
    times = []
    for dummy in range(5):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return 1000 * min(times)


def row(label: str, entries: list[dict[str, Any]], findings: list[Finding]) -> None:
    reading = best(lambda: policy_of(waivers=entries))
    policy = policy_of(waivers=entries)
    matching = best(lambda: apply_waivers(findings, policy.waivers, "alpha", TODAY))
    print(f"{len(entries):>8} {len(findings):>9} {reading:>8.1f} {matching:>9.1f}  {label}")


def main() -> None:
    print(" waivers  findings  read ms  apply ms  selectors")
    for waivers, count in SIZES:
        row("mixed", mixed(waivers), findings_of(count))
    for label, selector in SELECTORS.items():
        row(label, [waiver(selector=selector(number)) for number in range(100)], findings_of(1000))


if __name__ == "__main__":
    main()
