"""Which programs are asked for the rules, and what their failures mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import NOT_FOUND
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import UnreadableError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import RuleNeed


def host_with(**programs: tuple[int, str, str]) -> Callable[[list[str]], tuple[int, str, str]]:
    return lambda argv: programs.get(argv[0].replace("-", "_"), (NOT_FOUND, "", "not found"))


class Kernel:
    """What netlink says of nftables: a list of generations, of which the last stays, and tables."""

    def __init__(self) -> None:
        self.generations = [7]
        self.tables = ["ip filter"]
        self.rules: list[tuple[str, int, bytes]] = []
        self.inet_rules: list[tuple[str, int, bytes]] = []

    def generation(self) -> int:
        return self.generations.pop(0) if len(self.generations) > 1 else self.generations[0]


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel()
    monkeypatch.setattr(ruleset, "nftables_is_there", lambda: True)
    monkeypatch.setattr(ruleset, "read_generation", made.generation)
    monkeypatch.setattr(ruleset, "read_tables", lambda: made.tables)
    monkeypatch.setattr(ruleset, "read_rules", lambda: made.rules)
    monkeypatch.setattr(ruleset, "read_inet_rules", lambda: made.inet_rules)
    return made


@pytest.fixture
def legacy_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    names = tmp_path / "ip_tables_names"
    monkeypatch.setattr(ruleset, "_LEGACY_TABLES", {"iptables": names, "ip6tables": tmp_path / "ip6_tables_names"})
    return names


def test_legacy_rules_are_asked_for_only_where_there_are_tables(legacy_tables: Path) -> None:
    run = host_with(iptables_nft_save=(0, "nft rules", ""), iptables_legacy_save=(0, "legacy rules", ""))
    assert ruleset.read_ruleset(run).save == {"iptables-nft-save": "nft rules"}
    legacy_tables.write_text("")
    assert ruleset.read_ruleset(run).save == {"iptables-nft-save": "nft rules"}
    legacy_tables.write_text("filter\nnat\n")
    assert ruleset.read_ruleset(run).save == {"iptables-nft-save": "nft rules", "iptables-legacy-save": "legacy rules"}


def test_programs_of_the_only_backend(legacy_tables: Path) -> None:
    legacy_tables.write_text("filter\n")
    calls: list[list[str]] = []

    def run(argv: list[str]) -> tuple[int, str, str]:
        calls.append(argv)
        answers = {
            "iptables-save": "legacy rules",
            "iptables-save --version": "iptables-save v1.6.1",
            "ip6tables-save": "nft rules",
            "ip6tables-save --version": "ip6tables-save v1.8.9 (nf_tables)",
        }
        said = answers.get(" ".join(argv))
        return (NOT_FOUND, "", "not found") if said is None else (0, said, "")

    found = ruleset.read_ruleset(run)
    assert found.save == {"ip6tables-nft-save": "nft rules", "iptables-legacy-save": "legacy rules"}
    assert found.unread == ["there is a table ip filter, and no nft to show it; install nftables"]
    # Each in the backend it is of, and what is asked for first creates nothing.
    assert calls.index(["iptables-save", "--version"]) < calls.index(["iptables-save"])


def test_the_generation_stays_the_same(kernel: Kernel, legacy_tables: Path) -> None:
    run = host_with(nft=(0, "{}", ""))
    assert ruleset.read_ruleset(run).generation == 7
    kernel.generations = [1, 2, 3, 4, 4]
    found = ruleset.read_ruleset(run)
    assert (found.generation, found.unread) == (4, [])
    kernel.generations = list(range(100))
    found = ruleset.read_ruleset(run)
    assert found.generation is None
    assert "changed during each of 5 attempts" in found.unread[0]


def test_tables_that_no_program_shows(kernel: Kernel, legacy_tables: Path) -> None:
    kernel.tables = ["ip filter", "ip6 nat", "inet firewalld"]
    run = host_with(iptables_nft_save=(0, "4", ""))
    said = ruleset.read_ruleset(run).unread
    assert [sentence.split(",")[0] for sentence in said] == [
        "there is a table ip6 nat",
        "there is a table inet firewalld",
    ]
    assert ruleset.read_ruleset(host_with(iptables_nft_save=(0, "4", ""), nft=(0, "{}", ""))).unread == []


def test_without_nft_rules_that_iptables_did_not_make_are_not_believed(kernel: Kernel, legacy_tables: Path) -> None:
    """What it prints of them may be something else."""
    kernel.tables = ["ip filter", "ip nat"]
    own, foreign = rule("counter", "immediate"), rule("lookup", "counter", "immediate")
    kernel.rules = [("ip filter", 2, own), ("ip nat", 2, foreign)]
    saved = (0, "# Generated by iptables-nft-save v1.8.11 (nf_tables) on Mon\n", "")
    (said,) = ruleset.read_ruleset(host_with(iptables_nft_save=saved)).unread
    assert said.startswith("table ip nat has rules that iptables did not make")
    assert ruleset.read_ruleset(host_with(iptables_nft_save=saved, nft=(0, "{}", ""))).unread == []


def test_what_rules_of_inet_tables_need_is_read_beside_what_nft_shows(kernel: Kernel, legacy_tables: Path) -> None:
    kernel.tables = ["ip filter", "inet t"]
    # linux/netfilter/nf_tables.h: a register, NFT_META_NFPROTO; the same register and a value.
    load = attribute(1, b"meta\0") + attribute(2, attribute(1, b"\0\0\0\1") + attribute(2, b"\0\0\0\x0f"))
    compare = attribute(1, b"cmp\0") + attribute(2, attribute(1, b"\0\0\0\1") + attribute(3, attribute(1, b"\2")))
    kernel.inet_rules = [("inet t", 4, attribute(1, load) + attribute(1, compare))]
    found = ruleset.read_ruleset(host_with(nft=(0, '{"nftables": []}', "")))
    assert found.needs == [RuleNeed("inet t", 4, "meta nfproto", 2)]
    kernel.tables = ["ip filter"]
    assert ruleset.read_ruleset(host_with(nft=(0, '{"nftables": []}', ""))).needs == []


def test_warnings_before_the_document_are_left_out(legacy_tables: Path) -> None:
    """Those of nft 0.9.8 go to standard output (seen on Debian 11)."""
    warning = "warning: stmt ops map have no json callback\n"
    assert ruleset.read_ruleset(host_with(nft=(0, f"{warning}{warning}{{}}", ""))).nft_json == "{}"


def rule(*names: str) -> bytes:
    """Expressions as the kernel lists them, without what is in them."""
    return b"".join(attribute(1, attribute(1, name.encode() + b"\0")) for name in names)


def test_legacy_rules_are_of_one_time(legacy_tables: Path) -> None:
    """These tables have no generation: they are read before and after the others."""
    legacy_tables.write_text("filter\n")
    texts = [f"# at {number}\n:INPUT ACCEPT [{number}:9]\n-A INPUT -s {min(number, 5)}\n" for number in range(8)]

    def run(argv: list[str]) -> tuple[int, str, str]:
        return (0, texts.pop(0), "") if argv[0] == "iptables-legacy-save" else (NOT_FOUND, "", "")

    found = ruleset.read_ruleset(run)
    assert found.save == {"iptables-legacy-save": "# at 6\n:INPUT ACCEPT [6:9]\n-A INPUT -s 5\n"}
    assert found.unread == ["there is a table ip filter, and no nft to show it; install nftables"]


def test_a_table_that_iptables_has_no_words_for_is_left_to_nft(legacy_tables: Path) -> None:
    broken = (3, "*filter\n", "Parsing nftables rule failed")
    run = host_with(iptables_nft_save=broken, ip6tables_nft_save=(0, "6", ""), nft=(0, "{}", ""))
    found = ruleset.read_ruleset(run)
    assert (found.save, found.nft_json, found.unread) == ({"ip6tables-nft-save": "6"}, "{}", [])


def test_legacy_tables_without_their_program(legacy_tables: Path) -> None:
    legacy_tables.write_text("nat\n")
    assert "no iptables-legacy-save" in ruleset.read_ruleset(host_with(nft=(0, "{}", ""))).unread[0]


def test_a_kernel_without_nftables_is_not_made_to_load_it(legacy_tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruleset, "nftables_is_there", lambda: False)
    legacy_tables.write_text("nat\n")
    asked: list[str] = []

    def run(argv: list[str]) -> tuple[int, str, str]:
        asked.append(argv[0])
        return 0, "rules", ""

    found = ruleset.read_ruleset(run)
    assert (found.save, found.nft_tables, found.generation) == ({"iptables-legacy-save": "rules"}, [], None)
    assert set(asked) == {"iptables-legacy-save"}


def test_a_kernel_without_rules_and_no_program_are_an_empty_ruleset(kernel: Kernel, legacy_tables: Path) -> None:
    kernel.tables = []
    found = ruleset.read_ruleset(host_with())
    assert (found.save, found.nft_json, found.unread) == ({}, None, [])


def shown_by_nft(*chains: str) -> str:
    """What nft says of a table in which each of these chains has a rule with an extension of iptables."""
    rules = [
        {"rule": {"family": "ip", "table": "filter", "chain": chain, "expr": [{"xt": {"type": "match"}}]}}
        for chain in chains
    ]
    plain = {"rule": {"family": "ip", "table": "filter", "chain": "PLAIN", "expr": [{"drop": None}]}}
    return json.dumps({"nftables": [*rules, *rules, plain]})


@pytest.mark.parametrize(
    "saved",
    [(0, "# Table `filter' is incompatible, use 'nft' tool.\n", ""), (3, "*filter\n", "Parsing nftables rule failed")],
)
def test_chains_of_a_table_that_cannot_be_shown_are_read_one_by_one(
    legacy_tables: Path, saved: tuple[int, str, str]
) -> None:
    """A name that looks like an option is never given to the program: -F would flush."""
    asked: list[list[str]] = []

    def run(argv: list[str]) -> tuple[int, str, str]:
        answers = {"iptables-nft-save": saved, "nft": (0, shown_by_nft("DOCKER", "-F", "! x", "OTHER"), "")}
        if argv[0] in answers:
            return answers[argv[0]]
        if argv[0] != "iptables-nft":
            return NOT_FOUND, "", ""
        asked.append(argv)
        return (0, f"-N {argv[-1]}\n", "") if argv[-1] == "DOCKER" else (1, "", "incompatible")

    found = ruleset.read_ruleset(run)
    assert found.listed == {"ip filter": "-N DOCKER\n"}
    assert asked == [["iptables-nft", "-t", "filter", "-S", chain] for chain in ("DOCKER", "OTHER")]


def test_no_chain_is_read_alone_where_the_table_is_shown(legacy_tables: Path) -> None:
    answers = host_with(iptables_nft_save=(0, "*filter\nCOMMIT\n", ""), nft=(0, shown_by_nft("DOCKER"), ""))
    assert ruleset.read_ruleset(answers).listed == {}


WITH_SET = host_with(iptables_nft_save=(0, "-A INPUT -m set --match-set s src -j DROP\n", ""))


def test_sets_are_read_only_where_rules_refer_to_them(legacy_tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking would make the kernel load the module."""
    monkeypatch.setattr(ruleset, "read_ipsets", lambda: "create s hash:ip\n")
    assert ruleset.read_ruleset(WITH_SET).ipsets == "create s hash:ip\n"
    assert ruleset.read_ruleset(host_with(iptables_nft_save=(0, "-A INPUT\n", ""))).ipsets is None


@pytest.mark.parametrize("error", [OSError("it broke"), ValueError("it broke")])
def test_sets_that_cannot_be_read_are_told(
    error: Exception, legacy_tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> str:
        raise error

    monkeypatch.setattr(ruleset, "read_ipsets", refuse)
    found = ruleset.read_ruleset(WITH_SET)
    assert (found.ipsets, found.unread) == (None, [])
    assert found.ipsets_unread == "the sets of ipset could not be read: it broke"


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
