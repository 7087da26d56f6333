"""What each check finds, on hosts built for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import to_measure
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.unit.synthetic_host import HOST_NETNS, SyntheticHost, identity


def judge(host: SyntheticHost, check: str, proxy: str = "keep") -> list[Finding]:
    return run_checks(AuditContext(host.snapshot(), Settings(proxy, (check,))))


def only(host: SyntheticHost, check: str, proxy: str = "keep") -> Finding:
    (finding,) = judge(host, check, proxy)
    return finding


# ---- hairpin ---------------------------------------------------------------------------------------------------------


def test_hairpin_missing_names_container_port_and_addresses() -> None:
    host = SyntheticHost(proxy=False).container("web", publish=("0.0.0.0|8080|80/tcp", "::|8080|80/tcp"), hairpin=False)
    host.container("fine", publish=("0.0.0.0|8081|80/tcp",))
    finding = only(host, "hairpin.missing")
    assert (finding.outcome, finding.severity) == ("fail", "high")
    assert (finding.resource.kind, finding.resource.name) == ("container", "web")
    assert "192.0.2.10:8080/tcp" in finding.summary
    assert "veth5" in finding.summary
    assert "[" not in finding.summary, "without an IPv6 address no hairpin leads there"
    assert finding.evidence[f"hairpin of veth5 on br-{identity('front')[:12]}"] == "off"
    assert finding.remediation is not None
    assert finding.remediation.module == "bridge_hairpin"


def test_a_container_with_ipv6_misses_its_ipv6_address_as_well() -> None:
    host = SyntheticHost(proxy=False).container("web", publish=("::|8080|80/tcp",), hairpin=False)
    endpoint = replace(host.containers[0].endpoints[0], address6="2001:db8:88::2")
    host.containers[0] = replace(host.containers[0], endpoints=[endpoint])
    assert "[2001:db8::10]:8080/tcp" in only(host, "hairpin.missing").summary


@pytest.mark.parametrize("publish", [(), ("127.0.0.1|8080|80/tcp",), ("::|8080|80/tcp",)])
def test_what_a_container_could_not_reach_anyway_needs_no_hairpin(publish: tuple[str, ...]) -> None:
    host = SyntheticHost(proxy=False).container("web", publish=publish, hairpin=False)
    assert only(host, "hairpin.missing").outcome == "pass"


def test_with_docker_proxy_hairpin_is_not_needed() -> None:
    host = SyntheticHost().container("web", publish=("0.0.0.0|8080|80/tcp",), hairpin=False)
    assert only(host, "hairpin.missing").outcome == "not_applicable"
    assert only(host, "hairpin.stale").outcome == "pass"


def test_a_port_that_the_kernel_does_not_show_is_unknown_not_well() -> None:
    host = SyntheticHost(proxy=False).container("web", publish=("0.0.0.0|8080|80/tcp",))
    host.links.pop()
    finding = only(host, "hairpin.missing")
    assert (finding.outcome, finding.resource.name) == ("unknown", "web")


def test_hairpin_left_on_is_stale_where_the_proxy_is_on() -> None:
    host = SyntheticHost().container("web", publish=("0.0.0.0|8080|80/tcp",), hairpin=True)
    finding = only(host, "hairpin.stale")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "low", "veth5")
    host.proxy, host.proxies = False, []
    assert only(host, "hairpin.stale").outcome == "not_applicable"


def test_hairpin_is_unknown_where_the_mode_is() -> None:
    host = SyntheticHost(version="26.1.5").unread("ruleset").unread("daemon_config")
    for check in ("hairpin.missing", "hairpin.stale"):
        finding = only(host, check)
        assert finding.outcome == "unknown"
        assert "docker-proxy is enabled: neither" in finding.summary


# ---- docker-proxy ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "in_force", "outcome"),
    [
        ("keep", True, "not_applicable"),
        ("keep", False, "not_applicable"),
        ("disabled", True, "fail"),
        ("disabled", False, "pass"),
        ("enabled", True, "pass"),
        ("enabled", False, "fail"),
    ],
)
def test_the_proxy_is_judged_by_what_is_wanted(wanted: str, in_force: bool, outcome: str) -> None:
    finding = only(SyntheticHost(proxy=in_force), "proxy.enabled", wanted)
    assert finding.outcome == outcome
    if outcome == "fail":
        assert finding.remediation is not None
        assert finding.remediation.module == "userland_proxy"
        assert finding.remediation.args == {"state": wanted}


def test_configured_and_not_in_force_is_pending_with_its_place() -> None:
    host = SyntheticHost().daemon_json(b'{\n  "userland-proxy": false\n}')
    finding = only(host, "proxy.pending")
    assert finding.outcome == "fail"
    assert "configured off" in finding.summary
    assert finding.evidence["configured"] == "/etc/docker/daemon.json:2: userland-proxy: False"
    assert finding.remediation is not None
    assert finding.remediation.args == {"state": "disabled"}


def test_pending_sees_flags_and_the_default() -> None:
    host = SyntheticHost(proxy=False)
    finding = only(host, "proxy.pending")
    assert finding.outcome == "fail"
    assert "so it is on" in finding.evidence["configured"]
    host.argv = ["dockerd", "--userland-proxy=false"]
    assert only(host, "proxy.pending").outcome == "pass"
    host.argv = ["dockerd", "--userland-proxy=false", "--userland-proxy"]
    assert only(host, "proxy.pending").evidence["configured"] == "docker.service: --userland-proxy"


def test_pending_is_unknown_where_daemon_json_is_broken() -> None:
    finding = only(SyntheticHost().daemon_json(b'{"userland-proxy": false,}'), "proxy.pending")
    assert finding.outcome == "unknown"
    assert "/etc/docker/daemon.json:1:25" in finding.summary


def test_memory_is_one_finding_with_count_total_and_each() -> None:
    host = SyntheticHost().container("web", publish=("0.0.0.0|80|8080/tcp", "::|80|8080/tcp"))
    finding = only(host, "proxy.memory")
    assert (finding.outcome, finding.severity) == ("fail", "info")
    assert [word for word in finding.summary.split() if word[0].isdigit()] == ["2", "2.0", "1.0"]
    assert finding.evidence["processes"] == 2
    assert finding.evidence["PSS in bytes"] == 2097152
    assert finding.evidence["largest processes"]["2001"] == "[::]:80 -> 10.88.1.2:8080/tcp, 1.0 MiB"
    assert finding.remediation is not None
    assert finding.remediation.module is None
    wanted_off = only(host, "proxy.memory", "disabled").remediation
    assert wanted_off is not None
    assert wanted_off.module == "userland_proxy"


def test_memory_that_could_not_be_read_is_unknown() -> None:
    host = SyntheticHost().container("web", publish=("0.0.0.0|80|8080/tcp", "::|80|8080/tcp"))
    host.proxies[1] = replace(host.proxies[1], pss=None)
    finding = only(host, "proxy.memory")
    assert finding.outcome == "unknown"
    assert "1 of 2" in finding.summary
    assert only(SyntheticHost(), "proxy.memory").outcome == "pass"


def test_of_many_processes_some_are_measured_and_the_rest_reckoned() -> None:
    ports = tuple(f"0.0.0.0|{8000 + number}|80/tcp" for number in range(200))
    host = SyntheticHost().container("web", publish=ports)
    # As a host with so many is read.
    measured = to_measure(host.proxies)
    assert len(measured) == 29
    assert len(to_measure(measured)) == len(measured)
    host.proxies = [replace(proxy, pss=3 << 20 if proxy in measured else None) for proxy in host.proxies]
    finding = only(host, "proxy.memory")
    assert finding.summary == ("200 processes of docker-proxy, about 600.0 MiB in all, 3.0 MiB each (29 were measured)")
    assert (finding.evidence["PSS in bytes"], finding.evidence["processes measured"]) == (600 << 20, 29)
    host.proxies = [replace(proxy, pss=None) if proxy.pid == measured[7].pid else proxy for proxy in host.proxies]
    assert "1 of 200" in only(host, "proxy.memory").summary


# ---- published ports -------------------------------------------------------------------------------------------------


WILDCARDS = ["0.0.0.0", "::", "", "::ffff:0.0.0.0", "0:0:0:0:0:0:0:0", "[::]", "::ffff:0:0"]  # noqa: S104 (what is looked for)


@pytest.mark.parametrize("address", WILDCARDS)
def test_a_wildcard_in_any_spelling_is_found(address: str) -> None:
    finding = only(SyntheticHost().container("web", publish=(f"{address}|80|8080/tcp",)), "publish.wildcard")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "low", "web:8080/tcp")


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.10", "2001:db8::10", "::1", "::ffff:192.0.2.10", "0.0.0.1"])
def test_an_address_is_no_wildcard(address: str) -> None:
    host = SyntheticHost().container("web", publish=(f"{address}|80|8080/tcp",))
    assert only(host, "publish.wildcard").outcome == "pass"


def test_both_families_are_one_finding_and_protocols_are_two() -> None:
    host = SyntheticHost().container(
        "dns", publish=("0.0.0.0|53|53/udp", "::|53|53/udp", "0.0.0.0|53|53/tcp", "192.0.2.10|5353|53/tcp")
    )
    found = judge(host, "publish.wildcard")
    assert [item.resource.name for item in found] == ["dns:53/udp", "dns:53/tcp"]
    assert "0.0.0.0:53 and [::]:53" in found[0].summary
    assert found[1].resource.published == ["0.0.0.0:53/tcp", "192.0.2.10:5353/tcp"]


def test_the_largest_processes_are_named_and_the_others_counted() -> None:
    ports = tuple(f"0.0.0.0|{8000 + number}|80/tcp" for number in range(9))
    host = SyntheticHost().container("web", publish=ports)
    sizes = [1, 9, 2, 8, 3, 7, 4, 6, 5]
    host.proxies = [replace(proxy, pss=size << 20) for proxy, size in zip(host.proxies, sizes, strict=True)]
    finding = only(host, "proxy.memory")
    assert finding.evidence["processes"] == 9
    told = [text.rpartition(", ")[2] for text in finding.evidence["largest processes"].values()]
    assert told == ["9.0 MiB", "8.0 MiB", "7.0 MiB", "6.0 MiB", "5.0 MiB"]


def test_an_address_that_is_none_is_unknown() -> None:
    host = SyntheticHost().container("web")
    host.containers[0] = replace(host.containers[0], published=[PublishedPort("tcp", 80, "everywhere", 80)])
    assert only(host, "publish.wildcard").outcome == "unknown"


# ---- networks and modes ----------------------------------------------------------------------------------------------


def test_users_of_the_default_network_are_named_and_its_being_there_is_fine() -> None:
    host = SyntheticHost().container("web")
    assert only(host, "network.default-bridge").outcome == "pass"
    host.container("old", networks=("bridge",), mode="default")
    finding = only(host, "network.default-bridge")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "low", "old")
    assert "docker0" in finding.summary


def test_a_network_that_is_only_called_bridge_is_not_the_default_one() -> None:
    host = SyntheticHost().container("old", networks=("bridge",))
    host.networks = [replace(item, options={}) if item.name == "bridge" else item for item in host.networks]
    assert only(host, "network.default-bridge").outcome == "not_applicable"


def test_stopped_containers_are_on_no_network() -> None:
    host = SyntheticHost().container("old", networks=("bridge",), pid=None, netns=None, nsid=None)
    assert only(host, "network.default-bridge").outcome == "pass"
    assert only(host, "mode.host").outcome == "pass"


def test_host_mode_is_proved_by_the_namespace() -> None:
    host = SyntheticHost().container(
        "agent", networks=(), mode="host", netns=HOST_NETNS, nsid=None, cap_add=["NET_ADMIN"]
    )
    finding = only(host, "mode.host")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "low", "agent")
    assert finding.evidence["proved"] == "host"
    assert finding.evidence["capabilities"] == ["NET_ADMIN"]


def test_a_label_that_the_kernel_belies_is_said() -> None:
    host = SyntheticHost().container("sly", netns=HOST_NETNS, nsid=None)
    finding = only(host, "mode.host")
    assert (finding.outcome, finding.severity) == ("fail", "high")
    assert (finding.evidence["declared"], finding.evidence["proved"]) == ("bridge", "host")
    assert finding.summary.endswith("the host's network namespace")
    assert "loopback" in finding.impact
    moved = only(SyntheticHost().container("moved", mode="host"), "mode.host")
    assert (moved.outcome, moved.evidence["declared"], moved.evidence["proved"]) == ("fail", "host", "bridge")
    assert moved.summary.endswith("a namespace on a bridge")


def test_a_namespace_that_is_no_longer_shared_is_broken_and_the_hosts_that_is_shared_is_not() -> None:
    lost = only(SyntheticHost().container("web").container("side", networks=(), mode="container:web"), "mode.container")
    assert (lost.outcome, lost.severity) == ("fail", "high")
    assert lost.summary.endswith("a namespace of its own")
    host = SyntheticHost()
    host.container("agent", networks=(), mode="host", netns=HOST_NETNS, nsid=None)
    host.container("side", networks=(), mode="container:agent", netns=HOST_NETNS, nsid=None)
    assert [item.severity for item in judge(host, "mode.host")] == ["low", "low"]


def test_sharing_names_the_partner() -> None:
    host = (
        SyntheticHost().container("web").container("side", networks=(), mode="container:web", netns=4026540000, nsid=0)
    )
    finding = only(host, "mode.container")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "info", "side")
    assert "the network namespace of web" in finding.summary
    assert finding.evidence["shares its network namespace with"] == ["web"]


def test_no_network_is_said_and_a_bridge_is_neither() -> None:
    host = SyntheticHost().container("web").container("lonely", networks=(), mode="none")
    finding = only(host, "mode.none")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "info", "lonely")
    assert only(host, "mode.container").outcome == "pass"


def test_a_mode_that_could_not_be_proved_is_unknown_for_that_container() -> None:
    host = SyntheticHost().container("web").container("dying", netns=None, nsid=None)
    for check in ("mode.host", "mode.container", "mode.none"):
        finding = only(host, check)
        assert (finding.outcome, finding.resource.name) == ("unknown", "dying")


# ---- the daemon ------------------------------------------------------------------------------------------------------


def test_live_restore_is_what_the_daemon_says() -> None:
    assert only(SyntheticHost(), "daemon.live-restore").outcome == "pass"
    finding = only(SyntheticHost(engine={}).daemon_json(b"{}"), "daemon.live-restore")
    assert (finding.outcome, finding.severity, finding.summary) == ("fail", "low", "live-restore is not effective")
    assert finding.remediation is not None
    assert (finding.remediation.module, finding.remediation.args) == (
        "daemon_config",
        {"config": {"live-restore": True}},
    )


def test_live_restore_that_a_flag_turns_off_is_decided_by_hand() -> None:
    """In the file as well, dockerd would not start."""
    host = SyntheticHost(engine={}, argv=["dockerd", "--live-restore=false"]).daemon_json(b"{}")
    finding = only(host, "daemon.live-restore")
    assert finding.remediation is not None
    assert finding.remediation.module is None
    assert "--live-restore=false" in finding.remediation.text


def test_live_restore_configured_and_not_in_force_says_so_and_why() -> None:
    finding = only(SyntheticHost(engine={}), "daemon.live-restore")
    assert finding.outcome == "fail"
    assert finding.evidence["LiveRestoreEnabled of GET /info"] is False
    assert "was not reloaded" in finding.summary
    assert finding.evidence["/etc/docker/daemon.json:1"] == "live-restore: True"
    host = SyntheticHost(engine={}).daemon_json(b'{"live-restore": true,\n "userland-proxy": true}')
    finding = only(host, "daemon.live-restore")
    assert "makes every reload" in finding.summary
    assert finding.remediation is not None
    assert "/etc/docker/daemon.json:2:2" in finding.remediation.text


def test_live_restore_in_force_and_configured_no_more_is_said() -> None:
    finding = only(SyntheticHost().daemon_json(b"{}"), "daemon.live-restore")
    assert "effective but not configured" in finding.summary
    by_flag = SyntheticHost(argv=["dockerd", "--live-restore"]).daemon_json(b"{}")
    assert only(by_flag, "daemon.live-restore").outcome == "pass"
    assert only(SyntheticHost().unread("daemon_config"), "daemon.live-restore").outcome == "pass"
    # A key that is there twice is accepted, so that it is known what the next start has.
    twice = SyntheticHost().daemon_json(b'{"icc": true, "icc": true}')
    assert only(twice, "daemon.live-restore").outcome == "fail"
    assert only(SyntheticHost().daemon_json(b'{"icc": '), "daemon.live-restore").outcome == "pass"


def test_live_restore_does_not_go_with_swarm() -> None:
    assert only(SyntheticHost(engine={"swarm": True}), "daemon.live-restore").outcome == "not_applicable"


def test_the_proxy_written_out_blocks_reloads_from_25_on() -> None:
    text = b'{\n  "userland-proxy": true\n}'
    finding = only(SyntheticHost().daemon_json(text), "daemon.reload-blocked")
    assert (finding.outcome, finding.severity) == ("fail", "medium")
    assert finding.resource.name == "/etc/docker/daemon.json:2:3"
    assert finding.remediation is not None
    assert (finding.remediation.module, finding.remediation.args) == ("userland_proxy", {"state": "enabled"})
    assert only(SyntheticHost(version="20.10.24").daemon_json(text), "daemon.reload-blocked").outcome == "pass"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (b'{\n  "mtu": 1500,\n}', ":2:14", "comma"),
        (b'\xef\xbb\xbf{"mtu": 1500}', ":1:1", "byte order mark"),
        (b'{"mtu": 1500,\n "mtu": 1400}', ":2:2", "twice"),
        (b'{\n  "mtu": "1500"\n}', ":2:3", "whole number"),
        (b'{\n\n  "nonsense": 1\n}', ":3:3", "is no key"),
        (b'{"hosts": ["fd://"]}', ":1:2", "also given as a flag"),
        (b'{"live-restore": tru}', ":1:18", "expected a value"),
    ],
)
def test_what_is_wrong_in_daemon_json_is_shown_with_line_and_column(text: bytes, place: str, words: str) -> None:
    finding = only(SyntheticHost().daemon_json(text), "daemon.config")
    # From 23.0 on dockerd passes over a byte order mark.
    assert (finding.outcome, finding.severity) == ("fail", "low" if "byte order" in words else "medium")
    assert finding.resource.name == f"/etc/docker/daemon.json{place}"
    assert finding.summary.startswith(f"/etc/docker/daemon.json{place}: ")
    assert words in finding.summary


def test_a_file_that_no_dockerd_starts_with_is_broken_now_where_none_runs() -> None:
    host = SyntheticHost().daemon_json(b'{"mtu": "1500"}').unread("engine", kind="stopped", reason="it is stopped")
    snapshot = replace(host.snapshot(), engine=None, daemon=None)
    (finding,) = run_checks(AuditContext(snapshot, Settings(checks=("daemon.config",))))
    assert (finding.outcome, finding.severity) == ("fail", "high")


def test_each_problem_is_a_finding_of_its_own() -> None:
    found = judge(SyntheticHost().daemon_json(b'{"mtu": "x",\n "icc": 1,\n "nonsense": 1}'), "daemon.config")
    assert [item.resource.name.rpartition(".json")[2] for item in found] == [":1:2", ":2:2", ":3:2"]


def test_the_impact_says_whether_this_engine_starts() -> None:
    marked = b'\xef\xbb\xbf{"mtu": 1500}'
    assert "dockerd still starts with it" in only(SyntheticHost().daemon_json(marked), "daemon.config").impact
    old = SyntheticHost(version="20.10.5").daemon_json(marked)
    assert "dockerd does not start" in only(old, "daemon.config").impact


def test_no_file_and_an_empty_file_are_fine_where_the_engine_takes_them() -> None:
    host = SyntheticHost().daemon_json(b"")
    assert only(host, "daemon.config").outcome == "pass"
    host.version = "20.10.5"
    assert only(host, "daemon.config").outcome == "fail"
    host.config = replace(host.config, exists=False, problems=[], values={})
    assert only(host, "daemon.config").outcome == "pass"
    host.argv = ["dockerd", "--config-file=/etc/docker/daemon.json"]
    finding = only(host, "daemon.config")
    assert finding.outcome == "fail"
    assert finding.evidence == {"exists": False, "flag": "--config-file=/etc/docker/daemon.json"}


def test_a_sound_file_is_unknown_where_flags_or_version_are_missing_that_matter() -> None:
    host = SyntheticHost().daemon_json(b'{"firewall-backend": "iptables"}').unread("engine", "service", kind="stopped")
    finding = only(host, "daemon.config")
    assert (finding.check, finding.outcome) == ("audit.engine", "unknown")
    plain = SyntheticHost().daemon_json(b'{"mtu": 1400}').unread("engine", kind="stopped")
    assert only(plain, "daemon.config").outcome == "pass"
    read = SyntheticHost().daemon_json(b'{"mtu": 1400}').snapshot()
    snapshot = replace(read, daemon=None, service=None)
    (unsure,) = run_checks(AuditContext(snapshot, Settings(checks=("daemon.config",))))
    assert unsure.outcome == "unknown"
    assert "dockerd's flags" in unsure.summary
