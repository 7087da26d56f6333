# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predicted paths held against events as the kernel would send them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ipsec, IpsecPolicy, Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    DROPPED_BY_RULE,
    LEFT,
    LIVE,
    LOST,
    NOT_SEEN,
    TO_HOST,
    KernelTrace,
    TraceEvent,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    REPLY,
    REQUEST,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import Question, packet_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.compare import compare
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.traced_steps import RuleIndex, traced_steps

from tests.unit.operators_host import operators_host
from tests.unit.plugins.plugin_utils.trace.kernel_events import events_of, trace_of
from tests.unit.recorded_host import NAMES, recorded_host

OUTSIDE_IN = Question("outside", "web:80/tcp")
INSIDE_OUT = Question("web", "203.0.113.9", "", 443)
QUESTIONS = (
    OUTSIDE_IN,
    INSIDE_OUT,
    Question("web", "db", "", 5432),
    Question("web", "peer", "", 80),
    Question("peer", "host", "", 8080),
    Question("host", "web", "", 80),
    Question("host", "127.0.0.1", "", 8080),
    Question("hosted", "web", "", 80),
    Question("outside", "host", "", 22),
    Question("web", "203.0.113.9", "icmp"),
)


def asked(snapshot: HostSnapshot, question: Question) -> tuple[Packet, Path]:
    packet = packet_of(snapshot, question)
    return packet, predict(HostView.of(snapshot), packet)


def web_host(rules: str = "", legacy: bool = False) -> HostSnapshot:
    """A host with one published container, and rules of its own in the table filter of iptables."""
    text = (
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:MINE - [0:0]\n"
        f"-A FORWARD -j MINE\n{rules}COMMIT\n"
        "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n"
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n"
        "-A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:80\nCOMMIT\n"
    )
    name = "iptables-legacy-save" if legacy else "iptables-nft-save"
    return replace(operators_host(), ruleset=Ruleset(save={name: text}, nft_json=None))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_what_happens_as_predicted_agrees(name: str, question: Question) -> None:
    snapshot = recorded_host(name)
    dummy, path = asked(snapshot, question)
    trace = trace_of(path)
    if path.verdict != "unknown":
        expected = None if trace.end == NOT_SEEN else True
        assert compare(path, trace, snapshot).agree is expected, compare(path, trace, snapshot).difference


@pytest.mark.parametrize("name", NAMES)
def test_a_live_trace_is_compared_in_all_its_legs(name: str) -> None:
    snapshot = recorded_host(name)
    dummy, path = asked(snapshot, OUTSIDE_IN)
    events = events_of(path, (REQUEST, REPLY))
    trace = replace(trace_of(path, events, LEFT, LIVE), observed="answered")
    assert compare(path, trace, snapshot).agree is True
    # What follows on the first packet of the answer is not held against anything.
    again = replace(trace, events=[*events, *events_of(path, (REPLY,))])
    assert compare(path, again, snapshot).agree is True
    silent = compare(path, replace(trace, observed="timed out"), snapshot)
    assert silent.agree is False
    assert silent.difference.startswith("the sender sees timed out, where answered was predicted: ")
    reply = next(place for place, event in enumerate(events) if event.leg == REPLY)
    dropped = [*events[: reply + 2], replace(events[reply + 2], verdict="drop")]
    found = compare(path, replace(trace, events=dropped), snapshot)
    assert (found.agree, found.event) == (False, reply + 2)
    assert "of the reply the kernel applies " in found.difference


@pytest.mark.parametrize("name", NAMES)
def test_the_first_difference_names_the_rules_of_both_sides(name: str) -> None:
    snapshot = recorded_host(name)
    dummy, path = asked(snapshot, OUTSIDE_IN)
    events = events_of(path)
    index = max(place for place, event in enumerate(events) if event.hook == "forward")
    steps = [place for place, step in enumerate(path.steps) if step.leg == REQUEST and step.place == "forward"]
    short = [*events[:index], replace(events[index], verdict="drop")]
    found = compare(path, trace_of(path, short, DROPPED_BY_RULE), snapshot)
    assert (found.agree, found.event, found.predicted_step) == (False, index, steps[-1])
    rule = path.steps[steps[-1]].rule
    assert found.difference.count(rule) == 2
    assert "(drop)" in found.difference
    assert "; predicted is rule " in found.difference


