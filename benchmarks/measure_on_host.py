"""Run programs in turn and print as JSON what each run took; runs on a lab host, with its own Python.

Arguments: programs, as a JSON list of lists of words, and the number of rounds that count. A run is a list: seconds,
seconds of the processor (those of dockerd left out), MB, and seconds of the processor of dockerd and containerd.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

DAEMONS = ("dockerd", "containerd", "docker-containe")


def daemons() -> float:
    """Seconds that the daemons have spent so far."""
    ticks = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                name, dummy, rest = file.read().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if name in DAEMONS:
            fields = rest.split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def run(argv: list[str]) -> list[float]:
    """Run one program."""
    before, began = daemons(), time.monotonic()
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    dummy, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    process.returncode = status
    if status:
        raise SystemExit(f"status {status} from {argv}")
    return [took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, daemons() - before]


def main() -> None:
    """Print what all took."""
    programs, rounds = json.loads(sys.argv[1]), int(sys.argv[2])
    runs: list[list[list[float]]] = [[] for dummy in programs]
    for number in range(rounds + 1):
        for place, argv in enumerate(programs):
            took = run(argv)
            if number:
                runs[place].append(took)
    print(json.dumps(runs))


if __name__ == "__main__":
    main()
