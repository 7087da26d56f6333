"""Questions to the daemon of a host over its own socket, at a small part of what its client program costs."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing
from typing import Any

from tests.lab.proc import LabError

SECONDS = 300.0


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self._path)


def ask(path: str, question: str) -> Any:
    """What the Engine API at the socket `path` answers to GET `question`. Raises LabError for no answer or an error."""
    with closing(_Connection(path)) as connection:
        try:
            connection.request("GET", question)
            answer = connection.getresponse()
            said = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise LabError(f"no answer to {question} from {path}: {error}") from error
    if answer.status != http.HTTPStatus.OK:
        raise LabError(f"status {answer.status} for {question} from {path}: {said.strip()}")
    return json.loads(said)
