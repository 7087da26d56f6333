"""What a container, or whoever runs in it, does to keep the audit from seeing itself or others."""

from __future__ import annotations

import sys

from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import Settings
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.registry import CHECKS
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import INNER, HostSnapshot

from tests.integration.snapshots import install_readers, read_host
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


def findings_of(snapshot: HostSnapshot) -> list[Finding]:
    examined = Examined(snapshot, Settings())
    found = run_checks(examined)
    assert snapshot.defects == []
    assert examined.defects == []
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
    host.wait_for(lambda: ("firewall.publish", "broken:80/tcp", "fail") in outcomes(read_host(host)), 60, "a fault")
    usual = outcomes(read_host(host))

    odd = host.container("odd")
    gateway = host.docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", "back").out.strip()
    odd.net([sys.executable, "-c", LONG_ROUTE.format(gateway=gateway)])
    snapshot = read_host(host)
    (gap,) = snapshot.gaps
    assert (gap.source, gap.kind, gap.name) == (INNER, "container", "odd")
    assert "a route with thousands of next hops" in gap.reason
    assert snapshot.was_read(INNER)

    found = outcomes(snapshot)
    inner = {check.id for check in CHECKS if INNER in check.needs}
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
    assert len(snapshot.inner) == 1
    assert ("publish.dead", "odd", "unknown") in outcomes(snapshot)
