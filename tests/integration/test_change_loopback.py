"""What hairpin traffic needs beside the ports of bridges, and what must be closed again, on real engines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.host_state import host_state
from tests.lab.ansible_runs import ansible_module
from tests.lab.container import Container
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.vantage import PATIENCE

MODULE = "dockernet.baseline.bridge_hairpin"
UNIT = "/etc/systemd/system/dockernet-loopback-guard.service"
KEY = "net.bridge.bridge-nf-call-iptables"
PORT, SECRET = 8080, 9123
SHOP = Scenario(
    [NetworkSpec("shop")],
    [
        Workload("web", ["shop"], publish=[f"{PORT}:80"], restart="unless-stopped"),
        Workload("neighbour", ["shop"], restart="unless-stopped", options=["--cap-add", "NET_ADMIN"]),
    ],
)


def run(host: Host, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
    return ansible_module(host, MODULE, arguments, check=check, diff=True)


def said(result: dict[str, Any]) -> dict[str, Any]:
    """What check mode must foretell."""
    return {key: result.get(key) for key in ("actions", "diff", "disruptions", "warnings")}


def without_proxy(host: Host) -> None:
    host.write("/etc/docker/daemon.json", json.dumps({"userland-proxy": False}) + "\n")
    host.restart_docker()


@contextmanager
def secret_service(host: Host) -> Iterator[None]:
    """A server that listens on the host's 127.0.0.1 alone."""
    host.run(
        ["systemd-run", "--unit=secret", "python3", "-m", "http.server", "--bind", "127.0.0.1", str(SECRET)],
    )
    host.wait_for(lambda: SECRET in host.listening(), 120, "the service on 127.0.0.1")
    try:
        yield
    finally:
        host.run(["systemctl", "stop", "secret.service"], check=False)


def reach_for_loopback(neighbour: Container) -> str:
    """What a container that may change its routes gets from the host's 127.0.0.1."""
    gateway = neighbour.inspect()["NetworkSettings"]["Networks"]["shop"]["Gateway"]
    device = "eth0"
    script = f"""
        sysctl -qw net.ipv4.conf.all.route_localnet=1 net.ipv4.conf.{device}.route_localnet=1
        ip addr del 127.0.0.1/8 dev lo
        ip route flush table local 127.0.0.0/8
        ip route replace 127.0.0.0/8 via {gateway} dev {device}"""
    neighbour.net(["sh", "-c", script], check=False)
    return neighbour.tcp("127.0.0.1", SECRET, 2)


def guards(host: Host) -> int:
    return host.run("iptables -t raw -S PREROUTING", check=False).out.count("dockernet-loopback-guard")


def routing_loopback(host: Host) -> list[str]:
    """The interfaces that do, by the files that say so."""
    return host.run("grep -l 1 /proc/sys/net/ipv4/conf/*/route_localnet", check=False).out.split()


def test_containers_do_not_reach_the_hosts_loopback(fresh_host: Host) -> None:
    host = fresh_host
    without_proxy(host)
    host.deploy(SHOP)
    neighbour = host.container("neighbour")
    with secret_service(host):
        # The reason for the guard: without docker-proxy, the host's 127.0.0.1 is open to such a container.
        assert reach_for_loopback(neighbour) == "answered"
        before = host_state(host)
        predicted = run(host, check=True)
        assert host_state(host) == before

        done = run(host)

        assert said(done) == said(predicted)
        assert guards(host) == 1
        assert reach_for_loopback(neighbour) == "timed out"
        # The host itself still reaches its own services, and ports published there.
        assert host.tcp("127.0.0.1", SECRET) == "answered"
        assert host.tcp("127.0.0.1", PORT) == "answered"
        assert host.container("web").tcp(host.address, PORT) == "answered"
        assert run(host)["actions"] == []

        host.run("iptables -t raw -F PREROUTING")
        host.run(["systemctl", "restart", "dockernet-loopback-guard.service"])
        host.run(["systemctl", "restart", "dockernet-loopback-guard.service"])
        assert guards(host) == 1

    # With docker-proxy on again no bridge needs to route 127/8, and the rule is taken back.
    host.run("rm /etc/docker/daemon.json")
    host.restart_docker()
    assert routing_loopback(host)
    predicted = run(host, check=True)
    assert said(run(host)) == said(predicted)
    assert not routing_loopback(host)
    assert guards(host) == 0
    assert not host.exists(UNIT)
    assert run(host)["actions"] == []


@pytest.mark.long
def test_iptables_sees_what_passes_the_bridge(fresh_host: Host) -> None:
    host = fresh_host
    without_proxy(host)
    host.deploy(SHOP)
    run(host)
    neighbour = host.container("neighbour")
    host.write("/etc/sysctl.d/50-bridges.conf", f"{KEY} = 0\n")
    host.set_sysctl(KEY, "0")
    assert neighbour.tcp(host.address, PORT, PATIENCE) == "timed out"

    # It is one setting for all bridges: those of others are asked for first.
    host.run("ip link add vmbr0 type bridge && ip link add vm0 type veth peer name vm1")
    host.run("ip link set vmbr0 up && ip link set vm0 master vmbr0 up && ip link set vm1 up")
    refused = run(host)
    assert refused["refused"]
    assert [(item["kind"], item["name"]) for item in refused["disruptions"]] == [("bridge", "vmbr0")]
    assert host.sysctl(KEY) == "0"
    assert run(host, bridge_netfilter="keep")["actions"] == []

    done = run(host, on_disruption="allow")

    assert done["actions"][0] == f"set {KEY} from 0 to 1"
    assert neighbour.tcp(host.address, PORT) == "answered"
    host.set_sysctl(KEY, "0")
    host.run(["/lib/systemd/systemd-sysctl"])
    assert host.sysctl(KEY) == "1"
    assert run(host)["actions"] == []
    assert run(host, state="disabled", networks=["bridge"])["changed"]
    assert "dockernet" not in host.run("ls /etc/sysctl.d").out


def test_bridges_limit_it(fresh_host: Host) -> None:
    fresh_host.deploy(Scenario([NetworkSpec("office")], [Workload("printer", ["office"]), Workload("scanner")]))

    done = run(fresh_host, state="enabled", bridges=["docker0"])

    assert [action for action in done["actions"] if "scanner" in action] == done["actions"]
    assert len(run(fresh_host, state="enabled", bridges=["docker0"], networks=["office"])["actions"]) == 1
    unknown = run(fresh_host, bridges=["br7"])
    assert unknown["refused"]
    assert "br7" in unknown["msg"]
    assert "docker0" in unknown["msg"]
