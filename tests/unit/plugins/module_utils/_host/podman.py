"""A socket at which Podman's imitation of the Engine API answers, over real HTTP.

Answers as of Podman 4.9, cut to what is read (containers/podman pkg/api/handlers/compat: version.go, info.go).
"""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

VERSION = {
    "Platform": {"Name": "linux/amd64/debian-13"},
    "Components": [
        {"Name": "Podman Engine", "Version": "4.9.3", "Details": {"APIVersion": "4.9.3", "MinAPIVersion": "4.0.0"}},
        {"Name": "Conmon", "Version": "conmon version 2.1.10, commit: unknown"},
        {"Name": "OCI Runtime (crun)", "Version": "crun version 1.14.1"},
    ],
    "Version": "4.9.3",
    "ApiVersion": "1.41",
    "MinAPIVersion": "1.24",
}
INFO = {
    "ServerVersion": "4.9.3",
    "LiveRestoreEnabled": False,
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=default"],
    "Swarm": {"LocalNodeState": "inactive"},
    "DockerRootDir": "/var/lib/containers/storage",
    "DefaultRuntime": "crun",
}
NETWORK = {
    "Name": "podman",
    "Id": "2f259bab93aa" + "0" * 52,
    "Driver": "bridge",
}
ANSWERS = {"version": VERSION, "info": INFO, "networks": [NETWORK], "containers/json": []}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer whatever the version in the path, as Podman does."""
        name = re.sub(r"^/(v[0-9.]+/)?|[?].*$", "", self.path)
        text = json.dumps(ANSWERS.get(name, {"message": "not found"})).encode()
        self.send_response(200 if name in ANSWERS else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def address_string(self) -> str:
        """A unix socket has no peer to name."""
        return "unix"

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """Give the body the address of such a socket."""
    with _Server(str(path), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            thread.join()
