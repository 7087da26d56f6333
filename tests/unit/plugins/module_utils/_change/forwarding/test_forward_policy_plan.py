"""The policy of FORWARD: what would be done, on synthetic hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import UnitState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding import forward_policy_plan
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forward_policy_plan import (
    UNIT,
    PolicyPlan,
    PolicyRequest,
    plan_reopening,
    recorded_policies,
    unit_text,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import PolicyChange, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import (
    BootOrder,
    DeclaredForwarder,
    DeclaredForwarders,
    Firewall,
    current_policy,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.module_utils._change.hosts import BRIDGE, CONFIG_PATH, HOST, unread, with_engine

ORDER = BootOrder(["local-fs.target", "nftables.service"], ["network-pre.target", "docker.service"])
FIREWALL = Firewall(
    {"ipv4": "/usr/sbin/iptables", "ipv6": "/usr/sbin/ip6tables"}, {"ipv4": "nft", "ipv6": "nft"}, boot_order=ORDER
)
NONE = UnitState(UNIT)
NOBODY = DeclaredForwarders()


def plan_policy(
    snapshot: HostSnapshot,
    firewall: Firewall,
    unit: UnitState,
    request: PolicyRequest,
    declared: DeclaredForwarders = NOBODY,
) -> PolicyPlan:
    return forward_policy_plan.plan_policy(snapshot, firewall, unit, request, declared)


FOUR, BOTH = ["ipv4"], ["ipv4", "ipv6"]
CLOSED = PolicyRequest(FOUR, at_boot={"ipv4"})
SAVES = {"ipv4": "iptables-nft-save", "ipv6": "ip6tables-nft-save"}


def with_policies(policies: dict[str, str], snapshot: HostSnapshot = HOST) -> HostSnapshot:
    """The host with these policies, and dockerd's chains in both families."""
    table = "*filter\n:FORWARD {} [0:0]\n:DOCKER - [0:0]\nCOMMIT\n"
    return replace(
        snapshot, ruleset=Ruleset({SAVES[family]: table.format(policy) for family, policy in policies.items()})
    )


OPEN = with_policies({"ipv4": "ACCEPT", "ipv6": "ACCEPT"})


def test_closed_now_and_at_boot() -> None:
    plan = plan_policy(OPEN, FIREWALL, NONE, CLOSED)
    assert plan.policies == [PolicyChange("ipv4", "ACCEPT", "DROP")]
    assert plan.unit is not None
    text = plan.unit.after.text or ""
    assert "ExecStart=/usr/sbin/iptables -w 60 -P FORWARD DROP\n" in text
    assert "ip6tables" not in text.partition("[Service]")[2]
    assert recorded_policies(plan.unit.after) == {"ipv4": "ACCEPT"}
    assert "(IPv4)" in plan.outline.actions[0]


def test_only_now() -> None:
    plan = plan_policy(OPEN, FIREWALL, NONE, PolicyRequest(FOUR))
    assert plan.unit is None
    assert plan.policies


def test_behind_a_loader_that_comes_after_the_network_the_unit_does_too() -> None:
    early = plan_policy(OPEN, FIREWALL, NONE, CLOSED).unit
    assert early is not None
    for line in ("Wants=network-pre.target", "Before=network-pre.target docker.service shutdown.target"):
        assert f"\n{line}\n" in (early.after.text or "")
    order = BootOrder(["local-fs.target", "nftables.service"], ["docker.service"], ["nftables.service"])
    plan = plan_policy(OPEN, replace(FIREWALL, boot_order=order), early.after, CLOSED)
    assert plan.unit is not None
    assert plan.outline.actions[0].startswith("write ")
    text = plan.unit.after.text or ""
    assert "\nAfter=local-fs.target nftables.service\nBefore=docker.service shutdown.target\n" in text
    assert "network-pre" not in text
    assert any(warning.startswith("nftables.service loads rules") for warning in plan.outline.warnings)


def test_keep_does_nothing() -> None:
    assert plan_policy(OPEN, FIREWALL, NONE, replace(CLOSED, closed=False)) == PolicyPlan()


@pytest.mark.parametrize(
    ("firewall", "word"),
    [
        (replace(FIREWALL, systemd=False), "persistent: keep"),
        (replace(FIREWALL, programs={}), "no iptables for IPv4"),
        (replace(FIREWALL, ufw={"ipv4": "ACCEPT"}), "DEFAULT_FORWARD_POLICY"),
        (replace(FIREWALL, boot_order=None), "the order of units at boot"),
    ],
)
def test_what_would_not_last_is_refused(firewall: Firewall, word: str) -> None:
    with pytest.raises(Refusal, match=word):
        plan_policy(OPEN, firewall, NONE, replace(CLOSED, disruption_allowed=True))


