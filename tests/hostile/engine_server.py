"""An engine that says what a case makes it say: HTTP over a unix socket, byte by byte where that is the hostility."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Raw = Callable[[], Iterator[bytes]]
"""Makes the bytes of an answer, head and all, as they are to be sent."""


@dataclass
class Answer:
    """What is said to a GET of one path."""

    body: bytes = b"null"
    status: int = 200
    raw: Raw | None = None
    """In place of all that."""

    def parts(self) -> Iterator[bytes]:
        if self.raw is not None:
            yield from self.raw()
            return
        head = f"HTTP/1.1 {self.status} X\r\nContent-Type: application/json\r\nContent-Length: {len(self.body)}\r\n\r\n"
        yield head.encode() + self.body


def answer_of(data: Any) -> Answer:
    """The answer that says this, as Go writes it."""
    return Answer(json.dumps(data).encode("utf-8", "surrogatepass"))


class EngineServer:
    """Serves at a path until it is closed. Listens from its making on, and answers from start() on."""

    def __init__(self, path: Path, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(str(path))
        self._listening.listen(16)
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def inode(self) -> int:
        return int(Path(f"/proc/self/fd/{self._listening.fileno()}").stat().st_ino)

    def start(self) -> None:
        self._run(self._accept)

    def close(self) -> None:
        """End all threads; at once, since each looks for it between any two parts of an answer."""
        self._ended.set()
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _run(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                if select.select([self._listening], [], [], 0.02)[0]:
                    self._run(self._serve, self._listening.accept()[0])
            except (OSError, ValueError):
                return

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(0.05)
        with connection:
            try:
                while not self._ended.is_set():
                    path = self._request(connection)
                    if path is None or not self._say(connection, path):
                        return
            except OSError:
                return

    def _request(self, connection: socket.socket) -> str | None:
        head = b""
        while b"\r\n\r\n" not in head:
            if self._ended.is_set():
                return None
            try:
                part = connection.recv(1 << 16)
            except socket.timeout:
                continue
            if not part:
                return None
            head += part
        return head.split(b" ")[1].decode()

    def _say(self, connection: socket.socket, path: str) -> bool:
        """Whether more may follow on this connection."""
        answer = self.answers.get(plain(path), Answer(b'{"message": "no such thing"}', 404))
        for part in answer.parts():
            if self._ended.is_set():
                return False
            left = memoryview(part)
            while left:
                if self._ended.is_set():
                    return False
                with contextlib.suppress(socket.timeout):
                    left = left[connection.send(left) :]
        return answer.raw is None


def plain(path: str) -> str:
    """The path without the version of the API and the question's end."""
    words = urlsplit(path).path.split("/")
    return "/" + "/".join(words[2:] if words[1][:1] == "v" and words[1][1:2].isdigit() else words[1:])


def pause(seconds: float) -> bytes:
    """Nothing, after a while."""
    time.sleep(seconds)
    return b""
