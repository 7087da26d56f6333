"""Reading rules changes nothing, takes one state of them, and tells tables that decide nothing from those that do."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.integration.inside import inside

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="takes root"),
    pytest.mark.skipif(not shutil.which("iptables-legacy") or not shutil.which("nft"), reason="takes iptables and nft"),
]


def test_tables_that_decide_nothing_are_no_tables_of_a_container() -> None:
    found = inside(
        "link set lo up",
        """
def sh(line):
    subprocess.run(line.split(), check=True, capture_output=True)
    return [nftables.read_tables_with_effect(), legacy_tables.read_legacy_tables_with_effect()]

before = sh("true")
steps = [
    sh("iptables-legacy -t filter -S"),
    sh("ip6tables-legacy -t mangle -S"),
    sh("nft add table inet empty"),
    sh("nft add chain inet empty c { type filter hook input priority 0; policy accept; }"),
    sh("nft add set inet empty s { type ipv4_addr; }"),
]
changes = [
    sh("iptables-legacy -P FORWARD DROP"),
    sh("ip6tables-legacy -t mangle -A OUTPUT -j MARK --set-mark 1"),
    sh("nft add table ip6 full"),
    sh("nft add chain ip6 full c { type filter hook input priority 0; policy drop; }"),
    sh("nft add rule inet empty c counter"),
]
print(json.dumps([before, steps, changes]))
""",
    )
    before, steps, changes = found
    assert before == [[], []]
    assert steps == [[[], []]] * 5
    assert changes[0] == [[], ["ip filter"]]
    assert changes[1] == [[], ["ip filter", "ip6 mangle"]]
    assert changes[3] == [["ip6 full"], ["ip filter", "ip6 mangle"]]
    assert set(changes[4][0]) == {"ip6 full", "inet empty"}


def test_reading_rules_makes_no_table_and_takes_one_generation() -> None:
    found = inside(
        "link set lo up",
        """
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import run_command
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
    assert not any(line.startswith("-A") for text in empty["save"].values() for line in text.splitlines())
    assert (late["nft_tables"], late["generation"], late["unread"]) == (["inet late"], generation, [])
    assert any(item.get("table", {}).get("name") == "late" for item in json.loads(late["nft_json"])["nftables"])
