"""Hairpin mode of bridge ports, and that iptables sees hairpin traffic: the plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import (
    HairpinRequest,
    plan_hairpin,
    plan_netfilter,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.sysctl_plan import HEADER, OwnFile
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.plugins.module_utils._change.hosts import HOST, SHOP, unread, with_boot, with_proxy_off, with_sysctls

KEY = "net.bridge.bridge-nf-call-iptables"
KEY6 = "net.bridge.bridge-nf-call-ip6tables"
OWN = "/etc/sysctl.d/99-dockernet-baseline.conf"
OTHERS = [Link(20, "virbr0", "bridge", up=True), Link(21, "vnet0", "tun", up=True, master=20)]
CLOSED = with_sysctls({KEY: "0", KEY6: "0"}, with_boot(("/etc/sysctl.d/50-b.conf", {KEY: "0"})))
FINE = with_sysctls({KEY: "1", KEY6: "1"})


def modes(host: HostSnapshot, state: str, networks: list[str] | None = None) -> dict[str, bool]:
    return {port.port: port.after for port in plan_hairpin(host, HairpinRequest(state, networks)).ports}


def test_auto_follows_the_daemon() -> None:
    assert modes(HOST, "auto") == {}
    assert modes(with_proxy_off(), "auto") == {"veth1": True}


def test_auto_on_a_port_left_from_before() -> None:
    links = [HOST.links[0], replace(HOST.links[1], hairpin=True)]
    assert modes(replace(HOST, links=links), "auto") == {"veth1": False}


def test_ports_can_be_left_to_what_makes_them_anew() -> None:
    links = [HOST.links[0], replace(HOST.links[1], hairpin=True)]
    plan = plan_hairpin(replace(HOST, links=links), HairpinRequest("auto", ports=False))
    assert (plan.ports, plan.outline.actions) == ([], [])


def test_an_unknown_mode_is_not_guessed() -> None:
    silent = replace(HOST, proxies=[], ruleset=None)
    with pytest.raises(Refusal, match="state: enabled or state: disabled"):
        plan_hairpin(silent, HairpinRequest("auto"))
    assert modes(silent, "enabled") == {"veth1": True}


def test_networks_limit_it() -> None:
    assert modes(HOST, "enabled", ["shop"]) == {"veth1": True}
    assert modes(HOST, "enabled", []) == {}
    with pytest.raises(Refusal, match=r"network office .*there are shop"):
        plan_hairpin(HOST, HairpinRequest("enabled", ["office"]))


def test_harm_is_said() -> None:
    links = [HOST.links[0], replace(HOST.links[1], hairpin=True)]
    off = replace(with_proxy_off(), links=links)
    assert "web" in plan_hairpin(off, HairpinRequest("disabled")).outline.warnings[0]
    assert plan_hairpin(off, HairpinRequest("enabled", netfilter=False)).outline.warnings == []
    assert plan_hairpin(replace(HOST, links=links), HairpinRequest("disabled")).outline.warnings == []


def test_a_port_that_was_not_found_is_said() -> None:
    plan = plan_hairpin(replace(HOST, links=HOST.links[:1]), HairpinRequest("enabled"))
    assert plan.outline.actions == []
    assert "web" in plan.outline.warnings[0]


def test_unread_sources() -> None:
    with pytest.raises(Refusal, match="install python3-pyroute2"):
        plan_hairpin(unread("links", "install python3-pyroute2"), HairpinRequest("enabled"))


def test_the_table() -> None:
    (diff,) = plan_hairpin(HOST, HairpinRequest("enabled")).outline.diffs
    assert diff.before.endswith("veth1 web off\n")
    assert diff.after.endswith("veth1 web on\n")


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
        plan_hairpin(crowded, HairpinRequest("enabled"))
    assert [item.label for item in refusal.value.disruptions] == ["bridge virbr0"]
    assert refusal.value.consents == [{"on_disruption": "allow"}, {"bridge_netfilter": "keep"}]
    assert plan_hairpin(crowded, HairpinRequest("enabled", disruption_allowed=True)).netfilter.sysctls
    assert plan_hairpin(crowded, HairpinRequest("enabled", netfilter=False)).netfilter.sysctls == []
    # As it is already, nobody is asked.
    assert plan_hairpin(replace(FINE, links=crowded.links), HairpinRequest("enabled")).outline.disruptions == []


def test_what_cannot_be_told_or_done_is_a_warning() -> None:
    assert "br_netfilter is not loaded" in plan_netfilter(HOST, [SHOP], wanted=True).warnings[0]
    assert "no permission" in plan_netfilter(unread("boot"), [SHOP], wanted=True).warnings[0]


def test_networks_and_bridges_are_one_choice() -> None:
    named = plan_hairpin(FINE, HairpinRequest("enabled", bridges=[SHOP.bridge or ""]))
    assert [port.network for port in named.ports] == ["shop"]
    assert plan_hairpin(FINE, HairpinRequest("enabled", networks=[], bridges=[])).ports == []
    with pytest.raises(Refusal, match=rf"network br7 .*there are {SHOP.bridge}"):
        plan_hairpin(FINE, HairpinRequest("enabled", bridges=["br7"]))
