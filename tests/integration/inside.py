"""Runs the readers in a network namespace that is set up for it and ends with it."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.lab.identity import ROOT
from tests.lab.proc import run

PREPARE = """
import json, os, socket, subprocess, sys
from ansible_collections.dockernet.baseline.plugins.module_utils._host import links, routes, socket_owners
from ansible_collections.dockernet.baseline.plugins.module_utils._host import container_namespaces, nftables, procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import ROUTE, Netlink
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container

def ip(text):
    return subprocess.run(["ip", *text.split()], check=True, capture_output=True, text=True).stdout

for line in SETUP.strip().splitlines():
    ip(line)
"""


def inside(setup: str, program: str) -> Any:
    """What a program prints as JSON that runs in a namespace of its own, set up by lines of arguments of ip(8)."""
    start = f"import sys; sys.path.insert(0, {str(ROOT / '.build')!r}); SETUP = {setup!r}\n"
    return json.loads(run(["unshare", "--net", sys.executable, "-c", start + PREPARE + program]).out)
