# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""packet_trace with a trace: what it asks the kernel, what it makes of the answer, and the screen of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible_collections.dockernet.baseline.plugins.action import packet_trace as action
from ansible_collections.dockernet.baseline.plugins.action.trace_report import trace_screen
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    DROPPED_BY_RULE,
    INJECTED,
    KernelTrace,
    TraceEvent,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE, pack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import Question, packet_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.host_reading import READER

from tests.unit.plugins.action.conftest import action_with
from tests.unit.plugins.plugin_utils.trace.kernel_events import events_of, trace_of
from tests.unit.recorded_host import recorded_host

HOST = recorded_host("iptables-proxy-on")
PUBLISHED = {"from": "outside", "to": "web:80/tcp"}
Asked = list[tuple[str, dict[str, Any]]]


def path_of(options: dict[str, Any]) -> Path:
    question = Question(options["from"], options["to"], options.get("protocol", ""), options.get("port"))
    return predict(HostView.of(HOST), packet_of(HOST, question))


def run(reply: KernelTrace | dict[str, Any] | None, asked: Asked | None = None, /, **options: Any) -> dict[str, Any]:
    """Run the task over a recorded host, whose kernel traces that."""

    def execute(module_name: str, module_args: Any = None, **dummy_more: Any) -> dict[str, Any]:
        if asked is not None:
            asked.append((module_name, module_args))
        if module_name == READER:
            return {"changed": False, WIRE: pack(HOST.to_json())}
        if isinstance(reply, dict):
            return reply
        return {"changed": False, "msg": "", "trace": json.loads(json.dumps(to_plain(reply)))}

    task = action_with(action, "packet_trace", execute, options)
    found: dict[str, Any] = task.run(task_vars={"inventory_hostname": "edge1"})
    return found


def injected(path: Path, **changes: Any) -> KernelTrace:
    return replace(trace_of(path), sent=INJECTED, **changes)


def test_the_kernel_is_asked_for_the_packet_in_numbers() -> None:
    asked: Asked = []
    run(injected(path_of(PUBLISHED)), asked, **PUBLISHED, trace="dry")
    assert [name for name, dummy in asked] == [READER, action.TRACER]
    wanted = asked[1][1]
    assert wanted["origin"] == {"kind": "outside", "name": "eth0"}
    assert (wanted["destination"], wanted["port"], wanted["protocol"]) == ("172.17.0.57", 8080, "tcp")
    assert wanted["source"] == path_of(PUBLISHED).first_source
    assert wanted["expected"] == [{"destination": "10.88.1.2", "port": 80}]
    assert (wanted["mode"], wanted["wait"]) == ("dry", 0)
    # Where the task does not say where the engine is asked, that is for the host to know.
    assert "docker_host" not in wanted
    asked.clear()
    inside = {"from": "web", "to": "203.0.113.9:443"}
    run(trace_of(path_of(inside)), asked, **inside, trace="live", trace_wait=3, docker_host="unix:///run/my.sock")
    web = next(container.id for container in HOST.containers if container.name == "web")
    assert asked[1][1]["origin"] == {"kind": "container", "name": web}
    assert (asked[1][1]["source"], asked[1][1]["mode"], asked[1][1]["wait"]) == ("", "live", 3)
    assert asked[1][1]["docker_host"] == "unix:///run/my.sock"


def test_nothing_is_traced_unless_it_is_asked_for() -> None:
    asked: Asked = []
    result = run(None, asked, **PUBLISHED)
    assert [name for name, dummy in asked] == [READER]
    assert "traced" not in result
    assert "probe" not in result


def test_what_agrees_is_said_in_one_sentence_and_listed_side_by_side() -> None:
    path = path_of(PUBLISHED)
    result = run(injected(path), **PUBLISHED, trace="dry")
    traced = result["traced"]
    assert (traced["agree"], traced["difference"], traced["command"]) == (True, "", "")
    assert traced["summary"].startswith("it would leave by br-")
    assert traced["summary"].endswith(", as predicted (11 rules and policies compared)")
    assert [path.steps[place].chain for place in traced["same"]] == [step["chain"] for step in traced["steps"]]
    dummy, section = result["listing"].split("dry trace: ")
    assert f"{section}\n".count(" the same\n") == 11
    assert "=>" not in section
    assert "on a machine outside" not in section
    lines = trace_screen("edge1", result, 120)
    assert "  dry trace     it would leave by " in "\n".join(lines)
    marks = [line.split()[0] for line in lines if line.startswith(("  ok", "  !=", "  =>"))]
    assert set(marks) == {"ok", "=>"}
    assert not [line for line in lines if "in the kernel" in line]


