"""What is read of tables in which several programs write, by each host's own iptables (1.8.7 on) and nft (0.9.8 on).

Everything happens in network namespaces of their own.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import RuleBook

from tests.integration.rules_on_host import on_host
from tests.integration.snapshots import install_readers
from tests.integration.test_rulesets import RECORDED, meanings
from tests.lab.host import Host

# In nft's own words, as mailcow, netbird, tailscale and kube-router write them. iptables-nft-save prints something else
# for those with a star, with a word about it or without, or leaves them out.
FOREIGN = """
* tcp dport { 80, 443 } accept
* iifname { "a", "b" } accept
* ip saddr @s drop
* tcp dport vmap { 80 : accept }
* ip saddr 10.0.0.1-10.0.0.9 accept
* ip saddr != 10.0.0.1-10.0.0.9 counter accept
* ip protocol > 5 counter drop
* ip saddr 1.2.3.4 ip saddr 1.2.3.5 counter drop
* meta l4proto { tcp, udp } counter accept
* ip saddr . tcp dport { 1.2.3.4 . 80 } counter drop
* ct state new accept
* fib daddr type local drop
* reject
* meta mark 0x1-0x5 accept
* meta skuid 0 accept
  ip saddr 1.2.3.4 ip daddr 1.2.3.5 tcp sport 5 counter drop
  tcp dport != 80-90 counter accept
  tcp dport > 1024 counter accept
  meta mark & 0xf == 1 counter accept
  meta l4proto != tcp counter accept
  ip saddr & 255.255.255.1 == 1.2.3.1 counter drop
  ip saddr 10.0.0.0/9 counter drop
  iif lo counter accept
  iifname "eth*" counter accept
  iifname != "eth0" counter drop
  tcp flags & (syn|ack) == syn counter drop
  udp sport 5 counter drop
  counter drop
  counter goto OWN
"""
ROWS = [(line.startswith("*"), line[2:]) for line in FOREIGN.strip("\n").splitlines()]

EACH_ROW = """
def without_nft():
    try:
        return read(hiding("nft"))
    except UnreadableError:
        return None

def beside(row):
    sh("nft flush ruleset")
    sh("iptables-nft -N OWN; iptables-nft -A FORWARD -m conntrack --ctstate INVALID -m comment --comment first -j DROP")
    sh("nft -f -", "add set ip filter s { type ipv4_addr; elements = { 1.2.3.4 }; }; add rule ip filter FORWARD " + row)
    return [read(), without_nft(), read(hiding(".*tables.*"))]

print(json.dumps([beside(row) for row in ROWS]))
"""

# A table of which iptables knows the names, and in which another program has put base chains of its own.
BASE_CHAINS = """
def beside(chain):
    sh("nft flush ruleset; iptables-nft -A INPUT -j DROP")
    sh("nft -f -", f"add chain ip filter {chain}; add rule ip filter {chain.split()[0]} udp dport 9 counter drop")
    return [read(), read(hiding("nft"))]

print(json.dumps([beside(chain) for chain in CHAINS]))
"""
CHAINS = [
    "early { type filter hook forward priority -300; }",
    "FORWARD { type filter hook output priority 0; }",
    "OUTPUT { type filter hook output priority 7; }",
]

RESTORED = """
sh("iptables-nft-restore", FOUR)
sh("ip6tables-nft-restore", SIX)
print(json.dumps(read(hiding("nft"))))
"""


@pytest.fixture
def reading_host(engine_host: Host) -> Host:
    install_readers(engine_host)
    return engine_host


def book(plain: dict[str, Any]) -> RuleBook:
    return read_rulebook(from_plain(Ruleset, plain))


def forwarded(of: RuleBook) -> list[tuple[str, str]]:
    """Meaning and words of the rules of FORWARD."""
    known = meanings(of)
    (chain,) = (chain for chain in of.chains.values() if chain.name == "FORWARD")
    return [(known["filter", "FORWARD", rule.number], rule.text) for rule in chain.rules]


def test_a_rule_of_another_program_is_read_right_or_said_not_to_be(reading_host: Host) -> None:
    read = on_host(reading_host, EACH_ROW, ROWS=[row for dummy, row in ROWS])
    for (hidden, row), found in zip(ROWS, read, strict=True):
        own, foreign = forwarded(book(found[0]))
        # Without iptables the foreign rule is known all the same, and the other one has a part that nobody shows.
        without = forwarded(book(found[2]))
        assert without[1][0] == foreign[0], row
        assert "Un" not in foreign[0], row
        assert "Un" in without[0][0], row
        # Its words are not those of a line that says something else.
        assert not hidden or not foreign[1].startswith("-A"), row
        assert "Un" in own[0] or own[1].endswith("--comment first -j DROP"), row
        if found[1] is None:
            continue
        without_nft = book(found[1])
        assert without_nft.problems if hidden else True, row
        if not without_nft.problems:
            assert [meaning for meaning, dummy in forwarded(without_nft)] == [own[0], foreign[0]], row


def test_base_chains_of_another_program_are_known_or_said_to_be_missing(reading_host: Host) -> None:
    for chain, found in zip(CHAINS, on_host(reading_host, BASE_CHAINS, CHAINS=CHAINS), strict=True):
        whole = book(found[0])
        known = {each.name: (each.hook, each.priority) for each in whole.chains.values() if each.hook}
        name, hook, priority = chain.split()[0], chain.split()[5], int(chain.split()[7].rstrip(";"))
        assert (known[name], whole.problems) == ((hook, priority), ()), chain
        without_nft = book(found[1])
        assert without_nft.problems or any(
            (each.hook, each.priority) == (hook, priority) and each.rules for each in without_nft.chains.values()
        ), chain


def test_what_iptables_made_is_never_taken_for_a_rule_of_others(reading_host: Host) -> None:
    """Nearly all its matches and targets."""
    four, six = (
        (RECORDED / f"{tables}-1.8.7.save").read_text(encoding="utf-8") for tables in ("iptables", "ip6tables")
    )
    assert book(on_host(reading_host, RESTORED, FOUR=four, SIX=six)).problems == ()
