"""Running values go back; what somebody else changed stays, and what is gone is said."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import (
    History,
    RecordedChange,
    UnitRecord,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    Outline,
    PolicyChange,
    PortChange,
    Refusal,
    SysctlChange,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback_plan import (
    Kept,
    Past,
    PortPast,
    Present,
    ValuesPlan,
    plan_values,
    policies_back,
    ports_back,
    refuse_conflicts,
    sysctl_sentences,
    sysctls_back,
    units_back,
)
from hypothesis import given
from hypothesis import strategies as st

KNOB = "net.ipv4.ip_forward"
CONF = "net.ipv4.conf.{}.forwarding"
INTERFACES = ("all", "default", "eth0", "br-1", "veth9")
RAISED = Past("0", frozenset({"1"}))
PORT = PortChange(6, "veth1", "br-1", "shop", "web", before=False, after=True)


def write(changes: list[SysctlChange], values: dict[str, str]) -> dict[str, str]:
    """What the kernel makes of it."""
    values = dict(values)
    for change in changes:
        values[change.key] = change.after
        if change.key in (KNOB, CONF.format("all")):
            values.update({key: change.after for key in values if key.startswith("net.ipv4.conf.")})
            values[KNOB] = change.after
    return values


@given(
    st.dictionaries(st.sampled_from(INTERFACES[2:]), st.sampled_from("01")),
    st.dictionaries(st.sampled_from(INTERFACES[2:]), st.sampled_from("01")),
)
def test_what_is_foretold_is_what_the_kernel_does(tracked: dict[str, str], closed: dict[str, str]) -> None:
    """tracked: interfaces whose value of before is known; closed: what somebody did to interfaces since."""
    now = {KNOB: "1", **{CONF.format(name): closed.get(name, "1") for name in INTERFACES}}
    pasts = {KNOB: RAISED}
    pasts.update({CONF.format(name): Past(value, frozenset({"1"})) for name, value in tracked.items()})

    back = sysctls_back(pasts, now)

    assert write(back.changes, now) == {**now, **{change.key: change.after for change in back.changes}}
    after = write(back.changes, now)
    assert after[KNOB] == "0"
    for name, value in tracked.items():
        assert after[CONF.format(name)] in (value, "0" if closed.get(name) == "0" else value)
    assert sysctls_back(pasts, after).changes == []


def test_what_follows_a_knob_is_not_said_one_by_one() -> None:
    now = {KNOB: "1", **{CONF.format(name): "1" for name in INTERFACES}}
    pasts = {KNOB: RAISED, CONF.format("br-1"): Past("1", frozenset({"1"})), CONF.format("eth0"): RAISED}
    back = sysctls_back(pasts, now)
    assert sysctl_sentences(back.changes) == [f"set {KNOB} from 1 back to 0"]
    assert SysctlChange(CONF.format("br-1"), "1", "1") in back.changes
    assert SysctlChange(CONF.format("veth9"), "1", "0") in back.changes


def test_a_single_value_is_written_alone() -> None:
    key = "net.ipv6.conf.eth0.accept_ra"
    back = sysctls_back({key: Past("1", frozenset({"2"}))}, {key: "2", CONF.format("eth0"): "1"})
    assert back.changes == [SysctlChange(key, "2", "1")]


def test_somebody_elses_value_stays_and_is_named() -> None:
    key = "net.ipv6.conf.eth0.accept_ra"
    back = sysctls_back({key: Past("1", frozenset({"2"}))}, {key: "0"})
    assert back.changes == []
    (conflict,) = back.conflicts
    assert conflict.startswith(f"{key} ")
    assert re.findall(r"(is|was|set) (\d)", conflict) == [("is", "0"), ("was", "1"), ("set", "2")]
    assert sysctls_back({key: RAISED}, {}).gone == [key]


def test_ports() -> None:
    past = PortPast(PORT, Past("off", frozenset({"on"})))
    (change,) = ports_back([past], {(6, "veth1"): True}).changes
    assert (change.before, change.after) == (True, False)
    assert ports_back([past], {(6, "veth1"): False}).changes == []
    assert "veth1" in ports_back([past], {(6, "veth2"): True}).gone[0]


def test_policies_and_units() -> None:
    closed = {"ipv4": Past("ACCEPT", frozenset({"DROP"}))}
    assert policies_back(closed, {"ipv4": "DROP"}).changes == [PolicyChange("ipv4", "DROP", "ACCEPT")]
    assert policies_back(closed, {"ipv4": "ACCEPT"}).changes == []
    enabled = {"x.service": Past("absent", frozenset({"enabled"}))}
    assert units_back(enabled, {"x.service": "enabled"}).changes == [UnitRecord("x.service", "enabled", "absent")]
    assert "unit x.service is masked" in units_back(enabled, {"x.service": "masked"}).conflicts[0]


NOTHING = Kept({}, {}, {})
MODES = {(6, "veth1"): True}


def recorded(*ended: str, **changes: Any) -> RecordedChange:
    return RecordedChange("1", "then", "ip_forward", ended=list(ended), **changes)


def plan(*changes: RecordedChange, present: Present) -> ValuesPlan:
    return plan_values(History(list(changes), ["a note"]), [], NOTHING, present)


def test_all_kinds_of_values_go_back_in_one_plan() -> None:
    change = recorded(
        "done",
        sysctls=[SysctlChange(KNOB, "0", "1")],
        ports=[PORT],
        policies=[PolicyChange("ipv4", "ACCEPT", "DROP")],
        units=[UnitRecord("x.service", "disabled", "enabled")],
    )
    found = plan(change, present=Present({KNOB: "1"}, MODES, {"ipv4": "DROP"}, {"x.service": "enabled"}))
    assert found.sysctls == [SysctlChange(KNOB, "1", "0")]
    assert [(port.port, port.before, port.after) for port in found.ports] == [("veth1", True, False)]
    assert found.policies == [PolicyChange("ipv4", "DROP", "ACCEPT")]
    assert found.units == [UnitRecord("x.service", "enabled", "disabled")]
    assert (found.files, found.conflicts) == ([], [])
    assert len(found.outline.actions) == len(found.outline.diffs) == 4
    assert "disable x.service" in found.outline.actions
    # The host forwards no more, so that an open policy opens nothing.
    assert [warning.split()[0] for warning in found.outline.warnings] == ["a", "IPv4"]


def test_a_host_that_is_as_it_was_needs_no_plan() -> None:
    change = recorded(
        "done",
        sysctls=[SysctlChange(KNOB, "0", "1")],
        ports=[PORT],
        policies=[PolicyChange("ipv4", "ACCEPT", "DROP")],
        units=[UnitRecord("x.service", "disabled", "enabled")],
    )
    there = Present({KNOB: "0"}, {(6, "veth1"): False}, {"ipv4": "ACCEPT"}, {"x.service": "disabled"})
    found = plan(change, present=there)
    assert found == ValuesPlan(Outline(warnings=["a note"]))
    undone = replace(change, ended=["undone"])
    assert plan(undone, present=Present({KNOB: "1"}, MODES, {"ipv4": "DROP"}, {})).outline.actions == []


@pytest.mark.parametrize(
    ("policy", "forwarding", "is_open"), [("ACCEPT", "1", True), ("ACCEPT", "0", False), ("DROP", "1", False)]
)
def test_a_policy_that_becomes_open_on_a_host_that_forwards_is_warned_of(
    policy: str, forwarding: str, *, is_open: bool
) -> None:
    other = "DROP" if policy == "ACCEPT" else "ACCEPT"
    for family, knob in (("ipv4", KNOB), ("ipv6", "net.ipv6.conf.all.forwarding")):
        change = recorded("done", policies=[PolicyChange(family, policy, other)])
        found = plan(change, present=Present({knob: forwarding}, {}, {family: other}, {}))
        assert [item.after for item in found.policies] == [policy]
        assert (len(found.outline.warnings) == 2) is is_open


def test_what_is_gone_is_said_by_interface_and_what_was_changed_since_stays() -> None:
    change = recorded(
        "done",
        sysctls=[SysctlChange("net.ipv4.conf.veth9.rp_filter", "2", "0"), SysctlChange(KNOB, "0", "1")],
        ports=[PORT],
    )
    found = plan(change, present=Present({KNOB: "7"}, {}, {}, {}))
    assert (found.sysctls, found.ports) == ([], [])
    assert [conflict.split()[0] for conflict in found.conflicts] == [KNOB]
    assert found.outline.warnings[1].endswith("veth9, veth1, the port of container web on br-1")


def test_of_changes_one_after_the_other_the_first_counts_unless_others_were_between() -> None:
    first, second = SysctlChange(KNOB, "0", "1"), SysctlChange(KNOB, "1", "2")
    now = Present({KNOB: "2"}, {}, {}, {})
    both = recorded("done", sysctls=[first]), recorded("done", sysctls=[second])
    assert plan(*both, present=now).sysctls == [SysctlChange(KNOB, "2", "0")]
    between = recorded("done", sysctls=[first]), recorded("done", sysctls=[replace(second, before="5")])
    assert plan(*between, present=now).sysctls == [SysctlChange(KNOB, "2", "5")]
    # One that was killed or failed may have changed it or not.
    for ended in ([], ["failed"]):
        killed = recorded(*ended, sysctls=[first])
        assert plan(killed, present=Present({KNOB: "1"}, {}, {}, {})).sysctls == [SysctlChange(KNOB, "1", "0")]
        assert plan(killed, present=Present({KNOB: "0"}, {}, {}, {})).conflicts == []


def test_conflicts_are_refused_together() -> None:
    refuse_conflicts([])
    with pytest.raises(Refusal, match="one; two") as caught:
        refuse_conflicts(["one", "two"])
    assert caught.value.consents == [{"on_conflict": "allow"}]
