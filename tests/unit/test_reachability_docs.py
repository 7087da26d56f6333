"""What docs/reachability.md says is understood of rules is what the readers of rules have words for."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.matches import (
    SINGLES,
    TOGETHER,
    WHY_UNDECIDABLE,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.targets import (
    HARMLESS,
    TARGETS,
)

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reachability.md").read_text(encoding="utf-8")
IPTABLES = PAGE.partition("| of iptables | |")[2].partition("| of nftables | |")[0]
# Other names of the same, read apart (`set`), or followed in part (`CT`, `TTL`, `HL`).
SYNONYMS = {"icmpv6", "ipv6-icmp"}
IN_PART = {"CT", "TTL", "HL", "SET"}


def words(row: str) -> set[str]:
    (line,) = (line for line in IPTABLES.splitlines() if line.startswith(f"| {row}"))
    return {found.split()[0] for found in re.findall(r"`([^`]+)`", line.split("|")[2])}


def test_matches_that_are_decided() -> None:
    assert words("modelled") == ({*SINGLES, *TOGETHER, "set"} - SYNONYMS)


def test_matches_that_are_not_decided() -> None:
    assert words("not modelled") == set(WHY_UNDECIDABLE)


def test_targets_that_are_followed() -> None:
    assert words("targets that are followed") - IN_PART == set(TARGETS) - IN_PART


def test_targets_that_decide_nothing() -> None:
    assert words("targets that decide nothing") - IN_PART == HARMLESS


def test_targets_after_which_nothing_is_known_are_none_of_the_others() -> None:
    assert not (words("targets after which") - IN_PART) & {*TARGETS, *HARMLESS}
