"""Running values go back; what somebody else changed stays, and what is gone is said."""

from __future__ import annotations

import re

from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import UnitRecord
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    PolicyChange,
    PortChange,
    SysctlChange,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback_plan import (
    Past,
    PortPast,
    policies_back,
    ports_back,
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
