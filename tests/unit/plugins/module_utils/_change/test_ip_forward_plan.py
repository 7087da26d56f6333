"""What ip_forward would do, on synthetic hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.ip_forward_plan import (
    HEADER,
    ForwardingWish,
    OwnFile,
    plan_forwarding,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.sysctl import SysctlChange
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network

from tests.unit.plugins.module_utils._change.hosts import BRIDGE, HOST, unread, with_boot, with_sysctls

FOUR = ForwardingWish(present=True, families=["ipv4"])
SIX = ForwardingWish(present=True, families=["ipv6"])
NOW = ForwardingWish(present=True, families=["ipv4"], persistent=False)
ABSENT = ForwardingWish(present=False, families=["ipv4"])
KNOB = "net.ipv4.ip_forward"
OWN = "/etc/sysctl.d/99-dockernet-baseline.conf"
LATE = "/etc/sysctl.d/zz-dockernet-baseline.conf"


def test_as_wanted_by_somebody_elses_file() -> None:
    host = with_boot(("/etc/sysctl.d/50-router.conf", {"net.ipv4.conf.all.forwarding": "1"}))
    assert plan_forwarding(host, FOUR, {}).outline.actions == []


def test_off_and_not_persistent() -> None:
    plan = plan_forwarding(with_sysctls({KNOB: "0", "net.ipv4.conf.eth0.forwarding": "0"}), FOUR, {})
    assert plan.sysctls == [SysctlChange(KNOB, "0", "1")]
    assert SysctlChange("net.ipv4.conf.eth0.forwarding", "0", "1") in plan.implied
    assert plan.files == [OwnFile(OWN, f"{HEADER}{KNOB} = 1\n")]
    assert plan.promised == {KNOB: "1"}


@pytest.mark.parametrize(
    ("rival", "place"),
    [
        ("/usr/lib/sysctl.d/50-default.conf", OWN),
        ("/etc/sysctl.d/99-sysctl.conf", LATE),
        ("/run/sysctl.d/zz-dockernet-baseline.conf", "/etc/sysctl.d/zz-dockernet-baseline.conf"),
        ("/etc/sysctl.d/zzz.conf", "/etc/sysctl.d/zzzz-dockernet-baseline.conf"),
    ],
)
def test_the_file_is_named_so_that_it_wins(rival: str, place: str) -> None:
    plan = plan_forwarding(with_boot((rival, {KNOB: "0"})), FOUR, {})
    assert [file.path for file in plan.files] == [place]
    assert any(rival in action for action in plan.outline.actions)


@pytest.mark.parametrize(
    "host",
    [
        with_boot(("/etc/sysctl.d/zzzzz.conf", {KNOB: "0"})),
        with_boot(("/etc/sysctl.conf", {KNOB: "0"}), loader="procps"),
        with_boot(("/etc/ufw/sysctl.conf", {KNOB: "0"})),
    ],
)
def test_what_cannot_be_outdone_is_named(host: object) -> None:
    with pytest.raises(Refusal, match=r"line 1 \(0\): it is read last"):
        plan_forwarding(host, FOUR, {})  # type: ignore[arg-type]


def test_an_own_file_that_lost_moves() -> None:
    host = with_boot((OWN, {KNOB: "1"}), ("/etc/sysctl.d/99-zz.conf", {KNOB: "0"}))
    plan = plan_forwarding(host, FOUR, {})
    assert plan.files == [OwnFile(LATE, f"{HEADER}{KNOB} = 1\n"), OwnFile(OWN, None)]


def test_a_second_family_joins_the_file() -> None:
    host = with_sysctls({"net.ipv6.conf.all.forwarding": "1"}, with_boot((OWN, {KNOB: "1"})))
    plan = plan_forwarding(host, SIX, {})
    (file,) = plan.files
    assert file.text == (
        f"{HEADER}net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\nnet.ipv6.conf.default.forwarding = 1\n"
    )


def test_absent_takes_back_its_own_lines_only() -> None:
    both = {KNOB: "1", "net.ipv6.conf.all.forwarding": "1"}
    plan = plan_forwarding(with_boot((OWN, both)), ABSENT, {})
    assert plan.files == [OwnFile(OWN, f"{HEADER}net.ipv6.conf.all.forwarding = 1\n")]
    assert plan.sysctls == []
    assert plan_forwarding(with_boot((OWN, {KNOB: "1"})), ABSENT, {}).files == [OwnFile(OWN, None)]
    assert plan_forwarding(with_boot(("/etc/sysctl.d/10.conf", both)), ABSENT, {}).outline.actions == []


def test_closed_bridges_are_opened_and_other_interfaces_on_demand() -> None:
    bridge, uplink = f"net.ipv4.conf.{BRIDGE}.forwarding", "net.ipv4.conf.eth0.forwarding"
    host = with_sysctls({bridge: "0", uplink: "0"})
    assert plan_forwarding(host, NOW, {}).sysctls == [SysctlChange(bridge, "0", "1")]
    both = replace(NOW, interfaces=["eth0"])
    assert plan_forwarding(host, both, {}).sysctls == [SysctlChange(bridge, "0", "1"), SysctlChange(uplink, "0", "1")]
    with pytest.raises(Refusal, match="no interface eth7"):
        plan_forwarding(host, replace(NOW, interfaces=["eth7"]), {})


def test_bridges_of_internal_networks_stay_closed() -> None:
    closed = Network(id="c" * 64, name="vault", driver="bridge", internal=True)
    host = replace(with_sysctls({f"net.ipv4.conf.{closed.bridge}.forwarding": "0"}), networks=[closed])
    assert plan_forwarding(host, NOW, {}).sysctls == []


def test_an_advertised_route_is_not_given_away() -> None:
    with pytest.raises(Refusal, match=r"eth0 .*accept_ra is 1.*router_advertisements: keep"):
        plan_forwarding(HOST, SIX, {"eth0": "1"})
    plan = plan_forwarding(HOST, replace(SIX, keep_advertised_routes=True), {"eth0": "1"})
    # Before forwarding goes on, or the kernel drops the route.
    assert [change.key for change in plan.sysctls] == ["net.ipv6.conf.eth0.accept_ra", "net.ipv6.conf.all.forwarding"]
    assert plan.files[0].text is not None
    assert plan.files[0].text.index("accept_ra") < plan.files[0].text.index("forwarding")


def test_an_advertised_route_that_is_safe_is_no_obstacle() -> None:
    assert plan_forwarding(HOST, SIX, {"eth0": "2"}).sysctls[0].key == "net.ipv6.conf.all.forwarding"
    assert plan_forwarding(HOST, FOUR, {"eth0": "1"}).outline.actions


def test_unread_sources_and_absent_families() -> None:
    with pytest.raises(Refusal, match="no permission"):
        plan_forwarding(unread("boot"), FOUR, {})
    assert plan_forwarding(unread("boot"), NOW, {}).outline.actions == []
    without_six = replace(HOST, sysctls={KNOB: "1"})
    with pytest.raises(Refusal, match="without IPv6"):
        plan_forwarding(without_six, SIX, {})
