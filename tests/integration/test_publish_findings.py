# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of published ports say of machines outside, held against packets of such a machine."""

from __future__ import annotations

import json

import pytest

from tests.differential.observing import Attempt, observe
from tests.differential.reachability_machines import prepare
from tests.integration.catalogue.cases import judge, of
from tests.integration.catalogue.publish import guarded, leaking, routed_to
from tests.integration.catalogue.scenario import PORT, make_healthy, release, uses_nftables
from tests.integration.snapshots import install_readers, read_host
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.machine_lock import file_lock
from tests.lab.scenario import NetworkSpec, Scenario, Workload

ROUTED = NetworkSpec(
    "lan",
    "10.88.10.0/24",
    options={
        "com.docker.network.bridge.name": "lan0",
        "com.docker.network.bridge.gateway_mode_ipv4": "routed",
    },
)
GATEWAY = "10.88.1.1"
"""Of ``web``."""
NOBODY = "02:00:00:00:00:99"


@pytest.fixture
def host(fresh_host: Host) -> Host:
    install_readers(fresh_host)
    make_healthy(fresh_host)
    return fresh_host


def seen_outside(lab: Lab, host: Host, *places: tuple[str, int]) -> list[str]:
    """How it ends for the machine outside, which sends this host what is for its containers and for 127.0.0.1.

    Meanwhile no other test has it send another host what is for these subnets, see sends_to().
    """
    prepare(lab)
    mark = host.host_name.place
    attempts = [Attempt(lab.outside.path, "tcp", address, port, mark) for address, port in places]
    with file_lock(lab.identity.state / "busy" / "outside"):
        return [outcome.seen for outcome in observe(attempts)]


def found(host: Host, check: str) -> set[str]:
    return {item.resource.name for item in of(judge(read_host(host)), check) if item.outcome == "fail"}


@pytest.mark.engines
@pytest.mark.kinds("debian11", "debian13-docker28")
def test_ports_that_are_said_to_be_open_are(host: Host, lab: Lab) -> None:
    leaking(host)
    routed_to(host)
    local = host.container("local").address("front")
    bare = host.container("bare").address("open" if release(host) >= (28, 0) else "back")
    assert seen_outside(lab, host, ("127.0.0.1", 8083), (local, 80), (bare, 80)) == ["answered"] * 3
    assert found(host, "publish.loopback-leak") == {"local:80/tcp"}
    assert "bare:80/tcp" in found(host, "publish.direct-access")


@pytest.mark.engines
@pytest.mark.kinds("debian11", "debian13-docker28")
def test_ports_that_are_said_to_be_kept_are(host: Host, lab: Lab) -> None:
    guarded(host)
    places = [("127.0.0.1", 8083), (host.container("local").address("front"), 80)]
    places.append((host.container("db").address("back"), 80))
    assert seen_outside(lab, host, *places) == ["timed out"] * 3
    assert found(host, "publish.loopback-leak") == found(host, "publish.direct-access") == set()


@pytest.mark.long
def test_a_wrong_static_neighbour_is_named_where_it_leaves_a_port_open(host: Host, lab: Lab) -> None:
    """On the host, and inside the container for its gateway; a right one does no harm."""
    web = host.container("web")
    address = web.address("front")
    (link,) = json.loads(web.net(["ip", "-j", "link", "show", "dev", "eth0"]).out)
    on_host, inside = f"{address} dev front0", f"{GATEWAY} dev eth0"

    def outcome() -> tuple[list[str], list[tuple[str, bool]]]:
        answered = seen_outside(lab, host, (host.address, PORT))
        findings = of(judge(read_host(host)), "firewall.publish")
        return answered, [(item.outcome, f"is permanently {NOBODY}" in item.summary) for item in findings]

    healthy = outcome()
    assert healthy == (["answered"], [("pass", False)])
    host.run(["ip", "neigh", "replace", *on_host.split(), "lladdr", link["address"], "nud", "permanent"])
    assert outcome() == healthy
    host.run(["ip", "neigh", "replace", *on_host.split(), "lladdr", NOBODY, "nud", "permanent"])
    seen, findings = outcome()
    assert seen == ["timed out"]
    assert ("unknown", True) in findings
    host.run(["ip", "neigh", "del", *on_host.split()])
    assert outcome() == healthy
    web.net(["ip", "neigh", "replace", *inside.split(), "lladdr", NOBODY, "nud", "permanent"])
    seen, findings = outcome()
    assert seen == ["timed out"]
    assert ("unknown", True) in findings
    web.net(["ip", "neigh", "del", *inside.split()])
    assert outcome() == healthy


