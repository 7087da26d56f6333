# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP as engines, and what stands in front of them, speak it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import engine_api
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import deadline
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_api import (
    EngineAddress,
    EngineConnection,
    NotHttpError,
    RefusedError,
)

from tests.unit.patience import EVER, SECONDS, Clock

GONE = {3, 40}
COUNT = 100

Answer = Callable[[int, bytes], bytes]


def plain(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d Words\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def chunked(status: int, body: bytes) -> bytes:
    parts = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in (body[:2], body[2:]) if part)
    return b"HTTP/1.1 %d Words\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\nTrailer: x\r\n\r\n" % (status, parts)


def closing(status: int, body: bytes) -> bytes:
    return b"HTTP/1.1 %d Words\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def old(status: int, body: bytes) -> bytes:
    return b"HTTP/1.0 %d Words\r\n\r\n%b" % (status, body)


class Engine:
    """Answers each request for /NUMBER with that number, as one of the functions above puts it."""

    def __init__(self, path: Path, answer: Answer, *, keeps: bool) -> None:
        self.answer = answer
        self.keeps = keeps
        self.connections = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while True:
            connection = self.listener.accept()[0]
            with connection, connection.makefile("rb") as requests:
                first = requests.readline()
                if not first:
                    return
                self.connections += 1
                while first:
                    while requests.readline().strip():
                        """Headers say nothing of use."""
                    number = int(first.split()[1][1:])
                    status, said = (404, {"message": "gone"}) if number in GONE else (200, {"number": number})
                    connection.sendall(self.answer(status, json.dumps(said).encode()))
                    first = requests.readline() if self.keeps else b""

    def end(self, path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(path))
        self.thread.join(SECONDS)
        self.listener.close()


@pytest.fixture(
    params=[(plain, True), (chunked, True), (closing, False), (old, False)], ids=lambda item: item[0].__name__
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    path = tmp_path / "engine.sock"
    answer, keeps = request.param
    found = Engine(path, answer, keeps=keeps)
    yield found
    found.end(path)


@pytest.fixture
def connection(engine: Engine, tmp_path: Path) -> Iterator[EngineConnection]:
    assert engine.connections == 0
    with EngineConnection(EngineAddress(f"{tmp_path}/engine.sock"), SECONDS) as found:
        yield found


def test_many_answers_in_their_order(engine: Engine, connection: EngineConnection) -> None:
    assert connection.get("/7") == {"number": 7}
    for number in range(COUNT):
        if number in GONE:
            with pytest.raises(RefusedError):
                connection.get(f"/{number}")
        else:
            assert connection.get(f"/{number}") == {"number": number}
    assert connection.get("/8") == {"number": 8}
    assert engine.connections == 1 if engine.keeps else COUNT + 2


def test_a_refusal_has_the_engines_words(connection: EngineConnection) -> None:
    with pytest.raises(RefusedError, match=r"^gone$") as caught:
        connection.get("/3")
    assert caught.value.status == 404


def said(tmp_path: Path, answer: bytes) -> object:
    """What becomes of the first answer of a stranger."""
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(tmp_path / "engine.sock"))
        stranger.listen()

        def serve() -> None:
            with stranger.accept()[0] as accepted:
                accepted.recv(65536)
                accepted.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with EngineConnection(EngineAddress(f"{tmp_path}/engine.sock"), SECONDS) as connection:
                return connection.get_lines("/events")
        finally:
            thread.join(SECONDS)


def test_lines(tmp_path: Path) -> None:
    assert said(tmp_path, chunked(200, b'{"a": 1}\n{"b": 2}\n')) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "no length"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "no length"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200, "headers"),
        (plain(200, b"{"), "JSON"),
    ],
)
def test_what_is_no_engine(tmp_path: Path, answer: bytes, words: str) -> None:
    with pytest.raises(NotHttpError, match=words):
        said(tmp_path, answer)