def test_without_systemd_it_is_closed_now_only_when_asked() -> None:
    plan = plan_policy(OPEN, replace(FIREWALL, systemd=False), NONE, PolicyRequest(FOUR))
    assert plan.policies == [PolicyChange("ipv4", "ACCEPT", "DROP")]


@pytest.mark.parametrize("unit", [UnitState(UNIT, None, "masked"), UnitState(UNIT, "[Unit]\n", "enabled")])
def test_a_unit_that_is_not_ours_is_left_alone(unit: UnitState) -> None:
    with pytest.raises(Refusal, match="nothing was changed"):
        plan_policy(OPEN, FIREWALL, unit, CLOSED)


@pytest.mark.parametrize(
    ("snapshot", "firewall", "instead"),
    [
        (with_engine(OPEN, firewall_driver="nftables"), FIREWALL, "unless another table drops that"),
        (OPEN, replace(FIREWALL, firewalld=True), "firewalld decides"),
        (
            with_engine(OPEN, firewall_driver="nftables+firewalld"),
            replace(FIREWALL, firewalld=True),
            "firewalld decides",
        ),
    ],
)
def test_where_the_policy_is_not_the_place(snapshot: HostSnapshot, firewall: Firewall, instead: str) -> None:
    plan = plan_policy(snapshot, firewall, NONE, CLOSED)
    assert (plan.outline.actions, plan.policies, plan.unit) == ([], [], None)
    assert "left unchanged" in plan.outline.warnings[0]
    assert instead in plan.outline.warnings[0]


@pytest.mark.parametrize("unit", [UnitState(UNIT, None, "masked"), UnitState(UNIT, "[Unit]\n", "enabled")])
def test_a_unit_that_is_not_ours_does_not_matter_where_none_is_asked_for(unit: UnitState) -> None:
    plan = plan_policy(OPEN, FIREWALL, unit, PolicyRequest(FOUR))
    assert (plan.policies, plan.unit) == ([PolicyChange("ipv4", "ACCEPT", "DROP")], None)


@pytest.mark.parametrize(
    ("record", "policies"),
    [
        ("ipv4 ACCEPT, ipv6 DROP", {"ipv4": "ACCEPT", "ipv6": "DROP"}),
        ("ipv4, ipv6 ACCEPT", {"ipv6": "ACCEPT"}),
        ("ipv4 ACCEPT DROP, ipv6 ACCEPT", {"ipv6": "ACCEPT"}),
        ("ipx ACCEPT, ipv6 ACCEPT", {"ipv6": "ACCEPT"}),
        ("ipv4 REJECT, ipv6 ACCEPT", {"ipv6": "ACCEPT"}),
        ("", {}),
    ],
)
def test_of_an_edited_record_only_what_a_policy_can_be_is_taken(record: str, policies: dict[str, str]) -> None:
    assert recorded_policies(UnitState(UNIT, f"# Policy of FORWARD before: {record}\n", "enabled")) == policies


def test_rules_that_were_not_read() -> None:
    with pytest.raises(Refusal, match="no permission"):
        plan_policy(unread("ruleset"), FIREWALL, NONE, CLOSED)


def configured(**values: object) -> HostSnapshot:
    return replace(OPEN, daemon_config=DaemonConfig(CONFIG_PATH, exists=True, values=values))


@pytest.mark.parametrize(
    ("snapshot", "name"),
    [
        (configured(iptables=False), "network shop"),
        (configured(**{"ip-forward-no-drop": True}), "setting ip-forward-no-drop"),
        (replace(OPEN, ruleset=Ruleset({SAVES["ipv4"]: "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n"})), "network shop"),
    ],
)
def test_docker_itself_can_be_what_is_cut_off(snapshot: HostSnapshot, name: str) -> None:
    with pytest.raises(Refusal) as refusal:
        plan_policy(snapshot, FIREWALL, NONE, CLOSED)
    assert [item.label for item in refusal.value.disruptions] == [name]
    assert refusal.value.consents == [{"on_disruption": "allow"}, {"forward_policy": "keep"}]
    plan = plan_policy(snapshot, FIREWALL, NONE, replace(CLOSED, disruption_allowed=True))
    assert [item.label for item in plan.outline.disruptions] == [name]


def test_what_is_closed_already_cuts_nobody_off() -> None:
    closed = with_policies({"ipv4": "DROP"}, configured(iptables=False))
    plan = plan_policy(closed, FIREWALL, NONE, CLOSED)
    assert plan.policies == []
    assert plan.unit is not None


