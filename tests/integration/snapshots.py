# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the readers on a lab host, with the host's own Python and libraries."""

from __future__ import annotations

import functools
import hashlib
import io
import tarfile
from collections.abc import Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.lab.host import Host
from tests.lab.identity import ROOT

COLLECTION = "ansible_collections/dockernet/baseline"
PLACE = "/run/dockernet-readers"
PROGRAM = """
import sys
sys.path.insert(0, {place!r})
from ansible_collections.dockernet.baseline.plugins.module_utils._host import engine_api
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_whole import read_whole
engine_api.TIME_LIMIT = {limit}
print(read_whole(**{options!r}).to_json())
"""


def install_readers(host: Host) -> None:
    """Put the staged module_utils where any user of the host can import them, unless they are there."""
    unpack(host, PLACE, _packed())


def unpack(host: Host, place: str, packed: bytes) -> None:
    """Unpack a tar archive into a folder of its own, unless that is what it has; what Python compiled of it stays."""
    digest = hashlib.sha256(packed).hexdigest()
    if host.run(["cat", f"{place}/digest"], check=False).out == digest:
        return
    script = 'rm -rf "$1" && mkdir -p "$1" && tar -C "$1" -x && chmod -R go+rX "$1" && printf %s "$2" >"$1/digest"'
    host.run(["sh", "-c", script, "sh", place, digest], stdin=packed)


@functools.cache
def _packed() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(ROOT / ".build" / COLLECTION / "plugins/module_utils", f"{COLLECTION}/plugins/module_utils")
    return packed.getvalue()


def read_host(host: Host, *, prefix: Sequence[str] = (), limit: int = 20, **options: str) -> HostSnapshot:
    """The snapshot of a host; prefix: words before the program, options: arguments of read_whole()."""
    program = PROGRAM.format(place=PLACE, limit=limit, options=options)
    return load_snapshot(host.run([*prefix, "/usr/bin/python3", "-"], stdin=program).out)