def test_what_is_lost_between_hooks_is_a_difference_where_a_rule_was_predicted() -> None:
    snapshot = recorded_host("iptables-proxy-on")
    dummy, path = asked(snapshot, INSIDE_OUT)
    events = [event for event in events_of(path) if event.hook == "prerouting"]
    found = compare(path, trace_of(path, events, LOST), snapshot)
    assert found.agree is False
    assert found.difference.startswith("in forward of the request predicted is rule 1 of ip filter FORWARD (jump)")
    assert found.difference.endswith("; in the kernel it is lost after prerouting, and no rule drops it")


def test_what_a_setting_ends_is_lost_to_the_kernel() -> None:
    host = operators_host()
    off = {key: "0" for key in host.sysctls if key.startswith("net.ipv4") and key.endswith("forward")}
    snapshot = replace(host, sysctls={**host.sysctls, **off})
    dummy, path = asked(snapshot, Question("web", "203.0.113.9", "", 443))
    assert path.verdict == "dropped"
    assert compare(path, trace_of(path, end=LOST), snapshot).agree is True
    found = compare(path, trace_of(path, end=LEFT), snapshot)
    assert found.agree is False
    assert "forwards nothing" in found.difference


def test_an_ipsec_policy_that_blocks_comes_behind_the_rules_of_input() -> None:
    host = operators_host()
    blocked = IpsecPolicy("in", 4, "0.0.0.0/0", "192.0.2.10/32", "block")
    snapshot = replace(host, ipsec=Ipsec(policies=[blocked]))
    dummy, path = asked(snapshot, Question("outside", "host", "", 22))
    assert path.steps[-1].place == "ipsec"
    assert compare(path, trace_of(path, end=TO_HOST), snapshot).agree is True
    assert compare(path, trace_of(path, end=LEFT), snapshot).agree is False


def test_another_end_of_the_same_rules_is_a_difference() -> None:
    snapshot = recorded_host("nftables-proxy-on")
    dummy, path = asked(snapshot, INSIDE_OUT)
    trace = trace_of(path)
    to_host = compare(path, replace(trace, end=TO_HOST), snapshot)
    assert (to_host.agree, to_host.difference[:36]) == (False, "predicted is that it leaves by eth0;")
    elsewhere = compare(path, replace(trace, end_destination="203.0.113.7:443"), snapshot)
    assert elsewhere.difference.startswith("predicted is the destination 203.0.113.9:443; in the kernel it would leave")
    unmasked = compare(path, replace(trace, end_source="10.88.1.2:40312"), snapshot)
    assert unmasked.difference.startswith("predicted is the source ")


def test_what_the_host_passes_on_is_seen_even_without_a_rule() -> None:
    snapshot = replace(operators_host(), ruleset=Ruleset())
    dummy, path = asked(snapshot, Question("outside", "host", "", 22))
    assert (path.verdict, events_of(path)) == ("delivered", [])
    assert compare(path, trace_of(path, end=TO_HOST), snapshot).agree is True
    found = compare(path, trace_of(path, end=NOT_SEEN), snapshot)
    assert (found.agree, found.difference) == (
        False,
        "predicted is that it passes the host; in the kernel no rule sees it",
    )


