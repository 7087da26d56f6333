"""The journal read back, and what each thing was before our changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal, read_record
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import (
    History,
    RecordedChange,
    UnitRecord,
    parse_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    PolicyChange,
    PortChange,
    Refusal,
    SysctlChange,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback_plan import (
    Past,
    file_pasts,
    policy_pasts,
    port_pasts,
    sysctl_pasts,
    unit_pasts,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.module_utils._change.histories import Book, put

PATH = "/var/lib/dockernet-baseline/journal.jsonl"
FORWARD = SysctlChange("net.ipv4.ip_forward", "0", "1")
PORT = PortChange(6, "veth1", "br-1", "shop", "web", before=False, after=True)
KEY = "net.ipv4.ip_forward"
VALUES = st.sampled_from(["0", "1", "2"])


def read_back(root: Path) -> History[RecordedChange]:
    return parse_record(read_record(root), PATH, RecordedChange)


def record(**entry: Any) -> bytes:
    return json.dumps({"schema": 1, "time": "t", "module": "m", "id": "1", **entry}).encode() + b"\n"


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "daemon.json"
    journal = Journal("userland_proxy", tmp_path / "root")
    journal.begin(
        [read_file(str(file))],
        {str(file): [b"{}"]},
        sysctls=to_plain([FORWARD]),
        ports=to_plain([PORT]),
        policies=[{"family": "ipv4", "chain": "FORWARD", "before": "ACCEPT", "after": "DROP"}],
        units=[{"name": "x.service", "before": "absent", "after": "enabled"}],
        networks=[{"name": "shop", "before": None, "after": {"Name": "shop"}}],
    )
    journal.end("undone")
    journal.end("failed")

    history = read_back(tmp_path / "root")

    (change,) = history.changes
    assert history.notes == []
    assert (change.module, change.undone, change.ended) == ("userland_proxy", True, ["undone", "failed"])
    assert change.files[0].before is None
    assert change.files[0].writes[0] is not None
    assert change.left == {str(file): None}
    assert (change.sysctls, change.ports) == ([FORWARD], [PORT])
    assert change.policies[0].after == "DROP"
    assert change.units[0].before == "absent"
    assert change.networks[0].name == "shop"


def test_a_killed_run_counts_and_has_no_end(tmp_path: Path) -> None:
    Journal("ip_forward", tmp_path).begin([], sysctls=to_plain([FORWARD]))
    (change,) = read_back(tmp_path).changes
    assert change.ended == []
    assert not change.undone


def test_what_was_taken_back_is_history(tmp_path: Path) -> None:
    late = Journal("bridge_hairpin", tmp_path)
    late.begin([])
    Journal("baseline_rollback", tmp_path).reverted()
    late.end("done")
    assert read_back(tmp_path).changes == []
    late.begin([])
    assert len(read_back(tmp_path).changes) == 1


def test_half_a_line_is_skipped_and_said() -> None:
    whole = record(event="begin")
    history = parse_record(whole + whole[:20] + b"\n" + record(event="done"), PATH, RecordedChange)
    assert [change.ended for change in history.changes] == [["done"]]
    assert f"{PATH} line 2" in history.notes[0]


@given(st.integers(min_value=0), st.binary(max_size=8))
def test_a_torn_end_never_costs_what_stands_before(size: int, block: bytes) -> None:
    """Cut anywhere, with what a crashed file system may leave in the rest of the block."""
    torn = record(event="done").rstrip()
    torn = torn[: size % len(torn)]
    (change,) = parse_record(record(event="begin") + torn + block.replace(b"}", b""), PATH, RecordedChange).changes
    assert change.ended == []


@pytest.mark.parametrize(
    "entry",
    [
        {"schema": 2, "event": "begin"},
        {"schema": None, "event": "begin"},
        {"event": "split"},
        {"event": "begin", "files": "none"},
        {"event": "begin", "sysctls": [{"key": "net.ipv4.ip_forward"}]},
        {"event": "begin", "id": 7},
    ],
)
def test_a_whole_entry_that_is_unknown_is_refused_by_its_line(entry: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match=r"journal.jsonl line 2 "):
        parse_record(record(event="begin") + record(**entry), PATH, RecordedChange)


def change(before: str, after: str, *ended: str) -> RecordedChange:
    return RecordedChange("1", "t", "m", sysctls=[SysctlChange(KEY, before, after)], ended=list(ended))


@given(VALUES, st.lists(st.tuples(VALUES, st.sampled_from(["done", "undone", "early", "late"])), min_size=1))
def test_alone_on_the_host_the_first_value_is_the_one_to_go_back_to(first: str, steps: list[tuple[str, str]]) -> None:
    """Whatever we wanted, finished, undid or were killed at: only our own changes happened."""
    now, changes = first, []
    for wanted, end in steps:
        changes.append(change(now, wanted, *([end] if end in ("done", "undone") else [])))
        now = wanted if end in ("done", "late") else now
    pasts = sysctl_pasts(changes)
    if KEY in pasts:
        assert pasts[KEY].before == first
        assert now in pasts[KEY].ours
    else:
        assert now == first


@given(VALUES, VALUES, VALUES, VALUES)
def test_where_somebody_else_set_it_in_between_their_value_is_the_one_to_go_back_to(
    first: str, ours: str, theirs: str, last: str
) -> None:
    pasts = sysctl_pasts([change(first, ours, "done"), change(theirs, last, "done")])
    assert pasts[KEY] == Past(first if theirs == ours else theirs, frozenset({last}))


def test_a_failed_change_may_have_left_either() -> None:
    assert sysctl_pasts([change("0", "1", "failed")])[KEY].ours == {"0", "1"}


def test_every_kind_of_thing_is_found() -> None:
    port = PortChange(6, "veth1", "br-1", "shop", "web", before=False, after=True)
    made = RecordedChange(
        *("1", "t", "m"),
        ports=[port],
        policies=[PolicyChange("ipv4", "ACCEPT", "DROP")],
        units=[UnitRecord("x.service", "absent", "enabled")],
        ended=["done"],
    )
    (found,) = port_pasts([made])
    assert (found.port, found.past) == (port, Past("off", frozenset({"on"})))
    assert policy_pasts([made]) == {"ipv4": Past("ACCEPT", frozenset({"DROP"}))}
    assert unit_pasts([made]) == {"x.service": Past("absent", frozenset({"enabled"}))}


def test_files_are_judged_by_what_was_left(tmp_path: Path) -> None:
    """One that undid itself and yet left something counts; one that left nothing does not."""
    book, file = Book(tmp_path), tmp_path / "daemon.json"
    put(file, "{}")
    book.change({file: "x"}, end="undone")
    assert file_pasts(book.history().changes) == {}
    book.change({file: "y"})
    put(file, "theirs")
    book.change({file: "z"}, end="killed")
    past = file_pasts(book.history().changes)[str(file)]
    assert len(past.links) == 2
    assert past.unbroken == past.links[1:]
    assert len(past.ours) == 2
