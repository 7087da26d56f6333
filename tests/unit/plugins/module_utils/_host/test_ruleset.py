"""Which programs are asked for the rules, and what their failures mean."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import NOT_FOUND
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import UnreadableError


def host_with(**programs: tuple[int, str, str]) -> Callable[[list[str]], tuple[int, str, str]]:
    return lambda argv: programs.get(argv[0].replace("-", "_"), (NOT_FOUND, "", "not found"))


@pytest.fixture
def legacy_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = tmp_path / "ip_tables_names"
    monkeypatch.setattr(
        ruleset, "_LEGACY", {"iptables-legacy-save": names, "ip6tables-legacy-save": tmp_path / "ip6_tables_names"}
    )
    return names


def test_legacy_rules_are_asked_for_only_where_there_are_tables(legacy_tables: Path) -> None:
    run = host_with(iptables_nft_save=(0, "nft rules", ""), iptables_legacy_save=(0, "legacy rules", ""))
    assert ruleset.read_ruleset(run).save == {"iptables-nft-save": "nft rules"}
    legacy_tables.write_text("")
    assert ruleset.read_ruleset(run).save == {"iptables-nft-save": "nft rules"}
    legacy_tables.write_text("filter\nnat\n")
    assert ruleset.read_ruleset(run).save == {"iptables-nft-save": "nft rules", "iptables-legacy-save": "legacy rules"}


def test_programs_by_their_other_name(legacy_tables: Path) -> None:
    found = ruleset.read_ruleset(host_with(iptables_save=(0, "4", ""), ip6tables_save=(0, "6", ""), nft=(0, "{}", "")))
    assert found.save == {"iptables-save": "4", "ip6tables-save": "6"}
    assert found.nft_json == "{}"


@pytest.mark.parametrize(
    ("run", "kind", "words"),
    [
        (host_with(), "absent", "neither iptables-save nor nft"),
        (
            host_with(iptables_nft_save=(4, "", "Fatal: can't open lock file: Permission denied (you must be root)")),
            "denied",
            "become",
        ),
        (host_with(nft=(1, "", "Operation not permitted (you must be root)\n")), "denied", "become"),
        (host_with(iptables_nft_save=(1, "", "it broke\n")), "error", "iptables-nft-save failed: it broke"),
        (host_with(nft=(1, "", "")), "error", "exit status 1"),
    ],
)
def test_failures(legacy_tables: Path, run: Callable[[list[str]], tuple[int, str, str]], kind: str, words: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        ruleset.read_ruleset(run)
    assert caught.value.kind == kind
    assert words in caught.value.reason
