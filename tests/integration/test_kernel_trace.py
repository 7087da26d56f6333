# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kernel_trace on real hosts: its events are the rules that the kernel counted, and nothing of it stays."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import pytest

from tests.integration.kernel_traces import options_of, pid_of, require_what_was_counted, trace
from tests.integration.snapshots import PLACE, install_readers
from tests.lab.ansible_runs import ansible_module
from tests.lab.fixtures import hosts_beside
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload

MODULE = "dockernet.baseline.kernel_trace"
SCENARIO = Scenario(
    [
        NetworkSpec("front", "10.88.1.0/24", ipv6_subnet="fd00:88:1::/64"),
        NetworkSpec("back", "10.88.2.0/24"),
    ],
    [
        Workload("web", ["front"], publish=["8080:80"], serve=[80]),
        Workload("twin", ["front"], serve=[80]),
        Workload("db", ["back"], serve=[5432]),
    ],
)


def tables_of_traces(host: Host) -> list[str]:
    return [line for line in host.run(["nft", "list", "tables"]).out.splitlines() if "dockernet_trace" in line]


def hold_dry_traces(host: Host, lab: Lab) -> None:
    """That dry traces from everywhere to everywhere are what the kernel counted, and that nothing of them stays."""
    host.deploy(SCENARIO)
    address, outside = host.address, lab.outside.address
    web, twin, db = (
        host.container(name).address(of) for name, of in (("web", "front"), ("twin", "front"), ("db", "back"))
    )

    for protocol, port in (("tcp", 9000), ("udp", 9000), ("icmp", 0)):
        found = require_what_was_counted(
            host, "container web", {"destination": outside, "protocol": protocol, "port": port}
        )
        assert (found.end, found.end_device, found.sent) == ("left", "eth0", "socket")
        assert found.end_source.startswith(address)
        assert found.source.startswith(web)
        assert found.events, protocol

    found = require_what_was_counted(host, "outside eth0", {"destination": address, "port": 8080, "source": outside})
    assert (found.end, found.end_destination, found.sent) == ("left", f"{web}:80", "injected")
    assert found.end_source.startswith(outside)

    found = require_what_was_counted(host, "container web", {"destination": db, "port": 5432})
    assert found.end == "dropped_by_rule"

    found = require_what_was_counted(host, "container web", {"destination": address, "port": 22})
    assert found.end == "to_host"

    found = require_what_was_counted(host, "host", {"destination": web, "port": 80})
    assert (found.end, found.end_destination) == ("left", f"{web}:80")

    found = require_what_was_counted(host, "host", {"destination": address, "port": 8080})
    assert found.events
    assert found.end in ("to_host", "left")

    for asked in ("1", "0"):
        host.set_sysctl("net.bridge.bridge-nf-call-iptables", asked)
        found = require_what_was_counted(host, "container web", {"destination": twin, "port": 80})
        assert (found.end, bool(found.events)) == ("left", asked == "1")
    # No rule of IP saw it, and a bridge would have sent it to the other container.
    assert found.end_device.startswith("veth")
    host.run(["nft", "-f", "-"], stdin=RULES_OF_BRIDGES)
    found = require_what_was_counted(host, "container web", {"destination": twin, "port": 80})
    met = [(event.table, event.chain, event.hook) for event in found.events if event.kind == "rule"]
    assert met == [("bridge mine", "passing", "forward")]
    host.run(["nft", "delete", "table", "bridge", "mine"])
    assert tables_of_traces(host) == []


@pytest.mark.engines
def test_dry_traces_are_what_the_kernel_counted(fresh_host: Host, lab: Lab) -> None:
    hold_dry_traces(fresh_host, lab)


