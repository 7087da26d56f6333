"""daemon_config on real engines: any key, by a reload where that will do, by one restart where not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.host_state import host_state
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload

MODULE = "dockernet.baseline.daemon_config"
DAEMON_JSON = "/etc/docker/daemon.json"
DROP_IN = "/etc/systemd/system/docker.service.d/zz-test.conf"
SHOP = Scenario(
    networks=[NetworkSpec("shop")],
    containers=[Workload("web", ["shop"], publish=["0.0.0.0:8080:80"]), Workload("steady", ["shop"], restart="always")],
)
RELOADED = {
    "debug": True,
    "labels": ["rack=7"],
    "registry-mirrors": ["https://mirror.example.com"],
    "insecure-registries": ["10.0.0.0/8"],
    "max-concurrent-downloads": 7,
    "shutdown-timeout": 20,
    "features": {"buildkit": True},
}


def run(host: Host, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    return ansible_module(host, MODULE, arguments, check=check, diff=True)


def effects(done: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {item["name"]: (item["change"], item["effect"]) for item in done["settings"]}


def start_times(host: Host) -> dict[str, str]:
    names = host.docker("ps", "--format", "{{.Names}}").out.split()
    return {name: host.container(name).started_at for name in names}


def info(host: Host) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(host.docker("info", "--format", "{{json .}}").out)
    return shown


def dockerd(host: Host) -> str:
    return host.run(["pidof", "dockerd"]).out.strip()


def major(host: Host) -> int:
    return int(host.engine_version.split(".")[0])


def drop_in(host: Host, text: str) -> None:
    host.write(DROP_IN, f"[Service]\n{text}\n")
    host.run(["systemctl", "daemon-reload"])


def assert_refused(done: dict[str, Any], *words: str) -> None:
    assert done["failed"], done
    assert done["refused"], done
    for word in words:
        assert word in done["msg"], done["msg"]


@pytest.fixture
def shop_host(fresh_host: Host) -> Host:
    fresh_host.deploy(SHOP)
    return fresh_host


@pytest.fixture
def safe_host(shop_host: Host) -> Host:
    """With live-restore in force."""
    shop_host.write(DAEMON_JSON, '{"live-restore": true}\n')
    shop_host.run(["systemctl", "reload", "docker.service"])
    shop_host.wait_for(lambda: info(shop_host)["LiveRestoreEnabled"], 120, "live-restore")
    return shop_host


def test_what_a_reload_takes_restarts_nothing_and_goes_without_a_trace(shop_host: Host) -> None:
    host = shop_host
    text = '{\n\t"mtu": 1500,\n\t"userland-proxy": true\n}\n' if major(host) >= 25 else '{\n\t"mtu": 1500\n}\n'
    host.write(DAEMON_JSON, text)
    before, pid, started = host_state(host), dockerd(host), start_times(host)

    predicted = run(host, check=True, config=RELOADED)
    assert host_state(host) == before
    done = run(host, config=RELOADED)

    assert (done["actions"], done["diff"], done["settings"]) == (
        predicted["actions"],
        predicted["diff"],
        predicted["settings"],
    )
    assert {effects(done)[name] for name in RELOADED} == {("set", "reload")}
    shown = info(host)
    assert (shown["Debug"], shown["Labels"]) == (True, ["rack=7"])
    assert shown["RegistryConfig"]["Mirrors"] == ["https://mirror.example.com/"]
    assert "10.0.0.0/8" in shown["RegistryConfig"]["InsecureRegistryCIDRs"]
    written = host.read(DAEMON_JSON)
    assert json.loads(written) == {"mtu": 1500, **RELOADED}
    assert '\n\t"debug": true,\n' in written
    # Somebody reloaded another file and put this one back: the daemon's word counts.
    host.write(DAEMON_JSON, written.replace('"debug": true', '"debug": false'))
    host.run(["systemctl", "reload", "docker.service"])
    host.wait_for(lambda: not info(host)["Debug"], 120, "debug off")
    host.write(DAEMON_JSON, written)
    again = run(host, config=RELOADED)
    assert {name for name, effect in effects(again).items() if effect == ("unchanged", "reload")} == {"debug"}
    assert (host.read(DAEMON_JSON), info(host)["Debug"]) == (written, True)

    gone = run(host, absent=list(RELOADED))
    assert {effects(gone)[name] for name in RELOADED} == {("removed", "reload")}
    shown = info(host)
    assert (shown["Debug"], shown["Labels"]) == (False, [])
    assert not shown["RegistryConfig"]["Mirrors"]
    assert "10.0.0.0/8" not in shown["RegistryConfig"]["InsecureRegistryCIDRs"]
    assert host.read(DAEMON_JSON) == '{\n\t"mtu": 1500\n}\n'
    assert (dockerd(host), start_times(host)) == (pid, started)


def test_one_restart_brings_all_in_and_live_restore_carries_the_containers(shop_host: Host) -> None:
    host = shop_host
    started = start_times(host)
    wishes: dict[str, Any] = {
        "log-level": "warn",
        "default-address-pools": [{"base": "10.200.0.0/16", "size": 24}],
        "live-restore": True,
    }

    done = run(host, config=wishes)

    assert effects(done)["log-level"] == ("set", "restart")
    assert sum("restart docker" in action for action in done["actions"]) == 1
    assert start_times(host) == started
    assert info(host)["LiveRestoreEnabled"]
    host.docker("network", "create", "later")
    assert '"Subnet":"10.200.' in host.docker("network", "inspect", "--format", "{{json .IPAM.Config}}", "later").out
    host.docker("network", "rm", "later")
    assert run(host, config=wishes)["actions"] == []

    # Both away again: live-restore goes last, since it carries the containers over the restart.
    back = run(host, absent=list(wishes))
    assert back["changed"], back
    assert start_times(host) == started
    assert not info(host)["LiveRestoreEnabled"]
    assert json.loads(host.read(DAEMON_JSON)) == {}


@pytest.mark.long
@pytest.mark.kinds("debian11", "debian13-docker28")
def test_keys_of_the_default_network_wait_where_containers_are_kept(safe_host: Host) -> None:
    host = safe_host
    pid, started = dockerd(host), start_times(host)

    done = run(host, config={"mtu": 1400})

    assert effects(done) == {"mtu": ("set", "pending")}
    assert (dockerd(host), start_times(host)) == (pid, started)
    assert any("not effective yet: mtu" in text for text in done["warnings"])
    # With no container to keep, a restart brings it in.
    for name in ("web", "steady"):
        host.docker("rm", "--force", name)
    done = run(host, config={"mtu": 1300})
    assert effects(done) == {"mtu": ("set", "restart")}
    assert dockerd(host) != pid


@pytest.mark.kinds("debian13")
def test_the_proxy_comes_with_all_that_belongs_to_it(safe_host: Host) -> None:
    host = safe_host
    started = start_times(host)

    done = run(host, config={"userland-proxy": False, "log-level": "warn"})

    assert sum("restart docker" in action for action in done["actions"]) == 1
    assert any("hairpin" in action for action in done["actions"])
    assert start_times(host) == started
    assert host.container("web").tcp(host.address, 8080) == "answered"
    assert run(host, absent=["userland-proxy", "log-level"])["changed"]
    assert host.sysctl("net.ipv4.conf.docker0.route_localnet") == "0"
    assert start_times(host) == started


@pytest.mark.kinds("debian11", "debian13-docker28")
def test_what_cannot_be_is_refused_by_name_and_nothing_is_touched(shop_host: Host) -> None:
    host = shop_host
    host.write(DAEMON_JSON, '{"log-level": "info"}\n')
    newer = {} if major(host) >= 28 else {"host-gateway-ips": ["192.0.2.1"]}
    wrong: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        (
            {"config": {"userland_proxy": False, "extra": {"ic": 1}, "mtu": "1400", "host": ["fd://"]}},
            ("userland_proxy", "userland-proxy", "extra", '"ic"', "mtu must be a whole number", "hosts"),
        ),
        ({"config": {"icc": False, "iptables": False}, "on_disruption": "allow"}, ("icc", "iptables")),
        ({"config": {"hosts": ["tcp://127.0.0.1:2375"]}}, ("--hosts", "docker.service", "/docker.service")),
        ({"config": {"data-root": "/srv/docker"}, "on_disruption": "allow"}, ("data-root", "web", "Stop them first")),
        ({"config": {"mtu": 1400}, "absent": ["mtu"]}, ("mtu",)),
        ({"config": newer or {"oom-score-adjust": -1}}, ("28.0",) if newer else ("25.0",)),
    ]
    if major(host) >= 25:
        wrong.append(({"config": {"userland-proxy": True}}, ("every reload",)))
    if major(host) >= 23:
        wrong.append(({"config": {"log-level": "banana"}}, ("banana",)))
    before = host_state(host)
    for arguments, words in wrong:
        done = run(host, **{"live_restore": "enabled", **arguments})
        assert_refused(done, *words)
    assert host_state(host) == before


@pytest.mark.kinds("debian11", "debian13-docker28")
def test_a_reload_that_dockerd_rejects_is_undone(shop_host: Host) -> None:
    """A runtime that it does not have passes every check but its own."""
    host = shop_host
    host.write(DAEMON_JSON, '{"labels": ["a=b"]}\n')
    host.run(["systemctl", "reload", "docker.service"])
    host.wait_for(lambda: info(host)["Labels"] == ["a=b"], 120, "labels")
    pid = dockerd(host)

    done = run(host, config={"default-runtime": "nowhere", "debug": True}, absent=["labels"])

    assert done["failed"]
    assert not done["refused"]
    assert "nowhere" in done["msg"]
    assert any("nowhere" in line for line in done["log"])
    assert host.read(DAEMON_JSON) == '{"labels": ["a=b"]}\n'
    shown = info(host)
    assert (shown["Debug"], shown["Labels"], shown["DefaultRuntime"]) == (False, ["a=b"], "runc")
    assert dockerd(host) == pid


@pytest.mark.kinds("debian13")
def test_a_dockerd_started_by_hand_is_reloaded_and_not_restarted(fresh_host: Host) -> None:
    host = fresh_host
    host.run("systemctl stop docker.service docker.socket")
    host.run(
        "systemd-run --scope --unit=by-hand --collect dockerd --host unix:///var/run/docker.sock >/dev/null 2>&1 &"
    )
    try:
        host.wait_for(lambda: host.docker("info", check=False).rc == 0, 120, "dockerd")
        pid = dockerd(host)
        assert run(host, config={"debug": True})["changed"]
        assert info(host)["Debug"]
        before = host_state(host)
        assert_refused(run(host, config={"log-level": "warn"}), "systemd", "manually")
        assert_refused(run(host, config={"hosts": ["fd://"]}), "--hosts")
        assert host_state(host) == before
        assert dockerd(host) == pid
    finally:
        host.run("systemctl stop by-hand.scope; systemctl start docker.socket docker.service")