def bridge_port(host: Host, container: str, link: str = "eth0") -> str:
    """The host's end of a container's link."""
    (inside,) = json.loads(host.container(container).net(["ip", "-j", "link", "show", "dev", link]).out)
    return next(
        str(item["ifname"])
        for item in json.loads(host.net(["ip", "-j", "link"]).out)
        if item["ifindex"] == inside["link_index"]
    )


@pytest.mark.long
def test_a_port_whose_packets_the_bridge_keeps_back_is_found(host: Host, lab: Lab) -> None:
    """By the state of the bridge port; other settings and its forwarding database leave it open, and are named."""
    port, beside = bridge_port(host, "web"), bridge_port(host, "api")
    (link,) = json.loads(host.container("web").net(["ip", "-j", "link", "show", "dev", "eth0"]).out)

    def outcome(*commands: str) -> tuple[str, set[str]]:
        for command in commands:
            host.run(command)
        # What was learnt before would hold for minutes. A change to the port itself would enable it again.
        host.run("ip link set front0 type bridge fdb_flush && ip neigh flush dev front0")
        # A neighbour that does not answer is asked three times, a second each, before it is unreachable.
        return lab.outside.tcp(host.address, PORT), found(host, "firewall.publish")

    def says(what: str) -> bool:
        findings = of(judge(read_host(host)), "firewall.publish")
        return any(item.outcome == "unknown" and what in item.summary for item in findings)

    healthy, lost = ("answered", set[str]()), {"web:80/tcp"}
    assert outcome() == healthy
    assert outcome(f"bridge link set dev {port} state 0") == ("unreachable", lost)
    (finding,) = of(judge(read_host(host)), "firewall.publish")
    assert f"the bridge port {port} is in the state disabled" in finding.summary
    assert finding.remediation is not None
    assert "bridge -d link" in finding.remediation.text
    assert outcome(f"bridge link set dev {port} state 3") == healthy
    host.run(f"bridge link set dev {port} learning off")
    assert says(f"learning off of the bridge port {port}")
    host.run(f"bridge link set dev {port} learning on")
    host.run(f"bridge fdb replace {link['address']} dev {beside} master static sticky")
    assert says(f"its forwarding database has an entry that leads {link['address']} to {beside}")


@pytest.mark.kinds("debian13-docker28")
def test_a_port_of_a_network_that_routes_is_open_on_purpose(host: Host, lab: Lab) -> None:
    """It takes no port of the host, whatever was asked for."""
    host.deploy(Scenario([ROUTED], [Workload("site", ["lan"], publish=["8085:80"], serve=[80, 81])]))
    address = host.container("site").address("lan")
    assert seen_outside(lab, host, (address, 80), (address, 81)) == ["answered", "timed out"]
    assert found(host, "publish.direct-access") == found(host, "firewall.publish") == set()
    trace = ansible_module(host, "dockernet.baseline.packet_trace", {"from": "outside", "to": "site:80/tcp"})
    assert (trace["packet"]["destination"], trace["path"]["observed"]) == (address, "answered")


@pytest.mark.kinds("debian13-docker28")
def test_a_port_of_a_network_that_routes_is_asked_for_at_the_container(host: Host, lab: Lab) -> None:
    host.deploy(Scenario([ROUTED], [Workload("site", ["lan"], publish=["8085:80"], serve=[80])]))
    address = host.container("site").address("lan")
    shut = ["FORWARD", "-d", address, "-p", "tcp", "--dport", "80", "-j", "DROP"]

    def outcome() -> tuple[list[str], set[str]]:
        return seen_outside(lab, host, (address, 80)), found(host, "firewall.publish")

    assert outcome() == (["answered"], set())
    host.run(["iptables", "-w", "10", "-I", *shut])
    # Where dockerd uses nftables, all of iptables is people's own, and what they end there is kept off on purpose.
    assert outcome() == (["timed out"], set() if uses_nftables(host) else {"site:80/tcp"})
    host.run(["iptables", "-w", "10", "-D", *shut])
    host.run(["ip", "link", "set", "lan0", "down"])
    # It leaves by the uplink again, unless dockerd has closed FORWARD.
    assert outcome() == (["unreachable" if uses_nftables(host) else "timed out"], {"site:80/tcp"})
    (finding,) = of(judge(read_host(host)), "firewall.publish")
    assert "network lan of this host, whose bridge lan0 is down" in finding.summary