def test_the_first_difference_is_marked_on_both_sides() -> None:
    path = path_of(PUBLISHED)
    events = events_of(path)
    first = next(place for place, event in enumerate(events) if event.hook == "forward")
    dropped = TraceEvent(
        "request", "nft", "forward", "ip filter", "FORWARD", "policy", "drop", incoming="eth0", outgoing="br-x"
    )
    trace = injected(path, end=DROPPED_BY_RULE, events=[*events[:first], dropped])
    result = run(trace, **PUBLISHED, trace="dry")
    traced = result["traced"]
    assert traced["agree"] is False
    assert path.steps[traced["predicted_step"]].chain == "FORWARD"
    assert traced["steps"][traced["traced_step"]]["action"] == "drop"
    marked = [line for line in result["listing"].split("dry trace: ")[1].splitlines() if line.startswith("=>")]
    (line,) = marked
    assert "rule 1 of ip filter FORWARD (jump)" in line
    assert line.endswith("the policy of ip filter FORWARD (drop)")
    screen = "\n".join(trace_screen("edge1", result, 120))
    assert (
        "  difference    in forward of the request the kernel applies the policy of ip filter FORWARD (drop);" in screen
    )
    below = screen.split("in the kernel (dry trace)")[1]
    assert "  !=  request  forward     drop" in below


def test_where_no_packet_could_be_made_the_command_for_a_machine_outside_is_said() -> None:
    trace = KernelTrace("dry", "", "not_seen", complete=False, problem="this kernel cannot take a packet in")
    result = run(trace, **PUBLISHED, trace="dry")
    assert result["traced"]["command"] == "nc -vz 172.17.0.57 8080"
    assert result["traced"]["agree"] is None
    assert "    on a machine outside: nc -vz 172.17.0.57 8080" in result["listing"].splitlines()
    echo = run(trace, **{"from": "outside", "to": "host"}, protocol="icmp", trace="dry")
    assert echo["traced"]["command"] == "ping -c 1 172.17.0.57"


def test_a_packet_that_was_waited_for_is_the_one_that_is_predicted() -> None:
    path = path_of(PUBLISHED)
    trace = replace(trace_of(path), sent="waited", source="198.51.100.7:50000", end_source="198.51.100.7:50000")
    result = run(trace, **PUBLISHED, trace="dry", trace_wait=30)
    assert (result["packet"]["source"], result["packet"]["source_port"]) == ("198.51.100.7", 50000)
    assert result["traced"]["agree"] is True


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"trace": "dry", "snapshot_path": "/root/saved.json"},
            "trace: dry asks the kernel as it is now, and snapshot",
        ),
        ({"trace": "dry", "trace_wait": 601}, "trace_wait: 601 is not from 0 to 600 seconds"),
        ({"trace": "all"}, "value of trace must be one of: none, dry, live"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_host_is_asked(options: dict[str, Any], words: str) -> None:
    asked: Asked = []
    with pytest.raises(AnsibleError, match=words):
        run(None, asked, **PUBLISHED, **options)
    assert asked == []


def test_a_trace_that_failed_fails_the_task_with_the_prediction_in_it() -> None:
    result = run({"failed": True, "msg": "run it as root"}, **PUBLISHED, trace="dry")
    assert (result["failed"], result["msg"]) == (True, "trace: run it as root")
    assert result["path"]["verdict"] == "delivered"


def test_an_answer_that_is_no_trace_is_said_to_be_none() -> None:
    result = run({"changed": False, "trace": {"mode": 7}}, **PUBLISHED, trace="dry")
    assert result["failed"] is True
    assert result["msg"].startswith("the host did not answer like dockernet.baseline.kernel_trace: ")


def test_names_that_a_host_chose_are_shown_with_escapes() -> None:
    path = path_of(PUBLISHED)

    def hostile(text: str) -> str:
        return f"{text}\x1b[2J"

    events = [replace(event, chain=hostile(event.chain), incoming=hostile("eth0")) for event in events_of(path)]
    trace = injected(path, events=events, end_device=hostile("eth0"), problem=hostile("no"))
    result = run(trace, **PUBLISHED, trace="dry")
    assert "\x1b" not in result["listing"]
    assert "\x1b" not in "\n".join(trace_screen("edge1", result, 120))
