"""Reports of fleets of growing size, in all formats: time, memory at its peak, and bytes of files and history.

Documents are copies of one under other names. Each size is reported twice in a process of its own, with a change on
each twentieth host in between. Needs no root.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.unit.fleets import FAILING, document, write_run

SIZES = (100, 1_000, 10_000)
_REPORT = """
import json, resource, sys, time
from pathlib import Path
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.assembling import Sources, fleet_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_files import FORMATS, write_fleet_files
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate
folder, gate = Path(sys.argv[1]), Gate("high")
began = time.monotonic()
with fleet_of(Sources([folder], gate, "Fleet", folder / "history.sqlite3")) as fleet:
    counted = time.monotonic()
    files = write_fleet_files(fleet, gate, folder / "fleet", FORMATS)
use = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "wall": time.monotonic() - began,
    "counted": counted - began,
    "cpu": use.ru_utime + use.ru_stime,
    # Not ru_maxrss, which a process has of the one that started it.
    "peak": int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024,
    "files": {path.name: path.stat().st_size for path in files.values()},
    "history": (folder / "history.sqlite3").stat().st_size,
}))
"""


def main() -> None:
    """Measure the sizes that are given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    with tempfile.TemporaryDirectory() as scratch:
        for size in parser.parse_args().sizes:
            folder = Path(scratch, str(size))
            for run, changed in (("first", ()), ("second", range(0, size, 20))):
                _write(folder, size, run, set(changed))
                done = subprocess.run(
                    [sys.executable, "-c", _REPORT, str(folder)], check=True, capture_output=True, text=True
                )
                print(json.dumps({"hosts": size, "run": run, **json.loads(done.stdout)}), flush=True)


def _write(folder: Path, size: int, run: str, changed: set[int]) -> None:
    """One document in memory at a time."""
    names = [f"host{number:05}" for number in range(size)]
    for number, name in enumerate(names):
        write_run(folder, [document(name, {FAILING: "pass"} if number in changed else None)], run, hosts=[])
    write_run(folder, [], run, hosts=names)


if __name__ == "__main__":
    main()