def test_a_rule_that_was_not_read_says_that_the_ruleset_changed() -> None:
    snapshot = recorded_host("iptables-proxy-on")
    dummy, path = asked(snapshot, OUTSIDE_IN)
    events = events_of(path)
    index = next(place for place, event in enumerate(events) if event.hook == "forward")
    new = replace(events[index], handle=9999, verdict="drop")
    found = compare(path, trace_of(path, [*events[:index], new], DROPPED_BY_RULE), snapshot)
    assert (found.agree, found.event) == (None, index)
    assert found.difference == (
        "not compared: the ruleset changed meanwhile; the rule with handle 9999 of ip filter FORWARD (drop) was not "
        "there when it was read"
    )


def test_a_difference_after_a_change_of_the_ruleset_says_so() -> None:
    recorded = recorded_host("iptables-proxy-on")
    assert recorded.ruleset is not None
    snapshot = replace(recorded, ruleset=replace(recorded.ruleset, generation=40))
    dummy, path = asked(snapshot, OUTSIDE_IN)
    events = [event for event in events_of(path) if event.chain != "DOCKER-BRIDGE"]
    same = replace(trace_of(path, events), generation=40)
    assert compare(path, same, snapshot).agree is False
    found = compare(path, replace(same, generation=41), snapshot)
    assert found.agree is None
    assert found.difference.startswith(
        "not compared: the ruleset changed meanwhile; by the rules as they were read, in "
    )
    # What comes to the same by all rules is the same, whatever else changed.
    assert compare(path, replace(trace_of(path), generation=41), snapshot).agree is True


def with_idle_chain(snapshot: HostSnapshot) -> HostSnapshot:
    """The host with a base chain that has no rules."""
    assert snapshot.ruleset is not None
    document = json.loads(snapshot.ruleset.nft_json or "")
    document["nftables"] += [
        {"table": {"family": "inet", "name": "idle", "handle": 90}},
        {"chain": {"family": "inet", "table": "idle", "name": "f", "handle": 1, "type": "filter", "hook": "forward",
                   "prio": -10, "policy": "accept"}},
    ]  # fmt: skip
    return replace(snapshot, ruleset=replace(snapshot.ruleset, nft_json=json.dumps(document)))


def test_what_says_nothing_is_left_out() -> None:
    """A rule that logs, the end of a chain, and a base chain without rules."""
    snapshot = with_idle_chain(recorded_host("iptables-proxy-on"))
    dummy, path = asked(snapshot, OUTSIDE_IN)
    events = [event for event in events_of(path) if event.table != "inet idle"]
    forward = next(place for place, event in enumerate(events) if event.hook == "forward")
    end = TraceEvent(REQUEST, "nft", "forward", "ip filter", "DOCKER-USER", "", "continue")
    idle = TraceEvent(REQUEST, "nft", "forward", "inet idle", "f", "policy", "accept")
    said = [*events[:forward], idle, events[forward], end, *events[forward + 1 :]]
    assert compare(path, trace_of(path, said), snapshot).agree is True


def test_lost_events_are_not_compared() -> None:
    snapshot = recorded_host("iptables-proxy-on")
    dummy, path = asked(snapshot, OUTSIDE_IN)
    trace = replace(trace_of(path), complete=False, problem="the kernel dropped 12 events")
    found = compare(path, trace, snapshot)
    assert (found.agree, found.difference) == (None, "not compared: the kernel dropped 12 events")


def test_an_undetermined_prediction_says_what_the_kernel_decides() -> None:
    snapshot = web_host("-A MINE -m recent --rcheck --name bad --rsource -j DROP\n")
    dummy, path = asked(snapshot, INSIDE_OUT)
    assert path.verdict == "unknown"
    event = TraceEvent(REQUEST, "nft", "forward", "ip filter", "MINE", "rule", "drop", handle=7)
    trace = KernelTrace("dry", "socket", DROPPED_BY_RULE, True, [event])
    found = compare(path, trace, snapshot)
    assert found.agree is None
    assert found.difference.startswith("the prediction is undetermined (-m recent")
    assert found.difference.endswith("; in the kernel it is dropped by the rule with handle 7 of ip filter MINE (drop)")


