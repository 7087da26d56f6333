# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""container_probe on real engines: which layer fails for which fault, and that a healthy container has none."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.freezing import freeze, thaw
from tests.integration.snapshots import PLACE, install_readers
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.proc import LabError
from tests.lab.scenario import NetworkSpec, Scenario, Workload

PROBE = "dockernet.baseline.container_probe"
SCENARIO = Scenario(
    [NetworkSpec("front", "10.88.1.0/24", ipv6_subnet="fd88:1::/64")],
    [
        Workload("web", ["front"], publish=["8080:80"], serve=[80]),
        Workload("client", ["front"], serve=[80]),
        Workload("astray", ["front"], serve=[80], options=["--dns=10.88.1.250"]),
    ],
)
KINDS = pytest.mark.kinds("debian11", "debian13", "debian13-docker28")
SECONDS = 2
"""To wait for what does not answer."""
PATIENCE = 10
"""Seconds for answers that all come: no longer than a busy machine takes."""
INTERNET = "203.0.113.9"
ASK_INTERNET: dict[str, Any] = {"to": INTERNET, "port": 80}


def probed(host: Host, origin: str, to: str = "", **options: Any) -> dict[str, Any]:
    """The result of a run."""
    wanted = {"from": origin, **({"to": to} if to else {}), "timeout": SECONDS, **options}
    result = ansible_module(host, PROBE, wanted)
    assert not result["failed"], result
    return result


def outcomes(result: dict[str, Any], index: int = 0) -> dict[str, str]:
    """By layer."""
    return {layer["layer"]: layer["outcome"] for layer in result["probes"][index]["layers"]}


