"""What reading a host takes beside the raw reads beneath it, in one run on a lab host with 20 containers. Takes root.

Raw reads are the engine's answers, the kernel's lists by netlink, programs that print rules, and files of /proc, taken
as plainly as possible (read_on_host.py says which).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess

from benchmarks.lab_hosts import Load, fill
from tests.lab.host import Host
from tests.lab.identity import ROOT
from tests.lab.lab import Lab

LOAD = Load(containers=20, networks=4)
PLACE = "/run/dockernet-bench"
ROOMS = tuple(f"ansible_collections/dockernet/baseline/plugins/module_utils/{name}" for name in ("_host", "_model"))
PROGRAM = ROOT / "benchmarks" / "read_on_host.py"
READING = "reading the host"


def compare(host: Host) -> None:
    """Print both, and how many times the sum of the raw reads the reading takes."""
    packed = subprocess.run(["tar", "-C", str(ROOT / ".build"), "-c", *ROOMS], check=True, stdout=subprocess.PIPE)
    host.run(f"mkdir -p {PLACE} && tar -C {PLACE} -x", stdin=packed.stdout)
    measured = json.loads(host.run(["python3", "-", PLACE], stdin=PROGRAM.read_bytes(), timeout=600).out)
    took = {name: [statistics.median(column) for column in zip(*runs)] for name, runs in measured.items()}
    raw = [sum(figures) for figures in zip(*(figures for name, figures in took.items() if name != READING))]
    took["raw reads together"] = raw
    print(f"{host.name}, engine {host.engine_version}: {LOAD}; medians of {len(measured[READING])} runs in turn")
    print(f"{'':24}{'cpu':>10}{'wall':>10}")
    for name, (cpu, wall) in took.items():
        print(f"{name:24}{cpu * 1000:7.1f} ms{wall * 1000:7.1f} ms")
    cpu, wall = (reading / sum_of_raw for reading, sum_of_raw in zip(took[READING], raw))
    print(
        f"reading takes {cpu:.2f} times the processor time of its raw reads, {wall:.2f} times their time on the clock"
    )


def main() -> None:
    """Measure on one host of the lab that the environment names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="debian13")
    host = Lab.open().host(parser.parse_args().host)
    host.reset()
    try:
        fill(host, LOAD)
        compare(host)
    finally:
        host.run(["rm", "-rf", PLACE])
        host.reset()


if __name__ == "__main__":
    main()
