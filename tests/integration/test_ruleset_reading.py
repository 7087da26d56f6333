"""Reading rules changes nothing, takes one state of them, and tells tables that decide nothing from those that do."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.integration.inside import inside

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="requires root"),
    pytest.mark.skipif(not shutil.which("iptables-legacy") or not shutil.which("nft"), reason="takes iptables and nft"),
]


def test_tables_that_decide_nothing_are_no_tables_of_a_container() -> None:
    found = inside(
        "link set lo up",
        """
def sh(line):
    subprocess.run(line.split(), check=True, capture_output=True)
    return [nftables.read_chains_with_effect(), container_namespaces.read_legacy_tables_with_effect()]

before = sh("true")
steps = [
    sh("iptables-legacy -w 10 -t filter -S"),
    sh("ip6tables-legacy -w 10 -t mangle -S"),
    sh("nft add table inet empty"),
    sh("nft add chain inet empty c { type filter hook input priority 0; policy accept; }"),
    sh("nft add set inet empty s { type ipv4_addr; }"),
]
changes = [
    sh("iptables-legacy -w 10 -P FORWARD DROP"),
    sh("ip6tables-legacy -w 10 -t mangle -A OUTPUT -j MARK --set-mark 1"),
    sh("nft add table ip6 full"),
    sh("nft add chain ip6 full c { type filter hook input priority 0; policy drop; }"),
    sh("nft add rule inet empty c counter"),
]
# As dockerd does it for its name server.
for line in (
    "-N DOCKER_OUTPUT",
    "-I OUTPUT -d 127.0.0.11 -j DOCKER_OUTPUT",
    "-N DOCKER_POSTROUTING",
    "-I POSTROUTING -d 127.0.0.11 -j DOCKER_POSTROUTING",
    "-I DOCKER_OUTPUT -d 127.0.0.11 -p udp --dport 53 -j DNAT --to-destination 127.0.0.11:1053",
    "-I DOCKER_POSTROUTING -s 127.0.0.11 -p udp --sport 1053 -j SNAT --to-source :53",
    "-I DOCKER_OUTPUT -d 127.0.0.11 -p tcp --dport 53 -j DNAT --to-destination 127.0.0.11:1053",
    "-I DOCKER_POSTROUTING -s 127.0.0.11 -p tcp --sport 1053 -j SNAT --to-source :53",
):
    told = sh(f"iptables-legacy -w 10 -t nat {line}")
print(json.dumps([before, steps, changes, told[1]["ip nat"]]))
""",
    )
    before, steps, changes, names = found
    assert before == [{}, {}]
    assert steps == [[{}, {}]] * 5
    assert changes[0] == [{}, {"ip filter": 0}]
    assert changes[1] == [{}, {"ip filter": 0, "ip6 mangle": 1}]
    assert changes[3] == [{"ip6 full c": 0}, {"ip filter": 0, "ip6 mangle": 1}]
    assert changes[4][0] == {"ip6 full c": 0, "inet empty c": 1}
    assert names == 10


def test_reading_rules_makes_no_table_and_takes_one_generation() -> None:
    found = inside(
        "link set lo up",
        """
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ruleset import read_ruleset

def nft(*words):
    return subprocess.run(["nft", *words], check=True, capture_output=True, text=True).stdout

def names():
    return [open(f"/proc/net/{family}_tables_names").read() for family in ("ip", "ip6")] + [nft("list", "tables")]

def disturbed(argv):
    # While the first program runs, somebody makes a table; the others find it.
    if not changed:
        changed.append(nft("add", "table", "inet", "late"))
    return run_command(argv)

changed = []
before = names()
empty = read_ruleset(run_command)
same = before == names()
late = read_ruleset(disturbed)
print(json.dumps([before, same, to_plain(empty), to_plain(late), nftables.read_generation()]))
""",
    )
    before, same, empty, late, generation = found
    assert (before, same) == (["", "", ""], True)
    assert (empty["nft_tables"], empty["unread"]) == ([], [])
    assert not any(line.startswith("-A") for item in empty["save"] for line in item["value"].splitlines())
    assert (late["nft_tables"], late["generation"], late["unread"]) == (["inet late"], generation, [])
    assert any(item.get("table", {}).get("name") == "late" for item in json.loads(late["nft_json"])["nftables"])
