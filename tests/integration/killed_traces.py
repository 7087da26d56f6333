# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a lab host: kills traces at random instants, and compares the host before and after each.

Given as JSON: where the collection is, options of each trace with the process of its origin, how many, the longest that
one may run, a seed, and lines that change something of the program.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

GIVEN = json.loads(sys.argv[1])
sys.path.insert(0, GIVEN["place"])

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    NETFILTER,
    Netlink,
    attributes,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._trace import run
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.question import question_of

LIST_CONNECTIONS = (1 << 8) | 1
ORIGINAL, REPLY = 1, 2
# Seconds for the kernel and the guard to be done.
PATIENCE = 60.0
MOVING = ("nf_conntrack_count", "stable_secret", "/neigh/default/gc_")


def output(*argv: str) -> str:
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    return re.sub(r"packets \d+ bytes \d+|\[\d+:\d+\]|^#.*$", "", done.stdout, flags=re.MULTILINE)


def sysctls() -> dict[str, str]:
    found = {}
    for path in Path("/proc/sys/net").rglob("*"):
        if path.is_file() and not any(part in str(path) for part in MOVING):
            try:
                found[str(path)] = path.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
    return found


def connections() -> list[str]:
    """Those of the addresses and ports that are asked, one way or the other."""
    asked = [
        (socket.inet_pton(socket.AF_INET6 if ":" in to else socket.AF_INET, to), port.to_bytes(2, "big"))
        for to, port in GIVEN["addresses"]
    ]
    with Netlink(NETFILTER) as netlink:
        listed = [attributes(item, 4) for item in netlink.messages(LIST_CONNECTIONS, bytes(4))]
    tuples = [(item.get(ORIGINAL, b""), item.get(REPLY, b"")) for item in listed]
    return sorted(
        first.hex()
        for first, second in tuples
        if any(address in first + second and port in first + second for address, port in asked)
    )


def own_processes() -> int:
    """How many processes run this program."""
    mine = Path("/proc/self/cmdline").read_bytes()
    count = 0
    for entry in Path("/proc").iterdir():
        try:
            count += entry.name.isdigit() and (entry / "cmdline").read_bytes() == mine
        except OSError:
            continue
    return count


def state() -> dict[str, Any]:
    return {
        "ruleset": output("nft", "-a", "list", "ruleset"),
        "nft": output("iptables-nft-save") + output("ip6tables-nft-save"),
        "legacy": output("iptables-legacy-save") + output("ip6tables-legacy-save"),
        "sysctls": sysctls(),
        "connections": connections(),
        "links": output("ip", "-o", "link"),
        "processes": own_processes(),
    }


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    found = {name: [before[name], after[name]] for name in before if before[name] != after[name]}
    if "sysctls" in found:
        old, new = found["sysctls"]
        found["sysctls"] = [(key, old.get(key), new.get(key)) for key in {**old, **new} if old.get(key) != new.get(key)]
    return found


def kill_one(options: dict[str, Any], pid: int | None, seconds: float) -> bool:
    """Whether it was killed before it was done."""
    child = os.fork()
    if child == 0:
        try:
            run.trace(question_of(options), pid)
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main() -> None:
    chance = random.Random(GIVEN["seed"])  # noqa: S311
    exec(GIVEN["change"])  # noqa: S102
    before, left, killed = state(), [], 0
    for number in range(GIVEN["count"]):
        options, pid, longest = GIVEN["traces"][number % len(GIVEN["traces"])]
        after_seconds = chance.uniform(0, longest)
        killed += kill_one(options, pid, after_seconds)
        until = time.monotonic() + PATIENCE
        while (found := differences(before, state())) and time.monotonic() < until:
            time.sleep(0.02)
        if found:
            left.append({"number": number, "after": after_seconds, "options": options, "differences": found})
            before = state()
    print(json.dumps({"killed": killed, "left": left}))


if __name__ == "__main__":
    main()
