"""What is sent of a host has a limit, and rules that exceed it take nothing else away."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import RULESET, HostSnapshot, Source

MOST = 10_000
SNAPSHOT = HostSnapshot(
    hostname="host",
    taken_at="2026-01-01T00:00:00Z",
    sources={RULESET: Source(read=True), "sysctl": Source(read=True)},
    sysctls={"net.ipv4.ip_forward": "1"},
    ruleset=Ruleset(nft_json='{"nftables": []}'),
)


def test_rules_are_sent_where_there_is_room_for_them() -> None:
    assert SNAPSHOT.to_json_within(MOST) == SNAPSHOT.to_json()


def test_too_many_rules_are_unread_and_all_else_is_sent() -> None:
    large = replace(SNAPSHOT, ruleset=Ruleset(nft_json='"' * MOST))
    sent = load_snapshot(large.to_json_within(MOST))
    assert sent == replace(large, ruleset=None, sources={**large.sources, RULESET: sent.sources[RULESET]})
    assert (sent.sources[RULESET].read, sent.sources[RULESET].kind) == (False, "error")
    assert str(MOST) in sent.sources[RULESET].reason


def test_what_is_too_large_without_rules_stays_so() -> None:
    large = replace(SNAPSHOT, ruleset=None, sysctls={"net.ipv4.ip_forward": "1" * MOST})
    assert large.to_json_within(MOST) == large.to_json()
