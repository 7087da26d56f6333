"""Each host's own programs are asked for its rules, those that are there, and nothing is other than before.

Everything happens in network namespaces of their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    LEGACY,
    NFT,
    Match,
    OneOf,
    RuleBook,
)

from tests.integration.rules_on_host import on_host
from tests.integration.snapshots import install_readers
from tests.lab.host import Host

EVERYTHING = """
for words in nft legacy
do
    iptables-$words -A FORWARD -m conntrack --ctstate NEW -j DROP
    ip6tables-$words -A FORWARD -m conntrack --ctstate NEW -j DROP
    iptables-$words -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp -j DNAT --to-destination 10.1.2.3
done
nft add table inet other; nft add chain inet other c '{ type filter hook forward priority 0; policy drop; }'
"""

LEFT_ALONE = """
def state():
    names = [open(f"/proc/net/{family}_tables_names").read() for family in ("ip", "ip6")]
    tracked = open("/proc/sys/net/netfilter/nf_conntrack_count").read()
    return [*names, tracked, sh("nft -a list ruleset"), ruleset.read_generation()]

UNPRIVILEGED = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", '''
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, PLACE)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ruleset import read_ruleset
try:
    read_ruleset(run_command)
except Exception as error:
    print(error.kind, error)
'''.replace("PLACE", repr(PLACE))]

def attempt(pattern):
    try:
        return read(hiding(pattern))
    except UnreadableError as error:
        return f"{error.kind}: {error.reason}"

def asked():
    before = state()
    denied = subprocess.run(UNPRIVILEGED, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
    found = [attempt(pattern) for pattern in PATTERNS]
    return [found, denied, before == state(), before]

empty = asked()
sh(EVERYTHING)
print(json.dumps([empty, asked()]))
"""
PATTERNS = ["", "nft", ".*tables(-nft)?-save", ".*tables(-legacy)?-save", ".*tables.*", ".*tables.*|nft"]

# A transaction changes two tables at once, again and again; whoever reads one after the other must notice.
CHANGING = """
sh("iptables-nft -N OWN; nft add table inet other; nft add chain inet other c")
CHANGE = (
    "flush chain ip filter OWN; flush chain inet other c; "
    "add rule ip filter OWN ip saddr {0} counter drop; add rule inet other c ip saddr {0} drop"
)
done = threading.Event()

def change(number):
    sh("nft -f -", CHANGE.format(f"10.0.{number >> 8}.{number & 255}"))

def change_again_and_again():
    number = 0
    while not done.is_set():
        number += 1
        change(number)

# The first reading may be over before the other thread has changed anything.
change(0)
writer = threading.Thread(target=change_again_and_again)
writer.start()
found = [read() for dummy in range(5)]
done.set()
writer.join()
print(json.dumps([*found, read()]))
"""

# Each version of nft leaves a condition on the family out of some of these.
FOR_ONE_FAMILY = [
    "meta nfproto ipv6 meta l4proto tcp reject with tcp reset",
    "meta protocol ip6 tcp dport 22 accept",
    "meta nfproto ipv6 ct protocol tcp accept",
    "meta mark set 1 meta protocol ip6 tcp dport 22 drop",
    "add @m { ip6 saddr : 5 } accept",
]
NFT_RULES = """
sh("nft -f -", "".join(f"{line}\\n" for line in (
    "add table inet t",
    "add map inet t m { type ipv6_addr : mark; flags timeout; size 100; }",
    "add chain inet t c { type filter hook forward priority 0; }",
    *(f"add rule inet t c {rule}" for rule in RULES),
)))
print(json.dumps(read()))
"""


def book(plain: dict[str, Any]) -> RuleBook:
    return read_rulebook(from_plain(Ruleset, plain))


def test_reading_leaves_everything_as_it_was_whoever_asks(engine_host: Host) -> None:
    install_readers(engine_host)
    empty, full = on_host(engine_host, LEFT_ALONE, EVERYTHING=EVERYTHING, PATTERNS=PATTERNS)
    assert empty[3][:2] == ["", ""]
    assert full[3][0].split() == ["nat", "filter"]
    for found, denied, same, dummy in (empty, full):
        assert same
        assert denied.startswith("denied ")
        assert "become" in denied
        if found is empty[0]:
            assert all(not isinstance(each, str) and not book(each).problems for each in found)
    check_what_was_read(dict(zip(PATTERNS, full[0], strict=True)))


def check_what_was_read(found: dict[str, Any]) -> None:
    """By the programs that were missing."""
    whole = book(found[""])
    assert whole.problems == ()
    assert opened(whole) == set()
    places = {(chain.backend, chain.family, chain.table) for chain in whole.chains.values() if chain.rules}
    both = {(backend, "ip", table) for backend in (NFT, LEGACY) for table in ("filter", "nat")}
    assert places == both | {(NFT, "ip6", "filter"), (LEGACY, "ip6", "filter")}
    assert book(found["nft"]).problems == ("there is a table inet other, but no nft to show it; install nftables",)
    # nft alone knows the rules, but not what only iptables has words for: there, chains are asked for one by one.
    assert opened(book(found[".*tables(-nft)?-save"])) == set()
    assert opened(book(found[".*tables.*"])) == {(NFT, "FORWARD"), (NFT, "PREROUTING")}
    for pattern in (".*tables(-legacy)?-save", ".*tables.*"):
        assert [problem.split()[0] for problem in book(found[pattern]).problems] == [
            "/proc/net/ip_tables_names",
            "/proc/net/ip6_tables_names",
        ]
    assert found[".*tables.*|nft"].startswith("absent: neither iptables-save nor nft is installed")


def opened(of: RuleBook) -> set[tuple[str, str]]:
    """Chains with rules that only the running kernel could decide."""
    return {
        (chain.backend, chain.name)
        for chain in of.chains.values()
        if any("Undecidable" in str(rule.statements) or "Unpredictable" in str(rule.statements) for rule in chain.rules)
    }


def test_what_changes_while_it_is_read_is_read_again_or_said_to_have_changed(engine_host: Host) -> None:
    install_readers(engine_host)
    *changing, quiet = on_host(engine_host, CHANGING)
    for found in (*changing, quiet):
        said = {rule.statements[-2] for chain in book(found).chains.values() for rule in chain.rules}
        assert len(said) == 1 or found["unread"], said
        assert (found["generation"] is None) == bool(found["unread"])
    assert quiet["unread"] == []


def test_rules_for_one_family_are_for_that_alone(engine_host: Host) -> None:
    """Whatever the host's nft prints of them; the last it may not have words for."""
    install_readers(engine_host)
    whole = book(on_host(engine_host, NFT_RULES, RULES=FOR_ONE_FAMILY))
    [chain] = list(whole.chains.values())
    family = Match(("family",), OneOf(frozenset({6})))
    asked = [
        [replace(each, text="") for each in rule.statements if isinstance(each, Match) and each.fields == ("family",)]
        for rule in chain.rules
    ]
    assert asked == [[family]] * len(FOR_ONE_FAMILY)