@pytest.mark.parametrize("whole", [plain(200, b'{"a": 1}'), chunked(200, b'{"a": 1}')])
def test_an_answer_that_ends_too_early(tmp_path: Path, whole: bytes) -> None:
    for cut in range(len(whole) - len(b"Trailer: x\r\n\r\n0\r\n")):
        (tmp_path / str(cut)).mkdir()
        with pytest.raises((ConnectionResetError, NotHttpError)):
            said(tmp_path / str(cut), whole[:cut])


class Stranger:
    """Answers the first question with pieces, one after another, until it is cut off."""

    def __init__(self, path: Path, pieces: Iterator[bytes]) -> None:
        self.path = path
        self.pieces = pieces
        self.cut_off = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        with self.listener, self.listener.accept()[0] as accepted:
            accepted.recv(65536)
            try:
                for piece in self.pieces:
                    accepted.sendall(piece)
                    if self.cut_off.is_set():
                        return
            except OSError:
                return

    def ask(self, limit: float) -> object:
        try:
            with EngineConnection(EngineAddress(str(self.path)), limit) as connection:
                return connection.get("/version")
        finally:
            self.cut_off.set()
            self.thread.join(SECONDS)
            assert not self.thread.is_alive()


def endless(begin: bytes, piece: bytes) -> Iterator[bytes]:
    yield begin
    while True:
        yield piece


HEAD = b"HTTP/1.1 200 OK\r\n"
DROPS = {
    "head": (b"HT", b"T"),
    "headers": (HEAD + b"A: ", b"b"),
    "body": (HEAD + b"Content-Length: 100000\r\n\r\n[", b" "),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "patience": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


def until_a_limit(begin: bytes, drop: bytes, clock: Clock) -> Iterator[bytes]:
    """Drops that go on when the time for them is over."""
    yield begin
    for dummy in range(COUNT):
        yield drop
    clock.go_on()
    while True:
        yield drop


@pytest.mark.parametrize("kind", DROPS)
def test_who_sends_drop_by_drop_is_not_waited_for_longer(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = Stranger(tmp_path / "engine.sock", until_a_limit(*DROPS[kind], Clock(monkeypatch)))
    with pytest.raises(socket.timeout):
        stranger.ask(SECONDS)


def test_nobody_is_asked_when_the_time_for_all_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = Stranger(tmp_path / "engine.sock", until_a_limit(*DROPS["body"], Clock(monkeypatch)))
    with deadline(SECONDS), pytest.raises(socket.timeout):
        stranger.ask(2 * EVER)
    with deadline(0), pytest.raises(socket.timeout), EngineConnection(EngineAddress("/nowhere"), SECONDS) as asked:
        asked.get("/version")


FLOODS = {
    "body": (HEAD + b"Content-Length: 1000000000000\r\n\r\n[", b" " * 65536),
    "a length that nobody has": (HEAD + b"Content-Length: " + b"9" * 4000 + b"\r\n\r\n[", b" " * 65536),
    "chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffff\r\n", b" " * 65536),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"100\r\n" + b" " * 256 + b"\r\n"),
    "patience": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n" * 100),
    "until it closes": (b"HTTP/1.0 200 OK\r\n\r\n", b" " * 65536),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_who_never_ends_is_ended(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_api, "MOST_BYTES", 1 << 20)
    with pytest.raises(NotHttpError, match="more than 1 MiB"):
        Stranger(tmp_path / "engine.sock", endless(*FLOODS[kind])).ask(SECONDS)


@pytest.mark.parametrize("body", [b"[" * 200_000, b"\xff", b"9" * 5000 + b"x", b'{"a": NaN'])
def test_json_that_breaks_parsers(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(NotHttpError, match="not JSON"):
        said(tmp_path, plain(200, body))


def test_a_long_refusal_is_cut(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        said(tmp_path, plain(500, json.dumps({"message": "x" * 100_000}).encode()))
    assert len(str(caught.value)) == 2000
