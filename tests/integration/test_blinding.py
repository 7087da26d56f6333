"""What a container, or whoever runs in it, does to keep the audit from seeing itself or others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONTAINER_NAMESPACES,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import OF_EVERY_AUDIT
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.integration.snapshots import install_readers, read_host
from tests.lab import stuck_files
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload

# More next hops than the kernel can list in one message (netlink_dump() gives 32 KiB).
LONG_ROUTE = """
import socket, struct
HOPS, GATEWAY = 2500, socket.inet_aton({gateway!r})
index = socket.if_nametoindex("eth0")

def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)

hop = struct.pack("=HBBi", 16, 0, 0, index) + attribute(5, GATEWAY)
body = struct.pack("=BBBBBBBBI", socket.AF_INET, 24, 0, 0, 254, 3, 0, 1, 0)
body += attribute(1, socket.inet_aton("203.0.113.0")) + attribute(9, hop * HOPS)
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route:
    route.send(struct.pack("=IHHII", 16 + len(body), 24, 0x405, 1, 0) + body)
    (error,) = struct.unpack_from("=i", route.recv(1 << 17), 16)
raise SystemExit(-error)
"""
MANY_ROUTES = """
import socket, struct

with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route:
    for number in range(100_000):
        body = struct.pack("=BBBBBBBBI", socket.AF_INET, 32, 0, 0, 254, 3, 0, 6, 0)
        body += struct.pack("=HH", 8, 1) + struct.pack(">I", (10 << 24) + (200 << 16) + number)
        route.send(struct.pack("=IHHII", 16 + len(body), 24, 0x405, 1, 0) + body)
        route.recv(1 << 16)
"""


# In front of the engine's own socket: what it answers goes on for so many bytes, and then drop by drop.
DRIPPING = """
import os, socket, sys, threading, time
place, whole = sys.argv[1], int(sys.argv[2])

def forward(source, target, whole):
    while piece := source.recv(65536):
        while piece:
            part = piece[: max(1, whole)]
            target.sendall(part)
            piece, whole = piece[len(part) :], whole - len(part)
            if whole <= 0:
                time.sleep(0.2)
    target.shutdown(socket.SHUT_WR)

with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(place)
    listener.listen(16)
    while True:
        asking = listener.accept()[0]
        engine = socket.socket(socket.AF_UNIX)
        engine.connect("/var/run/docker.sock")
        threading.Thread(target=forward, args=(asking, engine, 1 << 30), daemon=True).start()
        threading.Thread(target=forward, args=(engine, asking, whole), daemon=True).start()
"""
# A name of a socket, with what looks like the line of another one, and one of an interface that is no UTF-8.
ODD_SOCKET = """
import os, socket, sys, time
listener = socket.socket(socket.AF_UNIX)
line = "/run/x\\n0000000000000000: 00000002 00000000 00010000 0001 01 zz /var/run/docker.sock"
os.makedirs("/run/x\\n0000000000000000: 00000002 00000000 00010000 0001 01 zz /var/run", exist_ok=True)
if os.path.exists(line):
    os.unlink(line)
listener.bind(line)
listener.listen()
print("listening", flush=True)
time.sleep(600)
"""


def findings_of(snapshot: HostSnapshot) -> list[Finding]:
    context = AuditContext(snapshot, Settings())
    found = run_checks(context)
    assert snapshot.defects == []
    assert context.defects == []
    return found


def outcomes(snapshot: HostSnapshot) -> set[tuple[str, str, str]]:
    return {(item.check, item.resource.name, item.outcome) for item in findings_of(snapshot)}


def test_a_container_that_cannot_be_read_is_unknown_and_the_others_are_judged(fresh_host: Host) -> None:
    host = fresh_host
    web = Workload("web", ["front"], publish=["8080:80"])
    broken = Workload("broken", ["front"], publish=["8081:80"])
    host.deploy(Scenario([NetworkSpec("front"), NetworkSpec("back")], [web, broken, Workload("odd", ["back"])]))
    install_readers(host)
    # One that is healthy, and one whose port leads nowhere.
    address = host.container("broken").address("front")
    chain = "iptables -t nat -S DOCKER | grep -- --to-destination | grep -F " + f"{address}:80"
    host.run(f"{chain} | sed 's/^-A/-D/' | xargs -r -L1 iptables -t nat")
    host.run(["pkill", "--full", "docker-proxy.* -host-port 8081 "], check=False)
    host.wait_for(lambda: ("firewall.publish", "broken:80/tcp", "fail") in outcomes(read_host(host)), 120, "a fault")
    usual = outcomes(read_host(host))

    odd = host.container("odd")
    gateway = host.docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", "back").out.strip()
    odd.net([sys.executable, "-c", LONG_ROUTE.format(gateway=gateway)])
    snapshot = read_host(host)
    (gap,) = snapshot.gaps
    assert (gap.source, gap.kind, gap.name) == (CONTAINER_NAMESPACES, "container", "odd")
    assert "a route with thousands of next hops" in gap.reason
    assert snapshot.was_read(CONTAINER_NAMESPACES)

    found = outcomes(snapshot)
    inner = {check.id for check in OF_EVERY_AUDIT if CONTAINER_NAMESPACES in check.needs}
    assert {item for item in usual if item[2] == "fail"} <= found
    assert {check for check, name, outcome in found if name == "odd" and outcome == "unknown"} == inner
    assert not {item for item in found if item[0] in inner and item[2] == "pass"}
    assert {item for item in found if item[0] not in inner} == {item for item in usual if item[0] not in inner}


def test_a_container_with_very_many_routes_eats_neither_time_nor_memory(fresh_host: Host) -> None:
    host = fresh_host
    host.deploy(Scenario(containers=[Workload("web", publish=["8080:80"]), Workload("odd")]))
    install_readers(host)
    assert read_host(host).gaps == []
    host.container("odd").net([sys.executable, "-c", MANY_ROUTES])
    snapshot = read_host(host)
    (gap,) = snapshot.gaps
    assert gap.name == "odd"
    assert "more in it than the 4 MiB that are read of each" in gap.reason
    assert len(snapshot.container_namespaces) == 1
    assert ("publish.no-listener", "odd", "unknown") in outcomes(snapshot)


@contextmanager
def running_on(host: Host, unit: str, script: str, *words: str) -> Iterator[None]:
    """A Python program of the host that runs while the body does."""
    limit = "--property=RuntimeMaxSec=300"
    host.run(["systemd-run", "--collect", f"--unit={unit}", limit, "/usr/bin/python3", "-c", script, *words])
    try:
        yield
    finally:
        host.run(["systemctl", "stop", unit], check=False)


@contextmanager
def odd_links(host: Host) -> Iterator[None]:
    """Two links while the body runs, of which the name of one is no UTF-8. The host's reset cannot name it either."""
    names = ("br\\303\\251", "br\\351")
    try:
        for number, name in enumerate(names):
            # udev leaves a name alone that comes later.
            host.run(["ip", "link", "add", f"odd{number}", "type", "bridge"])
            host.run(["udevadm", "settle", "--timeout=30"], check=False)
            shown = f"\"$(printf '{name}')\""
            host.run(f"ip link set odd{number} name {shown} && ip link set {shown} up")
        yield
    finally:
        for name in names:
            host.run(f"ip link delete \"$(printf '{name}')\"", check=False)