def test_a_rule_that_cannot_be_told_is_no_difference_where_it_changes_no_end() -> None:
    rules = "-A MINE -m recent --rcheck --name bad --rsource -j DROP\n-A MINE -j DROP\n"
    snapshot = web_host(rules, legacy=True)
    dummy, path = asked(snapshot, INSIDE_OUT)
    assert path.verdict == "dropped"
    events = events_of(path)
    events = [*events[:-1], replace(events[-1], number=3 - (events[-1].number or 0))]
    found = compare(path, trace_of(path, events, DROPPED_BY_RULE), snapshot)
    assert found.agree is None
    assert "rule 1 of legacy ip filter MINE (drop): -A MINE -m recent" in found.difference


# What ip_tables says of rules: their place, and no verdict.


def test_rules_of_iptables_legacy_are_told_by_their_place() -> None:
    rules = "-A MINE -p tcp -m tcp --dport 443 -j LOG\n-A MINE -j RETURN\n-A FORWARD -i br-000000000000 -j ACCEPT\n"
    snapshot = web_host(rules, legacy=True)
    dummy, path = asked(snapshot, INSIDE_OUT)
    predicted = events_of(path)
    logging = TraceEvent(REQUEST, "legacy", "forward", "legacy ip filter", "MINE", "rule", "", number=1)
    back = next(place for place, event in enumerate(predicted) if (event.chain, event.number) == ("MINE", 2))
    # A rule without conditions is called as the end of its chain is.
    events = [*predicted[:back], logging, replace(predicted[back], kind="return"), *predicted[back + 1 :]]
    assert compare(path, trace_of(path, events), snapshot).agree is True
    steps = traced_steps(trace_of(path, events), RuleIndex.of(HostView.of(snapshot)))
    shown = [(item.step.chain, item.step.number, item.step.action) for item in steps if item.step.place == "forward"]
    assert shown == [
        ("FORWARD", 1, "jump"),
        ("MINE", 1, "continue"),
        ("MINE", 2, "return"),
        ("FORWARD", 2, "accept"),
    ]
    other = [replace(event, number=3) if event.chain == "MINE" else event for event in predicted]
    ended = [event for event in other if event.chain != "FORWARD" or event.number != 2]
    found = compare(path, trace_of(path, ended), snapshot)
    assert found.agree is False
    gone = replace(predicted[back], number=9)
    assert compare(path, trace_of(path, [*predicted[:back], gone]), snapshot).agree is None


def test_a_trace_without_any_rule_of_iptables_legacy_is_none_of_them() -> None:
    snapshot = web_host("-A FORWARD -i br-000000000000 -j ACCEPT\n", legacy=True)
    dummy, path = asked(snapshot, INSIDE_OUT)
    found = compare(path, trace_of(path, []), snapshot)
    assert found.agree is None
    assert "the kernel reported no rules of iptables-legacy, and predicted is " in found.difference


def test_a_packet_that_iptables_legacy_drops_is_lost_to_the_kernel_and_not_to_who_reads_the_rule() -> None:
    snapshot = web_host("-A MINE -j DROP\n", legacy=True)
    dummy, path = asked(snapshot, INSIDE_OUT)
    found = compare(path, trace_of(path, end=LOST), snapshot)
    assert found.agree is True
    dummy, passing = asked(web_host(legacy=True), INSIDE_OUT)
    differing = compare(passing, trace_of(path, end=LOST), snapshot)
    assert differing.agree is False
    assert "the kernel applies rule 1 of legacy ip filter MINE (drop): -A MINE -j DROP;" in differing.difference


