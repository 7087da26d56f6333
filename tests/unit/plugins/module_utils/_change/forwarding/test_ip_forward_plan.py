"""What ip_forward would do, on synthetic hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.ip_forward_plan import (
    ALWAYS,
    NEVER,
    ForwardingRequest,
    plan_forwarding,
    turned_on_at_boot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal, SysctlChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.sysctl_plan import HEADER, OwnFile, place_file
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network, ServiceUnit
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    BootSysctls,
    Link,
    SysctlAssignment,
    SysctlFile,
    parse_sysctl_file,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import boot_value
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.module_utils._change.hosts import BRIDGE, HOST, unread, with_boot, with_sysctls

FOUR = ForwardingRequest(present=True, families=["ipv4"], persistent=ALWAYS)
SIX = ForwardingRequest(present=True, families=["ipv6"], persistent=ALWAYS)
NOW = ForwardingRequest(present=True, families=["ipv4"], persistent=NEVER)
ABSENT = ForwardingRequest(present=False, families=["ipv4"])
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
    assert set(plan.promised) == {KNOB, *(f"net.ipv4.conf.{name}.forwarding" for name in ("all", "default", BRIDGE))}


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
    with pytest.raises(Refusal, match=r"line 1 \(0\)"):
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
    assert plan.closed_at_boot == {"ipv4"}
    assert plan_forwarding(with_boot((OWN, {KNOB: "1"})), ABSENT, {}).files == [OwnFile(OWN, None)]
    theirs = with_boot(("/etc/sysctl.d/10.conf", {KNOB: "1"}), (OWN, {KNOB: "1"}))
    assert plan_forwarding(theirs, ABSENT, {}).closed_at_boot == set()
    assert plan_forwarding(with_boot(("/etc/sysctl.d/10.conf", both)), ABSENT, {}).outline.actions == []


EVERY_KEY = {
    "ipv4": [KNOB, "net.ipv4.conf.all.forwarding", "net.ipv4.conf.eth0.forwarding"],
    "ipv6": [
        "net.ipv6.conf.all.forwarding",
        "net.ipv6.conf.default.forwarding",
        "net.ipv6.conf.eth0.forwarding",
        "net.ipv6.conf.eth0.accept_ra",
    ],
    "neither": ["net.ipv4.conf.eth0.route_localnet", "net.ipv4.conf.eth0.accept_ra"],
}


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_absent_takes_back_the_keys_of_its_family_and_no_others(family: str) -> None:
    host = with_boot((OWN, {key: "1" for keys in EVERY_KEY.values() for key in keys}))
    (file,) = plan_forwarding(host, replace(ABSENT, families=[family]), {}).files
    left = {item.key for item in parse_sysctl_file(file.text or "", OWN).assignments}
    assert left == {key for name, keys in EVERY_KEY.items() if name != family for key in keys}


def test_what_is_on_at_boot_is_what_all_files_say_with_ours_in_place() -> None:
    host = with_boot(("/etc/sysctl.d/50-six.conf", {"net.ipv6.conf.all.forwarding": "1"}), (OWN, {KNOB: "1"}))
    assert turned_on_at_boot(host, [], set()) == {"ipv4", "ipv6"}
    assert turned_on_at_boot(host, [OwnFile(OWN, None)], set()) == {"ipv6"}
    assert turned_on_at_boot(host, [OwnFile(OWN, None)], {"ipv4"}) == {"ipv4", "ipv6"}


def test_closed_bridges_are_opened_and_other_interfaces_on_demand() -> None:
    bridge, uplink = f"net.ipv4.conf.{BRIDGE}.forwarding", "net.ipv4.conf.eth0.forwarding"
    host = with_sysctls({bridge: "0", uplink: "0"})
    assert plan_forwarding(host, NOW, {}).sysctls == [SysctlChange(bridge, "0", "1")]
    both = replace(NOW, interfaces=["eth0"])
    assert plan_forwarding(host, both, {}).sysctls == [SysctlChange(bridge, "0", "1"), SysctlChange(uplink, "0", "1")]
    with pytest.raises(Refusal, match="no interface eth7"):
        plan_forwarding(host, replace(NOW, interfaces=["eth7"]), {})


@pytest.mark.parametrize(
    ("wanted", "key"),
    [
        (replace(FOUR, interfaces=["eth0"]), "net.ipv4.conf.eth0.forwarding"),
        (FOUR, "net.ipv4.conf.default.forwarding"),
        (FOUR, f"net.ipv4.conf.{BRIDGE}.forwarding"),
    ],
)
def test_an_interface_that_a_later_file_closes_is_opened_at_boot(wanted: ForwardingRequest, key: str) -> None:
    host = with_boot(("/etc/sysctl.d/50-router.conf", {KNOB: "1"}), ("/etc/sysctl.d/60-closed.conf", {key: "0"}))
    plan = plan_forwarding(host, wanted, {})
    assert plan.files == [OwnFile(OWN, f"{HEADER}{KNOB} = 1\n{key} = 1\n")]
    assert any("/etc/sysctl.d/60-closed.conf, whose line 1" in action for action in plan.outline.actions)
    # It is somebody's decision for any other interface.
    other = with_boot((OWN, {KNOB: "1"}), ("/etc/sysctl.d/zz.conf", {"net.ipv4.conf.eth9.forwarding": "0"}))
    assert plan_forwarding(other, wanted, {}).outline.actions == []
    assert plan_forwarding(with_boot((OWN, {KNOB: "1", key: "1"})), ABSENT, {}).files == [OwnFile(OWN, None)]


def test_new_bridges_would_be_closed() -> None:
    plan = plan_forwarding(with_sysctls({"net.ipv4.conf.default.forwarding": "0"}), NOW, {})
    assert plan.sysctls == [SysctlChange("net.ipv4.conf.default.forwarding", "0", "1")]


def test_each_knob_of_ipv6_is_turned_on_that_the_other_does_not_take_along() -> None:
    every, new = "net.ipv6.conf.all.forwarding", "net.ipv6.conf.default.forwarding"
    six = replace(SIX, persistent=NEVER)
    assert plan_forwarding(HOST, six, {}).sysctls == [SysctlChange(every, "0", "1")]
    on = with_sysctls({every: "1"})
    assert plan_forwarding(on, six, {}).sysctls == [SysctlChange(new, "0", "1")]
    assert plan_forwarding(with_sysctls({new: "1"}, on), six, {}).sysctls == []


def test_bridges_of_networks_without_ipv6_are_not_opened_for_it() -> None:
    knobs = {f"net.ipv6.conf.{name}.forwarding" for name in ("all", "default")}
    assert set(plan_forwarding(HOST, SIX, {}).promised) == knobs
    dual = replace(HOST, networks=[replace(network, ipv6=True) for network in HOST.networks])
    assert set(plan_forwarding(dual, SIX, {}).promised) == {*knobs, f"net.ipv6.conf.{BRIDGE}.forwarding"}


def test_a_file_that_only_the_other_loader_reads_is_named() -> None:
    tail = SysctlFile("/etc/sysctl.conf", [SysctlAssignment(KNOB, "0", 7)])
    (warning,) = plan_forwarding(HOST, FOUR, {}, tail).outline.warnings
    assert "sysctl --system" in warning
    assert "line 7" in warning
    assert plan_forwarding(HOST, NOW, {}, tail).outline.warnings == []


VALUES = st.sampled_from(["0", "1", "2"])
KEYS = st.sampled_from(
    [
        KNOB,
        "net.ipv4.conf.all.forwarding",
        "net.ipv4.conf.default.forwarding",
        "net.ipv4.conf.eth0.forwarding",
        f"net.ipv4.conf.{BRIDGE}.forwarding",
        "net.ipv6.conf.all.forwarding",
        "net.ipv6.conf.eth0.accept_ra",
    ]
)
NAMES = st.sampled_from([f"/etc/sysctl.d/{name}.conf" for name in ("10-a", "50-b", "99-zz", "zz-z")] + [OWN])


@given(
    st.dictionaries(NAMES, st.dictionaries(KEYS, VALUES, max_size=4), max_size=4),
    st.sampled_from([FOUR, SIX, replace(FOUR, interfaces=["eth0"]), ForwardingRequest(True, ["ipv4", "ipv6"], ALWAYS)]),
)
def test_whatever_boot_reads_our_file_wins_and_is_written_once(
    files: dict[str, dict[str, str]], request: ForwardingRequest
) -> None:
    host = with_boot(*sorted(files.items()))
    assert host.boot is not None
    request = replace(request, keep_advertised_routes=True)
    plan = plan_forwarding(host, request, {"eth0": "2"})
    boot = host.boot
    for file in plan.files:
        boot = BootSysctls(boot.loader, [other for other in boot.files if other.path != file.path])
        if file.text is not None:
            boot = place_file(boot, parse_sysctl_file(file.text, file.path))
    assert {key: boot_value(boot, key).value for key in plan.promised} == plan.promised
    assert plan_forwarding(replace(host, boot=boot), request, {"eth0": "2"}).files == []


def test_bridges_of_internal_networks_stay_closed() -> None:
    closed = Network(id="c" * 64, name="vault", driver="bridge", internal=True)
    host = replace(with_sysctls({f"net.ipv4.conf.{closed.bridge}.forwarding": "0"}), networks=[closed])
    assert plan_forwarding(host, NOW, {}).sysctls == []


def test_an_advertised_route_is_not_given_away() -> None:
    with pytest.raises(Refusal, match=r"eth0 .*accept_ra is 1.*accept_ra: allow") as refusal:
        plan_forwarding(HOST, SIX, {"eth0": "1"})
    assert refusal.value.consents == [{"accept_ra": "allow"}]
    # That it is on for interfaces to come changes nothing.
    with pytest.raises(Refusal, match="accept_ra is 1"):
        plan_forwarding(with_sysctls({"net.ipv6.conf.default.forwarding": "1"}), SIX, {"eth0": "1"})
    plan = plan_forwarding(HOST, replace(SIX, keep_advertised_routes=True), {"eth0": "1"})
    # Before forwarding goes on, or the kernel drops the route.
    assert [change.key for change in plan.sysctls] == ["net.ipv6.conf.eth0.accept_ra", "net.ipv6.conf.all.forwarding"]
    assert plan.files[0].text is not None
    assert plan.files[0].text.index("accept_ra") < plan.files[0].text.index("forwarding")


def test_an_advertised_route_must_be_safe_at_boot_too() -> None:
    with pytest.raises(Refusal, match=r"eth0 .*accept_ra to 2.*persistent: keep") as refusal:
        plan_forwarding(HOST, SIX, {"eth0": "2"})
    assert refusal.value.consents == [{"accept_ra": "allow"}, {"persistent": "keep"}]
    kept = plan_forwarding(HOST, replace(SIX, keep_advertised_routes=True), {"eth0": "2"})
    assert kept.promised["net.ipv6.conf.eth0.accept_ra"] == "2"
    # What a file of somebody else gives away already is not ours to refuse.
    theirs = with_boot(("/etc/sysctl.d/50-six.conf", {"net.ipv6.conf.all.forwarding": "1"}))
    assert plan_forwarding(theirs, SIX, {"eth0": "2"}).sysctls[0].key == "net.ipv6.conf.all.forwarding"


def test_an_advertised_route_that_is_safe_is_no_obstacle() -> None:
    safe = with_boot(("/etc/sysctl.d/50-ra.conf", {"net.ipv6.conf.eth0.accept_ra": "2"}))
    assert plan_forwarding(safe, SIX, {"eth0": "2"}).sysctls[0].key == "net.ipv6.conf.all.forwarding"
    assert plan_forwarding(HOST, FOUR, {"eth0": "1"}).outline.actions


def test_an_uplink_that_is_deaf_already_is_mended_with_consent() -> None:
    on = with_sysctls(
        {
            "net.ipv6.conf.all.forwarding": "1",
            "net.ipv6.conf.default.forwarding": "1",
            "net.ipv6.conf.eth0.forwarding": "1",
            "net.ipv6.conf.eth0.accept_ra": "1",
        }
    )
    eth0 = Link(2, "eth0", up=True, addresses=["2001:db8::5/64"], leased=["2001:db8::5/64"])
    deaf = replace(on, links=[*on.links, eth0])
    refused = plan_forwarding(deaf, replace(SIX, persistent=NEVER), {})
    assert refused.sysctls == []
    assert "eth0 ignores router advertisements" in refused.outline.warnings[0]
    mended = plan_forwarding(deaf, replace(SIX, keep_advertised_routes=True), {})
    assert [(change.key, change.after) for change in mended.sysctls] == [("net.ipv6.conf.eth0.accept_ra", "2")]
    assert mended.promised["net.ipv6.conf.eth0.accept_ra"] == "2"
    assert mended.opened_now == set()
    # Interfaces that are yet to come make no router of the host, nor do they keep it from being one.
    old = with_sysctls({"net.ipv6.conf.default.forwarding": "0"}, deaf)
    assert len(plan_forwarding(old, replace(SIX, persistent=NEVER), {}).outline.warnings) == 1
    heard = with_sysctls({"net.ipv6.conf.eth0.accept_ra": "2"}, deaf)
    assert plan_forwarding(heard, replace(SIX, persistent=NEVER), {}).outline.warnings == []


def test_unread_sources_and_absent_families() -> None:
    with pytest.raises(Refusal, match="no permission"):
        plan_forwarding(unread("boot"), FOUR, {})
    assert plan_forwarding(unread("boot"), NOW, {}).outline.actions == []
    without_six = replace(HOST, sysctls={KNOB: "1"})
    with pytest.raises(Refusal, match="without IPv6"):
        plan_forwarding(without_six, SIX, {})


# ---- only where the next boot would lack it --------------------------------------------------------------------------

AS_NEEDED = ForwardingRequest(present=True, families=["ipv4"])
OWN_LOADER = BootSysctls("systemd-sysctl", [])


def configured(**values: object) -> HostSnapshot:
    return replace(HOST, boot=OWN_LOADER, daemon_config=DaemonConfig("/etc/docker/daemon.json", True, values=values))


def booting(text: str, snapshot: HostSnapshot | None = None) -> HostSnapshot:
    file = parse_sysctl_file(text, "/etc/sysctl.d/60-site.conf")
    return replace(snapshot or configured(), boot=BootSysctls("systemd-sysctl", [file]))


def test_what_dockerd_does_at_its_start_is_not_done_twice() -> None:
    assert plan_forwarding(configured(), AS_NEEDED, {}).outline.actions == []
    assert plan_forwarding(booting(f"{KNOB} = 1"), AS_NEEDED, {}).outline.actions == []
    # Whoever wants it all the same is given it.
    assert plan_forwarding(configured(), FOUR, {}).files


@pytest.mark.parametrize(
    "host",
    [
        booting(f"{KNOB} = 0"),
        booting(f"net.ipv4.conf.{BRIDGE}.forwarding = 0"),
        configured(**{"ip-forward": False}),
        configured(**{"firewall-backend": "nftables"}),
        replace(configured(), engine=None),
        replace(configured(), service=replace(HOST.service or ServiceUnit("systemd"), starts_at_boot=False)),
        replace(configured(), networks=[]),
        replace(configured(), sources={**HOST.sources, "daemon_config": Source(read=False, kind="denied")}),
    ],
)
def test_what_dockerd_does_not_or_not_for_long_is_done_by_a_file(host: HostSnapshot) -> None:
    plan = plan_forwarding(host, AS_NEEDED, {})
    assert [file.path for file in plan.files] == [OWN]
    assert plan.promised[KNOB] == "1"


def test_each_family_is_asked_by_itself() -> None:
    """The only network has no IPv6, so dockerd leaves that family alone."""
    plan = plan_forwarding(configured(), ForwardingRequest(True, ["ipv4", "ipv6"]), {})
    assert "net.ipv6.conf.all.forwarding" in plan.promised
    assert KNOB not in plan.promised
    assert plan.opened_at_boot == {"ipv6"}
    six = replace(configured(), networks=[replace(network, ipv6=True) for network in HOST.networks])
    assert plan_forwarding(six, ForwardingRequest(True, ["ipv4", "ipv6"]), {}).files == []
    # That dockerd turns it on at boot, where the uplink's default route is lost by it, is so without this change.
    assert plan_forwarding(six, ForwardingRequest(True, ["ipv6"]), {"eth0": "2"}).promised == {}
