"""Runs on a host: times traces of one probe, and traces that send nothing, in turn. See trace.py."""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

GIVEN = json.loads(sys.argv[1])
sys.path.insert(0, GIVEN["place"])

from ansible_collections.dockernet.baseline.plugins.module_utils._trace import (
    owner_table,
    readers,
    run,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.chains import Plan, chains_of
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.identity import Identity
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.question import question_of

CHAINS = chains_of(Plan(identity=Identity(4, "tcp", b"\1\2\3\4"), drop=True, drop_bridged=True))


def start() -> None:
    """Sockets and table of a trace, and their end."""
    with owner_table.OwnerTable("dockernet_trace_0") as table, readers.trace_reader():
        table.make(CHAINS, owner_table.OWNER)


def timed(call: Any) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def summary(values: list[float]) -> list[float]:
    """The median, and the 95th percentile."""
    return [statistics.median(values), statistics.quantiles(values, n=20)[-1]]


def main() -> None:
    """Print all as JSON."""
    question = question_of(GIVEN["options"])
    probing: list[float] = []
    followed, made = run._Session._followed, run._made  # noqa: SLF001

    def timed_part(call: Any) -> Any:
        def timing(*arguments: Any) -> Any:
            began = time.perf_counter()
            found = call(*arguments)
            probing[-1] += (time.perf_counter() - began) * 1000
            return found

        return timing

    run._Session._followed = timed_part(followed)  # type: ignore[method-assign]  # noqa: SLF001
    run._made = timed_part(made)  # noqa: SLF001
    starts, wholes, events = [], [], 0
    for dummy in range(GIVEN["rounds"]):
        starts.append(timed(start))
        probing.append(0.0)
        began = time.perf_counter()
        found = run.trace(question, GIVEN["pid"])
        wholes.append((time.perf_counter() - began) * 1000)
        if not found.complete:
            raise SystemExit(found.problem)
        events = len(found.events)
    parts = {"start": starts, "probe": probing, "all": wholes}
    print(json.dumps({"events": events, **{name: summary(values) for name, values in parts.items()}}))


if __name__ == "__main__":
    main()
