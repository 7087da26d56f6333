"""Runs the reader of rules on a lab host, in a network namespace of its own, with the host's own programs."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.snapshots import PLACE
from tests.lab.host import Host

PREPARE = """
import json, os, re, subprocess, sys, threading
sys.path.insert(0, PLACE)
from ansible_collections.dockernet.baseline.plugins.module_utils._host import ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import NOT_FOUND, run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain

def sh(text, stdin=None):
    return subprocess.run(["sh", "-ec", text], check=True, stdout=subprocess.PIPE, input=stdin, encoding="utf-8").stdout

def hiding(pattern):
    "A host without the programs of these names."
    missing = re.compile(pattern)
    return lambda argv: (NOT_FOUND, "", "not found") if missing.fullmatch(argv[0]) else run_command(argv)

def read(run=run_command):
    return to_plain(ruleset.read_ruleset(run))

def flushed():
    sh("nft flush ruleset")
"""


def on_host(host: Host, program: str, **values: Any) -> Any:
    """What a program prints as JSON; ``values`` are names that it knows. Takes install_readers()."""
    known = "".join(f"{name} = {value!r}\n" for name, value in {"PLACE": PLACE, **values}.items())
    argv = ["unshare", "--net", "/usr/bin/python3", "-"]
    return json.loads(host.run(argv, stdin=known + PREPARE + program).out)
