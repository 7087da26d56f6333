"""Measures on all hosts of a lab, one after the other, and writes the page: see `make prober`."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import sys

from tests.lab.identity import ROOT
from tests.lab.lab import Lab
from tests.lab.machine_lock import file_lock
from tests.prober import page
from tests.prober.judge import compare
from tests.prober.measure import Sample, one_round, prepare

RESULTS = ROOT / ".build" / "results" / "prober"


def main() -> int:
    """Return 1 when a change of ours lost more connections than a bare restart beside it."""
    parser = argparse.ArgumentParser(prog="python -m tests.prober", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="restarts of each kind on each host (default: 6)")
    parser.add_argument("--hosts", default="", help="names of hosts (default: all of the lab)")
    options = parser.parse_args()
    rounds = options.rounds
    lab = Lab.open()
    worse = False
    for name in options.hosts.split() or lab.hosts:
        host = lab.host(name)
        with file_lock(lab.identity.state / "busy" / host.name):
            host.reset()
            prepare(host)
            samples = [sample for number in range(rounds) for sample in one_round(lab, host, number)]
            _keep(host.engine_version, samples)
        for item in compare(samples):
            worse = worse or item.worse
            print(f"{name}: {item.phase}, {item.way}: {item.ours:.1f} lost, bare {item.bare:.1f}, +{item.noise:.1f}")
    date, measured = _kept()
    page.write(measured, date)
    print(
        f"{page.PAGE.relative_to(ROOT)} is written; "
        + ("ours lost MORE than a bare restart" if worse else "ours lost no more")
    )
    return int(worse)


def _keep(version: str, samples: list[Sample]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    today = datetime.datetime.now(tz=datetime.timezone.utc).date().isoformat()
    entry = {"date": today, "samples": [dataclasses.asdict(sample) for sample in samples]}
    (RESULTS / f"{version}.json").write_text(json.dumps(entry))


def _kept() -> tuple[str, dict[str, list[Sample]]]:
    """The newest samples of each engine, and the day of the oldest."""
    entries = {path.stem: json.loads(path.read_text()) for path in RESULTS.glob("*.json")}
    date = min(entry["date"] for entry in entries.values())
    return date, {
        version: [Sample.from_plain(plain) for plain in entry["samples"]] for version, entry in entries.items()
    }


if __name__ == "__main__":
    sys.exit(main())