def test_the_two_backends_are_put_in_the_order_of_their_priorities() -> None:
    """Each comes by a socket of its own."""
    base = web_host("-A FORWARD -i br-000000000000 -j ACCEPT\n", legacy=True)
    assert base.ruleset is not None
    early = TWO_TABLES.format("accept").replace('"prio": 0', '"prio": -5')
    snapshot = replace(base, ruleset=replace(base.ruleset, nft_json=early))
    dummy, path = asked(snapshot, INSIDE_OUT)
    events = events_of(path)
    forward = [event for event in events if event.hook == "forward"]
    assert [event.backend for event in forward][:3] == ["nft", "nft", "legacy"]
    later = sorted(forward, key=lambda event: event.backend == "nft")
    mixed = [later[0], later[-1], *later[1:-1]]
    for order in (later, mixed):
        said = [event for event in events if event.hook == "prerouting"] + order
        said += [event for event in events if event.hook == "postrouting"]
        found = compare(path, trace_of(path, said), snapshot)
        assert found.agree is True, found.difference


def test_what_keeps_a_packet_from_the_host_is_before_where_a_trace_begins() -> None:
    base = operators_host()
    dummy, path = asked(base, OUTSIDE_IN)
    unheard = replace(path, steps=[replace(path.steps[0], place="bridge", action="unreachable")], verdict="unreachable")
    found = compare(unheard, replace(trace_of(path), sent="injected"), base)
    assert found.agree is None
    assert found.difference.endswith("; the trace begins where the packet has come to the host")


def test_policies_of_iptables_legacy_come_with_the_number_behind_the_last_rule() -> None:
    snapshot = web_host("", legacy=True)
    dummy, path = asked(snapshot, INSIDE_OUT)
    events = [
        replace(event, number=2) if event.kind == "policy" and event.chain == "FORWARD" else event
        for event in events_of(path)
    ]
    assert compare(path, trace_of(path, events), snapshot).agree is True


# Without nft itself no rule has a handle.


def test_without_handles_rules_are_told_by_their_chain_and_verdict() -> None:
    snapshot = web_host("-A MINE -i br-000000000000 -j RETURN\n-A FORWARD -i br-000000000000 -j ACCEPT\n")
    dummy, path = asked(snapshot, INSIDE_OUT)
    events = [replace(event, handle=place) if event.kind == "rule" else event
              for place, event in enumerate(events_of(path), 5)]  # fmt: skip
    assert compare(path, trace_of(path, events), snapshot).agree is True
    last = [place for place, event in enumerate(events) if event.hook == "forward"][-1]
    events[last] = replace(events[last], verdict="drop")
    assert compare(path, trace_of(path, events[: last + 1], DROPPED_BY_RULE), snapshot).agree is False


TWO_TABLES = """{{"nftables": [
  {{"table": {{"family": "ip", "name": "a", "handle": 1}}}},
  {{"table": {{"family": "inet", "name": "b", "handle": 2}}}},
  {{"chain": {{"family": "ip", "table": "a", "name": "f", "handle": 1, "type": "filter", "hook": "forward", "prio": 0,
              "policy": "accept"}}}},
  {{"chain": {{"family": "inet", "table": "b", "name": "f", "handle": 1, "type": "filter", "hook": "forward", "prio": 0,
              "policy": "accept"}}}},
  {{"rule": {{"family": "ip", "table": "a", "chain": "f", "handle": 2, "expr": [{{"accept": null}}]}}}},
  {{"rule": {{"family": "inet", "table": "b", "chain": "f", "handle": 2, "expr": [{{"{}": null}}]}}}}]}}"""


@pytest.mark.parametrize("verdict", ["accept", "drop"])
def test_tables_of_one_priority_come_in_any_order(verdict: str) -> None:
    snapshot = replace(operators_host(), ruleset=Ruleset(save={}, nft_json=TWO_TABLES.format(verdict)))
    dummy, path = asked(snapshot, INSIDE_OUT)
    events = events_of(path)
    if verdict == "accept":
        assert len(events) == 2
        assert compare(path, trace_of(path, events[::-1]), snapshot).agree is True
        assert compare(path, trace_of(path, events[:1]), snapshot).agree is False
    else:
        # What drops may come before the other one, which then never sees it.
        assert compare(path, trace_of(path, events[-1:], DROPPED_BY_RULE), snapshot).agree is True
