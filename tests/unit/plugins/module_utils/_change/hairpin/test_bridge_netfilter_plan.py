"""What is done so that iptables sees what passes a bridge, on synthetic hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import (
    HairpinWish,
    plan_hairpin,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_netfilter_plan import (
    plan_netfilter,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.own_sysctls import HEADER, OwnFile
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link

from tests.unit.plugins.module_utils._change.hosts import HOST, SHOP, unread, with_boot, with_sysctls

KEY = "net.bridge.bridge-nf-call-iptables"
KEY6 = "net.bridge.bridge-nf-call-ip6tables"
OWN = "/etc/sysctl.d/99-dockernet-baseline.conf"
OTHERS = [Link(20, "virbr0", "bridge", up=True), Link(21, "vnet0", "tun", up=True, master=20)]
CLOSED = with_sysctls({KEY: "0", KEY6: "0"}, with_boot(("/etc/sysctl.d/50-b.conf", {KEY: "0"})))
FINE = with_sysctls({KEY: "1", KEY6: "1"})


def test_now_and_at_boot() -> None:
    plan = plan_netfilter(CLOSED, [SHOP], wanted=True)
    assert [(change.key, change.after) for change in plan.sysctls] == [(KEY, "1")]
    assert plan.files == [OwnFile(OWN, f"{HEADER}{KEY} = 1\n")]
    six = plan_netfilter(CLOSED, [replace(SHOP, ipv6=True)], wanted=True)
    assert [change.key for change in six.sysctls] == [KEY, KEY6]
    assert plan_netfilter(FINE, [SHOP], wanted=True).actions == []


def test_networks_that_forbid_traffic_need_it_with_docker_proxy_as_well() -> None:
    closed = replace(SHOP, options={"com.docker.network.bridge.enable_icc": "false"})
    plan = plan_netfilter(CLOSED, [SHOP, closed], wanted=False)
    assert [(change.key, change.after) for change in plan.sysctls] == [(KEY, "1")]
    assert plan.files == [OwnFile(OWN, f"{HEADER}{KEY} = 1\n")]
    # What another network has is of no concern.
    assert [item.key for item in plan_netfilter(CLOSED, [replace(SHOP, ipv6=True), closed], wanted=False).sysctls] == [
        KEY
    ]


def test_lines_of_other_modules_are_kept() -> None:
    boot = with_boot((OWN, {"net.ipv4.ip_forward": "1"}), ("/etc/sysctl.d/99-zz.conf", {KEY: "0"})).boot
    plan = plan_netfilter(replace(FINE, boot=boot), [SHOP], wanted=True)
    late = "/etc/sysctl.d/zz-dockernet-baseline.conf"
    assert plan.files == [OwnFile(late, f"{HEADER}{KEY} = 1\nnet.ipv4.ip_forward = 1\n"), OwnFile(OWN, None)]


def test_not_wanted_only_our_line_goes() -> None:
    boot = with_boot((OWN, {KEY: "1", "net.ipv4.ip_forward": "1"})).boot
    plan = plan_netfilter(replace(FINE, boot=boot), [SHOP], wanted=False)
    assert plan.sysctls == []
    assert plan.files == [OwnFile(OWN, f"{HEADER}net.ipv4.ip_forward = 1\n")]


def test_bridges_of_others_are_asked_for() -> None:
    crowded = replace(CLOSED, links=[*CLOSED.links, *OTHERS])
    with pytest.raises(Refusal, match=r"bridge virbr0.*on_disruption: allow.*bridge_netfilter: keep") as refusal:
        plan_hairpin(crowded, HairpinWish("enabled"))
    assert [item.container for item in refusal.value.disruptions] == ["bridge virbr0"]
    assert plan_hairpin(crowded, HairpinWish("enabled", disruption_allowed=True)).netfilter.sysctls
    assert plan_hairpin(crowded, HairpinWish("enabled", netfilter=False)).netfilter.sysctls == []
    # As it is already, nobody is asked.
    assert plan_hairpin(replace(FINE, links=crowded.links), HairpinWish("enabled")).outline.disruptions == []


def test_what_cannot_be_told_or_done_is_a_warning() -> None:
    assert "br_netfilter is not loaded" in plan_netfilter(HOST, [SHOP], wanted=True).warnings[0]
    assert "no permission" in plan_netfilter(unread("boot"), [SHOP], wanted=True).warnings[0]


def test_networks_and_bridges_are_one_choice() -> None:
    named = plan_hairpin(FINE, HairpinWish("enabled", bridges=[SHOP.bridge or ""]))
    assert [port.network for port in named.ports] == ["shop"]
    assert plan_hairpin(FINE, HairpinWish("enabled", networks=[], bridges=[])).ports == []
    with pytest.raises(Refusal, match=f"no bridge of a network br7 on this host; there are {SHOP.bridge}"):
        plan_hairpin(FINE, HairpinWish("enabled", bridges=["br7"]))
