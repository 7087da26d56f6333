# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a whole host: where packets go, and what the audit alone asks besides."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import SECONDS, Run, run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.conntrack import read_conntrack
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import DEFAULT_SOCKET
from ansible_collections.dockernet.baseline.plugins.module_utils._host.managed_links import read_managed_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import (
    Fields,
    FurtherSource,
    Known,
    read_snapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_for_packets import FOR_PACKETS
from ansible_collections.dockernet.baseline.plugins.module_utils._model import snapshot as model


def read_whole(
    run: Run = run_command,
    docker_host: str = DEFAULT_SOCKET,
    config_path: Optional[str] = None,
    seconds: float = SECONDS,
) -> model.HostSnapshot:
    """Return the snapshot of this host with all sources, see read_snapshot()."""
    return read_snapshot(run, docker_host, config_path, seconds, _FOR_AUDIT)


def _managed_links(known: Known) -> Fields:
    return {"managed_links": known.beside(lambda: read_managed_links(known.run, known.processes(), known.names()))}


_FOR_AUDIT = (
    *FOR_PACKETS,
    FurtherSource(model.CONNTRACK, lambda known: {"conntrack": known.beside(read_conntrack)}),
    FurtherSource(model.MANAGED_LINKS, _managed_links),
)
