"""Why the Engine API could not be reached, in words that help."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import engine_api
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError

from tests.hostile.engine_server import Answer, EngineServer, answer_of
from tests.unit.patience import SECONDS, Clock


def reason(docker_host: str) -> tuple[str, str]:
    with pytest.raises(UnreadableError) as caught:
        engine_api.fetch(docker_host)
    return caught.value.kind, caught.value.reason


def test_another_machine() -> None:
    kind, words = reason("tcp://192.0.2.1:2375")
    assert kind == "error"
    assert words.startswith("docker_host (or DOCKER_HOST) is 'tcp://192.0.2.1:2375', ")
    assert "allowed: unix:///" in words


def test_no_socket(tmp_path: Path) -> None:
    kind, words = reason(f"unix://{tmp_path}/docker.sock")
    assert kind == "error"
    assert "nothing listens" in words


def test_a_socket_without_a_listener(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    kind, words = reason(f"unix://{path}")
    assert kind == "error"
    assert "nothing listens" in words


def test_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_api, "TIME_LIMIT", 0.2)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "docker.sock"))
        silent.listen()
        kind, words = reason(f"unix://{tmp_path}/docker.sock")
    assert kind == "error"
    assert "did not answer" in words


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.0 500 Oops\r\nContent-Type: application/json\r\n\r\n" + b'{"message": "broken"}', "broken"),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", "does not answer like a Docker Engine"),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", "does not answer like a Docker Engine"),
        (b"", "could not be reached"),
    ],
)
def test_no_engine_answers(tmp_path: Path, answer: bytes, words: str) -> None:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(tmp_path / "docker.sock"))
        stranger.listen()
        stranger.settimeout(SECONDS)

        def serve() -> None:
            connection = stranger.accept()[0]
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        kind, said = reason(f"unix://{tmp_path}/docker.sock")
        thread.join()
    assert kind == "error"
    assert words in said


LARGE = b'{"Id": "b", "Labels": "' + b"x" * engine_api.MOST_OF_A_CONTAINER + b'"}'


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (Answer(b'{"Id": "b"}'), ""),
        (Answer(b'{"message": "no such container"}', 404), ""),
        (
            Answer(b'{"message": "layer does not exist"}', 500),
            "the engine refused the request for it: layer does not exist",
        ),
        (Answer(LARGE), "the engine's answer about it cannot be read: its answer has more than 2 MiB"),
        (Answer(b"{"), "the engine's answer about it cannot be read: its answer is not JSON"),
        pytest.param(
            Answer(raw=lambda: iter([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n"])),
            "not answer with HTTP",
            marks=pytest.mark.skipif(sys.version_info < (3, 10), reason="taken for a connection that broke"),
        ),
    ],
)
def test_one_container_takes_away_nothing_but_itself(tmp_path: Path, second: Answer, words: str) -> None:
    names = {"a": "/first", "b\r\n é": "/second", "c": "/third"}
    server = EngineServer(
        tmp_path / "docker.sock",
        {
            "/version": answer_of({"ApiVersion": "1.47"}),
            "/info": answer_of({}),
            "/networks": answer_of([]),
            "/containers/json": answer_of([{"Id": key, "Names": [name]} for key, name in names.items()]),
            "/containers/a/json": answer_of({"Id": "a"}),
            "/containers/b%0D%0A%20%C3%A9/json": second,
            "/containers/c/json": answer_of({"Id": "c"}),
        },
    )
    server.start()
    try:
        found = engine_api.fetch(f"unix://{tmp_path}/docker.sock")
    finally:
        server.close()
    assert {"a", "c"} <= {item["Id"] for item in found.containers}
    assert [gap.name for gap in found.gaps] == (["second"] if words else [])
    assert all(words in gap.reason for gap in found.gaps)


def test_containers_that_the_engine_hangs_at_cost_themselves_and_a_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, ended = Clock(monkeypatch), threading.Event()

    def nothing() -> Iterator[bytes]:
        clock.go_on()
        # A byte has it look at the time.
        yield b"H"
        ended.wait(SECONDS)

    names = ["first", "stuck", "between", "held", "last"]
    said = {f"/containers/{name}/json": answer_of({"Id": name}) for name in names}
    said |= dict.fromkeys(["/containers/stuck/json", "/containers/held/json"], Answer(raw=nothing))
    said["/containers/json"] = answer_of([{"Id": name, "Names": [f"/{name}"]} for name in names])
    said |= {"/version": answer_of({"ApiVersion": "1.47"}), "/info": answer_of({}), "/networks": answer_of([])}
    server = EngineServer(tmp_path / "docker.sock", said)
    server.start()
    try:
        found = engine_api.fetch(f"unix://{tmp_path}/docker.sock")
    finally:
        ended.set()
        server.close()
    assert [item["Id"] for item in found.containers] == ["first", "between"]
    assert [gap.name for gap in found.gaps] == ["stuck", "held", "last"]
    assert ["in time" in gap.reason for gap in found.gaps] == [True, True, False]


def test_many_large_ones_leave_room_for_small_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_api, "MOST_IN_COMMON", 3 << 20)
    names = [f"large{number}" for number in range(9)] + ["small"]
    sizes = dict.fromkeys(names, 1 << 20) | {"small": 10_000}
    said = {f"/containers/{name}/json": answer_of({"Id": name, "Labels": {"x": "x" * sizes[name]}}) for name in names}
    said["/containers/json"] = answer_of([{"Id": name, "Names": [f"/{name}"]} for name in names])
    said |= {"/version": answer_of({"ApiVersion": "1.47"}), "/info": answer_of({}), "/networks": answer_of([])}
    server = EngineServer(tmp_path / "docker.sock", said)
    server.start()
    try:
        found = engine_api.fetch(f"unix://{tmp_path}/docker.sock")
    finally:
        server.close()
    assert [item["Id"] for item in found.containers] == ["large0", "large1", "large2", "small"]
    assert [gap.name for gap in found.gaps] == names[3:-1]