@hosts_beside("debian11-legacy")
def test_traces_of_legacy_tables(host_beside: Host, lab: Lab) -> None:
    host = host_beside
    # What the reset of a used host leaves: no table goes once it is there.
    for table in ("raw", "mangle"):
        host.run(["iptables", "-t", table, "-S"])
    logger = host.sysctl("net.netfilter.nf_log.2")
    hold_dry_traces(host, lab)
    found = require_what_was_counted(host, "container web", {"destination": lab.outside.address, "port": 9000})
    assert {event.backend for event in found.events} == {"legacy"}
    live = trace(host, "container web", {"destination": lab.outside.address, "port": 9000, "mode": "live"})
    assert (live.observed, {event.leg for event in live.events}) == ("refused", {"request", "reply"})
    assert host.sysctl("net.netfilter.nf_log.2") == logger

    host.run(["nft", "-f", "-"], stdin=RULES_BESIDE)
    found = require_what_was_counted(host, "container web", {"destination": lab.outside.address, "port": 9000})
    # Tables that some program asked for once, as raw and mangle, stay, and tell of their policies.
    assert [hook for hook, dummy in groupby(event.hook for event in found.events)] == [
        "prerouting",
        "forward",
        "postrouting",
    ]
    assert {event.backend for event in found.events} == {"legacy", "nft"}
    host.run(["nft", "delete", "table", "inet", "mine"])

    host.run(["ip6tables", "-I", "OUTPUT", "-p", "tcp", "--dport", "9000", "-j", "DROP"])
    found = require_what_was_counted(host, "host", {"destination": lab.outside.address6, "port": 9000})
    assert (found.end, found.events[-1].table, found.events[-1].number) == ("dropped_by_rule", "legacy ip6 filter", 1)
    host.run(["ip6tables", "-D", "OUTPUT", "1"])
    kill(host, lab, 8)
    # Another program that reads the same group goes on, and the trace says what it lacks.
    found = trace(host, "container web", {"destination": lab.outside.address, "port": 9000}, GROUP_IS_TAKEN)
    assert (found.end, found.complete) == ("left", False)
    assert "another program reads NFLOG group 0" in found.problem
    assert host.sysctl("net.netfilter.nf_log.2") == logger


RULES_OF_BRIDGES = """
table bridge mine {
    chain passing {
        type filter hook forward priority 0;
        ip protocol tcp counter
    }
}
"""
RULES_BESIDE = """
table inet mine {
    chain passing {
        type filter hook forward priority 10;
        meta l4proto tcp counter
    }
}
"""
GROUP_IS_TAKEN = """
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.readers import log_reader
reading = log_reader()
"""


