"""When the host's loopback is guarded, on synthetic hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import UnitState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import (
    HairpinRequest,
    plan_hairpin,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.loopback_guard_plan import (
    UNIT,
    GuardPlan,
    plan_guard,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import BootOrder, Firewall
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.plugins.module_utils._change.hosts import BRIDGE, HOST, unread, with_proxy_off, with_sysctls

FIREWALL = Firewall({"ipv4": "/usr/sbin/iptables"}, {"ipv4": "nft"}, boot_order=BootOrder(["a"], ["b"]))
NONE = UnitState(UNIT)
OFF = with_proxy_off()
ROUTED = with_sysctls({f"net.ipv4.conf.{BRIDGE}.route_localnet": "1"})
OURS = "-A PREROUTING -d 127.0.0.0/8 ! -i lo -m comment --comment dockernet-loopback-guard -j DROP"
THEIRS = "-A PREROUTING -d 127.0.0.0/8 ! -i lo -j DROP"


def with_rule(snapshot: HostSnapshot, rule: str) -> HostSnapshot:
    """The host with one rule in raw PREROUTING."""
    saves = snapshot.ruleset.save if snapshot.ruleset else {}
    text = saves.get("iptables-nft-save", "")
    return replace(snapshot, ruleset=Ruleset({"iptables-nft-save": f"{text}*raw\n{rule}\nCOMMIT\n"}))


@pytest.mark.parametrize("snapshot", [OFF, ROUTED])
def test_it_begins_where_bridges_route_loopback(snapshot: HostSnapshot) -> None:
    plan = plan_guard(snapshot, FIREWALL, NONE)
    assert plan.rule is True
    assert plan.unit is not None
    text = plan.unit.after.text or ""
    # Run twice, it adds the rule once.
    assert text.index("ExecStart=-/usr/sbin/iptables -w 60 -t raw -D") < text.index("-t raw -I PREROUTING ! -i lo")
    done = with_rule(snapshot, OURS)
    assert plan_guard(done, FIREWALL, plan.unit.after) == GuardPlan()
    # A rule that was flushed comes back, and so does a unit that was disabled.
    assert len(plan_guard(snapshot, FIREWALL, plan.unit.after).actions) == 1
    assert plan_guard(done, FIREWALL, replace(plan.unit.after, state="disabled")).actions == [f"enable {UNIT}"]


def test_it_ends_where_none_does() -> None:
    unit = UnitState(UNIT, "x", "enabled")
    plan = plan_guard(with_rule(HOST, OURS), FIREWALL, unit)
    assert plan.rule is False
    assert plan.unit is not None
    assert plan.unit.after == NONE
    assert plan_guard(HOST, FIREWALL, NONE) == GuardPlan()


def test_with_docker_proxy_on_bridges_stop_routing_loopback() -> None:
    key = f"net.ipv4.conf.{BRIDGE}.route_localnet"
    plan = plan_hairpin(with_rule(ROUTED, OURS), HairpinRequest("auto"), FIREWALL, UnitState(UNIT, "x", "enabled"))
    assert [(change.key, change.after) for change in plan.loopback] == [(key, "0")]
    assert plan.guard.rule is False
    assert plan_hairpin(ROUTED, HairpinRequest("auto", guard=False), FIREWALL, NONE).loopback == []
    assert plan_hairpin(with_sysctls({key: "1"}, OFF), HairpinRequest("auto"), FIREWALL, NONE).loopback == []


def test_a_rule_of_somebody_else_will_do() -> None:
    assert plan_guard(with_rule(OFF, THEIRS), FIREWALL, NONE) == GuardPlan()
    assert plan_guard(with_rule(HOST, THEIRS), FIREWALL, NONE) == GuardPlan()
    narrower = THEIRS.replace("-j", "-p tcp -m tcp --dport 22 -j")
    assert plan_guard(with_rule(OFF, narrower), FIREWALL, NONE).rule is True


@pytest.mark.parametrize(
    ("snapshot", "firewall", "unit", "word"),
    [
        (replace(OFF, links=[*OFF.links, Link(9, "loopback0")]), FIREWALL, NONE, "WSL2"),
        (OFF, Firewall(), NONE, "no iptables"),
        (OFF, replace(FIREWALL, boot_order=None), NONE, "the order of units at boot"),
        (OFF, FIREWALL, UnitState(UNIT, None, "masked"), "masked"),
        (unread("ruleset"), FIREWALL, NONE, "no permission"),
    ],
)
def test_where_it_cannot_be(snapshot: HostSnapshot, firewall: Firewall, unit: UnitState, word: str) -> None:
    plan = plan_guard(snapshot, firewall, unit)
    assert plan.actions == []
    assert word in plan.warnings[0]


def test_without_systemd_it_is_for_now() -> None:
    plan = plan_guard(OFF, replace(FIREWALL, systemd=False), NONE)
    assert (plan.rule, plan.unit) == (True, None)
    assert "at boot" in plan.warnings[0]


def test_where_the_mode_is_unknown_nothing_changes() -> None:
    silent = replace(HOST, proxies=[], ruleset=Ruleset())
    assert plan_guard(silent, FIREWALL, UnitState(UNIT, "x", "enabled")) == GuardPlan()