@KINDS
def test_a_healthy_container_fails_no_layer(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(SCENARIO)
    result = probed(
        fresh_host,
        "client",
        probes=[
            {"to": "web", "port": 80, "protocol": "http"},
            {"to": lab.internet_address, "port": 80},
            {"to": fresh_host.address, "port": 8080},
            {"to": "gateway", "protocol": "icmp"},
        ],
        timeout=PATIENCE,
    )
    assert [probe["observed"] for probe in result["probes"]] == ["answered"] * 4, result["listing"]
    assert [layer for probe in result["probes"] for layer in probe["layers"] if layer["outcome"] == "failed"] == []
    assert outcomes(result, 0)["name"] == outcomes(result, 0)["service"] == "passed"
    assert set(outcomes(result, 1).values()) == {"passed"} | {"skipped"}
    assert {name for name, outcome in outcomes(result, 1).items() if outcome == "skipped"} == {"name", "service"}
    assert [probe["container"] for probe in result["probes"]] == ["web", "", "web", ""]
    assert result["process"]["state"] == "running"
    assert [item["container"] for item in result["target_processes"]] == ["web"]


@dataclass(frozen=True)
class Fault:
    """What is broken, and what a probe must say of it."""

    break_: Callable[[Host], Any]
    failed: str
    """The first layer that fails; empty for none."""
    error: str
    """Words with bars between them: one of these; empty for any."""
    observed: str
    restore: Callable[[Host], Any] = lambda host: host.docker("restart", "--time=1", "client")
    question: dict[str, Any] = field(default_factory=lambda: ASK_INTERNET)
    origin: str = "client"
    detail: str = ""
    """A part of the layer's sentence."""


def inside(host: Host, *argv: str, name: str = "client") -> None:
    host.container(name).net(list(argv))


def bridge(host: Host) -> str:
    return "br-" + host.docker("network", "inspect", "-f", "{{slice .Id 0 12}}", "front").out.strip()


def veth(host: Host) -> str:
    """The host's end of the client's link."""
    index = host.container("client").net(["cat", "/sys/class/net/eth0/iflink"], check=False).out.strip()
    text = host.container("client").net(["ip", "-o", "link", "show", "eth0"]).out
    index = text.partition("@if")[2].partition(":")[0]
    found = host.run(f"ip -o link | grep '^{index}: '").out
    return found.split()[1].partition("@")[0]


def program(host: Host, text: str, name: str = "web") -> None:
    """Run a program of Python in the namespace of a container until it is ended, and wait until it says ready."""
    host.write("/root/program.py", text)
    pid = host.container(name).pid
    host.run(["rm", "-f", "/root/ready"])
    host.run(["systemd-run", "--unit=beside", "nsenter", f"--net=/proc/{pid}/ns/net", "python3", "/root/program.py"])
    host.wait_for(lambda: host.exists("/root/ready"), 120, "the program beside the container")


def end_program(host: Host) -> None:
    host.run(["systemctl", "stop", "beside"], check=False)
    host.run(["systemctl", "reset-failed", "beside"], check=False)


READY = "open('/root/ready', 'w').close()\n"
FULL = f"""
import socket, time
listening = socket.socket()
listening.bind(("0.0.0.0", 9002))
listening.listen(0)
waiting = [socket.socket() for number in range(3)]
for each in waiting:
    each.setblocking(False)
    each.connect_ex(("127.0.0.1", 9002))
time.sleep(0.2)
{READY}
time.sleep(600)
"""
DATAGRAMS = f"""
import socket
answering = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
answering.bind(("0.0.0.0", 9003))
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("0.0.0.0", 9004))
{READY}
while True:
    data, sender = answering.recvfrom(100)
    answering.sendto(data, sender)
"""

DEBUGGER = """
import ctypes, time
libc = ctypes.CDLL(None)
# PTRACE_SEIZE and PTRACE_INTERRUPT: who is stopped so continues when the debugger ends.
libc.ptrace(0x4206, {pid}, 0, 0)
libc.ptrace(0x4207, {pid}, 0, 0)
while ") t " not in open("/proc/{pid}/stat").read():
    time.sleep(0.1)
{ready}
time.sleep(600)
"""


def debug(host: Host) -> None:
    program(host, DEBUGGER.format(pid=host.container("client").pid, ready=READY))


def signal(host: Host, name: str) -> None:
    host.run(["kill", f"-{name}", str(host.container("client").pid)])


def rule(*words: str) -> Callable[[Host], Any]:
    return lambda host: host.run(["iptables", "--wait", *words])


def nothing(dummy: Host) -> None:
    """To restore where nothing was changed."""


def drop_inside(host: Host) -> None:
    inside(host, "nft", "add", "table", "inet", "own")
    inside(host, "nft", "add chain inet own output { type filter hook output priority 0; policy drop; }")


def narrow(host: Host, mtu: str) -> Any:
    return host.run(["ip", "link", "set", "eth0", "mtu", mtu])


NOT_SAID = ("OUTPUT", "-p", "icmp", "--icmp-type", "fragmentation-needed", "-j", "DROP")

FAULTS: dict[str, Fault] = {
    "default route gone inside": Fault(
        lambda host: inside(host, "ip", "route", "del", "default"), "route", "ENETUNREACH", "unreachable"
    ),
    "interface down inside": Fault(
        lambda host: inside(host, "ip", "link", "set", "eth0", "down"), "interface", "ENETDOWN", "unreachable"
    ),
    "address gone inside": Fault(
        lambda host: inside(host, "ip", "-4", "addr", "flush", "dev", "eth0"), "address", "EADDRNOTAVAIL", "unreachable"
    ),
    "gateway address gone": Fault(
        lambda host: host.run(f"ip addr del 10.88.1.1/24 dev {bridge(host)}"),
        "neighbour",
        "TIMEOUT|EHOSTUNREACH",
        "timed out",
        lambda host: host.run(f"ip addr add 10.88.1.1/24 dev {bridge(host)}"),
    ),
    "bridge down": Fault(
        lambda host: host.run(f"ip link set {bridge(host)} down"),
        "interface",
        "ENETDOWN",
        "",
        lambda host: host.run(f"ip link set {bridge(host)} up"),
        detail="is down",
    ),
    "ARP off inside": Fault(
        lambda host: inside(host, "ip", "link", "set", "eth0", "arp", "off"), "neighbour", "EHOSTUNREACH", ""
    ),
    "veth detached": Fault(
        lambda host: host.run(f"ip link set {veth(host)} nomaster"), "interface", "ENOLINK", "", detail="no bridge"
    ),
    "paused": Fault(
        lambda host: host.docker("pause", "client"),
        "process",
        "PAUSED",
        "answered",
        lambda host: host.docker("unpause", "client"),
    ),
    "stopped by a signal": Fault(
        lambda host: signal(host, "STOP"), "process", "STOPPED", "answered", lambda host: signal(host, "CONT")
    ),
    "stopped by a debugger": Fault(
        debug, "process", "TRACED", "answered", end_program, detail="is stopped (by a debugger"
    ),
    "frozen": Fault(
        lambda host: freeze(host, "client"),
        "process",
        "PAUSED",
        "answered",
        lambda host: thaw(host, "client"),
        detail="cgroup",
    ),
    "exited": Fault(lambda host: host.docker("stop", "--time=1", "client"), "process", "EXITED", "unreachable"),
    "nothing listens": Fault(
        nothing, "target", "ECONNREFUSED", "refused", nothing, {"to": "web", "port": 81, "protocol": "http"}
    ),
    "queue of connections full": Fault(
        lambda host: program(host, FULL), "target", "TIMEOUT", "timed out", end_program, {"to": "web", "port": 9002}
    ),
    "resolver dead": Fault(
        lambda host: host.docker("exec", "client", "sh", "-c", "echo nameserver 10.88.1.250 > /etc/resolv.conf"),
        "name",
        "TIMEOUT|EHOSTUNREACH",
        "unreachable",
        question={"to": "web", "port": 80},
    ),
    "upstream dead": Fault(
        nothing,
        "name",
        "SERVFAIL|TIMEOUT",
        "unreachable",
        nothing,
        {"to": "example.com", "port": 80},
        "astray",
        detail="of the nameservers that it asks, 10.88.1.250",
    ),
    "rules inside drop what leaves": Fault(
        drop_inside,
        "gateway",
        "EPERM",
        "timed out",
        detail="a rule of the sender's own namespace",
    ),
    "rule drops the target": Fault(
        rule("-I", "DOCKER-USER", "-d", INTERNET, "-j", "DROP"),
        "target",
        "TIMEOUT",
        "timed out",
        rule("-D", "DOCKER-USER", "-d", INTERNET, "-j", "DROP"),
    ),
    "rule rejects the target": Fault(
        rule("-I", "DOCKER-USER", "-d", INTERNET, "-j", "REJECT"),
        "target",
        "ECONNREFUSED",
        "refused",
        rule("-D", "DOCKER-USER", "-d", INTERNET, "-j", "REJECT"),
        detail="10.88.1.1 reports: ICMP port unreachable",
    ),
    "forwarding off": Fault(
        lambda host: host.set_sysctl("net.ipv4.ip_forward", "0"),
        "next_hop",
        "TIMEOUT",
        "timed out",
        lambda host: host.set_sysctl("net.ipv4.ip_forward", "1"),
        detail="answers the host",
    ),
    "large packets vanish": Fault(
        rule("-I", "FORWARD", "-m", "length", "--length", "1401:65535", "-j", "DROP"),
        "path_mtu",
        "TIMEOUT",
        "answered",
        rule("-D", "FORWARD", "-m", "length", "--length", "1401:65535", "-j", "DROP"),
        detail="1400 bytes are answered",
    ),
    "large packets vanish, with a service": Fault(
        rule("-I", "FORWARD", "-m", "length", "--length", "1401:65535", "-j", "DROP"),
        "path_mtu",
        "TIMEOUT",
        "answered",
        rule("-D", "FORWARD", "-m", "length", "--length", "1401:65535", "-j", "DROP"),
        {**ASK_INTERNET, "protocol": "http"},
    ),
    "the path is narrow, and its router may not say it": Fault(
        lambda host: [narrow(host, "1300"), rule("-I", *NOT_SAID)(host)],
        "path_mtu",
        "TIMEOUT",
        "answered",
        lambda host: [narrow(host, "1500"), rule("-D", *NOT_SAID)(host)],
        detail="1280 bytes are answered",
    ),
    "no fault: the path is narrow, and its router says it": Fault(
        lambda host: narrow(host, "1300"), "", "", "answered", lambda host: narrow(host, "1500")
    ),
    "no fault: the host answers no echo requests": Fault(
        rule("-I", "INPUT", "-p", "icmp", "-j", "DROP"),
        "",
        "",
        "answered",
        rule("-D", "INPUT", "-p", "icmp", "-j", "DROP"),
    ),
    "no fault: large echo requests are dropped, large requests are not": Fault(
        rule("-I", "FORWARD", "-p", "icmp", "-m", "length", "--length", "1401:65535", "-j", "DROP"),
        "",
        "",
        "answered",
        rule("-D", "FORWARD", "-p", "icmp", "-m", "length", "--length", "1401:65535", "-j", "DROP"),
        {**ASK_INTERNET, "protocol": "http"},
    ),
}


def problem_of(host: Host, fault: Fault) -> str:
    """What a probe says otherwise than it must; empty if nothing."""
    fault.break_(host)
    try:
        result = probed(host, fault.origin, **fault.question)
    finally:
        fault.restore(host)
    probe = result["probes"][0]
    first = next((layer for layer in probe["layers"] if layer["outcome"] == "failed"), None)
    said = (first or {"layer": "", "error": "", "detail": ""})["layer"], probe["observed"]
    right = (
        said[0] == fault.failed == result["failed_layer"]
        and fault.observed in ("", said[1])
        and (not fault.error or (first is not None and first["error"] in fault.error.split("|")))
        and (not fault.detail or (first is not None and fault.detail in first["detail"]))
    )
    return "" if right else result["listing"]


@KINDS
@pytest.mark.long
def test_each_fault_fails_its_layer(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    problems = {}
    for name, fault in FAULTS.items():
        problem = problem_of(fresh_host, fault)
        if problem:
            problems[name] = problem
    assert problems == {}, "\n\n".join(f"{name}:\n{listing}" for name, listing in problems.items())
    assert probed(fresh_host, "client", timeout=PATIENCE, **ASK_INTERNET)["failed_layer"] == ""


@KINDS
@pytest.mark.long
def test_sockets_that_wait_and_answers_that_need_not_come(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    program(fresh_host, DATAGRAMS)
    fresh_host.docker("exec", "--detach", "web", "httpd", "-f", "-p", "127.0.0.1:9001", "-h", "/www/80")
    fresh_host.wait_for(lambda: 9001 in fresh_host.container("web").listening(), 120, "the server on loopback")
    result = probed(
        fresh_host,
        "client",
        probes=[
            {"to": "web", "port": 9001},
            *({"to": "web", "port": port, "protocol": "udp"} for port in (9003, 9004, 9005)),
        ],
    )
    assert [item["observed"] for item in result["probes"]] == ["refused", "answered", "unknown", "refused"]
    assert [outcomes(result, index)["target"] for index in range(4)] == ["failed", "passed", "skipped", "failed"]
    (web,) = result["target_processes"]
    assert {"tcp 127.0.0.1:9001", "udp 0.0.0.0:9003"} <= set(web["listening"])
    assert "ICMP port unreachable" in next(
        layer["detail"] for layer in result["probes"][3]["layers"] if layer["layer"] == "target"
    )
    end_program(fresh_host)


PLACES = Scenario(
    [NetworkSpec("front", "10.88.1.0/24"), NetworkSpec("closed", "10.88.2.0/24", internal=True)],
    [
        Workload("web", ["front"], publish=["8080:80"], serve=[80]),
        Workload("beside", network_mode="container:web", serve=[]),
        Workload("inner", ["closed"], serve=[80]),
        Workload("alone", network_mode="none", serve=[]),
        Workload("same", network_mode="host", serve=[]),
    ],
)


@KINDS
@pytest.mark.long
def test_places_without_a_way_out_by_design_fail_no_layer_but_the_target(fresh_host: Host) -> None:
    fresh_host.deploy(PLACES)
    for origin in ("inner", "alone"):
        result = probed(fresh_host, origin, **ASK_INTERNET)
        assert result["failed_layer"] == "target", result["listing"]
        # Engines before 27 give internal networks a default route, and drop what takes it.
        assert outcomes(result)["route"] in ("skipped", "passed")
        assert "by design" in result["listing"]
    inner = probed(fresh_host, "inner", "gateway", protocol="icmp", timeout=PATIENCE)
    assert inner["failed_layer"] == "", inner["listing"]
    for origin in ("beside", "same", "host", "container web"):
        result = probed(fresh_host, origin, timeout=PATIENCE, **ASK_INTERNET)
        assert (result["failed_layer"], result["probes"][0]["observed"]) == ("", "answered"), result["listing"]
    assert probed(fresh_host, "beside", **ASK_INTERNET)["process"]["listening"] == ["tcp [::]:80"]
    assert probed(fresh_host, "host", "host", port=8080)["probes"][0]["container"] == "web"
    # The host itself needs no engine.
    fresh_host.run(["systemctl", "stop", "docker.socket", "docker.service"])
    assert probed(fresh_host, "host", **ASK_INTERNET)["failed_layer"] == ""
    refused = ansible_module(fresh_host, PROBE, {"from": "web", **ASK_INTERNET})
    assert refused["failed"]
    assert "dockerd does not run" in refused["msg"]


@pytest.mark.kinds("debian13", "debian13-docker28")
@pytest.mark.long
def test_each_fault_of_ipv6_fails_its_layer(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    question: dict[str, Any] = {"to": fresh_host.address6, "port": 22}
    assert probed(fresh_host, "client", timeout=PATIENCE, **question)["failed_layer"] == ""
    faults = {
        "default route gone inside": Fault(
            lambda host: inside(host, "ip", "-6", "route", "del", "default"),
            "route",
            "ENETUNREACH",
            "unreachable",
            question=question,
        ),
        "gateway address gone": Fault(
            lambda host: host.run(f"ip addr del fd88:1::1/64 dev {bridge(host)}"),
            "neighbour",
            "TIMEOUT|EHOSTUNREACH",
            "",
            lambda host: host.run(f"ip addr add fd88:1::1/64 dev {bridge(host)} nodad"),
            question,
        ),
        "address gone inside": Fault(
            lambda host: inside(host, "ip", "-6", "addr", "flush", "dev", "eth0", "scope", "global"),
            "address",
            "EADDRNOTAVAIL",
            "",
            question=question,
        ),
        "rules inside drop what leaves": Fault(drop_inside, "neighbour", "EPERM", "timed out", question=question),
        "nothing listens": Fault(
            nothing, "target", "ECONNREFUSED", "refused", nothing, {"to": fresh_host.address6, "port": 81}
        ),
        "rule rejects the target": Fault(
            lambda host: host.run("ip6tables --wait -I INPUT -p tcp --dport 22 -j REJECT"),
            "target",
            "ECONNREFUSED",
            "refused",
            lambda host: host.run("ip6tables --wait -D INPUT -p tcp --dport 22 -j REJECT"),
            question,
            detail="reports: ICMPv6 port unreachable",
        ),
    }
    problems = {name: problem_of(fresh_host, fault) for name, fault in faults.items()}
    assert not any(problems.values()), "\n\n".join(f"{name}:\n{text}" for name, text in problems.items() if text)


STATE = r"""
ps -e -o comm= | grep -vE 'kworker|^(ps|sh|grep|sort|sshd.*|systemd.*|\(sd-pam\)|find|xargs|cat|uniq|.udev-worker.)$' |
    sort | uniq -c
ss --all --numeric --no-header --packet; ls /run/docker/netns; ip rule; ip route show table all | grep -v fe80 | sort
ip -o link | sed 's/@.*//' | sort; nft list ruleset 2>/dev/null | sed 's/packets.*bytes [0-9]*//'
find /proc/sys/net -type f ! -name '*flush*' ! -name '*random*' ! -name nf_conntrack_count | sort |
    xargs grep -H . 2>/dev/null; true
"""


@KINDS
@pytest.mark.long
def test_a_run_leaves_nothing_and_dead_targets_are_waited_for_together(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    probed(fresh_host, "client", **ASK_INTERNET)
    inner = [
        "sh",
        "-c",
        "ss -a -n -p -0 -H; ss -a -n -w -H; sysctl -a 2>/dev/null | grep ^net | grep -v -e count -e random",
    ]
    client = fresh_host.container("client")

    def state() -> tuple[str, str]:
        return fresh_host.run(STATE).out, client.net(inner).out

    # A process that is there for an instant is no part of it.
    before = fresh_host.wait_for(lambda: seen if (seen := state()) == state() else None, 120, "its state to be still")
    dead = [{"to": f"10.88.1.{number}", "port": 80} for number in range(200, 210)]
    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(probed, fresh_host, "client", probes=dead, timeout=PATIENCE)
        connecting = ["ss", "-Hnt", "state", "syn-sent"]
        fresh_host.wait_for(lambda: len(client.net(connecting).out.splitlines()) == len(dead), 120, "all at once")
    assert "answered" not in {probe["observed"] for probe in running.result()["probes"]}
    with suppress(LabError):
        fresh_host.wait_for(lambda: state() == before, 120, "its state before the runs")
    assert state() == before


PROBING = """
import sys
sys.path.insert(0, {place!r})
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.question import Question
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.run import Wanted, run_probes
questions = [Question(f"10.88.1.{{number}}", "tcp", 80) for number in range(200, 205)]
run_probes(Wanted("client", questions, "unix:///var/run/docker.sock", 50.0))
"""


@pytest.mark.kinds("debian13")
def test_a_run_that_is_killed_leaves_no_process_and_no_socket(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    install_readers(fresh_host)
    fresh_host.write("/root/probing.py", PROBING.format(place=PLACE))
    packets = ["ss", "--all", "--numeric", "--packet", "--raw", "--tcp", "--no-header"]
    client = fresh_host.container("client")
    before = client.net(packets).out
    pid = fresh_host.run("setsid python3 /root/probing.py >/dev/null 2>&1 & echo $!").out.strip()
    fresh_host.wait_for(lambda: client.net(packets).out != before, 120, "sockets of the probe")
    fresh_host.run(["kill", "-KILL", pid])
    fresh_host.wait_for(lambda: client.net(packets).out == before, 120, "no socket of the probe")
    running = ["pgrep", "--full", "/root/probing.py"]
    fresh_host.wait_for(lambda: not fresh_host.run(running, check=False).out, 120, "no process of the probe")


@pytest.mark.kinds("debian13")
def test_what_a_container_has_in_its_files_leads_nowhere_else(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    fresh_host.write("/root/secret", "nameserver 10.88.1.77\n")
    for command in (
        "umount /etc/resolv.conf; rm -f /etc/resolv.conf; ln -s /root/secret /etc/resolv.conf",
        "rm -f /etc/resolv.conf; mkfifo /etc/resolv.conf || mknod /etc/resolv.conf p",
    ):
        pid = fresh_host.container("client").pid
        fresh_host.run(["nsenter", f"--target={pid}", "--mount", "--root", "busybox", "sh", "-c", command], check=False)
        result = probed(fresh_host, "client", "example.com", port=80)
        assert result["failed_layer"] == "name"
        assert "10.88.1.77" not in str(result)


@pytest.mark.kinds("debian13")
def test_bad_input_names_the_option_its_value_and_what_is_allowed(fresh_host: Host) -> None:
    for options, words in (
        ({"from": "nowhere", "to": "192.0.2.1", "port": 1}, "from: there is no container 'nowhere'"),
        ({"from": "host", "to": "192.0.2.1"}, "port: tcp to 192.0.2.1 needs a port"),
        ({"from": "host"}, "one of the following is required: to, probes"),
        ({"from": "host", "to": "x", "probes": [{"to": "x"}]}, "mutually exclusive"),
    ):
        result = ansible_module(fresh_host, PROBE, options)
        assert result["failed"]
        assert words in result["msg"]


SERVER = """
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
listening = socket.create_server(("0.0.0.0", 8443), backlog=20)
print("ready", flush=True)
while True:
    connected, dummy = listening.accept()
    connected.settimeout(5)
    try:
        with context.wrap_socket(connected, server_side=True) as used:
            while b"\\r\\n\\r\\n" not in used.recv(20000):
                pass
            used.sendall(b"HTTP/1.1 403 No\\r\\nServer: lab\\r\\n\\r\\n")
    except OSError:
        connected.close()
"""


@pytest.fixture
def tls_port(lab: Lab, tmp_path: Path) -> Iterator[int]:
    """Of a server on the machine outside, whose certificate fills more than a packet."""
    made = tmp_path / "made.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:4096", "-nodes", "-subj", f"/CN={'x' * 60}", "-days", "2"]
    subprocess.run([*words, "-keyout", str(made), "-out", str(tmp_path / "cert.pem")], check=True, capture_output=True)
    made.write_text(made.read_text() + (tmp_path / "cert.pem").read_text())
    argv = ["nsenter", f"--net={lab.outside.path}", sys.executable, "-c", SERVER, str(made)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield 8443
        server.kill()


@pytest.mark.kinds("debian13")
@pytest.mark.long
def test_tls_that_hangs_because_large_packets_vanish_is_told_from_a_server_that_is_silent(
    fresh_host: Host, lab: Lab, tls_port: int
) -> None:
    fresh_host.deploy(SCENARIO)
    question: dict[str, Any] = {"to": lab.outside.address, "protocol": "https", "port": tls_port}
    healthy = probed(fresh_host, "client", timeout=PATIENCE, **question)
    assert healthy["failed_layer"] == "", healthy["listing"]
    assert "HTTP 403 No, server lab" in healthy["listing"]
    assert "TLSv1" in healthy["listing"]
    for way in ("-i", "-o"):
        words = ["FORWARD", way, "eth0", "-m", "length", "--length", "1401:65535", "-j", "DROP"]
        rule("-I", *words)(fresh_host)
        broken = probed(fresh_host, "client", **question)
        rule("-D", *words)(fresh_host)
        assert broken["failed_layer"] == "path_mtu", broken["listing"]
    plain = probed(fresh_host, "client", to=lab.outside.address, protocol="https", port=80)
    assert (plain["failed_layer"], outcomes(plain)["path_mtu"]) == ("service", "passed"), plain["listing"]


@KINDS
@pytest.mark.long
def test_the_nameservers_that_dockers_resolver_asks_are_named_on_every_engine(fresh_host: Host) -> None:
    fresh_host.run("echo nameserver 10.99.99.53 > /etc/resolv.conf")
    fresh_host.deploy(SCENARIO)
    seen = {}
    for origin in ("client", "astray"):
        result = probed(fresh_host, origin, "example.com", port=80)
        seen[origin] = {item["server"] for item in result["probes"][0]["nameservers"] if item["role"] == "upstream"}
    assert seen == {"client": {"10.99.99.53"}, "astray": {"10.88.1.250"}}
    fresh_host.write("/etc/docker/daemon.json", json.dumps({"dns": ["10.99.99.54"]}))
    fresh_host.restart_docker()
    fresh_host.docker("start", "client", "web")
    result = probed(fresh_host, "client", "example.com", port=80)
    assert "10.99.99.54 (asked from the container) does not answer" in result["listing"]
