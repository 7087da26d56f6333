# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""connection_diagnosis from its options to its result: what a host is asked, in which order, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible_collections.dockernet.baseline.plugins.action import connection_diagnosis as action
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import KernelTrace
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import (
    FAILED,
    NAME,
    NameserverAnswer,
    Probe,
    ProbeLayer,
    ProcessState,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE, pack

from tests.unit.docker_host import DockerHost
from tests.unit.plugins.action.conftest import action_with, told_by

NAMES = {"host_reader": "read", "container_probe": "probe", "kernel_trace": "trace"}
LEFT = KernelTrace("dry", "socket", "left", complete=True, end_device="eth0")


def docker_host() -> DockerHost:
    host = DockerHost()
    network = host.network()
    host.container("web", [network], [], [("tcp", 80)])
    host.container("db", [network], [], [("tcp", 5432)])
    return host


class FakeHost:
    """Answers modules as a host would; what is asked of it is kept."""

    def __init__(self, observed: str = "answered", **answers: Any) -> None:
        """Answers: what a module returns, by ``read``, ``probe`` or ``trace``; an error is raised."""
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.snapshot = docker_host().snapshot()
        self._observed = observed
        self._answers = answers

    def execute(self, module_name: str, module_args: dict[str, Any], **dummy_more: Any) -> dict[str, Any]:
        what = NAMES[module_name.rpartition(".")[2]]
        self.asked.append((what, module_args))
        answer = self._answers.get(what)
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            found: dict[str, Any] = answer
            return found
        if what == "read":
            return {"changed": False, WIRE: pack(self.snapshot.to_json())}
        if what == "trace":
            return {"changed": False, "trace": to_plain(LEFT)}
        return {"probes": [to_plain(self._probe(module_args, item)) for item in module_args["probes"]], "process": None}

    def _probe(self, arguments: Mapping[str, Any], item: Mapping[str, Any]) -> Probe:
        origin = arguments["from"].removeprefix("container ")
        target = str(item["to"])
        address = target if target[:1].isdigit() else {"db": "172.18.0.3"}.get(target, "203.0.113.9")
        return Probe(origin, target, item["protocol"], item.get("port", 0), address, self._observed)

    def run(self, **options: Any) -> dict[str, Any]:
        plugin = action_with(action, "connection_diagnosis", self.execute, options)
        result: dict[str, Any] = plugin.run(task_vars={"inventory_hostname": "alpha"})
        return result


OUT = {"from": "web", "to": "203.0.113.9:443"}


def test_it_reads_before_it_probes_and_probes_before_it_traces() -> None:
    host = FakeHost()
    result = host.run(**OUT, read_timeout=7, probe_timeout=2)
    assert [what for what, dummy in host.asked] == ["read", "probe", "trace"]
    assert told_by(host.asked[0][1])["read_timeout"] == 7
    assert host.asked[1][1] == {
        "from": "container web",
        "probes": [{"to": "203.0.113.9", "port": 443, "protocol": "tcp"}],
        "layers": "all",
        "timeout": 2,
    }
    assert host.asked[2][1] == {
        "origin": {"kind": "container", "name": host.snapshot.containers[0].id},
        "destination": "203.0.113.9",
        "protocol": "tcp",
        "port": 443,
        "source": "",
        "expected": [],
        "mode": "dry",
        "seconds": 5,
    }
    assert result["changed"] is False
    assert result["diagnosis"]["verdict"] == "no_fault"
    assert result["listing"].splitlines()[0] == result["msg"]
    assert WIRE not in result


def test_a_container_that_is_asked_is_probed_from_inside_as_well() -> None:
    host = FakeHost()
    host.run(**{"from": "outside", "to": "db", "port": 5432}, trace="none")
    asked = [(arguments["from"], [item["to"] for item in arguments["probes"]]) for dummy, arguments in host.asked[1:]]
    assert asked == [("host", ["172.18.0.3"]), ("container db", ["172.18.0.3", "127.0.0.1"])]


@pytest.mark.parametrize(
    ("options", "asked"), [({"probe": False}, ["read", "trace"]), ({"trace": "none"}, ["read", "probe"])]
)
def test_what_is_not_wanted_is_not_done(options: dict[str, Any], asked: list[str]) -> None:
    host = FakeHost()
    host.run(**OUT, **options)
    assert [what for what, dummy in host.asked] == asked


def test_a_name_is_looked_up_where_it_is_asked_and_its_address_is_followed() -> None:
    host = FakeHost()
    result = host.run(**{"from": "web", "to": "https://example.test/"})
    assert host.asked[1][1]["probes"] == [{"to": "example.test", "port": 443, "protocol": "https"}]
    assert [what for what, dummy in host.asked] == ["read", "probe", "trace"]
    assert result["diagnosis"]["packet"]["destination"] == "203.0.113.9"
    assert result["diagnosis"]["verdict"] == "no_fault"


def test_a_name_without_an_address_is_a_fault_of_resolution() -> None:
    layer = ProbeLayer(NAME, "example.test", FAILED, "SERVFAIL")
    probe = Probe("web", "example.test", "tcp", 443, "", "unreachable", [layer])
    host = FakeHost(probe={"probes": [to_plain(probe)], "process": None})
    host.snapshot = replace(host.snapshot, nameservers=["198.51.100.53"])
    result = host.run(**{"from": "web", "to": "example.test", "port": 443})
    assert result["diagnosis"]["packet"]["destination"] == "198.51.100.53"
    assert [item["cause"] for item in result["diagnosis"]["causes"]] == ["upstream_dns_dead"]


def test_a_name_server_is_followed_from_where_the_probe_found_it_to_be_asked() -> None:
    layer = ProbeLayer(NAME, "example.test", FAILED, "TIMEOUT")
    asked = [
        NameserverAnswer("127.0.0.11", "resolver", "web", "example.test. A", FAILED, "TIMEOUT"),
        NameserverAnswer("198.51.100.1", "upstream", "host", "example.test. A", "passed"),
        NameserverAnswer("198.51.100.2", "upstream", "host", "example.test. A", FAILED, "TIMEOUT"),
    ]
    probe = Probe("web", "example.test", "tcp", 443, "", "unreachable", [layer], nameservers=asked)
    host = FakeHost(probe={"probes": [to_plain(probe)], "process": None})
    packet = host.run(**{"from": "web", "to": "example.test", "port": 443})["diagnosis"]["packet"]
    assert (packet["origin"]["kind"], packet["destination"], packet["port"]) == ("host", "198.51.100.2", 53)


@pytest.mark.parametrize(
    "broken",
    [
        {"failed": True, "msg": "no such namespace"},
        {"failed": True},
        {},
        {"probes": "x", "trace": "x"},
        {"probes": [{"origin": 5}], "trace": {"mode": 5}},
        {"probes": [None], "trace": [1]},
        AnsibleError("the module was not found"),
    ],
)
def test_a_probe_or_a_trace_that_fails_is_what_could_not_be_looked_at(broken: Any) -> None:
    for part in ("probe", "trace"):
        result = FakeHost(**{part: broken}).run(**OUT)
        assert result["diagnosis"]["verdict"] == "no_fault"
        module = "container_probe" if part == "probe" else "kernel_trace"
        assert [text for text in result["diagnosis"]["undetermined"] if text.startswith(module)]


def test_a_process_that_stands_still_is_said_of_the_container_that_is_asked() -> None:
    state = to_plain(ProcessState("stopped", 9, "db", "process 9 is stopped (SIGSTOP)"))
    probe = to_plain(Probe("web", "172.18.0.3", "tcp", 5432, "172.18.0.3", "answered"))
    host = FakeHost(probe={"probes": [probe], "process": state})
    result = host.run(**{"from": "web", "to": "db", "port": 5432})
    assert [item["cause"] for item in result["diagnosis"]["causes"]] == ["process_stopped"]


def test_a_container_that_does_not_run_is_the_cause_and_nothing_is_sent() -> None:
    host = FakeHost()
    host.snapshot = replace(
        host.snapshot,
        containers=[
            replace(item, pid=None, status="exited", endpoints=[]) if item.name == "db" else item
            for item in host.snapshot.containers
        ],
    )
    result = host.run(**{"from": "web", "to": "db", "port": 5432})
    assert [what for what, dummy in host.asked] == ["read"]
    assert [item["cause"] for item in result["diagnosis"]["causes"]] == ["container_not_running"]
    assert "db" in result["msg"]


def test_a_snapshot_is_kept_where_prediction_and_kernel_differ(tmp_path: Path) -> None:
    dropped = KernelTrace("dry", "socket", "lost", complete=True)
    for trace, kept in ((replace(LEFT, complete=False), False), (dropped, True)):
        folder = tmp_path / trace.end
        host = FakeHost(trace={"trace": to_plain(trace)})
        result = host.run(**OUT, output_dir=str(folder))
        assert (folder / "alpha.snapshot.json").exists() is kept, result["diagnosis"]["comparison"]
        assert ("snapshot_path" in result) is kept


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"to": "203.0.113.9:80"}, "from and to are needed"),
        ({"from": "web"}, "from and to are needed"),
        ({"published": 80, "to": "web"}, "published"),
        ({"from": "web", "to": "203.0.113.9"}, "port"),
        ({"from": "web", "to": "203.0.113.9:80", "judge_timeout": 0}, "judge_timeout"),
    ],
)
def test_what_no_host_could_answer_is_refused_before_it_is_asked(options: dict[str, Any], words: str) -> None:
    host = FakeHost()
    with pytest.raises(AnsibleActionFail, match=words):
        host.run(**options)
    assert host.asked == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"from": "nosuch", "to": "203.0.113.9:80"}, "nosuch"),
        ({"from": "outside", "to": "example.test", "port": 80}, "no name can be looked up from outside"),
        ({"from": "\x1b[2J", "to": "203.0.113.9:80"}, "\\x1b"),
    ],
)
def test_what_this_host_cannot_answer_fails_and_nothing_is_sent(options: dict[str, Any], words: str) -> None:
    host = FakeHost()
    result = host.run(**options)
    assert result["failed"] is True
    assert words in result["msg"]
    assert [what for what, dummy in host.asked] == ["read"]