def test_ipv6_networks_of_an_engine_that_makes_no_ip6tables_rules() -> None:
    six = replace(OPEN, networks=[replace(item, ipv6=True) for item in OPEN.networks])
    with pytest.raises(Refusal, match=r"network shop \(IPv6"):
        plan_policy(six, FIREWALL, NONE, PolicyRequest(BOTH, at_boot=set(BOTH)))
    assert len(plan_policy(OPEN, FIREWALL, NONE, PolicyRequest(BOTH, at_boot=set(BOTH))).policies) == 2


@pytest.mark.parametrize(
    "network",
    [Network("c" * 64, "vault", "bridge", internal=True), Network("d" * 64, "lan", "macvlan")],
)
def test_networks_that_send_nothing_through_forward_are_not_cut_off(network: Network) -> None:
    host = replace(configured(iptables=False), networks=[network])
    assert plan_policy(host, FIREWALL, NONE, CLOSED).outline.disruptions == []


@pytest.mark.parametrize(
    ("snapshot", "count"),
    [
        (with_engine(OPEN, version="27.5.1"), 1),
        (with_engine(OPEN, version="28.0.1"), 0),
        (with_engine(with_policies({"ipv4": "DROP"}), version="27.5.1"), 0),
        (replace(OPEN, engine=None), 0),
    ],
)
def test_a_closed_chain_stops_direct_access_to_containers_of_engines_before_28(
    snapshot: HostSnapshot, count: int
) -> None:
    assert len(plan_policy(snapshot, FIREWALL, NONE, CLOSED).outline.warnings) == count


def test_a_late_loader_matters_to_the_unit_alone() -> None:
    late = replace(FIREWALL, boot_order=BootOrder([], ["docker.service"], ["nftables.service"]))
    host = with_engine(OPEN, version="28.0.1")
    assert len(plan_policy(host, late, NONE, CLOSED).outline.warnings) == 1
    assert plan_policy(host, late, NONE, PolicyRequest(FOUR)).outline.warnings == []


def test_a_rule_that_accepts_everything_is_told() -> None:
    table = "*filter\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\n-A FORWARD -j ACCEPT\nCOMMIT\n"
    (warning,) = plan_policy(
        replace(OPEN, ruleset=Ruleset({SAVES["ipv4"]: table})), FIREWALL, NONE, CLOSED
    ).outline.warnings
    assert "has no effect" in warning


def test_a_disabled_unit_is_enabled_again() -> None:
    unit = UnitState(UNIT, unit_text(FIREWALL, {"ipv4": "ACCEPT"}), "disabled")
    plan = plan_policy(with_policies({"ipv4": "DROP"}), FIREWALL, unit, CLOSED)
    assert plan.outline.actions == [f"enable {UNIT}"]


def test_a_policy_that_somebody_else_changed_is_not_taken_back() -> None:
    unit = UnitState(UNIT, unit_text(FIREWALL, {"ipv4": "ACCEPT"}), "enabled")
    assert plan_reopening(OPEN, FIREWALL, unit, FOUR).policies == []
    assert plan_reopening(OPEN, FIREWALL, unit, ["ipv6"]) == PolicyPlan()


def test_what_dockerd_closes_at_every_start_stays_closed() -> None:
    unit = UnitState(UNIT, unit_text(FIREWALL, {"ipv6": "ACCEPT"}), "enabled")
    closed = with_policies({"ipv6": "DROP"}, with_engine(configured(ip6tables=True), version="27.5.1"))
    assert plan_reopening(closed, FIREWALL, unit, ["ipv6"]).policies == []
    assert plan_reopening(with_engine(closed, version="28.0.1"), FIREWALL, unit, ["ipv6"]).policies != []


def test_only_what_was_open_and_can_be_set_is_opened_again() -> None:
    unit = UnitState(UNIT, unit_text(FIREWALL, {"ipv4": "ACCEPT", "ipv6": "DROP"}), "enabled")
    closed = with_policies({"ipv4": "DROP", "ipv6": "DROP"})
    plan = plan_reopening(closed, FIREWALL, unit, BOTH)
    assert plan.policies == [PolicyChange("ipv4", "DROP", "ACCEPT")]
    assert plan.unit is not None
    assert plan.unit.after == NONE
    gone = plan_reopening(closed, replace(FIREWALL, programs={}), unit, BOTH)
    assert (gone.policies, gone.unit) == ([], plan.unit)
    # The unit stays for the family that is still to be closed.
    plan = plan_reopening(closed, FIREWALL, unit, FOUR)
    one = plan.unit
    assert one is not None
    assert (recorded_policies(one.after), one.after.state) == ({"ipv6": "DROP"}, "enabled")
    assert "which closes FORWARD (IPv6) at boot" in plan.outline.actions[0]


