"""Why the Engine API could not be asked, in words that help."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import engine_api
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import UnreadableError

SECONDS = 5.0


def reason(docker_host: str) -> tuple[str, str]:
    with pytest.raises(UnreadableError) as caught:
        engine_api.fetch(docker_host)
    return caught.value.kind, caught.value.reason


def test_another_machine() -> None:
    kind, words = reason("tcp://192.0.2.1:2375")
    assert kind == "error"
    assert words.startswith("docker_host is 'tcp://192.0.2.1:2375', which is no place on this host; it takes unix:///")


def test_no_socket(tmp_path: Path) -> None:
    kind, words = reason(f"unix://{tmp_path}/docker.sock")
    assert kind == "error"
    assert "does not exist" in words


def test_a_socket_without_a_listener(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(path))
    kind, words = reason(f"unix://{path}")
    assert kind == "error"
    assert "nobody listens" in words


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
        (b"", "could not be asked"),
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
