# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""packet_trace with a trace on real engines: prediction and kernel agree, and where they cannot it is said."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import OUTSIDE, Origin, Packet

from tests.differential.reachability_case import run_case
from tests.differential.reachability_hosts import host_case
from tests.differential.reachability_machines import prepare
from tests.differential.tracing import trace_all, traced
from tests.integration.snapshots import install_readers, read_host
from tests.lab.ansible_runs import ansible_module, ansible_playbook
from tests.lab.host import Host
from tests.lab.identity import ROOT
from tests.lab.kinds import KINDS
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload

TRACE = "dockernet.baseline.packet_trace"
SEED = 777
PAGE = ROOT / "docs" / "operators.md"
_BRIDGE = "com.docker.network.bridge.name"
SCENARIO = Scenario(
    [
        NetworkSpec("front", "10.88.1.0/24", options={_BRIDGE: "br-front"}),
        NetworkSpec("back", "10.88.2.0/24", options={_BRIDGE: "br-back"}),
    ],
    [
        Workload("web", ["front"], publish=["8080:80"], serve=[80]),
        Workload("peer", ["front"], serve=[80]),
        Workload("db", ["back"], serve=[5432]),
    ],
)
QUESTIONS: list[dict[str, Any]] = [
    {"from": "outside", "to": "web:80/tcp"},
    {"from": "web", "to": "203.0.113.9:443"},
    {"from": "web", "to": "203.0.113.9", "protocol": "icmp"},
    {"from": "web", "to": "host:8080"},
    {"from": "db", "to": "host:8080"},
    {"from": "web", "to": "db", "port": 5432},
    {"from": "host", "to": "web", "port": 80},
    {"from": "outside", "to": "host:9"},
]


def asked(host: Host, **options: Any) -> dict[str, Any]:
    result = ansible_module(host, TRACE, {"trace": "dry", **options})
    assert result["changed"] is False
    return result


def state_of(host: Host) -> list[str]:
    """What a trace could leave on a host."""
    rules = host.run(["nft", "list", "ruleset"]).out
    loggers = host.run(["sysctl", "net.netfilter.nf_log"], check=False).out
    entries = host.run(["conntrack", "-L", "-p", "tcp", "--dport", "443"], check=False).out
    # Counters of rules go on.
    return [re.sub(r"packets \d+ bytes \d+", "", rules), loggers, entries]


