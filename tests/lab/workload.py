"""The workload image: busybox and a server that ends at once when it is told to."""

from __future__ import annotations

import hashlib
import io
import tarfile
from functools import lru_cache
from pathlib import Path

from tests.lab.proc import LabError

IMAGE = "dockernet/workload:1"
BUSYBOX = Path("/bin/busybox")
APPLETS = ("cat", "hostname", "httpd", "ip", "kill", "ls", "mkdir", "nc", "ping", "ps", "sh", "sleep", "udhcpc", "wget")

# busybox httpd ignores SIGTERM as process 1; the shell in front of it does not.
SERVE = """#!/bin/sh
# serve PORT...: an HTTP server on each port, whose answer names this container; without ports, just lives.
trap 'exit 0' TERM INT
for port in "$@"; do
    mkdir -p "/www/$port"
    echo "workload $(hostname) port $port" > "/www/$port/index.html"
    httpd -f -p "$port" -h "/www/$port" &
done
while :; do
    sleep 3600 &
    wait $!
done
"""


@lru_cache(maxsize=1)
def tarball() -> bytes:
    """The image's root file system, the same bytes for the same busybox."""
    if not BUSYBOX.exists():
        raise LabError(f"{BUSYBOX} is missing: install busybox-static")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for folder in ("bin", "etc", "proc", "sys", "dev", "tmp", "www"):
            _add(tar, folder, tarfile.DIRTYPE, 0o755)
        _add(tar, "bin/busybox", tarfile.REGTYPE, 0o755, BUSYBOX.read_bytes())
        _add(tar, "bin/serve", tarfile.REGTYPE, 0o755, SERVE.encode())
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return stream.getvalue()


@lru_cache(maxsize=1)
def digest() -> str:
    return hashlib.sha256(tarball()).hexdigest()[:12]


def _add(tar: tarfile.TarFile, name: str, kind: bytes, mode: int, data: bytes = b"") -> None:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size = kind, mode, len(data)
    tar.addfile(info, io.BytesIO(data))
