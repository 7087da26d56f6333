"""What was hardened goes back, on real engines: the host is as it was, and not one container was lost on the way."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.integration.harden_runs import actions, differences, harden, run, settled, starts, state, table
from tests.integration.host_state import host_state
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload

ROLLBACK = "dockernet.baseline.baseline_rollback"
DAEMON_JSON = "/etc/docker/daemon.json"
SYSCTL_FILE = "/etc/sysctl.d/99-dockernet-baseline.conf"
KEPT = ("/var/lib/dockernet-baseline", "/run/dockernet-baseline.lock")
PORT = 8080
# As somebody typed it, who cares for it.
TYPED = '{\n\t"shutdown-timeout" : 20 ,\n\t"labels": [ "rack=7" ]\n}\n'
SHOP = Scenario(
    networks=[NetworkSpec("shop")],
    containers=[
        Workload("web", ["shop"], publish=[f"{PORT}:80"]),
        Workload("steady", restart="always"),
        Workload("cache", ["shop"], publish=["127.0.0.1:6379:80"], restart="unless-stopped"),
    ],
)
STRICT = {
    "harden_profile": "strict",
    "harden_live_restore": "enabled",
    "harden_on_disruption": "allow",
    "harden_daemon_config": {"log-level": "warn", "default-address-pools": [{"base": "10.213.0.0/16", "size": 24}]},
}


def rollback(host: Host, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    return ansible_module(host, ROLLBACK, arguments, check=check, diff=True)


def start_times(host: Host) -> dict[str, str]:
    return {container.name: host.container(container.name).started_at for container in SHOP.containers}


def lasting(found: dict[str, Any]) -> dict[str, Any]:
    """A host's state without what the README of the role says that a revert leaves."""
    kept = {key: value for key, value in found.items() if key not in ("daemon", "programs", "proxies", "containers")}
    # A file that was put back is written anew.
    kept["daemon_config"] = {**found["daemon_config"], "ctime": 0, "mtime": 0}
    kept["proxies"] = sorted(
        (proxy["protocol"], proxy["host_ip"], proxy["host_port"])
        for proxy in found["proxies"]
        if proxy["host_ip"] != "::"
    )
    kept["containers"] = [
        {**item, "published": [port for port in item["published"] if port["host_ip"] != "::"]}
        for item in sorted(found["containers"], key=lambda item: item["name"])
    ]
    kept["listeners"] = sorted(_address(item) for item in found["listeners"] if item["address"] != "::")
    kept["container_namespaces"] = [_without_name_server(item) for item in found["container_namespaces"]]
    # What the engine tells of docker0 it tells more fully once it was restarted.
    default = next(network for network in kept["networks"] if network["name"] == "bridge")
    default["subnets"] = [{**subnet, "gateway": ""} for subnet in default["subnets"]]
    kept["programs"] = sorted(_line(line) for line in _without_empty_tables(found["programs"]) if not _moves(line))
    return kept


def _address(listener: dict[str, Any]) -> tuple[str, str, int]:
    """Without the process, which docker-proxy and dockerd change at a restart."""
    return listener["protocol"], listener["address"], listener["port"]


def _without_name_server(namespace: dict[str, Any]) -> dict[str, Any]:
    """A container's namespace without dockerd's name server, which gets new ports and rules at a restart."""
    own = sorted(_address(item) for item in namespace["listeners"] if item["address"] != "127.0.0.11")
    return {**namespace, "listeners": own, "chains": {}}


def _without_empty_tables(lines: list[str]) -> list[str]:
    """Leave out tables of iptables without a rule, which the first rule in one makes and nothing removes."""
    text = "\n".join(lines)
    return re.sub(r"^\*\w+\n(?::\S+ ACCEPT *\n)*COMMIT\n?", "", text, flags=re.MULTILINE).split("\n")


def _moves(line: str) -> bool:
    """The process id of dockerd, what is kept for the next time, and rules that Docker Engine 20.10 leaves behind."""
    left = r"-A POSTROUTING -o \S+ -m addrtype --src-type LOCAL -j MASQUERADE"
    return re.fullmatch(rf"\d+|{left}", line) is not None or line.startswith(KEPT)