def test_dry_traces_of_ipv6(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.deploy(SCENARIO)
    for protocol, port in (("tcp", 9000), ("udp", 9000), ("icmp", 0)):
        found = require_what_was_counted(
            host, "container web", {"destination": lab.outside.address6, "protocol": protocol, "port": port}
        )
        assert (found.end, found.end_device) == ("left", "eth0"), found
    options = {"destination": host.address6, "port": 8080, "source": lab.outside.address6}
    found = require_what_was_counted(host, "outside eth0", options)
    assert (found.end in ("to_host", "left"), found.sent) == (True, "injected"), found
    found = require_what_was_counted(host, "host", {"destination": lab.outside.address6, "port": 9000})
    assert (found.end, found.end_device) == ("left", "eth0")


def test_the_module(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.deploy(SCENARIO)
    origin = {"kind": "container", "name": "web"}
    result = ansible_module(host, MODULE, {"origin": origin, "destination": lab.outside.address, "port": 9000})
    assert (result["changed"], result["trace"]["end"]) == (False, "left")
    assert result["msg"] == f"container web to {lab.outside.address}:9000/tcp: it leaves by eth0"
    wrong = ansible_module(host, MODULE, {"origin": origin, "destination": "web", "port": 9000})
    assert (wrong["failed"], "destination" in wrong["msg"]) == (True, True)


@contextmanager
def counting(lab: Lab, address: str, *ports: int) -> Iterator[list[int]]:
    """The body's list has at its end how many packets from an address with ports came to the machine outside."""
    seen: list[int] = []
    rules = "".join(f"ip saddr {address} tcp {end} {port} counter\n" for port in ports for end in ("sport", "dport"))
    lab.outside.net(["nft", f"table ip seen {{ chain seen {{ type filter hook prerouting priority 0\n{rules}}}\n}}"])
    try:
        yield seen
        listed = json.loads(lab.outside.net(["nft", "-j", "list", "table", "ip", "seen"]).out)["nftables"]
        parts = [part for item in listed for part in item.get("rule", {}).get("expr", [])]
        seen.extend(part["counter"]["packets"] for part in parts if "counter" in part)
    finally:
        lab.outside.net(["nft", "delete", "table", "ip", "seen"])


def test_live_traces_follow_the_answer(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.deploy(SCENARIO)
    address, outside = host.address, lab.outside.address
    web, twin = (host.container(name).address("front") for name in ("web", "twin"))

    found = trace(host, "container web", {"destination": outside, "port": 9000, "mode": "live"})
    assert (found.end, found.end_device, found.observed) == ("left", "eth0", "refused")
    assert {event.leg for event in found.events} == {"request", "reply"}

    found = trace(host, "container web", {"destination": twin, "port": 80, "mode": "live"})
    assert (found.end, found.observed, found.left_behind) == ("left", "answered", [])

    for protocol, port, observed in (("udp", 9000, "refused"), ("icmp", 0, "answered")):
        options = {"destination": outside, "protocol": protocol, "port": port, "mode": "live"}
        found = trace(host, "container web", options)
        assert (found.end, found.observed) == ("left", observed), found
        assert {event.leg for event in found.events} == {"request", "reply"}

    with counting(lab, address, 8080) as seen:
        found = trace(host, "outside eth0", {"destination": address, "port": 8080, "source": outside, "mode": "live"})
    assert (found.sent, found.observed, found.end_destination) == ("injected", "answered", f"{web}:80")
    assert {event.leg for event in found.events} == {"request", "reply"}
    # The answer was kept from the machine that did not ask.
    assert seen == [0, 0]

    expected = [{"destination": web, "port": 80}]
    found = trace(host, "host", {"destination": "127.0.0.1", "port": 8080, "mode": "live", "expected": expected})
    assert (found.end, found.observed) == ("to_host", "answered")
    proxied = [event for event in found.events if event.leg == "proxy request"]
    assert {event.destination for event in proxied} == {f"{web}:80"}

    host.run(["iptables", "-I", "DOCKER-USER", "-p", "tcp", "--dport", "9000", "-j", "DROP"])
    found = trace(host, "container web", {"destination": outside, "port": 9000, "mode": "live"})
    assert (found.end, found.observed, found.complete) == ("dropped_by_rule", "timed out", True)


def test_real_traffic_is_followed_where_it_is_waited_for(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.deploy(SCENARIO)
    seen: list[str] = []
    is_over = threading.Event()

    def ask() -> None:
        # Again and again: when the trace begins to wait, it says to no one.
        while not is_over.wait(1.0):
            seen.append(lab.outside.tcp(host.address, 8080))

    asking = threading.Thread(target=ask)
    asking.start()
    options = {"destination": host.address, "port": 8080, "source": lab.outside.address, "mode": "live", "wait": 20.0}
    try:
        found = trace(host, "outside eth0", options)
    finally:
        is_over.set()
        asking.join()
    assert (found.sent, found.end, found.observed, found.complete) == ("waited", "left", "answered", True)
    assert found.source.startswith(lab.outside.address)
    assert {event.leg for event in found.events} == {"request", "reply"}
    # None was dropped.
    assert set(seen) == {"answered"}
    found = trace(host, "outside eth0", {**options, "wait": 0.2})
    assert (found.end, found.complete) == ("not_seen", False)


def test_what_passes_no_hook_is_not_sent(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    lan = lab.outside.address.rpartition(".")[0]
    beyond = NetworkSpec("beyond", f"{lan}.0/24", options={"parent": "eth0"}, driver="macvlan")
    host.deploy(
        Scenario(
            [beyond],
            [
                Workload("far", ["beyond"], serve=[], options=["--ip", f"{lan}.99"]),
                Workload("near", network_mode="host", serve=[]),
            ],
        )
    )
    with counting(lab, f"{lan}.99", 9000) as seen:
        found = trace(host, "container far", {"destination": lab.outside.address, "port": 9000})
    assert (found.end, found.complete) == ("not_seen", False)
    assert "(macvlan); use mode: live" in found.problem
    assert seen == [0, 0]
    # One in the namespace of the host is as the host.
    found = trace(host, "container near", {"destination": lab.outside.address, "port": 9000})
    assert (found.end, found.end_device, found.complete) == ("left", "eth0", True)
    assert found.events[0].hook == "output"


WITHOUT_OWNER = """
from ansible_collections.dockernet.baseline.plugins.module_utils._trace import owner_table
# A flag that no kernel knows, as older ones do not know this one.
owner_table.OWNER = 0x80
"""


def test_kernels_without_owners_of_tables(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.deploy(SCENARIO)
    host.run(["nft", "add", "table", "inet", "dockernet_trace_4194305"])
    found = trace(host, "container web", {"destination": lab.outside.address, "port": 9000}, WITHOUT_OWNER)
    assert (found.end, found.complete, found.left_behind) == ("left", True, [])
    assert tables_of_traces(host) == []


def kill(host: Host, lab: Lab, count: int, change: str = "") -> None:
    """Kill traces at random instants, and hold that the host is as before after each."""
    install_readers(host)
    address, outside = host.address, lab.outside.address
    web, twin = (host.container(name).address("front") for name in ("web", "twin"))
    traces = [
        ("container web", {"destination": outside, "port": 9000}, 0.04),
        ("container web", {"destination": outside, "port": 9001, "mode": "live"}, 0.1),
        ("outside eth0", {"destination": address, "port": 8080, "source": outside}, 0.04),
        ("outside eth0", {"destination": address, "port": 8080, "source": outside, "mode": "live"}, 0.3),
        ("container web", {"destination": twin, "port": 80, "mode": "live"}, 0.1),
        ("host", {"destination": address, "port": 8080}, 0.04),
        ("container web", {"destination": outside, "port": 9002, "protocol": "udp", "mode": "live"}, 0.1),
    ]
    given = {
        "place": PLACE,
        "count": count,
        "seed": 14,
        "change": change,
        "addresses": [(outside, 9000), (outside, 9001), (outside, 9002), (address, 8080), (web, 80), (twin, 80)],
        "traces": [(options_of(origin, options), pid_of(host, origin), longest) for origin, options, longest in traces],
    }
    text = (Path(__file__).parent / "killed_traces.py").read_text(encoding="utf-8")
    done = host.run(["/usr/bin/python3", "-", json.dumps(given)], stdin=text, timeout=600)
    result = json.loads(done.out)
    assert result["left"] == []
    assert result["killed"] >= count // 4


@pytest.mark.parametrize("change", ["", WITHOUT_OWNER], ids=["owner", "no-owner"])
def test_killed_traces_leave_the_host_as_it_was(fresh_host: Host, lab: Lab, change: str) -> None:
    fresh_host.deploy(SCENARIO)
    kill(fresh_host, lab, 8, change)


@pytest.mark.long
def test_a_hundred_killed_traces_leave_the_host_as_it_was(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(SCENARIO)
    kill(fresh_host, lab, 100)
    kill(fresh_host, lab, 30, WITHOUT_OWNER)


RULES = 10_000
TRAFFIC = """
import socket, sys, time
address, rate, seconds = sys.argv[1], 10_000, float(sys.argv[2])
sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
began, sent = time.monotonic(), 0
while (elapsed := time.monotonic() - began) < seconds:
    for dummy in range(int(rate * elapsed) - sent):
        try:
            sending.sendto(b"x" * 64, (address, 9999))
        except OSError:
            pass
        sent += 1
    time.sleep(0.001)
print(time.monotonic() - began)
"""
TRACED_BY_ANOTHER = """
table inet another { chain every { type filter hook prerouting priority -310; udp dport 9999 meta nftrace set 1; }; }
"""


ENOUGH, FLOODS = 5_000, 4
"""Packets a second that have to come through (what is sent may be lost on its way), and attempts to have so many."""


def forwarded(host: Host) -> int:
    """Packets that have left the host."""
    (line,) = [line for line in host.read("/proc/net/dev").splitlines() if "eth0:" in line]
    return int(line.partition(":")[2].split()[9])


@contextmanager
def flooded(host: Host, address: str, rates: list[float]) -> Iterator[None]:
    """A container sends packets to an address meanwhile; how many a second came through is added to the list."""

    def flood() -> None:
        before = forwarded(host)
        done = host.container("twin").net(["python3", "-c", TRAFFIC, address, "8"])
        rates.append((forwarded(host) - before) / float(done.out))

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        yield
    finally:
        flooding.join()


@pytest.mark.long
def test_ten_thousand_rules_and_packets_a_second(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.deploy(SCENARIO)
    sources = [f"10.{200 + number // 65536}.{number // 256 % 256}.{number % 256}" for number in range(RULES)]
    # The probe, which is of TCP, is held against all of them. For the others that would be too much for one machine.
    rules = "".join(f"-A MANY -s {source}/32 -j DROP\n" for source in sources)
    host.run(["iptables-restore", "--noflush"], stdin=f"*filter\n:MANY -\n{rules}COMMIT\n")
    host.run(["iptables", "-I", "DOCKER-USER", "-p", "tcp", "-j", "MANY"])
    outside = lab.outside.address
    for further in ("", TRACED_BY_ANOTHER):
        if further:
            host.run(["nft", "-f", "-"], stdin=further)
        rates: list[float] = []
        # The machine may have other things to do than to send so much: what was traced holds all the same.
        while max(rates, default=0.0) <= ENOUGH:
            assert len(rates) < FLOODS, rates
            with flooded(host, outside, rates):
                for origin, options in (
                    ("container web", {"destination": outside, "port": 9000}),
                    ("outside eth0", {"destination": host.address, "port": 8080, "source": outside}),
                ):
                    found = trace(host, origin, options)
                    assert found.complete or "events were lost" in found.problem, found.problem
                    if not further:
                        assert (found.complete, found.end) == (True, "left")
                        assert found.events[-1].chain == "POSTROUTING"


@pytest.mark.long
@hosts_beside("debian11-legacy")
def test_a_hundred_killed_traces_of_legacy_tables(host_beside: Host, lab: Lab) -> None:
    host_beside.deploy(SCENARIO)
    kill(host_beside, lab, 100)
