"""Setting hairpin mode with the newest pyroute2, in a namespace that the test makes; lab hosts have older ones."""

from __future__ import annotations

import json
import os
import sys

import pytest

from tests.lab.identity import ROOT
from tests.lab.proc import run

PROGRAM = """
import json, subprocess
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import PortChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin import set_ports
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed

def ip(*words):
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout

def modes():
    links = json.loads(ip("-json", "-details", "link", "show", "master", "br0"))
    return {link["ifname"]: link["linkinfo"]["info_slave_data"]["hairpin"] for link in links}

def change(name, before, after):
    return PortChange(indexes[name], name, "br0", "shop", "web", before, after)

ip("link", "add", "br0", "type", "bridge")
for name in ("one", "two", "gone", "loose"):
    ip("link", "add", name, "type", "veth", "peer", "name", name + "-c")
for name in ("one", "two", "gone"):
    ip("link", "set", name, "master", "br0")
indexes = {link["ifname"]: link["ifindex"] for link in json.loads(ip("-json", "link"))}
ip("link", "delete", "gone")
found = {"before": modes()}
missing = set_ports([change("one", False, True), change("gone", False, True), change("loose", False, True)])
found["missing"] = [port.port for port in missing]
found["on"] = modes()
set_ports([change("one", True, False)])
found["off"] = modes()
print(json.dumps(found))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="requires root")
def test_modes_are_set_and_ports_that_are_gone_are_told() -> None:
    program = f"import sys; sys.path.insert(0, {str(ROOT / '.build')!r}){PROGRAM}"
    found = json.loads(run(["unshare", "--net", sys.executable, "-c", program]).out)
    assert found == {
        "before": {"one": False, "two": False},
        "missing": ["gone", "loose"],
        "on": {"one": True, "two": False},
        "off": {"one": False, "two": False},
    }