def _line(line: str) -> str:
    """A file that came back is another one of the same name, content, mode and owner."""
    found = re.match(r"(/etc/\S+ \d+ \d+ \d+ \d+) \d+ [\d.]+ [\d.]+ (.*)", line)
    return f"{found.group(1)} {found.group(2)}" if found else line


@pytest.mark.long
def test_the_host_is_as_it_was_before(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.write(DAEMON_JSON, TYPED)
    host.run(f"chmod 640 {DAEMON_JSON} && systemctl reload docker.service")
    host.deploy(SHOP)
    host.break_("forwarding-not-persistent")
    started = start_times(host)
    before = lasting(settled(host))

    harden(lab, host, **STRICT)
    assert host.container("web").tcp(host.address, PORT) == "answered"
    assert start_times(host) == started
    hardened, begun = state(host), starts(host)

    predicted = run(lab, host, check=True, harden_state="reverted")
    assert predicted.rc == 0, predicted.out
    assert differences(hardened, state(host)) == {}

    done = harden(lab, host, harden_state="reverted")
    assert actions(done) == actions(predicted)
    assert differences(before, lasting(settled(host))) == {}
    assert host.read(DAEMON_JSON) == TYPED
    assert start_times(host) == started
    assert starts(host) == begun + 1
    assert host.docker("info", "--format", "{{.LiveRestoreEnabled}}").out.strip() == "false"
    assert lab.outside.tcp(host.address, PORT) == "answered"
    assert host.container("web").tcp(host.address, PORT) == "answered"
    assert f"remove {SYSCTL_FILE}" in table(done)

    after = state(host)
    again = harden(lab, host, harden_state="reverted")
    assert again.stats[host.name]["changed"] == 0
    assert "There was nothing to revert" in table(again)
    assert differences(after, state(host)) == {}


@pytest.mark.long
@pytest.mark.kinds("debian11", "debian13-docker28")
def test_what_somebody_else_changed_since_stays(fresh_host: Host) -> None:
    host = fresh_host
    host.write(DAEMON_JSON, TYPED)
    host.run("systemctl reload docker.service")
    host.deploy(SHOP)
    host.break_("forwarding-not-persistent")
    keys = {"live-restore": True, "debug": True, "shutdown-timeout": 30}
    assert ansible_module(host, "dockernet.baseline.daemon_config", {"config": keys})["changed"]
    assert ansible_module(host, "dockernet.baseline.ip_forward", {"accept_ra": "allow"})["changed"]

    # An administrator edits keys of theirs and one of ours, and a file of ours.
    typed = host.read(DAEMON_JSON).replace("rack=7", "rack=8").replace("30", "40")
    host.write(DAEMON_JSON, typed)
    host.write(SYSCTL_FILE, host.read(SYSCTL_FILE) + "vm.swappiness = 10\n")
    before = host_state(host)
    for check in (True, False):
        refused = rollback(host, check=check)
        assert refused["refused"] is True, refused
        assert (
            f"shutdown-timeout in {DAEMON_JSON} is 40 now; it was 20 before, and this collection set 30"
            in refused["msg"]
        )
        assert f"{SYSCTL_FILE} was changed outside this collection" in refused["msg"]
        assert "on_conflict: allow" in refused["msg"]
    assert host_state(host) == before

    started, begun = start_times(host), starts(host)
    predicted = rollback(host, check=True, on_conflict="allow")
    assert host_state(host) == before
    done = rollback(host, on_conflict="allow")
    assert done["changed"], done
    assert {key: done[key] for key in ("actions", "diff")} == {key: predicted[key] for key in ("actions", "diff")}
    assert host.read(DAEMON_JSON) == TYPED.replace("20", "40").replace("rack=7", "rack=8")
    assert host.exists(SYSCTL_FILE)
    assert not host.exists("/etc/systemd/system/dockernet-forward-policy.service")
    assert host.docker("info", "--format", "{{.LiveRestoreEnabled}} {{.Debug}}").out.split() == ["false", "false"]
    assert (start_times(host), starts(host)) == (started, begun)
    assert rollback(host)["actions"] == []