def done(snapshot: HostSnapshot, unit: UnitState, plan: PolicyPlan) -> tuple[HostSnapshot, UnitState]:
    """The host after the plan."""
    now = {family: current_policy(snapshot, FIREWALL, family) for family in BOTH}
    now.update({item.family: item.after for item in plan.policies})
    return with_policies(now, snapshot), plan.unit.after if plan.unit else unit


@given(
    st.fixed_dictionaries({family: st.sampled_from(["ACCEPT", "DROP"]) for family in BOTH}),
    st.lists(st.sampled_from([["ipv4"], ["ipv6"], BOTH]), min_size=1, max_size=4),
)
def test_once_done_nothing_is_left_and_it_can_be_taken_back(policies: dict[str, str], runs: list[list[str]]) -> None:
    before = with_engine(with_policies(policies), version="28.5.2")
    host, unit = before, NONE
    for families in runs:
        host, unit = done(host, unit, plan_policy(host, FIREWALL, unit, PolicyRequest(families, at_boot=set(families))))
        assert plan_policy(host, FIREWALL, unit, PolicyRequest(families, at_boot=set(families))).outline.actions == []
        assert all(current_policy(host, FIREWALL, family) == "DROP" for family in families)
    for families in runs:
        host, unit = done(host, unit, plan_reopening(host, FIREWALL, unit, families))
        assert plan_reopening(host, FIREWALL, unit, families).outline.actions == []
    assert {family: current_policy(host, FIREWALL, family) for family in BOTH} == policies
    assert unit == NONE


WG = DeclaredForwarder("interface", "wg0", "WireGuard, declared in /etc/wireguard/wg0.conf", "wg0", ["10.9.0.1/24"])


def declared(**changes: object) -> DeclaredForwarders:
    return DeclaredForwarders([replace(WG, **changes)])  # type: ignore[arg-type]


def test_who_is_declared_and_down_is_not_cut_off_unasked() -> None:
    with pytest.raises(Refusal, match=r"interface wg0 .*declared in /etc/wireguard/wg0\.conf"):
        plan_policy(OPEN, FIREWALL, NONE, CLOSED, declared())
    allowed = plan_policy(OPEN, FIREWALL, NONE, replace(CLOSED, disruption_allowed=True), declared())
    assert [item.label for item in allowed.outline.disruptions] == ["interface wg0"]
    # What is closed already cuts nobody off anew.
    assert plan_policy(with_policies({"ipv4": "DROP"}), FIREWALL, NONE, CLOSED, declared()).policies == []


def test_who_is_declared_and_brings_rules_or_has_them_goes_on() -> None:
    (action,) = plan_policy(OPEN, FIREWALL, NONE, CLOSED, declared(accepts=("ipv4",))).outline.actions[-1:]
    assert "interface wg0 keeps working" in action
    rules = "-A FORWARD -i wg0 -j ACCEPT\n-A FORWARD -o wg0 -j ACCEPT\n"
    table = f"*filter\n:FORWARD ACCEPT [0:0]\n:DOCKER - [0:0]\n{rules}COMMIT\n"
    assert plan_policy(replace(OPEN, ruleset=Ruleset({SAVES["ipv4"]: table})), FIREWALL, NONE, CLOSED, declared())


def test_who_is_declared_and_started_by_hand_is_told() -> None:
    plan = plan_policy(OPEN, FIREWALL, NONE, CLOSED, declared(starts=False))
    assert plan.outline.disruptions == []
    assert any("wg0.conf) is not started" in warning for warning in plan.outline.warnings)


@pytest.mark.parametrize(
    "item",
    [
        declared(families=("ipv6",)),
        declared(interface="eth*"),
        declared(interface=BRIDGE),
    ],
)
def test_what_is_not_concerned(item: DeclaredForwarders) -> None:
    """The other family, the host's uplink as it is up, a bridge of Docker."""
    host = replace(OPEN, links=[*OPEN.links, Link(2, "eth0", "", up=True, addresses=["198.51.100.7/24"])])
    assert plan_policy(host, FIREWALL, NONE, CLOSED, item).outline.disruptions == []


def test_a_file_that_could_not_be_read_may_declare_somebody() -> None:
    unread = DeclaredForwarders([], {"/etc/wireguard/wg0.conf": "could not be read: it is not a regular file"})
    with pytest.raises(
        Refusal, match=r"file /etc/wireguard/wg0\.conf .*it could not be read: it is not a regular file, so"
    ):
        plan_policy(OPEN, FIREWALL, NONE, CLOSED, unread)