@pytest.mark.engines
def test_what_is_predicted_is_what_the_kernel_does_and_nothing_stays(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    asked(fresh_host, **QUESTIONS[0])
    before = state_of(fresh_host)
    for question in QUESTIONS:
        result = asked(fresh_host, **question)
        assert result["traced"]["agree"] is True, result["listing"]
        assert result["traced"]["left_behind"] == []
    assert state_of(fresh_host) == before


def test_a_live_trace_follows_the_answer_and_says_what_its_sender_saw(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    legs: set[str] = set()
    for question in ({"from": "host", "to": "web", "port": 80}, {"from": "db", "to": "host:8080"}, QUESTIONS[0]):
        result = asked(fresh_host, **question, trace="live")
        found = result["traced"]
        assert (found["agree"], found["observed"]) == (True, "answered"), result["listing"]
        legs |= {step["leg"] for step in found["steps"]}
    assert legs >= {"request", "reply", "proxy request"}


@pytest.mark.engines
def test_what_blocks_a_packet_is_the_same_rule_for_both(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    fresh_host.run(["iptables", "-I", "DOCKER-USER", "-i", "eth0", "-p", "tcp", "--dport", "80", "-j", "DROP"])
    result = asked(fresh_host, **QUESTIONS[0])
    path, found = result["path"], result["traced"]
    assert (found["agree"], found["end"]) == (True, "dropped_by_rule"), result["listing"]
    assert found["steps"][-1]["rule"] == path["steps"][path["decided_at"]]["rule"]
    assert "--dport 80 -j DROP" in found["steps"][-1]["rule"]
    fresh_host.run(["sysctl", "-w", "net.ipv4.ip_forward=0"])
    stopped = asked(fresh_host, **{"from": "web", "to": "203.0.113.9:443"})
    assert (stopped["traced"]["agree"], stopped["traced"]["end"]) == (True, "lost"), stopped["listing"]


def test_a_mark_that_leads_nowhere_ends_the_packet_where_it_is_set(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    script = """
    iptables -t mangle -N MINE && iptables -t mangle -A MINE -p udp --dport 5353 -j MARK --set-mark 5
    iptables -t mangle -A OUTPUT -j MINE && iptables -A OUTPUT -p udp --dport 5353 -j REJECT
    ip rule add fwmark 5 lookup 105 && ip route add prohibit default table 105
    """
    fresh_host.run(["sh", "-ec", script])
    result = asked(fresh_host, **{"from": "host", "to": "203.0.113.9:5353/udp"})
    step = result["path"]["steps"][result["path"]["decided_at"]]
    refusing = step["subject"]["null_route"]
    assert (step["leg"], step["place"], refusing["kind"]) == ("request", "routing", "prohibit"), result["listing"]
    assert (result["traced"]["agree"], result["traced"]["end"]) == (True, "lost"), result["listing"]
    fresh_host.run(["ip", refusing["sort"], "delete", *refusing["selector"].split()])
    assert not fresh_host.run("ip route show table 105", check=False).out


def test_a_rule_that_came_after_reading_is_said_to_have_come(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    install_readers(fresh_host)
    snapshot = read_host(fresh_host)
    fresh_host.run(["iptables", "-I", "DOCKER-USER", "-j", "DROP"])
    packet = Packet(Origin(OUTSIDE), fresh_host.address, port=8080)
    (found,) = traced(fresh_host, snapshot, [packet])
    assert found.comparison.agree is None
    assert found.comparison.difference.startswith("not compared: the ruleset changed meanwhile; the rule with handle ")
    assert "DOCKER-USER (drop) was not there when it was read" in found.comparison.difference


def test_a_rule_that_went_after_reading_is_no_difference(fresh_host: Host) -> None:
    rule = ["DOCKER-USER", "-i", "eth0", "-p", "tcp", "--dport", "80", "-j", "DROP"]
    fresh_host.deploy(SCENARIO)
    fresh_host.run(["iptables", "-I", *rule])
    install_readers(fresh_host)
    snapshot = read_host(fresh_host)
    packet = Packet(Origin(OUTSIDE), fresh_host.address, port=8080)
    (before,) = traced(fresh_host, snapshot, [packet])
    assert (before.comparison.agree, before.trace.end) == (True, "dropped_by_rule"), str(before)
    fresh_host.run(["iptables", "-D", *rule])
    (found,) = traced(fresh_host, snapshot, [packet])
    assert found.comparison.agree is None, str(found)
    assert found.comparison.difference.startswith("not compared: the ruleset changed meanwhile; by the rules as they")


def test_a_rule_that_cannot_be_predicted_is_decided_by_the_kernel(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    fresh_host.run(
        ["iptables", "-I", "DOCKER-USER", "-m", "statistic", "--mode", "random", "--probability", "1", "-j", "DROP"]
    )
    result = asked(fresh_host, **QUESTIONS[1])
    assert (result["path"]["verdict"], result["traced"]["agree"]) == ("unknown", None)
    assert "in the kernel it is dropped by rule 1 of ip filter DOCKER-USER (drop)" in result["traced"]["difference"]


@pytest.mark.long
def test_packets_of_a_random_host_meet_the_rules_that_were_predicted(engine_host: Host, lab: Lab) -> None:
    prepare(lab)
    engine_host.reset()
    install_readers(engine_host)
    number = list(KINDS).index(engine_host.kind)
    case = replace(host_case(SEED, number, engine_host.release), is_changed=False)
    report = run_case(lab, engine_host, case, trace_all)
    assert not report.void, f"{case}\n{report.void}"
    assert report.traces.same > 0
    assert not report.traces.differing, "\n".join([str(case), *map(str, report.traces.differing)])


@pytest.mark.kinds("debian13")
def test_the_transcript_of_the_page_is_what_the_playbook_prints(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    fresh_host.run(["iptables", "-I", "DOCKER-USER", "-i", "br-front", "-p", "tcp", "--dport", "443", "-j", "DROP"])
    variables = {"from": "container:web", "to": "203.0.113.9:443", "trace": "dry"}
    done = ansible_playbook(
        "dockernet.baseline.trace_docker_net", fresh_host.identity, limit=[fresh_host.name], extra_vars=variables
    )
    begin = f"{fresh_host.name}: container web "
    shown = begin + done.out.partition(begin)[2].partition("\nTASK [")[0].rstrip()
    transcripts = re.findall(r"-e trace=dry\n```\n+```text\n(.*?)\n```", PAGE.read_text(), re.DOTALL)
    assert [_words(transcript) for transcript in transcripts] == [_words(shown)], shown


def _words(screen: str) -> list[str]:
    """What is the same on all lab hosts: no handles, names of devices, addresses of the LAN, and widths of columns."""
    # Tables of iptables-legacy without rules are what other tests may have left.
    lines = [line for line in screen.splitlines() if "legacy ip" not in line]
    text = re.sub(r"^\S+: container", "HOST: container", "\n".join(lines))
    text = re.sub(r"via [0-9.]+ dev", "via GATEWAY dev", re.sub(r"\(handle \d+\)", "", text))
    return re.sub(r"-{2,}", "--", re.sub(r"veth[0-9a-f]+", "VETH", text)).split()