def test_a_name_needs_a_probe() -> None:
    with pytest.raises(AnsibleActionFail, match=r"probe: example.test:80 is a name"):
        FakeHost().run(**{"from": "web", "to": "example.test:80"}, probe=False)


def test_a_reading_that_fails_is_the_result() -> None:
    failed = {"failed": True, "msg": "become"}
    assert FakeHost(read=failed).run(**OUT) == failed


def test_a_host_that_answers_with_something_else_fails() -> None:
    with pytest.raises(AnsibleActionFail, match="did not answer like"):
        FakeHost(read={WIRE: "x"}).run(**OUT)


def test_a_container_is_asked_by_its_name_as_well_where_the_resolver_knows_it() -> None:
    host = FakeHost()
    result = host.run(**{"from": "web", "to": "db", "port": 5432})
    assert [item["to"] for item in host.asked[1][1]["probes"]] == ["172.18.0.3", "db"]
    assert "db" not in [item["target"] for item in result["diagnosis"]["probes"]]
    assert result["diagnosis"]["verdict"] == "no_fault"


def test_a_name_of_a_container_that_is_not_resolved_is_a_fault_though_its_address_answers() -> None:
    failed = ProbeLayer(NAME, "db", FAILED, "ECONNREFUSED")
    asked = [NameserverAnswer("127.0.0.11", "resolver", "web", "db. A", FAILED, "ECONNREFUSED")]
    probes = [
        Probe("web", "172.18.0.3", "tcp", 5432, "172.18.0.3", "answered"),
        Probe("web", "db", "tcp", 5432, "", "unreachable", [failed], nameservers=asked),
    ]
    host = FakeHost(probe={"probes": [to_plain(item) for item in probes], "process": None})
    causes = host.run(**{"from": "web", "to": "db", "port": 5432})["diagnosis"]["causes"]
    assert [(item["cause"], item["certainty"]) for item in causes] == [("resolver_dead", "certain")]
