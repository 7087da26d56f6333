"""What is configured for dockerd against what it shows, who may change it, and its API on TCP."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    ConfiguredPool,
    ServiceUnit,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.unit.synthetic_host import DOCKERD, SyntheticHost

FD = ["/usr/sbin/dockerd", "-H", "fd://"]
AFTER_START = 2000.0


def judge(snapshot: HostSnapshot, check: str) -> list[Finding]:
    return run_checks(AuditContext(snapshot, Settings(checks=(check,))))


def with_options(host: SyntheticHost, **options: str) -> SyntheticHost:
    network = host.networks[0]
    host.networks[0] = replace(network, options={**network.options, **options})
    return host


ICC = "com.docker.network.bridge.enable_icc"


def pending(host: SyntheticHost, **changes: Any) -> Finding:
    """Of a host whose default network is as dockerd makes it by default."""
    return only(with_options(host, **{ICC: "true"}), "daemon.pending", **changes)


def only(host: SyntheticHost, check: str, **changes: Any) -> Finding:
    (finding,) = judge(replace(host.snapshot(), **changes), check)
    return finding


# ---- daemon.pending --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [5, "a=b", {"a": "b"}])
def test_labels_that_are_no_list_are_no_error(labels: Any) -> None:
    host = SyntheticHost().daemon_json(b'{"labels": ["a=b", "c=d"]}')
    host.engine["settings"] = {"labels": labels}
    assert pending(host).outcome == "fail"


def test_nothing_is_pending_where_file_flags_and_daemon_agree() -> None:
    host = with_options(SyntheticHost(), **{ICC: "false", "com.docker.network.driver.mtu": "1400"})
    host.engine["settings"] = {"debug": True, "labels": ["site=lab"], "registry-mirrors": ["https://m.example"]}
    host.daemon_json(
        b'{"icc": false, "mtu": 1400, "debug": true, "labels": ["site=lab"], "registry-mirrors": ["https://m.example/"]}'
    )
    finding = only(host, "daemon.pending")
    assert finding.outcome == "pass"
    assert finding.evidence["compared"] == [
        *("bip", "debug", "default-address-pools", "icc", "labels", "mtu", "registry-mirrors")
    ]


def test_icc_that_waits_for_a_start_is_judged_by_the_live_network() -> None:
    host = with_options(SyntheticHost(), **{ICC: "true"}).daemon_json(b'{\n"icc": false}')
    finding = only(host, "daemon.pending")
    assert (finding.outcome, finding.resource.name) == ("fail", "/etc/docker/daemon.json: icc")
    assert finding.evidence["docker network inspect bridge: com.docker.network.bridge.enable_icc"] is True
    assert finding.evidence["/etc/docker/daemon.json:2"] == "icc: false"
    assert finding.remediation is not None
    assert finding.remediation.module is None


def test_a_key_that_was_taken_out_is_in_force_still() -> None:
    host = SyntheticHost()
    host.engine["settings"] = {"debug": True}
    finding = pending(host)
    assert "debug is not set" in finding.summary
    assert "true is effective" in finding.summary
    assert finding.remediation is not None
    assert (finding.remediation.module, finding.remediation.args) == ("daemon_config", {"absent": ["debug"]})


def test_a_reloadable_key_is_remediated_by_the_module() -> None:
    host = SyntheticHost().daemon_json(b'{"labels": ["a=b"]}')
    host.engine["settings"] = {"labels": []}
    finding = pending(host)
    assert finding.remediation is not None
    assert finding.remediation.args == {"config": {"labels": ["a=b"]}}


def test_a_value_with_a_masked_secret_is_not_written_by_the_module() -> None:
    mirror = f"https://{MASK}@mirror.example/"
    host = SyntheticHost().daemon_json(json.dumps({"registry-mirrors": [mirror]}).encode())
    host.engine["settings"] = {"registry-mirrors": []}
    finding = pending(host)
    assert finding.outcome == "fail"
    assert finding.remediation is not None
    assert finding.remediation.text.startswith("Reload dockerd")
    assert (finding.remediation.module, finding.remediation.args) == (None, {})


def test_address_pools_that_wait_for_a_start() -> None:
    host = SyntheticHost().daemon_json(b'{"default-address-pools": [{"Base": "10.200.0.0/16", "size": 24}]}')
    finding = pending(host)
    assert finding.resource.name == "/etc/docker/daemon.json: default-address-pools"
    assert finding.remediation is not None
    assert (finding.remediation.module, finding.remediation.args) == ("daemon_config", {"restart": "always"})
    host.engine["address_pools"] = [ConfiguredPool("10.200.0.0/16", 24)]
    assert pending(host).outcome == "pass"
    assert pending(host.daemon_json(b"{}")).outcome == "fail"


def test_other_flags_at_the_next_start_are_named() -> None:
    host = SyntheticHost()
    unit = ServiceUnit("systemd", "docker.service", "active", [*FD, "--mtu=1400", "--live-restore"])
    finding = pending(host, service=unit)
    assert "other flags" in finding.summary
    assert "--mtu" in finding.summary
    assert "--live-restore" not in finding.summary
    assert finding.remediation is not None
    assert finding.remediation.args == {"restart": "always"}


@pytest.mark.parametrize(
    ("text", "options", "key"),
    [
        (b'{"mtu": 1400}', {"com.docker.network.driver.mtu": "1500"}, "mtu"),
        (b"{}", {"com.docker.network.driver.mtu": "1400"}, "mtu"),
        (b'{"ip": "127.0.0.1"}', {"com.docker.network.bridge.host_binding_ipv4": "0.0.0.0"}, "ip"),  # noqa: S104
        (b'{"ip-masq": false}', {"com.docker.network.bridge.enable_ip_masquerade": "true"}, "ip-masq"),
        (b'{"icc": false}', {}, "icc"),
        (b'{"bip": "10.5.0.1/24"}', {}, "bip"),
    ],
)
def test_keys_of_the_default_network_that_wait_for_a_start_without_containers(
    text: bytes, options: dict[str, str], key: str
) -> None:
    finding = pending(with_options(SyntheticHost().daemon_json(text), **options))
    assert (finding.outcome, finding.resource.name) == ("fail", f"/etc/docker/daemon.json: {key}")
    assert finding.remediation is not None
    assert finding.remediation.module is None


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (b'{"mtu": 1400}', {"com.docker.network.driver.mtu": "1400"}),
        (b'{"mtu": 1400}', {"com.docker.network.driver.mtu": "large"}),
        (b'{"ip": "127.0.0.1"}', {"com.docker.network.bridge.host_binding_ipv4": "127.0.0.1"}),
        (b'{"ip-masq": false, "iptables": false}', {"com.docker.network.bridge.enable_ip_masquerade": "true"}),
        (b'{"bip": "172.18.0.1/16"}', {}),
        (b'{"bip": ""}', {}),
    ],
)
def test_keys_of_the_default_network_that_are_in_force(text: bytes, options: dict[str, str]) -> None:
    assert pending(with_options(SyntheticHost().daemon_json(text), **options)).outcome == "pass"


def test_flags_with_a_secret_are_not_compared() -> None:
    unit = ServiceUnit("systemd", "docker.service", "active", [*FD, f"--https-proxy=http://{MASK}@proxy.example"])
    assert pending(SyntheticHost(), service=unit).outcome == "pass"
    assert pending(SyntheticHost(), daemon=None).outcome == "pass"


def test_what_has_checks_of_its_own_is_left_to_them() -> None:
    host = SyntheticHost(engine={"live_restore": False}).daemon_json(b'{"userland-proxy": false, "live-restore": true}')
    assert pending(host).outcome == "pass"


def test_a_network_key_that_nothing_shows_is_unknown_if_the_file_is_newer() -> None:
    host = SyntheticHost().daemon_json(b'{"ip-forward": false, "log-opts": {"max-size": "1m"}}')
    assert pending(host).outcome == "pass"
    host.config = replace(host.config, mtime=AFTER_START)
    finding = pending(host)
    assert finding.outcome == "unknown"
    assert "ip-forward" in finding.summary
    assert "log-opts" not in finding.summary


def test_a_broken_file_is_left_to_its_own_check() -> None:
    assert only(SyntheticHost().daemon_json(b"{"), "daemon.pending").outcome == "unknown"


# ---- daemon.permissions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mode": 0o664}, "permissions 0664"),
        ({"mode": 0o646}, "permissions 0646"),
        ({"uid": 1000}, "belongs to user 1000"),
        ({"gid": 998}, "belongs to group 998"),
    ],
)
def test_who_else_may_change_daemon_json_is_said(changes: dict[str, int], words: str) -> None:
    host = SyntheticHost()
    host.config = replace(host.config, **changes)  # type: ignore[arg-type]
    finding = only(host, "daemon.permissions")
    assert finding.outcome == "fail"
    assert words in finding.summary
    assert finding.remediation is not None
    for command in ("chown 0:0", "chmod 0644"):
        assert f"{command} /etc/docker/daemon.json" in finding.remediation.text


@pytest.mark.parametrize("changes", [{"mode": None}, {"uid": None}, {"gid": None}])
def test_permissions_that_were_not_read_are_unknown(changes: dict[str, None]) -> None:
    host = SyntheticHost()
    host.config = replace(host.config, **changes)  # type: ignore[arg-type]
    assert only(host, "daemon.permissions").outcome == "unknown"


def test_of_a_link_the_file_that_it_leads_to_is_what_is_to_be_changed() -> None:
    host = SyntheticHost()
    host.config = replace(host.config, mode=0o666, link_target="/srv/daemon.json")
    finding = only(host, "daemon.permissions")
    assert finding.evidence["leads to"] == "/srv/daemon.json"
    assert finding.remediation is not None
    assert "chmod 0644 /srv/daemon.json" in finding.remediation.text


@pytest.mark.parametrize(("uid", "outcome"), [(1000, "pass"), (0, "pass"), (1001, "fail")])
def test_of_a_rootless_engine_its_user_and_root_may_have_the_file(uid: int, outcome: str) -> None:
    host = SyntheticHost(engine={"rootless": True})
    host.config = replace(host.config, uid=uid, gid=7)
    daemon = host.snapshot().daemon
    assert daemon is not None
    assert only(host, "daemon.permissions", daemon=replace(daemon, uid=1000)).outcome == outcome
    assert only(host, "daemon.permissions", daemon=None).outcome == "fail"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o600, 0o400])
def test_0644_or_stricter_is_fine(mode: int) -> None:
    host = SyntheticHost()
    host.config = replace(host.config, mode=mode)
    assert only(host, "daemon.permissions").outcome == "pass"


def test_a_rootless_engine_has_the_file_of_its_user() -> None:
    host = SyntheticHost(engine={"rootless": True})
    host.config = replace(host.config, uid=1000, gid=1000)
    snapshot = host.snapshot()
    assert snapshot.daemon is not None
    assert only(host, "daemon.permissions", daemon=replace(snapshot.daemon, uid=1000)).outcome == "pass"


def test_no_file_has_no_permissions() -> None:
    host = SyntheticHost()
    host.config = replace(host.config, exists=False)
    assert only(host, "daemon.permissions").outcome == "not_applicable"


# ---- daemon.tcp ------------------------------------------------------------------------------------------------------

API = Listener("tcp", "0.0.0.0", 2375, owner="dockerd", pid=DOCKERD)  # noqa: S104
TLS_API = Listener("tcp", "::", 2376, owner="dockerd", pid=DOCKERD)


def tcp(argv: list[str], *listeners: Listener, text: bytes = b"{}", handed: int = 1, **changes: Any) -> Finding:
    host = SyntheticHost(argv=argv).daemon_json(text)
    snapshot = host.snapshot()
    assert snapshot.daemon is not None
    daemon = replace(snapshot.daemon, sockets_handed=handed)
    return only(host, "daemon.tcp", daemon=daemon, listeners=list(listeners), **changes)


def test_a_unix_socket_is_fine_and_so_is_what_dockerd_listens_at_for_something_else() -> None:
    assert tcp(FD).outcome == "pass"
    # dockerd would not start with that.
    assert tcp(["/usr/sbin/dockerd"], text=b'{"hosts": 5}').outcome == "pass"
    metrics = Listener("tcp", "127.0.0.1", 9323, owner="dockerd", pid=DOCKERD)
    assert tcp(FD, metrics, text=b'{"metrics-addr": "127.0.0.1:9323"}').outcome == "pass"


@pytest.mark.parametrize(("protocol", "outcome"), [("tcp", "pass"), ("udp", "unknown")])
def test_published_ports_without_docker_proxy_are_no_api(protocol: str, outcome: str) -> None:
    host = SyntheticHost(proxy=False, argv=["/usr/sbin/dockerd"])
    host.container("web", publish=(f"0.0.0.0|8080|80/{protocol}",))
    host.config = replace(host.config, mtime=AFTER_START)
    held = Listener("tcp", "0.0.0.0", 8080, owner="dockerd", pid=DOCKERD)  # noqa: S104
    assert only(host, "daemon.tcp", listeners=[held]).outcome == outcome


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:2375", "0.0.0.0:2375", "tcp://0.0.0.0", "tcp://:2375"])
def test_tcp_without_certificates_is_open_to_whoever_reaches_it(address: str) -> None:
    finding = tcp([*FD, "-H", address], API)
    assert (finding.outcome, finding.resource.name, finding.severity) == ("fail", "dockerd", "high")
    assert "0.0.0.0:2375" in finding.summary
    assert "Every machine" in finding.impact


def test_encryption_alone_keeps_nobody_out_and_loopback_is_open_to_the_host() -> None:
    local = replace(TLS_API, address="127.0.0.1")
    finding = tcp([*FD, "-H", "tcp://127.0.0.1:2376", "--tls"], local)
    assert finding.outcome == "fail"
    assert "program of this host" in finding.impact


def test_tlsverify_as_flag_or_in_the_file_is_what_it_takes() -> None:
    assert tcp([*FD, "-H", "tcp://:2376", "--tlsverify"], TLS_API).outcome == "pass"
    text = b'{"hosts": ["tcp://0.0.0.0:2376"], "tlsverify": true}'
    assert tcp(["/usr/sbin/dockerd"], TLS_API, text=text).outcome == "pass"
    assert tcp(["/usr/sbin/dockerd"], TLS_API, text=text.replace(b"true", b"false")).outcome == "fail"


def test_tlsverify_in_a_file_that_was_changed_since_is_unknown() -> None:
    host = SyntheticHost(argv=["/usr/sbin/dockerd"])
    host.daemon_json(b'{"hosts": ["tcp://0.0.0.0:2376"], "tlsverify": true}')
    host.config = replace(host.config, mtime=AFTER_START)
    assert only(host, "daemon.tcp", listeners=[TLS_API]).outcome == "unknown"
    host.daemon_json(b"{}")
    host.config = replace(host.config, mtime=AFTER_START)
    assert only(host, "daemon.tcp", listeners=[TLS_API]).outcome == "unknown"


@pytest.mark.parametrize(
    ("text", "engine", "port", "outcome"),
    [
        (b"{}", {}, 9323, "unknown"),
        (b'{"metrics-addr": "127.0.0.1:9323"}', {}, 9323, "pass"),
        (b'{"metrics-addr": "127.0.0.1:9323"}', {}, 9324, "unknown"),
        (b'{"metrics-addr": "nowhere"}', {}, 9323, "unknown"),
        (b'{"network-diagnostic-port": 2000}', {}, 2000, "pass"),
        (b'{"network-diagnostic-port": 2000}', {}, 2001, "unknown"),
        (b"{}", {"swarm": True}, 2377, "pass"),
        (b"{}", {"swarm": True}, 7946, "pass"),
        (b"{}", {"swarm": True}, 2378, "unknown"),
        (b"{}", {}, 2377, "unknown"),
    ],
)
def test_after_a_change_of_the_file_a_socket_that_nothing_explains_may_be_the_api(
    text: bytes, engine: dict[str, Any], port: int, outcome: str
) -> None:
    host = SyntheticHost(argv=["/usr/sbin/dockerd"], engine=engine).daemon_json(text)
    host.config = replace(host.config, mtime=AFTER_START)
    held = replace(API, port=port)
    assert only(host, "daemon.tcp", listeners=[held]).outcome == outcome
    assert only(host, "daemon.tcp", listeners=[replace(held, pid=None)]).outcome == "pass"
    assert only(host, "daemon.tcp", listeners=[replace(held, protocol="udp")]).outcome == "pass"
    host.config = replace(host.config, mtime=1.0)
    assert only(host, "daemon.tcp", listeners=[held]).outcome == "pass"


@pytest.mark.parametrize(
    ("address", "impact"), [("127.0.0.1", "of this host"), ("127.9.9.9", "of this host"), ("::1", "of this host")]
)
def test_an_api_on_a_loopback_address_is_open_to_the_host_alone(address: str, impact: str) -> None:
    argv = ["/usr/sbin/dockerd", "-H", "tcp://:2375"]
    assert impact in tcp(argv, replace(API, address=address)).impact
    assert impact not in tcp(argv, replace(API, address=address), API).impact


@pytest.mark.parametrize(
    ("host", "port", "outcome"),
    [
        ("unix:///run/docker.sock", 2375, "pass"),
        ("fd://", 2375, "pass"),
        ("tcp://0.0.0.0:2376", 2375, "pass"),
        ("tcp://0.0.0.0:port", 2375, "pass"),
        ("tcp://0.0.0.0:0", 2375, "fail"),
        ("[::]:2375", 2375, "fail"),
    ],
)
def test_where_dockerd_is_to_listen(host: str, port: int, outcome: str) -> None:
    assert tcp(["/usr/sbin/dockerd", "-H", host], replace(API, port=port)).outcome == outcome


def test_an_address_that_nobody_listens_at_is_not_in_force() -> None:
    assert tcp(["/usr/sbin/dockerd"], text=b'{"hosts": ["tcp://0.0.0.0:2375"]}').outcome == "pass"


def test_a_further_socket_of_systemd_is_the_api() -> None:
    assert tcp(FD, API, handed=2).outcome == "fail"
    assert tcp([*FD, "--tlsverify"], API, handed=2).outcome == "pass"


# ---- daemon.address-filter -------------------------------------------------------------------------------------------

ALL = "0.0.0.0/0 ::/0"


@pytest.mark.parametrize(
    ("filters", "outcome", "words"),
    [
        ({}, "pass", "systemd filters no packets"),
        (
            {"IPAddressDeny": ALL},
            "fail",
            f"IPAddressDeny={ALL} of docker.service covers loopback addresses, network bridge, network front and 1 ",
        ),
        ({"IPAddressDeny": "192.0.2.53"}, "fail", "covers nameserver 192.0.2.53:"),
        (
            {"IPAddressDeny": ALL, "IPAddressAllow": "127.0.0.0/8 172.16.0.0/12 10.0.0.0/8 192.0.2.53"},
            "pass",
            "no address",
        ),
        ({"IPAddressDeny": "203.0.113.0/24"}, "pass", "covers no address"),
        (
            {"IPAddressAllow": "127.0.0.0/8"},
            "pass",
            "IPAddressAllow=127.0.0.0/8 of docker.service denies nothing without IPAddressDeny: systemd filters no",
        ),
        ({"RestrictNetworkInterfaces": "eth0"}, "unknown", "RestrictNetworkInterfaces=eth0 of docker.service"),
    ],
)
def test_what_systemd_drops_of_dockerds_packets(filters: dict[str, str], outcome: str, words: str) -> None:
    finding = filtered(filters, {})
    assert finding.outcome == outcome
    assert words in finding.summary


def filtered(unit: dict[str, str], slices: dict[str, dict[str, str]] | None) -> Finding:
    def words(settings: dict[str, str]) -> dict[str, list[str]]:
        return {name: value.split() for name, value in settings.items()}

    service = ServiceUnit(
        "systemd",
        "docker.service",
        filters=words(unit),
        slices=None if slices is None else {name: words(settings) for name, settings in slices.items()},
    )
    return only(SyntheticHost(), "daemon.address-filter", service=service)


@pytest.mark.parametrize(
    ("unit", "slices", "outcome", "words"),
    [
        ({}, {"system.slice": {"IPAddressDeny": ALL}}, "fail", f"IPAddressDeny={ALL} of system.slice covers loopback"),
        ({}, {"-.slice": {"IPAddressDeny": "192.0.2.53"}}, "fail", "=192.0.2.53 of -.slice covers nameserver"),
        ({"IPAddressAllow": ALL}, {"-.slice": {"IPAddressDeny": ALL}}, "pass", "of -.slice covers no address"),
        ({"IPAddressDeny": ALL}, {"-.slice": {"IPAddressAllow": ALL}}, "pass", "of docker.service covers no address"),
        (
            {"IPAddressDeny": "192.0.2.53"},
            {"system.slice": {"IPAddressDeny": "127.0.0.0/8"}},
            "fail",
            "IPAddressDeny=127.0.0.0/8 of system.slice and IPAddressDeny=192.0.2.53 of docker.service covers loopback",
        ),
        ({}, {"system.slice": {"RestrictNetworkInterfaces": "lo"}}, "unknown", "RestrictNetworkInterfaces=lo of sys"),
        ({}, None, "unknown", "filters of the slices above docker.service were not read"),
        ({"IPAddressDeny": ALL}, None, "fail", "of docker.service covers loopback"),
    ],
)
def test_filters_of_slices_hold_for_the_unit_below(
    unit: dict[str, str], slices: dict[str, dict[str, str]] | None, outcome: str, words: str
) -> None:
    finding = filtered(unit, slices)
    assert finding.outcome == outcome
    assert words in finding.summary


def test_what_a_slice_denies_may_be_denied_containers() -> None:
    slices = {"system.slice": {"IPAddressDeny": ALL}}
    assert "Other services in system.slice, and containers" in filtered({}, slices).impact
    assert "DNAT is not affected" in filtered({"IPAddressDeny": ALL}, {}).impact
