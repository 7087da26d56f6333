"""A network or container that the engine describes strangely costs itself and nobody else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import engine, procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import Dockerds
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_api import Answers
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import ERROR, UnreadableError

CONTAINER: dict[str, Any] = {
    "Id": "c" * 64,
    "Name": "/web",
    "State": {"Status": "running", "Pid": 7, "StartedAt": "2026-01-01T00:00:00Z"},
    "Config": {"Image": "web", "Labels": {"team": "shop"}},
    "HostConfig": {"NetworkMode": "front", "RestartPolicy": {"Name": "always"}},
    "NetworkSettings": {
        "Networks": {"front": {"NetworkID": "n" * 64, "IPAddress": "10.1.0.2", "Gateway": "10.1.0.1"}},
        "Ports": {"80/tcp": [{"HostIp": "192.0.2.1", "HostPort": "8080"}]},
    },
}
NETWORK: dict[str, Any] = {
    "Id": "n" * 64,
    "Name": "front",
    "Driver": "bridge",
    "IPAM": {"Config": [{"Subnet": "10.1.0.0/16", "Gateway": "10.1.0.1"}]},
    "Options": {},
    "Labels": {},
}


def changed(item: dict[str, Any], *path: Any, value: Any) -> dict[str, Any]:
    again = copy.deepcopy(item)
    place: Any = again
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return again


def ask(monkeypatch: pytest.MonkeyPatch, networks: list[Any], containers: list[Any]) -> engine.Declared:
    answers = Answers({"Version": "28.0.0", "ApiVersion": "1.48"}, {}, networks, containers)
    monkeypatch.setattr(engine, "fetch", lambda docker_host: answers)
    return engine.read_declared("unix:///run/docker.sock", None, Dockerds(), runs=True)


def test_what_is_as_it_should_be_leaves_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ask(monkeypatch, [NETWORK], [CONTAINER])
    assert found.gaps == []
    assert found.containers[0].published[0].host_port == 8080
    without = changed(NETWORK, "IPAM", "Config", value=[{"Subnet": "", "Gateway": ""}])
    assert ask(monkeypatch, [without], []).gaps == []


@pytest.mark.parametrize(
    ("letter", "freezer", "words"),
    [
        ("T", "", "no answer: process 9 is stopped; continue it (kill -CONT 9)"),
        ("t", "", "no answer: process 9 is stopped; continue it (kill -CONT 9)"),
        ("S", "/x/cgroup.freeze", "no answer: process 9 is frozen; thaw its control group (/x/cgroup.freeze)"),
        ("S", "", "no answer"),
        ("D", "", "no answer"),
        ("", "", "no answer"),
    ],
)
def test_a_dockerd_that_cannot_answer_is_named_with_what_keeps_it(
    monkeypatch: pytest.MonkeyPatch, letter: str, freezer: str, words: str
) -> None:
    def refuse(docker_host: str) -> Answers:
        raise UnreadableError(ERROR, "no answer")

    dockerd = procfs.Process(9, "dockerd", 1, 5, letter)
    monkeypatch.setattr(engine, "fetch", refuse)
    monkeypatch.setattr(procfs, "freezer", lambda dummy: freezer)
    monkeypatch.setattr(procfs, "read_process", lambda dummy: dockerd if letter else None)
    with pytest.raises(UnreadableError) as caught:
        engine.read_declared("unix:///run/docker.sock", None, Dockerds(dockerd), runs=True)
    assert (caught.value.kind, caught.value.reason) == (ERROR, words)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("Name",), None),
        (("Id",), 7),
        (("State",), []),
        (("State", "Pid"), "7"),
        (("State", "Pid"), 1 << 40),
        (("State", "Pid"), -1),
        (("State", "Status"), ["running"]),
        (("Config", "Image"), {"a": 1}),
        (("Config", "Labels"), ["team"]),
        (("HostConfig", "CapAdd"), [1]),
        (("HostConfig", "RestartPolicy"), "always"),
        (("NetworkSettings", "Networks"), ["front"]),
        (("NetworkSettings", "Networks", "front"), "front"),
        (("NetworkSettings", "Networks", "front", "IPAddress"), "10.1.0.2/16\n"),
        (("NetworkSettings", "Networks", "front", "IPAddress"), "bré"),
        (("NetworkSettings", "Ports"), {"²/tcp": [{"HostIp": "", "HostPort": "80"}]}),
        (("NetworkSettings", "Ports"), {"80/tcp": [{"HostIp": "", "HostPort": "²"}]}),
        (("NetworkSettings", "Ports"), {"80/tcp": [{"HostIp": "", "HostPort": "9" * 400}]}),
        (("NetworkSettings", "Ports"), {"80/tcp": [{"HostIp": "x", "HostPort": "80"}]}),
        (("NetworkSettings", "Ports"), {"80/tcp": "8080"}),
    ],
)
def test_a_strange_container_costs_itself_alone(
    monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...], value: Any
) -> None:
    other = changed(CONTAINER, "Name", value="/db")
    found = ask(monkeypatch, [NETWORK], [changed(CONTAINER, *path, value=value), other])
    assert [item.name for item in found.containers] == ["db"]
    (gap,) = found.gaps
    assert (gap.source, gap.kind) == ("engine", "container")
    assert gap.name == ("web" if path != ("Name",) else "c" * 64)
    assert gap.reason.startswith("the engine's answer about it ")


@pytest.mark.parametrize("item", [None, 7, "web", [], {}])
def test_what_is_not_even_an_object(monkeypatch: pytest.MonkeyPatch, item: Any) -> None:
    found = ask(monkeypatch, [item, NETWORK], [CONTAINER, item])
    assert [item.name for item in found.networks] == ["front"]
    assert [item.name for item in found.containers] == ["web"]
    assert [(gap.kind, gap.name) for gap in found.gaps] == [
        ("network", "without a name"),
        ("container", "without a name"),
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("IPAM", "Config", 0, "Subnet"), "garbage"),
        (("IPAM", "Config", 0, "Subnet"), "10.0.0.0/99"),
        (("IPAM", "Config", 0, "Gateway"), 7),
        (("IPAM", "Config"), "10.1.0.0/16"),
        (("Options",), "x"),
        (("Driver",), 7),
    ],
)
def test_a_strange_network_costs_itself_and_who_is_on_it(
    monkeypatch: pytest.MonkeyPatch, path: tuple[Any, ...], value: Any
) -> None:
    back = changed(NETWORK, "Name", value="back")
    lost = changed(changed(NETWORK, "Id", value="f" * 64), *path, value=value)
    on_lost = changed(CONTAINER, "NetworkSettings", "Networks", "front", "NetworkID", value="f" * 64)
    on_back = changed(changed(CONTAINER, "Name", value="/db"), "NetworkSettings", "Networks", value={"back": {}})
    found = ask(monkeypatch, [lost, back], [on_lost, on_back])
    assert [item.name for item in found.networks] == ["back"]
    assert [(gap.kind, gap.name) for gap in found.gaps] == [("network", "front"), ("container", "web")]
    assert {item.name for item in found.containers} == {"web", "db"}


def test_words_of_an_answer_are_made_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    strange = changed(CONTAINER, "State", "Status", value="\x1b[31m")
    strange = changed(strange, "NetworkSettings", "Networks", "front", "IPAddress", value="\x1b[2J" + "x" * 4000)
    (gap,) = ask(monkeypatch, [NETWORK], [strange]).gaps
    assert "\x1b" not in gap.reason
    assert len(gap.reason) < 300


def test_networks_without_end_that_all_have_one_fault_are_one_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ask(monkeypatch, [{}] * 20_000, [CONTAINER])
    assert [(gap.kind, gap.name) for gap in found.gaps] == [("network", "without a name")]
    assert [item.name for item in found.containers] == ["web"]


def test_gaps_beyond_a_bound_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MOST_GAPS", 3)
    strange = [{"Name": f"net{number}"} for number in range(5)]
    gone: dict[str, Any] = {f"net{number}": {} for number in range(4)}
    beside = changed(changed(CONTAINER, "Name", value="/odd"), "NetworkSettings", "Networks", value=gone)
    found = ask(monkeypatch, [*strange, NETWORK], [CONTAINER, beside])
    assert [(gap.kind, gap.name) for gap in found.gaps] == [
        *(("network", name) for name in ("net0", "net1", "net2", "2 more")),
        *(("container", name) for name in ("odd", "odd", "odd", "1 more")),
    ]
    assert [item.name for item in found.networks] == ["front"]
    assert [item.name for item in found.containers] == ["web", "odd"]
