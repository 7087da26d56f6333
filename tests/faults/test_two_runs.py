"""Two edits at once: no update is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.faults.edits import RELOAD, prepare
from tests.faults.runs import install, run_module
from tests.faults.view import settle
from tests.lab.host import Host

ROUNDS = 3
RECORD = "/var/lib/dockernet-baseline/journal.jsonl"


def at_once(host: Host, *configs: Mapping[str, Any]) -> None:
    """Both succeed: one waits for the other."""
    with ThreadPoolExecutor(len(configs)) as pool:
        outcomes = list(pool.map(lambda config: run_module(host, "daemon_config", {"config": config}), configs))
    for outcome in outcomes:
        assert outcome.result is not None, outcome
        assert outcome.result.get("changed"), outcome


def assert_each_found_what_the_last_one_left(host: Host) -> None:
    """A change begins with what the one before it left, so that none was written over unseen."""
    entries = [json.loads(line) for line in host.read(RECORD).splitlines()]
    began = [entry["files"][0]["before"]["sha256"] for entry in entries if entry["event"] == "begin"]
    left = [entry["files"][0]["sha256"] for entry in entries if entry["event"] == "done"]
    assert [entry["event"] for entry in entries] == ["begin", "done"] * len(left)
    assert began[1:] == left[:-1]


def test_two_edits_at_once(fresh_host: Host) -> None:
    host = fresh_host
    install(host)
    prepare(host, RELOAD)
    before = settle(host)
    for number in range(1, ROUNDS + 1):
        at_once(host, {"max-concurrent-downloads": number}, {"max-concurrent-uploads": number})
        values = json.loads(settle(host).text or "")
        assert values == {**values, "max-concurrent-downloads": number, "max-concurrent-uploads": number}

        at_once(host, {"max-concurrent-downloads": 10 * number}, {"max-concurrent-downloads": 10 * number + 1})
        values = json.loads(settle(host).text or "")
        assert values["max-concurrent-downloads"] in (10 * number, 10 * number + 1)
    after = settle(host)
    assert (after.containers, after.leftovers) == (before.containers, [])
    assert_each_found_what_the_last_one_left(host)
