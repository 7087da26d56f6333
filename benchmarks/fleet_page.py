# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a fleet: what writing it costs, how large it is, and when a headless Chromium can use it.

Each size is written in a process of its own, so that its peak memory is its own. Times of the browser are of the wall,
from the start of loading the file: until the list is there, and until a search has answered. "host" is from Enter on a
host until its page is there. The aim is 3 s for the first two at 10,000 hosts.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_page import fleet_page
from playwright.sync_api import sync_playwright

from tests.browser.conftest import FLAGS, LAPTOP
from tests.unit.synthetic_fleet import documents, host_name, synthetic_fleet

SIZES = (100, 1_000, 10_000)


def write_page(count: int, path: Path) -> dict[str, float]:
    """Write the page of so many hosts; the cost of making them is not counted."""
    documents()
    fleet = synthetic_fleet(count)
    start = time.process_time()
    for dummy in fleet.hosts:
        pass
    making = time.process_time() - start
    start = time.process_time()
    with path.open("w", encoding="utf-8") as file:
        fleet_page(fleet, file.write)
    return {
        "seconds": time.process_time() - start - making,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def use_page(path: Path, wanted: str) -> dict[str, float]:
    """Load it, search for a host, open that."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        page = browser.new_context(viewport=LAPTOP).new_page()
        start = time.monotonic()
        page.goto(path.as_uri(), wait_until="commit")
        page.wait_for_selector("#app[data-ready]")
        ready = time.monotonic() - start
        page.fill("#filter-q", wanted)
        page.wait_for_selector(".list .count:has-text('1 of')")
        searched = time.monotonic() - start
        page.press("#filter-q", "Enter")
        start = time.monotonic()
        page.keyboard.press("Enter")
        page.wait_for_selector(f"h1:has-text('{wanted}')")
        opened = time.monotonic() - start
        browser.close()
    return {"ready": ready, "searched": searched, "host": opened}


def main() -> None:
    """Print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", nargs=2, metavar=("HOSTS", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        print(json.dumps(write_page(int(given.write[0]), Path(given.write[1]))))
        return
    print("hosts    page MB  writing s  MiB    ready s  searched s  host s")
    with tempfile.TemporaryDirectory() as folder:
        for count in SIZES:
            path = Path(folder) / f"{count}.html"
            command = [sys.executable, "-m", "benchmarks.fleet_page", "--write", str(count), str(path)]
            wrote = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            used = use_page(path, host_name(count // 2))
            print(
                f"{count:<8} {path.stat().st_size / 1e6:<8.2f} {wrote['seconds']:<10.1f} {wrote['memory']:<6.0f} "
                f"{used['ready']:<8.2f} {used['searched']:<11.2f} {used['host']:.2f}"
            )


if __name__ == "__main__":
    main()
