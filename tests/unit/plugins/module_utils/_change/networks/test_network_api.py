# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of the engine, and what becomes of its answers."""

from __future__ import annotations

import json
import socketserver
import threading
import typing as t
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import (
    ApiProblem,
    EngineNetworks,
)

ANSWERS: dict[tuple[str, str], tuple[int, t.Any]] = {
    ("GET", "/version"): (200, {"ApiVersion": "1.41"}),
    ("GET", "/v1.41/networks"): (200, [{"Name": "a"}]),
    ("GET", "/v1.41/networks/a%2Fb"): (200, {"Name": "a/b"}),
    ("POST", "/v1.41/networks/create"): (201, {"Id": "0123", "Warning": ""}),
    ("POST", "/v1.41/networks/full/connect"): (403, {"message": "no available IPv4 addresses"}),
    ("POST", "/v1.41/networks/odd/connect"): (500, None),
    ("DELETE", "/v1.41/networks/0123"): (204, None),
}


class Engine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Answers as ANSWERS say, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self, path: str) -> None:
        super().__init__(path, Handler)
        self.asked: list[tuple[str, str, t.Any]] = []


class Handler(BaseHTTPRequestHandler):
    def address_string(self) -> str:
        return "client"

    def log_request(self, code: t.Any = "-", size: t.Any = "-") -> None:
        """Say nothing."""

    def answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        t.cast(Engine, self.server).asked.append((self.command, self.path, body))
        status, data = ANSWERS.get((self.command, self.path), (404, {"message": f"no such thing: {self.path}"}))
        text = b"" if data is None else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    # The names that http.server looks for.
    do_GET = do_POST = do_DELETE = answer  # noqa: N815


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(str(tmp_path / "docker.sock")) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def api(engine: Engine) -> EngineNetworks:
    return EngineNetworks(f"unix://{engine.server_address}")


def test_the_version_is_the_engines_own_and_names_are_quoted(api: EngineNetworks) -> None:
    assert api.networks() == [{"Name": "a"}]
    assert api.inspect("a/b") == {"Name": "a/b"}


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ({"ApiVersion": "1.41", "MinAPIVersion": "1.12"}, "1.41"),
        ({"ApiVersion": "1.52", "MinAPIVersion": "1.44"}, "1.51"),
        ({"ApiVersion": "1.60", "MinAPIVersion": "1.53"}, "1.53"),
    ],
)
def test_containers_are_asked_for_in_a_version_that_tells_their_mac(
    engine: Engine, api: EngineNetworks, monkeypatch: pytest.MonkeyPatch, told: dict[str, str], asked: str
) -> None:
    monkeypatch.setitem(ANSWERS, ("GET", "/version"), (200, told))
    monkeypatch.setitem(ANSWERS, ("GET", f"/v{asked}/containers/web/json"), (200, {"Name": "/web"}))
    assert api.inspect_container("web") == {"Name": "/web"}
    api.inspect("a")
    assert engine.asked[-1][1] == f"/v{told['ApiVersion']}/networks/a"


def test_what_is_not_there(api: EngineNetworks) -> None:
    assert api.inspect("gone") is None
    assert api.inspect_container("gone") is None
    with pytest.raises(ApiProblem, match="no such thing: ") as caught:
        api.remove("gone")
    assert caught.value.answered
    with pytest.raises(ApiProblem, match="no such thing: "):
        api.disconnect("gone", "web")


def test_a_body_goes_as_it_is_and_a_second_network_of_the_name_is_refused(engine: Engine, api: EngineNetworks) -> None:
    body = {"Name": "a", "Options": {"x": "y"}, "New": None}
    assert api.create(body) == "0123"
    assert engine.asked[-1] == ("POST", "/v1.41/networks/create", {"CheckDuplicate": True, **body})
    api.remove("0123")


def test_the_engines_own_words(api: EngineNetworks) -> None:
    with pytest.raises(ApiProblem, match=r"^no available IPv4 addresses$"):
        api.connect("full", "web", {})
    with pytest.raises(ApiProblem, match="answered with status 500"):
        api.connect("odd", "web", {})


def test_no_engine(tmp_path: Path) -> None:
    with pytest.raises(ApiProblem, match="nothing listens at unix:") as caught:
        EngineNetworks(f"unix://{tmp_path}/none.sock").networks()
    assert not caught.value.answered