def test_names_of_sockets_and_interfaces_are_any_bytes(fresh_host: Host) -> None:
    host = fresh_host
    host.deploy(Scenario(containers=[Workload("web", publish=["8080:80"])]))
    install_readers(host)
    usual = outcomes(read_host(host))
    with running_on(host, "run-odd-socket.service", ODD_SOCKET), odd_links(host):
        host.wait_for(lambda: "zz /var/run/docker.sock" in host.read("/proc/net/unix"), 120, "an odd socket")
        snapshot = read_host(host)
        # A module that plans with what /proc/net/ipv6_route says.
        result = ansible_module(host, "dockernet.baseline.ip_forward", {}, check=True)
    assert {"bré", "br\ufffd"} <= {link.name for link in snapshot.links}
    assert snapshot.sysctls["net.ipv4.conf.br\ufffd.forwarding"]
    assert [name for name, source in snapshot.sources.items() if not source.read] == []
    assert {item for item in outcomes(snapshot) if item[2] == "fail"} == {item for item in usual if item[2] == "fail"}
    assert not result.get("failed"), result


@pytest.mark.parametrize("whole", [50, 2000])
def test_an_engine_that_answers_drop_by_drop_is_unknown_in_time_and_the_kernel_is_read(
    fresh_host: Host, whole: int
) -> None:
    host = fresh_host
    host.deploy(Scenario(containers=[Workload("web", publish=["8080:80"])]))
    place = f"/run/drips-{whole}.sock"
    with running_on(host, "run-drips.service", DRIPPING, place, str(whole)):
        host.wait_for(lambda: host.exists(place), 120, "the socket of a proxy")
        wish = {"docker_host": f"unix://{place}", "read_timeout": 10}
        result = ansible_module(host, "dockernet.baseline.docker_netcheck", wish)
    assert result["defects"] == []
    sources = result["sources"]
    # All of its answer would take hours.
    assert not sources["engine"]["read"]
    for source in ("links", "routes", "ruleset", "listeners", "boot", "daemon_config"):
        assert sources[source]["read"], sources[source]


@pytest.mark.long
def test_a_file_that_hangs_in_the_kernel_costs_what_is_in_it_alone(fresh_host: Host) -> None:
    host = fresh_host
    host.deploy(Scenario(containers=[Workload("web", publish=["8080:80"])]))
    script = Path(stuck_files.__file__).read_text()
    folder = "/etc/docker"
    with running_on(host, "run-stuck.service", script, folder):
        host.wait_for(lambda: f" {folder} fuse " in host.read("/proc/mounts"), 120, "a file system that hangs")
        try:
            # Whoever waited for it would wait for ever.
            result = ansible_module(host, "dockernet.baseline.docker_netcheck", {"read_timeout": 10})
        finally:
            host.run(["umount", "--lazy", folder])
    assert result["defects"] == []
    unread = {name: item for name, item in result["sources"].items() if not item["read"]}
    assert list(unread) == ["daemon_config"]
    assert unread["daemon_config"]["kind"] == "deadline"
    assert (
        "the deadline of 10 seconds passed while the source daemon_config was read" in unread["daemon_config"]["reason"]
    )
    found = {(item["check"], item["outcome"]) for item in result["findings"]}
    assert ("daemon.config", "unknown") in found
    assert {("firewall.publish", "pass"), ("forwarding.ipv4", "pass")} <= found
