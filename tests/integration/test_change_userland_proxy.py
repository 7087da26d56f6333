"""userland_proxy on real engines: docker-proxy off and on again, and not one container lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.catalogue.scenario import uses_nftables
from tests.integration.host_state import host_state
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload

MODULE = "dockernet.baseline.userland_proxy"
DAEMON_JSON = "/etc/docker/daemon.json"
DROP_IN = "/etc/systemd/system/docker.service.d/zz-test.conf"
PORT = 8080
SHOP = Scenario(
    networks=[NetworkSpec("shop")],
    containers=[
        # On [::] as well it would lose that way in, which takes consent.
        Workload("web", ["shop"], publish=[f"0.0.0.0:{PORT}:80"]),
        Workload("printer", ["shop"], publish=["127.0.0.1:9100:80"]),
        Workload("steady", ["shop"], restart="always"),
    ],
)
NAMES = ("web", "printer", "steady")
TEMPORARY = Scenario(containers=[Workload("temporary", ["shop"], rm=True)])


def run(host: Host, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    return ansible_module(host, MODULE, arguments, check=check, diff=True)


def start_times(host: Host) -> dict[str, str]:
    """By name, of the containers that run."""
    names = host.docker("ps", "--format", "{{.Names}}").out.split()
    return {name: host.container(name).started_at for name in names}


def major(host: Host) -> int:
    return int(host.engine_version.split(".")[0])


def proxies(host: Host) -> int:
    return len(host.run(["pidof", "docker-proxy"], check=False).out.split())


def live_restore(host: Host) -> bool:
    return host.docker("info", "--format", "{{.LiveRestoreEnabled}}").out.strip() == "true"


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
    shop_host.wait_for(lambda: live_restore(shop_host), 120, "live-restore")
    return shop_host


# ---- what would stop containers --------------------------------------------------------------------------------------


@pytest.mark.kinds("debian11", "debian13-docker28")
def test_what_would_stop_somebody_is_refused_by_name(shop_host: Host) -> None:
    host = shop_host
    host.write(
        "/etc/systemd/system/bound.service",
        "[Unit]\nRequires=docker.service\nAfter=docker.service\n[Service]\nExecStart=/bin/sleep 9999\n",
    )
    host.run("systemctl daemon-reload && systemctl start bound.service")
    try:
        before = host_state(host)
        for check in (True, False):
            done = run(host, check=check, state="disabled")
            assert_refused(done, "web", "restart policy no", "on_disruption: allow", "live_restore: enabled")
            how = {item["name"]: item["how"] for item in done["disruptions"]}
            assert set(how) == {*NAMES, "bound.service"}
            assert "started again" in how["steady"]
        other = "/etc/docker/other.json"
        assert_refused(run(host, state="disabled", config_path=other), other, DAEMON_JSON)
        assert host_state(host) == before
        # dockerd refuses a swarm where it makes its rules with nftables.
        if not uses_nftables(host):
            host.docker("swarm", "init", "--advertise-addr", host.address)
            assert_refused(run(host, state="disabled", live_restore="enabled"), "swarm", "on_disruption: allow")
        assert not host.exists(DAEMON_JSON)
    finally:
        host.run(["systemctl", "stop", "bound.service"])


def test_off_and_on_again_loses_no_container_and_leaves_nothing_behind(shop_host: Host, lab: Lab) -> None:
    host = shop_host
    web = host.container("web")
    started = start_times(host)
    before = host_state(host)

    predicted = run(host, check=True, state="disabled", live_restore="enabled")
    assert host_state(host) == before

    done = run(host, state="disabled", live_restore="enabled")
    assert done["changed"], done
    assert {key: done[key] for key in ("actions", "diff", "disruptions")} == {
        key: predicted[key] for key in ("actions", "diff", "disruptions")
    }
    assert start_times(host) == started
    assert proxies(host) == 0
    assert_reached(host, lab)
    assert host.sysctl("net.ipv4.conf.docker0.route_localnet") == "1"
    assert run(host, state="disabled")["actions"] == []

    assert run(host, state="enabled")["changed"]
    assert start_times(host) == started
    assert proxies(host) > 0
    assert host.sysctl("net.ipv4.conf.docker0.route_localnet") == "0"
    assert "hairpin on" not in host.run("bridge -d link show").out
    assert json.loads(host.read(DAEMON_JSON)) == {"live-restore": True}
    assert host.container("web").pid == web.pid
    assert_reached(host, lab)


def assert_reached(host: Host, lab: Lab) -> None:
    assert host.container("web").tcp(host.address, PORT) == "answered"
    assert host.tcp("127.0.0.1", PORT) == "answered"
    assert lab.outside.tcp(host.address, PORT) == "answered"


@pytest.mark.long
@pytest.mark.kinds("debian11", "debian13-docker28")
def test_a_unit_that_is_active_before_dockerd_is_ready(safe_host: Host) -> None:
    """Until it is, the host shows the rules of the dockerd before it."""
    host = safe_host
    drop_in(host, "Type=simple")
    started = start_times(host)
    for state in ("disabled", "enabled"):
        done = run(host, state=state)
        assert done["changed"], done["msg"]
    assert start_times(host) == started


@pytest.mark.kinds("debian12")
def test_with_consent_containers_are_restarted_as_their_policy_says(shop_host: Host) -> None:
    host = shop_host

    done = run(host, state="disabled", on_disruption="allow")

    assert done["changed"], done
    assert {item["name"] for item in done["disruptions"]} == set(NAMES)
    host.wait_for(lambda: host.container("steady").running, 120, "the container with restart policy always")
    assert not host.container("web").running
    assert not live_restore(host)


@pytest.mark.kinds("debian13-docker28")
def test_a_file_ahead_of_the_daemon_takes_the_restart_alone(safe_host: Host) -> None:
    content = '{"live-restore": true, "userland-proxy": false}\n'
    safe_host.write(DAEMON_JSON, content)
    started = start_times(safe_host)

    done = run(safe_host, state="disabled")

    assert done["actions"][0].startswith("restart docker.service"), done["actions"]
    assert safe_host.read(DAEMON_JSON) == content
    assert proxies(safe_host) == 0
    assert start_times(safe_host) == started


@pytest.mark.long
@pytest.mark.kinds("debian12", "debian13")
def test_auto_remove_under_live_restore(safe_host: Host) -> None:
    """Engines before 25 remove such a container when they start, though live-restore kept it."""
    host = safe_host
    host.deploy(TEMPORARY)
    started = start_times(host)

    if major(host) >= 25:
        assert run(host, state="disabled")["changed"]
        assert start_times(host) == started
        return

    done = run(host, state="disabled")
    assert_refused(done, "temporary", "--rm", "on_disruption: allow")
    assert [item["name"] for item in done["disruptions"]] == ["temporary"]
    assert start_times(host) == started
    assert run(host, state="disabled", on_disruption="allow")["changed"]
    del started["temporary"]
    assert start_times(host) == started


# ---- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.kinds("debian13")
def test_an_explicit_true_costs_no_container(shop_host: Host) -> None:
    """From engine 25 on it makes every reload fail, so that live-restore could not be brought in."""
    shop_host.write(DAEMON_JSON, '{\n    "debug": false,\n    "userland-proxy": true,\n    "mtu": 1450\n}\n')
    shop_host.restart_docker()
    for name in ("web", "printer"):
        shop_host.docker("rm", "--force", name)
    shop_host.deploy(Scenario(containers=SHOP.containers[:2]))
    started = start_times(shop_host)

    done = run(shop_host, state="disabled", live_restore="enabled")

    assert done["changed"], done
    assert start_times(shop_host) == started
    assert live_restore(shop_host)
    assert shop_host.read(DAEMON_JSON) == (
        '{\n    "debug": false,\n    "userland-proxy": false,\n    "mtu": 1450,\n    "live-restore": true\n}\n'
    )


@pytest.mark.kinds("debian13-docker28")
def test_enabled_takes_an_explicit_true_out_where_it_blocks_reloads(shop_host: Host) -> None:
    text = '{\n    "mtu": 1450,\n    "userland-proxy": true\n}\n'
    shop_host.write(DAEMON_JSON, text)
    shop_host.restart_docker()
    daemon = shop_host.run(["pidof", "dockerd"]).out
    blocks = major(shop_host) >= 25

    done = run(shop_host, state="enabled")

    assert done["changed"] is blocks
    assert shop_host.read(DAEMON_JSON) == ('{\n    "mtu": 1450\n}\n' if blocks else text)
    assert shop_host.run(["pidof", "dockerd"]).out == daemon
    assert run(shop_host, state="enabled")["actions"] == []


@pytest.mark.long
@pytest.mark.kinds("debian11")
def test_link_mode_and_owner_of_the_file_are_kept(safe_host: Host) -> None:
    host = safe_host
    host.run(
        f"mkdir -p /etc/docker/real && mv {DAEMON_JSON} /etc/docker/real/settings.json && "
        f"ln -s real/settings.json {DAEMON_JSON} && chmod 640 /etc/docker/real/settings.json && "
        "chgrp docker /etc/docker/real/settings.json"
    )

    assert run(host, state="disabled")["changed"]

    assert host.run(["readlink", DAEMON_JSON]).out.strip() == "real/settings.json"
    assert host.run(["stat", "-c", "%a %U %G", "/etc/docker/real/settings.json"]).out.strip() == "640 root docker"
    assert host.read(DAEMON_JSON) == '{"live-restore": true, "userland-proxy": false}\n'
    assert host.run("ls -A /etc/docker/real").out.split() == ["settings.json"]
    assert host.run(["stat", "-c", "%a", "/var/lib/dockernet-baseline"]).out.strip() == "700"
    kept = host.run("cat /var/lib/dockernet-baseline/files/daemon.json.*").out.splitlines()
    assert '{"live-restore": true}' in kept


BROKEN = {
    "daemon-json-trailing-comma": (f"{DAEMON_JSON}:3:14:", "comma"),
    "daemon-json-bom": (f"{DAEMON_JSON}:1:1:", "byte order mark"),
    "daemon-json-duplicate-key": (f"{DAEMON_JSON}:4:3:", "twice"),
    "daemon-json-wrong-type": (f"{DAEMON_JSON}:2:3:", "true or false"),
    "daemon-json-unknown-key": (f"{DAEMON_JSON}:3:3:", "userland_proxy"),
    "flag-conflict": (DAEMON_JSON, "flag"),
}


@pytest.mark.kinds("debian11", "debian13")
def test_a_file_that_dockerd_would_stumble_over_is_left_as_it_is(fresh_host: Host) -> None:
    for name, words in BROKEN.items():
        fresh_host.break_(name)
        before = host_state(fresh_host)
        assert_refused(run(fresh_host, state="disabled", live_restore="enabled", on_disruption="allow"), *words)
        assert host_state(fresh_host) == before


# ---- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.kinds("debian11", "debian13-docker28")
def test_a_start_that_fails_is_undone_and_no_container_pays_for_it(shop_host: Host) -> None:
    """A dockerd that starts with any file but one that says userland-proxy."""
    host = shop_host
    started = start_times(host)
    drop_in(
        host,
        f"ExecStartPre=/bin/sh -c 'if grep -q userland-proxy {DAEMON_JSON}; then echo balking at it; exit 1; fi'",
    )

    done = run(host, state="disabled", live_restore="enabled")

    assert done["failed"]
    assert "live-restore, without which that start would have stopped the containers" in done["msg"], done["msg"]
    assert json.loads(host.read(DAEMON_JSON)) == {"live-restore": True}
    assert start_times(host) == started

    content = host.read(DAEMON_JSON)
    done = run(host, state="disabled")

    assert done["failed"]
    assert not done["refused"]
    assert "undone: dockerd runs again with the previous file" in done["msg"], done["msg"]
    assert any("balking at it" in line for line in done["log"]), done["log"]
    assert host.read(DAEMON_JSON) == content
    assert host.run(["systemctl", "is-active", "docker.service"]).out.strip() == "active"
    assert start_times(host) == started
    assert proxies(host) > 0
    # The counter of failed starts does not hold the next change up.
    host.run(["rm", DROP_IN])
    host.run(["systemctl", "daemon-reload"])
    assert run(host, state="disabled")["changed"]
    assert start_times(host) == started


@pytest.mark.kinds("debian11", "debian13-docker28")
def test_a_daemon_that_does_not_come_back_is_said_in_plain_words(safe_host: Host) -> None:
    host = safe_host
    content = host.read(DAEMON_JSON)
    web = host.container("web")
    pid = web.pid
    drop_in(host, "ExecStartPre=/bin/sh -c 'echo not today; exit 1'")

    done = run(host, state="disabled")

    assert done["failed"]
    assert "DOWN" in done["msg"]
    assert "3 containers keep running" in done["msg"]
    assert any("not today" in line for line in done["log"]), done["log"]
    assert host.read(DAEMON_JSON) == content
    assert host.run(["test", "-d", f"/proc/{pid}"], check=False).rc == 0


@pytest.mark.kinds("debian13")
def test_live_restore_that_does_not_come_stops_everything_before_the_restart(shop_host: Host) -> None:
    drop_in(shop_host, "ExecReload=\nExecReload=/bin/false")
    started = start_times(shop_host)
    daemon = shop_host.run(["pidof", "dockerd"]).out

    done = run(shop_host, state="disabled", live_restore="enabled")

    assert done["failed"]
    assert "live-restore did not become effective" in done["msg"]
    assert not shop_host.exists(DAEMON_JSON)
    assert shop_host.run(["pidof", "dockerd"]).out == daemon
    assert start_times(shop_host) == started


@pytest.mark.long
@pytest.mark.kinds("debian12")
def test_a_library_that_ports_need_is_missed_before_anything_is_changed(safe_host: Host) -> None:
    safe_host.break_("no-pyroute2")
    before = host_state(safe_host)
    for module, arguments in (("userland_proxy", {"state": "disabled"}), ("bridge_hairpin", {"state": "enabled"})):
        words = ("pyroute2", "python3-pyroute2")
        assert_refused(ansible_module(safe_host, f"dockernet.baseline.{module}", arguments), *words)
    assert host_state(safe_host) == before


@pytest.mark.kinds("debian12")
def test_what_keeps_it_from_looking_is_said_in_one_sentence(fresh_host: Host) -> None:
    fresh_host.break_("daemon-stopped")
    for module, arguments in (("userland_proxy", {"state": "disabled"}), ("bridge_hairpin", {})):
        assert_refused(ansible_module(fresh_host, f"dockernet.baseline.{module}", arguments), "dockerd does not run")
    # Forwarding is the kernel's, and needs no daemon.
    assert not ansible_module(fresh_host, "dockernet.baseline.ip_forward", {})["failed"]
