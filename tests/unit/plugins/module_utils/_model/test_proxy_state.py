"""Which evidence proves that docker-proxy is in force, and what would be after a restart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import ConfigProblem, DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import DaemonProcess, Engine, ServiceUnit
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ProxyProcess, Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import (
    proxy_configured,
    proxy_default,
    proxy_in_force,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source

RECORDED = Path(__file__).parents[3] / "fixtures/engine-29"
STARTED = 1000.0
CONFIG = DaemonConfig("/etc/docker/daemon.json", exists=True, mtime=STARTED - 10, ctime=STARTED - 10)
BARE = HostSnapshot(
    hostname="host",
    taken_at="2026-01-01T00:00:00+00:00",
    sources={"daemon_config": Source(read=True)},
    daemon=DaemonProcess(pid=7, argv=["dockerd", "-H", "fd://"], started_at=STARTED),
    service=ServiceUnit("systemd", "docker.service", "active", ["/usr/sbin/dockerd", "-H", "fd://"]),
    daemon_config=DaemonConfig("/etc/docker/daemon.json", exists=False),
)
ON_RULE = "*nat\n-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER\nCOMMIT\n"
OFF_RULE = "*nat\n-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER\nCOMMIT\n"


def proxy(ppid: int) -> ProxyProcess:
    return ProxyProcess(9, ppid, "tcp", "0.0.0.0", 8080, "172.17.0.2", 80)  # noqa: S104


def with_values(values: dict[str, Any], **changes: Any) -> HostSnapshot:
    return replace(BARE, daemon_config=replace(CONFIG, values=values, **changes))


def recorded(name: str) -> HostSnapshot:
    """A recorded host, without what the engine says of its proxy."""
    folder = RECORDED / name
    save = {
        f"{file.stem.replace('-save', '')}-nft-save": file.read_text()
        for file in (folder / "iptables-save.txt", folder / "ip6tables-save.txt")
        if file.exists()
    }
    return replace(BARE, ruleset=Ruleset(save, (folder / "nft-ruleset.json").read_text()))


def test_default() -> None:
    assert proxy_default() is True


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
@pytest.mark.parametrize(("state", "value"), [("on", True), ("off", False)])
def test_the_rules_of_both_backends_prove_it(backend: str, state: str, value: bool) -> None:
    found = proxy_in_force(recorded(f"{backend}-proxy-{state}"))
    assert found.value is value
    assert ("-A OUTPUT" if backend == "iptables" else "docker-bridges") in found.evidence


def test_the_engine_has_the_first_word() -> None:
    engine = Engine("29.5.0", "1.55", userland_proxy=False)
    snapshot = replace(recorded("iptables-proxy-on"), engine=engine, proxies=[proxy(ppid=7)])
    assert proxy_in_force(snapshot).value is False
    assert "engine itself" in proxy_in_force(snapshot).evidence


def test_the_command_line_of_the_running_dockerd_comes_next() -> None:
    daemon = DaemonProcess(7, ["dockerd", "--userland-proxy=false"], STARTED)
    snapshot = replace(recorded("iptables-proxy-on"), daemon=daemon)
    assert proxy_in_force(snapshot).value is False
    assert "--userland-proxy=false" in proxy_in_force(snapshot).evidence


def test_its_own_docker_proxy_proves_it_on_and_an_orphan_proves_nothing() -> None:
    assert proxy_in_force(replace(BARE, proxies=[proxy(ppid=7)])).value is True
    assert proxy_in_force(replace(BARE, proxies=[proxy(ppid=1)])).value is None


@pytest.mark.parametrize(
    ("save", "value"),
    [
        ({"iptables-legacy-save": OFF_RULE}, False),
        ({"ip6tables-nft-save": ON_RULE.replace("127.0.0.0/8", "::1/128")}, True),
        ({"iptables-nft-save": ON_RULE.replace("*nat", "*filter")}, None),
        ({"iptables-nft-save": ON_RULE, "iptables-legacy-save": OFF_RULE}, None),
        ({"iptables-nft-save": "# Table `nat' is incompatible, use 'nft' tool.\n"}, None),
        ({"iptables-nft-save": ON_RULE.replace("-j DOCKER", "-j DOCKER-INGRESS")}, None),
        ({}, None),
    ],
)
def test_jumps_in_the_output_chain(save: dict[str, str], value: bool | None) -> None:
    assert proxy_in_force(replace(BARE, ruleset=Ruleset(save))).value is value


def test_rules_of_a_dockerd_that_makes_none_can_be_old() -> None:
    snapshot = replace(with_values({"iptables": False}), ruleset=Ruleset({"iptables-nft-save": OFF_RULE}))
    assert "-A OUTPUT" not in proxy_in_force(snapshot).evidence


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"nftables": null}',
        "no JSON",
        "[" * 100_000,
        '{"nftables": 5}',
        '{"nftables": [null, {"rule": 5}]}',
    ]
    + [
        f'{{"nftables": [{{"rule": {{"table": "docker-bridges", "chain": "OUTPUT", "expr": {expr}}}}}]}}'
        for expr in (5, "null")
    ],
)
def test_an_nft_that_says_nothing_proves_nothing(text: str) -> None:
    assert proxy_in_force(replace(BARE, ruleset=Ruleset(nft_json=text))).value is None


def test_the_file_proves_it_only_if_dockerd_has_read_it_as_it_is() -> None:
    assert proxy_in_force(with_values({"userland-proxy": False})).value is False
    assert proxy_in_force(with_values({"mtu": 1400})).value is True
    assert proxy_in_force(with_values({"userland-proxy": False}, mtime=STARTED + 1)).value is None
    # A file from elsewhere that was moved into place is old and new at once.
    assert proxy_in_force(with_values({"userland-proxy": False}, ctime=STARTED + 1)).value is None
    assert proxy_in_force(with_values({}, problems=[ConfigProblem("broken")])).value is None
    assert proxy_in_force(BARE).value is None


def test_without_dockerd_nothing_is_in_force() -> None:
    assert proxy_in_force(replace(BARE, daemon=None)).value is None
    assert "does not run" in proxy_in_force(replace(BARE, daemon=None)).evidence
    hidden = replace(BARE, daemon=None, sources={"processes": Source(False, "denied", "not visible")})
    assert proxy_in_force(hidden).evidence == "not visible"


@pytest.mark.parametrize(
    ("values", "argv", "wanted"),
    [
        ({}, [], True),
        ({"userland-proxy": False}, [], False),
        ({"userland-proxy": True}, [], True),
        ({}, ["--userland-proxy=false"], False),
        ({"x": {"userland-proxy": False}}, [], False),
        ({"userland-proxy": "false"}, [], None),
        ({"userland-proxy": False}, ["--userland-proxy=false"], None),
    ],
)
def test_configured(values: dict[str, Any], argv: list[str], wanted: bool | None) -> None:
    service = ServiceUnit("systemd", "docker.service", "active", ["dockerd", *argv])
    assert proxy_configured(replace(with_values(values), service=service)) is wanted


def test_configured_is_not_known_without_a_sound_file() -> None:
    assert proxy_configured(replace(BARE, sources={})) is None
    assert proxy_configured(with_values({}, problems=[ConfigProblem("broken")])) is None
    doubled = ConfigProblem("twice", accepted_from=0)
    assert proxy_configured(with_values({"userland-proxy": False}, problems=[doubled])) is False
    assert proxy_configured(BARE) is True


def test_recordings_are_what_they_say() -> None:
    for folder in RECORDED.iterdir():
        if folder.is_dir():
            pairs = json.loads((folder / "info.json").read_text())["FirewallBackend"].get("Info", [])
            assert (["EnableUserlandProxy", "true"] in pairs) == folder.name.endswith("-on")
