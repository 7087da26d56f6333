"""What a thing was before our first change, and how far back we may go."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forward_policy_plan import (
    PolicyChange,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import PortChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_history import (
    Past,
    file_pasts,
    policy_pasts,
    port_pasts,
    sysctl_pasts,
    unit_pasts,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_reading import (
    Change,
    UnitRecord,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.own_sysctls import SysctlChange
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.module_utils._change.histories import Book, put

KEY = "net.ipv4.ip_forward"
VALUES = st.sampled_from(["0", "1", "2"])


def change(before: str, after: str, *ended: str) -> Change:
    return Change("1", "t", "m", sysctls=[SysctlChange(KEY, before, after)], ended=list(ended))


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
    made = Change(
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
