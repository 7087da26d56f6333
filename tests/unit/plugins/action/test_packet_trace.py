"""packet_trace from its options to its result, over hosts that exist nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.action import packet_trace as action

from tests.unit.synthetic_host import HOST_ADDRESS, SyntheticHost


def web() -> SyntheticHost:
    return SyntheticHost().container("web", publish=("0.0.0.0|8080|80/tcp",))


@pytest.fixture
def run(task_of: Any) -> Any:
    task = task_of(action)
    return lambda **options: task.run(web().snapshot(), **options)


def test_it_returns_the_packet_and_its_path_as_data_line_listing_and_diagram(run: Any) -> None:
    result = run(**{"from": "outside", "to": "web:80/tcp"})
    assert result["changed"] is False
    assert result["packet"] == {
        "origin": {"kind": "outside", "name": ""},
        "destination": HOST_ADDRESS,
        "protocol": "tcp",
        "port": 8080,
        "source": "",
        "source_port": None,
    }
    assert result["msg"].startswith(f"outside to {HOST_ADDRESS}:8080/tcp: ")
    assert result["listing"].splitlines()[0] == result["msg"]
    assert result["diagram"].startswith("flowchart TD\n")
    assert set(result["path"]) >= {"verdict", "observed", "reason", "steps", "decided_at", "undetermined"}


def test_check_mode_says_the_same(run: Any) -> None:
    options = {"from": "host", "to": "web", "port": 80}
    assert run(**options) == run(**options, _ansible_check_mode=True)


def test_a_saved_snapshot_stands_in_for_the_host(run: Any, tmp_path: Path) -> None:
    options = {"from": "web", "to": "host", "port": 22}
    saved = tmp_path / "saved.json"
    saved.write_text(web().snapshot().to_json(), "utf-8")
    from_file, from_host = run(**options, snapshot_path=str(saved)), run(**options)
    del from_file["invocation"], from_host["invocation"]
    assert from_file == {**from_host, "snapshot_path": str(saved)}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"from": "nobody", "to": "web", "port": 80}, "from: there is no container 'nobody'; there are web; allowed"),
        ({"from": "outside lo", "to": "web", "port": 80}, "from: no machine outside is behind lo; the host's uplinks"),
        (
            {"from": "outside docker0", "to": "web", "port": 80},
            "from: no machine outside is behind docker0; the host's uplinks are eth0",
        ),
        ({"from": "outside", "to": "web"}, "port: tcp to web needs a port"),
        ({"from": "outside", "to": "web", "port": 65536}, "port: 65536"),
        ({"from": "outside", "to": "192.0.2.10", "port": 80, "source": "me"}, "source: 'me'"),
        ({"from": "outside nowhere", "to": "192.0.2.10", "port": 80}, "from: the host has no interface 'nowhere'"),
        ({"from": "outside", "to": "224.0.0.1", "port": 80}, "to: 224.0.0.1 is not the address of a single machine"),
        ({"from": "\x1b[2Jweb", "to": "web", "port": 80}, "from: there is no container '\\x1b[2Jweb'"),
        ({"from": "host", "to": "\x1b[2J:80"}, "to: there is no container '\\x1b[2J'"),
        ({"from": "outside", "to": "host", "port": 80, "snapshot_path": "/nonexistent"}, "snapshot_path: /nonexistent"),
    ],
)
def test_what_cannot_be_asked_is_an_error_that_says_why(run: Any, options: dict[str, Any], words: str) -> None:
    result = run(**options)
    assert result["failed"] is True
    assert words in result["msg"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": 99}', '{"schema": 1}', "\udcff"])
def test_a_file_that_is_no_snapshot_is_an_error(run: Any, tmp_path: Path, text: str) -> None:
    saved = tmp_path / "saved.json"
    saved.write_bytes(text.encode("utf-8", "surrogateescape"))
    result = run(**{"from": "outside", "to": "host", "port": 80}, snapshot_path=str(saved))
    assert result["failed"] is True
    assert "is not a snapshot of docker_netcheck" in result["msg"]


def test_a_snapshot_with_values_that_cannot_be_is_an_error(run: Any, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    saved.write_text(web().snapshot().to_json().replace(f"{HOST_ADDRESS}/24", "banana"), "utf-8")
    result = run(**{"from": "outside", "to": "192.0.2.10", "port": 80}, snapshot_path=str(saved))
    assert result["failed"] is True
    assert "banana" in result["msg"]


def test_the_time_for_the_reading_is_passed_on_and_takes_a_second_at_least(run: Any) -> None:
    assert "failed" not in run(read_timeout=7, **{"from": "outside", "to": "web:80/tcp"})
    refused = run(read_timeout=0, **{"from": "outside", "to": "web:80/tcp"})
    assert refused["failed"] is True
    assert refused["msg"].startswith("read_timeout: ")
    assert refused["msg"].endswith(" found 0")
